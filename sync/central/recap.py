"""The recap: judged duties counted, per unit and day, and listed per person. Pure.

A person's day is **here** where any duty of it was attended, whatever else of it is open. Everybody
else has one word: of their duties of that day the one that most needs a look.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from sync.central.city import City
from sync.central.judging import Record
from sync.worktime.rules import Reason
from sync.worktime.verdicts import OPEN, Half, Judged, Verdict

HERE: Final = Verdict.PRESENT.value

COLUMNS: Final = (
    *("day", "unit", "person", "name", "duty", "start", "end", "word", "arrival", "late", "class"),
    *("departure", "early", "class_out", "minutes", "present", "reason", "reference"),
)
"""Of a list: one row per duty. Times are local, `late` and `early` minutes."""


class Day(Struct, frozen=True, kw_only=True):
    """How one unit's day stands; of people with a duty that began on it.

    Attributes:
        staff: who belongs to the unit and had a duty; free: who belongs to it and had none.
        here: who attended.
        late, early: of those, who was late, who left early.
        words: how many of the others have each word (a reason, `tanpa keterangan`, ...).
    """

    day: date
    unit: str
    staff: int
    free: int
    here: int
    late: int
    early: int
    words: Mapping[str, int]

    @property
    def percent(self) -> float:
        """Return how many of those on duty attended, percent, to a tenth; 0 of nobody."""
        return round(100 * self.here / self.staff, 1) if self.staff else 0.0


def of_days(
    records: Iterable[Record], city: City, first: date, last: date, unit: str = ""
) -> list[Day]:
    """Return each unit's days, and with several units those of all under unit "", in order."""
    counted: dict[tuple[date, str], _Count] = {}
    for record in records:
        by_day: dict[date, list[Judged]] = {}
        for one in record.duties:
            by_day.setdefault(one.duty.day, []).append(one)
        for day in days(first, last):
            units = {*city.units_of(record.person, day), ""}
            for of in units & {unit} if unit else units:
                count = counted.setdefault((day, of), _Count())
                count.add([one for one in by_day.get(day, ()) if of in ("", one.duty.unit)])
    return [count.done(day, of) for (day, of), count in sorted(counted.items())]


def word_of(duties: Sequence[Judged]) -> str:
    """Return the word for a person's day with these duties."""
    if any(one.was_here for one in duties):
        return HERE
    for verdict in (*OPEN, Verdict.ABSENT):
        for one in duties:
            if one.verdict is verdict:
                return one.word
    return duties[0].word


def rows(records: Iterable[Record], city: City) -> Iterator[Mapping[str, str | int]]:
    """Yield the list: a row per duty, as `COLUMNS`."""
    for record in records:
        for one in record.duties:
            zone = ZoneInfo(one.duty.zone)
            reason = "" if one.reason is None else one.reason.value
            yield {
                "day": one.duty.day.isoformat(),
                "unit": one.duty.unit,
                "person": record.person,
                "name": city.name(record.person),
                "duty": one.duty.code,
                "start": _clock(one.duty.start, zone),
                "end": _clock(one.duty.end, zone),
                "word": one.word,
                "arrival": _half(one.arrival, zone),
                "late": one.arrival.minutes,
                "class": one.arrival.code,
                "departure": _half(one.departure, zone),
                "early": one.departure.minutes,
                "class_out": one.departure.code,
                "minutes": one.duty.length_min,
                "present": one.shares.present,
                "reason": reason,
                "reference": one.reference,
            }


def days(first: date, last: date) -> Iterator[date]:
    """Yield the days from `first` to `last`, both included."""
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        yield date.fromordinal(ordinal)


class _Count:
    """What is counted of one unit's day."""

    def __init__(self) -> None:
        self._free = self._here = self._late = self._early = 0
        self._words: Counter[str] = Counter()

    def add(self, duties: Sequence[Judged]) -> None:
        """Count one person."""
        if not duties:
            self._free += 1
            return
        word = word_of(duties)
        if word != HERE:
            self._words[word] += 1
            return
        self._here += 1
        self._late += any(one.arrival.verdict is Verdict.LATE for one in duties)
        self._early += any(one.departure.verdict is Verdict.EARLY for one in duties)

    def done(self, day: date, unit: str) -> Day:
        """Return the count."""
        return Day(
            day=day,
            unit=unit,
            staff=self._here + self._words.total(),
            free=self._free,
            here=self._here,
            late=self._late,
            early=self._early,
            words=dict(sorted(self._words.items(), key=_order)),
        )


_WORDS: Final = [*(one.value for one in Reason), *(one.value for one in OPEN)]


def _order(counted: tuple[str, int]) -> tuple[int, str]:
    word = counted[0]
    return (_WORDS.index(word) if word in _WORDS else len(_WORDS), word)


def _clock(at: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at / 1000, zone).strftime("%Y-%m-%d %H:%M")


def _half(half: Half, zone: ZoneInfo) -> str:
    return half.verdict.value if half.at is None else _clock(half.at, zone)
