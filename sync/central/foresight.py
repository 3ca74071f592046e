"""Foresight: what a decision would do to verdicts, before anybody takes it. Reads only.

The days of the people concerned are judged twice: as the city is, and as it would be.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from sync.central.city import City, meets
from sync.central.judging import judged
from sync.central.rulings import Paper, is_paper
from sync.central.store import Transaction
from sync.central.touched import placed
from sync.central.wishes import AbsenceBody, Body, NameBody, PaperBody, TimeBody
from sync.worktime.rules import Absence
from sync.worktime.verdicts import Half, Judged, Verdict

MOST_DAYS: Final = 62
"""Days that are judged ahead, at most: the first ones."""

MOST_SHOWN: Final = 200
"""Duties that are listed, at most."""


class Outcome(Struct, frozen=True, kw_only=True):
    """One duty of a person, before and after, in words; equal where nothing changes."""

    person: str
    name: str
    day: date
    duty: str
    before: str
    after: str

    @property
    def is_change(self) -> bool:
        """Return whether it would be called differently."""
        return self.before != self.after


def supposed(city: City, body: Body) -> City:
    """Return the city as it would be after a proposal's effect."""
    match body:
        case AbsenceBody():
            person = body.rows[0].person if body.rows else ""
            held = [one for one in city.rulings.absences.get(person, ()) if one != body.before]
            rows: Sequence[Absence] = [*held, *([body.after] if body.after else [])]
            return city.supposing(absences={person: rows})
        case PaperBody():
            papers: dict[str, list[Paper]] = {}
            for row in body.rows:
                for line in (row.before, row.after):
                    if line is not None and line.person not in papers:
                        papers[line.person] = list(city.rulings.papers.get(line.person, ()))
                if row.before is not None and row.before in papers[row.before.person]:
                    papers[row.before.person].remove(row.before)
                if row.after is not None:
                    papers[row.after.person].append(row.after)
            return city.supposing(papers=papers)
        case NameBody():
            return city.supposing(identified={one.place: body.person for one in body.presences})
        case TimeBody():
            return city.supposing(settled={body.presence.place: body.utc})


def outcomes(tx: Transaction, city: City, body: Body, now: int) -> list[Outcome]:
    """Return the duties that a proposal touches, before and after, by person and day.

    Raises BadRules. Those of absences that do not change are left out.
    """
    of = days_of(tx, city, body)
    if not of:
        return []
    people, first, last = set(of), min(map(min, of.values())), max(map(max, of.values()))
    last = min(last, first + timedelta(days=MOST_DAYS - 1))
    before = _judged(tx, city, people, first, last, now)
    after = _judged(tx, supposed(city, body), people, first, last, now)
    found = [
        Outcome(
            person=person,
            name=city.name(person),
            day=day,
            duty=code,
            before=before.get(key, _NONE),
            after=after.get(key, _NONE),
        )
        for key in sorted(before.keys() | after.keys())
        for person, day, _, code in [key]
        if before.get(key) != after.get(key) or day in of[person]
    ]
    is_named = isinstance(body, PaperBody | TimeBody)
    return [one for one in found if one.is_change or is_named][:MOST_SHOWN]


_NONE: Final = "tidak ada tugas"

_Key = tuple[str, date, int, str]


def _judged(
    tx: Transaction, city: City, people: Collection[str], first: date, last: date, now: int
) -> dict[_Key, str]:
    units = {
        one.unit
        for person in people
        for one in city.memberships.get(person, ())
        if meets(one, first, last)
    }
    if len(people) <= _FEW_PEOPLE:
        records = [
            record
            for person in sorted(people)
            for record in judged(tx, city, first, last, now, person=person)
        ]
    else:
        of = sorted(units) if len(units) <= _FEW_UNITS else [""]  # the whole city is read once
        records = [one for unit in of for one in judged(tx, city, first, last, now, unit)]
    return {
        (record.person, one.duty.day, one.duty.start, one.duty.code): brief(one)
        for record in records
        if record.person in people
        for one in record.duties
    }


_FEW_PEOPLE: Final = 8
_FEW_UNITS: Final = 12


def days_of(tx: Transaction, city: City, body: Body) -> Mapping[str, Collection[date]]:
    """Return which days of whom a proposal speaks of."""
    found: dict[str, set[date]] = {}
    match body:
        case AbsenceBody():
            for row in body.rows:
                since = row.since or date.min
                until = min(row.until or date.max, since + timedelta(days=MOST_DAYS - 1))
                days = range((until - since).days + 1)
                found.setdefault(row.person, set()).update(since + timedelta(n) for n in days)
        case PaperBody():
            for line in body.rows:
                for one in (line.before, line.after):
                    if one is not None:
                        found.setdefault(one.person, set()).add(one.day)
        case NameBody():
            places = [one.place for one in body.presences]
            for stood in placed(tx, city, places, city.settled):
                first, last = stood.days
                # Of a presence that can be of any day the last ones are shown.
                first = max(first, last - timedelta(days=MOST_DAYS - 1))
                around = {first + timedelta(n) for n in range((last - first).days + 1)}
                for person in {body.person, *stood.people} - {""}:
                    found.setdefault(person, set()).update(around)
        case TimeBody():
            if body.person:
                zone = _zone(city, body.person)
                found[body.person] = {
                    datetime.fromtimestamp(body.utc / 1000, zone).date(),
                    *([body.presence.day] if body.presence.day else []),
                }
    return found


def _zone(city: City, person: str) -> ZoneInfo:
    units = [one.unit for one in city.memberships.get(person, ()) if one.unit in city.units]
    return ZoneInfo(city.units[units[-1]].zone if units else "Asia/Jakarta")


# In words.


def brief(one: Judged) -> str:
    """Return a judged duty in one line: `hadir · masuk 07.41 TL1 (11 menit) · pulang 16.02`."""
    zone = ZoneInfo(one.duty.zone)
    halves = [_half(name, half, zone) for name, half in _sides(one)]
    return " · ".join([one.word, *filter(None, halves)])


def _sides(one: Judged) -> Sequence[tuple[str, Half]]:
    return ("masuk", one.arrival), ("pulang", one.departure)


def _half(name: str, half: Half, zone: ZoneInfo) -> str:
    if half.at is None:
        missing = half.verdict is Verdict.MISSING
        return f"{name} tidak ada {half.code}".rstrip() if missing else ""
    at = datetime.fromtimestamp(half.at / 1000, zone)
    said = f"{name} {at:%H.%M}"
    said += " (kertas)" if is_paper(half.ref) else ""
    said += f" {half.code}" if half.code else ""
    return said + (f" ({half.minutes} menit)" if half.minutes else "")
