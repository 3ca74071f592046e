"""Row layouts of a simulated ZK terminal: users, attendance, pushed events, memory counts.

Widths differ by firmware; a profile names its own. Fields whose meaning nobody has confirmed are
sent as real terminals were seen to send them. Sources as in zkwire.py.
"""

import struct
from datetime import datetime
from enum import Enum, IntEnum
from typing import Final, NamedTuple, assert_never

from msgspec import Struct

from drivers.sim.zkwire import number_of, six_bytes


class UserLayout(IntEnum):
    """Bytes per row of the user table."""

    OLD = 28
    TFT = 72


class LogLayout(Enum):
    """Layouts of an attendance row; the value's number is its width in bytes."""

    ZEM500_8 = "8: uid, two bytes, time"
    PLAIN_8 = "8: uid, method, time, state"
    OLD_16 = "16"
    TFT_40 = "40"
    SPEEDFACE_49 = "49: the 40 bytes and nine more"


class EventLayout(IntEnum):
    """Bytes per pushed attendance event."""

    ZEM560 = 10
    OLD = 12
    ZEM300 = 14
    TFT = 32
    NEWER = 36
    UFACE = 37
    UNLISTED = 49  # no layout of it is known (pyzk pull request 222)
    NEWEST = 52


class SizesLayout(IntEnum):
    """Bytes in the answer to GET_FREE_SIZES."""

    WL20 = 4
    PLAIN = 80
    FACE = 92
    LONG = 112


class Record(NamedTuple):
    """One line of the attendance log.

    Attributes:
        time: the terminal's wall clock, naive, whole seconds.
        method: 0 password, 1 fingerprint, 2 card, 15 face, 25 palm; firmware differs.
        state: 0 in, 1 out, 2 and 3 break, 4 and 5 overtime, 255 undefined.
        uid: the person's slot on this terminal, 0 if it no longer knows them.
    """

    user_id: str
    time: datetime
    method: int
    state: int
    uid: int


class UserRow(Struct, frozen=True):
    """A row of the user table; texts are bytes, because rubbish may follow their first NUL."""

    uid: int
    user_id: bytes
    name: bytes
    privilege: int = 0
    password: bytes = b""
    card: int = 0
    group: int = 1
    zones: tuple[int, int, int, int] = (0, 0, 0, 0)


class Counts(Struct, frozen=True):
    """What GET_FREE_SIZES tells: how many there are and how many may be."""

    users: int
    records: int
    user_capacity: int
    record_capacity: int
    finger_capacity: int
    fingers: int = 0
    operations: int = 0
    administrators: int = 0
    passwords: int = 0


STRAY_PREFIX: Final = bytes.fromhex("ff3235350000000000")
"""Nine bytes that some firmware puts in front of the attendance rows (a pyzk fork drops them)."""

_USER_72: Final = struct.Struct("<HB8s24sIB4H24s")
_USER_28: Final = struct.Struct("<HB5s8sIxBHI")
_LOG_40: Final = struct.Struct("<H24sBIB8s")
_LOG_16: Final = struct.Struct("<IIBB2xI")
_LOG_8_ZEM500: Final = struct.Struct("<HBBI")
_LOG_8_PLAIN: Final = struct.Struct("<HBIB")

TAIL_40: Final = bytes.fromhex("00000000ff000000")
"""Last eight bytes of a 40-byte row as an F19 sends them; their meaning is unknown."""

ZEM500_BYTES: Final = (0x28, 0x00)
"""Bytes 2 and 3 of every 8-byte row quoted from a ZEM500 (pyzk issue 99); nobody can read them."""


def user_row(layout: UserLayout, row: UserRow) -> bytes:
    """Return one row of the user table. The old layout wants a user id of digits."""
    if layout is UserLayout.TFT:
        return _USER_72.pack(
            row.uid, row.privilege, row.password, row.name, row.card, row.group, *row.zones,
            row.user_id,
        )  # fmt: skip
    return _USER_28.pack(
        row.uid, row.privilege, row.password, row.name, row.card, row.group, row.zones[0],
        int(row.user_id),
    )  # fmt: skip


def read_user_row(data: bytes) -> UserRow:
    """Return the user in 28 or 72 bytes (USER_WRQ's data). Raises ValueError at other widths."""
    if len(data) == UserLayout.TFT:
        uid, privilege, password, name, card, group, *zones, user_id = _USER_72.unpack(data)
        first, second, third, fourth = zones
        four = (first, second, third, fourth)
        return UserRow(uid, user_id, name, privilege, password, card, group, four)
    if len(data) == UserLayout.OLD:
        uid, privilege, password, name, card, group, zone, number = _USER_28.unpack(data)
        user_id = str(number).encode()
        return UserRow(uid, user_id, name, privilege, password, card, group, (zone, 0, 0, 0))
    raise ValueError(f"a user row has 28 or 72 bytes, this one {len(data)}")


def text_of(field: bytes) -> str:
    """Return a text field up to its first NUL."""
    return field.split(b"\0", 1)[0].decode(errors="replace")


def log_row(
    layout: LogLayout, record: Record, *, number: int | None = None, tail: bytes = TAIL_40
) -> bytes:
    """Return one attendance row; `number` replaces the record's time by another u32."""
    when = number_of(record.time) if number is None else number
    match layout:
        case LogLayout.TFT_40:
            user = record.user_id.encode()
            return _LOG_40.pack(record.uid, user, record.method, when, record.state, tail)
        case LogLayout.SPEEDFACE_49:
            return log_row(LogLayout.TFT_40, record, number=number, tail=tail) + bytes(9)
        case LogLayout.OLD_16:
            return _LOG_16.pack(int(record.user_id), when, record.method, record.state, 0)
        case LogLayout.PLAIN_8:
            return _LOG_8_PLAIN.pack(record.uid, record.method, when, record.state)
        case LogLayout.ZEM500_8:
            return _LOG_8_ZEM500.pack(record.uid, *ZEM500_BYTES, when)
    assert_never(layout)


def event_row(layout: EventLayout, record: Record) -> bytes:
    """Return a pushed event's data; bytes of unknown meaning are zero."""
    what = bytes([record.method, record.state]) + six_bytes(record.time)
    if layout in (EventLayout.ZEM560, EventLayout.ZEM300):
        row = struct.pack("<H", int(record.user_id) & 0xFFFF) + what
    elif layout is EventLayout.OLD:
        row = struct.pack("<I", int(record.user_id)) + what
    else:
        row = struct.pack("24s", record.user_id.encode()) + what
    return row.ljust(layout, b"\0")


def sizes(layout: SizesLayout, counts: Counts) -> bytes:
    """Return GET_FREE_SIZES's data: u32 words, the useful ones at fixed places."""
    if layout is SizesLayout.WL20:
        return bytes(4)  # a WL20 says a single 0 (pyzk issue 76)
    words = [0] * (layout // 4)
    words[4] = counts.users
    words[6] = counts.fingers
    words[8] = counts.records
    words[10] = counts.operations
    words[12] = counts.administrators
    words[13] = counts.passwords
    words[14] = counts.finger_capacity
    words[15] = counts.user_capacity
    words[16] = counts.record_capacity
    words[17] = counts.finger_capacity - counts.fingers
    words[18] = counts.user_capacity - counts.users
    words[19] = counts.record_capacity - counts.records
    return struct.pack(f"<{len(words)}I", *(max(word, 0) for word in words))
