"""Turns: one thread at most computes, the most urgent first; whoever asks for the same shares it.

It knows nothing of what is computed. The thread begins with the first turn that is asked for and
ends with the last: where nobody asks there is none. Nobody waits for ever: what is not urgent has
every fourth turn, and who asks for it again does not lose its place.
"""

import logging
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, Final

log: Final = logging.getLogger(__name__)

URGENT_IN_A_ROW: Final = 3
"""So many urgent turns at most, while others wait."""

Turn = Future[Any]
Compute = Callable[[], Any]


class Turns:
    """Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._urgent: dict[Hashable, tuple[Compute, Turn]] = {}
        self._others: dict[Hashable, tuple[Compute, Turn]] = {}
        self._in_a_row = 0
        self._is_running = False

    def ask(self, key: Hashable, compute: Compute, *, urgent: bool) -> Turn:
        """Return the turn of `key` that is still to begin: a new one, or one that was asked for.

        `urgent` where somebody waits: then it goes before all that are not.
        """
        with self._lock:
            waiting = self._urgent.get(key) or self._others.get(key) or (compute, Future())
            if urgent:
                self._others.pop(key, None)
                self._urgent.setdefault(key, waiting)
            elif key not in self._urgent:
                self._others.setdefault(key, waiting)
            if not self._is_running:
                self._is_running = True
                # A daemon: what nobody will see any more does not hold the process back.
                threading.Thread(target=self._run, name="turns", daemon=True).start()
        return waiting[1]

    def _run(self) -> None:
        while (following := self._next()) is not None:
            compute, turn = following
            try:
                turn.set_result(compute())
            except Exception as error:
                # Who asked is told, whatever it is; but a stream asks and does not wait.
                log.exception("nothing could be computed")
                turn.set_exception(error)

    def _next(self) -> tuple[Compute, Turn] | None:
        with self._lock:
            is_others = bool(self._others) and (
                not self._urgent or self._in_a_row >= URGENT_IN_A_ROW
            )
            waiting = self._others if is_others else self._urgent
            if not waiting:
                self._is_running = False
                return None
            self._in_a_row = 0 if is_others else self._in_a_row + 1
            return waiting.pop(next(iter(waiting)))
