"""A camera at the real daemon: whoever comes is enrolled and known, a picture is not; it may die.

The camera is simulated and speaks MJPEG; the recognizer, its models and everything behind it are
real. Before the camera stands a man of whom there are portraits that anybody may use.
"""

import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from stand.models import models
from stand.portraits import headed

from drivers.camera.visits import Challenge, Evidence, Verdict
from drivers.sim.camera import Scene, SimulatedCamera
from drivers.sim.zkteco import SimulatedTerminal
from kiosk.cli import main
from kiosk.cli.exits import Exit
from kiosk.cli.sim_camera import obey
from kiosk.local import Alive, Happening, Recorded, ask
from sync.protocol.roster import Known, Person, Roster
from tests.system.conftest import adopt
from tests.system.test_daemon import STAFF, Daemon, wall_clock

pytestmark = pytest.mark.slow

WITHIN_S = 60.0
PERSON = "198001011"


class Office:
    """A daemon with a ZK terminal and a camera, and what it has recorded since it began."""

    def __init__(
        self, home: Path, weights: Path, port: int, terminal: SimulatedTerminal, liveness: str
    ) -> None:
        self.daemon = Daemon(home / "home", home / "data", {"zk": f"port = {terminal.port}"})
        with self.daemon.config.open("a") as file:
            file.write(
                '[[sources]]\nkind = "camera"\nname = "pintu"\n'
                f'capture = "http://127.0.0.1:{port}/"\nliveness = "{liveness}"\n'
            )
        self.terminal = terminal
        self.socket = home / "data" / "kiosk.sock"
        self.seen: list[Recorded] = []
        self.obeys = True
        (home / "data").mkdir()
        (home / "data" / "models").symlink_to(weights)
        people = [Person(id=PERSON, name="Barry")]
        known = [Known(person=PERSON, credential="terminal_user", user=STAFF[0].user_id)]
        adopt(home / "data", Roster(version=1, people=people, known=known))

    def watch(self) -> None:
        for line in ask(self.socket, "watch"):
            event = msgspec.json.decode(line, type=Happening | Alive)
            if isinstance(event, Recorded) and event.presence.credential == "face":
                self.seen.append(event)

    def kiosk(self, *words: str) -> int:
        return main([*words, "--config", str(self.daemon.config)])

    def looks(self) -> bool:
        source = self.daemon.source("pintu")
        return source is not None and source.connected

    def recognizer(self) -> int:
        """Return the recognizer's process id."""
        assert self.daemon.process is not None
        tasks = Path(f"/proc/{self.daemon.process.pid}/task").glob("*/children")
        (pid,) = {int(pid) for task in tasks for pid in task.read_text().split()}
        return pid

    def comes(self, verdict: Verdict, *, after: int = 0) -> Recorded:
        """Wait until a visit has ended so, and return the first one."""
        until_s = time.monotonic() + WITHIN_S
        while time.monotonic() < until_s:
            for one in self.seen[after:]:
                if evidence(one).verdict is verdict:
                    return one
            time.sleep(0.1)
        raise AssertionError(
            f"{[evidence(one) for one in self.seen]}\n{self.daemon.log.read_text()}"
        )


def evidence(event: Recorded) -> Evidence:
    return msgspec.json.decode(bytes.fromhex(event.presence.raw), type=Evidence)


@pytest.fixture(scope="module")
def weights() -> Path:
    return models("sface")


@pytest.fixture(params=["record"])
def office(tmp_path: Path, weights: Path, request: pytest.FixtureRequest) -> Iterator[Office]:
    scene = Scene([headed("official", weights)])
    with (
        SimulatedCamera(scene) as camera,
        SimulatedTerminal(STAFF, serial="T1", clock=wall_clock) as terminal,
    ):
        office = Office(tmp_path, weights, camera.port, terminal, request.param)
        office.daemon.start()
        try:
            office.daemon.until("the camera looks", office.looks)
            told = lambda side, now_s: office.obeys and scene.tell(side, now_s)  # noqa: E731
            threading.Thread(target=obey, args=(office.socket, told), daemon=True).start()
            threading.Thread(target=office.watch, daemon=True).start()
            yield office
        finally:
            process = office.daemon.process
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


@pytest.mark.timeout(300)
def test_whoever_is_enrolled_is_known_until_forgotten(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    office.comes(Verdict.STRANGER)
    words = ("--notice", "v1", "--basis", "public-task", "--by", "rudi")
    assert office.kiosk("enrol", "face", PERSON, *words) == Exit.OK, capsys.readouterr()
    known = office.comes(Verdict.KNOWN, after=len(office.seen))
    assert (known.presence.person, known.presence.user, known.name) == (PERSON, PERSON, "Barry")
    assert known.presence.drift == 0, "central could not say when it was"
    said = evidence(known)
    assert said.challenge is Challenge.NONE
    assert said.score >= 0.5
    assert said.frames >= 2
    assert said.model.startswith("sface:")
    assert office.kiosk("camera", "calibrate") == Exit.OK
    assert "1 people" in capsys.readouterr().out
    office.kiosk("doctor")
    assert "Kamera pintu: wajah: 1 orang" in capsys.readouterr().out
    assert office.kiosk("forget", PERSON, "--by", "rudi", "--reason", "moved") == Exit.OK
    stranger = office.comes(Verdict.STRANGER, after=len(office.seen))
    assert stranger.presence.person is None


@pytest.mark.timeout(300)
@pytest.mark.parametrize("office", ["challenge"], indirect=True)
def test_a_picture_that_does_not_turn_is_nobody(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--notice", "v1", "--basis", "public-task", "--by", "rudi")
    assert office.kiosk("enrol", "face", PERSON, *words) == Exit.OK, capsys.readouterr()
    office.obeys = False
    nobody = office.comes(Verdict.NOT_LIVE, after=len(office.seen))
    assert nobody.presence.person is None
    said = evidence(nobody)
    assert (said.candidates, said.challenge) == ((PERSON,), Challenge.FAILED)
    assert said.why
    assert not any(evidence(one).verdict is Verdict.KNOWN for one in office.seen)


def punch(office: Office) -> float:
    """Have somebody punch at the terminal; return how long the acknowledgement took, seconds."""
    before, began_s = office.terminal.acked, time.monotonic()
    office.terminal.punch(STAFF[0].user_id)
    assert office.terminal.wait_until(lambda one: one.acked > before, WITHIN_S)
    return time.monotonic() - began_s


@pytest.mark.timeout(300)
def test_whatever_becomes_of_the_recognizer_the_rest_goes_on(office: Office) -> None:
    assert office.terminal.wait_until(lambda one: one.listeners == 1, WITHIN_S)
    here = Path(f"/proc/{office.recognizer()}")
    assert (here / "oom_score_adj").read_text() == "1000\n", "the first to go"
    assert int((here / "stat").read_text().rpartition(")")[2].split()[16]) == 10, "nice"
    assert re.search(rf"Max data size +{1024 << 20} ", (here / "limits").read_text())
    assert b"OPENBLAS_NUM_THREADS=1" in (here / "environ").read_bytes()
    for number, words in (
        (signal.SIGSEGV, "SIGSEGV"),
        (signal.SIGKILL, "SIGKILL"),
        (signal.SIGSTOP, "has said nothing for"),
    ):
        pid = office.recognizer()
        os.kill(pid, number)
        assert punch(office) < 5.0

        def said(words: str = words) -> bool:
            return words in office.daemon.log.read_text()

        office.daemon.until(f"{number.name} is said", said)
        assert punch(office) < 5.0
        office.daemon.until("the camera looks again", office.looks)
        assert office.recognizer() != pid
        assert not Path(f"/proc/{pid}").exists()
    assert office.daemon.stop() == 0
    assert "Traceback" not in office.daemon.log.read_text()
