"""Frames through a serial port, each waited for no longer than is said.

It joins bytes and time to the codec. Which frame answers what is `link.py`'s.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from drivers.fingerprint.packets import GAP_S, Frame, Frames, encode

SLICE_S: Final = 0.2
"""So often at least a sign of life is given while something is waited for."""

SPOILT_BYTES: Final = 4
"""So many bytes that are no frame were one; fewer are a module that starts, or a crackle."""

_BITS_PER_BYTE: Final = 10  # with start and stop
_READ_BYTES: Final = 4096


class Port(Protocol):
    """What `drivers.serialport.SerialPort` offers. Each call may raise SourceError."""

    @property
    def baud(self) -> int: ...
    @baud.setter
    def baud(self, baud: int) -> None: ...
    def open(self) -> None: ...
    def read(self, most: int, wait_s: float) -> bytes: ...
    def write(self, octets: bytes) -> None: ...
    def discard(self) -> None: ...
    def close(self) -> None: ...


class Line:
    """The frames of one address at one port. Each call may raise SourceError: the port is gone.

    Attributes:
        port: what it goes through.
        now_s: the clock of all deadlines, as `time.monotonic`.
        strays: frames that nobody wanted.
    """

    def __init__(
        self,
        port: Port,
        address: int,
        beat: Callable[[], None],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`beat` is called at least four times a second while something is waited for."""
        self.port = port
        self.now_s = now_s
        self.strays = 0
        self._address = address
        self._beat = beat
        self._frames = Frames(address)
        self._inbox: deque[Frame] = deque()

    @property
    def dropped(self) -> int:
        """Return how many bytes were no frame."""
        return self._frames.dropped

    @property
    def heard(self) -> int:
        """Return how many frames have come whole."""
        return self._frames.frames

    @property
    def spoilt(self) -> int:
        """Return how many have not."""
        return self._frames.bad_checksums

    @property
    def counts(self) -> dict[str, int]:
        """Return what it was like."""
        return {
            "frames": self._frames.frames,
            "bad checksums": self._frames.bad_checksums,
            "dropped bytes": self._frames.dropped,
            "strays": self.strays,
        }

    def say(self, frame: Frame) -> None:
        """Send a frame."""
        self.port.write(encode(frame, self._address))
        self._beat()

    def hear(self, until_s: float) -> Frame | None:
        """Return the next frame; None where none came in time, or one that was spoilt."""
        dropped, heard_s = self.dropped, self.now_s()
        while not self._inbox:
            self._beat()
            now_s = self.now_s()
            spoilt = self.dropped - dropped >= SPOILT_BYTES
            if now_s >= until_s or (spoilt and now_s - heard_s > GAP_S):
                return None
            octets = self.port.read(_READ_BYTES, min(SLICE_S, until_s - now_s))
            now_s = self.now_s()
            heard_s = now_s if octets else heard_s
            self._inbox.extend(self._frames.feed(octets, now_s))
        return self._inbox.popleft()

    def discard(self) -> None:
        """Drop all that has come."""
        self.port.discard()
        self._frames.forget()
        self.strays += len(self._inbox)
        self._inbox.clear()

    def rest(self, for_s: float) -> None:
        """Let it be for a moment; what comes meanwhile nobody wants."""
        until_s = self.now_s() + for_s
        while self.hear(until_s) is not None:
            self.strays += 1

    def wire_s(self, octets: int) -> float:
        """Return how long so many bytes travel."""
        return octets * _BITS_PER_BYTE / self.port.baud

    @contextmanager
    def undisturbed(self, for_s: float) -> Iterator[None]:
        """What is done within is not called off for so long: it must not stay half done."""
        beat, until_s = self._beat, self.now_s() + for_s

        def hold() -> None:
            if self.now_s() > until_s:
                beat()

        self._beat = hold
        try:
            yield
        finally:
            self._beat = beat
