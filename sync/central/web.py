"""Central's page: who came, as it arrives. Plain HTML, served by Starlette.

Every view of people's data needs a log-in and is written into the access log first.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from msgspec import structs
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import (
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from sync.central.authority import Clock
from sync.central.bell import Bell
from sync.central.errors import StoreError
from sync.central.intake import LineState
from sync.central.live import Stream
from sync.central.login import Door
from sync.central.present import MARKS, alarm_card, card, moment, punched, row
from sync.central.settings import Web
from sync.central.shield import Shield
from sync.central.store import Store, Transaction
from sync.central.store.pages import Filter
from sync.central.times import moments

ROWS: Final = 150
"""Presences on the page when it is opened; a browser keeps as many."""

PERSONS: Final = 12
"""People listed beside the page."""

MAX_ALARMS: Final = 200
"""Alarms listed; the latest."""

_HERE: Final = Path(__file__).parent


class Pages:
    """The endpoints. `line` says how the intake's line stands."""

    def __init__(
        self,
        store: Store,
        bell: Bell,
        web: Web,
        clock: Clock,
        line: Callable[[], LineState],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._bell = bell
        self._web = web
        self._line = line
        self._environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined
        )
        self._templates = Jinja2Templates(env=self._environment)
        self._door = Door(store, web, clock, monotonic, self._templates)

    def app(self) -> Starlette:
        """Return the application."""
        door = self._door
        return Starlette(
            routes=[
                Route("/", self.presences),
                Route("/events", self.events),
                Route("/alarms", self.alarms),
                Route("/healthz", self.health),
                Route("/login", door.form, methods=["GET"]),
                Route("/login", door.enter, methods=["POST"]),
                Route("/logout", door.leave, methods=["POST"]),
                Mount("/static", StaticFiles(directory=_HERE / "static")),
            ],
            middleware=[Middleware(Shield)],
            exception_handlers={StoreError: _unavailable},
        )

    def presences(self, request: Request) -> Response:
        """GET /: the newest presences; the rest follows live."""
        which = _filter(request)
        visitor = self._door.welcome(request, active=True)
        if visitor is None:
            return RedirectResponse("/login", 303)
        with self._store.reading() as tx:
            shown = tx.pages.newest(which, ROWS)
            really = moments([punched(one) for one in shown], tx.times.history)
            context = {
                "account": visitor.account,
                "after": tx.pages.latest_id(),
                "terminals": tx.pages.terminals(),
                "persons": tx.pages.persons(PERSONS),
                "kiosks": [card(line, self._web.zone) for line in tx.pages.kiosks()],
                "rows": [
                    row(one, when, self._web.zone) for one, when in zip(shown, really, strict=True)
                ],
                "which": which,
                "marks": MARKS,
                "limit": ROWS,
                "link": lambda **changes: _link(structs.replace(which, **changes)),
            }
        return self._templates.TemplateResponse(request, "presences.html", context)

    def events(self, request: Request) -> Response:
        """GET /events: the live stream, from Last-Event-ID or `after` on."""
        which = _filter(request)
        if self._door.welcome(request, active=False) is None:
            return PlainTextResponse("log in first\n", 401)
        with self._store.reading() as tx:
            latest = tx.pages.latest_id()
        said = request.headers.get("last-event-id") or request.query_params.get("after", "")
        # Nobody waits for an id that is still to come: a page of another database is out of date.
        after = min(int(said), latest) if said.isdecimal() and len(said) < 19 else latest

        def is_open(tx: Transaction) -> bool:
            return self._door.visitor(tx, request) is not None

        stream = Stream(
            self._store, self._bell, self._web, self._environment, which, after, is_open
        )
        return StreamingResponse(
            stream.run(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
        )

    def alarms(self, request: Request) -> Response:
        """GET /alarms: what is wrong, and who waits for admission."""
        visitor = self._door.welcome(request, active=True)
        if visitor is None:
            return RedirectResponse("/login", 303)
        zone = self._web.zone
        with self._store.reading() as tx:
            context = {
                "account": visitor.account,
                "alarms": [alarm_card(one, zone) for one in tx.pages.alarms(MAX_ALARMS)],
                "waiting": [(one, moment(one.last_at, zone)) for one in tx.registry.waiting()],
            }
        return self._templates.TemplateResponse(request, "alarms.html", context)

    def health(self, _: Request) -> Response:
        """GET /healthz: whether the database answers, and how the line stands. Without log-in."""
        try:
            with self._store.reading() as tx:
                tx.people.has_accounts()
        except StoreError:
            return JSONResponse({"ok": False, "db": False, "line": self._line().value}, 503)
        return JSONResponse({"ok": True, "db": True, "line": self._line().value})


def _unavailable(_: Request, __: Exception) -> Response:
    words = "Basis data sedang tidak tersedia. / The database is not available right now.\n"
    return PlainTextResponse(words, 503)


def _filter(request: Request) -> Filter:
    said = {name: request.query_params.get(name, "") for name in Filter.__struct_fields__}
    return Filter(**said)


def _link(which: Filter) -> str:
    said = {name: value for name, value in structs.asdict(which).items() if value}
    return "/?" + urlencode(said) if said else "/"
