"""The frame of R30x modules: how it is written, and how it is found in whatever a line delivers.

Pure codec: no port, no clock, no state beyond the bytes of an unfinished frame. What is in a frame
is `codes.py`'s and `module.py`'s.

    EF 01 | address u32 | kind u8 | length u16 | content | checksum u16        all big-endian

`length` counts content and checksum; the checksum is the sum of kind, length and content. Nothing
marks a frame's end, and EF 01 may stand inside the content as well. So a frame is believed only
where all of it is right; at the first thing that is not, one byte is dropped and the next looked
at. Neither a boot byte nor noise nor a lost byte costs more than the frame that it has spoilt.
"""

import struct
from enum import IntEnum
from typing import Final

from msgspec import Struct

START: Final = b"\xef\x01"

ADDRESS: Final = 0xFFFFFFFF
"""The address of a module as it leaves the factory."""

CONTENT_MOST_BYTES: Final = 256
"""Longest content. Manuals say that the length field is at most 256, and send 258 themselves."""

GAP_S: Final = 0.25
"""No longer silence may be between two bytes of one frame."""

_HEAD: Final = struct.Struct(">2sIBH")
_CHECKSUM_BYTES: Final = 2
_KIND_AT: Final = 6


class Pid(IntEnum):
    """What kind of frame it is."""

    COMMAND = 1  # from us; from a module it is an echo of a command that it does not know
    DATA = 2  # more follows
    ACK = 7
    END = 8  # the last of the data


_PIDS: Final = frozenset(Pid)


class Frame(Struct, frozen=True):
    """One frame, either way. An acknowledgement's content begins with its code."""

    pid: Pid
    content: bytes

    def __post_init__(self) -> None:
        if not 1 <= len(self.content) <= CONTENT_MOST_BYTES:
            raise ValueError(f"content of 1 to {CONTENT_MOST_BYTES} bytes, got {len(self.content)}")


def encode(frame: Frame, address: int = ADDRESS) -> bytes:
    """Return the bytes of a frame."""
    length = len(frame.content) + _CHECKSUM_BYTES
    bare = _HEAD.pack(START, address, frame.pid, length) + frame.content
    return bare + checksum(bare[_KIND_AT:]).to_bytes(_CHECKSUM_BYTES, "big")


def checksum(octets: bytes) -> int:
    """Return the u16 sum of kind, length and content."""
    return sum(octets) & 0xFFFF


class Frames:
    """The frames with one address in a stream of bytes that may be cut, mixed and broken anywhere.

    Attributes:
        frames: how many were found.
        bad_checksums: what looked like one down to its checksum.
        dropped: bytes that belonged to none.
    """

    def __init__(self, address: int = ADDRESS) -> None:
        self.frames = self.bad_checksums = self.dropped = 0
        self._opening = START + address.to_bytes(4, "big")
        self._held = bytearray()
        self._last_s = 0.0

    def feed(self, octets: bytes, at_s: float) -> list[Frame]:
        """Take what came at `at_s` and return the frames that are whole now.

        Without bytes it says that there were none until then: what stands unfinished for longer
        than `GAP_S` was no frame, and what it seemed to enclose may be one.
        """
        found = []
        if at_s - self._last_s > GAP_S:
            found = self._take(is_over=True)
        if octets:
            self._last_s = at_s
            self._held += octets
            found += self._take(is_over=False)
        return found

    def forget(self) -> None:
        """Drop what is unfinished: what comes next begins anew."""
        self.dropped += len(self._held)
        self._held.clear()

    def _take(self, *, is_over: bool) -> list[Frame]:
        """Return the frames in what is held; where that `is_over`, nothing stays."""
        found = []
        while self._held:
            size = self._size()
            if size is not None and len(self._held) >= size:
                frame = self._frame(size)
                if frame is not None:
                    found.append(frame)
                    continue
            elif size is not None and not is_over:
                break
            self._drop()
        return found

    def _size(self) -> int | None:
        """Return how long the frame is that begins here, at least; None where none does."""
        held = self._held
        if not self._opening.startswith(held[:_KIND_AT]):
            return None
        if len(held) > _KIND_AT and held[_KIND_AT] not in _PIDS:
            return None
        if len(held) < _HEAD.size:
            return _HEAD.size + 1 + _CHECKSUM_BYTES
        content = int.from_bytes(held[_HEAD.size - 2 : _HEAD.size], "big") - _CHECKSUM_BYTES
        if not 1 <= content <= CONTENT_MOST_BYTES:
            return None
        return _HEAD.size + content + _CHECKSUM_BYTES

    def _frame(self, size: int) -> Frame | None:
        """Take out the frame of `size` bytes that begins here; None where its checksum is wrong."""
        octets = bytes(self._held[:size])
        if checksum(octets[_KIND_AT:-_CHECKSUM_BYTES]) != int.from_bytes(octets[-2:], "big"):
            self.bad_checksums += 1
            return None
        del self._held[:size]
        self.frames += 1
        return Frame(Pid(octets[_KIND_AT]), octets[_HEAD.size : -_CHECKSUM_BYTES])

    def _drop(self) -> None:
        """Drop one byte, and with it those after it that cannot begin a frame."""
        at = self._held.find(START[0], 1)
        gone = len(self._held) if at < 0 else at
        del self._held[:gone]
        self.dropped += gone
