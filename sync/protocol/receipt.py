"""Receipt: central's signed word that entries are in its database."""

from collections.abc import Sequence

from msgspec import Struct

from sync.protocol.identity import Domain, PrivateKey
from sync.protocol.signed import Signed, sign, take_apart


class Receipt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Durably stored: every entry of (kiosk, epoch) up to `through`, whose hash is `head`.

    Attributes:
        through: end of the contiguous, linked prefix that central holds; 0 for nothing.
        head: hash of entry `through`, hexadecimal; the genesis for 0.
        nonce: of the hello that this answers, or under which the answered batch was sent.
        utc: central's clock when it signed, milliseconds since 1970-01-01 UTC.
        key: fingerprint of central's signing key.
        lost: in the answer to a hello, the latest ranges (first, last) of this epoch that central
            has given up, because a hello said that the kiosk holds them no longer.
    """

    kiosk: str
    epoch: str
    through: int
    head: str
    nonce: str
    utc: int
    key: str
    lost: Sequence[tuple[int, int]] = ()


def encode(receipt: Receipt, key: PrivateKey) -> bytes:
    """Return the signed message."""
    return sign(Domain.RECEIPT, receipt, key)


def decode(message: bytes) -> tuple[Receipt, Signed]:
    """Return what is said and the means to verify it. Raises Malformed."""
    signed = take_apart(Domain.RECEIPT, message)
    return signed.read(Receipt), signed
