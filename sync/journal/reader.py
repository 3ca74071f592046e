"""Reading a journal file: by the delivery, by `kiosk journal`, by an auditor.

A reader has a connection of its own, so it never waits for a commit and no commit waits for it.
"""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from msgspec import Struct

from sync.journal import schema
from sync.journal.errors import Damaged, understood
from sync.protocol import chain


class Life(Struct, frozen=True):
    """What an epoch was born as; none of it ever changes.

    Attributes:
        kiosk, epoch: whose journal, and which.
        number: the how-many-th epoch of its directory, from 1.
        key: DER public key that the genesis contains.
    """

    kiosk: str
    epoch: str
    number: int
    key: bytes

    @property
    def genesis(self) -> bytes:
        """Return the hash that stands before entry 1."""
        return chain.genesis(self.kiosk, self.epoch, self.key)


class Row(NamedTuple):
    """One entry as it stands in the file. `body` is None where it was destroyed."""

    seq: int
    body: bytes | None
    hash: bytes
    digest: bytes | None


class Span(Struct, frozen=True):
    """What a file holds at one moment: entries `first` to `last`; none when last < first.

    Attributes:
        anchor: hash of entry `first - 1`.
        head: hash of entry `last`, or the anchor.
    """

    first: int
    anchor: bytes
    last: int
    head: bytes


_ROWS: Final = "SELECT seq, body, hash, digest FROM entry WHERE seq >= ? ORDER BY seq"


class Reader:
    """A journal file, opened for reading. Safe for several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None

    def open(self) -> Life:
        """Open the file and return what it was born as. Raises JournalError."""
        db = schema.connect(self.path, read_only=True)
        try:
            schema.check(db, self.path)
            row = db.execute("SELECT kiosk, epoch, number, key FROM epoch").fetchone()
        except sqlite3.Error as error:
            db.close()
            raise understood(error, self.path) from error
        if row is None:
            db.close()
            raise Damaged(f"{self.path}: it has tables but was never begun")
        self._db = db
        return Life(*row)

    def close(self) -> None:
        """Close the file; may be called twice."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _all(self, statement: str, *values: object) -> list[Any]:  # rows of STRICT tables
        with self._lock:
            if self._db is None:
                raise understood(sqlite3.ProgrammingError("it is closed"), self.path)
            try:
                return self._db.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise understood(error, self.path) from error

    def span(self) -> Span:
        """Return what the file holds now."""
        [(first, anchor, last, head)] = self._all(
            "SELECT first, anchor, (SELECT max(seq) FROM entry),"
            " (SELECT hash FROM entry ORDER BY seq DESC LIMIT 1) FROM epoch"
        )
        if last is None:
            return Span(first, anchor, first - 1, anchor)
        return Span(first, anchor, last, head)

    def cursor(self) -> int:
        """Return the saved cursor: at least everything up to it has a receipt."""
        [(cursor,)] = self._all("SELECT cursor FROM epoch")
        return int(cursor)

    def closed(self) -> bool:
        """Return whether the epoch was ended: nothing is appended to it any more."""
        [(closed,)] = self._all("SELECT closed FROM epoch")
        return bool(closed)

    def position(self, source: str) -> bytes | None:
        """Return the position last committed for `source`, if any."""
        found = self._all("SELECT value FROM position WHERE source = ?", source)
        value: bytes | None = found[0][0] if found else None
        return value

    def indexed(self, origin: bytes) -> bool:
        """Return whether the written part of the origin index has `origin`."""
        return bool(self._all("SELECT 1 FROM origin WHERE key = ?", origin))

    def hash_at(self, seq: int) -> bytes | None:
        """Return the hash of entry `seq`, of the anchor just before the first; None if not held."""
        found = self._all(
            "SELECT hash FROM entry WHERE seq = ?1"
            " UNION ALL SELECT anchor FROM epoch WHERE first = ?1 + 1",
            seq,
        )
        value: bytes | None = found[0][0] if found else None
        return value

    def bodies(self, first: int, most: int, most_bytes: int) -> list[bytes]:
        """Return the bodies of entries `first`, `first + 1`, ...: at least one if there is one.

        At most `most` of them and, but for the first, at most `most_bytes` bytes together. It
        ends before a body that was destroyed.
        """
        taken: list[bytes] = []
        size = 0
        rows = self._all("SELECT body FROM entry WHERE seq >= ? ORDER BY seq LIMIT ?", first, most)
        for (body,) in rows:
            if body is None:
                break
            size += len(body)
            if taken and size > most_bytes:
                break
            taken.append(body)
        return taken

    def rows(self, first: int, page: int = 500) -> Iterator[Row]:
        """Yield the entries from `first` on, as they were when each page of them was read."""
        while True:
            found = self._all(f"{_ROWS} LIMIT ?", first, page)
            for row in found:
                yield Row(*row)
            if len(found) < page:
                return
            first = found[-1][0] + 1

    def verify(self) -> Span:
        """Walk the whole chain from the anchor and return what was verified.

        Raises Damaged, naming the first place that does not hold.
        """
        span = self.span()
        [(kiosk, epoch, number, key)] = self._all("SELECT kiosk, epoch, number, key FROM epoch")
        genesis = Life(kiosk, epoch, number, key).genesis
        if span.first == 1 and span.anchor != genesis:
            raise Damaged(f"{self.path}: the anchor is not this epoch's genesis", 1)
        seq, head = span.first - 1, span.anchor
        for row in self.rows(span.first):
            head = follows(self.path, seq, head, row)
            seq = row.seq
        return Span(span.first, span.anchor, seq, head)


def follows(path: Path, seq: int, head: bytes, row: Row) -> bytes:
    """Return `row`'s hash if it follows entry `seq` with hash `head`. Raises Damaged."""
    if row.seq != seq + 1:
        raise Damaged(f"{path}: after entry {seq} comes {row.seq}", seq + 1)
    standing = row.digest if row.body is None else chain.digest(row.body)
    if standing is None or chain.join(head, standing) != row.hash:
        raise Damaged(f"{path}: entry {row.seq} is not what its hash says", row.seq)
    return row.hash
