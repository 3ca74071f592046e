"""How far a terminal's clock is from ours, whatever becomes of ours meanwhile.

The terminal's clock is held against CLOCK_BOOTTIME, which nobody can set; so a step of our own
clock moves the drift that is told and is never taken for a step of the terminal's.
"""

from typing import Final, NamedTuple

from sync.protocol.entry import DRIFT_AGE_MOST_MS, Stamp
from sync.protocol.moments import drifted

STEP_LEAST_MS: Final = 2000
"""A terminal's clock that differs by more than this from what drift explains was set. It shows
whole seconds, and its answer takes its time."""


class _Measure(NamedTuple):
    ahead: int  # the terminal's clock minus CLOCK_BOOTTIME, milliseconds
    up: int  # when that was measured, by the latter


class Drift:
    """One terminal's clock minus ours."""

    def __init__(self) -> None:
        self._last: _Measure | None = None

    def measured(self, drift_ms: int, asked: Stamp, at: Stamp) -> bool:
        """Take in a measure; return whether somebody has set the terminal's clock since the last.

        `asked` is from before it was measured, `at` from after.
        """
        if abs((at.wall - at.up) - (asked.wall - asked.up)) > STEP_LEAST_MS:
            return False  # ours was set meanwhile: nobody knows against which it was measured
        before, self._last = self._last, _Measure(drift_ms + at.wall - at.up, at.up)
        if before is None:
            return False
        return abs(self._last.ahead - before.ahead) > STEP_LEAST_MS + drifted(at.up - before.up)

    def now(self, at: Stamp) -> int | None:
        """Return the terminal's clock minus ours as ours is at `at`; None if never measured."""
        return None if self._last is None else self._last.ahead - (at.wall - at.up)

    def told(self, at: Stamp) -> int | None:
        """Return what an entry may say of it: None too where it was measured too long ago.

        Nothing says how far the clock has drifted since.
        """
        if self._last is None or at.up - self._last.up > DRIFT_AGE_MOST_MS:
            return None
        return self.now(at)
