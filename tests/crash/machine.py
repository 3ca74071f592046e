"""A whole kiosk to be mistreated: the daemon's process, its disk and its terminal.

The disk is powercut.py's, the terminal is the shipped simulator in this process, the daemon is
`kiosk run` as systemd starts it. What the daemon says on its socket is remembered as acknowledged
(`Recorded`), and what it confirms to the terminal as confirmed.
"""

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from mounted import ENDS_WITHIN_S, Disk

from drivers.sim.zkline import Line
from drivers.sim.zkrecords import Record
from drivers.sim.zkteco import SimulatedTerminal, simulated_staff
from drivers.sim.zkwire import Code, Packet
from kiosk.cli.run import WANTS_RESTART
from kiosk.health import Status
from kiosk.local import NoDaemon, Recorded, ask
from sync.journal.durable import sync_directory
from sync.protocol import entry
from sync.protocol.identity import PrivateKey

STAFF = simulated_staff(20)
MORNING = datetime(2026, 11, 24, 6, 0)  # noqa: DTZ001 - a terminal's clock has no zone


class Terminal(SimulatedTerminal):
    """The simulator, remembering which punches the daemon has confirmed."""

    def __init__(self, serial: str) -> None:
        super().__init__(STAFF, serial=serial, clock=self._next)
        self.confirmed: list[Record] = []
        self._pushed: defaultdict[int, deque[Record]] = defaultdict(deque)
        self._seconds = 0

    def _next(self) -> datetime:
        return MORNING + timedelta(seconds=self._seconds)

    def people_come(self, random: Random) -> None:
        """Let a few punch together, each second only once."""
        with self.terminal.lock:
            self._seconds += 1
            self.burst(random.sample([person.user_id for person in STAFF], random.randint(1, 3)))

    def _announce(self, records: Any, one_packet: bool) -> None:
        with self.terminal.lock:
            for line in self._lines():
                if line.session.registered:
                    self._pushed[line.session.id].extend(records)
            super()._announce(records, one_packet)

    def packet(self, line: Line, packet: Packet) -> None:
        with self.terminal.lock:
            before = self.acked
            super().packet(line, packet)
            if packet.code == Code.ACK_OK and self.acked > before:
                self.confirmed.append(self._pushed[line.session.id].popleft())

    def origin(self, record: Record) -> bytes:
        """Return what makes a row of the log that punch."""
        return entry.origin_key(self.serial, record.user_id, record.time.isoformat(), 1)


class Machine:
    """One kiosk over many lives of its daemon."""

    def __init__(self, home: Path, serial: str, seed: str, names: str) -> None:
        home.mkdir()
        self.random = Random(seed)
        self.disk = Disk(home / "disk", names)
        self.data = self.disk.place / "data"
        self.data.mkdir()
        sync_directory(self.disk.place)  # systemd's StateDirectory: older than any power cut
        self.terminal = Terminal(serial)
        self.terminal.start()
        self.acknowledged: list[Recorded] = []
        self.log = home / "log"
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: threading.Thread | None = None
        (home / "central.pem").write_bytes(PrivateKey.generate().public.pem)
        (home / "kiosk.toml").write_text(
            f'kiosk = "k1"\ndata = "{self.data}"\ncentral = ["central.pem"]\n'
            '[line]\nhost = "127.0.0.1"\nport = 1\n[[sources]]\nkind = "zkteco"\nname = "lobi"\n'
            f'host = "127.0.0.1"\nport = {self.terminal.port}\ntimezone = "UTC"\n'
            "timeout_s = 2.0\ncheck_s = 1.0\n"
        )

    @property
    def socket(self) -> Path:
        return self.data / "kiosk.sock"

    def start(self) -> None:
        """Start the daemon, and listen to it from its first word on."""
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "kiosk", "run", "--config", "kiosk.toml"]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._home)
        self._watcher = threading.Thread(target=self._watch, args=(self._process,))
        self._watcher.start()

    def _watch(self, daemon: subprocess.Popen[bytes]) -> None:
        """Remember what the daemon says it has recorded, until it ends."""
        while daemon.poll() is None:
            with contextlib.suppress(NoDaemon):
                for line in ask(self.socket, "watch"):
                    with contextlib.suppress(msgspec.ValidationError):  # alive, receipted
                        self.acknowledged.append(msgspec.json.decode(line, type=Recorded))
            time.sleep(0.002)

    def people_come(self, for_s: float) -> None:
        """Let people punch for a while."""
        until = time.monotonic() + for_s
        while time.monotonic() < until:
            self.terminal.people_come(self.random)
            time.sleep(self.random.uniform(0.0, 0.04))

    def kill(self) -> None:
        """End the daemon with SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._ended()

    def stop(self) -> int:
        """End the daemon as systemd does; return its exit code, or minus the signal."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._ended()

    def cut_power(self, kept: int) -> None:
        """Cut the power under the running daemon, and bring it back."""
        self.disk.do("cut", kept=kept, seed=self.random.randrange(1 << 30))
        self.kill()
        self.disk.do("power")

    def _ended(self) -> int:
        assert self._process is not None
        assert self._watcher is not None
        code = self._process.wait(ENDS_WITHIN_S)
        self._watcher.join()
        return code

    def until(self, true: Callable[[], bool], within_s: float) -> bool:
        """Wait until `true()`; return whether it came."""
        until = time.monotonic() + within_s
        while not true():
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True

    def wants_restart(self) -> bool:
        """Return whether the daemon ended by itself and asked to be started again."""
        return self._process is not None and self._process.poll() == WANTS_RESTART

    def has_read_everything(self) -> bool:
        """Return whether the daemon has read the terminal's whole log as it is now."""
        with contextlib.suppress(NoDaemon, StopIteration):
            status = msgspec.json.decode(next(ask(self.socket, "status")), type=Status)
            return status.sources[0].records == len(self.terminal.log)
        return False

    def has_acknowledged_everything(self) -> bool:
        """Return whether every punch of the terminal's log was once said to be recorded."""
        known = {one.presence.origin for one in list(self.acknowledged)}
        return all(self.terminal.origin(record) in known for record in self.terminal.log)

    def close(self) -> None:
        """End everything."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        self.terminal.stop()
        self.disk.close()
