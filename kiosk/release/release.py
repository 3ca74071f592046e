"""What a release says of itself, signed by whoever publishes it. Pure.

    line 1   the release: version, machine, schemas, and the digest of the listing
    line 2   the signature over line 1
    rest     the listing: SHA-256, size and path of every file, a line each

It stands first in a bundle, and stays with the release that is installed from it.
"""

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta, Struct, structs

from sync.protocol.errors import Malformed, Unverified
from sync.protocol.identity import Domain, PrivateKey, PublicKey
from sync.protocol.signed import sign, take_apart

FILE: Final = "RELEASE"
"""What the signed word is called, in a bundle and in an installed release."""

FILES_MOST: Final = 20_000
LISTING_MOST_BYTES: Final = 4 << 20
BYTES_MOST: Final = 1 << 30
"""Larger than any release with a camera's libraries: 400 MB."""

_VERSION: Final = re.compile(r"([0-9]{1,6})\.([0-9]{1,6})\.([0-9]{1,6})")
_LINE: Final = re.compile(r"([0-9a-f]{64}) ([0-9]{1,10}) (\S(?:.*\S)?)")
_TOP: Final = frozenset({"lib", "share"})
"""Where a release's files are; programs are made where it is installed."""


class Version(NamedTuple):
    """A release's version: later ones are greater."""

    major: int
    minor: int
    patch: int

    @classmethod
    def read(cls, text: str) -> "Version":
        """Raises Malformed if it is not three numbers."""
        found = _VERSION.fullmatch(text)
        if found is None:
            raise Malformed(f"release: {text!r} is no version; three numbers are, as in 0.2.0")
        return cls(*map(int, found.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


class Release(Struct, frozen=True, kw_only=True):
    """Line 1.

    Attributes:
        version: three numbers.
        architecture: Debian's word for the machine: arm64, amd64.
        python: the Python that its packages are built for, as in 3.11.
        journal, vault: the schemas that it writes; an older release cannot read a newer one.
        bytes: of all files together.
        digest: SHA-256 of the listing, in hexadecimal.
        key: fingerprint of the publisher's key; "" for a release that came in a package.
    """

    version: str
    architecture: Annotated[str, Meta(pattern=r"^[a-z0-9]{2,16}$")]
    python: Annotated[str, Meta(pattern=r"^3\.[0-9]{1,2}$")]
    journal: Annotated[int, Meta(ge=1)]
    vault: Annotated[int, Meta(ge=1)]
    bytes: Annotated[int, Meta(ge=0, le=BYTES_MOST)] = 0
    digest: str = ""
    key: str = ""


class Listed(NamedTuple):
    """One file of a release: its path below the release's directory, and its content's digest."""

    path: str
    size: int
    sha256: str


def listing(files: Iterable[Listed]) -> bytes:
    """Return the listing of `files`, sorted by path."""
    lines = (f"{one.sha256} {one.size} {one.path}\n" for one in sorted(files))
    return "".join(lines).encode()


def read_listing(text: bytes) -> list[Listed]:
    """Return the files of a listing.

    Raises Malformed if it is too long, has a path twice, or one that leads out of a release.
    """
    if len(text) > LISTING_MOST_BYTES:
        raise Malformed(f"release: a listing of more than {LISTING_MOST_BYTES} bytes")
    try:
        lines = text.decode().splitlines()
    except UnicodeDecodeError as error:
        raise Malformed(f"release: the listing is not UTF-8: {error}") from error
    found: dict[str, Listed] = {}
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            raise Malformed(f"release: {line[:80]!r} is no line of a listing")
        digest, size, path = match.groups()
        if path in found or not _is_inside(path):
            raise Malformed(f"release: {path!r} is listed twice, or is no place for a file")
        found[path] = Listed(path, int(size), digest)
    if not 0 < len(found) <= FILES_MOST:
        raise Malformed(f"release: {len(found)} files; 1 to {FILES_MOST} are expected")
    return list(found.values())


def publish(said: Release, files: Sequence[Listed], key: PrivateKey | None) -> bytes:
    """Return the word for `files`, signed; what `said` has of them is filled in.

    Without a key it is for a package, which has been signed by other means.
    """
    text = listing(files)
    whole = structs.replace(
        said,
        bytes=sum(one.size for one in files),
        digest=sha256(text).hexdigest(),
        key="" if key is None else key.public.fingerprint,
    )
    if key is None:
        return b"\n\n".join((msgspec.json.encode(whole), text))
    return sign(Domain.RELEASE, whole, key, text)


def read_unverified(message: bytes) -> tuple[Release, list[Listed]]:
    """Return what the word of an installed release says, whoever said it. Raises Malformed."""
    signed = take_apart(Domain.RELEASE, message)
    said = signed.read(Release)
    Version.read(said.version)
    if sha256(signed.rest).hexdigest() != said.digest:
        raise Malformed("release: the listing is not the one that was signed; copy the file again")
    files = read_listing(signed.rest)
    if sum(one.size for one in files) != said.bytes:
        raise Malformed("release: its files are not as long as it says")
    return said, files


def read(message: bytes, keys: Sequence[PublicKey]) -> tuple[Release, list[Listed]]:
    """Return a release and its files, if one of `keys` has signed it.

    Raises:
        Unverified: none has.
        Malformed: it is no signed release, or contradicts itself.
    """
    signed = take_apart(Domain.RELEASE, message)
    said = signed.read(Release)
    by = next((key for key in keys if key.fingerprint == said.key), None)
    if by is None:
        known = ", ".join(key.fingerprint[:16] for key in keys) or "none"
        raise Unverified(
            f"release: signed by key {said.key[:16]}, and this kiosk trusts {known}; put the "
            "publisher's public key into release-keys, if it is the right one"
        )
    signed.verify(by)
    return read_unverified(message)


def _is_inside(path: str) -> bool:
    """Return whether `path` is a plain one below `lib` or `share`."""
    parts = PurePosixPath(path).parts
    plain = "/".join(parts) == path and ".." not in parts and "\0" not in path
    return plain and len(parts) > 1 and parts[0] in _TOP
