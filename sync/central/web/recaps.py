"""Recaps of a month: the city, a line per unit, and a unit, a line per person; also as files.

They hang on a board of their own for `AGE_S`: a month takes longer to judge than a day, and what a
minute changes in it is little. What is decided meanwhile is seen at once. A month that is closed
stays what was signed: there its page leads to what was frozen.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sync.central import recap
from sync.central.board import Board, Kept, Key
from sync.central.city import City
from sync.central.hung import UnitMonth, units_with_people
from sync.central.judging import judged
from sync.central.month import REASONS, STILL_OPEN, UNEXPLAINED, PersonSums, Sums, classes_of, total
from sync.central.roles import Visitor
from sync.central.web.dates import Month, ago_words, month_of, today, when_words
from sync.central.web.files import answer_file
from sync.central.web.fragments import Part, stream
from sync.central.web.links import closing_link, person_link, unit_link, unit_recap_link
from sync.central.web.scope import may_see_unit, units_of, zone_of
from sync.central.web.site import Look, Site, Sorry
from sync.worktime.faults import BadRules
from sync.worktime.rules import Dated

AGE_S: Final = 120.0
"""So old a month may be that is shown."""

PATIENCE_S: Final = 0.1
"""So long, at most, the city's page waits for units that were not judged yet."""

FORMS: Final = ("csv", "xlsx")


class Line(Struct, frozen=True, kw_only=True):
    """A row of a recap; `sums` None while it is being judged."""

    name: str
    href: str
    sums: Sums | None
    id: str = ""
    strangers: int = 0
    closed: str = ""
    when: str = ""


class Recaps:
    """The city's month, and a unit's."""

    def __init__(self, site: Site, board: Board[UnitMonth]) -> None:
        self._site = site
        self._board = board

    def routes(self) -> list[BaseRoute]:
        """Return where they are; before those of a unit's day, whose address takes anything."""
        page, unit = self._site.page, "/units/{unit:path}"
        return [
            Route("/recap", page(self._city)),
            Route("/events/recap", self._city_events),
            Route(f"{unit}/recap", page(self._unit)),
            Route(f"{unit}/recap/events", self._unit_events),
            *(
                Route(f"{unit}/{what}.{form}", page(self._file(what, form)))
                for what in ("recap", "duties")
                for form in FORMS
            ),
        ]

    # The city.

    def _city(self, request: Request, visitor: Visitor) -> Response:
        """GET /recap?month=: a line per unit."""
        this = self._month(request)
        part = self._draw_city(visitor, this, PATIENCE_S)
        context = {"part": part.html, "pending": part.pending, "month": this}
        return self._site.render(request, visitor, "recap.html", context)

    def _city_events(self, request: Request) -> Response:
        """GET /events/recap?month=: its stream."""
        return stream(
            self._site,
            request,
            lambda visitor: self._draw_city(visitor, self._month(request), 0.0),
        )

    def _draw_city(self, visitor: Visitor, this: Month, patience_s: float) -> Part:
        site, city = self._site, self._site.city()
        span = Dated(since=this.first, until=this.last)
        units = units_with_people(city, units_of(city, visitor), span)
        keys = [Key(unit, this.first, this.last) for unit in units]
        glance = self._board.glance(keys, patience_s)
        with site.store.reading() as tx:
            closed = tx.days.closed(str(this))
        now = site.clock()
        lines = [_unit_line(key, glance.kept[key], city, this, now, closed) for key in keys]
        kept = [one for one in glance.kept.values() if one is not None]
        sums = [one.sums for one in lines if one.sums is not None]
        context = {
            "month": this,
            "before": f"/recap?month={this.before}",
            "after": f"/recap?month={this.after}",
            "lines": lines,
            "sum": total(sums) if sums else None,
            "strangers": sum(one.strangers for one in lines),
            "waiting": sum(one.sums is None for one in lines),
            "trouble": next((one.trouble for one in kept if one.trouble), ""),
        }
        return Part(site.environment.get_template("_recap.html").render(context), glance.pending)

    # A unit.

    def _unit(self, request: Request, visitor: Visitor) -> Response:
        """GET /units/{unit}/recap?month=: a line per person."""
        city, unit, this = self._asked(request, visitor)
        part = self._draw_unit(request, visitor, PATIENCE_S)
        context = {
            "part": part.html,
            "pending": part.pending,
            "title": city.units[unit].name,
            "month": this,
            "events": unit_recap_link(unit, str(this), "recap/events"),
        }
        return self._site.render(request, visitor, "unit_recap.html", context)

    def _unit_events(self, request: Request) -> Response:
        """GET /units/{unit}/recap/events?month=: its stream."""
        return stream(self._site, request, lambda visitor: self._draw_unit(request, visitor, 0.0))

    def _draw_unit(self, request: Request, visitor: Visitor, patience_s: float) -> Part:
        site = self._site
        city, unit, this = self._asked(request, visitor)
        key = Key(unit, this.first, this.last)
        glance = self._board.glance([key], patience_s, urgent=True)
        kept = glance.kept[key]
        with site.store.reading() as tx:
            closed = tx.days.closed(str(this))
        context = {
            "unit": city.units[unit].name,
            "to_unit": unit_link(unit),
            "month": this,
            "before": unit_recap_link(unit, str(this.before)),
            "after": unit_recap_link(unit, str(this.after)),
            "closing": closing_link(unit, str(this)) if unit in closed else "",
            "files": [
                (words, unit_recap_link(unit, str(this), f"{what}.{form}"))
                for what, of in (("recap", "Rekap"), ("duties", "Setiap jadwal"))
                for form in FORMS
                for words in [f"{of} ({form.upper()})"]
            ],
            "kept": kept is not None,
        }
        if kept is not None:
            value = _value(kept)
            context |= {
                "lines": _people_lines(value.people, city, this),
                "sum": value.total,
                "classes": classes_of([value.total]),
                "reasons": [word for word in REASONS if word in value.total.words],
                "strangers": value.strangers,
                "when": when_words(kept.at, zone_of(city, unit, site.web.zone)),
            }
        html = site.environment.get_template("_unit_recap.html").render(context)
        return Part(html, glance.pending)

    def _file(self, what: str, form: str) -> Look:
        def look(request: Request, visitor: Visitor) -> Response:
            city, unit, this = self._asked(request, visitor)
            if what == "recap":
                kept = self._board.get(Key(unit, this.first, this.last))
                rows = summary_rows(_value(kept), city)
            else:
                rows = self._duty_rows(unit, this)
            return answer_file(f"{what}-{unit}-{this}", form, rows)

        return look

    def _duty_rows(self, unit: str, this: Month) -> list[list[str]]:
        site = self._site
        with site.store.reading() as tx:
            city = site.cities.current(tx)
            try:
                records = judged(tx, city, this.first, this.last, site.clock(), unit)
            except BadRules as error:
                raise Sorry(f"Aturan jam kerja tidak dapat dipakai: {error}") from error
        rows = (one for one in recap.rows(records, city) if one["unit"] == unit)
        return [
            list(recap.COLUMNS),
            *([str(row[name]) for name in recap.COLUMNS] for row in rows),
        ]

    def _asked(self, request: Request, visitor: Visitor) -> tuple[City, str, Month]:
        city, unit = self._site.city(), request.path_params["unit"]
        may_see_unit(city, visitor, unit)
        return city, unit, self._month(request)

    def _month(self, request: Request) -> Month:
        said = request.query_params.get("month", "")
        return month_of(said) if said else Month.of(today(self._site.clock(), self._site.web.zone))


def summary_rows(value: UnitMonth, city: City) -> list[list[str]]:
    """Return a unit's month as a table: a header, a row per person, their sum."""
    classes = classes_of([value.total])
    header = [
        *("NIP", "nama", "hari dinas", "hadir", "persen", "terlambat", "menit terlambat"),
        *("pulang sebelum waktunya", "menit pulang sebelum waktunya"),
        *("tanpa presensi masuk", "tanpa presensi pulang"),
        *classes,
        *REASONS,
        UNEXPLAINED,
        *STILL_OPEN,
    ]

    def row(id_: str, name: str, sums: Sums) -> list[str]:
        numbers = (
            *(sums.days, sums.here, sums.percent, sums.late, sums.late_min),
            *(sums.early, sums.early_min, sums.no_arrival, sums.no_departure),
            *(sums.classes.get(code, 0) for code in classes),
            *(sums.words.get(word, 0) for word in (*REASONS, UNEXPLAINED, *STILL_OPEN)),
        )
        return [id_, name, *map(str, numbers)]

    return [
        header,
        *(row(one.person, city.name(one.person), one.sums) for one in value.people),
        row("", "jumlah", value.total),
    ]


def _value(kept: Kept[UnitMonth]) -> UnitMonth:
    if kept.value is None:
        raise Sorry(f"Aturan jam kerja tidak dapat dipakai: {kept.trouble}")
    return kept.value


def _unit_line(
    key: Key,
    kept: Kept[UnitMonth] | None,
    city: City,
    this: Month,
    now: int,
    closed: Sequence[str],
) -> Line:
    value = None if kept is None else kept.value
    return Line(
        name=city.units[key.unit].name,
        href=unit_recap_link(key.unit, str(this)),
        sums=None if value is None else value.total,
        strangers=0 if value is None else value.strangers,
        closed=closing_link(key.unit, str(this)) if key.unit in closed else "",
        when="" if kept is None else ago_words(now - kept.at),
    )


def _people_lines(people: Sequence[PersonSums], city: City, this: Month) -> list[Line]:
    lines = [
        Line(
            name=city.name(one.person) or one.person,
            id=one.person,
            href=person_link(one.person, str(this)),
            sums=one.sums,
        )
        for one in people
    ]
    return sorted(lines, key=lambda one: (one.name.casefold(), one.id))
