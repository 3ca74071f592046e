"""The origin index: what makes reading a terminal again harmless.

It says of every punch whether an entry records it already. Origins of the newest entries stand in
memory and are rebuilt from the journal's tail at start; now and then they are written to the
`origin` table in one go, so that a live commit writes its entry and nothing else. The table is
primary data: an origin outlives its entry for as long as a terminal may show it again.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from sync.protocol import entry
from sync.protocol.errors import Malformed

FLUSH_FROM: Final = 32_768
"""How many origins stand in memory (5 MB) before they are written: fewer would touch more pages
each (770 bytes a punch with 8,192 of them, 250 with these: bench/append.py)."""


class Origins:
    """The index of one journal file. Not safe for threads: the committing leader owns it."""

    def __init__(self) -> None:
        self._tail: dict[bytes, int] = {}
        self.through = 0
        """Every entry up to here is accounted for, in memory or in the table."""

    def __contains__(self, origin: bytes) -> bool:
        return origin in self._tail

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._tail)

    @property
    def full(self) -> bool:
        """Whether it is time to flush."""
        return len(self._tail) >= FLUSH_FROM

    def known(self, db: sqlite3.Connection, origin: bytes) -> bool:
        """Return whether an entry records `origin`."""
        if origin in self._tail:
            return True
        found = db.execute("SELECT 1 FROM origin WHERE key = ?", (origin,)).fetchone()
        return found is not None

    def absorb(self, seq: int, body: bytes | None) -> None:
        """Account for entry `seq`, read back from the file."""
        if body is not None:
            # One that cannot be read was written by a newer version: should its punch be read
            # again, it is recorded again and central calls it `again`.
            with suppress(Malformed):
                origin = entry.origin_of(entry.decode(body))
                if origin is not None:
                    self._tail[origin] = seq
        self.through = seq

    def add(self, committed: dict[bytes, int], last: int) -> None:
        """Account for entries up to `last`, just committed."""
        self._tail.update(committed)
        self.through = last

    def flush(self, db: sqlite3.Connection) -> None:
        """Write what stands in memory, inside the caller's transaction; `forget` once committed."""
        db.executemany(
            "INSERT OR IGNORE INTO origin (key, seq) VALUES (?, ?)", sorted(self._tail.items())
        )
        db.execute("UPDATE epoch SET indexed = ?", (self.through,))

    def forget(self) -> None:
        """Drop from memory what a committed flush has written."""
        self._tail.clear()
