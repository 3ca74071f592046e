"""Today: the city, a line per unit, and a unit's day; both live.

What is shown hangs on the board. A request waits for the judge of one unit at most, and of the
city for as long as `PATIENCE_S`: what is missing then is said to be, and comes by the stream.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sync.central.board import Board, Kept, Key
from sync.central.city import City
from sync.central.hung import UnitDay, units_with_people
from sync.central.recap import Day
from sync.central.roles import EVERY, OF_ONESELF, Role, Visitor
from sync.central.web.dates import ago_words, day_of, day_words, today, when_words
from sync.central.web.day import day_page
from sync.central.web.fragments import Part, stream
from sync.central.web.links import (
    form_link,
    unit_events_link,
    unit_link,
    unit_recap_link,
)
from sync.central.web.scope import may_see_unit, units_of, zone_of
from sync.central.web.site import Site
from sync.worktime.rules import Dated
from sync.worktime.verdicts import Verdict

PATIENCE_S: Final = 0.1
"""So long, at most, the city's page waits for units that were not judged yet."""

CALM_S: Final = 10.0
"""In the morning every kiosk has news all the time: a unit's line of the city may be so old."""

DRAWN: Final = 256
"""So many drawn parts are kept, so that many browsers of one unit share one: of 44 units today's,
for those who may decide and those who may not, in either order.
"""

BY_NAME: Final = "name"
"""How a unit's day may be sorted, where not by what matters first."""

_UNKNOWN: Final = frozenset({Verdict.INCOMPLETE.value, Verdict.OUTAGE.value, Verdict.UNSURE.value})


class UnitLine(Struct, frozen=True, kw_only=True):
    """A unit's day in numbers; `day` is None while it is being judged."""

    name: str
    href: str
    day: Day | None
    excused: Sequence[tuple[str, int]] = ()
    unexplained: int = 0
    expected: int = 0
    coming: int = 0
    unknown: int = 0
    when: str = ""

    @property
    def begun(self) -> int:
        """Return of how many a duty has begun, or who are here already."""
        return 0 if self.day is None else self.day.staff - self.coming

    @property
    def percent(self) -> float:
        """Return how many of these are here, percent."""
        return 0.0 if self.day is None or not self.begun else 100 * self.day.here / self.begun


class Today:
    """The city's day, and a unit's."""

    def __init__(self, site: Site, board: Board[UnitDay]) -> None:
        self._site = site
        self._board = board
        self._drawn: dict[tuple[Key, bool, str], tuple[Kept[UnitDay], str]] = {}

    def routes(self) -> list[BaseRoute]:
        """Return where they are."""
        page = self._site.page
        return [
            Route("/", page(self._city, roles=EVERY | OF_ONESELF)),
            Route("/events/city", self._city_events),
            Route("/units/{unit:path}/events", self._unit_events),
            Route("/units/{unit:path}", page(self._unit)),
        ]

    # The city.

    def _city(self, request: Request, visitor: Visitor) -> Response:
        """GET /: today, a line per unit; who has another first page is led there."""
        if visitor.role is Role.EMPLOYEE:
            return RedirectResponse("/code", 303)
        if visitor.role is Role.UNIT and len(visitor.units) == 1:
            return RedirectResponse(unit_link(next(iter(visitor.units))), 303)
        part = self._draw_city(visitor, PATIENCE_S)
        return self._site.render(
            request, visitor, "today.html", {"part": part.html, "pending": part.pending}
        )

    def _city_events(self, request: Request) -> Response:
        """GET /events/city: its stream."""
        return stream(self._site, request, lambda visitor: self._draw_city(visitor, 0.0))

    def _draw_city(self, visitor: Visitor, patience_s: float) -> Part:
        site, city = self._site, self._site.city()
        now = site.clock()
        here = today(now, site.web.zone)
        units = units_with_people(city, units_of(city, visitor), Dated(since=here, until=here))
        keys = [Key(unit, day, day) for unit in units for day in [self._today(city, unit)]]
        glance = self._board.glance(keys, patience_s, calm_s=CALM_S)
        lines = [_line(key, glance.kept[key], city, now) for key in keys]
        kept = [one for one in glance.kept.values() if one is not None]
        context = {
            "day": day_words(here),
            "month": f"{here:%Y-%m}",
            "lines": lines,
            "sum": _sum(lines),
            "waiting": sum(line.day is None for line in lines),
            "trouble": next((one.trouble for one in kept if one.trouble), ""),
            "when": when_words(min((one.at for one in kept), default=now), site.web.zone),
        }
        return Part(site.environment.get_template("_city.html").render(context), glance.pending)

    # A unit.

    def _unit(self, request: Request, visitor: Visitor) -> Response:
        """GET /units/{unit}?day=&sort=: who is here, who is missing and why."""
        site, said, sort = self._site, request.query_params.get("day", ""), _sort(request)
        unit = request.path_params["unit"]
        city = site.city()
        may_see_unit(city, visitor, unit)
        day = day_of(said) if said else self._today(city, unit)
        key = Key(unit, day, day)
        part = self._draw_unit(city, visitor, key, self._board.get(key), sort)
        context = {
            "name": city.units[unit].name,
            "part": part,
            "events": unit_events_link(unit, said, sort),
        }
        return site.render(request, visitor, "unit.html", context)

    def _unit_events(self, request: Request) -> Response:
        """GET /units/{unit}/events?day=: its stream; without a day it is today's, as days pass."""
        site, said, sort = self._site, request.query_params.get("day", ""), _sort(request)
        unit = request.path_params["unit"]

        def draw(visitor: Visitor) -> Part:
            city = site.city()
            may_see_unit(city, visitor, unit)
            day = day_of(said) if said else self._today(city, unit)
            key = Key(unit, day, day)
            glance = self._board.glance([key], urgent=True)
            kept = glance.kept[key]
            # Nothing waits here: when central begins, all browsers come back at once.
            html = "" if kept is None else self._draw_unit(city, visitor, key, kept, sort)
            return Part(html, glance.pending)

        return stream(site, request, draw)

    def _today(self, city: City, unit: str) -> date:
        return today(self._site.clock(), zone_of(city, unit, self._site.web.zone))

    def _draw_unit(
        self, city: City, visitor: Visitor, key: Key, kept: Kept[UnitDay], sort: str
    ) -> str:
        how = key, visitor.may_decide, sort
        drawn = self._drawn.get(how)
        if drawn is not None and drawn[0] is kept:
            return drawn[1]
        html = self._site.environment.get_template("_day.html").render(
            self._unit_words(city, visitor, key, kept, sort)
        )
        if len(self._drawn) >= DRAWN:
            self._drawn.clear()
        self._drawn[how] = kept, html
        return html

    def _unit_words(
        self, city: City, visitor: Visitor, key: Key, kept: Kept[UnitDay], sort: str
    ) -> dict[str, Any]:
        unit, day, _ = key
        zone = zone_of(city, unit, self._site.web.zone)
        now = today(kept.at, zone)
        iso = day.isoformat()
        return {
            "unit": city.units[unit].name,
            "day": day_words(day),
            "iso": iso,
            "is_today": day == now,
            "is_by_name": sort == BY_NAME,
            "other_order": unit_link(
                unit, "" if day == now else iso, "" if sort == BY_NAME else BY_NAME
            ),
            "before": unit_link(unit, (day - timedelta(days=1)).isoformat(), sort),
            "after": unit_link(unit, (day + timedelta(days=1)).isoformat(), sort),
            "to_today": unit_link(unit, "", sort),
            "recap": unit_recap_link(unit, f"{day:%Y-%m}"),
            "when": when_words(kept.at, zone),
            "trouble": kept.trouble,
            "page": None if kept.value is None else day_page(kept.value, kept.at, city),
            "may_decide": visitor.may_decide,
            "absence": lambda person: form_link("absences", person, iso),
            "paper": lambda person: form_link("papers", person, iso),
        }


def _sort(request: Request) -> str:
    return BY_NAME if request.query_params.get("sort") == BY_NAME else ""


def _line(key: Key, kept: Kept[UnitDay] | None, city: City, now: int) -> UnitLine:
    name, href = city.units[key.unit].name, unit_link(key.unit)
    if kept is None or kept.value is None:
        return UnitLine(name=name, href=href, day=None)
    words = dict(kept.value.counts.words)
    unexplained = words.pop(Verdict.ABSENT.value, 0)
    coming = kept.value.coming
    expected = words.pop(Verdict.PENDING.value, 0) - coming
    unknown = sum(words.pop(word, 0) for word in _UNKNOWN)
    return UnitLine(
        name=name,
        href=href,
        day=kept.value.counts,
        excused=list(words.items()),
        unexplained=unexplained,
        expected=expected,
        coming=coming,
        unknown=unknown,
        when=ago_words(now - kept.at),
    )


def _sum(lines: Sequence[UnitLine]) -> UnitLine | None:
    """Return the sum of those that were judged, None where there is none."""
    known = [(one, one.day) for one in lines if one.day is not None]
    if not known:
        return None
    reasons: dict[str, int] = {}
    for one, _ in known:
        for word, number in one.excused:
            reasons[word] = reasons.get(word, 0) + number
    days = [day for _, day in known]
    return UnitLine(
        name="Semua unit",
        href="",
        day=Day(
            day=days[0].day,
            unit="",
            staff=sum(day.staff for day in days),
            free=sum(day.free for day in days),
            here=sum(day.here for day in days),
            late=sum(day.late for day in days),
            early=sum(day.early for day in days),
            words={},
        ),
        excused=sorted(reasons.items(), key=lambda one: (-one[1], one[0])),
        unexplained=sum(one.unexplained for one, _ in known),
        expected=sum(one.expected for one, _ in known),
        coming=sum(one.coming for one, _ in known),
        unknown=sum(one.unknown for one, _ in known),
    )
