"""The recognizer's own loop: what it answers, and that it gives signs of life whatever it does.

The daemon's end, the camera, the engine and the clock are ours; a frame is a step of the play.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from heads import FRAME, Head, Stage, person

from drivers.base import Identity
from drivers.camera import calibrate, recognizer
from drivers.camera.engine import Face, Frame
from drivers.camera.recognizer import Recognizer
from drivers.camera.rules import Rules
from drivers.camera.visits import Ask, Verdict, Visit
from drivers.camera.wire import (
    Asked,
    Begin,
    Calibrate,
    Channel,
    Ended,
    Enrol,
    Failed,
    Learn,
    Looked,
    Made,
    Measured,
    Said,
)
from drivers.errors import Misconfigured, TimedOut
from drivers.options import Camera, Liveness
from drivers.prompt import Prompt

OFF = Rules(liveness=Liveness.OFF)
YAW_DEG = {Prompt.TURN_LEFT: 25.0, Prompt.TURN_RIGHT: -25.0}


class Daemon:
    """The other end, the camera and the clock in one: each frame that is taken is a step.

    Attributes:
        said: what was heard, and when.
        asks: what is asked, by the time at which it is.
        slow_s: how long looking at a frame takes.
    """

    def __init__(self, until_s: float, rules: Rules = OFF) -> None:
        ours, self.theirs = socket.socketpair()
        self._channel: Channel[Said] = Channel(ours, Said)  # type: ignore[arg-type] # a union
        self.now_s = 0.0
        self.slow_s = 0.0
        self.said: list[tuple[float, Said]] = []
        self.asks: list[tuple[float, Asked]] = []
        self.heads: Callable[[float], Sequence[Head]] = lambda at_s: ()
        self.stage = Slow(self)
        self._until_s = until_s
        self.recognizer = Recognizer(
            Channel(self.theirs, Asked),  # type: ignore[arg-type] # a union
            self,
            self.stage,
            None,
            rules,
            lambda: self.now_s,
        )

    def open(self) -> Identity:
        return Identity(serial="CAM1", model="fake")

    def next(self, wait_s: float) -> Frame | None:
        """Give a frame each tenth of a second, and hear what was said of the last one."""
        self._listen()
        self.now_s += 0.1
        self.stage.heads = self.heads(self.now_s)
        while self.asks and self.asks[0][0] <= self.now_s:
            self._channel.send(self.asks.pop(0)[1], 1.0)
        if self.now_s >= self._until_s:
            raise Ended("the play is over")
        return FRAME

    def close(self) -> None:
        self._channel.close()
        self.theirs.close()

    def run(self) -> list[Said]:
        with pytest.raises(Ended):
            self.recognizer.run()
        self._listen()
        self.close()
        return [one for _, one in self.said]

    def _listen(self) -> None:
        while (one := self._channel.receive(0.0)) is not None:
            self.said.append((self.now_s, one))


class Slow(Stage):
    """A stage of which each template takes its time."""

    def __init__(self, daemon: Daemon) -> None:
        super().__init__()
        self._daemon = daemon

    def embed(self, frame: Frame, face: Face) -> np.ndarray:
        self._daemon.now_s += self._daemon.slow_s
        return super().embed(frame, face)


def rows(*people: str) -> list[tuple[str, bytes]]:
    return [(one, person(one).astype("<f4").tobytes()) for one in people]


def of(kind: type, said: Sequence[Said]) -> list[Said]:
    return [one for one in said if isinstance(one, kind)]


def as_asked(daemon: Daemon, at_s: float) -> Sequence[Head]:
    """Somebody who is enrolled: turns as the last prompt says."""
    prompts = [one.what for _, one in daemon.said if isinstance(one, Ask)]
    return [Head(yaw_deg=YAW_DEG.get(prompts[-1], 0.0) if prompts else 0.0)]


def test_it_names_whom_it_was_taught_and_nobody_before() -> None:
    daemon = Daemon(8)
    daemon.asks = [(2.9, Learn(rows("ani")))]
    daemon.heads = lambda at_s: [Head()] if at_s > 3 else []
    [visit] = of(Visit, daemon.run())
    assert isinstance(visit, Visit)
    assert (visit.person, visit.evidence.verdict) == ("ani", Verdict.KNOWN)


def test_a_template_of_another_model_ends_it_and_says_whose() -> None:
    daemon = Daemon(3)
    daemon.asks = [(1, Learn([("ani", b"\0" * 12)]))]
    with pytest.raises(Misconfigured, match="a template of ani"):
        daemon.recognizer.run()
    daemon.close()


def test_it_gives_a_sign_of_life_each_second() -> None:
    daemon = Daemon(20)
    daemon.run()
    times = [at_s for at_s, one in daemon.said if isinstance(one, Looked)]
    assert len(times) >= 17
    assert sum(one.frames for _, one in daemon.said if isinstance(one, Looked)) >= 170


def test_five_faces_at_an_engine_of_a_pi_are_no_hang() -> None:
    """0.9 s a face: the daemon ends whoever says nothing for ten seconds."""
    daemon = Daemon(60)
    daemon.slow_s = 0.9
    daemon.heads = lambda at_s: [
        Head(person=f"p{number}", x=60 + 125 * number, eyes_px=45) for number in range(5)
    ]
    daemon.run()
    times = [at_s for at_s, one in daemon.said if isinstance(one, Looked)]
    assert max(b - a for a, b in pairwise(times)) < 10


def test_somebody_is_made_known_and_must_leave_before_that_is_a_visit() -> None:
    """They stand there still, and the gallery that has them arrives at once."""
    daemon = Daemon(40)
    daemon.asks = [(1, Enrol(30.0, keep=False))]

    def heads(at_s: float) -> Sequence[Head]:
        made = [heard_s for heard_s, one in daemon.said if isinstance(one, Made)]
        if not made:
            return as_asked(daemon, at_s)
        if not daemon.asks and at_s < made[0] + 0.3:
            daemon.asks = [(at_s + 0.1, Learn(rows("ani")))]
        stands = at_s < made[0] + 8 or at_s > made[0] + 11
        turned = 20.0 * max(0.0, 1.0 - (at_s - made[0]))
        return [Head(yaw_deg=-turned)] if stands else []

    daemon.heads = heads
    said = daemon.run()
    [made] = of(Made, said)
    assert isinstance(made, Made)
    assert (made.enrolled.model, len(made.enrolled.shots)) == (Stage.model, 3)
    [visit] = of(Visit, said)
    [made_s] = [at_s for at_s, one in daemon.said if isinstance(one, Made)]
    [visit_s] = [at_s for at_s, one in daemon.said if isinstance(one, Visit)]
    assert visit_s > made_s + 10
    assert isinstance(visit, Visit)
    assert visit.person == "ani"


def test_whoever_comes_next_after_an_enrolment_is_named_at_once() -> None:
    daemon = Daemon(30)
    daemon.asks = [(0.5, Learn(rows("budi"))), (1, Enrol(20.0, keep=False))]

    def heads(at_s: float) -> Sequence[Head]:
        made = any(isinstance(one, Made) for _, one in daemon.said)
        return [Head(person="budi")] if made else as_asked(daemon, at_s)

    daemon.heads = heads
    assert [one.person for one in of(Visit, daemon.run())] == ["budi"]  # type: ignore[union-attr]


def test_who_does_not_come_to_be_enrolled_is_said_in_time_and_it_looks_on() -> None:
    daemon = Daemon(20)
    daemon.asks = [(0.5, Learn(rows("ani"))), (1, Enrol(5.0, keep=False))]
    daemon.heads = lambda at_s: [Head()] if at_s > 9 else []
    said = daemon.run()
    [failed] = of(Failed, said)
    assert isinstance(failed, Failed)
    assert failed.error == "Refused"
    assert "nobody stood" in failed.text
    [failed_s] = [at_s for at_s, one in daemon.said if isinstance(one, Failed)]
    assert 5.9 <= failed_s <= 6.4
    assert [one.person for one in of(Visit, said)] == ["ani"]  # type: ignore[union-attr]


def test_two_before_the_camera_are_not_enrolled() -> None:
    daemon = Daemon(15)
    daemon.asks = [(1, Enrol(12.0, keep=False))]
    daemon.heads = lambda at_s: [Head(x=150), Head(person="budi", x=480)]
    [failed] = of(Failed, daemon.run())
    assert isinstance(failed, Failed)
    assert failed.text.startswith("2 people stand before the camera")


def test_while_it_measures_it_looks_and_gives_signs_of_life(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In small pieces: with many people it takes seconds here, and minutes on a Pi."""
    monkeypatch.setattr(calibrate, "BLOCK_ROWS", 4)
    daemon = Daemon(30)
    daemon.asks = [
        (0.5, Learn(rows("ani", *(f"p{number}" for number in range(200))))),
        (1, Calibrate(300)),
    ]
    daemon.heads = lambda at_s: [Head()] if at_s > 1.1 else []
    said = daemon.run()
    [measured] = of(Measured, said)
    assert isinstance(measured, Measured)
    assert (measured.calibration.people, measured.calibration.visits) == (201, 300)
    [measured_s] = [at_s for at_s, one in daemon.said if isinstance(one, Measured)]
    [visit_s] = [at_s for at_s, one in daemon.said if isinstance(one, Visit)]
    assert visit_s < measured_s, "whoever came while it measured was looked at"
    times = [at_s for at_s, one in daemon.said if isinstance(one, Looked)]
    assert max(b - a for a, b in pairwise(times)) < 1.5


def test_what_takes_too_long_to_measure_is_refused_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calibrate, "BLOCK_ROWS", 1)
    monkeypatch.setattr(recognizer, "MEASURES_MOST_S", 6.0)
    daemon = Daemon(20)
    daemon.asks = [(0.5, Learn(rows(*(f"p{number}" for number in range(200))))), (1, Calibrate(50))]
    [failed] = of(Failed, daemon.run())
    assert isinstance(failed, Failed)
    assert failed.error == "Refused"
    assert failed.text == "200 people are too many to be measured here within 6 s"
    assert daemon.said[-1][0] > 18


def test_what_the_camera_raises_ends_it() -> None:
    daemon = Daemon(5)

    def gone(wait_s: float) -> Frame | None:
        raise TimedOut("no picture for 5 s")

    daemon.next = gone  # type: ignore[method-assign]
    with pytest.raises(TimedOut, match="no picture"):
        daemon.recognizer.run()
    daemon.close()


def test_no_memory_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether numpy finds out, or OpenCV, which has an error of its own for it."""
    cv2 = recognizer.opencv_error()
    for error in (MemoryError(), cv2("(-4:Insufficient memory) Failed to allocate 8 bytes")):
        ours, theirs = socket.socketpair()
        daemon: Channel[Said] = Channel(ours, Said)  # type: ignore[arg-type] # a union
        camera = Camera(name="pintu", capture="folder:.", memory_mib=512)
        daemon.send(Begin(camera, "", ""), 1.0)

        def look(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(recognizer, "look", look)
        monkeypatch.setattr(recognizer, "give_way", lambda: None)
        monkeypatch.setattr(recognizer, "keep_within", lambda mib: None)
        assert recognizer.main(theirs.detach()) == os.EX_OK
        failed = daemon.receive(1.0)
        daemon.close()
        assert isinstance(failed, Failed)
        assert failed.text == "512 MiB of memory do not suffice for the camera"
        assert "memory_mib" in failed.hint


def test_any_other_error_of_opencv_is_no_want_of_memory() -> None:
    assert not recognizer.is_want_of_memory(
        recognizer.opencv_error()("(-215:Assertion failed) !empty()")
    )
    assert not recognizer.is_want_of_memory(ValueError("(-4: of something else"))


FOSTER = """
import os, subprocess, sys, time
from pathlib import Path
from drivers.camera.process import Process
from drivers.camera.source import RECOGNIZER
from drivers.camera.wire import Begin, Ready
from drivers.options import Camera
folder, weights = sys.argv[1:]
process = Process(RECOGNIZER, "source pintu")
process.tell(Begin(Camera(name="pintu", capture=f"folder:{folder}"), weights, "/"))
while not isinstance(process.hear(30.0), Ready):
    pass
print(process.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_it_does_not_outlive_the_daemon(number: int, weights: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", FOSTER, str(tmp_path), str(weights)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        child = int(daemon.stdout.readline())
        os.kill(child, signal.SIGINT)  # Ctrl-C reaches both, and is the daemon's alone
        time.sleep(0.3)
        assert Path(f"/proc/{child}/cmdline").read_bytes()
        daemon.send_signal(number)
        daemon.wait(10)
    until_s = time.monotonic() + 10
    while (there := _is_there(child)) and time.monotonic() < until_s:
        time.sleep(0.05)
    assert not there


def _is_there(child: int) -> bool:
    try:
        state = Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
