"""Masuk or pulang: what a kiosk may say of a punch at once, from the rules alone.

It is no judgement: what other kiosks saw, absences and what is proved are central's matter.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct

from sync.worktime.book import Book
from sync.worktime.classes import code_of, early_min, late_min, shift_ms
from sync.worktime.duties import ONE_DAY, REACH_DAYS, Duty, are_joined, duties
from sync.worktime.rules import Counts, Post
from sync.worktime.slots import Side, Slot, Slots, slots


class Decision(Struct, frozen=True, kw_only=True):
    """What to show of a punch.

    Attributes:
        side: masuk or pulang; None outside of all windows, BETWEEN where it counts as neither.
        duty: for which duty; None as `side`.
        minutes: minutes late or early of the punch that counts as far as this kiosk knows.
        code: the class of them (TL1.., PSW1..); "" for none.
        is_repeat: whether the person punched in the same window before.
    """

    side: Side | None = None
    duty: Duty | None = None
    minutes: int = 0
    code: str = ""
    is_repeat: bool = False


def decide(
    book: Book, person: str, posts: Sequence[Post], at: int, earlier: Sequence[int] = ()
) -> Decision:
    """Return what to show of a punch at `at`; `earlier` are the person's punches before it, as far
    as the kiosk remembers them, in any order. Milliseconds UTC.
    """
    today = datetime.fromtimestamp(at / 1000, UTC).date()
    around = (REACH_DAYS + 1) * ONE_DAY  # in its zone it may be tomorrow already
    laid = duties(book, person, posts, today - around, today + around)
    for index, own in enumerate(slots(laid, [False] * len(laid))):
        if own.arrival.begin <= at < own.departure.until:
            before, behind = laid[max(0, index - 1) : index], laid[index + 1 : index + 2]
            comes = not any(are_joined(one, laid[index]) for one in before)
            goes = not any(are_joined(laid[index], one) for one in behind)
            return _within_duty(own, at, earlier, comes, goes)
    return Decision()


def _within_duty(own: Slots, at: int, earlier: Sequence[int], comes: bool, goes: bool) -> Decision:
    """`comes`, `goes`: whether a punch is asked for; inside a block none is."""
    if at < own.arrival.until:
        return _arrival(own.arrival, at, earlier) if comes else _decision(own.arrival, earlier)
    if at < own.between.until:
        return _decision(own.between, earlier)
    if not goes:
        return _decision(own.departure, earlier)
    return _departure(own, at, earlier, _shift(own.arrival, earlier) if comes else 0)


def _arrival(slot: Slot, at: int, earlier: Sequence[int]) -> Decision:
    counted = _counted(slot, at, earlier, slot.duty.rule.arrival)
    minutes = late_min(slot.duty, counted)
    return _decision(slot, earlier, minutes, code_of(slot.duty.rule.late, minutes))


def _departure(own: Slots, at: int, earlier: Sequence[int], shift: int) -> Decision:
    slot, rule = own.departure, own.departure.duty.rule
    counted = _counted(slot, at, earlier, rule.departure)
    minutes = early_min(slot.duty, counted, shift)
    return _decision(slot, earlier, minutes, code_of(rule.early, minutes))


def _shift(slot: Slot, earlier: Sequence[int]) -> int:
    """Return how much later one leaves who came by flexible hours."""
    came = _within(slot, earlier)
    pick = min if slot.duty.rule.arrival is Counts.FIRST else max
    return shift_ms(slot.duty, pick(came)) if came else 0


def _counted(slot: Slot, at: int, earlier: Sequence[int], counts: Counts) -> int:
    pick = min if counts is Counts.FIRST else max
    return pick((at, *_within(slot, earlier)))


def _within(slot: Slot, moments: Sequence[int]) -> list[int]:
    return [moment for moment in moments if slot.begin <= moment < slot.until]


def _decision(slot: Slot, earlier: Sequence[int], minutes: int = 0, code: str = "") -> Decision:
    is_repeat = bool(_within(slot, earlier))
    return Decision(side=slot.side, duty=slot.duty, minutes=minutes, code=code, is_repeat=is_repeat)
