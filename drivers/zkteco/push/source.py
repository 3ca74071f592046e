"""A ZKTeco terminal that calls us, as a source: what it uploads, answered once it is on disk.

The terminal begins everything, so there is nothing to connect: `open` lets the listener take its
requests, `close` lets it take none. The position is what the terminal calls its stamps; it is kept
as it came and handed back. No coverage is ever said: nothing in this protocol proves that a
terminal has sent all that it has.
"""

import secrets
import time
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from drivers.base import Identity, Reading
from drivers.errors import SourceError, TimedOut, Unreachable
from drivers.options import ZkPush
from drivers.zkteco.push.clock import TrustedNow
from drivers.zkteco.push.desk import Desk, Laid
from drivers.zkteco.push.listener import Listener
from drivers.zkteco.push.place import Place, placed, position
from drivers.zkteco.push.session import Session
from drivers.zkteco.push.store import WITHIN_S, PushStore


class PushSource:
    """Implements `drivers.base.Source` for a `ZkPush`."""

    def __init__(
        self,
        options: ZkPush,
        now: Callable[[], datetime],
        trusted: TrustedNow,
        listener: Listener,
    ) -> None:
        """`now` is the kiosk's clock, aware UTC; the terminal is told `trusted` only."""
        self.name = options.name
        self._options = options
        self._where = f"source {options.name} (serial {options.serial})"
        self._listener = listener
        self._session = Session(
            options,
            ZoneInfo(options.timezone),
            now,
            trusted,
            code=secrets.token_hex(16),
            # Results of commands from before a restart are nobody's: ids do not begin at 1 again.
            first_id=secrets.randbelow(900_000) + 1,
        )
        self._desk = Desk(options.serial, self._session)
        self._on_disk = Place(serial=options.serial)
        self._read: tuple[Reading, Laid] | None = None
        self._since_s: float | None = None
        self._is_missing = False
        listener.expect(self._desk)

    def open(self, position: bytes | None, beat: Callable[[], None]) -> Identity:
        """Take the terminal's requests, going on from `position`.

        A terminal that has not called yet is waited for in `read`; its model is then what it said
        last time.

        Raises:
            Unreachable: it has not called since `read` found it missing, or nobody can call.
        """
        if self._listener.trouble:
            raise Unreachable(self._listener.trouble)
        self._since_s = self._since_s or time.monotonic()
        if self._is_missing and self._silent_s() > self._options.silent_s:
            raise self._missing(Unreachable)
        self._is_missing = False
        self._on_disk = placed(position, self._options.serial)
        self._desk.begin(self._on_disk)
        return self._session.identity

    def read(self, wait_s: float) -> Reading | None:
        """Return the next upload.

        Raises:
            TimedOut: the terminal has not called, or not with its key, for too long.
            Unreachable: the source has been closed.
        """
        laid = self._desk.take(wait_s)
        if laid is None:
            if not self._desk.is_open:
                raise Unreachable(
                    f"{self._where}: it was closed by a thread that had been given up"
                )
            if self._silent_s() > self._options.silent_s:
                self._is_missing = True
                raise self._missing(TimedOut)
            return None
        upload, moves = laid.upload, laid.place != self._on_disk
        reading = Reading(
            punches=upload.punches,
            events=upload.events,
            drift_ms=upload.drift_ms,
            position=position(laid.place) if moves else None,
        )
        self._read = reading, laid
        return reading

    def confirm(self, reading: Reading) -> None:
        """Have the upload answered with 200, if `reading` is what was read last."""
        read = self._read
        if read is not None and read[0] is reading:
            _, laid = read
            self._on_disk = laid.place
            self._desk.recorded(laid)

    def close(self) -> None:
        """Have every request answered with 503 from now on: the terminal keeps what it has."""
        self._desk.end()

    def store(self) -> PushStore:
        """Return what can be asked of the terminal's users. Any thread but the source's."""
        return PushStore(self._desk, self._where, WITHIN_S)

    @property
    def heard_s(self) -> float | None:
        """Return when the terminal called last, by `time.monotonic`; None if never."""
        return self._desk.heard_s

    def _silent_s(self) -> float:
        since_s = max(self._since_s or 0.0, self.heard_s or 0.0)
        return time.monotonic() - since_s

    def _missing(self, kind: type[SourceError]) -> SourceError:
        minutes = self._silent_s() / 60
        if address := self._desk.turned_away:
            return kind(
                f"{self._where}: for {minutes:.0f} minutes its calls, from {address}, were "
                "refused: the communication key was wrong or not shown",
                hint="Make comm_key of this source the terminal's own and restart the terminal: it "
                "shows the key when it starts",
            )
        return kind(
            f"{self._where}: the terminal has not called for {minutes:.0f} minutes",
            hint="Check its power and network, and that its cloud server setting is this kiosk's "
            f"address and port {self._listener.port}",
        )
