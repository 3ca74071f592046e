"""Placing: each punch of a person to at most one slot, as far as its time is known.

A punch whose time is known well enough (`Regulation.in_favour_ms`) stands where its middle is, at
the end of its doubt that is better for the person. A punch whose time is known worse stands in a
slot only if all of its doubt does; else it is **doubtful** in every slot that it touches: it may
have been there. So is one of which it is doubted whether it is the person's at all, wherever its
time is, and one that proves enough only together with such a one.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sync.worktime.book import Book
from sync.worktime.evidence import Case, Punch
from sync.worktime.proving import Proving
from sync.worktime.rules import Demand
from sync.worktime.slots import Side, Slot


class Sighting(NamedTuple):
    """A punch in a slot: its time is between `best` and `worst`, for the person."""

    best: int
    worst: int
    punch: Punch


class Found(NamedTuple):
    """What was found in a slot.

    Attributes:
        sure: punches that belong to it.
        doubtful: punches that may have been in it, and may have been the person's.
        uncounted: punches in it that prove too little.
    """

    sure: list[Sighting]
    doubtful: list[Sighting]
    uncounted: list[Punch]


class Placing:
    """Where the punches of one person are."""

    def __init__(self, book: Book, case: Case) -> None:
        self._proving = Proving(book, case.pin_grants)
        self._punches = sorted(case.punches, key=_in_order)
        self._undoubted = [one for one in self._punches if not one.doubted]

    def place(self, slots: Iterable[Slot]) -> list[Found]:
        """Return what is found in each of `slots`, which are in order of time."""
        slots = list(slots)
        found = [Found([], [], []) for _ in slots]
        untils = [slot.until for slot in slots]
        for punch in self._punches:
            least, most = punch.at - punch.error_ms, punch.at + punch.error_ms
            for index in range(bisect_right(untils, least), len(slots)):
                slot = slots[index]
                if slot.begin > most:
                    break
                if slot.begin < slot.until:
                    self._put(found[index], slot, punch)
        return found

    def _put(self, found: Found, slot: Slot, punch: Punch) -> None:
        least, most = punch.at - punch.error_ms, punch.at + punch.error_ms
        is_near = not punch.doubted and punch.error_ms <= slot.duty.rule.in_favour_ms
        if is_near and not slot.begin <= punch.at < slot.until:
            return
        is_inside = is_near or (slot.begin <= least and most < slot.until)
        counts = not punch.doubted and self._counts(punch, slot, self._undoubted)
        if not (punch.doubted or counts or self._counts(punch, slot, self._punches)):
            if is_inside:
                found.uncounted.append(punch)
            return
        least, most = max(least, slot.begin), min(most, slot.until - 1)
        best, worst = (most, least) if slot.side is Side.DEPARTURE else (least, most)
        sighting = Sighting(best, best if is_near else worst, punch)
        (found.sure if is_inside and counts else found.doubtful).append(sighting)

    def _counts(self, punch: Punch, slot: Slot, among: Sequence[Punch]) -> bool:
        """Return whether it proves enough for the duty's regulation, with one of `among`."""
        return self._proving.lacks(punch, slot.duty, among) is Demand.NOTHING


def _in_order(punch: Punch) -> tuple[int, str]:
    return punch.at, punch.ref
