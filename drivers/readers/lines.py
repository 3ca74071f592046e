"""Lines of text from a reader that has no frames: scanners, Wiegand bridges. Bytes in, events out.

What ends a line is configured; an unfinished one is over where nothing comes for a while, by the
clock of whoever feeds. Nothing here judges a line: what is no text, or too long, is one all the
same.
"""

from collections.abc import Iterator
from typing import Final
from unicodedata import category

from msgspec import Struct

from drivers.options import Terminator

LINE_MOST_BYTES: Final = 4096
"""What of a line is kept; the rest of a longer one is passed over."""

_ENDS: Final = {
    Terminator.CR: (b"\r",),
    Terminator.LF: (b"\n",),
    Terminator.CRLF: (b"\r\n",),
    Terminator.ANY: (b"\r", b"\n"),
    Terminator.IDLE: (),
}


class Line(Struct, frozen=True):
    """One line.

    Attributes:
        text: without control characters and without blanks around; None where it is no UTF-8.
        octets: as they came, without what ended them; those of a longer line to the bound.
        is_whole: whether it had no more than `LINE_MOST_BYTES`.
    """

    text: str | None
    octets: bytes
    is_whole: bool = True


class Lines:
    """The lines of one reader."""

    def __init__(self, terminator: Terminator, idle_ms: int) -> None:
        self._ends = _ENDS[terminator]
        self._idle_s = idle_ms / 1000
        self._held = bytearray()
        self._is_whole = True
        self._heard_s = 0.0

    @property
    def is_begun(self) -> bool:
        """Return whether a line is unfinished: `tick` is to be called soon."""
        return bool(self._held)

    def feed(self, octets: bytes, at_s: float) -> Iterator[Line]:
        """Take in what came at `at_s` of a rising clock, seconds; yield the lines that ended."""
        yield from self.tick(at_s)
        if octets:
            self._heard_s = at_s
        for octet in octets:
            self._held.append(octet)
            end = next((one for one in self._ends if self._held.endswith(one)), None)
            if end is not None:
                del self._held[-len(end) :]
                yield from self._ended()
            elif len(self._held) > LINE_MOST_BYTES + 1:  # one more: an end may be of two bytes
                self._is_whole = False
                del self._held[LINE_MOST_BYTES:-1]

    def tick(self, at_s: float) -> Iterator[Line]:
        """Yield the unfinished line, if nothing has come for the idle time at `at_s`."""
        if self._held and at_s - self._heard_s >= self._idle_s:
            yield from self._ended()

    def _ended(self) -> Iterator[Line]:
        octets, is_whole = bytes(self._held[:LINE_MOST_BYTES]), self._is_whole
        is_whole = is_whole and len(self._held) <= LINE_MOST_BYTES
        self._held.clear()
        self._is_whole = True
        text = _text(octets) if is_whole else None
        if octets and text != "":  # between CR and LF there is no line, nor is one of zeros
            yield Line(text, octets, is_whole)


def _text(octets: bytes) -> str | None:
    try:
        said = octets.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return "".join(one for one in said if category(one) != "Cc").strip()
