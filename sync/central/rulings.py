"""What people ruled that no kiosk is told: who was away and why, who signed on paper, when a source
was out of order, and which sources count. Pure; rows of the city's sheets, by what one looks for.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from datetime import date, datetime, time, timedelta
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from msgspec import Struct

from sync.protocol.roster import Dated
from sync.worktime.evidence import Punch, Reach, Stretch
from sync.worktime.rules import DAY_MIN, Absence

PAPER: Final = "paper"
"""The method of a punch that stands on an attendance list of paper; its `ref` begins so too."""


_SIDES: Final = (" in", " out")


class Outage(Dated, frozen=True, kw_only=True, omit_defaults=True):
    """Nobody could punch: from minute `start` of the first day until minute `end` of the last.

    Attributes:
        since, until: both must be said.
        source: "" for every source of the kiosk.
        reference: the letter that says so.
    """

    kiosk: str
    source: str = ""
    start: int = 0
    end: int = DAY_MIN
    reference: str = ""


class InUse(Dated, frozen=True, kw_only=True, omit_defaults=True):
    """A source at which people punch. On days of a kiosk's rows its other sources do not count."""

    kiosk: str
    source: str


class Paper(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody signed an attendance list of paper, on a day on which they belonged to `unit`.

    Attributes:
        number: of several lines of one person and day.
        arrival, departure: minutes since the day's midnight in the unit's zone, beyond 1440 on the
            next day; None where the list has no signature.
        reference: what the scanned list is called.
    """

    person: str
    unit: str
    day: date
    number: int = 1
    arrival: int | None = None
    departure: int | None = None
    reference: str = ""


class Rulings:
    """The rows, made ready to be asked. `zones` are those of kiosks, "" for the city's own.

    Attributes:
        absences, papers: by person.
        named: every (kiosk, source) that somebody named as in use.
    """

    def __init__(
        self,
        absences: Iterable[Absence],
        outages: Iterable[Outage],
        in_use: Iterable[InUse],
        zones: Mapping[str, str],
        papers: Iterable[Paper] = (),
    ) -> None:
        self.absences: Mapping[str, Sequence[Absence]] = _by_person(absences)
        self.papers: Mapping[str, Sequence[Paper]] = _by_person(papers)
        self._outages = list(outages)
        self._in_use: defaultdict[str, list[InUse]] = defaultdict(list)
        for row in in_use:
            self._in_use[row.kiosk].append(row)
        self._zones = zones
        self.named = {(row.kiosk, row.source) for rows in self._in_use.values() for row in rows}

    def supposing(
        self, absences: Mapping[str, Sequence[Absence]], papers: Mapping[str, Sequence[Paper]]
    ) -> "Rulings":
        """Return the same, but for people who would have these rows in the place of theirs."""
        made = copy(self)
        made.absences = {**self.absences, **absences}
        made.papers = {**self.papers, **papers}
        return made

    def signature(self, ref: str) -> tuple[Paper, int]:
        """Return the line of paper that a punch's `ref` names, and the minute signed there."""
        person, day, number, side = ref.removeprefix(f"{PAPER} ").rsplit(" ", 3)
        [line] = [
            one for one in self.papers[person] if (str(one.day), str(one.number)) == (day, number)
        ]
        minute = line.arrival if side == "in" else line.departure
        if minute is None:
            raise ValueError(f"{ref}: nobody signed there")
        return line, minute

    def used(self, kiosk: str, source: str, since: date | None, until: date | None) -> list[Reach]:
        """Return on which of these days people punch at a source."""
        rows = self._in_use.get(kiosk, [])
        own = [(row.since, row.until) for row in rows if row.source == source]
        found = []
        for first, last in own or _days_without(rows):
            begin = max(filter(None, (first, since)), default=None)
            end = min(filter(None, (last, until)), default=None)
            if not (begin and end and end < begin):
                found.append(Reach(kiosk=kiosk, source=source, since=begin, until=end))
        return found

    def outages(self, sources: Mapping[str, Collection[str]]) -> list[Stretch]:
        """Return the outages as moments; `sources` of each kiosk, for those that speak of all."""
        return [
            Stretch(
                kiosk=row.kiosk,
                source=source,
                begin=_moment(zone, row.since, row.start),
                until=_moment(zone, row.until, row.end),
            )
            for row in self._outages
            if row.since is not None and row.until is not None
            for zone in [ZoneInfo(self._zones.get(row.kiosk, "Asia/Jakarta"))]
            for source in ([row.source] if row.source else sources.get(row.kiosk, ()))
        ]


Row = TypeVar("Row", Absence, Paper)


def _by_person(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.person, []).append(row)
    return found


def punches(papers: Iterable[Paper], zones: Mapping[str, str]) -> list[Punch]:
    """Return what lines of paper prove, as punches at no source; `zones` are those of units.

    A list says minutes: a minute is taken at its begin, and as exact.
    """
    return [
        Punch(
            at=_moment(ZoneInfo(zones.get(line.unit, "Asia/Jakarta")), line.day, minute),
            error_ms=0,
            kiosk="",
            source="",
            method=PAPER,
            ref=f"{PAPER} {line.person} {line.day} {line.number} {side}",
        )
        for line in papers
        for side, minute in (("in", line.arrival), ("out", line.departure))
        if minute is not None
    ]


def is_paper(ref: str) -> bool:
    """Return whether a judged duty's punch of that name stands on paper."""
    return ref.startswith(f"{PAPER} ") and ref.endswith(_SIDES)  # a kiosk may be called so too


def _days_without(rows: Iterable[Dated]) -> list[tuple[date | None, date | None]]:
    """Return the first and the last of the days on which none of `rows` holds, None for no end."""
    found: list[tuple[date | None, date | None]] = []
    begin: date | None = None
    for row in sorted(rows, key=lambda row: row.since or date.min):
        if row.since and row.since > (begin or date.min):
            found.append((begin, row.since - timedelta(days=1)))
        if row.until is None or row.until == date.max:
            return found
        begin = max(begin or date.min, row.until + timedelta(days=1))
    return [*found, (begin, None)]


def _moment(zone: ZoneInfo, day: date, minute: int) -> int:
    naive = datetime.combine(day, time()) + timedelta(minutes=minute)
    return int(naive.replace(tzinfo=zone).timestamp()) * 1000
