"""What a terminal may be told of the time: nothing at all while our own clock is not trusted.

A terminal takes its clock from whatever it is told: a zone, a time, perhaps the date of an HTTP
answer. So an untrusted kiosk says none of them, and no terminal's clock is moved by it.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from drivers.zkteco import times

TrustedNow = Callable[[], datetime | None]
"""Now as an aware UTC datetime; None while the clock is not trusted."""


def zone_hours(now: datetime, zone: ZoneInfo) -> str:
    """Return the zone's offset as the option TimeZone says it: `8`; `+05:30` for part hours."""
    offset = _offset(now, zone)
    hours, rest = divmod(offset, timedelta(hours=1))
    return f"{hours}" if not rest else _signed(offset, ":")


def local_iso(now: datetime, zone: ZoneInfo) -> str:
    """Return `YYYY-MM-DDThh:mm:ss+07:00`."""
    return now.astimezone(zone).isoformat(timespec="seconds")


def packed(now: datetime, zone: ZoneInfo) -> str:
    """Return the access dialect's `DateTime=...,ServerTZ=+0700`.

    The packed time is UTC and the zone stands beside it, as those say who cite the vendor's book;
    another server packs local time.
    """
    utc = now.astimezone(UTC)
    ticks = times.ticks(utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second)
    return f"DateTime={ticks},ServerTZ={_signed(_offset(now, zone), '')}"


def _offset(now: datetime, zone: ZoneInfo) -> timedelta:
    return now.astimezone(zone).utcoffset() or timedelta()


def _signed(offset: timedelta, between: str) -> str:
    minutes = abs(offset) // timedelta(minutes=1)
    sign = "-" if offset < timedelta() else "+"
    return f"{sign}{minutes // 60:02}{between}{minutes % 60:02}"
