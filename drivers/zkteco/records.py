"""The terminal's tables: which layout their rows have, and the rows.

The terminal says neither the width of a row nor its layout. The count it gives was taken at another
moment than the table, so a width is chosen by count *and* by what the rows then say; it must divide
the table exactly, and a table that leaves doubt is `Garbled`, never a guess. One row with an
impossible date or an unreadable user is a row like any other: it is kept with its bytes.

Layouts and codes: the protocol page zk-4370, section 7.
"""

import re
import struct
from collections.abc import Mapping
from enum import Enum
from typing import Any

from msgspec import Struct

from drivers.base import Method, State
from drivers.errors import Garbled
from drivers.zkteco import times

STRAY_PREFIX = bytes.fromhex("ff3235350000000000")
"""Nine bytes that some firmware puts before the first attendance row."""

FIRST_PLAUSIBLE = times.ticks(2005, 1, 1)
"""Ticks before which no row counts as plausible: older than any terminal that speaks this."""

MAX_WORK_CODE = 99_999_999
"""Largest work code a keypad takes: eight digits. A time read as a work code is above it."""

SAMPLE_ROWS = 256
"""How many rows, evenly spread, a layout is judged by."""

_PLAUSIBLE_IF_COUNTED = 0.5
_PLAUSIBLE_ALONE = 0.9
_CLEARLY_BETTER = 0.25

_METHODS = {
    0: Method.PASSWORD,
    1: Method.FINGERPRINT,
    2: Method.CARD,
    3: Method.PASSWORD,  # a PIN
    4: Method.CARD,
    15: Method.FACE,
    25: Method.PALM,
}
_STATES = {
    0: State.IN,
    1: State.OUT,
    2: State.BREAK_OUT,
    3: State.BREAK_IN,
    4: State.OVERTIME_IN,
    5: State.OVERTIME_OUT,
}
_NO_STATES = frozenset(range(255)) - _STATES.keys()
_USER_ID = re.compile(r"[\w .-]+")
METHODS = tuple(_METHODS.get(octet, Method.UNKNOWN) for octet in range(256))
STATES = tuple(_STATES.get(octet, State.UNDEFINED) for octet in range(256))


class LogRow(Struct, frozen=True, gc=False):
    """One row of the attendance log.

    Attributes:
        user: the user id as text; "" where the row has none.
        ticks: the u32 time, see `times`.
        raw: the row's own bytes.
    """

    user: str
    ticks: int
    method: Method
    state: State
    raw: bytes

    @property
    def time(self) -> str:
        """The naive wall clock, `YYYY-MM-DDTHH:MM:SS`; may be no real date."""
        return times.text(self.ticks)


class Layout(Enum):
    """How a row of the attendance log is laid out.

    Between two that explain a table equally well the first is right: long rows never look like
    short ones throughout, but a few short ones may look like a long one.
    """

    SLOT_8 = 8  # ZEM500, MA300: slot, packed byte, -, time
    SLOT_8_TIME_AT_3 = -8  # as pyzk reads it: slot, method, time, state
    OLD_16 = 16
    TFT_40 = 40
    TFT_49 = 49  # SpeedFace V5L: 40 bytes and 9 more

    @property
    def width(self) -> int:
        """Bytes per row."""
        return abs(self.value)

    @property
    def time_at(self) -> int:
        """Where in a row its u32 time stands."""
        return _TIME_AT[self]

    @property
    def by_slot(self) -> bool:
        """Whether a row names the terminal's internal slot instead of the user id."""
        return self.width == 8


_TIME_AT = {
    Layout.SLOT_8: 4,
    Layout.SLOT_8_TIME_AT_3: 3,
    Layout.OLD_16: 4,
    Layout.TFT_40: 27,
    Layout.TFT_49: 27,
}


class _Texts(dict[bytes, str]):
    """User ids as text, each made once."""

    def __missing__(self, field: bytes) -> str:
        return self.setdefault(field, user_text(field))


class _Numbers(dict[int, str]):
    """User numbers as text, each made once."""

    def __missing__(self, number: int) -> str:
        return self.setdefault(number, str(number))


class _Slots(dict[int, str]):
    """Slots as user ids. A slot whose user is gone is named as a slot, never guessed."""

    def __missing__(self, slot: int) -> str:
        return self.setdefault(slot, f"slot {slot}")


def user_text(field: bytes) -> str:
    """Return a NUL-terminated id field as text; what follows the first NUL is rubbish."""
    return field.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


def looks_like_user(text: str) -> bool:
    """Tell whether `text` is what an employee's number or code is made of."""
    return _USER_ID.fullmatch(text) is not None


def names_of(layout: Layout, slots: Mapping[int, str]) -> Mapping[Any, str]:
    """Return the user ids of rows of `layout` by what stands in them; each is made once."""
    if layout.by_slot:
        return _Slots(slots)
    return _Numbers() if layout is Layout.OLD_16 else _Texts()


def decode_rows(rows: bytes | memoryview, layout: Layout, names: Mapping[Any, str]) -> list[LogRow]:
    """Return all of `rows`, which are of `layout`, in one linear pass; `names` is `names_of` it."""
    raws = struct.iter_unpack(f"{layout.width}s", rows)
    row, methods, states = LogRow, METHODS, STATES
    match layout:
        case Layout.TFT_40 | Layout.TFT_49:
            fields = struct.iter_unpack(f"<2x24sBIB{layout.width - 32}x", rows)
            return [
                row(names[user], ticks, methods[method], states[state], raw)
                for (user, method, ticks, state), (raw,) in zip(fields, raws, strict=True)
            ]
        case Layout.OLD_16:
            # The vendor's manual of 2006 names the two bytes the other way round; raw decides.
            fields = struct.iter_unpack("<IIBB6x", rows)
            return [
                row(names[user], ticks, methods[method], states[state], raw)
                for (user, ticks, method, state), (raw,) in zip(fields, raws, strict=True)
            ]
        case Layout.SLOT_8:
            # Method and state share one byte that nobody has explained; raw keeps it.
            fields = struct.iter_unpack("<H2xI", rows)
            return [
                row(names[slot], ticks, Method.UNKNOWN, State.UNDEFINED, raw)
                for (slot, ticks), (raw,) in zip(fields, raws, strict=True)
            ]
        case Layout.SLOT_8_TIME_AT_3:
            fields = struct.iter_unpack("<HBIB", rows)
            return [
                row(names[slot], ticks, methods[method], states[state], raw)
                for (slot, method, ticks, state), (raw,) in zip(fields, raws, strict=True)
            ]


def choose_layout(rows: bytes | memoryview, counts: list[int], latest: int) -> Layout:
    """Return the layout of `rows`, of which the terminal counted one of `counts`.

    Raises:
        Garbled: no layout is beyond doubt.
    """
    size = len(rows)
    fitting = [layout for layout in Layout if size % layout.width == 0]
    samples = {layout: _sample(rows, layout) for layout in fitting}
    shares = {layout: _share(samples[layout], layout, latest) for layout in fitting}
    counted = [layout for layout in fitting if size // layout.width in counts]
    best = max(fitting, key=shares.__getitem__, default=None)
    if counted and best:
        likely = max(counted, key=shares.__getitem__)
        doubt = shares[best] > shares[likely] + _CLEARLY_BETTER
        if shares[likely] >= _PLAUSIBLE_IF_COUNTED and not doubt:
            return likely
    if best and shares[best] >= _PLAUSIBLE_ALONE:
        return best
    # A terminal whose clock always starts in 2000 has no plausible date, but sound rows.
    for layout in counted:
        if not layout.by_slot and _share(samples[layout], layout, None) >= _PLAUSIBLE_ALONE:
            return layout
    raise Garbled(
        f"cannot tell the rows of an attendance table of {size} bytes: expected a width of "
        f"8, 16, 40 or 49 that fits a count of {counts or 'nothing'}, got plausible shares "
        f"{ {layout.name: round(share, 2) for layout, share in shares.items()} }",
        hint="A new row layout, or a damaged read: send this message with the terminal's model",
    )


def decode_users(table: bytes, count: int | None) -> dict[int, str]:
    """Return user id by slot from a users table of 72- or 28-byte rows.

    Raises:
        Garbled: the size does not fit, or neither width is plausible.
    """
    return _users(rows_of(table), choose_user_width(table, count))


def choose_user_width(table: bytes, count: int | None) -> int:
    """Return how wide the rows of a users table are, 72 or 28 bytes.

    Raises:
        Garbled: the size does not fit, or neither width is plausible.
    """
    rows = rows_of(table)
    size = len(rows)
    fitting = [width for width in (72, 28) if size % width == 0]
    sound = [width for width in fitting if _sound_users(_users(rows, width), size // width)]
    counted = [width for width in sound if count is not None and width * count == size]
    for width in counted or sound:
        return width
    raise Garbled(
        f"cannot tell the rows of a users table of {size} bytes: "
        f"expected a width of 72 or 28 that fits a count of {count}",
        hint="A new row layout, or a damaged read: send this message with the terminal's model",
    )


def _users(rows: memoryview, width: int) -> dict[int, str]:
    if width == 72:
        return {slot: user_text(user) for slot, user in struct.iter_unpack("<H46x24s", rows)}
    return {slot: str(user) for slot, user in struct.iter_unpack("<H22xI", rows)}


def rows_of(table: bytes) -> memoryview:
    """Return the rows behind a table's size, and behind the stray prefix where there is one."""
    if len(table) == 0:
        return memoryview(b"")
    said, body = int.from_bytes(table[:4], "little"), memoryview(table)[4:]
    stray = len(STRAY_PREFIX) if bytes(body[: len(STRAY_PREFIX)]) == STRAY_PREFIX else 0
    if len(table) < 4 or said not in (len(body), len(body) - stray):
        raise Garbled(
            f"a table says it has {said} bytes and came with {len(body)}",
            hint="A damaged read, or another layout: send this message with the terminal's model",
        )
    return body[stray:]


def _sample(rows: bytes | memoryview, layout: Layout) -> list[LogRow]:
    width = layout.width
    step = max(1, len(rows) // width // SAMPLE_ROWS)
    picked = b"".join(rows[at : at + width] for at in range(0, len(rows), step * width))
    return decode_rows(picked, layout, names_of(layout, {}))


def _share(sample: list[LogRow], layout: Layout, latest: int | None) -> float:
    """Return the share of sound rows; with `latest`, of those whose date is plausible too."""
    good = sum(
        _sound(row, layout, latest)
        and (latest is None or FIRST_PLAUSIBLE <= row.ticks <= latest)
        and times.wall_clock(row.ticks) is not None
        for row in sample
    )
    return good / len(sample)


def _sound(row: LogRow, layout: Layout, latest: int | None) -> bool:
    """Tell whether a row's other fields are what they should be."""
    match layout:
        case Layout.TFT_40 | Layout.TFT_49:
            return looks_like_user(row.user)
        case Layout.OLD_16:
            return row.user != "0" and int.from_bytes(row.raw[12:], "little") <= MAX_WORK_CODE
        case Layout.SLOT_8:
            return row.raw[:2] != b"\0\0"
        case Layout.SLOT_8_TIME_AT_3:
            # A time at 4, read at 3, is 256 times itself and may be a date as well; but then its
            # highest byte is no state that any terminal knows.
            at_4 = int.from_bytes(row.raw[4:], "little")
            is_at_4 = row.raw[7] in _NO_STATES and FIRST_PLAUSIBLE <= at_4 <= (latest or at_4)
            return row.raw[:2] != b"\0\0" and not is_at_4


def _sound_users(users: Mapping[int, str], rows: int) -> bool:
    """Slots are distinct and not 0, ids look like ids."""
    return len(users) == rows and all(
        slot and looks_like_user(text) for slot, text in users.items()
    )
