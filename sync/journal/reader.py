"""Reading a journal file: by the delivery, by `kiosk journal`, by an auditor.

A reader has a connection of its own, so it never waits for a commit and no commit waits for it.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from msgspec import Struct

from sync.journal import schema
from sync.journal.errors import READ_ERRORS, Damaged, understood
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

    @classmethod
    def read(cls, row: Sequence[object]) -> "Life":
        """Return the life that a row (kiosk, epoch, number, key) says. Raises ValueError if none.

        SQLite checks types when it writes; a damaged page may say anything.
        """
        match row:
            case (str(kiosk), str(epoch), int(number), bytes(key)):
                return cls(kiosk, epoch, number, key)
        raise ValueError("the row says no life of an epoch")

    @property
    def genesis(self) -> bytes:
        """Return the hash that stands before entry 1."""
        return chain.genesis(self.kiosk, self.epoch, self.key)

    @property
    def born(self) -> str:
        """Return the fingerprint of the key that it began under."""
        return sha256(self.key).hexdigest()


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


class Stretch(NamedTuple):
    """Consecutive bodies, proved by the chain: `prev` is the hash before them, `head` the last's.

    `more` says whether entries follow them.
    """

    prev: bytes
    bodies: list[bytes]
    head: bytes
    more: bool


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
        except READ_ERRORS as error:
            db.close()
            raise understood(error, self.path) from error
        try:
            life = Life.read(row or ())
        except ValueError as error:
            db.close()
            raise Damaged(self.path, "it does not say which epoch it is") from error
        self._db = db
        return life

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
            except READ_ERRORS as error:
                raise understood(error, self.path) from error

    def span(self, past: int | None = None) -> Span:
        """Return what the file holds now.

        For somebody who has everything up to `past`, bodies that were destroyed right behind it do
        not count as held: `first` is then behind them.
        """
        [(first, anchor, last, head)] = self._all(
            "SELECT first, anchor, (SELECT max(seq) FROM entry),"
            " (SELECT hash FROM entry ORDER BY seq DESC LIMIT 1) FROM epoch"
        )
        if not (isinstance(first, int) and isinstance(anchor, bytes)):
            raise Damaged(self.path, "it does not say where it begins")
        if last is None:
            return Span(first, anchor, first - 1, anchor)
        if past is not None and past >= first - 1:
            [(held,)] = self._all(
                "SELECT min(seq) FROM entry WHERE seq > ? AND body IS NOT NULL", past
            )
            first = last + 1 if held is None else held
            anchor = self.hash_at(first - 1)
            if anchor is None:  # it was let go of meanwhile
                return self.span(past)
        return Span(first, anchor, last, head)

    def cursor(self) -> int:
        """Return the saved cursor: at least everything up to it has a receipt."""
        [(cursor,)] = self._all("SELECT cursor FROM epoch")
        return int(cursor)

    def closed(self) -> schema.Closed:
        """Return whether the epoch was ended: then nothing is appended to it any more."""
        [(closed,)] = self._all("SELECT closed FROM epoch")
        return schema.Closed(closed)

    def reusable_bytes(self) -> int:
        """Return how much of the file is free for entries before it grows."""
        [(pages,)] = self._all("PRAGMA freelist_count")
        return int(pages) * schema.PAGE_BYTES

    def position(self, source: str) -> bytes | None:
        """Return the position last committed for `source`, if any."""
        found = self._all("SELECT value FROM position WHERE source = ?", source)
        value: bytes | None = found[0][0] if found else None
        return value

    def indexed(self, origin: bytes) -> bool:
        """Return whether the written part of the origin index has `origin`."""
        return bool(self._all("SELECT 1 FROM origin WHERE key = ?", origin))

    def origins(self, page: int = 5000, *, let_go: bool = True) -> Iterator[bytes]:
        """Yield the keys of the written part of the origin index; see `Journal.origins`."""
        key = b""
        which = "" if let_go else " AND terminal IS NULL"
        while found := self._all(
            f"SELECT key FROM origin WHERE key > ?{which} ORDER BY key LIMIT ?",  # noqa: S608
            key,
            page,
        ):
            yield from (key for (key,) in found)
            key = found[-1][0]

    def hash_at(self, seq: int) -> bytes | None:
        """Return the hash of entry `seq`, of the anchor just before the first; None if not held."""
        found = self._all(
            "SELECT hash FROM entry WHERE seq = ?1"
            " UNION ALL SELECT anchor FROM epoch WHERE first = ?1 + 1",
            seq,
        )
        value: bytes | None = found[0][0] if found else None
        return value

    def stretch(self, first: int, most: int, most_bytes: int) -> Stretch | None:
        """Return the entries `first`, `first + 1`, ...; None if there is none whose body is held.

        At most `most` of them and, but for the first, at most `most_bytes` bytes together. It
        ends before a body that was destroyed.

        Raises Damaged where they do not follow one another: what left here was read correctly.
        """
        rows = [
            Row(*row)
            for row in self._all(f"{_ROWS} LIMIT ?", first - 1, most + 2)  # and one on either side
        ]
        if rows and rows[0].seq == first - 1:
            prev: bytes | None = rows.pop(0).hash
        else:
            prev = self.hash_at(first - 1)
        if prev is None or not rows:
            return None
        bodies: list[bytes] = []
        seq, head, size = first - 1, prev, 0
        for row in rows:
            size += len(row.body or b"")
            if row.body is None or len(bodies) == most or (bodies and size > most_bytes):
                return Stretch(prev, bodies, head, True) if bodies else None
            head = follows(self.path, seq, head, row)
            seq = row.seq
            bodies.append(row.body)
        return Stretch(prev, bodies, head, False)

    def rows(self, first: int, page: int = 500) -> Iterator[Row]:
        """Yield the entries from `first` on, as they were when each page of them was read."""
        while True:
            found = self._all(f"{_ROWS} LIMIT ?", first, page)
            for row in found:
                yield Row(*row)
            if len(found) < page:
                return
            first = found[-1][0] + 1

    def holding(self, text: bytes, first: int, before: int) -> list[tuple[int, bytes]]:
        """Return the entries from `first` on, below `before`, whose body has `text` somewhere.

        The latest first; whoever asks looks whether it is where it should be.
        """
        return self._all(
            "SELECT seq, body FROM entry WHERE seq >= ? AND seq < ? AND instr(body, ?) > 0"
            " ORDER BY seq DESC",
            *(first, before, text),
        )

    def destroyed_after(self, seq: int) -> int:
        """Return the last entry behind `seq` whose body was destroyed; `seq` if there is none."""
        [(last,)] = self._all("SELECT max(seq) FROM entry WHERE seq > ? AND body IS NULL", seq)
        return seq if last is None else int(last)

    def check_tables(self) -> None:
        """Raise Damaged where the tables are not as SQLite wrote them: what a walk does not see.

        Entries that a walk finds may not be found by their number, and a lost key of the origin
        index lets a punch be recorded again.
        """
        for table in ("entry", "origin"):
            said = self._all(f"PRAGMA quick_check('{table}')")
            if said != [("ok",)]:
                raise Damaged(self.path, f"table {table} is damaged: {said[0][0]}")
        # Two pages that changed places are each as they were written; only the order tells.
        disordered = self._all(
            "SELECT count(*) FROM (SELECT key, lag(key) OVER () AS before FROM origin)"
            " WHERE before >= key"
        )
        if disordered != [(0,)]:
            raise Damaged(self.path, "the origin index is out of order")

    def verify(self, after: int = 0, most: int | None = None) -> Span:
        """Walk the chain from entry `after` on, or from the anchor; return what was verified.

        At most `most` entries. Raises Damaged, naming the first place that does not hold.
        """
        while True:
            span = self.span()
            try:
                return self._walk(span, after, most)
            except Damaged:
                # What was let go of while we looked is missing for a good reason: look again.
                if self.span().first == span.first:
                    raise

    def _walk(self, span: Span, after: int, most: int | None) -> Span:
        """See `verify`; `span` is what the file held when it began."""
        [(kiosk, epoch, number, key)] = self._all("SELECT kiosk, epoch, number, key FROM epoch")
        genesis = Life(kiosk, epoch, number, key).genesis
        if span.first == 1 and span.anchor != genesis:
            raise Damaged(self.path, "the anchor is not this epoch's genesis", 1)
        seq = max(after, span.first - 1)
        anchor = head = self.hash_at(seq)
        if anchor is None or head is None:
            raise Damaged(self.path, f"entry {seq} is missing", seq)
        first = seq + 1
        for row in islice(self.rows(first), most):
            head = follows(self.path, seq, head, row)
            seq = row.seq
        return Span(first, anchor, seq, head)


def follows(path: Path, seq: int, head: bytes, row: Row) -> bytes:
    """Return `row`'s hash if it follows entry `seq` with hash `head`. Raises Damaged."""
    if row.seq != seq + 1:
        raise Damaged(path, f"after entry {seq} comes {row.seq}", seq + 1)
    try:
        standing = chain.digest(row.body) if row.body is not None else row.digest
        holds = standing is not None and chain.join(head, standing) == row.hash
    except TypeError:  # a damaged page may hold texts where bytes were
        holds = False
    if not holds:
        raise Damaged(path, f"entry {row.seq} is not what its hash says", row.seq)
    return row.hash
