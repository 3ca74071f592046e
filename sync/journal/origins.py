"""The origin index: what makes reading a terminal again harmless.

It says of every punch whether an entry records it already. Origins of the newest entries stand in
memory and are rebuilt from the journal's tail at start; now and then they are written to the
`origin` table, so that a live commit writes its entry and nothing else. Live punches have that
done once in weeks, all at once, which touches the fewest pages and takes a third of a second. While
a backlog is read it would come every few seconds, and people at other terminals wait for it; so a
backlog's commits write a part each, in the order of the keys. The table is primary data: an origin
outlives its entry for as long as a terminal may show it again.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Final

from sync.protocol import entry
from sync.protocol.errors import Malformed

FLUSH_FROM: Final = 32_768
"""How many origins stand in memory (5 MB) before they are written: fewer would touch more pages
each (770 bytes a punch with 8,192 of them, 250 with these: bench/append.py)."""

FLUSH_LATE: Final = 256
"""How many more before a live punch's commit writes them: a backlog's next page comes first."""

FLUSH_PART: Final = 1024
"""How many of them one commit of a backlog writes. Were live punches to do the same, each would
write 200 bytes more: neighbours in the file would be written one after the other, not together."""

BACKLOG_FROM: Final = 50
"""A commit of so many entries is a backlog's."""


class Origins:
    """The index of one journal file. Not safe for threads: the committing leader owns it."""

    def __init__(self) -> None:
        self._tail: dict[bytes, int] = {}
        self._leaving: dict[bytes, int] = {}  # being written; in memory until all of it is
        self._left: list[tuple[bytes, int]] = []  # what of it is not, the highest keys first
        self._leaving_through = 0
        self.through = 0
        """Every entry up to here is accounted for, in memory or in the table."""

    def __contains__(self, origin: bytes) -> bool:
        return origin in self._tail or origin in self._leaving

    def __iter__(self) -> Iterator[bytes]:
        return chain(self._leaving, self._tail)

    def known(self, db: sqlite3.Connection, origin: bytes) -> bool:
        """Return whether an entry records `origin`."""
        if origin in self:
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

    def flush_some(self, db: sqlite3.Connection, entries: int) -> int:
        """Write what it is time for, inside the caller's transaction, which adds so many `entries`.

        Returns how many origins were written, for `flushed` once that is committed.
        """
        if entries >= BACKLOG_FROM:
            if not self._leaving and len(self._tail) >= FLUSH_FROM:
                self._begin()
            part = self._left[-FLUSH_PART:]
        elif len(self._tail) >= FLUSH_FROM + FLUSH_LATE:
            self._begin()
            part = self._left
        else:
            part = []
        if part:
            _write(db, reversed(part))
            if len(part) == len(self._left):
                db.execute("UPDATE epoch SET indexed = ?", (self._leaving_through,))
        return len(part)

    def _begin(self) -> None:
        """Have all that stands in memory written from now on."""
        left = [*self._left, *self._tail.items()]
        self._leaving = self._leaving | self._tail  # and only then is it gone from the tail
        self._tail = {}
        self._left = sorted(left, reverse=True)
        self._leaving_through = self.through

    def flushed(self, count: int) -> None:
        """Account for what `flush_some` wrote, once it is committed."""
        del self._left[len(self._left) - count :]
        if not self._left:
            self._leaving = {}

    def flush(self, db: sqlite3.Connection) -> None:
        """Write what stands in memory, inside the caller's transaction; `forget` once committed."""
        _write(db, sorted([*self._left, *self._tail.items()]))
        db.execute("UPDATE epoch SET indexed = ?", (self.through,))

    def forget(self) -> None:
        """Drop from memory what a committed flush has written."""
        self._tail, self._leaving, self._left = {}, {}, []


def _write(db: sqlite3.Connection, origins: Iterable[tuple[bytes, int]]) -> None:
    db.executemany("INSERT OR IGNORE INTO origin (key, seq) VALUES (?, ?)", origins)
