"""Topics: `presensi/v1/{kiosk}/up/...` and `presensi/v1/{kiosk}/down/...`.

A broker's ACL lets a kiosk write its own `up` and read its own `down`, and nothing else.
"""

import re
from enum import StrEnum
from typing import Final

from msgspec import Struct

from sync.protocol.errors import Malformed
from sync.protocol.health import Health

KIOSK_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
"""What a kiosk's id may be: it stands in topics, file names and a certificate's CN."""

_ROOT: Final = "presensi/v1"
_kiosk: Final = re.compile(KIOSK_PATTERN)

ALL_UP: Final = f"{_ROOT}/+/up/+"
"""Filter for everything that kiosks say."""

EXPIRY_S: Final = 3600
"""How long a broker may hold a message; the next hello makes an older one moot."""


class Up(StrEnum):
    """What a kiosk says."""

    HELLO = "hello"
    BATCH = "batch"
    STATE = "state"
    REPLY = "reply"
    RENEWAL = "renewal"


class Down(StrEnum):
    """What central says to a kiosk."""

    RECEIPT = "receipt"
    ROSTER = "roster"
    COMMAND = "command"
    CERTIFICATE = "certificate"


class State(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The retained `up/state`: is a session of this kiosk connected?

    Attributes:
        online: true while connected; the will says false.
        connection: rises with every connection of this kiosk's process; an older session's will,
            arriving late, has a lower one and is ignored.
        boot: random per process; `connection` counts within it.
        since: kiosk's wall clock at connection, milliseconds since 1970-01-01 UTC.
        health: how it is, by its own word.
    """

    online: bool
    connection: int
    boot: str
    since: int = 0
    health: Health | None = None


def up(kiosk: str, what: Up) -> str:
    """Return the topic on which `kiosk` says `what`."""
    return f"{_ROOT}/{kiosk}/up/{what}"


def down(kiosk: str, what: Down) -> str:
    """Return the topic on which central says `what` to `kiosk`."""
    return f"{_ROOT}/{kiosk}/down/{what}"


def all_down(kiosk: str) -> str:
    """Return the filter for everything said to `kiosk`."""
    return f"{_ROOT}/{kiosk}/down/+"


def read_up(topic: str) -> tuple[str, Up]:
    """Return who speaks on `topic`, and what. Raises Malformed."""
    kiosk, what = _read(topic, "up")
    try:
        return kiosk, Up(what)
    except ValueError as error:
        raise Malformed(f"topic {topic!r}: nothing of ours is said there") from error


def read_down(topic: str) -> tuple[str, Down]:
    """Return who is spoken to on `topic`, and what. Raises Malformed."""
    kiosk, what = _read(topic, "down")
    try:
        return kiosk, Down(what)
    except ValueError as error:
        raise Malformed(f"topic {topic!r}: nothing of ours is said there") from error


def _read(topic: str, direction: str) -> tuple[str, str]:
    parts = topic.split("/")
    if len(parts) != 5 or "/".join(parts[:2]) != _ROOT or parts[3] != direction:
        raise Malformed(f"topic {topic!r} is not {_ROOT}/KIOSK/{direction}/...")
    if not _kiosk.fullmatch(parts[2]):
        raise Malformed(f"topic {topic!r}: {parts[2]!r} cannot be a kiosk's id")
    return parts[2], parts[4]
