"""A push source's position: what is committed with its punches and handed back after a restart."""

import msgspec
from msgspec import Struct


class Place(Struct, frozen=True, omit_defaults=True):
    """What is committed with the punches: the stamps by table, and what the terminal says it is."""

    stamps: dict[str, str] = {}
    model: str = ""
    firmware: str = ""
    platform: str = ""


def placed(position: bytes | None) -> Place:
    """Return a stored position. What cannot be read is none: the terminal sends all again."""
    try:
        return Place() if position is None else msgspec.json.decode(position, type=Place)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Place()


def position(place: Place) -> bytes:
    """Return `place` as it is stored."""
    return msgspec.json.encode(place)
