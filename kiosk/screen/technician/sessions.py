"""Who is logged in at the technician's page. In memory: a restart of the page ends it."""

import secrets
import threading
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from msgspec import Struct

MOST: Final = 50
"""So many log-ins at once; one more ends the one that was idle longest."""


class Session(Struct):
    """A log-in, by a badge of the daemon's; `seen_s`: when they did something last, monotonic."""

    name: str
    badge: str
    seen_s: float


class Sessions:
    """The log-ins, by the hash of a token that only the browser has. Safe for several threads."""

    def __init__(self, idle_s: float, monotonic: Callable[[], float]) -> None:
        self._idle_s = idle_s
        self._now_s = monotonic
        self._lock = threading.Lock()
        self._open: dict[bytes, Session] = {}

    def begin(self, name: str, badge: str) -> str:
        """Return the token of a new log-in."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._forget_idle()
            while len(self._open) >= MOST:
                oldest = min(self._open, key=lambda key: self._open[key].seen_s)
                del self._open[oldest]
            self._open[_key(token)] = Session(name, badge, self._now_s())
        return token

    def find(self, token: str, *, active: bool) -> Session | None:
        """Return the log-in; `active` where a person did something: the idle time begins anew."""
        with self._lock:
            self._forget_idle()
            found = self._open.get(_key(token))
            if found is not None and active:
                found.seen_s = self._now_s()
            return found

    def end(self, token: str) -> None:
        """Forget a log-in."""
        with self._lock:
            self._open.pop(_key(token), None)

    def _forget_idle(self) -> None:
        oldest_s = self._now_s() - self._idle_s
        self._open = {key: one for key, one in self._open.items() if one.seen_s >= oldest_s}


def _key(token: str) -> bytes:
    return sha256(token.encode()).digest()
