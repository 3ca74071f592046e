"""What a pushed attendance event says: seven layouts, known by their length alone.

Several records may stand in one packet. A packet of no known length, or one that makes no sense,
is one event with its bytes and nothing else: somebody punched, and that must not be lost.

Lengths and fields: the protocol page zk-4370, section 8.
"""

import struct
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from drivers.base import Method, State
from drivers.zkteco import times
from drivers.zkteco.records import METHODS, STATES, looks_like_user, user_text


class LiveRow(Struct, frozen=True, gc=False):
    """One event.

    Attributes:
        user: the user id as text; "" where the bytes could not be read.
        time: the naive wall clock, maybe no real date; "" where the bytes could not be read.
        raw: the record's own bytes.
    """

    user: str
    time: str
    method: Method
    state: State
    raw: bytes


def _number(form: str) -> Callable[[bytes], LiveRow]:
    """Return the reader of a record that begins with a user number."""

    def read(raw: bytes) -> LiveRow:
        user, method, state, six = struct.unpack(form, raw)
        # The state is in the low four bits (vendor manual, 10-byte form); 15 is undefined.
        return LiveRow(str(user), times.text6(six), METHODS[method], STATES[state & 0x0F], raw)

    return read


def _text(form: str) -> Callable[[bytes], LiveRow]:
    """Return the reader of a record that begins with a user id of 24 bytes."""

    def read(raw: bytes) -> LiveRow:
        user, method, state, six = struct.unpack(form, raw)
        return LiveRow(user_text(user), times.text6(six), METHODS[method], STATES[state], raw)

    return read


LAYOUTS: Final[dict[int, Callable[[bytes], LiveRow]]] = {
    52: _text("<24sBB6s20x"),  # newest
    37: _text("<24sBB6s5x"),  # uFace, ZEM600 8.0.0
    36: _text("<24sBB6s4x"),
    32: _text("<24sBB6s"),  # F19, QF-001
    14: _number("<HBB6s4x"),  # ZEM300
    12: _number("<IBB6s"),  # older, UDP
    10: _number("<HBB6s"),  # ZEM560
}
"""Reader by record length, in the order in which a longer packet is tried to be divided."""


def decode_event(data: bytes) -> list[LiveRow]:
    """Return the records of one attendance event; never empty, never an error."""
    fitting = [length for length in LAYOUTS if data and len(data) % length == 0]
    fitting.sort(key=lambda length: length != len(data))  # the whole packet as one record first
    for length in fitting:
        read = LAYOUTS[length]
        rows = [read(data[at : at + length]) for at in range(0, len(data), length)]
        if all(map(_sound, rows)):
            return rows
    if len(data) in LAYOUTS and looks_like_user((row := LAYOUTS[len(data)](data)).user):
        return [row]  # an impossible date is kept as the terminal said it
    return [LiveRow("", "", Method.UNKNOWN, State.UNDEFINED, data)]


def _sound(row: LiveRow) -> bool:
    """Whether the fields are in their ranges; the 31st of February is."""
    date, time = row.time.split("T")
    _, month, day = map(int, date.split("-"))
    hour, minute, second = map(int, time.split(":"))
    in_range = 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 60
    return in_range and row.user != "0" and looks_like_user(row.user)
