"""Days, months and moments of pages: strictly read from an address, and put in words. Pure."""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from sync.central.web.site import Sorry

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTH: Final = re.compile(r"[0-9]{4}-[0-9]{2}")
_FIRST: Final = 2000
_LAST: Final = 2199
"""Years that are asked for; the judge looks some days around."""

_DAYS: Final = ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu")
_MONTHS: Final = (
    "Januari", "Februari", "Maret", "April", "Mei", "Juni", "Juli", "Agustus", "September",
    "Oktober", "November", "Desember",
)  # fmt: skip


class Month(Struct, frozen=True, order=True):
    """A month of a year."""

    year: int
    number: int

    @classmethod
    def of(cls, day: date) -> "Month":
        """Return the month of a day."""
        return cls(day.year, day.month)

    @property
    def first(self) -> date:
        """Return its first day."""
        return date(self.year, self.number, 1)

    @property
    def last(self) -> date:
        """Return its last day."""
        return date(self.year, self.number, monthrange(self.year, self.number)[1])

    @property
    def before(self) -> "Month":
        """Return the one before."""
        return Month.of(self.first - timedelta(days=1))

    @property
    def after(self) -> "Month":
        """Return the one after."""
        return Month.of(self.last + timedelta(days=1))

    @property
    def words(self) -> str:
        """Return it as `November 2026`."""
        return f"{_MONTHS[self.number - 1]} {self.year}"

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"


def day_of(text: str) -> date:
    """Return the day that `2026-11-24` says. Raises Sorry."""
    try:
        if _DAY.fullmatch(text) and _FIRST <= int(text[:4]) <= _LAST:
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise Sorry(f"{text[:20]!r} bukan tanggal; tulis seperti 2026-11-24.")


def month_of(text: str) -> Month:
    """Return the month that `2026-11` says. Raises Sorry."""
    if _MONTH.fullmatch(text) and 1 <= int(text[5:]) <= 12 and _FIRST <= int(text[:4]) <= _LAST:
        return Month(int(text[:4]), int(text[5:]))
    raise Sorry(f"{text[:20]!r} bukan bulan; tulis seperti 2026-11.")


def today(now: int, zone: ZoneInfo) -> date:
    """Return the day that it is somewhere, `now` in ms UTC."""
    return local(now, zone).date()


def local(at: int, zone: ZoneInfo) -> datetime:
    """Return a moment, ms UTC, as a zone's clock shows it."""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)


def day_words(day: date) -> str:
    """Return a day as `Selasa, 24 November 2026`."""
    return f"{weekday(day)}, {day.day} {_MONTHS[day.month - 1]} {day.year}"


def weekday(day: date) -> str:
    """Return a day's name."""
    return _DAYS[day.weekday()]


def clock_words(at: int, zone: ZoneInfo, day: date) -> str:
    """Return a moment as `07.28`, with its day of the month where that is not `day`."""
    there = local(at, zone)
    other = "" if there.date() == day else f" ({there.day} {_MONTHS[there.month - 1][:3]})"
    return f"{there:%H.%M}{other}"


def when_words(at: int, zone: ZoneInfo) -> str:
    """Return a moment as `07.28.41 WIB`."""
    there = local(at, zone)
    return f"{there:%H.%M.%S} {there.tzname()}"


_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 60 * _MINUTE_MS
_DAY_MS: Final = 24 * _HOUR_MS


def ago_words(ms: int) -> str:
    """Return how long ago that is."""
    for size, unit in ((_DAY_MS, "hari"), (_HOUR_MS, "jam"), (_MINUTE_MS, "menit")):
        if ms >= size:
            return f"{ms // size} {unit} lalu"
    return "baru saja"
