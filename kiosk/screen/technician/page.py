"""The technician's page: its addresses.

    GET  /        how the kiosk is           GET  /part    the same without a frame, for the script
    GET  /login   POST /login   POST /logout
    POST /do      one of `_DEEDS`, recorded under the technician's name

A form is taken only from our own pages, and every answer asks the daemon whether the technician may
still be here.
"""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from msgspec import Struct
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from kiosk.facts import STATES, worst
from kiosk.local import CannotDo, NoDaemon
from kiosk.screen.technician import facts
from kiosk.screen.technician.daemon import DO_S, Daemon
from kiosk.screen.technician.sessions import Sessions
from sync.shield import Shield, is_ours, is_short

COOKIE: Final = "kiosk_technician"

SURE_COOKIE: Final = f"__Host-{COOKIE}"
"""The same by HTTPS: what listens on another port of this host in the clear cannot set that one."""

FORM_MOST_BYTES: Final = 8192

LOGINS_AT_ONCE: Final = 2
"""So many passwords are compared at once: a second each on a Pi, and strangers come by dozens."""

BUSY_S: Final = 5
"""So long whoever comes beyond that is asked to wait."""

_HERE: Final = Path(__file__).parent

_MINUTE_MS: Final = 60_000

_WITNESS_ERROR_MS: Final = 2 * _MINUTE_MS
"""A watch's minute, its own error, and what passes until the form is sent."""


class Who(Struct, frozen=True):
    """A technician who is logged in, by `token`."""

    name: str
    token: str


class Technicians:
    """The endpoints. `zone` is the kiosk's; `hosts` names it may be called by, empty for any."""

    def __init__(
        self,
        daemon: Daemon,
        zone: str,
        hosts: Sequence[str],
        *,
        idle_s: float,
        https: bool,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._daemon = daemon
        self._zone = zone
        self._hosts = list(hosts) or ["*"]
        self._https = https
        self._cookie = SURE_COOKIE if https else COOKIE
        self._comparing = threading.BoundedSemaphore(LOGINS_AT_ONCE)
        self._sessions = Sessions(idle_s, monotonic)
        environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates = Jinja2Templates(env=environment)

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=[
                Route("/", self.look),
                Route("/part", self.part),
                Route("/login", self.form, methods=["GET"]),
                Route("/login", self.enter, methods=["POST"]),
                Route("/logout", self.leave, methods=["POST"]),
                Route("/do", self.do, methods=["POST"]),
                Mount("/static", StaticFiles(directory=_HERE / "static")),
            ],
            middleware=[
                Middleware(Shield),
                # Another site's name that leads here must not open the page (DNS rebinding).
                Middleware(TrustedHostMiddleware, allowed_hosts=self._hosts),
            ],
            exception_handlers={NoDaemon: self._away},
        )

    # Looking.

    def look(self, request: Request) -> Response:
        """GET /."""
        who = self._who(request, active=True)
        if who is None:
            return RedirectResponse("/login", 303)
        return self._show(request, who)

    def part(self, request: Request) -> Response:
        """GET /part: what the script puts in place of the old; it keeps nobody logged in."""
        who = self._who(request, active=False)
        if who is None:
            return PlainTextResponse("log in\n", 401)
        return self._templates.TemplateResponse(request, "_part.html", self._facts())

    def _show(self, request: Request, who: Who, said: str = "", trouble: str = "") -> Response:
        context = {"who": who.name, "said": said, "trouble": trouble, **self._facts()}
        status = 409 if trouble else 200
        return self._templates.TemplateResponse(request, "technician.html", context, status)

    def _facts(self) -> dict[str, Any]:
        status = self._daemon.status()
        found = facts.facts(status, self._zone)
        return {
            "kiosk": status.kiosk,
            "software": status.software,
            "facts": found,
            "worst": worst(found),
            "states": STATES,
            "strangers": facts.strangers(status),
            "lately": facts.lately(self._daemon.troubles(), self._zone),
            "clock_is_sure": status.clock.may_show_lateness,
        }

    # Who.

    def _who(self, request: Request, *, active: bool) -> Who | None:
        """Return who brings a request. Raises NoDaemon."""
        token = request.cookies.get(self._cookie, "")
        session = self._sessions.find(token, active=active) if token else None
        if session is None:
            return None
        try:
            return Who(self._daemon.still(session.name, session.badge), token)
        except CannotDo:
            self._sessions.end(token)
            return None

    def form(self, request: Request) -> Response:
        """GET /login."""
        return self._ask(request, "", 200)

    def _ask(self, request: Request, trouble: str, status: int) -> Response:
        context = {"trouble": trouble}
        return self._templates.TemplateResponse(request, "technician_login.html", context, status)

    async def enter(self, request: Request) -> Response:
        """POST /login."""
        return await self._of_form(request, self._enter)

    def _enter(self, request: Request, form: FormData) -> Response:
        name, password = _text(form, "name"), _text(form, "password", strip=False)
        if not self._comparing.acquire(blocking=False):
            return self._wait(request, BUSY_S)
        try:
            badge = self._daemon.admit(name, password, _address(request))
        except CannotDo as refused:
            if str(refused).isdecimal():
                return self._wait(request, int(str(refused)))
            return self._ask(request, str(refused) or "Nama atau kata sandi salah.", 401)
        finally:
            self._comparing.release()
        self._sessions.end(request.cookies.get(self._cookie, ""))
        answer = RedirectResponse("/", 303)
        token = self._sessions.begin(name, badge)
        answer.set_cookie(
            self._cookie, token, httponly=True, samesite="strict", secure=self._https, path="/"
        )
        return answer

    def _wait(self, request: Request, wait_s: int) -> Response:
        words = f"Terlalu banyak percobaan. Coba lagi dalam {wait_s} detik."
        answer = self._ask(request, words, 429)
        answer.headers["Retry-After"] = str(wait_s)
        return answer

    async def leave(self, request: Request) -> Response:
        """POST /logout."""
        return await self._of_form(request, self._leave)

    def _leave(self, request: Request, _: FormData) -> Response:
        self._sessions.end(request.cookies.get(self._cookie, ""))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(
            self._cookie, httponly=True, samesite="strict", secure=self._https, path="/"
        )
        return answer

    # Doing.

    async def do(self, request: Request) -> Response:
        """POST /do."""
        return await self._of_form(request, self._do)

    def _do(self, request: Request, form: FormData) -> Response:
        who = self._who(request, active=True)
        if who is None:
            return RedirectResponse("/login", 303)
        deed = _text(form, "deed")
        try:
            wanted, said = self._asked(deed, form)
            told = self._daemon.do(wanted, {**said, "by": who.name}, DO_S)
        except CannotDo as refused:
            return self._show(request, who, trouble=str(refused))
        return self._show(request, who, said=told)

    def _asked(self, deed: str, form: FormData) -> tuple[str, dict[str, str]]:
        """Return what to ask of the daemon. Raises CannotDo."""
        match deed:
            case "test" | "identify" | "read" | "set clock":
                return deed, {"source": _text(form, "source")}
            case "approve":
                return deed, {
                    "serial": _text(form, "serial"),
                    "name": _text(form, "name"),
                    "timezone": self._zone,
                }
            case "witness":
                return deed, {
                    "utc": str(self._utc(_text(form, "time"))),
                    "error": str(_WITNESS_ERROR_MS),
                }
            case _:
                raise CannotDo(f"{deed!r} is nothing that can be done here")

    def _utc(self, said: str) -> int:
        """Return the middle of the minute `YYYY-MM-DDTHH:MM` here. Raises CannotDo."""
        try:
            naive = datetime.strptime(said, "%Y-%m-%dT%H:%M").replace(tzinfo=ZoneInfo(self._zone))
            begin = naive.timestamp()
        except (ValueError, OverflowError):
            raise CannotDo(f"{said!r} is no time; write the date and the time of a watch") from None
        return int(begin * 1000) + _MINUTE_MS // 2

    async def _of_form(
        self, request: Request, do: Callable[[Request, FormData], Response]
    ) -> Response:
        """Do what a form of our own asks for, in a thread."""
        if not is_ours(request):
            return PlainTextResponse("This form was sent from another site.\n", 403)
        if not is_short(request, FORM_MOST_BYTES):
            return PlainTextResponse("This form is too long.\n", 413)
        async with request.form(max_files=0, max_fields=8) as form:
            return await run_in_threadpool(do, request, form)

    async def _away(self, request: Request, error: Exception) -> Response:
        context = {"why": str(error)}
        return self._templates.TemplateResponse(request, "technician_away.html", context, 503)


def _text(form: FormData, name: str, *, strip: bool = True) -> str:
    said = form.get(name, "")
    if not isinstance(said, str):
        return ""
    return said.strip() if strip else said


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
