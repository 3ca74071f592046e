"""What every scenario stands on: a journal directory, punches to make, and a voice.

The journal's rare events are made frequent: the origin index is flushed every dozen origins, the
WAL is taken into the file every few pages and retention works in pages of four, so that a short run
has many of each.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Protocol
from unittest.mock import patch

from promises import (
    Acknowledged,
    Asked,
    Began,
    Committed,
    Destroyed,
    Destroying,
    LetGo,
    LettingGo,
    Mark,
    Receipted,
)

from sync.journal import journal as journal_module
from sync.journal import origins, retention, schema
from sync.journal.commit import Draft, Position
from sync.journal.epochs import Epochs
from sync.journal.journal import Journal
from sync.protocol import entry

KIOSK, KEY = "k1", b"key"
FLUSH_FROM = 12
FLUSH_PART = 5
DAY_MS = 86_400_000
FIRST_DAY_MS = 20_000 * DAY_MS
AT = entry.Stamp(wall=1, up=2, boot="b", synced=False)


def punch(user: int, minute: int = 0) -> Draft:
    """Return somebody's punch, as long as one at a 40-byte terminal."""
    one = entry.Presence(
        at=AT,
        source="lobi",
        terminal="T1",
        credential="terminal_user",
        user=str(user),
        time=f"2026-11-24T{minute // 60 % 24:02}:{minute % 60:02}:00",
        zone="Asia/Jakarta",
        mark=entry.Mark.KNOWN,
        raw=f"{user:08x}{minute:08x}" * 5,
    )
    return Draft(entry.encode(one), one.origin)


def note(text: str) -> Draft:
    """Return an entry that is no punch."""
    return Draft(entry.encode(entry.Audit(at=AT, actor="kiosk", action=text)))


class Medium(Protocol):
    """What a recorder's tape is to a scenario."""

    def mark(self, mark: Mark) -> None: ...

    def place(self, file: Path, content: bytes) -> None: ...

    def begin(self) -> None: ...


class Stage:
    """A journal directory, and a voice that marks what is asked of it and what it says."""

    def __init__(self, directory: Path, random: Random, medium: Medium) -> None:
        self.directory = directory
        self.random = random
        self.medium = medium
        self.mark = medium.mark
        self.epochs = Epochs(directory, KIOSK, KEY)
        self._users = 0

    @property
    def live(self) -> Journal:
        return self.epochs.live

    def open(self) -> None:
        """Start as the daemon does."""
        self.epochs.open()
        for one in self.epochs.journals:
            self.listen(one)
        self.epochs.take_over(lambda: AT)

    def listen(self, one: Journal) -> None:
        epoch = one.life.epoch
        self.mark(Began(epoch))
        one.watch(lambda last: self.mark(Committed(epoch, last)), lambda error: None)

    def close(self) -> None:
        self.epochs.close()

    def again(self) -> None:
        """End cleanly and start again."""
        self.close()
        self.open()

    def append(
        self, *drafts: Draft, position: Position | None = None, to: Journal | None = None
    ) -> None:
        one = to or self.live
        epoch = one.life.epoch
        self.mark(Asked(epoch, drafts, position))
        seqs = tuple(one.append(drafts, position))
        self.mark(Acknowledged(epoch, drafts, seqs, position))

    def receipted(self, through: int, day: int = 0) -> None:
        """Bring central's receipt, of a day by central's clock."""
        rows = islice(self.live.reader.rows(1), through)
        bodies = frozenset(row.body for row in rows if row.body is not None)
        self.mark(Receipted(self.live.life.epoch, through, bodies))
        self.live.receipted(through, FIRST_DAY_MS + day * DAY_MS)

    def prune(self, through: int) -> None:
        epoch = self.live.life.epoch
        self.mark(LettingGo(epoch, through))
        self.live.prune(through)
        self.mark(LetGo(epoch, min(through, self.live.cursor)))

    def retain(self, days: int) -> None:
        """Let go of what central has had for so many of its days."""
        epoch = self.live.life.epoch
        self.mark(LettingGo(epoch, self.live.cursor))
        self.live.retain(days)
        self.mark(LetGo(epoch, self.live.span().first - 1))

    def destroy(self, seq: int) -> None:
        epoch = self.live.life.epoch
        self.mark(Destroying(epoch, seq))
        self.live.destroy(seq)
        self.mark(Destroyed(epoch, seq))

    def punches(self, number: int = 1) -> list[Draft]:
        """Return punches nobody has made yet."""
        first, self._users = self._users, self._users + number
        return [punch(user) for user in range(first, self._users)]

    def made(self) -> list[Draft]:
        """Return all that were made: a terminal's whole log."""
        return [punch(user) for user in range(self._users)]


@contextlib.contextmanager
def small(synchronous: str | None = None, checkpoint_pages: int = 24) -> Iterator[None]:
    """Make the journal's rare events frequent; `synchronous` weakens its commits on purpose."""
    connect = schema.connect

    def connected(path: Path, **more: Any) -> sqlite3.Connection:
        db = connect(path, **more)
        db.execute(f"PRAGMA wal_autocheckpoint = {checkpoint_pages}")
        if synchronous is not None:
            db.execute(f"PRAGMA synchronous = {synchronous}")
        return db

    with (
        patch.object(schema, "connect", connected),
        patch.object(origins, "FLUSH_FROM", FLUSH_FROM),
        patch.object(origins, "FLUSH_LATE", 4),
        patch.object(origins, "FLUSH_PART", FLUSH_PART),
        patch.object(origins, "BACKLOG_FROM", 2),  # so both ways of writing are met
        patch.object(journal_module, "CURSOR_EVERY_S", 0.0),
        patch.object(retention, "PAGE", 4),
    ):
        yield
