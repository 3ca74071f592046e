"""Repeated pairs: two people always seconds apart, of a unit's month; and a note on them."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final
from urllib.parse import urlencode

from msgspec import Struct
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sync.central.city import City, meets
from sync.central.pairs import WITHIN_MS, Couple, Stood, couples
from sync.central.proposals import MOST_REASON, check_account, checked
from sync.central.roles import DECIDING, Visitor
from sync.central.sightings import resolve_all
from sync.central.store import Transaction
from sync.central.web.dates import Month, month_of, today
from sync.central.web.deciding import text, unit_name, words
from sync.central.web.links import person_link
from sync.central.web.scope import may_see_person, may_see_unit, units_of, zone_of
from sync.central.web.site import Site

_NOON: Final = 12


class Line(Struct, frozen=True, kw_only=True):
    """A couple in words."""

    people: Sequence[tuple[str, str, str]]
    score: str
    days: Sequence[str]


class PairPages:
    """The couples of a unit's month."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[BaseRoute]:
        """Return where they are."""
        return [
            Route("/pairs", self._site.page(self._look, roles=DECIDING), methods=["GET"]),
            Route("/pairs", self._site.act(self._note), methods=["POST"]),
        ]

    def _look(self, request: Request, visitor: Visitor) -> Response:
        """GET /pairs?month=&unit=: of a unit; the first that one sees, as given."""
        asked = request.query_params
        this = Month.of(today(self._site.clock(), self._site.web.zone))
        month = month_of(asked["month"]) if asked.get("month") else this
        with self._site.store.reading() as tx:
            city = self._site.cities.current(tx)
            units = sorted(units_of(city, visitor), key=lambda unit: unit_name(city, unit))
            unit = asked.get("unit", "") or next(iter(units), "")
            found = []
            if unit:
                may_see_unit(city, visitor, unit)
                found = self._couples(tx, city, unit, month)
        context = {
            "month": month,
            "is_over": month < this,
            "unit": unit,
            "units": [(one, unit_name(city, one)) for one in units],
            "lines": [_line(city, one, str(month)) for one in found],
            "within": WITHIN_MS // 1000,
            "noted": asked.get("noted") == "yes",
        }
        return self._site.render(request, visitor, "pairs.html", context)

    def _couples(self, tx: Transaction, city: City, unit: str, month: Month) -> list[Couple]:
        """Return the couples of a unit's people at the kiosks that serve it."""
        zone = zone_of(city, unit, self._site.web.zone)
        begin, until = (
            int(datetime.combine(day, time(), zone).timestamp()) * 1000
            for day in (month.first, month.last + timedelta(days=1))
        )
        kiosks = {
            kiosk
            for kiosk, posts in city.posts.items()
            if any(post.unit == unit and meets(post, month.first, month.last) for post in posts)
        }
        members = {
            one.person
            for one in city.members_of.get(unit, ())
            if meets(one, month.first, month.last)
        }
        seen = tx.punches.at_kiosks(kiosks, begin, until - 1, tx.city.lives()) if kiosks else []
        whose = resolve_all(tx, city, [one.sighted for one in seen])
        stood = []
        for one, resolved in zip(seen, whose, strict=True):
            if resolved.person in members and one.punched.utc is not None:
                at = datetime.fromtimestamp(one.punched.utc / 1000, UTC).astimezone(zone)
                half = int(at.hour >= _NOON)
                terminal = one.sighted.terminal
                stood.append(Stood(resolved.person, terminal, at.date(), half, one.punched.utc))
        return couples(stood)

    def _note(self, request: Request, visitor: Visitor, form: FormData) -> Response:
        """POST /pairs: what somebody found out about a couple; it changes nothing."""
        month, unit = month_of(text(form, "month")), text(form, "unit")
        people = [text(form, name) for name in ("person", "other")]
        reason = checked(words(form, "reason", MOST_REASON))
        with self._site.store.writing() as tx:
            check_account(tx, visitor)
            city = self._site.cities.current(tx)
            may_see_unit(city, visitor, unit)
            for person in people:
                may_see_person(city, visitor, person, month.first, month.last)
            subject = f"{people[0]} {people[1]} {month}"
            detail = {"person": people[0], "other": people[1], "month": str(month), "unit": unit}
            self._site.decide(tx, visitor, "note pair", subject, reason=reason, detail=detail)
        query = urlencode({"unit": unit, "month": str(month), "noted": "yes"})
        return RedirectResponse(f"/pairs?{query}", 303)


def _line(city: City, one: Couple, month: str) -> Line:
    usual = f"{one.usual:.0f}" if one.usual == int(one.usual) else f"{one.usual:.1f}"
    queue = f"{one.expected:.1f}".replace(".", ",")
    return Line(
        people=[
            (person, city.name(person) or person, person_link(person, month))
            for person in (one.person, one.other)
        ],
        score=(
            f"{one.together} dari {one.chances} kali bersamaan di alat yang sama. Antrean saja "
            f"menjelaskan {queue} kali; rekan lain biasanya {usual.replace('.', ',')} kali."
        ),
        days=[f"{day.day}/{day.month}: {apart // 1000} detik" for day, apart in one.days.items()],
    )
