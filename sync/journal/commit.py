"""Commits: one sync for all who wait, led by whoever comes first. The writing side of one file.

There is no writer thread. The caller that finds nobody committing leads: it takes along what others
have queued meanwhile and commits it all with one sync (group.py). Alone that costs no hand-over
(1.0 to 1.2 times a bare append and sync; a writer thread 0.65 times), together ten callers share
each sync.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from sync.journal.errors import (
    READ_ERRORS,
    JournalError,
    StorageFailed,
    StorageFull,
    understood,
)
from sync.journal.group import Group, Member
from sync.journal.mirror import Mirror
from sync.journal.origins import Origins
from sync.journal.reader import Row, follows
from sync.protocol import chain
from sync.protocol.entry import MAX_BODY_BYTES


class Draft(NamedTuple):
    """An entry to be: its body, and its origin if it is a punch's."""

    body: bytes
    origin: bytes | None = None


class Position(NamedTuple):
    """How far a source has been read: opaque, committed together with what was read."""

    source: str
    value: bytes


class _Ticket(Member):
    """One caller's work in the queue, and what became of it."""

    def __init__(self, drafts: Sequence[Draft], position: Position | None) -> None:
        super().__init__()
        self.drafts = drafts
        self.position = position
        self.seqs: list[int | None] = []
        self.error: JournalError | None = None


class Commits:
    """Who may write one journal file, and how. Safe for threads, and beside other processes.

    `rescues` are asked in turn, on a full disk, whether they can free something; they are then
    alone with the file.

    Attributes:
        origins: which punches the file records.
        tip: seq and hash of the last entry that this process knows of.
        cursor: central has everything up to here; it is written along with the origins, and with
            the next append if `cursor_rides`. `cursor_saved_s`: when it last was.
        mirror: the second medium, if there is one.
        on_commit: called by the committing thread after every commit that added entries, with the
            last seq; it must not block.
        on_refusal: called by the committing thread when a commit was refused, with the reason.
        busy_since_s: `time.monotonic` at which the commit under way began; None without one.
    """

    def __init__(self, path: Path, rescues: Sequence[Callable[[], bool]]) -> None:
        self.origins = Origins()
        self.tip: tuple[int, bytes] = (0, b"")
        self.cursor = 0
        self.cursor_rides = False
        self.cursor_saved_s = 0.0
        self.mirror: Mirror | None = None
        self.on_commit: Callable[[int], None] = lambda _: None
        self.on_refusal: Callable[[JournalError], None] = lambda _: None
        self.busy_since_s: float | None = None
        self._path = path
        self._rescues = rescues
        self._data_version = 0
        self._is_torn = False  # whether a refused commit may stand in the log whole
        self._group = Group(self._commit_all)
        self._leading = threading.Lock()

    def begin(self, db: sqlite3.Connection, tip: tuple[int, bytes], cursor: int) -> None:
        """Go on with an open file whose index is written up to `tip`. Raises Damaged."""
        self._db = db
        self.origins.through = tip[0]
        self.tip, self.cursor = tip, cursor
        self._data_version = _data_version(db)
        self.catch_up()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Have the file for oneself: no commit of this process comes between."""
        with self._leading:
            yield

    def catch_up(self) -> None:
        """Take in the entries after our tip: the tail at start, later another process's."""
        seq, head = self.tip
        first, anchor = self._db.execute("SELECT first, anchor FROM epoch").fetchone()
        if first > seq + 1:  # the other one has let go of some already
            seq, head = first - 1, anchor
            self.origins.through = seq
        for row in self._db.execute(
            "SELECT seq, body, hash, digest FROM entry WHERE seq > ? ORDER BY seq", (seq,)
        ):
            found = Row(*row)
            head = follows(self._path, seq, head, found)
            seq = found.seq
            self.origins.absorb(seq, found.body)
        self.tip = (seq, head)

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
        self._group.join(ticket)
        if ticket.error is not None:
            raise ticket.error
        return ticket.seqs

    def _commit_all(self, tickets: Sequence[_Ticket]) -> None:
        """Commit all of them, or none, and settle them."""
        # Holds unless the commit gets through, whatever ends it: nobody may take his punch for
        # recorded because the thread that led was torn away.
        error: JournalError | None = StorageFailed(f"{self._path}: the commit was abandoned")
        last = None
        self.busy_since_s = time.monotonic()
        try:
            with self._leading:
                last = self._commit_somehow(tickets)
            error = None
        except JournalError as refusal:
            error = refusal
        finally:
            self.busy_since_s = None
            for ticket in tickets:
                ticket.error = error
                ticket.settled = True
        if last is not None:
            self.on_commit(last)
        if error is not None:
            self.on_refusal(error)

    def _commit_somehow(self, tickets: Sequence[_Ticket]) -> int | None:
        """Commit, on a full disk with what can be freed. Raises JournalError if nothing helps."""
        rescues = iter(self._rescues)
        while True:
            try:
                return self._commit(tickets)
            except StorageFull:
                # `any` ends at the first that frees something; the next refusal tries the next.
                if not any(rescue() for rescue in rescues):
                    raise

    def _commit(self, tickets: Sequence[_Ticket]) -> int | None:
        """Write and commit the tickets' entries; return the last seq if any was added.

        Raises JournalError; nothing of it is written then. No context managers: this is the way of
        every punch, and each costs a tenth of what is not the disk's.
        """
        db = self._db
        try:
            if self._is_torn:
                self._mend_log()
            db.execute("BEGIN IMMEDIATE")
            if (version := _data_version(db)) != self._data_version:
                # Another process has written; a look into the entries costs more than this.
                self.catch_up()
                self._data_version = version
            return self._write(db, tickets)
        except READ_ERRORS as refusal:
            raise self._refused(refusal) from refusal
        finally:
            if db.in_transaction:
                self._roll_back()

    def _refused(self, refusal: sqlite3.Error | UnicodeDecodeError) -> JournalError:
        """Return what a refusal means; where the medium failed, the log is to be mended."""
        error = understood(refusal, self._path)
        self._is_torn = self._is_torn or isinstance(error, StorageFailed)
        return error

    def _write(self, db: sqlite3.Connection, tickets: Sequence[_Ticket]) -> int | None:
        """Write what is new in `tickets` in the open transaction and end it."""
        seq, head = self.tip
        rows: list[tuple[int, bytes, bytes]] = []
        fresh: dict[bytes, int] = {}
        for ticket in tickets:
            ticket.seqs = []
            for body, origin in ticket.drafts:
                if origin is not None and (origin in fresh or self.origins.known(db, origin)):
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
        flushing = self.origins.flush_some(db, len(rows))
        if flushing or self.cursor_rides:
            self.write_cursor()
        db.executemany("INSERT INTO entry (seq, body, hash) VALUES (?, ?, ?)", rows)
        if moved:
            db.executemany("INSERT OR REPLACE INTO position VALUES (?, ?)", moved)
        db.execute("COMMIT")
        if self.mirror is not None and rows:
            self.mirror.write(rows)
        self.origins.flushed(flushing)
        self.tip = (seq, head)
        self.origins.add(fresh, seq)
        return seq if rows else None

    def _mend_log(self) -> None:
        """Have the log begin anew: a refused commit may stand in it whole, behind those that hold.

        Several such would look like damage (wal.py). Where that is refused too, nothing is
        recorded: the medium fails. Raises sqlite3.Error, StorageFailed.
        """
        busy, logged, moved = self._db.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        if busy or logged != moved:
            raise StorageFailed(f"{self._path}: a refused commit cannot be cleared from the log")
        self._is_torn = False

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):  # the refusal is what matters
            self._db.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Have the file for oneself for one transaction. Raises JournalError."""
        with self._leading, self.transaction() as db:
            yield db

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction, committed at its end unless it was ended inside; for who is `alone`.

        Raises JournalError; it is rolled back then.
        """
        db = self._db
        try:
            if self._is_torn:
                self._mend_log()
            db.execute("BEGIN IMMEDIATE")
            yield db
            if db.in_transaction:
                db.execute("COMMIT")
        except READ_ERRORS as refusal:
            raise self._refused(refusal) from refusal
        finally:
            if db.in_transaction:
                self._roll_back()

    def flush(self) -> None:
        """Write the origins that stand in memory and the cursor, in the open transaction."""
        self.origins.flush(self._db)
        self.write_cursor()

    def write_cursor(self) -> None:
        """Write the cursor, in the open transaction."""
        self._db.execute("UPDATE epoch SET cursor = ?", (self.cursor,))
        self.cursor_rides, self.cursor_saved_s = False, time.monotonic()

    def index_all(self) -> None:
        """Write the origins of every entry, in the open transaction: bodies are about to go.

        `origins.forget` once it is committed.
        """
        self.catch_up()
        self.flush()


def _data_version(db: sqlite3.Connection) -> int:
    """Return a number that changes when another connection has written."""
    (version,) = db.execute("PRAGMA data_version").fetchone()
    return int(version)
