"""How long to wait before trying again: decorrelated jitter, so that nobody comes in step."""

import random
from collections.abc import Callable
from typing import Final

FIRST_S: Final = 1.0
"""Shortest wait, seconds."""

LONGEST_S: Final = 60.0
"""Longest wait, seconds."""

_GROWTH: Final = 3.0  # the next wait is drawn up to this many times the last one


class Backoff:
    """Waits that grow with every failure and begin anew after a success."""

    def __init__(self, draw: Callable[[float, float], float] | None = None) -> None:
        self._draw = draw or random.SystemRandom().uniform
        self._last_s = FIRST_S

    def next_s(self) -> float:
        """Return how long to wait now, seconds."""
        self._last_s = min(LONGEST_S, self._draw(FIRST_S, self._last_s * _GROWTH))
        return self._last_s

    def reset(self) -> None:
        """It worked."""
        self._last_s = FIRST_S
