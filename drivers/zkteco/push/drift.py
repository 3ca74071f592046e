"""How far a terminal's clock is ahead of ours, by what it says itself."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from drivers.zkteco import times
from drivers.zkteco.push.lines import naive_time, number

LATE_MS: Final = 2000
"""A request that tells the time is on its way for less, as a rule."""

_TICKS_END: Final = 1 << 32


class Hand:
    """A terminal's clock, as it was told so far."""

    def __init__(self, zone: ZoneInfo, now: Callable[[], datetime]) -> None:
        self._zone = zone
        self._now = now
        self._before_ms: int | None = None
        self._doubted_ms: int | None = None

    def drift_ms(self, when: str) -> int | None:
        """Return the terminal's clock minus ours, from a time that it has told just now.

        None where it tells none, and where it is further behind than before: a request that was
        long on its way looks like a clock that was set back, until a second one says the same.
        """
        told = self._measured(when)
        if told is None:
            return None
        is_behind = self._before_ms is not None and told < self._before_ms - LATE_MS
        if is_behind and (self._doubted_ms is None or abs(told - self._doubted_ms) > LATE_MS):
            self._doubted_ms = told
            return None
        self._before_ms, self._doubted_ms = told, None
        return told

    def _measured(self, when: str) -> int | None:
        ticks = number(when, _TICKS_END)
        text = times.text(ticks) if ticks < _TICKS_END else naive_time(when)
        if not text:
            return None
        try:
            said = datetime.fromisoformat(text).replace(tzinfo=self._zone)
        except ValueError:
            return None
        return (said - self._now()) // timedelta(milliseconds=1)
