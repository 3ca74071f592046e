"""The journal: an append returns when its entries are on disk, chained, each punch once.

There is no writer thread. The caller that finds nobody committing leads: it takes along what others
have queued meanwhile and commits it all with one sync; those find their work done. Alone that
costs no hand-over (1.0 to 1.2 times a bare append and sync; a writer thread 0.65 times), together
ten callers share each sync.

What this module promises, and the tests in tests/crash will hold it to: when `append` returns, the
entries survive a power cut; when it raises, nothing of them was acknowledged to anybody.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from sync.journal import schema
from sync.journal.errors import Damaged, JournalError, StorageFailed, understood
from sync.journal.origins import Origins
from sync.journal.reader import Life, Reader, Row, Span, follows
from sync.protocol import chain
from sync.protocol.entry import MAX_BODY_BYTES

CURSOR_EVERY_S: Final = 60.0
"""The cursor is saved at most this often: losing it costs a resend, saving it a page a time."""


class Draft(NamedTuple):
    """An entry to be: its body, and its origin if it is a punch's."""

    body: bytes
    origin: bytes | None = None


class Position(NamedTuple):
    """How far a source has been read: opaque, committed together with what was read."""

    source: str
    value: bytes


class _Ticket:
    """One caller's work in the queue, and what became of it."""

    def __init__(self, drafts: Sequence[Draft], position: Position | None) -> None:
        self.drafts = drafts
        self.position = position
        self.seqs: list[int | None] = []
        self.error: JournalError | None = None
        self.settled = False


class Journal:
    """One epoch's file, open for appending. Safe for several threads, and beside other processes.

    Attributes:
        life: what the epoch was born as.
        reader: for everything that only reads.
        on_commit: called by the committing thread after every commit that added entries, with the
            last seq; it must not block.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reader = Reader(path)
        self.on_commit: Callable[[int], None] = lambda _: None
        self._origins = Origins()
        self._queue: list[_Ticket] = []
        self._queueing = threading.Lock()
        self._leading = threading.Lock()
        self._tip: tuple[int, bytes] = (0, b"")
        self._cursor = 0
        self._cursor_saved_s = 0.0
        self._open = False
        self.busy_since_s: float | None = None
        """`time.monotonic` at which the commit under way began; None when there is none."""

    @staticmethod
    def make(path: Path, life: Life) -> None:
        """Make the file of a new epoch, with no WAL beside it. Raises JournalError."""
        schema.prepare(path)
        db = schema.connect(path)
        try:
            schema.migrate(db, path)
            db.execute(
                "INSERT INTO epoch (one, kiosk, epoch, number, key, anchor)"
                " VALUES (1, ?, ?, ?, ?, ?)",
                (life.kiosk, life.epoch, life.number, life.key, life.genesis),
            )
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise understood(error, path) from error
        finally:
            db.close()

    def open(self) -> None:
        """Open the file, bring it to the newest version, check its tail.

        Raises:
            Damaged: the entries since the index was last written do not follow one another.
            Foreign: no journal, or of a newer version.
            JournalError: it cannot be read or written.
        """
        self._db = schema.connect(self.path)
        try:
            schema.migrate(self._db, self.path)
            self.life: Life = self.reader.open()
            self._recover()
            self._open = True
        except sqlite3.Error as error:
            self.close()
            raise understood(error, self.path) from error
        except JournalError:
            self.close()
            raise

    def _recover(self) -> None:
        """Rebuild the origin index from the entries it has not been written for, chain checked."""
        indexed, self._cursor = self._db.execute("SELECT indexed, cursor FROM epoch").fetchone()
        span = self.reader.span()
        start = max(indexed, span.first - 1)
        head = self.reader.hash_at(start)
        if head is None:
            raise Damaged(
                f"{self.path}: it was indexed through entry {indexed} and ends at {span.last}",
                span.last + 1,
            )
        self._origins.through = start
        self._tip = (start, head)
        self._catch_up()

    def _catch_up(self) -> None:
        """Take in the entries after our tip: the tail at start, later another process's."""
        seq, head = self._tip
        for row in self._db.execute(
            "SELECT seq, body, hash, digest FROM entry WHERE seq > ? ORDER BY seq", (seq,)
        ):
            found = Row(*row)
            head = follows(self.path, seq, head, found)
            seq = found.seq
            self._origins.absorb(seq, found.body)
        self._tip = (seq, head)

    def append(self, drafts: Sequence[Draft], position: Position | None = None) -> list[int | None]:
        """Record `drafts` in order and return their seqs once they are on disk.

        A draft whose origin is recorded already is not recorded again; its seq is None. `position`
        is committed in the same transaction. With nothing new, nothing is written.

        Raises:
            StorageFull, StorageFailed, InUse: nothing of it was recorded.
        """
        for draft in drafts:
            if not 0 < len(draft.body) <= MAX_BODY_BYTES or b"\n" in draft.body:
                raise ValueError("a body is one line of 1 to 8192 bytes; see entry.encode")
        ticket = _Ticket(drafts, position)
        with self._queueing:
            self._queue.append(ticket)
        with self._leading:
            if not ticket.settled:
                self._lead()
        if ticket.error is not None:
            raise ticket.error
        return ticket.seqs

    def _lead(self) -> None:
        """Commit everything that is queued. Called with `_leading` held."""
        with self._queueing:
            tickets, self._queue = self._queue, []
        # Holds unless the commit gets through, whatever ends it: nobody may take his punch for
        # recorded because the thread that led was torn away.
        error: JournalError | None = StorageFailed(f"{self.path}: the commit was abandoned")
        last = None
        self.busy_since_s = time.monotonic()
        try:
            last = self._commit(tickets)
            error = None
        except sqlite3.Error as refusal:
            error = understood(refusal, self.path)
        except JournalError as refusal:
            error = refusal
        finally:
            self.busy_since_s = None
            for ticket in tickets:
                ticket.error = error
                ticket.settled = True
            if error is not None and self._db.in_transaction:
                self._db.execute("ROLLBACK")
        if last is not None:
            self.on_commit(last)

    def _commit(self, tickets: Sequence[_Ticket]) -> int | None:
        """Write the tickets' entries in one transaction; return the last seq if any was added."""
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        self._catch_up()
        seq, head = self._tip
        rows: list[tuple[int, bytes, bytes]] = []
        fresh: dict[bytes, int] = {}
        for ticket in tickets:
            ticket.seqs = []
            for body, origin in ticket.drafts:
                if origin is not None and (origin in fresh or self._origins.known(db, origin)):
                    ticket.seqs.append(None)
                    continue
                seq += 1
                head = chain.link(head, body)
                rows.append((seq, body, head))
                ticket.seqs.append(seq)
                if origin is not None:
                    fresh[origin] = seq
        moved = [ticket.position for ticket in tickets if ticket.position is not None]
        if not rows and not moved:
            db.execute("ROLLBACK")
            return None
        flushing = self._origins.full
        if flushing:
            self._flush()
        db.executemany("INSERT INTO entry (seq, body, hash) VALUES (?, ?, ?)", rows)
        db.executemany("INSERT OR REPLACE INTO position VALUES (?, ?)", moved)
        db.execute("COMMIT")
        if flushing:
            self._origins.forget()
        self._tip = (seq, head)
        self._origins.add(fresh, seq)
        return seq if rows else None

    def _flush(self) -> None:
        """Write the origins that stand in memory and the cursor, in the open transaction."""
        self._origins.flush(self._db)
        self._db.execute("UPDATE epoch SET cursor = ?", (self._cursor,))

    def records(self, origin: bytes) -> bool:
        """Return whether an entry records `origin` already. Only a look: `append` decides."""
        return origin in self._origins or self.reader.indexed(origin)

    def span(self) -> Span:
        """Return what the file holds now."""
        return self.reader.span()

    def hash_at(self, seq: int) -> bytes | None:
        """Return the hash of entry `seq`, or None; see `Reader.hash_at`."""
        return self.reader.hash_at(seq)

    def bodies(self, first: int, most: int, most_bytes: int) -> list[bytes]:
        """Return the bodies from entry `first` on; see `Reader.bodies`."""
        return self.reader.bodies(first, most, most_bytes)

    @property
    def cursor(self) -> int:
        """Everything up to here has central's receipt."""
        return self._cursor

    def receipted(self, through: int) -> None:
        """Move the cursor, forward or, at central's word after a hello, back."""
        self._cursor = through
        if time.monotonic() - self._cursor_saved_s >= CURSOR_EVERY_S:
            self._save_cursor()

    def _save_cursor(self) -> None:
        self._cursor_saved_s = time.monotonic()
        # On a full disk it fails, and draining goes on: a lost cursor costs a resend, no more.
        with self._leading, suppress(sqlite3.Error):
            self._db.execute("UPDATE epoch SET cursor = ?", (self._cursor,))

    def end(self) -> None:
        """Close the epoch: it is still delivered; the next start begins a new one."""
        with self._leading:
            try:
                self._db.execute("UPDATE epoch SET closed = 1")
            except sqlite3.Error as error:
                raise understood(error, self.path) from error

    def close(self) -> None:
        """Save what is only in memory and close the file; may be called twice."""
        # The reader first: the last connection to close tidies the WAL away, and it may write.
        self.reader.close()
        with self._leading:
            if self._open:
                self._open = False
                # On a full or dying disk this fails; the next start rebuilds it from the entries.
                with suppress(sqlite3.Error):
                    self._db.execute("BEGIN IMMEDIATE")
                    self._flush()
                    self._db.execute("COMMIT")
            self._db.close()
