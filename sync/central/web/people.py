"""People: to find one, and a person's month."""

from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sync.central import month
from sync.central.city import City, meets
from sync.central.judging import judged
from sync.central.present import really
from sync.central.recap import days
from sync.central.roles import Visitor
from sync.central.store import Transaction
from sync.central.store.days import Entered
from sync.central.store.pages import Shown
from sync.central.web.dates import Month, month_of, today
from sync.central.web.links import form_link, person_link, unit_link
from sync.central.web.person import Punches, day_lines, refs
from sync.central.web.scope import may_see_person, sees_day, units_of, zone_of_person
from sync.central.web.site import Site, Sorry
from sync.protocol.moments import Moment
from sync.worktime.faults import BadRules

MOST: Final = 50
"""So many people are found at most."""

LONGEST: Final = 100
"""Longest question, characters."""


class Found(Struct, frozen=True):
    """A person who was asked for, with the units of this month."""

    person: str
    name: str
    units: str
    href: str


class People:
    """To find a person, and a person's month."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[BaseRoute]:
        """Return where they are."""
        page = self._site.page
        return [
            Route("/people", page(self._people)),
            Route("/people/{person:path}", page(self._person)),
        ]

    def _people(self, request: Request, visitor: Visitor) -> Response:
        """GET /people?q=: by name or NIP."""
        site, asked = self._site, request.query_params.get("q", "").strip()[:LONGEST]
        city = site.city()
        this = Month.of(today(site.clock(), site.web.zone))
        found = find(city, visitor, asked, this) if asked or not visitor.sees_all else []
        context = {"asked": asked, "found": found[:MOST], "more": len(found) > MOST, "most": MOST}
        return site.render(request, visitor, "people.html", context)

    def _person(self, request: Request, visitor: Visitor) -> Response:
        """GET /people/{person}?month=: a person's month."""
        site, said = self._site, request.query_params.get("month", "")
        person, now = request.path_params["person"], site.clock()
        this = month_of(said) if said else Month.of(today(now, site.web.zone))
        with site.store.reading() as tx:
            city = site.cities.current(tx)
            may_see_person(city, visitor, person, this.first, this.last)
            try:
                records = judged(tx, city, this.first, this.last, now, person=person)
            except BadRules as error:
                raise Sorry(f"Aturan jam kerja tidak dapat dipakai: {error}") from error
            visible = [
                day for day in days(this.first, this.last) if sees_day(city, visitor, person, day)
            ]
            duties = [
                one
                for record in records
                for one in record.duties
                if one.duty.day in visible and visitor.sees(one.duty.unit)
            ]
            punches = punches_at(tx, refs(duties))
        zone = zone_of_person(city, person, this.last, site.web.zone)
        here = today(now, zone)
        seen, own = units_of(city, visitor), site.web.zone
        lines = day_lines(
            person, city, duties, punches, this.first, this.last, visible, seen, now, here, own
        )
        context = {
            "person": person,
            "name": city.name(person) or person,
            "units": _units(city, person, visitor, this),
            "month": this,
            "sums": month.of_duties(duties),
            "lines": lines,
            "may_decide": visitor.may_decide,
            "before": person_link(person, str(this.before)),
            "after": person_link(person, str(this.after)),
            "absence": form_link("absences", person, ""),
            "paper": form_link("papers", person, ""),
        }
        return site.render(request, visitor, "person.html", context)


def punches_at(tx: Transaction, places: list[Entered]) -> Punches:
    """Return what stands at these places, and when it really was."""
    shown = tx.days.at(places)
    times = really(shown, tx.times.history, tx.city.settled())
    found: dict[Entered, list[tuple[Shown, Moment]]] = {}
    for one, when in zip(shown, times, strict=True):
        found.setdefault(Entered(one.kiosk, one.epoch, one.seq), []).append((one, when))
    return found


def find(city: City, visitor: Visitor, asked: str, this: Month) -> list[Found]:
    """Return whose name has all these words, or whose NIP has it, by name; "" asks for all.

    Of those only who belongs to a unit of the visitor's in this month.
    """
    words, digits = asked.casefold().split(), asked.replace(" ", "").casefold()
    found = []
    for person in city.people.values():
        name = person.name.casefold()
        if not all(word in name for word in words) and digits not in person.id.casefold():
            continue
        if visitor.sees_all or _belongs(city, person.id, visitor, this):
            found.append(person)
    found.sort(key=lambda one: (one.name.casefold(), one.id))
    return [
        Found(
            one.id,
            one.name,
            ", ".join(name for name, _ in _units(city, one.id, visitor, this)),
            person_link(one.id, str(this)),
        )
        for one in found[: MOST + 1]
    ]


def _belongs(city: City, person: str, visitor: Visitor, this: Month) -> bool:
    return any(
        visitor.sees(one.unit) and meets(one, this.first, this.last)
        for one in city.memberships.get(person, ())
    )


def _units(city: City, person: str, visitor: Visitor, this: Month) -> list[tuple[str, str]]:
    """Return the names and pages of the units of a person in a month, of those one may see."""
    of = {
        one.unit
        for one in city.memberships.get(person, ())
        if meets(one, this.first, this.last) and visitor.sees(one.unit) and one.unit in city.units
    }
    return [(city.units[unit].name, unit_link(unit)) for unit in sorted(of)]
