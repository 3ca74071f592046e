"""The screen of a kiosk that is not set up yet: what to do, and the six digits while they hold.

It has no settings to go by, so it stands at the screen's default address. When kiosk.toml is there
it ends, and the screen proper takes its place; the page notices that by itself.

    GET  /         the page
    GET  /unset    {"digits": "042117"}, or "" for none; gone once the kiosk is set up
"""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from socket import socket
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from kiosk.screen.serve import Listener, Server, bound, configured
from kiosk.settings import LOOPBACK, Screen
from kiosk.setup.digits import told
from sync.shield import Shield

LOOK_EVERY_S: Final = 0.5

_HERE: Final = Path(__file__).parent


class Unset:
    """Serves the page until there are settings."""

    def __init__(self, config: Path, home: Path, screen: Screen = Screen()) -> None:  # noqa: B008 - frozen
        self._config = config
        self._home = home
        environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined
        )
        self._page = environment.get_template("unset.html").render()
        self._ended = False
        self.listener = Listener(self._app(), screen.host, screen.port)

    def run(self, ready: Callable[[], None] = lambda: None) -> bool:
        """Serve; return whether there are settings now, or it was told to stop. Raises OSError."""
        with bound(self.listener) as listening:
            asyncio.run(self._serve(Server(configured(self.listener)), listening, ready))
        return self._config.exists() and not self._ended

    async def _serve(self, server: Server, listening: socket, ready: Callable[[], None]) -> None:
        def end() -> None:
            self._ended = True

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        ready()
        while not (self._ended or self._config.exists() or serving.done()):
            await asyncio.sleep(LOOK_EVERY_S)
        server.should_exit = True
        await serving

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self._screen),
                Route("/unset", self._unset),
                Mount("/static", StaticFiles(directory=_HERE / "static")),
            ],
            middleware=[
                Middleware(Shield),
                Middleware(TrustedHostMiddleware, allowed_hosts=sorted(LOOPBACK | {"[::1]"})),
            ],
        )

    async def _screen(self, _: Request) -> Response:
        """GET /."""
        return HTMLResponse(self._page)

    async def _unset(self, _: Request) -> Response:
        """GET /unset."""
        return JSONResponse({"digits": told(self._home)})
