"""Masuk or pulang: what a kiosk may say of a punch at once, from the rules alone.

It is no judgement: what other kiosks saw, absences and what is proved are central's matter.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from sync.worktime.book import Book
from sync.worktime.classes import code_of, early_min, late_min, shift_ms
from sync.worktime.duties import ONE_DAY, REACH_DAYS, Duty, are_joined, duties
from sync.worktime.evidence import Punch
from sync.worktime.proving import Proving
from sync.worktime.rules import Counts, Demand, PinGrant, Post
from sync.worktime.slots import Side, Slot, Slots, slots


class Decision(Struct, frozen=True, kw_only=True):
    """What to show of a punch.

    Attributes:
        side: masuk or pulang; None outside of all windows, BETWEEN where it counts as neither.
        duty: for which duty; None as `side`.
        minutes: minutes late or early of the punch that counts as far as this kiosk knows.
        code: the class of them (TL1.., PSW1..); "" for none.
        before: when the person punched in the same window before, so that it counted; None for
            not at all. Of several the one that counts.
        stands: whether that one counts, and not this one.
        lacks: what it needs to count, and has not; NOTHING where it counts.
        completes: whether one before it, which did not count, does so with this one.
    """

    side: Side | None = None
    duty: Duty | None = None
    minutes: int = 0
    code: str = ""
    before: int | None = None
    stands: bool = False
    lacks: Demand = Demand.NOTHING
    completes: bool = False


def decide(
    book: Book,
    person: str,
    posts: Sequence[Post],
    punch: Punch,
    earlier: Sequence[Punch] = (),
    grants: Iterable[PinGrant] = (),
) -> Decision:
    """Return what to show of a punch of `person`; `earlier` are those before it, as far as the
    kiosk remembers them, in any order.
    """
    at = punch.at
    today = datetime.fromtimestamp(at / 1000, UTC).date()
    around = (REACH_DAYS + 1) * ONE_DAY  # in its zone it may be tomorrow already
    laid = duties(book, person, posts, today - around, today + around)
    for index, own in enumerate(slots(laid, [False] * len(laid))):
        if own.arrival.begin <= at < own.departure.until:
            before, behind = laid[max(0, index - 1) : index], laid[index + 1 : index + 2]
            comes = not any(are_joined(one, laid[index]) for one in before)
            goes = not any(are_joined(laid[index], one) for one in behind)
            return _Within(Proving(book, grants), own, punch, earlier).decided(comes, goes)
    return Decision()


class _Within:
    """A punch within the windows of a duty."""

    def __init__(
        self, proving: Proving, own: Slots, punch: Punch, earlier: Sequence[Punch]
    ) -> None:
        self._proving = proving
        self._own = own
        self._punch = punch
        self._earlier = earlier
        self._all = (*earlier, punch)

    def decided(self, comes: bool, goes: bool) -> Decision:
        """`comes`, `goes`: whether a punch is asked for; inside a block none is."""
        slot = next(one for one in self._own if one.begin <= self._punch.at < one.until)
        minutes, code = 0, ""
        if counted := self._counting(slot, self._all):
            rule = slot.duty.rule
            if slot.side is Side.ARRIVAL and comes:
                minutes = late_min(slot.duty, _pick(rule.arrival, counted))
                code = code_of(rule.late, minutes)
            elif slot.side is Side.DEPARTURE and goes:
                shift = self._shift() if comes else 0
                minutes = early_min(slot.duty, _pick(rule.departure, counted), shift)
                code = code_of(rule.early, minutes)
        before, which = self._counting(slot, self._earlier), _which(slot)
        earlier = _pick(which, before) if before else None
        lacks = self._proving.lacks(self._punch, slot.duty, self._all)
        is_counted = lacks is Demand.NOTHING
        return Decision(
            side=slot.side,
            duty=slot.duty,
            minutes=minutes,
            code=code,
            before=earlier,
            stands=earlier is not None
            and not (is_counted and _pick(which, (earlier, self._punch.at)) == self._punch.at),
            lacks=lacks,
            completes=any(self._completes(one) for one in self._own),
        )

    def _counting(self, slot: Slot, among: Sequence[Punch]) -> list[int]:
        """Return the moments of those of `among` that count in `slot`, with each other's help."""
        return [
            one.at
            for one in among
            if slot.begin <= one.at < slot.until
            and self._proving.lacks(one, slot.duty, among) is Demand.NOTHING
        ]

    def _completes(self, slot: Slot) -> bool:
        return any(
            slot.begin <= one.at < slot.until
            and self._proving.lacks(one, slot.duty, self._earlier) is not Demand.NOTHING
            and self._proving.lacks(one, slot.duty, self._all) is Demand.NOTHING
            for one in self._earlier
        )

    def _shift(self) -> int:
        """Return how much later one leaves who came by flexible hours."""
        arrival = self._own.arrival
        came = self._counting(arrival, self._all)
        return shift_ms(arrival.duty, _pick(arrival.duty.rule.arrival, came)) if came else 0


def _which(slot: Slot) -> Counts:
    rule = slot.duty.rule
    return rule.arrival if slot.side is Side.ARRIVAL else rule.departure


def _pick(which: Counts, moments: Sequence[int]) -> int:
    return min(moments) if which is Counts.FIRST else max(moments)
