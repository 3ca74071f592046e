"""One supervised thread: runs its task again and again, whatever becomes of it.

This is the one place that loops for ever, catches everything, backs off and counts. A task is
`run(stopping, beat)`: it works until `stopping()`, calls `beat()` whenever it gets somewhere, and
ends by raising. It neither retries nor sleeps.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from enum import Enum
from typing import Final

from msgspec import Struct

log = logging.getLogger(__name__)

Task = Callable[[Callable[[], bool], Callable[[], None]], None]


class Phase(Enum):
    """What a worker is doing."""

    NEW = "new"
    WORKING = "working"
    WAITING = "waiting"
    ENDED = "ended"
    ABANDONED = "abandoned"


class Backoff(Struct, frozen=True, kw_only=True):
    """How long to wait after a failure: decorrelated jitter, so a fleet does not march in step.

    Each wait is drawn between `base_s` and three times the last one, at most `cap_s`. A run that
    lasted `healthy_s` is a success: the next failure begins at `base_s` again.
    """

    base_s: float = 1.0
    cap_s: float = 60.0
    healthy_s: float = 30.0

    def after(self, last_s: float) -> float:
        """Return the wait that follows a wait of `last_s`; 0 for the first."""
        top = max(self.base_s, last_s * 3)
        return min(self.cap_s, random.uniform(self.base_s, top))  # noqa: S311 - jitter


class Worker:
    """A task and its thread.

    Attributes:
        patience_s: how long the task may go without a beat before it counts as hung.
        failures: how often it has ended by raising; `error` is the last reason, for people.
        waits_s: how long it waits, or waited last, before it goes on: its back-off, or what the
            error itself asks for by its `wait_s`.
    """

    def __init__(
        self, name: str, task: Task, *, patience_s: float, backoff: Backoff | None = None
    ) -> None:
        self.name = name
        self.patience_s = patience_s
        self.phase = Phase.NEW
        self.failures = 0
        self.error = ""
        self.waits_s = 0.0
        self._task = task
        self._backoff = backoff or Backoff()
        self._stop = threading.Event()
        self._beat_s = time.monotonic()
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self.beat()
        self._thread.start()

    def beat(self) -> None:
        """Give a sign of life."""
        self._beat_s = time.monotonic()

    def silent_s(self) -> float:
        """Return how long ago the last sign of life was; 0 while it waits on purpose."""
        return time.monotonic() - self._beat_s if self.phase is Phase.WORKING else 0.0

    @property
    def hung(self) -> bool:
        """Whether it has been silent for longer than its patience."""
        return self.silent_s() > self.patience_s

    def stop(self) -> None:
        """Ask it to end; see `join`."""
        self._stop.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread's end; return whether it came."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def abandoned(self) -> "Worker":
        """Give up on this thread and return a new worker for the same task, not yet started.

        A thread that hangs in a driver cannot be ended. Should it wake, it finds itself stopped.
        """
        self.stop()
        self.phase = Phase.ABANDONED
        heir = Worker(self.name, self._task, patience_s=self.patience_s, backoff=self._backoff)
        heir.failures = self.failures + 1
        heir.error = f"no sign of life for {self.patience_s:g} s; replaced"
        return heir

    def _loop(self) -> None:
        waited_s = 0.0
        while not self._stop.is_set():
            self._enter(Phase.WORKING)
            began_s = time.monotonic()
            asked_s = 0.0
            try:
                self._task(self._stop.is_set, self.beat)
            except Exception as error:  # noqa: BLE001 - the one place; see the head of this file
                self._failed(error)
                asked_s = getattr(error, "wait_s", 0.0)
            if self._stop.is_set():
                break
            if time.monotonic() - began_s >= self._backoff.healthy_s:
                waited_s = 0.0
            waited_s = self._backoff.after(waited_s)
            self.waits_s = max(waited_s, asked_s)
            self._enter(Phase.WAITING)
            self._stop.wait(self.waits_s)
        self._enter(Phase.ENDED)

    def _enter(self, phase: Phase) -> None:
        self.beat()
        if self.phase is not Phase.ABANDONED:
            self.phase = phase

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        said = f"{error}" or type(error).__name__
        if said != self.error:
            # The same failure every minute for a week is one line, not ten thousand.
            log.warning("%s: %s", self.name, said, exc_info=_unforeseen(error))
        self.error = said


_FORESEEN: Final = (
    "drivers.errors",
    "sync.journal.errors",
    "sync.line",
    "sync.edge.uplink",  # a restart that central's word asks for
    "sync.protocol.errors",
)


def _unforeseen(error: Exception) -> bool:
    """Return whether a traceback is worth printing: the error is none of those we name."""
    return type(error).__module__ not in _FORESEEN
