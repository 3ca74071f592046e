"""The page of presences as they arrive, and of alarms; and the health of central for machines.

Every view of people's data needs a log-in and is written into the access log first.
"""

from typing import Final
from urllib.parse import urlencode

from msgspec import structs
from starlette.requests import Request
from starlette.responses import (
    JSONResponse,
    PlainTextResponse,
    Response,
)
from starlette.routing import BaseRoute, Route

from sync.central.errors import StoreError
from sync.central.present import MARKS, alarm_card, card, moment, really, row
from sync.central.roles import OF_THE_CITY, Visitor
from sync.central.store import Transaction
from sync.central.store.pages import Filter
from sync.central.web.fragments import streamed
from sync.central.web.live import Stream
from sync.central.web.site import Site

ROWS: Final = 150
"""Presences on the page when it is opened; a browser keeps as many."""

PERSONS: Final = 12
"""People listed beside the page."""

MAX_ALARMS: Final = 200
"""Alarms listed; the latest."""


class Presences:
    """Presences, alarms, health."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[BaseRoute]:
        """Return where they are."""
        page = self._site.page
        return [
            Route("/presences", page(self._presences, roles=OF_THE_CITY)),
            Route("/events", self._events),
            Route("/alarms", page(self._alarms)),
            Route("/healthz", self._health),
        ]

    def _presences(self, request: Request, visitor: Visitor) -> Response:
        """GET /presences: the newest ones; the rest follows live."""
        which, site = _filter(request), self._site
        with site.store.reading() as tx:
            shown = tx.pages.newest(which, ROWS)
            when = really(shown, tx.times.history, tx.city.settled())
            context = {
                "after": tx.pages.latest_id(),
                "terminals": tx.pages.terminals(),
                "persons": tx.pages.persons(PERSONS),
                "kiosks": [card(line, site.web.zone) for line in tx.pages.kiosks()],
                "rows": [row(one, at, site.web.zone) for one, at in zip(shown, when, strict=True)],
                "which": which,
                "marks": MARKS,
                "limit": ROWS,
                "link": lambda **changes: _link(structs.replace(which, **changes)),
            }
        return site.render(request, visitor, "presences.html", context)

    def _events(self, request: Request) -> Response:
        """GET /events: the live stream, from Last-Event-ID or `after` on."""
        which, site = _filter(request), self._site
        visitor = site.door.welcome(request, active=False)
        if visitor is None:
            return PlainTextResponse("log in first\n", 401)
        if not visitor.sees_all:
            return PlainTextResponse("not this account's\n", 403)
        with site.store.reading() as tx:
            latest = tx.pages.latest_id()
        said = request.headers.get("last-event-id") or request.query_params.get("after", "")
        # Nobody waits for an id that is still to come: a page of another database is out of date.
        after = min(int(said), latest) if said.isdecimal() and len(said) < 19 else latest

        def is_open(tx: Transaction) -> bool:
            return site.door.visitor(tx, request) is not None

        stream = Stream(site.store, site.bell, site.web, site.environment, which, after, is_open)
        return streamed(request, stream.run())

    def _alarms(self, request: Request, visitor: Visitor) -> Response:
        """GET /alarms: what is wrong, and who waits for admission.

        A unit's account sees what is wrong with its own kiosks: an alarm may name a person.
        """
        zone = self._site.web.zone
        with self._site.store.reading() as tx:
            kiosks = None
            if not visitor.sees_all:
                city = self._site.cities.current(tx)
                kiosks = {
                    one.kiosk for unit in visitor.units for one in city.posts_at.get(unit, ())
                }
            waiting = tx.registry.waiting() if visitor.sees_all else ()
            context = {
                "alarms": [alarm_card(one, zone) for one in tx.pages.alarms(MAX_ALARMS, kiosks)],
                "waiting": [(one, moment(one.last_at, zone)) for one in waiting],
            }
        return self._site.render(request, visitor, "alarms.html", context)

    def _health(self, _: Request) -> Response:
        """GET /healthz: whether the database answers, and how the line stands. Without log-in."""
        line = self._site.line().value
        try:
            with self._site.store.reading() as tx:
                tx.people.has_accounts()
        except StoreError:
            return JSONResponse({"ok": False, "db": False, "line": line}, 503)
        return JSONResponse({"ok": True, "db": True, "line": line})


def _filter(request: Request) -> Filter:
    said = {name: request.query_params.get(name, "") for name in Filter.__struct_fields__}
    return Filter(**said)


def _link(which: Filter) -> str:
    said = {name: value for name, value in structs.asdict(which).items() if value}
    return "/presences?" + urlencode(said) if said else "/presences"
