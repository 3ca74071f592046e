"""Signatures for histories that run by the million: a digest instead of P-256, at its one door.

What a history looks for is what becomes of messages; whether P-256 holds is another question. A
real signature's length is not the same twice, so with `--p256` a history is not the same either.
"""

from hashlib import sha256

from sync.protocol.errors import Unverified
from sync.protocol.identity import Domain, PrivateKey, PublicKey

_known: dict[bytes, PublicKey] = {}


def sign(self: PrivateKey, domain: Domain, message: bytes) -> bytes:
    """Stand in for `PrivateKey.sign`: only who names the key knows what to write."""
    return sha256(self.public.der + domain.around(message)).digest()


def verify(self: PublicKey, domain: Domain, message: bytes, signature: bytes) -> None:
    """Stand in for `PublicKey.verify`."""
    if sha256(self.der + domain.around(message)).digest() != signature:
        raise Unverified(f"{domain.name.lower()}: not by key {self.fingerprint[:16]}")


def from_der(der: bytes) -> PublicKey:
    """Stand in for `PublicKey.from_der`: reading the same few keys again costs most of it."""
    if der not in _known:
        _known[der] = _read(der)
    return _known[der]


_read = PublicKey.from_der


def make_cheap() -> None:
    """Put them in place, in this process and for good."""
    PrivateKey.sign = sign  # type: ignore[method-assign]
    PublicKey.verify = verify  # type: ignore[method-assign]
    PublicKey.from_der = staticmethod(from_der)  # type: ignore[method-assign, assignment]
