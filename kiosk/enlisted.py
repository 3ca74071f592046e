"""What is remembered of a terminal's users: committed with the entries that say what was done.

Nothing in it is secret: user ids, and the names that the terminal shows to everybody.
"""

from collections.abc import Mapping
from typing import Self

import msgspec
from msgspec import Struct

from kiosk.enlist import Holder


class Begun(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page that is being done: on disk before the terminal is touched.

    Attributes:
        holders: for each number of the page, whose it is, and under which name it was written.
        fresh: the numbers that must have no finger.
        told: whether an entry tells of it already; what it has written is not proved then.
    """

    actor: str
    action: str
    holders: Mapping[str, Holder]
    fresh: frozenset[str] = frozenset()
    told: bool = False


class Enlisted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who a terminal's users are, and how they were last found to differ from the roster.

    Attributes:
        serial: the terminal; of another one nothing of this holds.
        holders: by user id, who is known to be whose.
        roster: the version to which they were last brought as far as may be.
        measured: when they were last compared, milliseconds UTC; 0 for never.
        counts: how many differences there were then, by kind.
        told: digest of the differences that an entry has told of last.
        begun: what was begun there and has not been seen to its end.
    """

    serial: str = ""
    holders: Mapping[str, Holder] = {}
    roster: int = 0
    measured: int = 0
    counts: Mapping[str, int] = {}
    told: str = ""
    begun: Begun | None = None

    def of(self, serial: str) -> Self:
        """Return what is remembered of terminal `serial`: nothing, if it is another."""
        return self if serial == self.serial else type(self)(serial=serial)


def place(source: str) -> str:
    """Return the name of the position under which this stands; no source may have it."""
    return f".users {source}"


def encode(enlisted: Enlisted) -> bytes:
    """Return the bytes that `decode` takes."""
    return msgspec.json.encode(enlisted)


def decode(value: bytes | None) -> Enlisted:
    """Return what was remembered; where that is nothing, or nothing readable, nothing."""
    if value is None:
        return Enlisted()
    try:
        return msgspec.json.decode(value, type=Enlisted)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Enlisted()
