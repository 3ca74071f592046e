"""Frames of 125 kHz readers: RDM6300, EM4100 modules, ID-12LA, ID-20LA. Bytes in, events out.

    02  ten hexadecimal digits  two of checksum  [0D 0A]  03

The checksum is the XOR of the five bytes that the ten digits are. A reader says a frame again every
65 ms while the tag is near, and never asks. Whatever is not a frame costs one byte: the next one is
looked for behind it, so that nothing that was lost takes a whole frame along.
"""

from collections.abc import Iterator
from functools import reduce
from operator import xor
from typing import Final

from msgspec import Struct

STX: Final = 0x02
"""Begins a frame."""

ETX: Final = 0x03
"""Ends it."""

DIGITS: Final = 12
"""Ten of the tag, two of the checksum."""

BREAK: Final = b"\r\n"
"""What ID-xx readers say before ETX."""

BROKEN_OFF_S: Final = 0.5
"""A frame takes 15 ms: what goes on after so long is another one."""

_HEX: Final = frozenset(b"0123456789ABCDEFabcdef")


class Tag(Struct, frozen=True):
    """A frame whose checksum holds.

    Attributes:
        number: all 40 bits.
        octets: its twelve digits as they came.
    """

    number: int
    octets: bytes


class Spoilt(Struct, frozen=True):
    """Bytes that are no frame; `why` says it for people, without them."""

    why: str


class Tags:
    """What one reader says. Keeps sixteen bytes at most."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._heard_s = 0.0
        self._in_noise = False

    def feed(self, octets: bytes, at_s: float) -> Iterator[Tag | Spoilt]:
        """Take in what came at `at_s` of a rising clock, seconds; yield what it completes."""
        if octets and self._held and at_s - self._heard_s > BROKEN_OFF_S:
            self._held.clear()
            yield Spoilt("a frame broke off")
        if octets:
            self._heard_s = at_s
        for octet in octets:
            self._held.append(octet)
            yield from self._look()

    def _look(self) -> Iterator[Tag | Spoilt]:
        """Look at what is held until it is the beginning of a frame, or nothing."""
        while self._held:
            if not self._may_begin():
                del self._held[0]
                if not self._in_noise:  # one word for all that is between two frames
                    self._in_noise = True
                    yield Spoilt("bytes that are no frame")
                continue
            if self._held[-1] != ETX or len(self._held) <= DIGITS:
                return
            digits = bytes(self._held[1 : 1 + DIGITS])
            five, checksum = bytes.fromhex(digits[:10].decode()), int(digits[10:], 16)
            if reduce(xor, five) != checksum:
                del self._held[0]
                self._in_noise = True  # its digits are no frame, and said with this
                yield Spoilt("a frame whose checksum does not hold")
                continue
            self._held.clear()
            self._in_noise = False
            yield Tag(int.from_bytes(five, "big"), digits)

    def _may_begin(self) -> bool:
        """Return whether what is held may be, or become, a frame."""
        held = bytes(self._held)
        digits, rest = held[1 : 1 + DIGITS], held[1 + DIGITS :]
        ends = (bytes([ETX]), BREAK + bytes([ETX]))
        return (
            held[0] == STX
            and all(one in _HEX for one in digits)
            and any(end.startswith(rest) for end in ends)
        )
