"""What a terminal keeps beside its record: people, their templates, a clock. For whoever may write.

A driver that offers it has a `store()`; a source that reads only does not. People are named by
their user id, never by the slot that one terminal happens to keep them in. Nothing here retries,
and nothing is written that is not read back.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from msgspec import Struct


class Privilege(StrEnum):
    """What somebody may do in a terminal's menu."""

    USER = "user"
    ENROLLER = "enroller"
    MANAGER = "manager"
    ADMIN = "admin"


class Secret(Struct, frozen=True):
    """Bytes that no message, log or entry may show: a password, a template."""

    octets: bytes = b""

    def __repr__(self) -> str:
        return f"Secret({len(self.octets)} bytes)"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self.octets)


class TerminalUser(Struct, frozen=True, kw_only=True):
    """Somebody whom a terminal knows.

    Attributes:
        user: the user id, as in a punch.
        name: as far as the terminal keeps it.
        card: card number, 0 for none.
        password: for the keypad.
    """

    user: str
    name: str = ""
    privilege: Privilege = Privilege.USER
    card: int = 0
    password: Secret = Secret()


class Template(Struct, frozen=True, kw_only=True):
    """One finger of somebody's, in the terminal's own format.

    Attributes:
        finger: 0 to 9.
        flag: 0 invalid, 1 valid, 3 under duress.
    """

    user: str
    finger: int
    octets: Secret
    flag: int = 1


class Known(Struct, frozen=True, kw_only=True):
    """Somebody, and the fingers to be written with them."""

    user: TerminalUser
    fingers: tuple[Template, ...] = ()


class Facts(Struct, frozen=True, kw_only=True):
    """What a terminal says of itself when it is tested; None where it does not say.

    Attributes:
        shown: its naive clock; None where that is no real date.
        state: what it is doing, in one word.
        finger_format: which templates it takes; only like goes to like. "" where not told.
    """

    shown: datetime | None = None
    users: int | None = None
    records: int | None = None
    capacity: int | None = None
    state: str | None = None
    finger_format: str = ""


@runtime_checkable
class Store(Protocol):
    """What may be asked of an open terminal. Every call may raise `drivers.errors.SourceError`."""

    def facts(self) -> Facts:
        """Return what the terminal says of itself."""

    def sound(self) -> None:
        """Have the terminal be heard, so that somebody in front of it knows which one it is."""

    def users(self) -> Sequence[TerminalUser]:
        """Return everybody whom the terminal knows."""

    def kept(self, name: str) -> str:
        """Return as much of a name as the terminal keeps."""

    def templates(self) -> Sequence[Template]:
        """Return every finger that the terminal knows."""

    def write(self, people: Sequence[Known]) -> None:
        """Make people known, or known anew, with these fingers beside those that they have."""

    def remove(self, *users: str) -> None:
        """Forget people, with their fingers; who is not there is no error."""

    def set_clock(self, shown: datetime) -> None:
        """Set the naive clock."""

    def restart(self) -> None:
        """Restart the terminal: it is gone for a minute, and the source has to be opened anew."""

    def set_comm_key(self, key: int) -> None:
        """Set the key that the next connection must bring."""


@runtime_checkable
class HasStore(Protocol):
    """A source whose terminal may be written to."""

    def store(self) -> Store:
        """Return the open terminal's store."""
