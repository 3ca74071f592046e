"""A stick: messages that travel as a file, both ways, for an office that never gets a line.

    contents       signed: whose file it is, and the digest and name of every part
    000001.hello   the messages, byte for byte as the line carries them, unpacked
    000002.batch
    ...

in one ZIP file, so that any tool can look into it. Central's answer looks the same, with receipts
in it; it repeats the nonce of the file that it answers. A reader passes over parts of a kind that
it does not know.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import IO, Final, NamedTuple

from msgspec import Struct

from sync.protocol.batch import MAX_UNPACKED_BYTES
from sync.protocol.errors import Inconsistent, Malformed
from sync.protocol.identity import Domain, PrivateKey
from sync.protocol.signed import Signed, sign, take_apart

CONTENTS: Final = "contents"

MAX_CONTENTS_BYTES: Final = 64 * 1024 * 1024
"""Longest list of parts that is read: half a million of them."""

MAX_PART_BYTES: Final = MAX_UNPACKED_BYTES

# What zipfile raises for bytes that are no archive, or one of a kind that we never write.
_REFUSALS: Final = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError),
    *(KeyError, ValueError, NotImplementedError, RuntimeError),
)
_PACKED: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGED: Final = "it was cut short or damaged; copy it again from where it was made"


class Contents(Struct, frozen=True, kw_only=True):
    """Line 1 of `contents`; then the list: for each part its SHA-256, two spaces, its name.

    Attributes:
        kiosk: whose entries these are, or whom they answer.
        nonce: fresh for every file of a kiosk's; the answer repeats it.
        made: its maker's clock, milliseconds since 1970-01-01 UTC; for people.
        digest: SHA-256 of the list, hexadecimal.
        key: fingerprint of the signing key.
    """

    kiosk: str
    nonce: str
    made: int
    digest: str
    key: str


class Part(NamedTuple):
    """One message. `kind` is the last word of the topic on which the line would carry it."""

    kind: str
    message: bytes


class Stick:
    """A file that is being read: its list holds together; nothing is verified yet."""

    def __init__(self, archive: zipfile.ZipFile, signed: Signed) -> None:
        self.signed = signed
        self.contents = signed.read(Contents)
        self._archive = archive
        if sha256(signed.rest).hexdigest() != self.contents.digest:
            raise Inconsistent("stick: the list of its parts is not the one that was signed")

    def parts(self) -> Iterator[Part]:
        """Yield the parts in order; verify who signed the list before.

        Raises:
            Malformed: one is missing, damaged or too long.
            Inconsistent: one is not what was signed.
        """
        # Line by line: a stranger's list may have millions of them, each many times its own size.
        for line in io.BytesIO(self.signed.rest):
            digest, name = _listed(line)
            message = _read(self._archive, name, MAX_PART_BYTES)
            if sha256(message).hexdigest() != digest:
                raise Inconsistent(f"stick: {name} is not what was signed")
            yield Part(name.rpartition(".")[2], message)


def write(
    file: IO[bytes], domain: Domain, contents: Contents, parts: Iterable[Part], key: PrivateKey
) -> int:
    """Write a stick and return how many parts it has; `contents.digest` is filled in.

    `domain` is STICK for a kiosk's, ANSWER for central's. Raises OSError.
    """
    listed = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, part in enumerate(parts, 1):
            name = f"{number:06d}.{part.kind}"
            archive.writestr(name, part.message)
            listed.append(f"{sha256(part.message).hexdigest()}  {name}\n")
        rest = "".join(listed).encode()
        said = Contents(
            kiosk=contents.kiosk,
            nonce=contents.nonce,
            made=contents.made,
            digest=sha256(rest).hexdigest(),
            key=contents.key,
        )
        archive.writestr(CONTENTS, sign(domain, said, key, rest))
    return len(listed)


def read(file: IO[bytes], domain: Domain) -> Stick:
    """Return the stick in `file`, which must stay open while its parts are read.

    Raises Malformed, Inconsistent.
    """
    try:
        archive = zipfile.ZipFile(file)
    except _REFUSALS as error:
        raise Malformed(f"stick: {error}; {_DAMAGED}") from error
    return Stick(archive, take_apart(domain, _read(archive, CONTENTS, MAX_CONTENTS_BYTES)))


def _listed(line: bytes) -> tuple[str, str]:
    digest, spaces, name = line.decode("ascii", "replace").rstrip("\n").partition("  ")
    if not spaces:
        raise Malformed(f"stick: {name[:80]!r} lists no part")
    return digest, name


def _read(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Return a member of the archive. Raises Malformed."""
    try:
        if archive.getinfo(name).compress_type not in _PACKED:
            # zipfile unpacks other kinds without a limit: 600 bytes may become 600 MB.
            raise Malformed(f"stick: {name[:80]!r} is packed as no stick is")
        with archive.open(name) as member:
            content = member.read(most + 1)
    except _REFUSALS as error:
        raise Malformed(f"stick: {name[:80]!r}: {error}; {_DAMAGED}") from error
    if len(content) > most:
        raise Malformed(f"stick: {name[:80]!r} has more than {most} bytes")
    return content
