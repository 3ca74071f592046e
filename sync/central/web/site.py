"""What every page has: the store, the templates, the door. And how an endpoint is made.

A page is a class with `routes()`. Its endpoints are plain functions of a request and of whoever
brings it, run in a thread:

    site.page(look)     GET: somebody is logged in, may see it, and it is written down that they did
    site.act(do)        POST: the same, of a form that was sent from one of our own pages

They raise `Sorry` for what cannot be shown or done; the reader is told why and what to do.
"""

import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.templating import Jinja2Templates

from sync.central.authority import Authority, Clock
from sync.central.bell import Bell
from sync.central.city import Cities, City
from sync.central.decisions import Decisions
from sync.central.exits import Refused
from sync.central.intake import LineState
from sync.central.registrar import Registrar
from sync.central.roles import DECIDING, EVERY, OF_ONESELF, OF_THE_CITY, ROLES, Role, Visitor
from sync.central.settings import Approval, Web
from sync.central.store import Store, Transaction
from sync.central.web.asked import is_text
from sync.central.web.login import Door

HERE: Final = Path(__file__).parent

MAX_FORM_BYTES: Final = 64 << 10
"""Longest form, bytes; a page that takes files says how long they may be."""

Look = Callable[[Request, Visitor], Response]
Do = Callable[[Request, Visitor, FormData], Response]
Endpoint = Callable[[Request], Any]


_AS_GIVEN: Final = Approval()


class Sorry(Exception):
    """What was asked for cannot be shown or done; the text says why, in Bahasa Indonesia."""

    status = 400


class Missing(Sorry):
    """There is no such thing, or none that this one may see."""

    status = 404


class Forbidden(Sorry):
    """This account may not."""

    status = 403


class Site:
    """What every page has; `line` says how the intake's line stands.

    Attributes:
        cities: the city as the database has it, made anew when that has changed.
        decisions: central's own journal; every change that a page makes stands in it.
        authority: central's key, for what is signed.
        approval: what needs a second account.
        registrar: makes devices into kiosks; None where nothing is enrolled here.
    """

    def __init__(
        self,
        store: Store,
        bell: Bell,
        web: Web,
        clock: Clock,
        line: Callable[[], LineState],
        decisions: Decisions,
        authority: Authority,
        monotonic: Callable[[], float] = time.monotonic,
        approval: Approval = _AS_GIVEN,
        registrar: Registrar | None = None,
    ) -> None:
        self.store = store
        self.bell = bell
        self.web = web
        self.clock = clock
        self.line = line
        self.decisions = decisions
        self.authority = authority
        self.monotonic = monotonic
        self.approval = approval
        self.registrar = registrar
        self.cities = Cities()
        self.environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.templates = Jinja2Templates(env=self.environment)
        self.door = Door(store, web, clock, monotonic, self.templates)

    def city(self) -> City:
        """Return the city as it is now. Raises StoreError."""
        with self.store.reading() as tx:
            return self.cities.current(tx)

    def decide(
        self,
        tx: Transaction,
        visitor: Visitor,
        action: str,
        subject: str,
        *,
        reason: str = "",
        detail: Mapping[str, str] | None = None,
    ) -> None:
        """Record what `visitor` decided, last before `tx` commits it. Raises Refused, StoreError.

        So that nobody else's name stands under it, the account is the actor.
        """
        self.decisions.decide(
            tx, action, subject, reason=reason, detail=detail, actor=f"account {visitor.account}"
        )

    def page(self, look: Look, *, roles: Collection[Role] = EVERY) -> Endpoint:
        """Return the endpoint that shows what `look` returns."""

        def endpoint(request: Request) -> Response:
            visitor = self.door.welcome(request, active=True)
            if visitor is None:
                return RedirectResponse("/login", 303)
            try:
                _check(visitor, roles)
                return look(request, visitor)
            except (Sorry, Refused) as sorry:
                return self.refuse(request, visitor, sorry)

        return endpoint

    def act(
        self,
        do: Do,
        *,
        roles: Collection[Role] = DECIDING,
        most_bytes: int = MAX_FORM_BYTES,
        files: int = 0,
    ) -> Endpoint:
        """Return the endpoint that does what a form asks for, of at most so many bytes."""

        async def endpoint(request: Request) -> Response:
            refused = self.door.refuse_form(request, most_bytes)
            if refused is not None:
                return refused
            async with request.form(max_files=files, max_fields=500) as form:
                return await run_in_threadpool(done, request, form)

        def done(request: Request, form: FormData) -> Response:
            visitor = self.door.welcome(request, active=True)
            if visitor is None:
                return RedirectResponse("/login", 303)
            try:
                _check(visitor, roles)
                if not all(
                    is_text(said) for _, said in form.multi_items() if isinstance(said, str)
                ):
                    raise Sorry("Formulir ini berisi huruf yang tidak mungkin.")
                return do(request, visitor, form)
            except (Sorry, Refused) as sorry:
                return self.refuse(request, visitor, sorry)

        return endpoint

    def render(
        self,
        request: Request,
        visitor: Visitor,
        template: str,
        context: Mapping[str, Any],
        status: int = 200,
    ) -> Response:
        """Return a page made of a template, inside the frame that all have."""
        nav = [one for one in _nav(visitor) if one[1] != "kiosks" or self.registrar is not None]
        frame = {"visitor": visitor, "role": ROLES[visitor.role], "nav": nav}
        return self.templates.TemplateResponse(request, template, {**frame, **context}, status)

    def refuse(self, request: Request, visitor: Visitor, sorry: Sorry | Refused) -> Response:
        """Return the page that says why not."""
        status = sorry.status if isinstance(sorry, Sorry) else Sorry.status
        return self.render(request, visitor, "sorry.html", {"why": str(sorry)}, status)


_NAV: Final = (
    ("/", "today", "Hari ini", EVERY),
    ("/recap", "recap", "Rekap", EVERY),
    ("/people", "people", "Pegawai", EVERY),
    ("/review", "review", "Perlu dilihat", DECIDING),
    ("/closings", "closings", "Tutup bulan", EVERY),
    ("/presences", "presences", "Kehadiran", OF_THE_CITY),
    ("/alarms", "alarms", "Peringatan", EVERY),
    ("/kiosks", "kiosks", "Kiosk", frozenset({Role.ADMIN})),
    ("/accounts", "accounts", "Akun", frozenset({Role.ADMIN})),
    ("/code", "code", "Kode saya", OF_ONESELF),
)
"""Where the pages are: path, name, word, and whose they are."""


def _nav(visitor: Visitor) -> list[tuple[str, str, str]]:
    return [(path, name, word) for path, name, word, roles in _NAV if visitor.role in roles]


def _check(visitor: Visitor, roles: Collection[Role]) -> None:
    if visitor.role not in roles:
        raise Forbidden(f"Akun dengan peran {ROLES[visitor.role]} tidak boleh melakukan ini.")
