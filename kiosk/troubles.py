"""What went wrong lately: the latest warnings of the log, for whoever has only the page.

In memory, of this run only; the system's own log has all.
"""

import logging
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Final

import msgspec
from msgspec import Struct

MOST: Final = 40
"""So many are remembered; one that is said again takes the place of the one before."""

LONGEST: Final = 1000
"""What is kept of a line, characters."""


class Trouble(Struct, frozen=True):
    """When (seconds UTC, by the machine's clock), how grave, in which part, what and what to do.

    `times` is how often; `at` is the latest.
    """

    at: float
    grave: bool
    part: str
    text: str
    times: int = 1


class Troubles(logging.Handler):
    """Remembers the latest warnings and errors. Safe for several threads, as every handler is."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._latest: dict[tuple[str, str], Trouble] = {}  # the latest last

    def emit(self, record: logging.LogRecord) -> None:
        """Remember one."""
        try:
            text = record.getMessage()[:LONGEST]
        except (TypeError, ValueError):  # whoever logs is not to fail for a slip in a format
            self.handleError(record)
            return
        part, grave = record.threadName or "", record.levelno >= logging.ERROR
        before = self._latest.pop((part, text), None)
        times = 1 if before is None else before.times + 1
        if len(self._latest) >= MOST:
            del self._latest[next(iter(self._latest))]
        self._latest[part, text] = Trouble(record.created, grave, part, text, times)

    def told(self, _: Mapping[str, str]) -> str:
        """Return them as a JSON list of `Trouble`, the latest first."""
        with self.lock or nullcontext():
            latest = list(self._latest.values())
        return msgspec.json.encode(latest[::-1]).decode()
