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
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from drivers.base import Coverage, Credential, Identity, Method, Punch, Reading
from drivers.camera.ordinals import Ordinals
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

COVER_EVERY_S: Final = 900.0
"""So often it is recorded that the camera has looked all the time."""

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
        self._now = now
        self._parts = parts
        self._command = tuple(recognizer)
        self._silent_s = silent_s
        self._where = f"source {options.name} ({_shown(options.capture)})"
        self._zone = ZoneInfo(options.timezone)
        self._beat: Callable[[], None] = lambda: None
        self._process: Process | None = None
        self._ready = Ready("", "", "")
        self._taught: int | None = None  # version of the gallery that it knows
        self._ordinals = Ordinals(None, timedelta())
        self._seen_punches: deque[Punch] = deque()  # not confirmed yet
        self._seen = 0  # visits since it was opened
        # By `time.monotonic`: when it said something last, and from when on coverage is due.
        self._heard_s = self._cover_s = 0.0

    def open(self, position: bytes | None, beat: Callable[[], None]) -> Identity:
        """Start the recognizer and wait until it looks. Raises SourceError."""
        self.close()
        self._beat, self._taught, self._seen = beat, None, 0
        self._cover_s = 0.0
        self._ordinals = Ordinals(position, timedelta(seconds=2 * COVER_EVERY_S))
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
        while not self._seen_punches:
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return None
            said = self._hear(left_s, self._silent_s)
            # Whoever was decided on before has been read: it says everything in its order.
            if isinstance(said, Looked) and time.monotonic() >= self._cover_s:
                return self._covered()
        return Reading(punches=[self._seen_punches[0]])

    def confirm(self, reading: Reading) -> None:
        """Let go of what is on disk; the screen shows that it counted."""
        for punch in reading.punches:
            if self._seen_punches and self._seen_punches[0] is punch:
                self._seen_punches.popleft()

    def close(self) -> None:
        """End the recognizer; never raises."""
        process, self._process = self._process, None
        if process is not None:
            process.end()

    @property
    def pid(self) -> int:
        """Return the process id of the recognizer that is open. Raises TimedOut where none is."""
        return self._opened.pid

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
                self._seen += 1
                self._seen_punches.append(self._punch(said))
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

    def _punch(self, visit: Visit) -> Punch:
        time_here = self._here(time.monotonic() - visit.at_s)
        user = visit.person or STRANGER + visit.visit
        return Punch(
            terminal=self._ready.serial,
            credential=Credential.FACE,
            user=user,
            time=time_here,
            ordinal=self._ordinals.of(user, time_here),
            method=Method.FACE,
            raw=msgspec.json.encode(visit.evidence),
        )

    def _covered(self) -> Reading:
        """Return that whoever came up to now has been told."""
        self._cover_s = time.monotonic() + COVER_EVERY_S
        here = self._here()
        return Reading(
            punches=(),
            tail=Coverage(through=here, records=self._seen),
            position=self._ordinals.position(here),
            lasting=True,
        )

    def _here(self, ago_s: float = 0.0) -> str:
        """Return what the kiosk's clock says now of `ago_s` seconds ago: naive, in our zone."""
        at = self._now() - timedelta(seconds=max(0.0, ago_s))
        return at.astimezone(self._zone).replace(tzinfo=None).isoformat(timespec="seconds")

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
