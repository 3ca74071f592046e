"""Who is looking: log-in, log-out, and the session that a request brings along.

A session is a random token in a cookie; the store has only its hash, so that whoever reads the
database cannot be anybody.
"""

import secrets
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.templating import Jinja2Templates

from sync.central.authority import Clock
from sync.central.roles import Visitor
from sync.central.settings import Web
from sync.central.store import Store, Transaction
from sync.central.store.people import Look, Session
from sync.central.web.asked import address, is_text
from sync.passwords import Throttle, fits
from sync.shield import is_ours, is_short

COOKIE: Final = "presensi"

MAX_FORM_BYTES: Final = 4096
"""Longest log-in form, bytes."""

_MINUTE_MS: Final = 60_000


class Door:
    """Lets people in and out, and writes down who looked."""

    def __init__(
        self,
        store: Store,
        web: Web,
        clock: Clock,
        monotonic: Callable[[], float],
        templates: Jinja2Templates,
    ) -> None:
        self._store = store
        self._web = web
        self._clock = clock
        self._throttle = Throttle(monotonic)
        self._templates = templates

    def visitor(self, tx: Transaction, request: Request) -> Visitor | None:
        """Return who brings `request`; None where the log-in is missing or was idle too long."""
        token = request.cookies.get(COOKIE)
        if not token:
            return None
        token_hash = sha256(token.encode()).digest()
        session = tx.people.session(token_hash)
        if session is None or session.seen_at < self._oldest():
            return None
        return _visitor(session, token_hash, request)

    def program(self, request: Request) -> Visitor | None:
        """Return in whose name a program asks, by `Authorization: Bearer TOKEN`; None for nobody.

        It is written down what it is about to see.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        with self._store.reading() as tx:
            session = tx.people.token(sha256(token.strip().encode()).digest())
        if session is None:
            return None
        visitor = _visitor(session, b"", request)
        with self._store.writing() as tx:
            tx.people.note_look(self._look(request, visitor))
        return visitor

    def welcome(self, request: Request, *, active: bool) -> Visitor | None:
        """Return who brings `request`, once it is written down what they are about to see.

        `active` is whether a person did something: then the idle time begins anew.
        """
        with self._store.reading() as tx:
            visitor = self.visitor(tx, request)
        if visitor is None:
            return None
        with self._store.writing() as tx:
            tx.people.note_look(self._look(request, visitor))
            if active:
                tx.people.touch_session(visitor.token_hash, self._clock())
        return visitor

    def _look(self, request: Request, visitor: Visitor) -> Look:
        return Look(self._clock(), visitor.account, visitor.address, address(request.scope))

    def _oldest(self) -> int:
        return self._clock() - self._web.idle_minutes * _MINUTE_MS

    def refuse_form(self, request: Request, most_bytes: int) -> Response | None:
        """Return the refusal of a form that another site sent, or that is too long; else None."""
        if not is_ours(request):
            words = (
                "Formulir ini dikirim dari situs lain. / This form was sent from another site.\n"
            )
            return PlainTextResponse(words, 403)
        if not is_short(request, most_bytes):
            return PlainTextResponse("Formulir ini terlalu besar. / This form is too long.\n", 413)
        return None

    # Endpoints.

    def form(self, request: Request) -> Response:
        """GET /login."""
        return self._ask(request, "", 200)

    def _ask(self, request: Request, trouble: str, status: int) -> Response:
        with self._store.reading() as tx:
            anybody = tx.people.has_accounts()
        context = {"trouble": trouble, "anybody": anybody}
        return self._templates.TemplateResponse(request, "login.html", context, status)

    async def enter(self, request: Request) -> Response:
        """POST /login."""
        refused = self.refuse_form(request, MAX_FORM_BYTES)
        if refused is not None:
            return refused
        async with request.form(max_files=0, max_fields=8) as form:
            name, password = (str(form.get(field, "")) for field in ("name", "password"))
        return await run_in_threadpool(self._enter, request, name, password)

    def _enter(self, request: Request, name: str, password: str) -> Response:
        where = address_of(request)
        if wait_s := self._throttle.wait_s(name, where):
            return self._slow_down(request, wait_s)
        with self._store.reading() as tx:
            account = tx.people.account(name) if is_text(name) else None
        secret = None if account is None or account.ended_at else account.secret
        is_right = fits(secret, password)
        # Asked again: whoever guesses many at once is told of none that is more than may fail.
        if wait_s := self._throttle.wait_s(name, where):
            return self._slow_down(request, wait_s)
        if not is_right:
            self._throttle.failed(name, where)
            return self._ask(request, "Nama atau kata sandi salah.", 401)
        self._throttle.succeeded(name, where)
        token = secrets.token_urlsafe(32)
        with self._store.writing() as tx:
            token_hash = sha256(token.encode()).digest()
            tx.people.begin_session(token_hash, name, self._clock(), self._oldest())
        answer = RedirectResponse("/", 303)  # an employee is led on to their own page from there
        answer.set_cookie(
            COOKIE, token, httponly=True, samesite="strict", secure=self._web.https, path="/"
        )
        return answer

    def _slow_down(self, request: Request, wait_s: float) -> Response:
        words = f"Terlalu banyak percobaan. Coba lagi dalam {wait_s:.0f} detik."
        refusal = self._ask(request, words, 429)
        refusal.headers["Retry-After"] = f"{wait_s:.0f}"
        return refusal

    async def leave(self, request: Request) -> Response:
        """POST /logout."""
        refused = self.refuse_form(request, MAX_FORM_BYTES)
        if refused is not None:
            return refused
        return await run_in_threadpool(self._leave, request)

    def _leave(self, request: Request) -> Response:
        token = request.cookies.get(COOKIE)
        if token:
            with self._store.writing() as tx:
                tx.people.end_session(sha256(token.encode()).digest())
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(
            COOKIE, httponly=True, samesite="strict", secure=self._web.https, path="/"
        )
        return answer


def _visitor(session: Session, token_hash: bytes, request: Request) -> Visitor:
    return Visitor(session.account, session.role, session.units, token_hash, address_of(request))


def address_of(request: Request) -> str:
    """Return where a request comes from, as the connection says."""
    return request.client.host if request.client else ""
