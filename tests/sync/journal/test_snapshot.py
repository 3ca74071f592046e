"""A copy of a journal's file while somebody writes it: of one moment, proved, or not there."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from sync.journal import snapshot
from sync.journal.errors import JournalError
from sync.journal.journal import Draft, Journal, Position
from sync.journal.reader import Life, Reader


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    path = tmp_path / "epoch-0001-0123456789abcdef.db"
    Journal.make(path, Life("k1", "0123456789abcdef", 1, b"key"))
    made = Journal(path)
    made.open()
    return made


def test_copies_beside_a_writer_are_each_of_one_moment(journal: Journal, tmp_path: Path) -> None:
    enough = threading.Event()

    def write() -> None:
        n = 0
        while not enough.is_set():
            n += 1
            place = Position("lobi", str(n).encode())
            journal.append([Draft(b"x%d" % n), Draft(b"y%d" % n)], place)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        lasts = []
        for n in range(8):
            to = tmp_path / f"copy-{n}.db"
            _, span, _ = snapshot.copy(journal.path, to)
            lasts.append(span.last)
            reader = Reader(to)
            reader.open()
            # The position is committed with its entries: both or neither are in the copy.
            assert reader.position("lobi") == (str(span.last // 2).encode() if span.last else None)
            reader.close()
    finally:
        enough.set()
        writer.join()
        journal.close()
    assert lasts == sorted(lasts)


def test_a_damaged_journal_is_not_copied(journal: Journal, tmp_path: Path) -> None:
    journal.append([Draft(b"a"), Draft(b"b")])
    journal.close()
    with closing(sqlite3.connect(journal.path)) as db:
        db.execute("UPDATE entry SET body = x'63' WHERE seq = 2")
        db.commit()
    to = tmp_path / "copy.db"
    with pytest.raises(JournalError):
        snapshot.copy(journal.path, to)
    assert not list(tmp_path.glob("copy*"))


def test_what_is_not_there_and_what_is(journal: Journal, tmp_path: Path) -> None:
    journal.close()
    with pytest.raises(FileNotFoundError):
        snapshot.copy(tmp_path / "none.db", tmp_path / "copy.db")
    (tmp_path / "copy.db").write_bytes(b"mine")
    with pytest.raises(JournalError):
        snapshot.copy(journal.path, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_bytes() == b"mine"
