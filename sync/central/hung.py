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
from sync.central.sightings import resolve_all
from sync.central.store import Transaction
from sync.central.store.days import LastRead
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
    seen = tx.days.at_kiosks(kiosks_of(city, key), begin, until, tx.city.lives())
    whose = resolve_all(tx, city, [one.sighted for one in seen])
    return sum(one.is_stranger for one in whose)


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
