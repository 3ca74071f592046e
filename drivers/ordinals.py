"""Which of several punches of one person in one second it is, by a clock that may be set back.

What has no clock of its own, a camera or a serial reader, is dated by the kiosk's, and person and
second make the origin: whoever punches again in a second that has been before must not be taken for
their earlier self. No I/O.
"""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec import Struct

LATEST_MOST: Final = 10_000
"""So many punches are remembered one by one: weeks of a large office."""


TURN: Final = 1_000
"""By so much the ordinals of a process differ from those of the one before it."""


class Position(Struct, frozen=True):
    """What is committed: no punch was dated after `through`; `turn` counts how often the past came
    again."""

    through: str = ""
    turn: int = 0


class Ordinals:
    """The ordinals of one source's punches."""

    def __init__(self, position: bytes | None, slack: timedelta) -> None:
        """`position` may be older than the last punch by `slack`, or another driver's."""
        kept = _read(position)
        self._turn = kept.turn + 1 if kept.through else 0
        self._doubted = ""
        if kept.through:
            self._doubted = (datetime.fromisoformat(kept.through) + slack).isoformat()
        self._through = kept.through
        self._given: OrderedDict[tuple[str, str], int] = OrderedDict()

    def of(self, user: str, time: str) -> int:
        """Return the ordinal of a punch at the naive time `time`."""
        first = 1 + TURN * self._turn if time <= self._doubted else 1
        ordinal = self._given.pop((user, time), first - 1) + 1
        self._given[user, time] = ordinal
        if len(self._given) > LATEST_MOST:
            self._given.popitem(last=False)
        return ordinal

    def position(self, through: str) -> bytes:
        """Return what is to be committed at the naive time `through`."""
        self._through = max(self._through, through)
        return msgspec.msgpack.encode(Position(self._through, self._turn))


def _read(position: bytes | None) -> Position:
    """Return what was committed; where that is nothing readable, a new camera's.

    A source may have been a terminal before, under the same name: its memory is no camera's.
    """
    if position is None:
        return Position()
    try:
        kept = msgspec.msgpack.decode(position, type=Position)
        if kept.through:
            datetime.fromisoformat(kept.through)
    except ValueError:  # a DecodeError is one
        return Position()
    return kept
