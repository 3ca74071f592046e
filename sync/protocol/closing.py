"""A closed month: what a recap was when it was closed, and what became different since, signed.

    line 1   a `ClosingHead`; line 2 its signature in domain `presensi-closing-v1` (`signed.py`)
    rest     zlib of the content: JSON, its keys in order, whose SHA-256 line 1 has

Number 0 froze the month. Each later one names the SHA-256 of the line 1 before it: whoever has the
last one knows whether all are there. What the content says is docs/AUDIT.md's.
"""

import zlib
from hashlib import sha256
from typing import Final

from msgspec import Struct

from sync.protocol.errors import Inconsistent, Malformed
from sync.protocol.identity import Domain, PrivateKey
from sync.protocol.signed import Signed, sign, take_apart

MOST_BYTES: Final = 64 << 20
"""Longest content, bytes; a month of 2,404 people's duties takes 25 MiB before it is packed."""

_LEVEL: Final = 9


class Closes(Struct, frozen=True, kw_only=True):
    """What a message is about.

    Attributes:
        month: `2026-11`.
        number: 0 for the frozen recap, rising by 1 with each difference.
        utc: when it was signed, milliseconds since 1970-01-01 UTC.
        previous: `digest` of the one before it; "" for number 0.
    """

    unit: str
    month: str
    number: int
    utc: int
    previous: str


class ClosingHead(Struct, frozen=True, kw_only=True):
    """Line 1: as `Closes`, and what it speaks for.

    Attributes:
        sha256, size: of the content, not packed.
        key: fingerprint of central's signing key.
    """

    unit: str
    month: str
    number: int
    utc: int
    previous: str
    sha256: str
    size: int
    key: str


class Closing(Struct, frozen=True):
    """A message as it was found, its content under its head. Not yet verified."""

    head: ClosingHead
    signed: Signed
    content: bytes

    @property
    def digest(self) -> str:
        """Return what the next one names as `previous`."""
        return sha256(self.signed.header).hexdigest()


def encode(what: Closes, content: bytes, key: PrivateKey) -> bytes:
    """Return the signed message."""
    head = ClosingHead(
        unit=what.unit,
        month=what.month,
        number=what.number,
        utc=what.utc,
        previous=what.previous,
        sha256=sha256(content).hexdigest(),
        size=len(content),
        key=key.public.fingerprint,
    )
    return sign(Domain.CLOSING, head, key, zlib.compress(content, _LEVEL))


def decode(message: bytes) -> Closing:
    """Return what is said. Raises Malformed; Inconsistent: it is not the content of line 1."""
    signed = take_apart(Domain.CLOSING, message)
    head = signed.read(ClosingHead)
    if not 0 <= head.size <= MOST_BYTES:
        raise Malformed(f"closing: {head.size} bytes of content; at most {MOST_BYTES} are read")
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(signed.rest, head.size + 1)
    except zlib.error as error:
        raise Malformed(f"closing: its content cannot be unpacked: {error}") from error
    if not unpacker.eof or unpacker.unused_data or unpacker.unconsumed_tail:
        raise Malformed(f"closing {head.unit} {head.month}: more, or less, than its content")
    if len(content) != head.size or sha256(content).hexdigest() != head.sha256:
        raise Inconsistent(
            f"closing {head.unit} {head.month} {head.number}: its content is not what was signed"
        )
    return Closing(head, signed, content)
