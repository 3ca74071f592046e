"""The one place where push terminals call: a socket, a thread for each caller, and who may.

    network not in the settings       hung up on
    too many connections              hung up on
    serial that nobody approved       403, and remembered for a technician
    too many requests                 429
    the source is not there           503

In every case the terminal keeps what it has. What a request means is the session's, when it may be
answered the desk's.
"""

import contextlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from email.utils import format_datetime
from ipaddress import ip_address, ip_network
from typing import Final

from drivers.base import Stranger
from drivers.errors import Misconfigured
from drivers.options import PushListener
from drivers.zkteco.push.answers import Answer
from drivers.zkteco.push.asked import Asked
from drivers.zkteco.push.caller import Caller
from drivers.zkteco.push.clock import TrustedNow
from drivers.zkteco.push.declined import Declined
from drivers.zkteco.push.desk import Desk
from drivers.zkteco.push.limits import Rate, Rates, Room
from drivers.zkteco.push.strangers import Strangers

CALLERS_MOST: Final = 64
"""Most connections at once; a terminal has one or two."""

CALLERS_MOST_EACH: Final = 16
"""Most of them from one address."""

BODIES_MOST_BYTES: Final = 16 << 20
"""All bodies that are held at one moment."""

TERMINAL_RATE: Final = Rate(20.0, 200.0)
"""A terminal that sends a month's log, batch after batch, stays below it."""

STRANGER_RATE: Final = Rate(0.5, 20.0)
"""For one address whose serials nobody knows, or that has not shown a serial's key."""

TOTAL_RATE: Final = Rate(200.0, 1000.0)
LOOK_EVERY_S: Final = 0.5
_ALL: Final = "all"


class Listener:
    """Serves every push terminal of a kiosk.

    Attributes:
        port: where it listens, once it does.
        trouble: why it does not listen; "" while it does.
        room: the memory for bodies.
    """

    def __init__(
        self, options: PushListener, now: Callable[[], datetime], trusted: TrustedNow
    ) -> None:
        """`now` is the kiosk's clock, `trusted` the same where terminals may be told."""
        self.port = options.port
        self.trouble = ""
        self.room = Room(BODIES_MOST_BYTES)
        self._options = options
        self._networks = [ip_network(one) for one in options.networks]
        self._now = now
        self._trusted = trusted
        self._desks: dict[str, Desk] = {}
        self._strangers = Strangers()
        self._terminals, self._unknown = Rates(TERMINAL_RATE), Rates(STRANGER_RATE)
        self._total = Rates(TOTAL_RATE)
        self._callers: Counter[str] = Counter()
        self._lines: set[socket.socket] = set()
        self._lock = threading.Lock()

    def expect(self, desk: Desk) -> None:
        """Serve `desk`'s terminal from now on."""
        with self._lock:
            self._desks[desk.serial] = desk
        self._strangers.forget(desk.serial)

    def strangers(self) -> list[Stranger]:
        """Return the unknown terminals that called, the latest last."""
        return self._strangers.all()

    def run(self, stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
        """Serve until `stopping()`. Raises Misconfigured if it cannot listen."""
        try:
            listening = socket.create_server((self._options.host, self._options.port))
        except OSError as error:
            where = f"{self._options.host}:{self._options.port}"
            self.trouble = f"push: cannot listen on {where}: {error.strerror}"
            raise Misconfigured(
                self.trouble, hint="Choose another [push] host or port, or end what has it"
            ) from error
        with listening:
            self.port, self.trouble = listening.getsockname()[1], ""
            listening.settimeout(LOOK_EVERY_S)
            try:
                while not stopping():
                    beat()
                    with contextlib.suppress(TimeoutError):
                        line, (address, *_) = listening.accept()
                        self._meet(line, address, stopping)
            finally:
                self._hang_up()

    def _meet(self, line: socket.socket, address: str, stopping: Callable[[], bool]) -> None:
        there = ip_address(address)
        with self._lock:
            welcome = (
                any(there in network for network in self._networks)
                and self._callers.total() < CALLERS_MOST
                and self._callers[address] < CALLERS_MOST_EACH
            )
            if welcome:
                self._callers[address] += 1
                self._lines.add(line)
        if not welcome:
            line.close()
            return
        try:
            threading.Thread(
                target=self._attend, args=(line, address, stopping), name="push-caller", daemon=True
            ).start()
        except RuntimeError:  # no thread is to be had: it calls again
            self._left(line, address)
            line.close()

    def _attend(self, line: socket.socket, address: str, stopping: Callable[[], bool]) -> None:
        try:
            Caller(line, address, self).run(stopping)
        finally:
            self._left(line, address)

    def _left(self, line: socket.socket, address: str) -> None:
        with self._lock:
            self._lines.discard(line)
            self._callers[address] -= 1
            if not self._callers[address]:
                del self._callers[address]

    def _hang_up(self) -> None:
        """End every connection: nobody is left to answer."""
        with self._lock:
            for line in self._lines:
                with contextlib.suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)

    # What a caller is served by.

    @contextmanager
    def admitted(self, asked: Asked, address: str) -> Iterator[None]:
        """Refuse who is unknown and who calls too often; else the desk is visited.

        Raises Declined.
        """
        now_s = time.monotonic()
        if (desk := self._desks.get(asked.serial)) is None:
            self._unknown.spend(address, now_s)  # first: a stranger is not to use up all of `_ALL`
            self._total.spend(_ALL, now_s)
            self._strangers.saw(asked, address, round(self._now().timestamp() * 1000))
            raise Declined(403, "this terminal is not approved here")
        if not desk.knows(address):
            self._unknown.spend(f"{asked.serial} {address}", now_s)  # it may be guessing the key
        with desk.visited(asked, address):  # what is refused from here on is known to be missing
            self._terminals.spend(f"{asked.serial} {address}", now_s)
            self._total.spend(_ALL, now_s)
            yield

    def wants_users(self, asked: Asked) -> bool:
        """Return whether the terminal that asks was itself asked for its users."""
        return self._desks[asked.serial].wants_users

    def serve(self, asked: Asked, body: bytes) -> Answer:
        """Return the answer, once it may be given. Raises Declined."""
        return self._desks[asked.serial].serve(asked, body)

    def date(self) -> str:
        """Return the date for an answer's head; "" while the clock is not trusted."""
        now = self._trusted()
        return "" if now is None else format_datetime(now, usegmt=True)
