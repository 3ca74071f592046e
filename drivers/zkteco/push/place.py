"""A push source's position: what is committed with its punches and handed back after a restart."""

import msgspec
from msgspec import Struct


class Place(Struct, frozen=True, omit_defaults=True):
    """What is committed with the punches: the stamps by table, and what the terminal says it is.

    `serial` is the terminal's: under one source's name another one may stand tomorrow, and what it
    would skip by these stamps was never sent.
    """

    serial: str = ""
    stamps: dict[str, str] = {}
    model: str = ""
    firmware: str = ""
    platform: str = ""


def placed(position: bytes | None, serial: str) -> Place:
    """Return where terminal `serial` stands by a stored position.

    What cannot be read, or speaks of another terminal, is none: the terminal sends all again.
    """
    try:
        place = Place() if position is None else msgspec.json.decode(position, type=Place)
    except (msgspec.DecodeError, UnicodeDecodeError):
        place = Place()
    return place if place.serial == serial else Place(serial=serial)


def position(place: Place) -> bytes:
    """Return `place` as it is stored."""
    return msgspec.json.encode(place)
