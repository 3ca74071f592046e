"""The file that comes on a stick: a tar, packed by xz, whose first member is the signed word.

It is read once, from front to back. Before a file is written it is known who signed for it; none is
run before all are there as they were signed.
"""

import io
import lzma
import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, Final

from kiosk.release.errors import Failed, Refused
from kiosk.release.release import FILE, LISTING_MOST_BYTES, Listed, Release, read
from sync.protocol.errors import ProtocolError
from sync.protocol.identity import PublicKey
from sync.protocol.signed import MAX_SIGNED_BYTES

SUFFIX: Final = ".release"

_PIECE: Final = 1 << 20
_PRESET: Final = 6


def listed(tree: Path) -> list[Listed]:
    """Return what a release's directory holds, all but what is made where it is installed."""
    found = []
    for top in ("lib", "share"):
        for path in sorted((tree / top).rglob("*")):
            if path.is_file():
                digest = sha256(path.read_bytes()).hexdigest()
                found.append(Listed(f"{path.relative_to(tree)}", path.stat().st_size, digest))
    return found


def pack(
    tree: Path, word: bytes, files: list[Listed], out: Path, mtime: int = 0, preset: int = _PRESET
) -> None:
    """Write the bundle of a release's directory and its signed word. Raises OSError."""
    with (
        lzma.open(out, "wb", preset=preset) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        _add(tar, FILE, io.BytesIO(word), len(word), mtime)
        for one in sorted(files):
            with (tree / one.path).open("rb") as content:
                _add(tar, one.path, content, one.size, mtime)


def _add(tar: tarfile.TarFile, name: str, content: IO[bytes], size: int, mtime: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, mtime, 0o644
    tar.addfile(member, content)


def unpack(
    bundle: Path,
    keys: list[PublicKey],
    accept: Callable[[Release], Path],
) -> Release:
    """Put the files of a bundle, with its signed word, where `accept` says.

    `accept` is given what was signed, and refuses by raising; nothing is written before.

    Raises:
        Refused: it is not signed by one of `keys`, damaged, or holds what was not signed.
        Failed: it, or the place, cannot be read or written.
    """
    with _said_of(bundle), tarfile.open(bundle, "r|xz") as tar:
        first = tar.next()
        if first is None or first.name != FILE or not first.isreg():
            raise Refused(f"{bundle}: no release is in it; is it the right file?")
        if first.size > MAX_SIGNED_BYTES + LISTING_MOST_BYTES:
            raise Refused(f"{bundle}: its signed word is too long; is it the right file?")
        word = _whole(tar, first)
        said, files = read(word, keys)
        place = accept(said)
        awaited = {one.path: one for one in files}
        while (member := tar.next()) is not None:
            one = awaited.pop(member.name, None)
            if one is None or not member.isreg() or member.size != one.size:
                raise Refused(f"{bundle}: {member.name!r} in it is not as signed; copy it again")
            _write(tar, member, one, place / one.path, bundle)
        if awaited:
            raise Refused(
                f"{bundle}: {len(awaited)} files are missing, {min(awaited)} for one; copy it again"
            )
        (place / FILE).write_bytes(word)
        os.sync()  # 3,000 files: one after the other takes minutes on a card
    return said


@contextmanager
def _said_of(bundle: Path) -> Iterator[None]:
    """Say what tar, xz and the disk refuse in our words."""
    try:
        yield
    except (tarfile.TarError, lzma.LZMAError, EOFError) as error:
        raise Refused(f"{bundle}: damaged or cut short ({error}); copy it again") from error
    except ProtocolError as error:
        raise Refused(f"{bundle}: {error}") from error
    except OSError as error:
        where, why = error.filename or bundle, error.strerror or error
        raise Failed(f"{where}: {why}; free some space, or look at the medium") from error


def _whole(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    content = tar.extractfile(member)
    assert content is not None  # noqa: S101 - it is a regular file
    return content.read()


def _write(
    tar: tarfile.TarFile, member: tarfile.TarInfo, one: Listed, to: Path, bundle: Path
) -> None:
    content = tar.extractfile(member)
    assert content is not None  # noqa: S101 - the caller has looked
    digest = sha256()
    to.parent.mkdir(parents=True, exist_ok=True)
    with to.open("xb") as file:
        while piece := content.read(_PIECE):
            digest.update(piece)
            file.write(piece)
    if digest.hexdigest() != one.sha256:
        raise Refused(f"{bundle}: {one.path} in it is not what was signed; copy it again")


def differs(tree: Path, files: list[Listed]) -> list[str]:
    """Return which files of an installed release are not as signed, are missing, or are more."""
    found = {one.path: one for one in listed(tree)}
    return sorted(
        {one.path for one in files if found.get(one.path) != one}
        | (found.keys() - {one.path for one in files})
    )
