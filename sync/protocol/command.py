"""Command: what central asks of a kiosk."""

from enum import StrEnum

from msgspec import Struct

from sync.protocol.identity import Domain, PrivateKey
from sync.protocol.signed import Signed, sign, take_apart


class Verb(StrEnum):
    """What may be asked. A kiosk passes over a verb that it does not know."""

    HELLO = "hello"


class Command(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing asked of one kiosk.

    Attributes:
        central: central's epoch; a restored central commands under a new one.
        n: number within that epoch, rising. 0 marks what may be asked any number of times and
            leaves no trace: `hello`, with which a central that has just started asks everybody.
        expires: milliseconds since 1970-01-01 UTC after which it is void; 0 for never.
        verb: an open set on the wire; see `Verb`.
    """

    kiosk: str
    central: str
    verb: str
    key: str
    n: int = 0
    expires: int = 0
    args: dict[str, str] = {}


def encode(command: Command, key: PrivateKey) -> bytes:
    """Return the signed message."""
    return sign(Domain.COMMAND, command, key)


def decode(message: bytes) -> tuple[Command, Signed]:
    """Return what is asked and the means to verify it. Raises Malformed."""
    signed = take_apart(Domain.COMMAND, message)
    return signed.read(Command), signed
