"""Scope: which units and whose days somebody may see. What they may not is as if it were not there.

A unit's account sees a person on the days on which they belong to one of its units.
"""

from collections.abc import Collection
from datetime import date
from zoneinfo import ZoneInfo

from sync.central.city import City, meets
from sync.central.derive import zone_named
from sync.central.roles import Visitor
from sync.central.web.site import Missing


def units_of(city: City, visitor: Visitor) -> Collection[str]:
    """Return the units that somebody sees."""
    return [unit for unit in city.units if visitor.sees(unit)]


def may_see_unit(city: City, visitor: Visitor, unit: str) -> None:
    """Raises Missing: there is no such unit, for this one."""
    if unit not in city.units or not visitor.sees(unit):
        raise Missing("Tidak ada unit dengan nama itu.")


def may_see_person(city: City, visitor: Visitor, person: str, first: date, last: date) -> None:
    """Raises Missing: there is no such person, for this one, on any of these days."""
    if person in city.people and (
        visitor.sees_all
        or any(
            visitor.sees(one.unit) and meets(one, first, last)
            for one in city.memberships.get(person, ())
        )
    ):
        return
    raise Missing("Tidak ada pegawai dengan NIP itu pada unit dan bulan ini.")


def sees_day(city: City, visitor: Visitor, person: str, day: date) -> bool:
    """Return whether a person's day is this one's to see."""
    return visitor.sees(*city.units_of(person, day))


def zone_of_person(city: City, person: str, day: date, own: ZoneInfo) -> ZoneInfo:
    """Return the zone of where a person works on `day`, or did last before it; else `own`."""
    members = [one for one in city.memberships.get(person, ()) if one.unit in city.units]
    began = [one for one in members if one.since is None or one.since <= day]
    latest = max(began, key=lambda one: (one.since or date.min, one.unit), default=None)
    return own if latest is None else zone_of(city, latest.unit, own)


def zone_of(city: City, unit: str, own: ZoneInfo) -> ZoneInfo:
    """Return a unit's zone; `own` where nobody knows that one."""
    return zone_named(city.units[unit].zone) or own
