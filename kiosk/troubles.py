"""What went wrong lately: the latest warnings of the log, for whoever has only the page.

In memory, of this run only; the system's own log has all.
"""

import logging
from collections import deque
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

MOST: Final = 40
"""So many are remembered."""

LONGEST: Final = 1000
"""What is kept of a line, characters."""


class Trouble(Struct, frozen=True):
    """When (seconds UTC, by the machine's clock), how grave, in which part, what and what to do."""

    at: float
    grave: bool
    part: str
    text: str


class Troubles(logging.Handler):
    """Remembers the latest warnings and errors. Safe for several threads, as every handler is."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._latest: deque[Trouble] = deque(maxlen=MOST)

    def emit(self, record: logging.LogRecord) -> None:
        """Remember one."""
        text = record.getMessage()[:LONGEST]
        grave = record.levelno >= logging.ERROR
        self._latest.append(Trouble(record.created, grave, record.threadName or "", text))

    def told(self, _: Mapping[str, str]) -> str:
        """Return them as a JSON list of `Trouble`, the latest first."""
        return msgspec.json.encode(list(self._latest)[::-1]).decode()
