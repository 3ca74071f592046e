"""Halves: what the arrival and the departure of a duty come to, and how that is proved.

Theory. What the punches show is always one possible truth. Another one is possible where a punch
may be missing from the evidence: in time that was not read, during an outage, or where a punch of
doubtful time may have stood. So whatever speaks against a person is said only if in the **better
part** of the slot, where a punch that we do not know would serve the person better than those we
do, nothing of the kind can be. Else the half says what is in the way: the **obstacle**.

    arrival, the first counts     from the slot's begin up to the punch
    departure, the last counts    from the punch up to the slot's end
    the other way round           nowhere: one more punch cannot help
    no punch                      the whole slot
"""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from sync.worktime.book import Place
from sync.worktime.classes import code_of, early_min, late_min, shift_ms
from sync.worktime.duties import MINUTE_MS, Duty
from sync.worktime.evidence import Watch
from sync.worktime.placing import Found, Sighting
from sync.worktime.rules import Counts, Step
from sync.worktime.slots import Slot
from sync.worktime.verdicts import Half, Verdict

_ALWAYS: Final = 1 << 62


class Searched(NamedTuple):
    """A slot and what was found in it."""

    slot: Slot
    found: Found


class Proof:
    """What can be proved at `now` of a duty, of the places where somebody could have punched.

    `second_ms`: a second factor may have been given so long before or after a punch.
    """

    def __init__(
        self, duty: Duty, watch: Watch, places: Collection[Place], now: int, second_ms: int
    ) -> None:
        self._watch = watch
        self._places = places
        self._now = now
        self._second_ms = second_ms
        within = duty.rule.outage_within_min
        self._within = _ALWAYS if within is None else within * MINUTE_MS
        self._least = duty.rule.outage_least_min * MINUTE_MS
        self._duty = duty

    def obstacle(self, begin: int, until: int, doubtful: bool) -> Verdict | None:
        """Return why a punch may have been there, unknown to us; None if it was not.

        `doubtful`: whether one of doubtful time may have been there.
        """
        if begin < until:
            begin, until = begin - self._second_ms, until + self._second_ms
            if until > self._now:
                return Verdict.PENDING
            if self._was_out(begin, until):
                return Verdict.OUTAGE
            if not self._places or not all(
                self._watch.is_covered(place, begin, until) for place in self._places
            ):
                return Verdict.INCOMPLETE
        return Verdict.UNSURE if doubtful else None

    def _was_out(self, begin: int, until: int) -> bool:
        begin = max(begin, self._duty.start - self._within)
        until = min(until, self._duty.end + self._within)
        return begin < until and any(
            self._watch.is_out(one, begin, until, self._least) for one in self._places
        )


class Shift(NamedTuple):
    """By flexible hours one leaves later than planned, by `least` to `most` milliseconds.

    `obstacle` is why that is not known better.
    """

    least: int = 0
    most: int = 0
    obstacle: Verdict | None = None


NO_SHIFT: Final = Shift()


class _Counted(NamedTuple):
    """The punch that counts, by its doubt at the person's best and at the worst."""

    best: int
    worst: int
    at: int
    ref: str


def arrival(searched: Searched, proof: Proof) -> Half:
    """Return what the arrival comes to, by itself."""
    (slot, found), rule = searched, searched.slot.duty.rule
    if not found.sure:
        return nothing(searched, proof, rule.no_arrival)
    counted = _counted(found.sure, rule.arrival)
    fewest, most = late_min(slot.duty, counted.best), late_min(slot.duty, counted.worst)
    if not most:
        return _half(Verdict.PRESENT, searched, counted)
    if obstacle := _better_arrival(searched, counted, proof):
        return _half(obstacle, searched, counted)
    if _differ(rule.late, fewest, most):
        return _half(Verdict.UNSURE, searched, counted)
    return _half(Verdict.LATE, searched, counted, fewest, code_of(rule.late, fewest))


def departure(searched: Searched, shift: Shift, proof: Proof) -> Half:
    """Return what the departure comes to, by itself; `shift` is what the arrival asks of it."""
    (slot, found), rule = searched, searched.slot.duty.rule
    if not found.sure:
        return nothing(searched, proof, rule.no_departure)
    counted = _counted(found.sure, rule.departure)
    fewest = early_min(slot.duty, counted.best, shift.least)
    most = early_min(slot.duty, counted.worst, shift.most)
    if not most:
        return _half(Verdict.PRESENT, searched, counted)
    if obstacle := _better_departure(searched, counted, proof):
        return _half(obstacle, searched, counted)
    if _differ(rule.early, fewest, most):
        return _half(shift.obstacle or Verdict.UNSURE, searched, counted)
    return _half(Verdict.EARLY, searched, counted, fewest, code_of(rule.early, fewest))


def nothing(searched: Searched, proof: Proof, code: str = "") -> Half:
    """Return what a half comes to in which no punch counts; `code` is the class of that."""
    slot, found = searched
    if slot.begin == slot.until:
        return Half(verdict=Verdict.NOT_ASKED)
    if obstacle := proof.obstacle(slot.begin, slot.until, bool(found.doubtful)):
        return Half(verdict=obstacle)
    return Half(verdict=Verdict.MISSING, code=code)


def shift(searched: Searched, proof: Proof) -> Shift:
    """Return how much later one leaves. An arrival that nobody saw asks for nothing."""
    found, duty = searched.found, searched.slot.duty
    if not duty.flex_ms or not found.sure:
        return NO_SHIFT
    counted = _counted(found.sure, duty.rule.arrival)
    least, most = shift_ms(duty, counted.best), shift_ms(duty, counted.worst)
    if not most:
        return NO_SHIFT
    if obstacle := _better_arrival(searched, counted, proof):
        return Shift(0, most, obstacle)
    return Shift(least, most)


def _counted(sure: Sequence[Sighting], counts: Counts) -> _Counted:
    if len(sure) == 1:
        [(best, worst, punch)] = sure
        return _Counted(best, worst, punch.shown, punch.ref)
    pick = min if counts is Counts.FIRST else max
    best, worst = pick(one.best for one in sure), pick(one.worst for one in sure)
    named = next(one.punch for one in sure if one.best == best)
    return _Counted(best, worst, named.shown, named.ref)


def _better_arrival(searched: Searched, counted: _Counted, proof: Proof) -> Verdict | None:
    slot, found = searched
    if slot.duty.rule.arrival is Counts.LAST:
        return None
    doubtful = any(one.best < counted.best for one in found.doubtful)
    return proof.obstacle(slot.begin, counted.best, doubtful)


def _better_departure(searched: Searched, counted: _Counted, proof: Proof) -> Verdict | None:
    slot, found = searched
    if slot.duty.rule.departure is Counts.FIRST:
        return None
    doubtful = any(one.best > counted.best for one in found.doubtful)
    return proof.obstacle(counted.best + 1, slot.until, doubtful)


def _differ(table: Sequence[Step], fewest: int, most: int) -> bool:
    """Return whether the two ends of a doubt are called differently."""
    return not fewest or code_of(table, fewest) != code_of(table, most)


def _half(
    verdict: Verdict, searched: Searched, counted: _Counted, minutes: int = 0, code: str = ""
) -> Half:
    refs = [one.punch.ref for one in searched.found.sure]
    return Half(
        verdict=verdict, at=counted.at, ref=counted.ref, minutes=minutes, code=code, refs=refs
    )
