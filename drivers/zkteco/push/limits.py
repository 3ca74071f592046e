"""What callers may use up: requests by the second, and memory for bodies. Pure but for a lock."""

import threading
from collections import OrderedDict
from typing import Final

from msgspec import Struct

from drivers.zkteco.push.declined import Declined

CALLERS_MOST: Final = 256
"""So many callers' rates are remembered; the one unheard of longest is forgotten first."""


class Rate(Struct, frozen=True):
    """So many a second, and so many at once after a silence."""

    per_s: float
    burst: float


class Rates:
    """Who has called how often of late. Safe for threads."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def spend(self, caller: str, now_s: float) -> None:
        """Count one request of `caller`'s. Raises Declined when it is one too many."""
        with self._lock:
            left, since_s = self._left.pop(caller, (self._rate.burst, now_s))
            left = min(self._rate.burst, left + (now_s - since_s) * self._rate.per_s)
            enough = left >= 1
            self._left[caller] = (left - 1 if enough else left, now_s)
            if len(self._left) > CALLERS_MOST:
                self._left.popitem(last=False)
        if not enough:
            raise Declined(429, f"more than {self._rate.per_s:g} requests a second")


class Room:
    """Bytes for all bodies together. Safe for threads."""

    def __init__(self, most_bytes: int) -> None:
        self._left = most_bytes
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        """Take room. Raises Declined where there is none."""
        with self._lock:
            if size > self._left:
                raise Declined(503, "too many bodies at once")
            self._left -= size

    def give(self, size: int) -> None:
        """Give room back."""
        with self._lock:
            self._left += size
