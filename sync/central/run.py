"""`presensi-central run`: the intake and the page in one process, until SIGTERM or Ctrl-C.

Four threads: this one waits, one hears kiosks, one serves the page, one makes the heads of the
night. Whichever of them ends takes
the process with it: a central that only looks alive would be worse than none.
"""

import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final

import uvicorn

from sync import firstuse
from sync.central.audit.nightly import Nightly
from sync.central.bell import Bell
from sync.central.certify import open_registrar
from sync.central.clock import now_ms
from sync.central.exits import Exit, Refused
from sync.central.house import House, open_downlink
from sync.central.inbox import Inbox
from sync.central.ingest import Ingest
from sync.central.intake import Intake, dial
from sync.central.settings import Web
from sync.central.web.app import app
from sync.central.web.site import Site

END_WITHIN_S: Final = 1.0
"""How long each thread is given to end; what it had not committed is then as if never heard."""

_BACKLOG: Final = 128

SWITCH_S: Final = 0.0005
"""How soon a thread that computes lets the one go on that the database has answered, seconds."""

log: Final = logging.getLogger(__name__)


def run(house: House) -> int:
    """Serve until told to stop; return an exit code. Raises Refused where it cannot begin."""
    sys.setswitchinterval(SWITCH_S)
    firstuse.prepare()
    web = house.place.settings.web
    bell, stop = Bell(), threading.Event()
    inbox = Inbox(Ingest(house.authority.fingerprint, now_ms), now_ms)
    line = dial(house.place.broker, house.authority.group)
    downlink = open_downlink(house)
    registrar = open_registrar(house)
    intake = Intake(
        line,
        house.store,
        house.authority,
        inbox,
        bell.ring,
        downlink=downlink,
        renew=registrar.renew,
    )
    site = Site(
        house.store,
        bell,
        web,
        now_ms,
        lambda: intake.state,
        house.decisions,
        house.authority,
        approval=house.place.settings.decisions,
        registrar=registrar,
    )
    nightly = Nightly(house.place, house.store, house.authority, now_ms, house.decisions.ends)
    listening = _listen(web)
    server = uvicorn.Server(
        uvicorn.Config(
            app(site),
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            limit_concurrency=256,
            timeout_graceful_shutdown=1,
        )
    )

    asked = threading.Event()

    def on_signal(_: int, __: FrameType | None) -> None:
        asked.set()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    threads = (
        _start("page", lambda: server.run(sockets=[listening]), stop),
        _start("intake", lambda: intake.run(stop), stop),
        _start("night", lambda: nightly.run(stop), stop),
    )
    host, port = listening.getsockname()[:2]
    sys.stdout.write(f"presensi-central: page at {_address(host, port)}\n")
    sys.stdout.flush()
    stop.wait()
    bell.close()
    server.should_exit = True
    for thread in threads:
        thread.join(END_WITHIN_S)
    listening.close()
    return Exit.OK if asked.is_set() else Exit.FAILED


def _start(name: str, work: Callable[[], None], stop: threading.Event) -> threading.Thread:
    """Start a thread whose end, for whatever reason, ends the others."""

    def run_and_stop() -> None:
        try:
            work()
        finally:
            stop.set()

    # A daemon: a connection attempt that hangs does not hold the process back.
    thread = threading.Thread(target=run_and_stop, name=name, daemon=True)
    thread.start()
    return thread


def _listen(web: Web) -> socket.socket:
    """Return the page's listening socket. Raises Refused."""
    family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((web.host, web.port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise Refused(
            f"page at {_address(web.host, web.port)}: {error.strerror or error}; "
            "end what listens there or change web.host, web.port",
            Exit.UNAVAILABLE,
        ) from error
    return listening


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
