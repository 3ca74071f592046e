"""The recognizer: the process that looks. `python -m drivers.camera.recognizer FD` starts it.

It opens the camera and the models, looks at the newest frame again and again, and says who came.
It may crash, hang and be ended at any moment: nothing is in it that is not told again at its start.
It gives way to everything else on the machine, and is the first that the kernel ends when the
memory does not suffice.
"""

import contextlib
import faulthandler
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Final

from msgspec import Struct

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
    Ready,
)
from drivers.errors import Refused, SourceError

if TYPE_CHECKING:
    from drivers.camera.capture import Capture
    from drivers.camera.engine import Engine, Frame, Passive
    from drivers.camera.enrolling import Enrolling
    from drivers.camera.gallery import Gallery
    from drivers.camera.rules import Rules

NICE: Final = 10
"""Whoever waits at a terminal comes before whoever stands before the camera."""

FIRST_TO_GO: Final = "1000"
"""`oom_score_adj`: the daemon is to live."""

MEASURES_MOST_S: Final = 60.0
"""Measuring a gallery ends unfinished after it: somebody waits for the answer."""

WAIT_S: Final = 0.5
"""How long a frame is waited for before somebody else is looked after."""

LOOKED_EVERY_S: Final = 1.0
"""How often a sign of life is given."""

TAKES_MOST_S: Final = 10.0
"""A daemon that takes nothing for so long has gone, or will end us."""


class Recognizer:
    """Looks, and answers, until the daemon hangs up."""

    def __init__(
        self,
        channel: Channel[Asked],
        capture: "Capture",
        engine: "Engine",
        passive: "Passive | None",
        rules: "Rules",
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now_s` is monotonic."""
        from drivers.camera.pipeline import Pipeline

        self._channel = channel
        self._capture = capture
        self._engine = engine
        self._passive = passive
        self._rules = rules
        self._now_s = now_s
        self._pipeline = Pipeline(engine, passive, self._known(()), rules, SystemRandom())
        self._enrolling: Enrolling | None = None
        self._enrol_until_s = 0.0
        self._looked_s = now_s()
        self._frames = 0

    def run(self) -> None:
        """Raises Ended when the daemon has gone, SourceError where the camera cannot go on."""
        while True:
            self._answer()
            self._attend(WAIT_S)

    def _attend(self, wait_s: float) -> None:
        """Look at a frame that comes within `wait_s`, and give a sign of life when it is time."""
        frame = self._capture.next(wait_s)
        if frame is not None:
            self._frames += 1
            if self._enrolling is None:
                self._look(frame)
            else:
                self._enrol(self._enrolling, frame)
        self._give_sign()

    def _look(self, frame: "Frame") -> None:
        for said in self._pipeline.see(frame, self._now_s()):
            self._say(said)

    def _enrol(self, enrolling: "Enrolling", frame: "Frame") -> None:
        now_s = self._now_s()
        ask = enrolling.see(frame, now_s)
        if ask is not None:
            self._say(ask)
        if enrolling.enrolled is not None:
            # Whoever was enrolled stands there still: they must leave before that is a visit.
            self._pipeline.pass_over(enrolling.vectors, now_s)
            self._say(Made(enrolling.enrolled))
        elif enrolling.refusal is not None:
            self._say(Failed.of(Refused(enrolling.refusal)))
        elif now_s >= self._enrol_until_s:
            self._say(Failed.of(_nobody_came()))
        else:
            return
        self._enrolling = None

    def _answer(self) -> None:
        """Do what the daemon has asked for since."""
        while (asked := self._channel.receive(0.0)) is not None:
            match asked:
                case Learn(rows):
                    self._pipeline.gallery = self._known(rows)
                case Enrol(within_s, keep):
                    self._begin_enrolling(within_s, keep)
                case Calibrate(visits):
                    self._say(self._measured(visits))
                case Begin():
                    raise Ended("it began twice")

    def _begin_enrolling(self, within_s: float, keep: bool) -> None:
        from drivers.camera.enrolling import Enrolling

        self._enrolling = Enrolling(self._engine, self._passive, self._rules, keep=keep)
        self._enrol_until_s = self._now_s() + within_s

    def _measured(self, visits: int) -> Measured | Failed:
        """Measure the gallery, and look on meanwhile: it takes minutes where many are known."""
        from drivers.camera.calibrate import calibrate

        gallery = self._pipeline.gallery
        until_s = self._now_s() + MEASURES_MOST_S

        def meanwhile() -> None:
            if self._now_s() > until_s:
                raise _too_many(len(gallery.people))
            self._attend(0.0)

        try:
            return Measured(calibrate(gallery, self._engine.model, self._rules, visits, meanwhile))
        except Refused as why:
            return Failed.of(why)

    def _known(self, rows: Sequence[tuple[str, bytes]]) -> "Gallery":
        from drivers.camera.gallery import Gallery

        return Gallery(rows, self._engine.dimensions, self._engine.metric)

    def _give_sign(self) -> None:
        now_s = self._now_s()
        if now_s - self._looked_s >= LOOKED_EVERY_S:
            self._say(Looked(self._frames))
            self._looked_s, self._frames = now_s, 0

    def _say(self, said: Struct) -> None:
        self._channel.send(said, TAKES_MOST_S)


def main(descriptor: int) -> int:
    """Look until the daemon hangs up; return the exit code."""
    faulthandler.enable()  # a crash in a library leaves its place in the daemon's log
    # A terminal tells Ctrl-C to all: it is for the daemon, which ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    give_way()
    with socket.socket(fileno=descriptor) as end:
        channel: Channel[Asked] = Channel(end, Asked)  # type: ignore[arg-type] # a union
        try:
            begin = channel.receive(TAKES_MOST_S)
            if not isinstance(begin, Begin):
                return os.EX_PROTOCOL
            keep_within(begin.options.memory_mib)
            try:
                look(channel, begin)
            except SourceError as error:
                channel.send(Failed.of(error), TAKES_MOST_S)
            except Exception as error:
                if not is_want_of_memory(error):
                    raise
                channel.send(Failed.of(_needs_more(begin)), TAKES_MOST_S)
        except Ended:
            pass  # nobody is there any more who wants to know
    return os.EX_OK


def look(channel: Channel[Asked], begin: Begin) -> None:
    """Open the models and the camera, and look. Raises SourceError, MemoryError, Ended."""
    from drivers.camera import build

    weights = Path(begin.weights)
    engine = build.engine(begin.options, weights)  # first: it says which library is missing
    passive = build.passive(begin.options, weights)

    from drivers.camera.capture import capture_of
    from drivers.camera.opencv import cv2
    from drivers.camera.rules import Rules

    cv2.setNumThreads(max(1, (os.cpu_count() or 1) // 2))
    rules = Rules.of(begin.options, engine, passive)
    capture = capture_of(begin.options, Path(begin.base))
    identity = capture.open()
    try:
        ready = Ready(identity.serial, identity.model, engine.model)
        channel.send(ready, TAKES_MOST_S)
        Recognizer(channel, capture, engine, passive, rules).run()
    finally:
        capture.close()


def give_way() -> None:
    """Take what the rest of the machine leaves. What is refused is done without."""
    with contextlib.suppress(OSError):
        os.nice(NICE)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO)


def keep_within(mib: int) -> None:
    """Have the kernel refuse more memory than `mib`, before the machine has none."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (mib << 20, mib << 20))


def is_want_of_memory(error: Exception) -> bool:
    """Tell whether numpy or dlib had none, or OpenCV, which has an error of its own for it."""
    if isinstance(error, MemoryError):
        return True
    said = str(error)
    return isinstance(error, opencv_error()) and ("(-4:" in said or "bad_alloc" in said)


def opencv_error() -> type[Exception]:
    """Return the class of what OpenCV raises."""
    from drivers.camera.opencv import cv2

    return cv2.error


def _nobody_came() -> Refused:
    return Refused(
        "nobody stood before the camera long enough for three good pictures",
        hint="One person, near, in good light, looking at the camera; then again",
    )


def _too_many(people: int) -> Refused:
    return Refused(
        f"{people} people are too many to be measured here within {MEASURES_MOST_S:g} s",
        hint="Divide the gallery between sites, or ask for a card as well; then again",
    )


def _needs_more(begin: Begin) -> Refused:
    return Refused(
        f"{begin.options.memory_mib} MiB of memory do not suffice for the camera",
        hint="Use a smaller camera picture, or a larger `memory_mib` if the machine has it",
    )


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
