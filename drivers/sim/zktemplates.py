"""Fingers of a simulated ZK terminal: the template table, and the upload that brings them.

The simulator's own reading of the bytes, apart from the driver's. Templates are opaque here, as
they are to everybody but the terminal's sensor.
"""

import struct
from typing import Final

from msgspec import Struct

from drivers.sim.zkrecords import UserRow, read_user_row

_FINGER_BASE: Final = 0x10


class Finger(Struct, frozen=True):
    """One template. `flag`: 0 invalid, 1 valid, 3 under duress."""

    octets: bytes
    flag: int = 1


class Upload(Struct, frozen=True):
    """What an upload brings: users, and by slot and finger number their templates."""

    users: list[UserRow]
    fingers: dict[tuple[int, int], Finger]


def template_row(uid: int, number: int, finger: Finger) -> bytes:
    """Return one entry of the template table; its u16 size counts its own six bytes."""
    return struct.pack("<HHBB", len(finger.octets) + 6, uid, number, finger.flag) + finger.octets


def read_upload(body: bytes) -> Upload:
    """Return what `body` brings. Raises ValueError."""
    if len(body) < 12:
        raise ValueError("an upload begins with three lengths")
    users, places, octets = struct.unpack_from("<3I", body)
    if 12 + users + places + octets != len(body):
        raise ValueError("an upload's lengths are not its own")
    at = 12 + users + places
    return Upload(
        _users(body[12 : 12 + users]),
        {
            (uid, number - _FINGER_BASE): Finger(_template(body[at:], offset))
            for _two, uid, number, offset in struct.iter_unpack("<BHBI", body[12 + users : at])
        },
    )


def _users(rows: bytes) -> list[UserRow]:
    for width in (73, 29):
        if rows and len(rows) % width == 0 and set(rows[::width]) == {2}:
            starts = range(0, len(rows), width)
            return [read_user_row(rows[at + 1 : at + width]) for at in starts]
    raise ValueError("an upload's users are rows of 28 or 72 bytes, each behind a 2")


def _template(octets: bytes, offset: int) -> bytes:
    size = int.from_bytes(octets[offset : offset + 2], "little")
    found = octets[offset + 2 : offset + 2 + size]
    if not size or len(found) != size:
        raise ValueError("an upload's template lies outside of it")
    return found
