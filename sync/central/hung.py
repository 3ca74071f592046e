"""What hangs on the boards: a unit's day, a unit's month. Judged here, kept there."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

from msgspec import Struct

from sync.central import month, recap
from sync.central.board import Key, kiosks_of
from sync.central.city import City, meets
from sync.central.derive import zone_named
from sync.central.judging import Record, judged
from sync.central.month import PersonSums, Sums
from sync.central.recap import Day
from sync.central.resolve import day_of
from sync.central.sightings import resolve_all
from sync.central.store import Transaction
from sync.central.store.city import Sighted
from sync.central.store.days import LastRead, Used
from sync.protocol.entry import Mark
from sync.worktime.rules import Dated
from sync.worktime.verdicts import Judged, Verdict


class UnitDay(Struct, frozen=True):
    """A unit's day as it was judged.

    Attributes:
        last_reads: how far the sources of its kiosks were read then.
        coming: of those who are not here, whose duty had not begun then.
    """

    counts: Day
    records: Sequence[Record]
    last_reads: Sequence[LastRead]
    coming: int = 0

    @property
    def begun(self) -> int:
        """Return of how many a duty had begun, or who were here before."""
        return self.counts.staff - self.coming

    @property
    def percent(self) -> float:
        """Return how many of these are here, percent, to a tenth; 0 of nobody."""
        return round(100 * self.counts.here / self.begun, 1) if self.begun else 0.0


def unit_day(tx: Transaction, city: City, key: Key, now: int) -> UnitDay:
    """Judge a unit's day. Raises BadRules, StoreError."""
    records = judged(tx, city, key.first, key.last, now, key.unit)
    counted = recap.of_days(records, city, key.first, key.last, key.unit)
    nobody = Day(day=key.first, unit=key.unit, staff=0, free=0, here=0, late=0, early=0, words={})
    reads = tx.days.last_reads(kiosks_of(city, key))
    of_unit = ([one for one in record.duties if one.duty.unit == key.unit] for record in records)
    coming = sum(is_coming(duties, now) for duties in of_unit)
    return UnitDay(next(iter(counted), nobody), records, reads, coming)


def is_coming(duties: Sequence[Judged], now: int) -> bool:
    """Return whether nothing can be said of a person's day but that no duty of it has begun."""
    is_pending = bool(duties) and recap.word_of(duties) == Verdict.PENDING.value
    return is_pending and all(one.duty.start > now for one in duties)


class UnitMonth(Struct, frozen=True):
    """A unit's month as it was judged; `strangers`: presences at its kiosks that are nobody's."""

    people: Sequence[PersonSums]
    total: Sums
    strangers: int


def unit_month(tx: Transaction, city: City, key: Key, now: int) -> UnitMonth:
    """Judge a unit's month. Raises BadRules, StoreError."""
    records = judged(tx, city, key.first, key.last, now, key.unit)
    people = month.of_unit(records, key.unit)
    return UnitMonth(people, month.total(one.sums for one in people), _strangers(tx, city, key))


def _strangers(tx: Transaction, city: City, key: Key) -> int:
    zone = zone_named(city.units[key.unit].zone) or zone_named("Asia/Jakarta")
    begin, until = (
        int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)
        for day in (key.first, key.last + timedelta(days=1))
    )
    kiosks = kiosks_of(city, key)
    used = tx.days.credentials_at(kiosks, begin, until)
    users = {one.user for one in used if not _is_always_somebodys(city, one, key)}
    seen = tx.days.at_kiosks(kiosks, users, begin, until, tx.city.lives())
    # A kiosk may have served the unit on some of the days only.
    here = [one.sighted for one in seen if _served(city, one.sighted, key.unit)]
    return sum(one.is_stranger for one in resolve_all(tx, city, here))


def _is_always_somebodys(city: City, one: Used, key: Key) -> bool:
    """Return whether what is shown there by this credential is one person's, whichever day it is.

    Most are: only of the others each presence must be looked at.
    """
    if one.is_timeless or one.mark in (Mark.UNBOUND, Mark.TAKEN):
        return False
    spare = timedelta(days=1)  # a terminal's zone need not be the unit's
    return all(
        len(city.directory.persons(one.credential, one.user, day, units)) == 1
        for day in recap.days(key.first - spare, key.last + spare)
        for units in [city.served(one.kiosk, day) or ()]
    )


def _served(city: City, sighted: Sighted, unit: str) -> bool:
    """Return whether a presence was at the unit; one of no day may have been."""
    day = day_of(sighted.time)
    return day is None or unit in (city.served(sighted.place.kiosk, day) or ())


def units_with_people(city: City, units: Collection[str], days: Dated) -> list[str]:
    """Return those of `units` to which anybody belongs on any of these days, by name."""
    first, last = days.since or date.min, days.until or date.max
    return sorted(
        (
            unit
            for unit in units
            if any(meets(one, first, last) for one in city.members_of.get(unit, ()))
        ),
        key=lambda unit: (city.units[unit].name, unit),
    )
