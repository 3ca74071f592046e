"""Batch: consecutive entries on their way to central.

    line 1   {kiosk, epoch, first, last, prev, head, nonce, key}
    line 2   signature over line 1
    then     the entries' exact bytes, one per line

`head` commits to every byte of the entries through the chain, so signing line 1 signs them all.
The whole message may be packed; the MQTT user property `encoding` says how.
"""

import zlib
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

from sync.protocol import chain
from sync.protocol.entry import MAX_BODY_BYTES
from sync.protocol.errors import Inconsistent, Malformed
from sync.protocol.identity import Domain, PrivateKey
from sync.protocol.signed import MAX_SIGNED_BYTES, Signed, sign, take_apart

MAX_ENTRIES: Final = 500
"""Most entries in one batch."""

MAX_SENT_BYTES: Final = 192 * 1024
"""Most bytes of entries that a kiosk puts into one batch, unpacked; well below what is refused."""

MAX_UNPACKED_BYTES: Final = 256 * 1024
"""A message that unpacks to more is refused: central's memory is not the sender's to spend."""

PACK_FROM_BYTES: Final = 400
"""Shorter messages are not packed: zlib wins nothing on a single entry (measured 195 -> 162)."""


class Encoding(StrEnum):
    """How a batch is packed: the value of the MQTT user property `encoding`."""

    PLAIN = "plain"
    ZLIB = "zlib"


class BatchHeader(Struct, frozen=True, kw_only=True):
    """Line 1 of a batch.

    Attributes:
        first, last: the entries' seq, both included.
        prev: hash of entry `first - 1` (the genesis for first = 1), hexadecimal.
        head: hash of entry `last`, hexadecimal.
        nonce: of the hello under which it is sent; on a stick, the file's.
        key: fingerprint of the signing key.
    """

    kiosk: str
    epoch: str
    first: int
    last: int
    prev: str
    head: str
    nonce: str
    key: str


class Batch(Struct, frozen=True):
    """A batch as it arrived, whole in itself: count, sizes and chain agree. Not yet verified."""

    header: BatchHeader
    signed: Signed
    bodies: Sequence[bytes]
    hashes: Sequence[bytes]


def encode(header: BatchHeader, bodies: Sequence[bytes], key: PrivateKey) -> bytes:
    """Return the signed message, unpacked."""
    return sign(Domain.BATCH, header, key, b"\n".join(bodies))


def decode(message: bytes) -> Batch:
    """Return the batch, its chain recomputed from its own `prev`.

    Raises:
        Malformed: not the format, or a body that is empty or too long.
        Inconsistent: the entries are not those that line 1 speaks for.
    """
    signed = take_apart(Domain.BATCH, message)
    header = signed.read(BatchHeader)
    count = header.last - header.first + 1
    if header.first < 1 or not 1 <= count <= MAX_ENTRIES:
        raise Malformed(
            f"batch: entries {header.first} to {header.last}; "
            f"a batch holds 1 to {MAX_ENTRIES}, counted from 1"
        )
    bodies = signed.rest.split(b"\n")
    if len(bodies) != count:
        raise Inconsistent(f"batch: {count} entries announced, {len(bodies)} in it")
    if not all(0 < len(body) <= MAX_BODY_BYTES for body in bodies):
        raise Malformed(f"batch: a body is empty or longer than {MAX_BODY_BYTES} bytes")
    hashes = list(chain.walk(read_hash(header.prev), bodies))
    if hashes[-1] != read_hash(header.head):
        raise Inconsistent(
            f"batch {header.first} to {header.last}: its entries lead to "
            f"{hashes[-1].hex()[:16]}, its head is {header.head[:16]}"
        )
    return Batch(header, signed, bodies, hashes)


def entries_in(payload_bytes: int) -> int:
    """Return how many bytes of entries certainly fit into a payload, whatever zlib makes of them.

    Each entry's line feed is counted by its being one of at most `MAX_ENTRIES`.
    """
    return payload_bytes - MAX_SIGNED_BYTES - MAX_ENTRIES - payload_bytes // 1000


def read_hash(text: str) -> bytes:
    """Return the bytes of a hexadecimal hash. Raises Malformed."""
    try:
        value = bytes.fromhex(text)
    except ValueError as error:
        raise Malformed(f"not a hexadecimal hash: {text[:80]!r}") from error
    if len(value) != chain.HASH_BYTES:
        raise Malformed(f"a hash has {chain.HASH_BYTES} bytes, not {len(value)}: {text[:80]!r}")
    return value


def pack(message: bytes) -> tuple[bytes, Encoding]:
    """Return `message` as it travels, and how it was packed."""
    if len(message) < PACK_FROM_BYTES:
        return message, Encoding.PLAIN
    return zlib.compress(message, 6), Encoding.ZLIB


def unpack(payload: bytes, encoding: str) -> bytes:
    """Return the message. Raises Malformed for an unknown encoding or more than may be unpacked."""
    if encoding == Encoding.PLAIN:
        message, whole = payload[: MAX_UNPACKED_BYTES + 1], True
    elif encoding == Encoding.ZLIB:
        inflater = zlib.decompressobj()
        try:
            message = inflater.decompress(payload, MAX_UNPACKED_BYTES + 1)
        except zlib.error as error:
            raise Malformed(f"batch: {error}") from error
        whole = inflater.eof
    else:
        raise Malformed(f"batch: encoding {encoding[:40]!r} is not one of plain, zlib")
    if len(message) > MAX_UNPACKED_BYTES:
        raise Malformed(f"batch: unpacks to more than {MAX_UNPACKED_BYTES} bytes")
    if not whole:
        raise Malformed("batch: the packed bytes end too early")
    return message
