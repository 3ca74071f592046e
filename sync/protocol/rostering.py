"""How a roster travels: a manifest and its pages, each signed by central and sealed to the kiosk.

    line 1   {kiosk, version, part, nonce, sealed, key}
    line 2   signature over line 1
    then     HPKE (RFC 9180, base mode, P-256, HKDF-SHA256, AES-256-GCM) of a zlib stream of the
             manifest or of a page; info is the domain, a NUL, the kiosk

A page is a part of a `Roster`; the roster is all of them together. Central sends those that the
kiosk's version has not. Whoever has every page that the manifest names has the whole roster: what
is complete can be proved, and what is not is never adopted.
"""

import re
import zlib
from collections.abc import Iterable, Sequence
from enum import StrEnum
from hashlib import sha256
from itertools import chain
from typing import Final

import msgspec
from msgspec import Raw, Struct

from sync.protocol.errors import Inconsistent, Malformed
from sync.protocol.identity import Domain, PrivateKey, PublicKey
from sync.protocol.roster import Roster
from sync.protocol.signed import Signed, sign, take_apart

PAGE_BYTES: Final = 24 * 1024
"""Most bytes that central puts into a page, unpacked: packed it fits the smallest broker's packet
(16 KiB), and somebody's change costs a slow line little.
"""

MAX_PAGE_BYTES: Final = 256 * 1024
"""A page or manifest that unpacks to more is refused."""

MAX_PAGES: Final = 2048
"""A hundred megabytes: no kiosk serves so many people."""


_PAGE: Final = re.compile("[0-9a-f]{64}")


class Part(StrEnum):
    """What is sealed. Which page it is, line 1 does not say: who guesses one is not told so."""

    MANIFEST = "manifest"
    PAGE = "page"


class RosterPart(Struct, frozen=True, kw_only=True):
    """Line 1.

    Attributes:
        version: of the roster that this is a part of.
        nonce: of the hello that this answers; on a stick, the file's.
        sealed: SHA-256 of everything after line 2, hexadecimal.
        key: fingerprint of central's signing key.
    """

    kiosk: str
    version: int
    part: Part
    nonce: str
    sealed: str
    key: str


class Manifest(Struct, frozen=True, kw_only=True):
    """What a version is made of.

    Attributes:
        pages: SHA-256 of every page, hexadecimal.
    """

    version: int
    pages: Sequence[str]


def digest(page: bytes) -> str:
    """Return the name of a page."""
    return sha256(page).hexdigest()


def encode(part: RosterPart, plain: bytes, to: PublicKey, key: PrivateKey) -> bytes:
    """Return the signed message; `part.sealed` is filled in."""
    sealed = to.seal(Domain.ROSTER.around(part.kiosk.encode()), zlib.compress(plain, 6))
    said = msgspec.structs.replace(part, sealed=sha256(sealed).hexdigest())
    return sign(Domain.ROSTER, said, key, sealed)


def encode_manifest(manifest: Manifest) -> bytes:
    """Return its plain bytes."""
    return msgspec.json.encode(manifest)


def decode(message: bytes) -> tuple[RosterPart, Signed]:
    """Return what is said and the means to verify it. Raises ProtocolError."""
    signed = take_apart(Domain.ROSTER, message)
    part = signed.read(RosterPart)
    if sha256(signed.rest).hexdigest() != part.sealed:
        raise Inconsistent("roster: what is sealed is not what was signed")
    return part, signed


def unseal(part: RosterPart, signed: Signed, key: PrivateKey) -> bytes:
    """Return the plain manifest or page; verify who signed it before.

    Raises Malformed: it was not sealed to `key`, or is too long.
    """
    packed = key.open(Domain.ROSTER.around(part.kiosk.encode()), signed.rest)
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(packed, MAX_PAGE_BYTES)
    except zlib.error as error:
        raise Malformed(f"roster: {error}") from error
    if not inflater.eof:
        raise Malformed(f"roster: a page has more than {MAX_PAGE_BYTES} bytes, or is cut short")
    return plain


def decode_manifest(plain: bytes) -> Manifest:
    """Return the manifest. Raises Malformed."""
    try:
        manifest = msgspec.json.decode(plain, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"roster: manifest: {error}") from error
    if not all(map(_PAGE.fullmatch, manifest.pages)):  # they name files as well
        raise Malformed("roster: manifest: a page is not named by its SHA-256")
    if len(manifest.pages) > MAX_PAGES:
        raise Malformed(f"roster: {len(manifest.pages)} pages; at most {MAX_PAGES}")
    return manifest


def decode_page(plain: bytes) -> Roster:
    """Return a page as the part of a roster that it is. Raises Malformed."""
    try:
        return msgspec.json.decode(plain, type=Roster)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"roster: page: {error}") from error


def together(version: int, pages: Iterable[Roster]) -> tuple[Roster, Sequence[Raw]]:
    """Return the roster that pages make, and each one's part of the rule book, unread."""
    parts = list(pages)
    whole = Roster(
        version=version,
        units=tuple(chain.from_iterable(one.units for one in parts)),
        people=tuple(chain.from_iterable(one.people for one in parts)),
        members=tuple(chain.from_iterable(one.members for one in parts)),
        known=tuple(chain.from_iterable(one.known for one in parts)),
        grants=tuple(chain.from_iterable(one.grants for one in parts)),
    )
    return whole, [one.worktime for one in parts]
