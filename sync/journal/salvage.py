"""Salvage: what can still be read of a damaged journal file, and what of that is proved.

An entry is proved by its place in the chain: its hash follows from the hash before it and its own
body. So damage in one body costs that body, and the chain goes on behind it:

    1 .. 499   a run: proved from the anchor
    500        a body that its hash contradicts: unproved
    501 .. 900 a run: proved from the hash of entry 500

One run can go on as the epoch that central knows, the one in which the cursor stands: to central
that looks like an epoch whose beginning was pruned. Everything else that central may lack is
recorded anew in the next epoch, byte for byte; central counts each punch once. What is not proved
is kept too, as the bytes of a `gap` entry: a person may look, no machine takes them for true.

The damaged file itself is only read, through a second name, so that it stays as it was found.
"""

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain as joined
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, structs

from sync.journal import schema, wal
from sync.journal.errors import Damaged, refused, understood
from sync.journal.names import beside
from sync.journal.reader import Life, Row
from sync.protocol import chain

_WINDOW: Final = 64
"""Entries that are read at once; where a window cannot be read, each of its entries is tried."""

_ENTRY_LEAST_BYTES: Final = 100
"""No entry takes less: hash, stamp and kind. It bounds the search where the end cannot be read."""


class Run(Struct, frozen=True):
    """Entries `first` to `last`, proved one from another; `anchor` is the hash before them."""

    first: int
    anchor: bytes
    last: int


class Found(Struct, frozen=True):
    """What a damaged file still says.

    Attributes:
        life: what the epoch was born as.
        cursor: the last receipt's place that was saved; 0 where it is not to be believed.
        receipted: central has everything up to here, by two records that were written apart.
        runs: what is proved, in order.
        mended: whether its log was read with checksums mended.
        contradicted: whether central has contradicted it: then the run is to be taken over too.
        unproved: entries that can be read and that nothing proves.
        broken: the first place that does not hold; behind the last entry if none could be found.
    """

    life: Life
    cursor: int
    receipted: int
    contradicted: bool
    mended: bool
    runs: Sequence[Run]
    unproved: Sequence[int]
    broken: int

    @property
    def proved(self) -> int:
        """Return how many entries are proved."""
        return sum(run.last - run.first + 1 for run in self.runs)

    @property
    def kept(self) -> Run | None:
        """Return the run that goes on as the epoch: where the cursor stands, or the next one."""
        return next((run for run in self.runs if run.last >= self.cursor), None)


class Rescued(Struct, frozen=True):
    """An entry that central may lack. `proved` says whether the chain vouches for its body."""

    seq: int
    body: bytes
    proved: bool


class Wreck:
    """A damaged file at `path`, for reading only. Entering the context opens it.

    `view` is where its second name is made meanwhile; `born` is believed where the file does not
    say what it was born as; with `mends` also what stands behind a broken place of its log is read.
    """

    def __init__(self, path: Path, view: Path, born: Life, mends: bool = False) -> None:
        self._mends = mends
        self._path = path
        self._view = view
        self._born = born
        self._db: sqlite3.Connection | None = None

    def __enter__(self) -> "Wreck":
        """Open it. Raises JournalError."""
        self._open(self._mends)
        return self

    def _open(self, mends: bool) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
        try:
            self._sweep()
            try:
                os.link(self._path, self._view)
            except OSError:  # a file system without second names
                shutil.copyfile(self._path, self._view)
            self._put_log(beside(self._path, "-wal"), mends)
        except OSError as error:
            raise refused(error, self._path) from error
        self._mends = mends
        with suppress(Damaged):  # not even a database: then nothing is found in it
            self._db = schema.connect(self._view, read_only=True)
            # Or SQLite refuses all of a file that is shorter than its first page says.
            self._try("PRAGMA writable_schema = ON")

    def _put_log(self, log: Path, mends: bool) -> None:
        """Put the log beside the view, as it is or with checksums that fit. Raises OSError."""
        try:
            found = wal.read(log, schema.PAGE_BYTES)
            content = log.read_bytes() if found is not None else b""
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return  # it cannot be read: go on with what is in the file
        if found is not None:
            beside(self._view, "-wal").write_bytes(found.mended() if mends else content)

    def __exit__(self, *_: object) -> None:
        if self._db is not None:
            self._db.close()
        self._sweep()

    def _sweep(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            beside(self._view, suffix).unlink(missing_ok=True)

    def find_most(self) -> Found:
        """Walk all of it, as SQLite reads it and with the log mended; keep to what proves more.

        Raises JournalError.
        """
        plain = self.find()
        self._open(mends=True)
        mended = self.find()
        if mended.proved > plain.proved:
            return mended
        self._open(mends=False)
        return plain

    def find(self) -> Found:
        """Walk all of it as it is open now."""
        life, first, anchor, cursor, receipted = self._epoch()
        runs: list[Run] = []
        unproved: list[int] = []
        broken = 0
        seq, head = first - 1, anchor
        for row, after in pairwise(joined(self._rows(), (None,))):
            assert row is not None  # noqa: S101 - only the last of all is
            known = head if row.seq == seq + 1 else None
            proved = None if known is None else _proved(known, row, after)
            if known is not None and proved is not None:
                if runs and runs[-1].last == seq:
                    runs[-1] = structs.replace(runs[-1], last=row.seq)
                else:
                    runs.append(Run(row.seq, known, row.seq))
                broken = broken or (row.seq if proved != row.hash else 0)
            else:
                unproved.append(row.seq)
                broken = broken or min(row.seq, seq + 1)
            seq, head = row.seq, proved or row.hash
        if cursor > seq:
            cursor = 0  # the end is missing, or the number is rotten: central will know better
        contradicted = self._try("SELECT closed FROM epoch") == [(schema.Closed.ENDED,)]
        return Found(
            life=life,
            cursor=cursor,
            receipted=min(receipted, cursor),
            contradicted=contradicted,
            mended=self._mends,
            runs=runs,
            unproved=unproved,
            broken=broken or seq + 1,
        )

    def bodies(self, run: Run) -> Iterator[tuple[int, bytes | None, bytes, bytes | None]]:
        """Yield a proved run's rows as they belong into a file, hashes recomputed."""
        head = run.anchor
        for row in self._rows(run.first, run.last):
            head = chain.join(head, _standing(row))
            yield row.seq, row.body, head, row.digest

    def rescued(self, found: Found, kept: Run | None) -> Iterator[Rescued]:
        """Yield what central may lack and the `kept` run does not have."""
        unproved = set(found.unproved)
        for row in self._rows(found.receipted + 1):
            if row.body is None or (kept is not None and kept.first <= row.seq <= kept.last):
                continue
            yield Rescued(row.seq, row.body, row.seq not in unproved)

    def _epoch(self) -> tuple[Life, int, bytes, int, int]:
        """Return (life, first, anchor, cursor, last marked receipt), or what is known without."""
        life, first, anchor, cursor = self._born, 1, self._born.genesis, 0
        for row in (
            self._try("SELECT kiosk, epoch, number, key, first, anchor, cursor FROM epoch") or ()
        ):
            with suppress(ValueError):
                first, anchor, cursor = _int(row[4]), _bytes(row[5]), _int(row[6])
                life = self._believed(Life.read(row[:4]), first, anchor)
        marked = 0
        for (through,) in self._try("SELECT max(through) FROM mark") or ():
            marked = through if isinstance(through, int) else 0
        return life, first, life.genesis if first == 1 else anchor, cursor, marked

    def _believed(self, said: Life, first: int, anchor: bytes) -> Life:
        """Return the life to believe: what the file says, or what is known without it."""
        born = self._born
        if (said.epoch, said.number) != (born.epoch, born.number) or is_rotten(said.key, born.key):
            return born
        if said.kiosk == born.kiosk or first > 1 or anchor == said.genesis:
            return said
        return born

    def _rows(self, first: int = 1, last: int | None = None) -> Iterator[Row]:
        """Yield what can be read from `first` to `last`, in order."""
        lowest, highest = self._ends()
        first, last = max(first, lowest), highest if last is None else last
        # Windows always begin at the same places: a damaged index may answer another question
        # differently, and what is copied must be what was proved.
        for start in range((first - 1) // _WINDOW * _WINDOW + 1, last + 1, _WINDOW):
            yield from (row for row in self._window(start) if first <= row.seq <= last)

    def _ends(self) -> tuple[int, int]:
        """Return the places between which all entries are."""
        [(lowest,)] = self._try("SELECT min(seq) FROM entry") or [(None,)]
        [(highest,)] = self._try("SELECT max(seq) FROM entry") or [(None,)]
        held_bytes = sum(
            part.stat().st_size
            for suffix in ("", "-wal")
            if (part := beside(self._view, suffix)).exists()
        )
        if not isinstance(lowest, int) or lowest < 1:
            lowest = 1
        most = lowest + held_bytes // _ENTRY_LEAST_BYTES
        return lowest, min(highest, most) if isinstance(highest, int) else most

    def _window(self, start: int) -> list[Row]:
        """Return what can be read of the window that begins with entry `start`, each place once."""
        statement = "SELECT seq, body, hash, digest FROM entry WHERE seq >= ? AND seq < ?"
        upto = start + _WINDOW
        found = self._try(statement, start, upto)
        if found is None:
            singles = (self._try(statement, seq, seq + 1) or [] for seq in range(start, upto))
            found = [row for rows in singles for row in rows]
        places: dict[int, Row] = {}
        for row in filter(_is_whole, found):
            if start <= row[0] < upto:
                places.setdefault(row[0], Row(*row))
        return [places[seq] for seq in sorted(places)]

    def _try(self, statement: str, *values: object) -> list[tuple[Any, ...]] | None:
        """Return the rows, or None where the damage does not let them be read."""
        if self._db is None:
            return None
        try:
            return self._db.execute(statement, values).fetchall()
        except (sqlite3.Error, UnicodeDecodeError):
            return None


def keep(path: Path, found: Found, run: Run, rows: Iterable[tuple[object, ...]]) -> None:
    """Make the file of a salvaged epoch at `path`: closed, `run` in it, to be delivered.

    Raises JournalError.
    """
    schema.prepare(path)
    db = schema.connect(path)
    life = found.life
    try:
        schema.migrate(db, path)
        db.execute("BEGIN IMMEDIATE")
        db.execute(
            "INSERT INTO epoch"
            " (one, kiosk, epoch, number, key, first, anchor, cursor, indexed, closed)"
            " VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(life.kiosk, life.epoch, life.number, life.key),
                *(run.first, run.anchor, max(found.cursor, run.first - 1), run.last),
                schema.Closed.ENDED if found.contradicted else schema.Closed.SETTLED,
            ),
        )
        db.executemany("INSERT INTO entry (seq, body, hash, digest) VALUES (?, ?, ?, ?)", rows)
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise understood(error, path) from error
    finally:
        db.close()


def _proved(head: bytes, row: Row, after: Row | None) -> bytes | None:
    """Return the hash of `row`, which follows `head`, if it is proved; else None.

    Where the hash written beside a body is wrong, the entry `after` it may still prove the body.
    """
    hash_ = chain.join(head, _standing(row))
    if hash_ == row.hash:
        return hash_
    if after is not None and after.seq == row.seq + 1:
        return hash_ if chain.join(hash_, _standing(after)) == after.hash else None
    return None


def _standing(row: Row) -> bytes:
    """Return what stands for the row's body in the chain."""
    return chain.digest(row.body) if row.body is not None else row.digest or b""


def is_rotten(key: bytes, known: bytes) -> bool:
    """Return whether `key` is `known` with a few bits changed; another device's differs wholly."""
    differing = sum(one != two for one, two in zip(key, known, strict=False))
    return key != known and len(key) == len(known) and differing < len(known) // 4


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise ValueError("no number")
    return value


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("no bytes")
    return value


def _is_whole(row: tuple[object, ...]) -> bool:
    """Return whether a row has the form of an entry: a damaged page may say anything."""
    match row:
        case (int(), bytes(), bytes(), None) | (int(), None, bytes(), bytes()):
            return True
    return False
