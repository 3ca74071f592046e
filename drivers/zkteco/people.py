"""Users and templates in a 4370 terminal's tables: rows of bytes, both ways. Pure.

User rows have 72 bytes (TFT) or 28 (older); template entries carry their own size. A row's own slot
is the terminal's business: it differs from unit to unit, and old units want it equal to the id.

Source: the protocol page zk-4370, sections 4 and 7.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Final

from msgspec import Struct

from drivers.errors import Garbled
from drivers.store import Privilege, Secret, Template, TerminalUser
from drivers.zkteco.records import choose_user_width, rows_of, user_text

_ROW_72: Final = struct.Struct("<HB8s24sIB4H24s")
_ROW_28: Final = struct.Struct("<HB5s8sIxBHI")
_ENTRY: Final = struct.Struct("<HHBB")
"""A template entry's size (itself included), slot, finger and flag."""

FINGER_BASE: Final = 0x10
"""Added to a finger's number in the table of an upload."""

SLOTS_MOST: Final = 65_534

_PRIVILEGES: Final = {
    0: Privilege.USER,
    2: Privilege.ENROLLER,
    6: Privilege.MANAGER,
    14: Privilege.ADMIN,
}
_NUMBERS: Final = {privilege: number for number, privilege in _PRIVILEGES.items()}


class Width(IntEnum):
    """Bytes of a user row."""

    TFT = 72
    OLD = 28

    @property
    def password_most(self) -> int:
        """Longest keypad password, bytes."""
        return 8 if self is Width.TFT else 5

    @property
    def user_words(self) -> str:
        """Which user ids fit, for people."""
        if self is Width.TFT:
            return "at most 24 characters"
        return "a number of 32 bits, no zeros before it"

    def takes(self, user: str) -> bool:
        """Whether a user id fits into a row, and would be read back as itself."""
        if self is Width.TFT:
            return 0 < len(user.encode()) <= 24
        return user.isdecimal() and str(int(user)) == user and int(user) <= 0xFFFFFFFF

    @property
    def name_most(self) -> int:
        """Longest name, bytes."""
        return 24 if self is Width.TFT else 8


class Row(Struct, frozen=True):
    """A user row: in which slot, of whom, and what else stands in it.

    Attributes:
        group, zones: access rules; nobody here changes them.
        bits: the privilege as it was read, its lowest bit that of somebody disabled. It may be one
            that no page names, and stays what it is unless `user` has another.
    """

    slot: int
    user: TerminalUser
    group: int = 1
    zones: tuple[int, int, int, int] = (0, 0, 0, 0)
    bits: int = 0


def decode_people(table: bytes, count: int | None) -> tuple[list[Row], Width]:
    """Return the rows of a users table, and how wide they are. Raises Garbled."""
    width = Width(choose_user_width(table, count))
    rows = rows_of(table)
    read = _read_72 if width is Width.TFT else _read_28
    return [read(rows[at : at + width]) for at in range(0, len(rows), width)], width


def encode_person(row: Row, width: Width) -> bytes:
    """Return a user row. Raises ValueError where the user id does not fit an old row."""
    user = row.user
    name = cut(user.name, width.name_most)
    privilege = row.bits
    if _privilege(row.bits) is not user.privilege:
        privilege = _NUMBERS[user.privilege] | row.bits & 1
    if width is Width.TFT:
        return _ROW_72.pack(
            row.slot, privilege, user.password.octets, name, user.card, row.group,
            *row.zones, user.user.encode(),
        )  # fmt: skip
    return _ROW_28.pack(
        row.slot, privilege, user.password.octets, name, user.card, row.group,
        row.zones[0], int(user.user),
    )  # fmt: skip


def cut(name: str, most: int) -> bytes:
    """Return as much of `name` as fits into `most` bytes of UTF-8, no character cut in two."""
    return name.encode()[:most].decode(errors="ignore").encode()


def as_kept(user: TerminalUser, width: Width) -> TerminalUser:
    """Return what a terminal with rows of `width` keeps of `user`."""
    row = Row(1, user)
    read = _read_72 if width is Width.TFT else _read_28
    return read(encode_person(row, width)).user


def decode_templates(table: bytes, users: Mapping[int, str]) -> list[Template]:
    """Return the templates in a table, of those whose slot has a user. Raises Garbled."""
    rows, at = rows_of(table), 0
    found = []
    while at < len(rows):
        left = len(rows) - at
        size, slot, finger, flag = (
            _ENTRY.unpack_from(rows, at) if left >= _ENTRY.size else (left + 1, 0, 0, 0)
        )
        if not _ENTRY.size <= size <= left:
            raise Garbled(
                f"a template of {size} bytes where {left} are left",
                hint="A damaged read, or another layout: send this with the terminal's model",
            )
        octets = Secret(bytes(rows[at + _ENTRY.size : at + size]))
        if slot in users:
            found.append(Template(user=users[slot], finger=finger, octets=octets, flag=flag))
        at += size
    return found


def encode_upload(row: Row, templates: Sequence[Template], width: Width) -> bytes:
    """Return the body that makes a user known together with fingers: users, places, templates."""
    people = b"\x02" + encode_person(row, width)
    places, octets = bytearray(), bytearray()
    for one in templates:
        places += struct.pack("<BHBI", 2, row.slot, FINGER_BASE + one.finger, len(octets))
        octets += len(one.octets.octets).to_bytes(2, "little") + one.octets.octets
    head = struct.pack("<III", len(people), len(places), len(octets))
    return head + people + bytes(places) + bytes(octets)


def free_slot(rows: Sequence[Row], user: str, width: Width) -> int | None:
    """Return a slot for somebody new; None where there is none.

    Old units want the slot to be the user id.
    """
    taken = {row.slot for row in rows}
    if width is Width.OLD:
        own = int(user) if user.isdecimal() else 0
        return own if 0 < own <= SLOTS_MOST and own not in taken else None
    return next(_free(taken), None)


def _free(taken: set[int]) -> Iterator[int]:
    # Behind the last one first: a slot that somebody has left may still have their fingers.
    last = max(taken, default=0)
    yield from range(last + 1, SLOTS_MOST + 1)
    yield from (slot for slot in range(1, last) if slot not in taken)


def _read_72(row: bytes | memoryview) -> Row:
    slot, bits, password, name, card, group, *zones, user = _ROW_72.unpack(row)
    first, second, third, fourth = zones
    return Row(
        slot,
        _user(user_text(user), name, bits, card, password),
        group,
        (first, second, third, fourth),
        bits,
    )


def _read_28(row: bytes | memoryview) -> Row:
    slot, bits, password, name, card, group, zone, user = _ROW_28.unpack(row)
    known = _user(str(user), name, bits, card, password)
    return Row(slot, known, group, (zone, 0, 0, 0), bits)


def _user(user: str, name: bytes, bits: int, card: int, password: bytes) -> TerminalUser:
    return TerminalUser(
        user=user,
        name=name.split(b"\0", 1)[0].decode(errors="replace"),
        privilege=_privilege(bits),
        card=card,
        password=Secret(password.split(b"\0", 1)[0]),
    )


def _privilege(bits: int) -> Privilege:
    # One that no page names may be more than a user's: it is told as an admin's.
    return _PRIVILEGES.get(bits & ~1, Privilege.ADMIN)
