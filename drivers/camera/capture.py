"""Where frames come from, as the settings say it: a camera that is watched, a video, a folder."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from drivers.base import Identity
from drivers.camera.devices import PiCamera, Stream, V4l2
from drivers.camera.engine import Frame
from drivers.camera.live import Device, Live
from drivers.camera.recorded import Folder, Video
from drivers.camera.trouble import Trouble
from drivers.errors import SourceError
from drivers.options import Camera


class Capture(Protocol):
    """A source of frames, used by one thread. `close` may be called at any time after `open`."""

    def open(self) -> Identity:
        """Start; its serial is the same whenever the device is. Raises SourceError."""

    def next(self, wait_s: float) -> Frame | None:
        """Return the newest frame that was not returned yet, None after `wait_s` without one.

        Raises:
            SourceError: there will be no more: unplugged, frozen, covered, unreadable.
        """

    def close(self) -> None:
        """Let go of the device."""


def capture_of(camera: Camera, base: Path) -> Capture:
    """Return what the settings mean, not opened. Paths are relative to `base`."""
    kind, _, rest = camera.capture.partition(":")
    if kind == "video":
        return Video(base / rest, camera.rate)
    if kind == "folder":
        return Folder(base / rest, camera.rate)
    device: Device
    if kind == "v4l2":
        device = V4l2(base / rest, camera.width, camera.height, camera.rate)
    elif kind == "picamera2":
        device = PiCamera(rest, camera.width, camera.height, camera.rate)
    else:
        device = Stream(camera.capture)
    return Watched(Live(device), device.where)


OPEN_WAIT_S: Final = 0.5
"""How long a first frame is waited for at a time."""


class Watched:
    """A camera of which it is said when it does not see any more."""

    def __init__(
        self, capture: Capture, where: str, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """`where` stands in errors and has no password; `now_s` is monotonic."""
        self._capture = capture
        self._where = where
        self._now_s = now_s
        self._trouble = Trouble(where, now_s())

    def open(self) -> Identity:
        """Start the camera, and wait until something is to be seen in it.

        Raises SourceError, also where nothing is: in the dark it is not open, and nobody watches.
        """
        identity = self._capture.open()
        self._trouble = Trouble(self._where, self._now_s())
        try:
            while not self._trouble.has_seen:
                self.next(OPEN_WAIT_S)
        except SourceError:
            self._capture.close()
            raise
        return identity

    def next(self, wait_s: float) -> Frame | None:
        """Return the newest frame. Raises SourceError also where it shows that nothing is seen."""
        frame = self._capture.next(wait_s)
        trouble = self._trouble.see(frame, self._now_s())
        if trouble is not None:
            raise trouble
        return frame

    def close(self) -> None:
        """Let go of the camera."""
        self._capture.close()
