"""The end of a log, read alone: what proves that nothing but it is new.

Newer firmware gives the rows between two times. That is cheap beside a log of 200,000 rows, and by
itself proves nothing: a clock that jumped back puts new rows where no range looks. So the end is
taken only when it explains the terminal's count to the row: all rows known there are still there,
and there are exactly so many more as the log has grown. Anything else is a reason to read it all.
"""

from collections import Counter
from typing import Final

from drivers.errors import Garbled
from drivers.zkteco import times
from drivers.zkteco.log import Log
from drivers.zkteco.records import rows_of

MARGIN_S: Final = 3600
"""How far before the last reading the end begins: clocks are set back by minutes, seldom more."""

MOST_NEW: Final = 1000
"""A log that has grown by more rows is read whole."""


class Tail:
    """What was known of a log's end when the log, or its end, was last read completely.

    Attributes:
        since: ticks from which on rows belong to the end.
        records: how many rows the terminal counted when all of them were known.
    """

    def __init__(self, log: Log, through: int, records: int, not_before: int = 0) -> None:
        """Begin from a complete `log` of `records` rows, read when the clock was `through` ticks.

        `not_before` is set where `log` is itself an end: nothing older is in it.
        """
        self.records = records
        self.since = max(_real(max(through - MARGIN_S, 0)), not_before)
        self._layout = log.layout
        self._slots = log.slots
        self._known = Counter(
            log[at].raw for at, ticks in enumerate(log.ticks) if ticks >= self.since
        )

    def worth(self, records: int | None) -> bool:
        """Tell whether reading the end may explain that the terminal counts `records` now."""
        if records is None or self._layout.by_slot:  # only a whole read looks slots up again
            return False
        return 0 < records - self.records <= MOST_NEW

    def continued(self, table: bytes, records: int) -> Log | None:
        """Return the rows of the end in `table`, None unless they explain a count of `records`."""
        try:
            rows = rows_of(table)
        except Garbled:
            return None
        if len(rows) % self._layout.width:
            return None
        log = Log(rows, self._layout, self._slots)
        grown = len(log) - self._known.total()
        if grown != records - self.records or any(ticks < self.since for ticks in log.ticks):
            return None
        return log if self._known <= Counter(row.raw for row in log) else None


def _real(ticks: int) -> int:
    """Return the latest ticks up to `ticks` on a day that calendars have."""
    while times.wall_clock(ticks) is None:
        ticks -= times.DAY_S
    return ticks
