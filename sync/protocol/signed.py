"""How a signed message looks: two lines, then whatever the first line speaks for.

    line 1   a JSON object; it names the signing key by fingerprint in `key`
    line 2   the signature over `domain NUL line 1`, base64
    rest     bytes that line 1 commits to by hash, or nothing

The signature is over line 1's exact bytes: a receiver verifies what arrived, never what it
would have written itself.
"""

import base64
import binascii
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from sync.protocol.errors import Malformed
from sync.protocol.identity import Domain, PrivateKey, PublicKey

MAX_HEADER_BYTES: Final = 4096
"""Longest first line of a signed message, bytes."""

_MAX_SIGNATURE_BYTES: Final = 128  # a DER P-256 signature is at most 72 bytes, 96 in base64

MAX_SIGNED_BYTES: Final = MAX_HEADER_BYTES + _MAX_SIGNATURE_BYTES + 2
"""Most bytes before the rest, bytes."""

T = TypeVar("T", bound=Struct)


class Signed(Struct, frozen=True):
    """A message as it arrived, taken apart, not yet verified."""

    domain: Domain
    header: bytes
    signature: bytes
    rest: bytes

    @property
    def lines(self) -> bytes:
        """Return lines 1 and 2, which can be verified without the rest."""
        return self.header + b"\n" + base64.b64encode(self.signature)

    def verify(self, key: PublicKey) -> None:
        """Raises Unverified if line 1 was not signed by `key` in this domain."""
        key.verify(self.domain, self.header, self.signature)

    def read(self, form: type[T]) -> T:
        """Return line 1 as a `form`. Raises Malformed."""
        try:
            return msgspec.json.decode(self.header, type=form)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Malformed(f"{self.domain.name.lower()}: {error}") from error


def sign(domain: Domain, header: Struct, key: PrivateKey, rest: bytes = b"") -> bytes:
    """Return the message: `header` as line 1, its signature by `key`, `rest`."""
    line = msgspec.json.encode(header)
    return b"\n".join((line, base64.b64encode(key.sign(domain, line)), rest))


def take_apart(domain: Domain, message: bytes) -> Signed:
    """Return the parts of `message`. Raises Malformed."""
    name = domain.name.lower()
    header, newline, after = message.partition(b"\n")
    if not newline or len(header) > MAX_HEADER_BYTES:
        raise Malformed(f"{name}: no first line within {MAX_HEADER_BYTES} bytes")
    line, newline, rest = after.partition(b"\n")
    if not newline or len(line) > _MAX_SIGNATURE_BYTES:
        raise Malformed(f"{name}: no signature line after the first")
    try:
        signature = base64.b64decode(line, validate=True)
    except binascii.Error as error:
        raise Malformed(f"{name}: the signature line is not base64: {error}") from error
    return Signed(domain, header, signature, rest)
