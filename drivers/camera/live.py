"""The newest frame of a camera: a thread reads all there is, and each one replaces the last.

A camera's own buffer hands out its oldest frame first; whoever is slower than the camera would see
a person who has left.
"""

import threading
from typing import Final, Protocol

from drivers.base import Identity
from drivers.camera.engine import Frame
from drivers.errors import SourceError

ENDS_WITHIN_S: Final = 2.0
"""A read that hangs in a library is left to hang: it ends with the process."""


class Device(Protocol):
    """What a thread reads. `read` and `release` are called by that thread only."""

    where: str
    """Names it in errors; without a password."""

    def open(self) -> Identity:
        """Raises SourceError."""

    def read(self) -> Frame:
        """Wait for a frame, as long as the library does. Raises SourceError."""

    def release(self) -> None:
        """Let go of it."""


class Live:
    """One device, read by a thread of its own."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._error: SourceError | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self) -> Identity:
        """Open the device and begin to read. Raises SourceError."""
        identity = self._device.open()
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)
        self._thread.start()
        return identity

    def next(self, wait_s: float) -> Frame | None:
        """Return the newest frame once. Raises what reading raised, after the last frame."""
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None or self._error, wait_s)
            frame, self._frame = self._frame, None
            if frame is None and self._error is not None:
                raise self._error
            return frame

    def close(self) -> None:
        """Have the thread let go of the device."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(ENDS_WITHIN_S)

    def _read(self) -> None:
        try:
            while not self._ended.is_set():
                frame = self._device.read()
                with self._changed:
                    self._frame = frame
                    self._changed.notify()
        except SourceError as error:
            with self._changed:
                self._error = error
                self._changed.notify()
        finally:
            self._device.release()
