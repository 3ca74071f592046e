"""A ZKTeco terminal read by pyzk, for whoever asks for it: `backend = "pyzk"`.

pyzk was measured to lose and invent punches without a word, to spin for ever on a cut transfer and
to die of a second event in one segment (docs/ZK.md shows what of that remains). So it works in a
process of its own, which has a deadline for everything and is killed; a log is believed only when
the counts before and after it agree with its rows. The bytes of a punch are not to be had from it.
"""

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from drivers.base import Coverage, Credential, Identity, Punch, Reading, Witness
from drivers.errors import Garbled, Misconfigured, Refused, SourceError, TimedOut, Unreachable
from drivers.options import Transport, ZkTerminal
from drivers.zkteco.dialogue import Sizes
from drivers.zkteco.records import METHODS, STATES
from drivers.zkteco.tally import Tally, Verdict

CHILD: Final = Path(__file__).with_name("pyzk_child.py")

LOG_MOST_S: Final = 900.0
"""How long pyzk may take for a log: it decodes 200,000 rows in minutes on a small machine."""

BEAT_S: Final = 1.0
"""How often a sign of life is given while it is waited for."""

SETTLE_S: Final = 1.0
"""How long after a doubtful count it is compared again."""


class PyzkSource:
    """Implements `drivers.base.Source` for a `ZkTerminal` with `backend = "pyzk"`."""

    def __init__(self, options: ZkTerminal, now: Callable[[], datetime]) -> None:
        """`now` is the kiosk's clock, aware UTC; drift is measured against it."""
        self.name = options.name
        self._options = options
        self._now = now
        self._where = f"source {options.name} ({options.host}:{options.port}, by pyzk)"
        self._beat: Callable[[], None] = lambda: None
        self._child: _Child | None = None
        self._serial = ""
        self._tally: Tally | None = None
        self._told: set[tuple[str, str]] = set()
        self._check_at = 0.0
        self._heard: list[Any] = []

    def open(self, position: bytes | None, beat: Callable[[], None]) -> Identity:
        """Connect and identify.

        Raises:
            Misconfigured: the time zone is unknown, or there is no pyzk.
            Unreachable, TimedOut, Garbled, Refused: as far as pyzk can tell them apart.
        """
        self.close()
        self._beat, self._tally, self._heard = beat, None, []
        try:
            self._zone = ZoneInfo(self._options.timezone)
        except (KeyError, ValueError, OSError) as error:
            raise Misconfigured(
                f"{self._where}: there is no time zone {self._options.timezone!r}",
                hint="Use an IANA name: Asia/Jakarta, Asia/Makassar or Asia/Jayapura",
            ) from error
        options = self._options
        self._child = _Child(options.pyzk_python or sys.executable, self._where)
        self._child.ask(
            {
                "host": options.host,
                "port": options.port,
                "timeout_s": options.timeout_s,
                "comm_key": options.comm_key,
                "udp": options.transport is Transport.UDP,
            }
        )
        said = self._answer("serial", options.timeout_s * 4)
        if not said["serial"]:
            raise Refused(f"{self._where}: the terminal does not say its serial number")
        self._serial = said["serial"]
        return Identity(
            serial=said["serial"],
            model=said["model"] or "",
            firmware=said["firmware"] or "",
            platform=said["platform"] or "",
        )

    def read(self, wait_s: float) -> Reading | None:
        """Return the whole log at first, then live punches, or the log again when it grew unheard.

        Raises SourceError; a process that has not answered in time has been killed.
        """
        if self._tally is None:
            return self._whole()
        until = time.monotonic() + wait_s
        while not self._heard:
            now = time.monotonic()
            if now >= self._check_at and self._must_read_again(self._tally):
                return self._whole()
            if not self._listen(min(until, self._check_at)) and time.monotonic() >= until:
                return None
        return self._live()

    def confirm(self, reading: Reading) -> None:
        """Do nothing: pyzk has acknowledged a live event before anybody could record it.

        The log still has it, and the log is read again at every start.
        """

    def close(self) -> None:
        """End pyzk's process; never raises."""
        child, self._child = self._child, None
        if child is not None:
            child.end()

    def _whole(self) -> Reading:
        asked = self._now()
        self._process.ask("log")
        said = self._answer("rows", LOG_MOST_S)
        before, after, rows = Sizes(*said["before"]), Sizes(*said["after"]), said["rows"]
        if before.records != after.records or (before.records and len(rows) != before.records):
            # It divides the table by a count of another moment: rows may be missing, or rubbish.
            raise Garbled(
                f"{self._where}: {before.records} rows counted before the log, {after.records} "
                f"after it, {len(rows)} in it",
                hint="Somebody punched meanwhile; it is read again",
            )
        self._told = {(user, at) for user, at, _, _ in rows}
        self._tally = Tally(before, after, len(rows), 0)
        self._check_at = time.monotonic() + self._options.check_s
        clock = datetime.fromisoformat(said["clock"])
        drift = clock.replace(tzinfo=self._zone) - asked
        covered = Coverage(through=said["clock"], records=len(rows))
        return Reading(
            punches=self._punches(rows, Witness.LOG),
            # Where 0 are counted it does not even ask for the log, and some firmware always says 0.
            coverage=covered if before.records else None,
            drift_ms=round(drift / timedelta(milliseconds=1)),
        )

    def _live(self) -> Reading:
        rows, self._heard = self._heard, []
        return Reading(punches=self._punches(rows, Witness.LIVE))

    def _punches(self, rows: list[Any], witness: Witness) -> list[Punch]:
        seen: Counter[tuple[str, str]] = Counter()
        punches = []
        for user, at, status, punch in rows:
            seen[user, at] += witness is Witness.LOG
            punches.append(
                Punch(
                    terminal=self._serial,
                    credential=Credential.TERMINAL_USER,
                    user=user,
                    time=at,
                    ordinal=max(seen[user, at], 1),
                    method=METHODS[status & 0xFF],
                    state=STATES[punch & 0xFF],
                    witness=witness,
                )
            )
        return punches

    def _must_read_again(self, tally: Tally) -> bool:
        self._process.ask("sizes")
        said = self._answer("sizes", self._options.timeout_s * 2)
        verdict = tally.compare(Sizes(*said["sizes"]))
        check_s = self._options.check_s
        wait_s = min(SETTLE_S, check_s) if verdict is Verdict.DOUBTFUL else check_s
        self._check_at = time.monotonic() + wait_s
        return verdict is Verdict.READ_AGAIN

    def _listen(self, until: float) -> bool:
        """Wait for one live event; return whether there was any."""
        said = self._process.hear(max(0.0, until - time.monotonic()))
        if said is None:
            return False
        self._take(said)
        return True

    def _answer(self, member: str, within_s: float) -> dict[str, Any]:
        """Return the answer that has `member`; events that come before it are kept."""
        deadline = time.monotonic() + within_s
        while (left := deadline - time.monotonic()) > 0:
            self._beat()
            said = self._process.hear(min(BEAT_S, left))
            if said is not None and member in said:
                return said
            if said is not None:
                self._take(said)
        self.close()
        raise TimedOut(
            f"{self._where}: no answer within {within_s:g} s; its process was killed",
            hint="Check power and cable; the built-in backend says more",
        )

    def _take(self, said: dict[str, Any]) -> None:
        if "failed" in said:
            raise self._failure(said["failed"], said["text"])
        row = said["event"]
        self._heard.append(row)
        who = row[0], row[1]
        if self._tally is not None and who not in self._told:
            self._told.add(who)
            self._tally.heard(1)

    def _failure(self, kind: str, text: str) -> SourceError:
        """Return our name for what pyzk said; its words stay in the message."""
        what = f"{self._where}: {kind}: {text}"
        if kind == "absent":
            return Misconfigured(
                f"{self._where}: {text}",
                hint="pip install 'presensi-kiosk[pyzk]', or name a Python that has it in "
                "pyzk_python",
            )
        if "nauth" in text:
            return Refused(what, hint="Set comm_key to the key in the terminal's menu")
        if kind in ("ZKNetworkError", "BrokenPipeError", "ConnectionRefusedError"):
            return Unreachable(what, hint="Check power, cable, address and transport")
        if kind in ("ZKErrorConnection", "TimeoutError", "ConnectionResetError", "timeout"):
            return TimedOut(what, hint="Check power and cable; the built-in backend says more")
        return Garbled(what, hint="pyzk cannot read this; use the built-in backend")

    @property
    def _process(self) -> "_Child":
        if self._child is None:
            raise TimedOut(f"{self._where}: not open")
        return self._child


class _Child:
    """pyzk's process: lines in, lines out."""

    def __init__(self, python: str, where: str) -> None:
        """Start it. Raises Misconfigured where `python` cannot be run."""
        self._where = where
        try:
            self._process = subprocess.Popen(  # noqa: S603 - an interpreter named in the settings
                [python, "-I", str(CHILD)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            raise Misconfigured(
                f"{where}: {python}: {error.strerror}", hint="Set pyzk_python to a Python with pyzk"
            ) from error
        self._said: SimpleQueue[bytes] = SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="pyzk", daemon=True)
        self._reader.start()

    def ask(self, wanted: object) -> None:
        """Send one line. Raises TimedOut when the process has ended."""
        assert self._process.stdin is not None  # noqa: S101 - as it was started
        try:
            self._process.stdin.write(msgspec.json.encode(wanted) + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise TimedOut(f"{self._where}: pyzk's process has ended") from error

    def hear(self, within_s: float) -> dict[str, Any] | None:
        """Return the next line; None if there is none in time. Raises TimedOut at its end."""
        try:
            line = self._said.get(timeout=within_s)
        except Empty:
            return None
        if not line:
            raise TimedOut(
                f"{self._where}: pyzk's process has ended",
                hint="It is started again; the built-in backend says more",
            )
        said: dict[str, Any] = msgspec.json.decode(line)
        return said

    def end(self) -> None:
        """Kill it and take its end."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue  # what was still to be written has nobody to read it

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - as it was started
        for line in self._process.stdout:
            self._said.put(line)
        self._said.put(b"")
