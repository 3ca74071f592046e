"""Slots: in which half of which duty a punch may count. No two of them share a millisecond.

Where the windows of two duties would overlap, they are cut in the middle of the time between the
duties, or as near to it as they overlap. A duty that is excused asks for no punch: its windows
give way to those of the others.
"""

from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple

from sync.worktime.duties import Duty


class Side(StrEnum):
    """Which part of a duty a slot is."""

    ARRIVAL = "masuk"
    BETWEEN = "di antara"  # arrivals have ended, departures not begun: it shows that one was there
    DEPARTURE = "pulang"


class Slot(NamedTuple):
    """From `begin` to `until`, that one excluded; empty if they are equal."""

    side: Side
    duty: Duty
    begin: int
    until: int


class Slots(NamedTuple):
    """Those of one duty, in order of time; each begins where the one before it ends."""

    arrival: Slot
    between: Slot
    departure: Slot


_LONG_AGO: Final = -(1 << 62)


def slots(duties: Sequence[Duty], excused: Sequence[bool]) -> list[Slots]:
    """Return the slots of duties that are in order of time; `excused` tells which of them are."""
    asked = _cut([duty for duty, free in zip(duties, excused, strict=True) if not free])
    if len(asked) == len(duties):
        return [_slots(duty, *span) for duty, span in zip(duties, asked, strict=True)]
    freed = _cut([duty for duty, free in zip(duties, excused, strict=True) if free])
    found: list[Slots] = []
    taken_until, ahead, spare = _LONG_AGO, deque(asked), iter(freed)
    for duty, free in zip(duties, excused, strict=True):
        if free:
            begin, until = next(spare)
            begin = max(begin, taken_until)
            until = min(until, ahead[0][0]) if ahead else until
            found.append(_slots(duty, begin, max(begin, until)))
        else:
            begin, taken_until = ahead.popleft()
            found.append(_slots(duty, begin, taken_until))
    return found


def _cut(duties: Sequence[Duty]) -> list[tuple[int, int]]:
    """Return from when until when each of `duties` takes punches."""
    spans = [(duty.arrive_from, duty.leave_until) for duty in duties]
    for index, (one, other) in enumerate(pairwise(duties)):
        if other.arrive_from < one.leave_until:
            middle = one.end + (other.start - one.end) // 2
            edge = min(max(middle, other.arrive_from), one.leave_until)
            spans[index] = (spans[index][0], edge)
            spans[index + 1] = (edge, spans[index + 1][1])
    return spans


def _slots(duty: Duty, begin: int, until: int) -> Slots:
    arrive_until = min(max(duty.arrive_until, begin), until)
    leave_from = min(max(duty.leave_from, begin), until)
    return Slots(
        Slot(Side.ARRIVAL, duty, begin, arrive_until),
        Slot(Side.BETWEEN, duty, arrive_until, leave_from),
        Slot(Side.DEPARTURE, duty, leave_from, until),
    )
