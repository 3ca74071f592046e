"""The burst rule: who is shown when many punch at once. Pure: the time comes from outside.

A result gives way at once when the next person comes, if it has been up for `LEAST_S`; else the
next one waits for the rest of that. Of those who wait and whose punch counted only the newest is
shown, and it says how many more were kept; whoever has something left to do (a stranger, a second
factor) is never passed over, and goes first. So nobody waits longer than `LEAST_S` for each one
who has something to do, and all terminals of an office together cannot make the screen lag.
"""

from collections import deque
from typing import Final

from msgspec import structs

from kiosk.screen.frames import Result

LEAST_S: Final = 0.7
"""So long everybody who is shown is shown: long enough to find one's own name."""

WAITING_MOST: Final = 6
"""So many may wait, four seconds; of more, the oldest are only counted."""


class Pace:
    """Decides which result is shown now."""

    def __init__(self) -> None:
        self._until = float("-inf")  # nobody else before
        self._waiting: deque[Result] = deque()
        self._ahead = 0  # of whoever is counted and waits last: how many went or go before

    def offer(self, result: Result, now: float) -> Result | None:
        """Take in a result at `now`; return it if it is to be shown at once."""
        if not self._waiting and now >= self._until:
            self._until = now + LEAST_S
            return result
        folded = 0
        if result.is_counted and self._waiting and self._waiting[-1].is_counted:
            folded = self._waiting.pop().folded + 1
        result = structs.replace(result, folded=folded)
        if result.is_counted:
            self._ahead = len(self._waiting)
            self._waiting.append(result)
        elif self._waiting and self._waiting[-1].is_counted and self._ahead < WAITING_MOST:
            self._ahead += 1
            self._waiting.insert(len(self._waiting) - 1, result)
        else:
            self._waiting.append(result)
        if len(self._waiting) > WAITING_MOST:
            passed = self._waiting.popleft()
            last = self._waiting.pop()
            self._waiting.append(structs.replace(last, folded=last.folded + passed.folded + 1))
        return None

    @property
    def due(self) -> float | None:
        """When to ask `take` again; None while nobody waits."""
        return self._until if self._waiting else None

    def take(self, now: float) -> Result | None:
        """Return who is to be shown at `now`, if anybody waits and it is time."""
        if not self._waiting or now < self._until:
            return None
        self._until = now + LEAST_S
        return self._waiting.popleft()
