"""The journal: an append returns when its entries are on disk, chained, each punch once.

What this module promises, and the tests in tests/crash hold it to: when `append` returns, the
entries survive a power cut; when it raises, nothing of them was acknowledged to anybody.

    commit.py      one sync for all who wait          reader.py      everything that only reads
    origins.py     which punches are recorded         retention.py   letting go, on central's time
    room.py        the ballast of a full disk         mirror.py      a second medium

On a full disk the log is emptied first, then what central has is let go of, then the ballast; only
then is a commit refused.
"""

import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

from sync.journal import retention, schema
from sync.journal.commit import Commits, Draft, Position
from sync.journal.errors import READ_ERRORS, Damaged, JournalError, StorageFull, understood
from sync.journal.mirror import Mirror
from sync.journal.reader import Life, Reader, Span, Stretch
from sync.journal.room import Ballast
from sync.protocol import chain

__all__ = ["Draft", "Journal", "Position"]

CURSOR_EVERY_S: Final = 60.0
"""The cursor is saved at most this often, with the next append, or after twice the time by itself:
losing it costs a resend, saving it a page, and by itself a sync too."""

_PROBE: Final = ".probe"
_RELEARNED: Final = ".relearned"
"""Positions under names that no source may have."""


class Journal:
    """One epoch's file, open for appending. Safe for several threads, and beside other processes.

    Attributes:
        life: what the epoch was born as.
        reader: for everything that only reads.
    """

    def __init__(self, path: Path, ballast: Ballast | None = None) -> None:
        self.path = path
        self.reader = Reader(path)
        self._ballast = ballast
        self._commits = Commits(path, (self._empty_log, self._let_go, self._spend_ballast))
        self._mirrored_after = 0
        self._heard = False  # whether central has spoken of this epoch since we opened it
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
            schema.check_tables(self._db, self.path)
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
        start = max(indexed, span.first - 1)
        head = self.reader.hash_at(start)
        if head is None:
            what = f"it was indexed through entry {indexed} and ends at {span.last}"
            raise Damaged(self.path, what, span.last + 1)
        if cursor > span.last:
            raise Damaged(self.path, f"central is said to have {cursor} of {span.last} entries")
        # What is let go of had its receipt, whatever was saved.
        self._commits.begin(self._db, (start, head), max(cursor, span.first - 1))

    # Recording.

    def append(self, drafts: Sequence[Draft], position: Position | None = None) -> list[int | None]:
        """Record `drafts` in order and return their seqs once they are on disk.

        A draft whose origin is recorded already is not recorded again; its seq is None. `position`
        is committed in the same transaction. With nothing new, nothing is written.

        Raises:
            StorageFull, StorageFailed, InUse: nothing of it was recorded.
        """
        return self._commits.append(drafts, position)

    def watch(
        self, on_commit: Callable[[int], None], on_refusal: Callable[[JournalError], None]
    ) -> None:
        """Have the committing thread tell of every commit that added entries, and of every refusal.

        `on_commit` is told the last seq. Neither may block.
        """
        self._commits.on_commit, self._commits.on_refusal = on_commit, on_refusal

    @property
    def busy_since_s(self) -> float | None:
        """`time.monotonic` at which the commit under way began; None without one."""
        return self._commits.busy_since_s

    def records(self, origin: bytes) -> bool:
        """Return whether an entry records `origin` already. Only a look: `append` decides."""
        return origin in self._commits.origins or self.reader.indexed(origin)

    def know(self, origins: Iterable[bytes]) -> None:
        """Take `origins` for recorded: an older epoch that is held has their entries.

        Raises JournalError.
        """
        remaining = iter(origins)
        while page := [(key,) for key in islice(remaining, retention.PAGE)]:
            with self._commits.writing() as db:
                db.executemany("INSERT OR IGNORE INTO origin (key, seq) VALUES (?, 0)", page)

    def unknow(self) -> None:
        """Take back what `know` was told, not what was recorded here. Raises JournalError."""
        with self._commits.writing() as db:
            db.execute("DELETE FROM origin WHERE seq = 0")

    def has_relearned(self, epoch: str, lost: str) -> bool:
        """Return whether `relearn` was done for this. Raises JournalError."""
        return self.reader.position(f"{_RELEARNED} {epoch}") == lost.encode()

    def relearn(self, epoch: str, lost: str) -> bool:
        """Forget the punches that are not among our entries: central has lost some of them.

        A terminal that still shows them is to be read again, and they are recorded again. `lost`
        names what was lost of `epoch`. Returns whether any were forgotten.

        Raises JournalError: then it is not done.
        """
        if self.has_relearned(epoch, lost):
            return False
        with self._commits.writing() as db:
            forgotten = db.execute("DELETE FROM origin WHERE terminal IS NOT NULL OR seq = 0")
            told = f"{_RELEARNED} {epoch}", lost.encode()
            db.execute("INSERT OR REPLACE INTO position VALUES (?, ?)", told)
        return forgotten.rowcount > 0

    @property
    def ended(self) -> bool:
        """Whether another epoch is to record anew all that this one holds, and has not yet."""
        return self.reader.closed() is schema.Closed.ENDED

    @property
    def replaced(self) -> bool:
        """Whether another epoch has recorded anew all that this one holds."""
        return self.reader.closed() is schema.Closed.REPLACED

    def settle(self) -> None:
        """Take this epoch, of which central holds another history, for done: its heir has it all.

        Raises JournalError.
        """
        last = self.span().last
        with self._commits.writing() as db:
            db.execute("UPDATE epoch SET cursor = ?, closed = ?", (last, schema.Closed.REPLACED))
        self._commits.cursor = last

    def origins(self, *, let_go: bool = True) -> Iterator[bytes]:
        """Yield the origin of everything that was ever recorded here, as far as it is known.

        Without `let_go` not of what retention has let go of and a terminal may show again.
        """
        yield from self._commits.origins
        yield from self.reader.origins(let_go=let_go)

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
        return self._commits.tip[0]

    @property
    def cursor(self) -> int:
        """Everything up to here has central's receipt."""
        return self._commits.cursor

    def receipted(self, through: int, utc: int) -> None:
        """Move the cursor, forward or, at central's word after a hello, back.

        `utc` is central's clock in the signed receipt, milliseconds since 1970-01-01 UTC.
        """
        self._heard = True
        if through < self.cursor:
            self._set_back = True  # until that is on disk: a start must not believe the old place
        self._commits.cursor = through
        news = retention.is_news(self._told, utc)
        commits = self._commits
        unsaved_s = time.monotonic() - commits.cursor_saved_s
        if not (self._set_back or news or unsaved_s >= 2 * CURSOR_EVERY_S):
            commits.cursor_rides = unsaved_s >= CURSOR_EVERY_S
        else:
            # On a full disk it fails, and draining goes on: a lost cursor costs a resend, no more,
            # and time that was not counted is counted by a later receipt.
            with suppress(JournalError):
                self._save_cursor(utc if news else 0)

    def _save_cursor(self, utc: int = 0) -> None:
        """Write the cursor, and count the time up to `utc` if it is not 0. Raises JournalError."""
        self._commits.cursor_saved_s = time.monotonic()
        cursor = self.cursor
        with self._commits.writing() as db:
            db.execute("UPDATE epoch SET cursor = ?", (cursor,))
            if self._set_back:
                retention.take_back(db, cursor)
            if utc:
                retention.count(db, cursor, utc)
        self._set_back = False
        self._told = utc or self._told

    def mirror(self, mirror: Mirror, *, follow: bool = True) -> None:
        """Begin this epoch's part of `mirror` anew with what central lacks.

        With `follow` every commit is written there from now on. Appenders wait only for what came
        while the rest was copied. Raises JournalError; what the mirror refuses it says itself.
        """
        span, cursor = self.span(), self.cursor
        after = self.reader.destroyed_after(cursor)
        anchor = self.hash_at(after)
        if anchor is None:
            return  # let go of meanwhile; there is a next time
        if not mirror.prepare(self.life, anchor, self._lines(after, span.last)):
            return
        with self._commits.alone():
            mirror.begin(self.life, self._lines(span.last, self.tip))
            if follow:
                self._commits.mirror, self._mirrored_after = mirror, cursor

    @property
    def mirror_lags(self) -> bool:
        """Whether central lacks entries that are not on the mirror: it was set back."""
        return self._commits.mirror is not None and self.cursor < self._mirrored_after

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
        value = secrets.token_bytes(8)  # SQLite does not write what is there already
        with suppress(StorageFull), self._commits.writing() as db:
            db.execute("INSERT OR REPLACE INTO position VALUES (?, ?)", (_PROBE, value))

    # Letting go.

    def retain(self, days: int) -> int:
        """Let go of what central has had for `days` days (retention.py); return how many entries.

        Raises JournalError.
        """
        with self._commits.writing() as db:
            through = retention.due(db, days)
        return self.prune(through)

    def prune(self, through: int) -> int:
        """Let go of the entries up to `through`, as far as central has them; return how many.

        Raises JournalError; what went before it is gone.
        """
        removed = 0
        while True:
            with self._commits.alone():  # and not in between: an append waits for one page at most
                page = self._prune_page(through)
            removed += page
            if page < retention.PAGE:
                return removed

    def _prune_page(self, through: int) -> int:
        """Let go of one page of entries. Alone with the file. Raises JournalError."""
        commits = self._commits
        with commits.transaction() as db:
            commits.index_all()
            page = retention.prune_page(db, min(through, self._surely_receipted(db)))
        commits.origins.forget()
        return page

    def _surely_receipted(self, db: sqlite3.Connection) -> int:
        """Return up to where central has everything, by two records unless it has just said so.

        A saved number may rot, and what is let go of is gone.
        """
        if self._heard:
            return self.cursor
        return min(self.cursor, retention.marked(db))

    def _empty_log(self) -> bool:
        """Have the log begin anew in the room that it has; return whether it did.

        Alone with the file. What the log has goes into the file, where pages may be free for it.
        """
        with suppress(sqlite3.Error):
            busy, logged, moved = self._db.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
            return not busy and 0 < logged == moved
        return False

    def _let_go(self) -> bool:
        """Free what central has; return whether there was any. Alone with the file."""
        freed = False
        with suppress(JournalError):  # on a full disk SQLite may have no room even for that
            while self._prune_page(self.cursor):
                freed = True
        return freed

    def _spend_ballast(self) -> bool:
        """Free the ballast, and with its room what central has; return whether there was one.

        Alone with the file.
        """
        if self._ballast is None or not self._ballast.drop():
            return False
        # While there is room for the file to grow: from then on entries take the pages that are
        # free in it, and the log the room that it has.
        self._empty_log()
        self._let_go()
        self._empty_log()
        with suppress(sqlite3.Error):  # until the next start
            self._db.execute(f"PRAGMA wal_autocheckpoint = {schema.TIGHT_PAGES}")
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
        if seq > self.cursor:
            raise ValueError(f"entry {seq} is not with central yet: destroying it would lose it")
        commits = self._commits
        with commits.alone():
            with commits.transaction() as db:
                commits.index_all()
                retention.destroy(db, seq, chain.digest(row.body))
            commits.origins.forget()
            with suppress(sqlite3.Error):
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the log has a copy
        if commits.mirror is not None:
            self.mirror(commits.mirror)  # and so may the second medium

    def forget_origins(self, terminal: str, shown: frozenset[bytes]) -> int:
        """Drop the origins of pruned entries that a complete read of `terminal` no longer showed.

        Returns how many. Raises JournalError.
        """
        dropped, after = 0, b""
        while True:
            with self._commits.writing() as db:  # a page each: an append comes between
                after, page = retention.forget_origins(db, terminal, shown, after)
            dropped += page
            if not after:
                return dropped

    def end(self, how: schema.Closed = schema.Closed.ENDED) -> None:
        """Close the epoch: it is still delivered; the next start begins a new one.

        Raises JournalError.
        """
        with self._commits.writing() as db:
            db.execute("UPDATE epoch SET closed = ?", (how,))

    def close(self) -> None:
        """Save what is only in memory and close the file; may be called twice."""
        # The reader first: the last connection to close tidies the WAL away, and it may write.
        self.reader.close()
        if self._open:
            self._open = False
            # On a full or dying disk this fails; the next start rebuilds it from the entries.
            with suppress(JournalError), self._commits.writing():
                self._commits.flush()
        with self._commits.alone():
            self._db.close()
