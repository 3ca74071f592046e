"""The journal: an append returns when its entries are on disk, chained, each punch once.

There is no writer thread. The caller that finds nobody committing leads: it takes along what others
have queued meanwhile and commits it all with one sync; those find their work done. Alone that
costs no hand-over (1.0 to 1.2 times a bare append and sync; a writer thread 0.65 times), together
ten callers share each sync.

What this module promises, and the tests in tests/crash hold it to: when `append` returns, the
entries survive a power cut; when it raises, nothing of them was acknowledged to anybody.

On a full disk a commit first lets go of what central has, then of the ballast (room.py), and only
then refuses. Retention is in retention.py, reading in reader.py, salvage in salvage.py.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from sync.journal import retention, schema
from sync.journal.errors import (
    READ_ERRORS,
    Damaged,
    JournalError,
    StorageFailed,
    StorageFull,
    understood,
)
from sync.journal.mirror import Mirror
from sync.journal.origins import Origins
from sync.journal.reader import Life, Reader, Row, Span, Stretch, follows
from sync.journal.room import Ballast
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
        on_refusal: called by the committing thread when a commit was refused, with the reason.
        busy_since_s: `time.monotonic` at which the commit under way began; None without one.
    """

    def __init__(self, path: Path, ballast: Ballast | None = None) -> None:
        self.path = path
        self.reader = Reader(path)
        self.on_commit: Callable[[int], None] = lambda _: None
        self.on_refusal: Callable[[JournalError], None] = lambda _: None
        self.busy_since_s: float | None = None
        self._ballast = ballast
        self._mirror: Mirror | None = None
        self._mirrored_after = 0
        self._origins = Origins()
        self._queue: list[_Ticket] = []
        self._queueing = threading.Lock()
        self._leading = threading.Lock()
        self._tip: tuple[int, bytes] = (0, b"")
        self._cursor = 0
        self._cursor_saved_s = 0.0
        self._set_back = False  # whether a cursor that was moved back is not on disk yet
        self._told = 0  # central's clock when retention last counted time
        self._open = False

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
        except READ_ERRORS as error:
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
        except READ_ERRORS as error:
            self.close()
            raise understood(error, self.path) from error
        except JournalError:
            self.close()
            raise

    def _recover(self) -> None:
        """Rebuild the origin index from the entries it has not been written for, chain checked."""
        match self._db.execute("SELECT indexed, cursor, told FROM epoch").fetchone():
            case (int(indexed), int(cursor), int(told)):
                self._told = told
            case _:
                raise Damaged(self.path, "it does not say how far it was indexed")
        span = self.reader.span()
        self._cursor = max(cursor, span.first - 1)  # what is let go of had its receipt
        start = max(indexed, span.first - 1)
        head = self.reader.hash_at(start)
        if head is None:
            raise Damaged(
                self.path,
                f"it was indexed through entry {indexed} and ends at {span.last}",
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
        rescues = iter((self._let_go, self._spend_ballast))
        while True:
            try:
                with self._transaction():
                    return self._commit(tickets)
            except StorageFull:
                # `any` ends at the first that frees something; the next refusal tries the next.
                if not any(rescue() for rescue in rescues):
                    raise

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """One transaction, committed at its end unless it was ended inside. With `_leading` held.

        Raises JournalError; it is rolled back then.
        """
        db = self._db
        try:
            db.execute("BEGIN IMMEDIATE")
            yield
            if db.in_transaction:
                db.execute("COMMIT")
        except READ_ERRORS as refusal:
            raise understood(refusal, self.path) from refusal
        finally:
            if db.in_transaction:
                with suppress(sqlite3.Error):  # the refusal is what matters
                    db.execute("ROLLBACK")

    def _commit(self, tickets: Sequence[_Ticket]) -> int | None:
        """Write and commit the tickets' entries; return the last seq if any was added."""
        db = self._db
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
        if self._mirror is not None and rows:
            self._mirror.write(rows)
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

    def know(self, origins: Iterable[bytes]) -> None:
        """Take `origins` for recorded: an older epoch that is held has their entries.

        Raises JournalError.
        """
        remaining = iter(origins)
        while page := [(key,) for key in islice(remaining, retention.PAGE)]:
            with self._leading, self._transaction():
                self._db.executemany("INSERT OR IGNORE INTO origin (key, seq) VALUES (?, 0)", page)

    def unknow(self) -> None:
        """Take back what `know` was told, not what was recorded here. Raises JournalError."""
        with self._leading, self._transaction():
            self._db.execute("DELETE FROM origin WHERE seq = 0")

    def relearn(self) -> None:
        """Forget the punches whose entries are gone: central has lost them.

        A terminal that still shows them is read again, and they are recorded again. Never raises:
        where it fails, central counts what it gets all the same.
        """
        with suppress(JournalError), self._leading, self._transaction():
            self._db.execute("DELETE FROM origin WHERE terminal IS NOT NULL")

    def origins(self) -> Iterator[bytes]:
        """Yield the origin of everything that was ever recorded here, as far as it is known."""
        yield from self._origins
        yield from self.reader.origins()

    def span(self, past: int | None = None) -> Span:
        """Return what the file holds now; see `Reader.span`."""
        return self.reader.span(past)

    def hash_at(self, seq: int) -> bytes | None:
        """Return the hash of entry `seq`, or None; see `Reader.hash_at`."""
        return self.reader.hash_at(seq)

    def stretch(self, first: int, most: int, most_bytes: int) -> Stretch | None:
        """Return the entries from `first` on, chain checked; see `Reader.stretch`."""
        return self.reader.stretch(first, most, most_bytes)

    @property
    def tip(self) -> int:
        """The last entry that this process knows of."""
        return self._tip[0]

    @property
    def cursor(self) -> int:
        """Everything up to here has central's receipt."""
        return self._cursor

    def receipted(self, through: int, utc: int) -> None:
        """Move the cursor, forward or, at central's word after a hello, back.

        `utc` is central's clock in the signed receipt, milliseconds since 1970-01-01 UTC.
        """
        if through < self._cursor:
            self._set_back = True  # until that is on disk: a start must not believe the old place
        self._cursor = through
        news = retention.is_news(self._told, utc)
        if self._set_back or news or time.monotonic() - self._cursor_saved_s >= CURSOR_EVERY_S:
            # On a full disk it fails, and draining goes on: a lost cursor costs a resend, no more,
            # and time that was not counted is counted by a later receipt.
            with suppress(JournalError), self._leading, self._transaction():
                self._save_cursor()
                if self._set_back:
                    retention.take_back(self._db, through)
                if news:
                    retention.count(self._db, through, utc)
                    self._told = utc
                self._db.execute("COMMIT")
                self._set_back = False

    def mirror(self, mirror: Mirror) -> None:
        """Write to `mirror` from now on, begun anew with what central lacks; never raises.

        Appenders wait only for what came while the rest was copied.
        """
        after, span = self._cursor, self.span()
        anchor = self.hash_at(after)
        if anchor is None:
            return  # let go of meanwhile; there is a next time
        mirror.prepare(self.life, anchor, self._lines(after, span.last))
        with self._leading:
            mirror.begin(self.life, self._lines(span.last, self._tip[0]))
            self._mirror, self._mirrored_after = mirror, after

    @property
    def mirror_lags(self) -> bool:
        """Whether central lacks entries that are not on the mirror: it was set back."""
        return self._mirror is not None and self._cursor < self._mirrored_after

    def _lines(self, after: int, last: int) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield (seq, body, hash) of the entries behind `after`, up to `last`."""
        for row in self.reader.rows(after + 1):
            if row.seq > last or row.body is None:
                return
            yield row.seq, row.body, row.hash

    def probe(self) -> None:
        """Find out whether the medium still takes a commit. A full one does not count as failed.

        Raises JournalError.
        """
        with suppress(StorageFull), self._leading, self._transaction():
            self._save_cursor()

    def _save_cursor(self) -> None:
        """Write the cursor, in the open transaction."""
        self._cursor_saved_s = time.monotonic()
        self._db.execute("UPDATE epoch SET cursor = ?", (self._cursor,))

    # Letting go.

    def retain(self, days: int) -> int:
        """Let go of what central has had for `days` days (retention.py); return how many entries.

        Raises JournalError.
        """
        with self._leading, self._transaction():
            through = retention.due(self._db, days)
        return self.prune(through)

    def prune(self, through: int) -> int:
        """Let go of the entries up to `through`, as far as central has them; return how many.

        Raises JournalError; what went before it is gone.
        """
        removed = 0
        while True:
            with self._leading:  # released in between: an append waits for one page at most
                page = self._prune_page(through)
            removed += page
            if page < retention.PAGE:
                return removed

    def _prune_page(self, through: int) -> int:
        """Let go of one page of entries. With `_leading` held."""
        with self._transaction():
            self._index_all()
            page = retention.prune_page(self._db, min(through, self._cursor))
        self._origins.forget()
        return page

    def _index_all(self) -> None:
        """Write the origins of every entry, in the open transaction: bodies are about to go."""
        self._catch_up()
        self._flush()

    def _let_go(self) -> bool:
        """Free what central has; return whether there was any. With `_leading` held."""
        freed = False
        with suppress(JournalError):  # on a full disk SQLite may have no room even for that
            while self._prune_page(self._cursor):
                freed = True
        return freed

    def _spend_ballast(self) -> bool:
        """Free the ballast, and with its room what central has; return whether there was one."""
        if self._ballast is None or not self._ballast.drop():
            return False
        # The log is emptied into the file while there is room for the file to grow: from then on
        # entries take the pages that are free inside both, and need no more of the disk.
        with suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._let_go()
        with suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        return True

    def destroy(self, seq: int) -> None:
        """Destroy the body of entry `seq`, which central has: its digest keeps the chain whole.

        Raises:
            ValueError: it has no receipt yet, or there is no such body.
            JournalError: the medium refuses.
        """
        row = next(self.reader.rows(seq, 1), None)
        if row is None or row.seq != seq or row.body is None:
            raise ValueError(f"entry {seq}: there is no body to destroy")
        if seq > self._cursor:
            raise ValueError(f"entry {seq} is not with central yet: destroying it would lose it")
        with self._leading:
            with self._transaction():
                self._index_all()
                retention.destroy(self._db, seq, chain.digest(row.body))
            self._origins.forget()
            with suppress(sqlite3.Error):
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the WAL has a copy
        if self._mirror is not None:
            self.mirror(self._mirror)  # and so may the second medium

    def forget_origins(self, terminal: str, shown: frozenset[bytes]) -> int:
        """Drop the origins of pruned entries that a complete read of `terminal` no longer showed.

        Returns how many. Raises JournalError.
        """
        with self._leading, self._transaction():
            return retention.forget_origins(self._db, terminal, shown)

    def end(self, how: schema.Closed = schema.Closed.ENDED) -> None:
        """Close the epoch: it is still delivered; the next start begins a new one.

        Raises JournalError.
        """
        with self._leading, self._transaction():
            self._db.execute("UPDATE epoch SET closed = ?", (how,))

    def close(self) -> None:
        """Save what is only in memory and close the file; may be called twice."""
        # The reader first: the last connection to close tidies the WAL away, and it may write.
        self.reader.close()
        with self._leading:
            if self._open:
                self._open = False
                # On a full or dying disk this fails; the next start rebuilds it from the entries.
                with suppress(JournalError), self._transaction():
                    self._flush()
            self._db.close()
