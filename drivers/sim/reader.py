"""Simulated serial readers that only push: 125 kHz tags, QR codes and barcodes, Wiegand, a PIN pad.

    with SimulatedReader(Pty(folder / "reader")) as reader:
        with reader.near(rdm6300("0004821377")):
            ...                           # its frame comes every 65 ms
        reader.say(line("MEMBER-17"))

The encoders are this file's own, made from the formats' notes: bytes in, bytes out. A reader asks
nothing and hears nothing.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

from drivers.sim.pty import Pty

FRAME_START: Final = b"\x02"
FRAME_END: Final = b"\x03"

REPEAT_S: Final = 0.065
"""How often an RDM6300 says the tag that is near."""

HANDOVER_S: Final = 0.005
"""How often it is looked whether somebody has the port open."""

TERMINATORS: Final = {"cr": b"\r", "lf": b"\n", "crlf": b"\r\n", "none": b""}


def tag_octets(number: str, version: int = 0) -> bytes:
    """Return a tag's five bytes: version, and the number that is printed on it in decimal digits.

    Raises ValueError where it is no number of 32 bits.
    """
    if not number.isdecimal() or int(number) > 0xFFFFFFFF:
        raise ValueError(f"{number!r} is no number of a tag: decimal digits, up to 4294967295")
    return bytes([version]) + int(number).to_bytes(4, "big")


def rdm6300(number: str, version: int = 0) -> bytes:
    """Return the 14 bytes of an RDM6300: STX, ten hex digits, their XOR in two, ETX."""
    return FRAME_START + _digits(tag_octets(number, version)) + FRAME_END


def id20la(number: str, version: int = 0) -> bytes:
    """Return the 16 bytes of an ID-12LA or ID-20LA: the same, with CR LF before its ETX."""
    return FRAME_START + _digits(tag_octets(number, version)) + b"\r\n" + FRAME_END


def _digits(octets: bytes) -> bytes:
    xor = 0
    for octet in octets:
        xor ^= octet
    return (octets + bytes([xor])).hex().upper().encode()


def line(text: str, terminator: str = "cr") -> bytes:
    """Return a line of text as scanners send it; `terminator` is one of `TERMINATORS`."""
    return text.encode() + TERMINATORS[terminator]


PATTERN_26: Final = r"26:(?P<facility>\d+),(?P<number>\d+)"
"""The `pattern` of a line reader that what `wiegand26` returns fits."""


def wiegand26(facility: int, card: int, terminator: str = "crlf") -> bytes:
    """Return 26 bits as a bridge prints them: "26:F,C", both in decimal.

    Raises ValueError where facility (8 bits) or card (16) do not fit.
    """
    if not (0 <= facility <= 0xFF and 0 <= card <= 0xFFFF):
        raise ValueError(f"26 bits hold 8 of facility and 16 of card, not {facility} and {card}")
    return line(f"26:{facility:03d},{card:05d}", terminator)


class SimulatedReader:
    """A reader at a pseudo-terminal; a context manager that is plugged in inside the `with`.

    Thread-safe. What it says while nobody has the port open is lost.
    """

    def __init__(self, port: Pty, repeat_s: float = REPEAT_S) -> None:
        """Describe a reader; nothing is opened before `start`."""
        self.port = port
        self._repeat_s = repeat_s
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._lifted = threading.Event()
        self._repeater: threading.Thread | None = None

    def start(self) -> None:
        """Plug it in. Raises OSError (no room for the link)."""
        self._stopping.clear()
        self.replug()

    def stop(self) -> None:
        """Take its tag away and pull it out. May be called twice."""
        self._stopping.set()
        self.away()
        self.unplug()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def replug(self) -> None:
        """Plug it in, under the same link and another name."""
        with self._lock:
            self.port.plug()

    def unplug(self) -> None:
        """Pull it out, whoever has it open."""
        with self._lock:
            self.port.unplug()

    def wait_for_client(self, timeout_s: float = 5.0) -> bool:
        """Wait until somebody has the port open; returns whether somebody has."""
        for _ in range(int(timeout_s / HANDOVER_S)):
            with self._lock:
                if self.port.plugged and self.port.listened:
                    return True
            self._stopping.wait(HANDOVER_S)
        return False

    def say(self, octets: bytes) -> None:
        """Send bytes as they are: a frame, half of one, noise."""
        with self._lock:
            if self.port.plugged:
                self.port.write(octets)

    def say_bytewise(self, octets: bytes, gap_s: float = 0.001) -> None:
        """Send bytes one by one, `gap_s` seconds apart."""
        for octet in octets:
            self.say(bytes([octet]))
            self._stopping.wait(gap_s)

    def keys(self, pressed: str, gap_s: float = 0.0) -> None:
        """Press keys of a PIN pad: one byte each."""
        self.say_bytewise(pressed.encode(), gap_s)

    def hold(self, frame: bytes) -> None:
        """Hold a tag there, in place of any other: its frame comes again and again."""
        self.away()
        self._lifted = threading.Event()
        self._repeater = threading.Thread(
            target=self._repeat, args=(frame, self._lifted), name="readersim", daemon=True
        )
        self._repeater.start()

    def away(self) -> None:
        """Take the tag away; nothing happens where none is."""
        repeater, self._repeater = self._repeater, None
        if repeater is not None:
            self._lifted.set()
            repeater.join()

    @contextmanager
    def near(self, frame: bytes) -> Iterator[None]:
        """Hold a tag there inside the `with`."""
        self.hold(frame)
        try:
            yield
        finally:
            self.away()

    def _repeat(self, frame: bytes, lifted: threading.Event) -> None:
        while True:
            self.say(frame)
            if lifted.wait(self._repeat_s):
                return
