"""The head of the day: the journal's end as a kiosk signed it on one day, to be kept elsewhere.

Printed, mailed or sent with the journal itself, it proves later that nothing before it was changed:
whoever has it recomputes the chain and compares. It is recorded as an `audit` entry, so that
it reaches central too, and looks like any signed message.
"""

from msgspec import Struct

from sync.protocol.identity import Domain, PrivateKey
from sync.protocol.signed import Signed, sign, take_apart

ACTION = "head"
"""`action` of the audit entry that records one; its `detail` has `day` and `signed`."""


class DayHead(Struct, frozen=True, kw_only=True):
    """Entry `seq` of `epoch` had the hash `head` when this was signed.

    Attributes:
        day: the kiosk's own date then, `YYYY-MM-DD`; its clock was trusted to say what day it is.
        utc: milliseconds since 1970-01-01 UTC.
        key: fingerprint of the signing device key.
    """

    kiosk: str
    epoch: str
    seq: int
    head: str
    day: str
    utc: int
    key: str


def encode(head: DayHead, key: PrivateKey) -> bytes:
    """Return the signed message: two lines of text."""
    return sign(Domain.HEAD, head, key).rstrip(b"\n")


def decode(message: bytes) -> tuple[DayHead, Signed]:
    """Return what is said and the means to verify it. Raises Malformed."""
    signed = take_apart(Domain.HEAD, message + b"\n")
    return signed.read(DayHead), signed
