"""Serving: sockets that are bound before anything starts, signals, and uvicorn's only door.

`compose` names every listener of the process; a page with other visitors gets one of its own.
"""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, NamedTuple

import uvicorn
from msgspec import structs
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from kiosk.screen.compose import Composer
from kiosk.screen.feed import Feed
from kiosk.screen.hub import Hub
from kiosk.screen.page import Pages
from kiosk.screen.technician.daemon import Daemon
from kiosk.screen.technician.page import Technicians
from kiosk.settings import LOOPBACK, Place

END_WITHIN_S: Final = 2
"""How long a page may take to let go."""


CONNECTIONS_MOST: Final = 64
"""So many to one page at once; a browser opens six."""

ASK_WITHIN_S: Final = 10.0
"""How long a new connection may say nothing."""


class NoCertificate(Exception):
    """A page that is to be served by HTTPS cannot be."""


class Listener(NamedTuple):
    """An application and where it is served."""

    app: ASGIApp
    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None

    @property
    def address(self) -> str:
        """Return where a browser finds it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.certificate else ''}://{host}:{self.port}/"


class Screen:
    """The screen of one kiosk, from its settings to its end."""

    def __init__(self, place: Place) -> None:
        settings = place.settings
        sockets = [place.socket]
        if place.mirror is not None:
            sockets.append(structs.replace(place, stands_in=True).socket)
        self._hub: Hub
        self._feed = Feed(sockets, lambda seen: self._hub.hear(seen))
        composer = Composer(settings.screen, settings.kiosk, settings.sources[0].timezone)
        self._hub = Hub(composer, self._feed.mine)
        self.listeners: list[Listener] = [
            Listener(
                Pages(self._hub, settings.screen).app(),
                settings.screen.host,
                settings.screen.port,
            ),
        ]
        if settings.screen.technician.port:
            self.listeners.append(_technicians(place, sockets))

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until SIGTERM or Ctrl-C.

        Raises OSError where a port cannot be had, NoCertificate where one cannot be read.
        """
        with contextlib.ExitStack() as held:
            sockets = [held.enter_context(bound(one)) for one in self.listeners]
            configs = [configured(one) for one in self.listeners]
            asyncio.run(self._serve(configs, sockets, ready))

    async def _serve(
        self,
        configs: Sequence[uvicorn.Config],
        sockets: Sequence[socket.socket],
        ready: Callable[[], None],
    ) -> None:
        self._hub.begin()
        watching = threading.Thread(target=self._feed.run, name="feed", daemon=True)
        watching.start()
        servers = [Server(one) for one in configs]

        def end() -> None:
            self._hub.close()
            for server in servers:
                server.should_exit = True

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end)
        ready()
        try:
            pairs = zip(servers, sockets, strict=True)
            await asyncio.gather(*(server.serve(sockets=[one]) for server, one in pairs))
        finally:
            self._feed.stop()


def _technicians(place: Place, sockets: Sequence[Path]) -> Listener:
    """Return the technician's page."""
    settings, said = place.settings, place.settings.screen.technician
    page = Technicians(
        Daemon(sockets),
        settings.sources[0].timezone,
        sorted(LOOPBACK | {"[::1]"}) if said.host in LOOPBACK else (),
        idle_s=said.idle_minutes * 60,
        https=bool(said.certificate),
    )
    files = [place.path(name) if name else None for name in (said.certificate, said.key)]
    return Listener(page.app(), said.host, said.port, *files)


class Server(uvicorn.Server):
    """One listener among several: the signals are not its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bound(listener: Listener) -> AbstractContextManager[socket.socket]:
    """Return the listener's socket. Raises OSError."""
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    return socket.create_server((listener.host, listener.port), family=family)


class _Connection(H11Protocol):
    """One connection of a bounded number, which has to say soon what it wants.

    Else whoever opens them by the thousand and says nothing takes all that this machine lets one
    process have open, and the screen could not ask the daemon any more.
    """

    _hurry: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it, or hang up."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_MOST:
            transport.abort()
        else:
            self._hurry = self.loop.call_later(ASK_WITHIN_S, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        if self._hurry is not None:
            self._hurry.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        asked: object = self.cycle  # None, whatever it says
        if asked is None:
            self.transport.abort()


def configured(listener: Listener) -> uvicorn.Config:
    """Return how it is served. Raises NoCertificate."""
    config = uvicorn.Config(
        listener.app,
        http=_Connection,
        ws="none",
        ssl_certfile=listener.certificate,
        ssl_keyfile=listener.key,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=END_WITHIN_S,
        server_header=False,
        proxy_headers=False,  # whoever guesses passwords does not say where from
    )
    try:
        config.load()
    except OSError as error:
        raise NoCertificate(
            f"{listener.certificate} and {listener.key}: {error.strerror or error}; expected a "
            "certificate and its key, both PEM and readable (docs/SCREEN.md)"
        ) from error
    return config
