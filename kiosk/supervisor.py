"""Start, watch, stop: the keeper of the workers, in the main thread.

A source that hangs is abandoned and replaced, the others go on; after three such the process asks
to be restarted, at most once an hour. The line is a worker like them: hung, it is replaced. Only
what can be replaced by no thread, the journal's commit, keeps systemd's watchdog from being fed.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from queue import Empty, SimpleQueue
from typing import Final

from kiosk.notify import Notifier
from kiosk.worker import Worker

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 0.25
"""How often the workers are looked at."""

STOP_WITHIN_S: Final = 2.0
"""How long the workers together may take to end before the process goes without them."""

ABANDON_MOST: Final = 3
"""So many abandoned threads, each holding what it hangs on, are worth a restart."""


class Outcome(Enum):
    """Why the supervisor ended."""

    STOPPED = "stopped"
    RESTART = "restart"


class Supervisor:
    """Keeps `workers` running until told to stop.

    `pulse` says whether what must never hang is alive; `may_restart` whether a restart is due.
    """

    def __init__(
        self,
        workers: Sequence[Worker],
        notifier: Notifier,
        pulse: Callable[[], bool],
        may_restart: Callable[[], bool],
    ) -> None:
        self.workers = list(workers)
        self._notifier = notifier
        self._pulse = pulse
        self._may_restart = may_restart
        self._wanted: Outcome | None = None
        self._interrupted = False
        self._wake = threading.Event()
        self._abandoned = 0
        self._coming: SimpleQueue[Worker] = SimpleQueue()

    def add(self, worker: Worker) -> None:
        """Keep one more worker, from the next look on; may be called from any thread."""
        self._coming.put(worker)

    def interrupt(self) -> None:
        """Stop, at the next look. All that a signal handler may do: it takes no lock."""
        self._interrupted = True

    def want(self, outcome: Outcome, reason: str) -> None:
        """End with `outcome`; may be called from any thread."""
        if self._wanted is None:
            self._wanted = outcome
            log.info("%s: %s", outcome.value, reason)
        self._wake.set()

    def run(self) -> Outcome:
        """Start the workers, watch them, stop them. Returns why."""
        for worker in self.workers:
            worker.start()
        self._notifier.ready()
        alive_s = 0.0
        try:
            while self._wanted is None:
                self._take_on()
                self._replace_hung()
                if self._pulse() and time.monotonic() - alive_s >= self._notifier.watchdog_s / 3:
                    alive_s = time.monotonic()
                    self._notifier.alive()
                self._wake.wait(LOOK_EVERY_S)
                if self._interrupted:
                    self.want(Outcome.STOPPED, "asked to stop")
        finally:
            self._notifier.stopping()
            self._stop_all()
        return self._wanted

    def _take_on(self) -> None:
        with suppress(Empty):
            while True:
                worker = self._coming.get_nowait()
                worker.start()
                self.workers.append(worker)

    def _replace_hung(self) -> None:
        for at, worker in enumerate(self.workers):
            if not worker.hung:
                continue
            log.error("%s: no sign of life for %.0f s: replaced", worker.name, worker.silent_s())
            self.workers[at] = heir = worker.abandoned()
            heir.start()
            self._abandoned += 1
            if self._abandoned >= ABANDON_MOST and self._may_restart():
                self.want(Outcome.RESTART, f"{self._abandoned} workers hung")

    def _stop_all(self) -> None:
        for worker in self.workers:
            worker.stop()
        until_s = time.monotonic() + STOP_WITHIN_S
        for worker in self.workers:
            if not worker.join(max(0.0, until_s - time.monotonic())):
                log.error("%s: did not end in time; what it recorded is safe", worker.name)
