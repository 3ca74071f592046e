"""What a terminal is answered: an option list in its dialect, or a word.

Users, templates and pictures are not to be sent by themselves: punches need none of them here.

Source: the protocol page zk-push, sections 3 and 8.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from drivers.zkteco.push.clock import zone_hours

ERROR_DELAY_S: Final = 30
"""How long a terminal waits after a failure."""

DELAY_S: Final = 10
"""How often it asks for commands; its heartbeat."""

MAX_POST_BYTES: Final = 1 << 20
"""What newer firmware is told of the longest body."""

NO_STAMP: Final = "None"
"""Send everything."""


class Answer(Struct, frozen=True):
    """Status and text of an HTTP answer."""

    status: int
    text: str


OK: Final = Answer(200, "OK")


class Dialect(Enum):
    """How a terminal speaks."""

    OLD = "attendance 1.x"
    ATTENDANCE = "attendance 2.x"
    ACCESS = "access 3.x"


def dialect_of(query: Mapping[str, str]) -> Dialect:
    """Return the dialect that the start-up request of a terminal shows."""
    version = query.get("pushver", "")
    kind = query.get("devicetype", "").lower()
    if kind == "acc" or (kind != "att" and version.startswith("3")):
        return Dialect.ACCESS
    return Dialect.OLD if version == "" or version.startswith("1") else Dialect.ATTENDANCE


_STAMPS: Final = {
    Dialect.OLD: {"ATTLOG": "Stamp", "OPERLOG": "OpStamp"},
    Dialect.ATTENDANCE: {"ATTLOG": "ATTLOGStamp", "OPERLOG": "OPERLOGStamp"},
}
"""What a table's stamp is called in the option list."""

_FLAGS: Final = {
    Dialect.OLD: "1100000000",
    Dialect.ATTENDANCE: "TransData AttLog\tOpLog",
}
"""Punches and operations are sent by themselves, nothing else."""


def option_list(
    serial: str, dialect: Dialect, stamps: Mapping[str, str], now: datetime | None, zone: ZoneInfo
) -> Answer:
    """Return the attendance dialect's options; without TimeZone where `now` is not known."""
    lines = [f"GET OPTION FROM: {serial}"]
    lines += [f"{name}={stamps.get(table, NO_STAMP)}" for table, name in _STAMPS[dialect].items()]
    lines += [
        f"ErrorDelay={ERROR_DELAY_S}",
        f"Delay={DELAY_S}",
        "TransTimes=00:00;12:00",
        "TransInterval=1",
        f"TransFlag={_FLAGS[dialect]}",
        "Realtime=1",
        "Encrypt=None",
        "SyncTime=0",
    ]
    if now is not None:
        lines.append(f"TimeZone={zone_hours(now, zone)}")
    if dialect is Dialect.ATTENDANCE:
        lines += [
            "ServerVer=2.4.1",
            "PushProtVer=2.4.1",
            f"MaxPostSize={MAX_POST_BYTES}",
        ]
    return _text(lines)


def access_settings(code: str, *, registered: bool) -> Answer:
    """Return the access dialect's settings, to a registered terminal with its code."""
    lines = ["registry=ok", f"RegistryCode={code}"] if registered else []
    lines += [
        "ServerVersion=3.1.2",
        "ServerName=presensi",
        "PushProtVer=3.1.2",
        f"ErrorDelay={ERROR_DELAY_S}",
        f"RequestDelay={DELAY_S}",
        "TransTimes=00:00;12:00",
        "TransInterval=1",
        "TransTables=Transaction",
        "Realtime=1",
        f"SessionID={code}",
        "TimeoutSec=30",
    ]
    return _text(lines)


def _text(lines: list[str]) -> Answer:
    return Answer(200, "\n".join(lines) + "\n")
