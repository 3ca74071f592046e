"""What a reader says that means nothing: counted, and told as a warning with the next step. Pure.

One stray byte is nothing to wake anybody for, a cable that is going is. So each kind is told with
how often it came, not more than once a minute, and no longer after an hour without any.
"""

from collections import Counter, deque
from typing import Final

TELL_EVERY_S: Final = 60.0
"""How often the counts are told, at most."""

OVER_S: Final = 3600.0
"""After so long without any they are told no more."""


class Troubles:
    """Those of one reader."""

    def __init__(self, hint: str) -> None:
        """`hint` is what a technician may do about it."""
        self._hint = hint
        self._counts: Counter[str] = Counter()
        self._told: tuple[str, ...] = ()
        self._told_s = self._heard_s = float("-inf")

    def note(self, why: str, at_s: float) -> None:
        """Take in that something was heard at `at_s` of a rising clock, seconds."""
        self._counts[why] += 1
        self._heard_s = at_s

    def news(self, at_s: float) -> tuple[str, ...] | None:
        """Return the warnings that hold now, if they are others than those told last."""
        if self._counts and at_s - self._heard_s >= OVER_S:
            self._counts.clear()
        now = tuple(
            f"heard {count} times: {why}. {self._hint}" for why, count in self._counts.items()
        )
        if now == self._told or (now and at_s - self._told_s < TELL_EVERY_S):
            return None
        self._told, self._told_s = now, at_s
        return now


class Ration:
    """So many in a minute, and no more: what strangers cause is to fill no disk."""

    def __init__(self, a_minute: int) -> None:
        self._a_minute = a_minute
        self._given_s: deque[float] = deque()

    def takes(self, at_s: float) -> bool:
        """Return whether one more is within it, at `at_s` of a rising clock, seconds."""
        while self._given_s and at_s - self._given_s[0] >= 60:
            self._given_s.popleft()
        if len(self._given_s) >= self._a_minute:
            return False
        self._given_s.append(at_s)
        return True
