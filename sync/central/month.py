"""A month's sums: of one person, and of a unit's people. Pure.

What is counted in days is counted as `recap.Day` does, a word for each person's day; lateness and
classes are counted in duties, of which a day may have more than one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from sync.central.judging import Record
from sync.central.recap import HERE, word_of
from sync.worktime.rules import Reason
from sync.worktime.verdicts import OPEN, Judged, Verdict

REASONS: Final = tuple(one.value for one in Reason if one is not Reason.UNEXPLAINED)
UNEXPLAINED: Final = Verdict.ABSENT.value
STILL_OPEN: Final = tuple(one.value for one in OPEN)


class Sums(Struct, frozen=True, kw_only=True):
    """What a month comes to.

    Attributes:
        days: with a duty; here: of these, attended.
        words: how many of the others have each word: a reason, `tanpa keterangan`, what is open.
        late, early: duties; late_min, early_min: whole minutes of them.
        no_arrival, no_departure: duties that were attended without.
        classes: how many halves have each class (TL1.., PSW1..).
    """

    days: int = 0
    here: int = 0
    words: Mapping[str, int] = {}
    late: int = 0
    late_min: int = 0
    early: int = 0
    early_min: int = 0
    no_arrival: int = 0
    no_departure: int = 0
    classes: Mapping[str, int] = {}

    @property
    def over(self) -> int:
        """Return how many of the days can be spoken of: attended, or over."""
        return self.days - self.words.get(Verdict.PENDING.value, 0)

    @property
    def percent(self) -> float:
        """Return how many of these were attended, percent, to a tenth; 0 of none."""
        return round(100 * self.here / self.over, 1) if self.over else 0.0

    @property
    def unexplained(self) -> int:
        """Return of how many days nobody knows why."""
        return self.words.get(UNEXPLAINED, 0)

    @property
    def excused(self) -> int:
        """Return how many days have a reason."""
        return sum(self.words.get(word, 0) for word in REASONS)

    @property
    def open(self) -> int:
        """Return of how many days nothing adverse can be said yet."""
        return sum(self.words.get(word, 0) for word in STILL_OPEN)


class PersonSums(Struct, frozen=True):
    """One person's month at a unit."""

    person: str
    sums: Sums


def of_duties(duties: Iterable[Judged]) -> Sums:
    """Return what a person's duties come to."""
    by_day: dict[object, list[Judged]] = {}
    for one in duties:
        by_day.setdefault(one.duty.day, []).append(one)
    words = Counter(word_of(of_day) for of_day in by_day.values())
    here = words.pop(HERE, 0)
    # Who was not there was not late as well.
    halves = [
        (one.arrival, one.departure)
        for of_day in by_day.values()
        for one in of_day
        if one.verdict is not Verdict.ABSENT
    ]
    late = [came for came, _ in halves if came.verdict is Verdict.LATE]
    early = [left for _, left in halves if left.verdict is Verdict.EARLY]
    return Sums(
        days=len(by_day),
        here=here,
        words=_ordered(words),
        late=len(late),
        late_min=sum(one.minutes for one in late),
        early=len(early),
        early_min=sum(one.minutes for one in early),
        no_arrival=sum(came.verdict is Verdict.MISSING for came, _ in halves),
        no_departure=sum(left.verdict is Verdict.MISSING for _, left in halves),
        classes=_ordered(Counter(half.code for both in halves for half in both if half.code)),
    )


def total(sums: Iterable[Sums]) -> Sums:
    """Return the sums of all."""
    numbers: Counter[str] = Counter()
    words: Counter[str] = Counter()
    classes: Counter[str] = Counter()
    for one in sums:
        words.update(one.words)
        classes.update(one.classes)
        numbers.update({name: getattr(one, name) for name in _NUMBERS})
    return Sums(words=_ordered(words), classes=_ordered(classes), **numbers)


def of_unit(records: Iterable[Record], unit: str) -> list[PersonSums]:
    """Return the sums of everybody's duties at a unit, in the order of `records`."""
    return [
        PersonSums(record.person, of_duties(one for one in record.duties if one.duty.unit == unit))
        for record in records
    ]


def classes_of(sums: Sequence[Sums]) -> list[str]:
    """Return every class that anybody has, in order."""
    return sorted({code for one in sums for code in one.classes})


_NUMBERS: Final = [name for name in Sums.__struct_fields__ if name not in ("words", "classes")]
_ORDER: Final = [*REASONS, UNEXPLAINED, *STILL_OPEN]


def _ordered(counted: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counted.items(), key=lambda one: (_place(one[0]), one[0])))


def _place(word: str) -> int:
    return _ORDER.index(word) if word in _ORDER else len(_ORDER)
