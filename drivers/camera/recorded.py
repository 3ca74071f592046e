"""Frames without a camera: a video, a folder of pictures. For a demonstration and for tests.

Both begin anew when they end, after a pause in which whoever was to be seen has left.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from drivers.base import Identity
from drivers.camera.engine import Frame
from drivers.camera.opencv import cv2
from drivers.errors import Garbled, Misconfigured

PAUSE_S: Final = 3.0
"""Without a frame before it begins anew: longer than a face may be gone and still be there."""
PICTURES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})

Clock = Callable[[], float]
Wait = Callable[[float], None]


class _Paced:
    """A time at which the next frame is due, and waiting for it."""

    def __init__(self, now_s: Clock, wait: Wait) -> None:
        self._now_s = now_s
        self._wait = wait
        self.due_s = now_s()

    def due(self, wait_s: float) -> bool:
        """Wait until the next frame is due, at most `wait_s`; return whether it is."""
        early_s = self.due_s - self._now_s()
        if early_s > 0:
            self._wait(min(early_s, wait_s))
        return early_s <= wait_s

    @property
    def late_s(self) -> float:
        """Return by how much the frame that is due is late."""
        return self._now_s() - self.due_s


class Video:
    """A video file, at its own rate; frames for which nobody had the time are left out."""

    def __init__(
        self, path: Path, rate: float, now_s: Clock = time.monotonic, wait: Wait = time.sleep
    ) -> None:
        """`rate` counts where the file does not say its own; `now_s` is monotonic."""
        self._path = path
        self._frame_s = 1 / rate
        self._pace = _Paced(now_s, wait)
        self._opened = cv2.VideoCapture()
        self._began = False

    def open(self) -> Identity:
        """Open the file. Raises Misconfigured, Garbled."""
        if not self._path.is_file():
            raise Misconfigured(f"there is no video {self._path}", hint="Look at `capture`")
        if not self._opened.open(str(self._path), cv2.CAP_FFMPEG):
            raise Garbled(f"{self._path} is no video that opens", hint="Try it in a player")
        rate = self._opened.get(cv2.CAP_PROP_FPS)
        if 0 < rate < 1000:
            self._frame_s = 1 / rate
        return Identity(serial=self._path.name, model="video")

    def next(self, wait_s: float) -> Frame | None:
        """Return the frame that is due. Raises Garbled where the file has none."""
        if not self._pace.due(wait_s):
            return None
        if not self._began:
            self._pace.due_s += self._pace.late_s
        ok = True
        while ok and self._pace.late_s >= self._frame_s:
            ok = self._opened.grab()
            self._pace.due_s += self._frame_s
        if ok:
            ok, frame = self._opened.read()
        if not ok:
            self._begin_anew()
            return None
        self._began = True
        self._pace.due_s += self._frame_s
        return np.asarray(frame, np.uint8)

    def close(self) -> None:
        """Close the file."""
        self._opened.release()

    def _begin_anew(self) -> None:
        if not self._began:
            raise Garbled(f"{self._path} has no frame that can be read", hint="Try it in a player")
        self._opened.set(cv2.CAP_PROP_POS_FRAMES, 0)
        self._began = False
        self._pace.due_s += PAUSE_S + self._pace.late_s


class Folder:
    """Pictures in the order of their names. The folder is read again for each, so that one that is
    put there is seen; one that cannot be read (yet) is passed over."""

    def __init__(
        self, path: Path, rate: float, now_s: Clock = time.monotonic, wait: Wait = time.sleep
    ) -> None:
        """`rate` in pictures a second; `now_s` is monotonic."""
        self._path = path
        self._frame_s = 1 / rate
        self._pace = _Paced(now_s, wait)
        self._last = ""

    def open(self) -> Identity:
        """Raises Misconfigured."""
        if not self._path.is_dir():
            raise Misconfigured(f"there is no folder {self._path}", hint="Look at `capture`")
        return Identity(serial=self._path.resolve().name, model="folder")

    def next(self, wait_s: float) -> Frame | None:
        """Return the next picture, None in the pause. Raises Misconfigured: the folder has gone."""
        if not self._pace.due(wait_s):
            return None
        for name in self._names():
            if name > self._last:
                self._last = name
                frame = cv2.imread(str(self._path / name))
                if frame is not None:
                    self._pace.due_s += self._frame_s + max(0.0, self._pace.late_s)
                    return np.asarray(frame, np.uint8)
        self._last = ""
        self._pace.due_s += PAUSE_S + self._pace.late_s
        return None

    def close(self) -> None:
        """Nothing is held."""

    def _names(self) -> list[str]:
        try:
            names = [one.name for one in self._path.iterdir() if one.suffix.lower() in PICTURES]
        except OSError as error:
            raise Misconfigured(f"{self._path}: {error.strerror}", hint="Is it a stick?") from None
        return sorted(names)
