"""The daemon as a process: whatever is wrong around it is said, and the rest goes on."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from drivers.sim.zkteco import Faults, Foreign, SimulatedTerminal, simulated_staff
from kiosk.cli.demo_setup import program
from kiosk.health import SourceStatus, Status
from kiosk.local import NoDaemon, ask
from sync.protocol.identity import PrivateKey
from sync.protocol.roster import Known, Person, Roster

pytestmark = pytest.mark.slow

WITHIN_S = 30.0
STAFF = simulated_staff(5)


def wall_clock() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class Daemon:
    """`kiosk run` in a directory of its own; its broker does not exist."""

    def __init__(
        self, home: Path, data: Path, sources: dict[str, str], mirror: Path | None = None
    ) -> None:
        home.mkdir(exist_ok=True)
        (home / "central.pem").write_bytes(PrivateKey.generate().public.pem)
        self.config = home / "kiosk.toml"
        self.config.write_text(
            f'kiosk = "k1"\ndata = "{data}"\ncentral = ["central.pem"]\n'
            f'mirror = "{mirror or ""}"\n'
            '[line]\nhost = "127.0.0.1"\nport = 1\n'
            + "".join(
                f'[[sources]]\nkind = "zkteco"\nname = "{name}"\nhost = "127.0.0.1"\n'
                f'timezone = "UTC"\ntimeout_s = 2.0\ncheck_s = 1.0\n{more}\n'
                for name, more in sources.items()
            )
        )
        self._sockets = [data / "kiosk.sock"]
        if mirror is not None:
            self._sockets.append(mirror / "standby" / "kiosk.sock")
        self.log = home / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            command = [program("kiosk"), "run", "--config", str(self.config)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def status(self) -> Status | None:
        for place in self._sockets:
            with contextlib.suppress(NoDaemon, StopIteration):
                return msgspec.json.decode(next(ask(place, "status")), type=Status)
        return None

    def source(self, name: str) -> SourceStatus | None:
        status = self.status()
        return next((one for one in status.sources if one.name == name), None) if status else None

    def until(self, what: str, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not condition():
            assert time.monotonic() < deadline, f"{what}\n{self.status()}\n{self.log.read_text()}"
            time.sleep(0.02)

    def recorded(self, name: str, number: int) -> Callable[[], bool]:
        return lambda: (one := self.source(name)) is not None and one.recorded == number

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(5)


@pytest.fixture
def daemons() -> Iterator[list[Daemon]]:
    made: list[Daemon] = []
    yield made
    for one in made:
        if one.process is not None and one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def test_one_terminal_works_whatever_the_others_do(tmp_path: Path, daemons: list[Daemon]) -> None:
    with ExitStack() as stack:

        def sim(serial: str, key: int | None = None, **faults: Any) -> SimulatedTerminal:
            return stack.enter_context(
                SimulatedTerminal(
                    STAFF, serial=serial, comm_key=key, faults=Faults(**faults), clock=wall_clock
                )
            )

        good, locked = sim("GOOD"), sim("LOCKED", 4711)
        encrypted, foreign = sim("NEW", encrypted=True), sim("C3", foreign=Foreign.C3_PANEL)
        mute = sim("MUTE", mute=True)
        good.punch("1001")
        daemon = Daemon(
            tmp_path / "home",
            tmp_path / "data",
            {
                "good": f"port = {good.port}",
                "gone": "port = 1",
                "locked": f"port = {locked.port}\ncomm_key = 1234",
                "encrypted": f"port = {encrypted.port}",
                "foreign": f"port = {foreign.port}",
                "mute": f"port = {mute.port}",
            },
        )
        daemons.append(daemon)
        daemon.start()
        daemon.until("the log is read", daemon.recorded("good", 1))
        good.wait_until(lambda t: t.listeners == 1, WITHIN_S)
        good.punch("1002")
        good.wait_until(lambda t: t.acked == 1, WITHIN_S)
        assert daemon.recorded("good", 2)()
        for name, words in {
            "gone": ("127.0.0.1:1", "port is closed"),
            "locked": ("comm", "key"),
            "encrypted": ("6001", "PUSH"),
            "foreign": ("aa01", "access panel"),
            "mute": ("no answer", "power"),
        }.items():

            def said(name: str = name, words: tuple[str, ...] = words) -> bool:
                one = daemon.source(name)
                return one is not None and all(word in one.error for word in words)

            daemon.until(f"{name} says {words}", said)
        status = daemon.status()
        assert status is not None
        assert "broker 127.0.0.1:1" in status.line.error
        assert status.line.waiting == status.journal.last == 4
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 3.0
        assert good.listeners == 0
        assert "Traceback" not in daemon.log.read_text()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 600 KB; needs root."""
    if os.geteuid():
        pytest.skip("only root may mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(file: Path) -> None:
    """Write to `file` until the disk is full."""
    with contextlib.suppress(OSError):
        file.write_bytes(bytes(2_000_000))


def test_a_full_disk_is_said_and_nothing_is_lost(
    tmp_path: Path, small_disk: Path, daemons: list[Daemon]
) -> None:
    with SimulatedTerminal(STAFF, serial="GOOD", clock=wall_clock) as terminal:
        daemon = Daemon(tmp_path / "home", small_disk / "data", {"good": f"port = {terminal.port}"})
        daemons.append(daemon)
        daemon.start()
        daemon.until("it reads", lambda: terminal.listeners == 1)
        terminal.punch("1001")
        daemon.until("one is recorded", daemon.recorded("good", 1))
        filler = small_disk / "filler"
        fill(filler)
        made = 1
        while not ((one := daemon.source("good")) and "disk is full" in one.error):
            terminal.punch("1002", at=datetime(2026, 11, 24, 7, made // 60 % 60, made % 60))  # noqa: DTZ001
            made += 1
            assert made < 3000, daemon.log.read_text()
        assert "free some space" in daemon.log.read_text()
        filler.unlink()
        daemon.until("the disk has room: all is recorded", daemon.recorded("good", made))
        assert terminal.acked <= made
        assert daemon.stop() == 0


def test_a_full_disk_at_the_start_is_one_line(
    tmp_path: Path, small_disk: Path, daemons: list[Daemon]
) -> None:
    fill(small_disk / "filler")
    daemon = Daemon(tmp_path / "home", small_disk / "data", {"good": "port = 1"})
    daemons.append(daemon)
    daemon.start()
    assert daemon.process is not None
    assert daemon.process.wait(WITHIN_S) in (3, 5)
    said = daemon.log.read_text()
    assert said.count("\n") == 1
    assert said.startswith("kiosk run: ")
    assert "space" in said or "disk" in said


def test_a_read_only_disk_is_one_line(
    tmp_path: Path, small_disk: Path, daemons: list[Daemon]
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    daemon = Daemon(tmp_path / "home", small_disk / "data", {"good": "port = 1"})
    daemons.append(daemon)
    daemon.start()
    assert daemon.process is not None
    assert daemon.process.wait(WITHIN_S) in (3, 5)
    said = daemon.log.read_text()
    assert said.count("\n") == 1
    assert "Read-only" in said


def test_the_second_medium_takes_over_by_itself(
    tmp_path: Path, small_disk: Path, daemons: list[Daemon]
) -> None:
    """The first medium has turned read-only, as a worn card does."""
    with SimulatedTerminal(STAFF, serial="GOOD", clock=wall_clock) as terminal:
        second = tmp_path / "second"
        daemon = Daemon(
            tmp_path / "home", small_disk / "data", {"good": f"port = {terminal.port}"}, second
        )
        daemons.append(daemon)
        daemon.start()
        terminal.wait_until(lambda t: t.listeners == 1, WITHIN_S)
        terminal.punch("1001")
        daemon.until("one is recorded", daemon.recorded("good", 1))
        assert (second / "device.key").read_bytes() == (
            small_disk / "data" / "device.key"
        ).read_bytes()
        assert daemon.process is not None
        daemon.process.kill()
        daemon.process.wait()
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        terminal.punch("1002")
        daemon.start()
        # The first punch comes from the mirror and is known; the second from the terminal's log.
        daemon.until("it goes on", daemon.recorded("good", 1))
        status = daemon.status()
        assert status is not None
        assert "working on the second medium" in status.disk.trouble
        assert "Replace the first one" in status.disk.trouble
        terminal.wait_until(lambda t: t.listeners == 1, WITHIN_S)
        terminal.punch("1003")
        daemon.until("it takes live punches", daemon.recorded("good", 2))
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.log.read_text()


def test_a_technician_witnesses_the_time_and_a_restart_remembers_it(
    tmp_path: Path, daemons: list[Daemon]
) -> None:
    def witness(when: datetime) -> "subprocess.CompletedProcess[bytes]":
        said = ["clock", "witness", f"{when:%Y-%m-%d %H:%M:%S}", "--by", "rudi", "--utc"]
        command = [program("kiosk"), *said, "--config", str(daemon.config)]
        return subprocess.run(command, capture_output=True, check=False)

    daemon = Daemon(tmp_path, tmp_path / "data", {"good": "port = 1"})
    daemons.append(daemon)
    daemon.start()
    daemon.until("it answers", lambda: daemon.status() is not None)
    assert witness(datetime(2019, 1, 1, tzinfo=UTC)).returncode == 1
    assert witness(datetime.now(UTC)).returncode == 0
    assert daemon.stop() == 0
    daemon.start()  # another process of the same boot
    daemon.until("it answers", lambda: daemon.status() is not None)
    status = daemon.status()
    assert status is not None
    assert status.clock.state in ("witnessed", "synced")  # as this machine's kernel has it
    assert status.clock.may_show_lateness
    assert daemon.stop() == 0


def test_the_roster_comes_to_a_terminal_and_a_restart_goes_on(
    tmp_path: Path, daemons: list[Daemon], adopt: Callable[[Path, Roster], None]
) -> None:
    """Nothing happens before the clock is trusted; then the policy's, and a technician's word."""

    def kiosk(*words: str) -> "subprocess.CompletedProcess[bytes]":
        command = [program("kiosk"), *words, "--config", str(one.config)]
        return subprocess.run(command, capture_output=True, timeout=30, check=False)

    def users() -> dict[str, int] | None:
        source = one.source("lobi")
        return dict(source.users.counts) if source and source.users else None

    people = [Person(id="budi", name="Budi Santoso"), Person(id="siti", name="Siti Aminah")]
    dated = [
        Known(person="budi", credential="terminal_user", user="17"),
        Known(person="siti", credential="terminal_user", user="1001"),
    ]
    with SimulatedTerminal(STAFF[:2], clock=wall_clock) as terminal:
        one = Daemon(
            tmp_path / "home", tmp_path / "data", {"lobi": f'port = {terminal.port}\nusers = "add"'}
        )
        daemons.append(one)
        adopt(tmp_path / "data", Roster(version=7, people=people, known=dated))
        one.start()
        one.until("it is read", one.recorded("lobi", 0))
        now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
        assert kiosk("clock", "witness", now, "--by", "rudi", "--utc").returncode == 0
        one.until("he is written", lambda: terminal.terminal.uid_of("17") != 0)
        one.until("it is told", lambda: users() == {"doubted": 1, "unknown": 1})
        said = kiosk("devices", "roster", "lobi").stdout.decode()
        assert "DOUBTED   1001 is 'Adi Astuti' there, the roster has 'Siti Aminah'" in said
        said = kiosk("status").stdout.decode()
        assert "users: 1 DOUBTED, 1 unknown" in said
        done = kiosk("devices", "roster", "lobi", "--settle", "1001", "--by", "rudi", "--yes")
        assert done.returncode == 0, done.stderr
        names = {each.user_id: each.name for each in terminal.terminal.people.values()}
        assert names == {"1001": "Siti Aminah", "1002": STAFF[1].name, "17": "Budi Santoso"}
        assert one.stop() == 0
        one.start()
        one.until("it is remembered", lambda: users() == {"unknown": 1})
        assert one.stop() == 0
