"""A finger module at the real daemon: enrolled, known, pulled out, swapped, killed in the middle.

The module is simulated and speaks its protocol through a pseudo-terminal; whoever stands at it does
what the daemon asks for.
"""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from drivers.prompt import Prompt
from drivers.sim.fingerprint import FingerprintModule, Op, Pty
from drivers.sim.zkteco import SimulatedTerminal
from kiosk.cli import main
from kiosk.cli.exits import Exit
from kiosk.local import Alive, Happening, NoDaemon, Recorded, ask
from kiosk.prompts import Prompted
from sync.protocol.entry import Mark
from sync.protocol.roster import Known, Person, Roster
from tests.system.conftest import adopt
from tests.system.test_daemon import STAFF, Daemon, wall_clock

pytestmark = pytest.mark.slow

WITHIN_S = 30.0
PERSON, OTHER = "198001011", "198001012"
GROUND = ("--notice", "v1", "--basis", "public-task", "--by", "rudi")


class Office:
    """A daemon with a ZK terminal and a finger module, somebody at it, and what was recorded."""

    def __init__(self, home: Path, terminal: SimulatedTerminal) -> None:
        self.link = home / "finger"
        self.daemon = Daemon(home / "home", home / "data", {"zk": f"port = {terminal.port}"})
        with self.daemon.config.open("a") as file:
            file.write(f'[[sources]]\nkind = "fingerprint"\nname = "jari"\nport = "{self.link}"\n')
        self.socket = home / "data" / "kiosk.sock"
        self.seen: list[Recorded] = []
        self.asked: list[Prompt] = []
        self.module = self.plug("SIM00001")
        self.comes = ""  # whose finger it is that obeys
        self.is_over = False  # what was asked last is the end of it
        (home / "data").mkdir()
        people = [Person(id=PERSON, name="Siti"), Person(id=OTHER, name="Budi")]
        known = [Known(person=PERSON, credential="terminal_user", user=STAFF[0].user_id)]
        adopt(home / "data", Roster(version=1, people=people, known=known))

    def plug(self, serial: str) -> FingerprintModule:
        module = FingerprintModule("r503-1.2.2", Pty(self.link), serial=serial)
        module.start()
        return module

    def swap(self, serial: str) -> None:
        self.module.stop()
        self.module = self.plug(serial)

    def watch(self) -> None:
        """Take down what is told, and do what is asked for, until the test is over."""
        while True:
            with contextlib.suppress(NoDaemon, OSError, msgspec.DecodeError):
                for line in ask(self.socket, "watch"):
                    self.hear(msgspec.json.decode(line, type=Happening | Alive))
            time.sleep(0.05)

    def hear(self, event: Happening | Alive) -> None:
        if isinstance(event, Recorded) and event.presence.source == "jari":
            self.seen.append(event)
        elif isinstance(event, Prompted):
            self.asked.append(event.what)
            self.is_over = event.what in (Prompt.DONE, Prompt.FAILED) and not event.of
            if event.what is Prompt.PLACE_FINGER and self.comes:
                self.module.place(self.comes)
            elif event.what in (Prompt.LIFT_FINGER, Prompt.AGAIN, Prompt.DONE, Prompt.FAILED):
                self.module.lift()

    def kiosk(self, *words: str) -> int:
        return main([*words, "--config", str(self.daemon.config)])

    def enrol(self, person: str, finger: str) -> int:
        self.comes, self.is_over = finger, False
        try:
            code = self.kiosk("enrol", "finger", person, *GROUND)
            if self.connected():
                self.until(lambda: self.is_over)  # else a late prompt would lift the next finger
            return code
        finally:
            self.comes = ""
            self.lift()

    def connected(self) -> bool:
        source = self.daemon.source("jari")
        return source is not None and source.connected

    def touch(self, finger: str) -> Recorded:
        """Lay a finger down until a punch is told, and lift it."""
        before = len(self.seen)
        self.module.place(finger)
        self.until(lambda: len(self.seen) > before)
        self.lift()
        return self.seen[-1]

    def lift(self) -> None:
        """Take the finger away, and wait until the daemon has seen that."""
        self.module.lift()
        looked = len(self.module.requests)
        self.module.wait_until(
            lambda module: list(module.requests)[looked:].count(Op.GEN_IMG) > 3,
            WITHIN_S if self.daemon.status() else 0.0,
        )

    def until(self, condition: "object") -> None:
        until_s = time.monotonic() + WITHIN_S
        while not condition():  # type: ignore[operator]
            assert time.monotonic() < until_s, (self.seen, self.asked, self.daemon.log.read_text())
            time.sleep(0.02)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with SimulatedTerminal(STAFF, serial="T1", clock=wall_clock) as terminal:
        office = Office(tmp_path, terminal)
        office.daemon.start()
        try:
            office.until(office.connected)
            threading.Thread(target=office.watch, daemon=True).start()
            yield office
        finally:
            office.module.stop()
            process = office.daemon.process
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


def test_a_finger_is_enrolled_and_each_touch_is_one_punch(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    assert office.enrol(PERSON, "siti:1") == Exit.OK, (capsys.readouterr(), office.asked)
    assert Prompt.LIFT_FINGER in office.asked
    assert "siti:1" in office.module.library[0]
    first, second = office.touch("siti:1"), office.touch("siti:1")
    for event in (first, second):
        assert (event.presence.person, event.name) == (PERSON, "Siti")
        assert event.presence.credential == "finger_slot"
        assert event.presence.drift == 0, "central could not say when it was"
    assert (first.presence.mark, second.presence.mark) == (Mark.KNOWN, Mark.REPEAT)
    assert len(office.seen) == 2
    assert office.enrol(OTHER, "siti:1") == Exit.FAILED
    assert "that finger is 198001011 Siti's" in capsys.readouterr().err
    assert office.kiosk("fingers") == Exit.OK
    told = capsys.readouterr().out
    assert "1 of 200 slots in use" in told
    assert "Siti" in told
    assert office.kiosk("fingers", "remove", PERSON, "--by", "rudi") == Exit.OK
    assert office.module.library == {}


def test_pulled_out_and_plugged_in_elsewhere_it_goes_on(office: Office) -> None:
    assert office.enrol(PERSON, "siti:1") == Exit.OK
    office.touch("siti:1")
    for pulled_after in (0, 1, 7):
        name = office.link.readlink()
        office.module.unplug(after_bytes=pulled_after)
        office.until(lambda: not office.connected())
        source = office.daemon.source("jari")
        assert source is not None
        assert "jari" in source.error
        office.module.replug()
        assert office.link.readlink() != name
        office.until(office.connected)
        assert office.touch("siti:1").presence.person == PERSON


def test_a_swapped_module_is_recorded_and_nobody_is_known_by_it(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    assert office.enrol(PERSON, "siti:1") == Exit.OK
    office.swap("SIM00002")
    office.module.enrolled(0, "thief:1")
    office.until(lambda: (one := office.daemon.source("jari")) and one.serial != one.bound_to)
    seen = office.touch("thief:1").presence
    assert (seen.person, seen.mark) == (None, Mark.UNBOUND)
    assert office.enrol(PERSON, "siti:1") == Exit.FAILED
    assert "kiosk devices replace jari" in capsys.readouterr().err
    office.kiosk("status")
    assert "ANOTHER TERMINAL" in capsys.readouterr().out
    assert office.kiosk("devices", "replace", "jari", "--by", "rudi") == Exit.OK
    office.until(lambda: (one := office.daemon.source("jari")) and one.serial == one.bound_to)
    office.until(office.connected)
    assert office.enrol(PERSON, "siti:1") == Exit.OK, capsys.readouterr()
    assert office.touch("siti:1").presence.person == PERSON


def test_killed_after_the_store_nobody_is_known_by_that_finger(office: Office) -> None:
    killed = threading.Event()

    def kill() -> None:
        office.module.wait_until(lambda module: Op.STORE in module.requests, WITHIN_S)
        assert office.daemon.process is not None
        office.daemon.process.send_signal(signal.SIGKILL)
        killed.set()

    killer = threading.Thread(target=kill)
    killer.start()
    assert office.enrol(PERSON, "siti:1") != Exit.OK
    killer.join()
    assert office.daemon.process is not None
    office.daemon.process.wait()
    assert office.module.library == {0: ("siti:1",)}
    office.daemon.start()
    office.until(office.connected)
    assert office.module.library == {}
    assert office.enrol(PERSON, "siti:1") == Exit.OK
    assert office.touch("siti:1").presence.person == PERSON


def test_a_silent_module_does_not_keep_the_daemon_from_stopping(office: Office) -> None:
    office.module.power_off()
    time.sleep(0.3)  # a command is pending now, whichever
    began_s = time.monotonic()
    assert office.daemon.stop() == 0
    assert time.monotonic() - began_s < 2.0
