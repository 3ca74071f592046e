"""A kiosk for the screen to look at: the daemon's real socket, behind which a test says what is so.

The screen itself is the real program, `kiosk screen`, in a process of its own.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from socket import create_server

import msgspec
from msgspec import structs

from drivers.camera.visits import Evidence, Verdict
from kiosk.duty import Told
from kiosk.health import (
    ClockStatus,
    DiskStatus,
    JournalStatus,
    LineStatus,
    RosterStatus,
    SourceStatus,
    Status,
)
from kiosk.local import Happening, Local, NoDaemon, Recorded, ask
from kiosk.mine import Mine
from sync.protocol.entry import Mark, Presence, Stamp

MORNING = 1_795_480_121_000
"""Tuesday, 24 November 2026, 07.28.41 in Jakarta."""

MINUTE_MS = 60_000

READY_WITHIN_S = 20.0


def status(**more: object) -> Status:
    """Return a kiosk in order; `more` are fields of its parts that differ."""
    clock = ClockStatus(
        state="synced",
        utc=MORNING,
        error_ms=10,
        anchor="ntp",
        may_show_lateness=True,
        trouble="",
        fixes=[],
    )
    line = LineStatus(state="up", error="", waiting=0, receipt_utc=MORNING)
    disk = DiskStatus(
        level="fine", used_percent=1.0, free_bytes=1, ballast=True, trouble="", proved=0
    )
    parts = {"clock": clock, "line": line, "disk": disk, "sources": [source("lobi")]}
    for name, value in more.items():
        part, _, field = name.partition("__")
        parts[part] = structs.replace(parts[part], **{field: value}) if field else value
    return Status(
        kiosk="kiosk-dinkes-01",
        software="test",
        roster=RosterStatus(version=1, people=55),
        journal=JournalStatus(epoch="e", number=1, first=1, last=0, receipted=0, head=""),
        **parts,
    )


def source(name: str, error: str = "") -> SourceStatus:
    """Return a terminal that works, or one that is down and why."""
    return SourceStatus(
        name=name,
        connected=not error,
        phase="running",
        failures=0,
        error=error,
        serial="S1",
        model="",
        bound_to="S1",
        drift_ms=0,
        recorded=0,
        covered="",
        records=0,
    )


def recorded(
    told: Told | None = Told(side="masuk", duty="kantor"),  # noqa: B008 - frozen
    name: str = "Siti Rahmawati",
    *,
    mark: Mark = Mark.KNOWN,
    person: str | None = "198001011",
    made: int = MORNING,
    is_fresh: bool = True,
    source: str = "lobi",
    seq: int = 1,
    method: str = "fingerprint",
    drift: int | None = 0,
    credential: str = "terminal_user",
    raw: str = "",
) -> Recorded:
    """Return what the daemon tells of a presence."""
    presence = Presence(
        at=Stamp(wall=made, up=1, boot="b", synced=True),
        source=source,
        terminal="S1",
        credential=credential,
        user="1",
        time="2026-11-24T07:28:41",
        zone="Asia/Jakarta",
        mark=mark,
        person=person,
        method=method,
        drift=drift,
        raw=raw,
    )
    return Recorded("3f9c2a77d1e04b58", seq, presence, name, told, made, is_fresh)


def seen(verdict: Verdict) -> dict[str, str]:
    """Return what a presence has of a visit to a camera that ended so."""
    evidence = Evidence(verdict=verdict, model="sface:0ba9fbfa01b5", score=0.58, frames=3)
    return {"credential": "face", "raw": msgspec.json.encode(evidence).hex(), "method": "face"}


SETTINGS = """\
kiosk = "kiosk-dinkes-01"
data = "data"
central = ["central.pem"]

[line]
host = "127.0.0.1"

[screen]
port = {port}
office = "Dinas Kesehatan"
{more}
[screen.technician]
port = {technician}

[[sources]]
kind = "zkteco"
name = "lobi"
host = "127.0.0.1"
"""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def woken(path: Path) -> None:
    """Have whoever waits for a client at a socket look whether it is to stop: now, not later."""
    with suppress(NoDaemon):
        list(ask(path, "nothing"))


class Stage:
    """The daemon's socket and the screen, from `__enter__` to `__exit__`.

    `status` may be set at any time; its clock runs from when it was set. Where the daemon is
    `away`, nobody answers. `technician` is the port of that page, with `carries_out` behind it.
    """

    def __init__(self, directory: Path, more: str = "", technician: int = 0) -> None:
        self.directory = directory
        self.carries_out: Mapping[str, Callable[[Mapping[str, str]], str]] = {}
        self._technician = technician
        self._more = more
        self._ends = ExitStack()
        self._stop = threading.Event()
        self._own: dict[str, Mine] = {}
        self.status = status()
        self.is_changed = False  # from a kiosk that is in order

    @property
    def status(self) -> Status:
        """How the kiosk is now."""
        since_ms = round((time.monotonic() - self._set_s) * 1000)
        clock = structs.replace(self._status.clock, utc=self._status.clock.utc + since_ms)
        return structs.replace(self._status, clock=clock)

    @status.setter
    def status(self, status: Status) -> None:
        self._set_s = time.monotonic()
        self._status = status

    def __enter__(self) -> "Stage":
        with self._ends:
            port = free_port()
            (self.directory / "data").mkdir()
            config = self.directory / "kiosk.toml"
            config.write_text(
                SETTINGS.format(port=port, more=self._more, technician=self._technician)
            )
            self.start_daemon()
            self._ends.callback(self.stop_daemon)
            self._screen = subprocess.Popen(
                [Path(sys.executable).with_name("kiosk"), "screen", "--config", config],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
            )
            self._ends.callback(self._end_screen)
            assert self._screen.stdout is not None
            self.address = self._screen.stdout.readline().strip()
            assert self.address == f"http://127.0.0.1:{port}/"
            if self._technician:
                said = self._screen.stdout.readline().strip()
                assert said == f"technicians: http://127.0.0.1:{self._technician}/"
            self._ends = self._ends.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    @property
    def pid(self) -> int:
        """The screen's process."""
        return self._screen.pid

    @property
    def is_daemon_up(self) -> bool:
        """Whether the daemon answers."""
        return self._daemon.is_alive()

    def start_daemon(self) -> None:
        """Begin to answer."""
        self._stop.clear()
        up = threading.Event()
        self._local = Local(self.directory / "data" / "kiosk.sock")
        self._local.status = lambda: self.status
        self._local.carry_out = self.carries_out
        self._local.mine = lambda person: self._own[person]
        self._daemon = threading.Thread(
            target=self._local.run, args=(self._stop.is_set, up.set), name="daemon"
        )
        self._daemon.start()
        assert up.wait(5)

    def stop_daemon(self) -> None:
        """Answer no more."""
        self._stop.set()
        woken(self.directory / "data" / "kiosk.sock")
        self._daemon.join(10)

    def tell(self, happening: Happening) -> None:
        """Tell everybody who watches."""
        self._local.tell(happening)

    def owns(self, mine: Mine) -> None:
        """Have these presences in the journal."""
        self._own[mine.person] = mine

    def _end_screen(self) -> None:
        self._screen.terminate()
        code = self._screen.wait(10)
        assert self._screen.stdout is not None
        self._screen.stdout.close()
        assert code == 0, f"kiosk screen ended with {code}"
