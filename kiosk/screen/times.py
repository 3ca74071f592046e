"""Dates and times of day as people here write them. No locale: a bare image has none."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Final
from zoneinfo import ZoneInfo

from kiosk.settings import Language

DAY_MS: Final = 86_400_000

_ZONES: Final = {"Asia/Jakarta": "WIB", "Asia/Pontianak": "WIB", "Asia/Makassar": "WITA",
                 "Asia/Ujung_Pandang": "WITA", "Asia/Jayapura": "WIT"}  # fmt: skip

_DAYS: Final = {
    Language.INDONESIAN: ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu"),
    Language.ENGLISH: (
        *("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    ),
}

_MONTHS: Final = {
    Language.INDONESIAN: (
        *("Januari", "Februari", "Maret", "April", "Mei", "Juni"),
        *("Juli", "Agustus", "September", "Oktober", "November", "Desember"),
    ),
    Language.ENGLISH: (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
}

SEPARATOR: Final = {Language.INDONESIAN: ".", Language.ENGLISH: ":"}
"""Between hours, minutes and seconds."""


def local(utc_ms: int, zone: str) -> datetime:
    """Return a moment in an IANA zone; in UTC where this machine does not know the zone."""
    when = datetime.fromtimestamp(utc_ms / 1000, UTC)
    try:
        return when.astimezone(ZoneInfo(zone))
    except (ValueError, LookupError, OSError):
        return when


def offset_ms(when: datetime) -> int:
    """Return how far its zone is ahead of UTC then."""
    return (when.utcoffset() or timedelta()) // timedelta(milliseconds=1)


def midnight_ms(when: datetime) -> int:
    """Return when its local day ends, milliseconds UTC."""
    fixed = when.astimezone(timezone(when.utcoffset() or timedelta()))
    begin = fixed.replace(hour=0, minute=0, second=0, microsecond=0)
    return int(begin.timestamp() * 1000) + DAY_MS


def zone_name(zone: str) -> str:
    """Return WIB, WITA or WIT, and elsewhere the place."""
    return _ZONES.get(zone, zone.rpartition("/")[2].replace("_", " "))


def clock(when: datetime, language: Language) -> str:
    """Return 07.28, or 07:28."""
    return f"{when.hour:02}{SEPARATOR[language]}{when.minute:02}"


def date(when: datetime, language: Language) -> str:
    """Return Selasa, 24 November 2026."""
    day, month = _DAYS[language][when.weekday()], _MONTHS[language][when.month - 1]
    return f"{day}, {when.day} {month} {when.year}"


def short_date(when: datetime, language: Language) -> str:
    """Return Sel 24 Nov."""
    return f"{_DAYS[language][when.weekday()][:3]} {day(when, language)}"


def day(when: datetime, language: Language) -> str:
    """Return 24 Nov."""
    return f"{when.day} {_MONTHS[language][when.month - 1][:3]}"
