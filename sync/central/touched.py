"""Touched: whom a decision concerns, which days of which units, and which closed months among them.

Too many days named cost a second account's look, one too few lets a closed month change unseen. So
a presence is taken where its time allows it to be, before and after, and for everybody whose it may
be: whoever loses a doubt loses what the doubt kept from being said. Reads only.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from msgspec import structs

from sync.central.city import City, meets
from sync.central.derive import zone_named
from sync.central.resolve import Resolved
from sync.central.sightings import resolve_all
from sync.central.spans import Readings, Span, spans
from sync.central.store import Transaction
from sync.central.store.city import Place
from sync.central.store.punches import Lives, Seen
from sync.central.times import ReadAt
from sync.central.wishes import AbsenceBody, Body, NameBody, PaperBody, TimeBody
from sync.worktime.rules import DAY_MIN


class Touched(NamedTuple):
    """A unit's days that a proposal may change."""

    unit: str
    since: date
    until: date


class Placed(NamedTuple):
    """A presence as it is judged: each span of when it can have been, and whose it is then."""

    seen: Seen
    spans: list[Span]
    resolved: list[Resolved]

    @property
    def people(self) -> set[str]:
        """Return everybody whose it is, or may be."""
        found = {person for one in self.resolved for person in one.perhaps}
        return found | {one.person for one in self.resolved if one.person is not None}

    @property
    def days(self) -> tuple[date, date]:
        """Return the first and the last local day that it can be of."""
        zone = zone_named(self.seen.zone) or UTC
        first, last = (
            datetime.fromtimestamp(at / 1000, UTC).astimezone(zone).date()
            for at in (
                min(one.earliest for one in self.spans),
                max(one.latest for one in self.spans),
            )
        )
        return first, last


def placed(
    tx: Transaction, city: City, places: Collection[Place], settled: Mapping[Place, int]
) -> list[Placed]:
    """Return the presences at these places that count, if they had been when `settled` says."""
    lives = tx.city.lives()
    seen = [one for one in tx.punches.at(places, lives) if one.sighted.place in places]
    found = spans(seen, tx.times.history, _readings(tx, lives), settled)
    sighted = [
        structs.replace(one.sighted, day=span.day)
        for one, of in zip(seen, found, strict=True)
        for span in of
    ]
    whose = iter(resolve_all(tx, city, sighted))
    return [Placed(one, of, [next(whose) for _ in of]) for one, of in zip(seen, found, strict=True)]


def _readings(tx: Transaction, lives: Lives) -> Readings:
    def readings(kiosk: str, terminals: Collection[str]) -> Mapping[str, list[ReadAt]]:
        return tx.times.readings(kiosk, terminals, lives)

    return readings


def whose_at(tx: Transaction, city: City, place: Place, utc: int) -> str:
    """Return whose a presence would be, if it had been at `utc` (ms); "" for nobody's."""
    found = placed(tx, city, [place], {**city.settled, place: utc})
    return next((one.person or "" for each in found for one in each.resolved), "")


def whom(tx: Transaction, city: City, body: Body) -> tuple[str, str]:
    """Return the one person and the one unit that it is about, "" where they are several."""
    match body:
        case AbsenceBody():
            people = {row.person for row in body.rows}
        case PaperBody():
            people = {one.person for row in body.rows for one in row.lines}
        case NameBody() | TimeBody():
            people = {body.person}
    units = {one.unit for one in touched(tx, city, body)}
    return (people.pop() if len(people) == 1 else ""), (units.pop() if len(units) == 1 else "")


def touched(tx: Transaction, city: City, body: Body) -> set[Touched]:
    """Return which days of which units it may change.

    A punch after midnight may be of the duty of the day before, one before it of that of the next.
    """
    match body:
        case AbsenceBody():
            return {
                one
                for row in body.rows
                for one in _of(city, row.person, row.since or date.min, row.until or date.max)
            }
        case PaperBody():
            return {
                one
                for row in body.rows
                for line in row.lines
                for minute in (line.arrival, line.departure)
                if minute is not None
                for one in _of(city, line.person, *_around(line.day, line.day + _days(minute)))
            }
        case NameBody():
            places = [one.place for one in body.presences]
            return _of_presences(tx, city, places, {body.person}, city.settled)
        case TimeBody():
            place = body.presence.place
            now = {**city.settled, place: body.utc}
            return _of_presences(tx, city, [place], {body.person}, now) | _of_presences(
                tx, city, [place], {body.person}, city.settled
            )


def _of_presences(
    tx: Transaction,
    city: City,
    places: Collection[Place],
    named: Collection[str],
    settled: Mapping[Place, int],
) -> set[Touched]:
    found = set[Touched]()
    for one in placed(tx, city, places, settled):
        since, until = _around(*one.days)
        for person in {*named, *one.people} - {""}:
            found |= set(_of(city, person, since, until))
        for post in city.posts.get(one.seen.sighted.place.kiosk, ()):
            if meets(post, since, until):
                found.add(Touched(post.unit, since, until))
    return found


def _of(city: City, person: str, since: date, until: date) -> Iterator[Touched]:
    for one in city.memberships.get(person, ()):
        if meets(one, since, until):
            yield Touched(one.unit, max(since, one.since or since), min(until, one.until or until))


def _around(first: date, last: date) -> tuple[date, date]:
    """Return the days of the duties at which a punch of these days can count."""
    one = timedelta(days=1)
    return max(first, date.min + one) - one, min(last, date.max - one) + one


def _days(minute: int) -> timedelta:
    return timedelta(days=minute // DAY_MIN)


def closed_by(tx: Transaction, city: City, body: Body) -> list[tuple[str, str]]:
    """Return the closed months, (unit, `2026-11`), that it may change, in order."""
    closed = tx.closings.months()
    if not closed:
        return []
    return closed_among(closed, touched(tx, city, body))


def closed_among(
    closed: Collection[tuple[str, str]], asked: Collection[Touched]
) -> list[tuple[str, str]]:
    """Return which of these months these days meet, in order."""
    return sorted(
        {
            (unit, month)
            for unit, month in closed
            for one in asked
            if one.unit == unit and one.since.isoformat()[:7] <= month <= one.until.isoformat()[:7]
        }
    )
