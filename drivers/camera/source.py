"""A camera, as the daemon sees it: a process that says who came.

Finding and matching faces takes most of a processor and libraries that may crash, hang or eat the
memory. So it is done by `recognizer.py`, in a process of its own: whatever becomes of it, the
daemon ends what is left, says what happened and starts it anew. It is given the gallery and keeps
nothing; what it says becomes punches here.

A camera has no record to be read again: who was seen is kept here until the journal has taken it,
also while the camera is opened anew. While it looks, that somebody did not come is known: this is
told as coverage; while it did not, nobody knows, as of any terminal that was dead. Nor does it look
while the gallery cannot be read: it would take everybody for a stranger.
"""

import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from drivers.base import Credential, Identity, Method, Reading
from drivers.camera.process import Process
from drivers.camera.visits import Ask, Visit
from drivers.camera.wire import (
    Begin,
    Calibrate,
    Enrol,
    Failed,
    Learn,
    Looked,
    Made,
    Measured,
    Ready,
    Said,
)
from drivers.errors import TimedOut, Unreachable
from drivers.faces import UNREADABLE, Asking, Calibration, Enrolled, Gallery
from drivers.options import Camera
from drivers.pending import Pending

T = TypeVar("T", Ready, Made, Measured)

RECOGNIZER: Final = (sys.executable, "-m", "drivers.camera.recognizer")
"""The command; it is told the number of its end of the socket."""

OPEN_WITHIN_S: Final = 60.0
"""How long it may take until the models are loaded and a first frame is there: a slow card."""

SILENT_MOST_S: Final = 10.0
"""It says something every second; silent for so long it hangs."""

CALIBRATE_WITHIN_S: Final = 75.0
"""How long measuring a gallery may take: the recognizer gives up before that, and looks on."""

BEAT_S: Final = 1.0
"""How often a sign of life is given while an answer is waited for."""

STRANGER: Final = "?"
"""Before a visit's name it makes the user of somebody who was not named: each visit its own."""


class Parts(Struct, frozen=True, kw_only=True):
    """What cameras need of the kiosk around them.

    Attributes:
        weights: the directory of the models.
        base: what relative paths in the settings are relative to.
        tell: passes on what somebody in front of a source is to do; never blocks.
    """

    gallery: Gallery
    weights: Path
    base: Path
    tell: Callable[[str, Ask], None]


Telling = Callable[[Ask], None]


class CameraSource:
    """Implements `drivers.base.Source` and `drivers.faces.KnowsFaces` for a `Camera`."""

    def __init__(
        self,
        options: Camera,
        now: Callable[[], datetime],
        parts: Parts,
        recognizer: Sequence[str] = RECOGNIZER,
        silent_s: float = SILENT_MOST_S,
    ) -> None:
        """`now` is the kiosk's clock, aware UTC: it dates the punches.

        `recognizer` is the command that looks; silent for `silent_s` it hangs.
        """
        self.name = options.name
        self._options = options
        self._parts = parts
        self._command = tuple(recognizer)
        self._silent_s = silent_s
        self._where = f"source {options.name} ({_shown(options.capture)})"
        self._pending = Pending(now, options.timezone)
        self._beat: Callable[[], None] = lambda: None
        self._process: Process | None = None
        self._ready = Ready("", "", "")
        self._taught: int | None = None  # version of the gallery that it knows
        self._heard_s = 0.0  # by `time.monotonic`: when it said something last

    def open(self, position: bytes | None, beat: Callable[[], None]) -> Identity:
        """Start the recognizer and wait until it looks. Raises SourceError."""
        self.close()
        self._beat, self._taught = beat, None
        self._pending.begin(position)
        self._process = Process(self._command, self._where)
        begin = Begin(self._options, str(self._parts.weights), str(self._parts.base))
        self._process.tell(begin)
        self._ready = self._await(Ready, OPEN_WITHIN_S, OPEN_WITHIN_S)
        self._teach()
        return Identity(serial=self._ready.serial, model=self._ready.device, has_clock=False)

    def read(self, wait_s: float) -> Reading | None:
        """Return a visit, or that nobody came. Raises SourceError where nobody looks.

        A visit is returned until it is confirmed.
        """
        self._teach()
        until_s = time.monotonic() + wait_s
        while (waiting := self._pending.reading()) is None:
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return None
            said = self._hear(left_s, self._silent_s)
            # Whoever was decided on before has been read: it says everything in its order.
            if isinstance(said, Looked) and self._pending.is_due:
                return self._pending.watched(proves=True)
        return waiting

    def confirm(self, reading: Reading) -> None:
        """Let go of what is on disk; the screen shows that it counted."""
        self._pending.confirm(reading)

    def close(self) -> None:
        """End the recognizer; never raises."""
        process, self._process = self._process, None
        if process is not None:
            process.end()

    @property
    def pid(self) -> int:
        """Return the process id of the recognizer that is open. Raises TimedOut where none is."""
        return self._opened.pid

    @property
    def left_at_once(self) -> bool:
        """Whether it may be left in the middle of anything: the recognizer keeps nothing."""
        return True

    # Making somebody known.

    def model(self) -> str:
        """Return the model in force; "" before it was opened."""
        return self._ready.model

    def enrol(self, ask: Asking, within_s: float, *, keep: bool) -> Enrolled:
        """Take pictures of whoever stands there. Raises Refused, SourceError."""
        self._opened.tell(Enrol(within_s, keep))

        def pass_on(said: Ask) -> None:
            ask(said.what, said.step, said.of)

        return self._await(Made, within_s + self._silent_s, self._silent_s, pass_on).enrolled

    def calibrate(self, visits: int) -> Calibration:
        """Measure the gallery in force. Raises SourceError."""
        self._teach()
        self._opened.tell(Calibrate(visits))
        return self._await(Measured, CALIBRATE_WITHIN_S, self._silent_s).calibration

    def _teach(self) -> None:
        """Tell it whom it is to know, where that has changed. Raises SourceError."""
        if self._parts.gallery.version != self._taught:
            known = self._parts.gallery.known(self._ready.model)
            if known.version == UNREADABLE:
                raise Unreachable(
                    f"source {self.name}: nobody can be known by their face now, so nobody looks",
                    hint="The vault cannot be read: `kiosk status` says why",
                )
            self._opened.tell(Learn(known.rows))
            self._taught = known.version

    # What it says.

    def _hear(self, within_s: float, silent_s: float, ask: Telling | None = None) -> Said | None:
        """Return what it says next, None for nothing in time; visits and prompts are taken in.

        Raises SourceError; TimedOut where it has said nothing for `silent_s` seconds.
        """
        said = self._opened.hear(within_s)
        now_s = time.monotonic()
        if said is not None:
            self._heard_s = now_s
        elif now_s - self._heard_s > silent_s:
            raise TimedOut(
                f"{self._where}: the recognizer has said nothing for {silent_s:g} s",
                hint="It is ended and started again; if it comes back, unplug the camera once",
            )
        match said:
            case Failed():
                raise said.raised(f"source {self.name}")
            case Visit():
                self._take(said)
            case Ask() if ask is not None:
                ask(said)
            case Ask():
                self._parts.tell(self.name, said)
            case _:
                pass
        return said

    def _await(
        self, kind: type[T], within_s: float, silent_s: float, ask: Telling | None = None
    ) -> T:
        """Return the answer of a kind. Raises SourceError."""
        until_s = time.monotonic() + within_s
        self._heard_s = time.monotonic()
        while (left_s := until_s - time.monotonic()) > 0:
            self._beat()
            said = self._hear(min(BEAT_S, left_s), silent_s, ask)
            if isinstance(said, kind):
                return said
        raise TimedOut(
            f"{self._where}: the recognizer did not answer within {within_s:g} s",
            hint="It is ended and started again",
        )

    def _take(self, visit: Visit) -> None:
        self._pending.add(
            self._ready.serial,
            Credential.FACE,
            visit.person or STRANGER + visit.visit,
            Method.FACE,
            msgspec.json.encode(visit.evidence),
            time.monotonic() - visit.at_s,
        )

    @property
    def _opened(self) -> Process:
        if self._process is None:
            raise TimedOut(f"{self._where}: not open")
        return self._process


def _shown(capture: str) -> str:
    """Return `capture` as errors and logs may have it: an address without name and password."""
    parts = urlsplit(capture)
    if not parts.netloc:
        return capture
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
