"""Turns: one thread at most computes, the most urgent first; whoever asks for the same shares it.

It knows nothing of what is computed. The thread begins with the first turn that is asked for and
ends with the last: where nobody asks there is none.
"""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any

Turn = Future[Any]
Compute = Callable[[], Any]


class Turns:
    """Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._urgent: dict[Hashable, tuple[Compute, Turn]] = {}
        self._others: dict[Hashable, tuple[Compute, Turn]] = {}
        self._is_running = False

    def ask(self, key: Hashable, compute: Compute, *, urgent: bool) -> Turn:
        """Return the turn of `key` that is still to begin: a new one, or one that was asked for.

        `urgent` where somebody waits: then it goes before all that are not.
        """
        with self._lock:
            waiting = self._urgent.get(key)
            if waiting is None:
                waiting = self._others.pop(key, None) or (compute, Future())
                (self._urgent if urgent else self._others)[key] = waiting
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
            except Exception as error:  # noqa: BLE001 - whoever asked is told, whatever it is
                turn.set_exception(error)

    def _next(self) -> tuple[Compute, Turn] | None:
        with self._lock:
            for waiting in (self._urgent, self._others):
                if waiting:
                    return waiting.pop(next(iter(waiting)))
            self._is_running = False
            return None
