"""The hash chain: why an entry cannot be changed, removed or slipped in unnoticed.

    genesis = SHA-256("presensi/v1" NUL kiosk NUL epoch NUL device public key)
    hash(n) = SHA-256(hash(n-1) || SHA-256(body(n)))

The body is hashed first, by itself: a body may be destroyed after its legal retention, or withheld
from an extract, and the chain still verifies from the digest that is left in its place.
These two lines can never change for an epoch that has begun.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
"""Length of every hash in a chain: SHA-256."""

_GENESIS_PREFIX: Final = b"presensi/v1"


def genesis(kiosk: str, epoch: str, public_key: bytes) -> bytes:
    """Return the hash that stands before entry 1.

    `public_key` is the DER SubjectPublicKeyInfo of the key that the epoch began under.
    """
    return sha256(
        b"\0".join((_GENESIS_PREFIX, kiosk.encode(), epoch.encode(), public_key))
    ).digest()


def digest(body: bytes) -> bytes:
    """Return what stands for a body in the chain."""
    return sha256(body).digest()


def link(previous: bytes, body: bytes) -> bytes:
    """Return the hash of the entry `body` that follows the entry with hash `previous`."""
    return join(previous, digest(body))


def join(previous: bytes, standing: bytes) -> bytes:
    """Return the hash of the entry for whose body the digest `standing` stands."""
    return sha256(previous + standing).digest()


def walk(previous: bytes, bodies: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the hash of each of `bodies` in turn, the first one following `previous`."""
    for body in bodies:
        previous = link(previous, body)
        yield previous
