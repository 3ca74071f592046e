"""The API for programs: reads only, by a token, in the scope of the account that it is of.

`openapi.json` is its contract. What is wrong is said as a problem (RFC 9457).
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sync.central import month as months
from sync.central.board import Board, Kept, Key
from sync.central.city import City
from sync.central.errors import StoreError
from sync.central.exits import Refused
from sync.central.hung import UnitDay, UnitMonth
from sync.central.judging import judged
from sync.central.roles import Visitor
from sync.central.sightings import resolve_all
from sync.central.times import moments
from sync.central.web import shapes
from sync.central.web.dates import day_of, month_of
from sync.central.web.openapi import ROOT, Operation, Parameter, document
from sync.central.web.scope import may_see_person, may_see_unit, sees_day, units_of
from sync.central.web.site import Forbidden, Missing, Site, Sorry
from sync.worktime.faults import BadRules

MOST: Final = 1000
"""So many presences are answered at most."""

USUAL: Final = 500
"""So many where nothing is said."""

_MOST_ID: Final = 2**62

_UNIT: Final = Parameter("unit", "A unit's id.", {"type": "string"})
_PERSON: Final = Parameter("person", "A person's NIP.", {"type": "string"})
_DAY: Final = Parameter("day", "As 2026-11-24.", {"type": "string", "format": "date"})
_MONTH: Final = Parameter(
    "month", "As 2026-11.", {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"}
)
_AFTER: Final = Parameter(
    "after",
    "The `next` of the page before; 0 for the first.",
    {"type": "integer", "minimum": 0, "default": 0},
    is_in_path=False,
)
_LIMIT: Final = Parameter(
    "limit",
    "At most so many.",
    {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
    is_in_path=False,
)

_TITLES: Final = {
    400: "Bad request",
    401: "Log in first",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    503: "Not available",
}

Answer = Callable[[Request, Visitor], Struct]


class NotNow(Sorry):
    """It cannot be answered now."""

    status = 503


class Api:
    """What programs may ask."""

    def __init__(self, site: Site, days: Board[UnitDay], month_board: Board[UnitMonth]) -> None:
        self._site = site
        self._days = days
        self._months = month_board
        unit, unit_month = "/units/{unit}", "/units/{unit}/months/{month}"
        self._operations: list[tuple[Operation, Answer]] = [
            (Operation("/units", "units", "The units.", shapes.Units), self._units),
            (
                Operation(
                    f"{unit}/days/{{day}}",
                    "unit_day",
                    "A unit's day: who was here, who was not and why.",
                    shapes.DayOfUnit,
                    [_UNIT, _DAY],
                ),
                self._unit_day,
            ),
            (
                Operation(
                    unit_month,
                    "unit_month",
                    "A unit's month, summed for each person.",
                    shapes.MonthOfUnit,
                    [_UNIT, _MONTH],
                ),
                self._unit_month,
            ),
            (
                Operation(
                    f"{unit_month}/duties",
                    "unit_duties",
                    "Every duty of a unit's month.",
                    shapes.DutiesOfUnit,
                    [_UNIT, _MONTH],
                ),
                self._unit_duties,
            ),
            (
                Operation(
                    "/people/{person}/months/{month}",
                    "person_month",
                    "A person's month, with every duty.",
                    shapes.MonthOfPerson,
                    [_PERSON, _MONTH],
                ),
                self._person_month,
            ),
            (
                Operation(
                    "/presences",
                    "presences",
                    "Presences as they arrived, page by page: whose, and when it really was.",
                    shapes.Presences,
                    [_AFTER, _LIMIT],
                ),
                self._presences,
            ),
            (Operation("/health", "health", "How central and its kiosks stand.", shapes.Health),
             self._health),
        ]  # fmt: skip

    def routes(self) -> list[BaseRoute]:
        """Return where it is."""
        return [
            Route(f"{ROOT}/openapi.json", self._openapi),
            # Longer ones first: what stands for an id takes anything.
            *(
                Route(ROOT + _any_id(operation.path), self._endpoint(answer))
                for operation, answer in sorted(self._operations, key=lambda one: -len(one[0].path))
            ),
            Route(f"{ROOT}/{{rest:path}}", _nothing, methods=_METHODS),
        ]

    def _openapi(self, _: Request) -> Response:
        """GET openapi.json: the contract, for anybody."""
        return _json(document([operation for operation, _ in self._operations]))

    def _endpoint(self, answer: Answer) -> Callable[[Request], Response]:
        def endpoint(request: Request) -> Response:
            try:
                visitor = self._site.door.program(request)
                if visitor is None:
                    return _problem(401, "Send `Authorization: Bearer TOKEN`.")
                return _json(answer(request, visitor))
            except Sorry as sorry:
                return _problem(sorry.status, str(sorry))
            except Refused as refused:
                return _problem(Sorry.status, str(refused))
            except BadRules as error:
                return _problem(NotNow.status, f"the rules cannot be: {error}")
            except StoreError:
                return _problem(NotNow.status, "the database is not available right now")

        return endpoint

    # Answers.

    def _units(self, _: Request, visitor: Visitor) -> shapes.Units:
        city = self._site.city()
        units = [city.units[unit] for unit in sorted(units_of(city, visitor))]
        return shapes.Units(
            shapes.moment(self._site.clock()),
            [shapes.UnitShape(one.id, one.name, one.zone) for one in units],
        )

    def _unit_day(self, request: Request, visitor: Visitor) -> shapes.DayOfUnit:
        city, unit = self._unit(request, visitor)
        day = day_of(request.path_params["day"])
        kept = self._days.get(Key(unit, day, day))
        return shapes.day_of_unit(_value(kept), kept.at, city)

    def _unit_month(self, request: Request, visitor: Visitor) -> shapes.MonthOfUnit:
        city, unit = self._unit(request, visitor)
        this = month_of(request.path_params["month"])
        kept = self._months.get(Key(unit, this.first, this.last))
        with self._site.store.reading() as tx:
            is_closed = unit in tx.days.closed(str(this))
        return shapes.month_of_unit(_value(kept), kept.at, unit, str(this), city, closed=is_closed)

    def _unit_duties(self, request: Request, visitor: Visitor) -> shapes.DutiesOfUnit:
        city, unit = self._unit(request, visitor)
        this, now = month_of(request.path_params["month"]), self._site.clock()
        with self._site.store.reading() as tx:
            records = judged(tx, city, this.first, this.last, now, unit)
        return shapes.DutiesOfUnit(
            generated_at=shapes.moment(now),
            unit=unit,
            month=str(this),
            people=[
                shapes.PersonDuties(
                    one.person,
                    city.name(one.person),
                    shapes.duties_of(duty for duty in one.duties if duty.duty.unit == unit),
                )
                for one in records
            ],
        )

    def _person_month(self, request: Request, visitor: Visitor) -> shapes.MonthOfPerson:
        this, now = month_of(request.path_params["month"]), self._site.clock()
        person = request.path_params["person"]
        with self._site.store.reading() as tx:
            city = self._site.cities.current(tx)
            may_see_person(city, visitor, person, this.first, this.last)
            records = judged(tx, city, this.first, this.last, now, person=person)
        duties = [
            one
            for record in records
            for one in record.duties
            if visitor.sees(one.duty.unit) and sees_day(city, visitor, person, one.duty.day)
        ]
        return shapes.MonthOfPerson(
            generated_at=shapes.moment(now),
            person=person,
            name=city.name(person),
            month=str(this),
            sums=shapes.sums_of(months.of_duties(duties)),
            duties=shapes.duties_of(duties),
        )

    def _presences(self, request: Request, visitor: Visitor) -> shapes.Presences:
        if not visitor.sees_all:
            raise Forbidden("Hanya akun yang melihat seluruh kota boleh membaca semua presensi.")
        after = _number(request, "after", 0, 0, _MOST_ID)
        limit = _number(request, "limit", USUAL, 1, MOST)
        with self._site.store.reading() as tx:
            city = self._site.cities.current(tx)
            found = tx.days.after(after, limit, tx.city.lives())
            whose = resolve_all(tx, city, [one.sighted for _, one in found])
            really = moments([one.punched for _, one in found], tx.times.history)
        return shapes.Presences(
            generated_at=shapes.moment(self._site.clock()),
            presences=[
                shapes.presence(id_, seen, of, when)
                for (id_, seen), of, when in zip(found, whose, really, strict=True)
            ],
            next=found[-1][0] if found else after,
            more=len(found) == limit,
        )

    def _health(self, _: Request, visitor: Visitor) -> shapes.Health:
        with self._site.store.reading() as tx:
            lines = tx.pages.kiosks() if visitor.sees_all else []
        return shapes.Health(
            generated_at=shapes.moment(self._site.clock()),
            line=self._site.line().value,
            kiosks=[shapes.kiosk(line) for line in lines],
        )

    def _unit(self, request: Request, visitor: Visitor) -> tuple[City, str]:
        city, unit = self._site.city(), request.path_params["unit"]
        may_see_unit(city, visitor, unit)
        return city, unit


_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def _nothing(request: Request) -> Response:
    if request.method in ("GET", "HEAD"):
        return _problem(Missing.status, f"see {ROOT}/openapi.json")
    return _problem(405, "this API reads only")


def _any_id(path: str) -> str:
    """Return a path as its route: an id may have a slash in it."""
    return path.replace("{unit}", "{unit:path}").replace("{person}", "{person:path}")


def _value(kept: Kept[Any]) -> Any:
    if kept.value is None:
        raise NotNow(f"the rules cannot be: {kept.trouble}")
    return kept.value


def _number(request: Request, name: str, usual: int, least: int, most: int) -> int:
    said = request.query_params.get(name)
    if said is None:
        return usual
    if not (said.isascii() and said.isdecimal() and len(said) < 20 and least <= int(said) <= most):
        raise Sorry(f"`{name}`: {said[:20]!r} is no number from {least} to {most}")
    return int(said)


def _json(said: object) -> Response:
    return Response(msgspec.json.encode(said), media_type="application/json")


def _problem(status: int, detail: str) -> Response:
    said = shapes.Problem("about:blank", _TITLES[status], status, detail)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return Response(
        msgspec.json.encode(said), status, headers, media_type="application/problem+json"
    )
