"""The terminal's two clocks on the wire, as naive text `YYYY-MM-DDTHH:MM:SS`.

Ticks (u32) count seconds in a calendar whose twelve months all have 31 days, from 2000; they are
not Unix time and can say 31 February. Events carry six bytes instead. Neither knows a zone, and
neither is judged here: what the terminal said is kept as text even where no calendar has it.

Source: the protocol page zk-4370, section 5.
"""

from datetime import datetime
from functools import lru_cache

DAY_S = 86_400
_DAYS_PER_MONTH = 31  # of every month, as the wire counts
_MONTHS = 12

_MINUTES = tuple(f"T{hour:02}:{minute:02}:" for hour in range(24) for minute in range(60))
_SECONDS = tuple(f"{second:02}" for second in range(60))


def ticks(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    """Return the u32 of a wall-clock time in 2000 to 2099."""
    days = ((year % 100) * _MONTHS + month - 1) * _DAYS_PER_MONTH + day - 1
    return days * DAY_S + hour * 3600 + minute * 60 + second


def text(value: int) -> str:
    """Return the naive text of u32 ticks; fast, because a day's text is made once."""
    days, second = divmod(value, DAY_S)
    minute, second = divmod(second, 60)
    return _date(days) + _MINUTES[minute] + _SECONDS[second]


def ticks_of(said: str) -> int:
    """Return the ticks of a naive text that `text` made; the day may be none."""
    date, time = said.split("T")
    return ticks(*map(int, date.split("-")), *map(int, time.split(":")))


def text6(six: bytes) -> str:
    """Return the naive text of an event's six bytes: year - 2000, month, day, h, min, s."""
    year, month, day, hour, minute, second = six
    return f"{2000 + year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"


def wall_clock(value: int) -> datetime | None:
    """Return ticks as a naive datetime, None where no calendar has that day."""
    try:
        return datetime.fromisoformat(text(value))
    except ValueError:
        return None


@lru_cache(maxsize=8192)
def _date(days: int) -> str:
    months, day = divmod(days, _DAYS_PER_MONTH)
    years, month = divmod(months, _MONTHS)
    return f"{2000 + years}-{month + 1:02}-{day + 1:02}"
