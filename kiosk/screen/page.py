"""The employee's page: its addresses. Plain HTML, one style, one script; no log-in, no person in
any request.

    GET  /         the page
    GET  /events   frames, as server-sent events
    POST /mine     "did my punch count?": the next scan is answered on the page with this token
    POST /leave    not any more
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from drivers.prompt import Prompt
from kiosk.screen.hub import Hub
from kiosk.screen.times import SEPARATOR
from kiosk.screen.words import TONGUES
from kiosk.settings import LOOPBACK, Screen
from sync.shield import Shield

TOKEN_MOST_BYTES: Final = 64

_HERE: Final = Path(__file__).parent

_AT_REST: Final = (
    *("invite", "starting", "starting_more", "frozen", "clock_unsure"),
    *("ask_mine", "switch", "switch_to", "close"),
)
"""Sentences that the page itself chooses when to show."""


class Pages:
    """The endpoints of one screen."""

    def __init__(self, hub: Hub, screen: Screen) -> None:
        self._hub = hub
        environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined
        )
        self._page = environment.get_template("screen.html").render(
            language=screen.language.value,
            sound="on" if screen.sound else "off",
            words=msgspec.json.encode(_sentences()).decode(),
            prompts=[one.value for one in Prompt],
        )

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=[
                Route("/", self.screen),
                Route("/events", self.events),
                Route("/mine", self.mine, methods=["POST"]),
                Route("/leave", self.leave, methods=["POST"]),
                Mount("/static", StaticFiles(directory=_HERE / "static")),
            ],
            middleware=[
                Middleware(Shield),
                # Another site's name that leads here must not open the page (DNS rebinding).
                Middleware(TrustedHostMiddleware, allowed_hosts=sorted(LOOPBACK | {"[::1]"})),
            ],
        )

    async def screen(self, _: Request) -> Response:
        """GET /: the page; all that changes comes as events."""
        return HTMLResponse(self._page)

    async def events(self, _: Request) -> Response:
        """GET /events: the frames."""
        return StreamingResponse(_lines(self._hub.frames()), media_type="text/event-stream")

    async def mine(self, request: Request) -> Response:
        """POST /mine: what is said is the page's token."""
        if self._hub.ask(await _token(request)):
            return PlainTextResponse("", 202)
        return PlainTextResponse("this page is not open; load it again\n", 409)

    async def leave(self, request: Request) -> Response:
        """POST /leave: nobody is to be shown anything on the page any more."""
        self._hub.leave(await _token(request))
        return Response(status_code=204)


async def _token(request: Request) -> str:
    said = b""
    async for part in request.stream():
        said += part
        if len(said) > TOKEN_MOST_BYTES:
            return ""
    return said.decode("ascii", "replace")


async def _lines(frames: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield b"retry: 500\n\n"
    async for frame in frames:
        yield b"data: " + frame + b"\n\n"


def _sentences() -> dict[str, dict[str, str]]:
    return {
        language.value: {
            "separator": SEPARATOR[language],
            **{name: getattr(words, name) for name in _AT_REST},
        }
        for language, words in TONGUES.items()
    }
