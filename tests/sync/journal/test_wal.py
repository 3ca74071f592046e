"""The write-ahead log, with SQLite as the judge: what is whole or mended, it reads."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sync.journal import wal
from sync.journal.wal import FRAME_BYTES, HEADER_BYTES

PAGE = 512
STEP = FRAME_BYTES + PAGE


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """Return a database whose twenty commits stand in its log, as a kill leaves it."""
    path = tmp_path / "live.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"PRAGMA page_size = {PAGE}")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, b BLOB)")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for n in range(1, 21):
            db.execute("INSERT INTO t VALUES (?, ?)", (n, bytes([n]) * 300))
        copy = tmp_path / "killed.db"
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    return copy


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def rows(path: Path) -> int:
    """Return how many commits SQLite finds."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM t").fetchone()[0])


def read(path: Path) -> wal.Wal:
    found = wal.read(log_of(path), PAGE)
    assert found is not None
    return found


def change(path: Path, at: int, how: Callable[[int], int] = lambda byte: byte ^ 1) -> None:
    log = log_of(path)
    content = bytearray(log.read_bytes())
    content[at] = how(content[at])
    log.write_bytes(content)


def test_a_whole_log_is_whole_and_mending_changes_nothing(killed: Path) -> None:
    found = read(killed)
    assert found.intact
    assert sum(one.commit > 0 for one in found.frames) == 20
    assert found.mended() == log_of(killed).read_bytes()
    assert rows(killed) == 20


def test_none_and_a_stub_are_nothing_to_read(tmp_path: Path) -> None:
    assert wal.read(tmp_path / "none-wal", PAGE) is None
    (tmp_path / "stub-wal").write_bytes(b"x" * HEADER_BYTES)
    assert wal.read(tmp_path / "stub-wal", PAGE) is None


@pytest.mark.parametrize("part", ["page", "frame's salt", "frame's checksum", "header", "magic"])
def test_a_flipped_bit_before_several_commits_is_damage_and_can_be_mended(
    killed: Path, part: str
) -> None:
    at = HEADER_BYTES + 4 * STEP
    change(
        killed,
        {
            "page": at + FRAME_BYTES + 500,
            "frame's salt": at + 9,
            "frame's checksum": at + 17,
            "header": 18,  # the salt
            "magic": 1,
        }[part],
    )
    found = read(killed)
    assert not found.intact
    log_of(killed).write_bytes(found.mended())
    assert rows(killed) == 20


def test_sqlite_itself_would_silently_lose_the_rest(killed: Path) -> None:
    """Why this file exists."""
    change(killed, HEADER_BYTES + 4 * STEP + FRAME_BYTES + 500)
    assert rows(killed) < 5


@pytest.mark.parametrize("torn", [1, FRAME_BYTES, STEP - 1])
def test_what_a_power_cut_tears_is_no_damage(killed: Path, torn: int) -> None:
    log = log_of(killed)
    log.write_bytes(log.read_bytes()[:-torn])
    assert read(killed).intact


def test_a_last_transaction_that_was_half_written_is_no_damage(killed: Path) -> None:
    """Its last frames reached the disk before its first one: a cut may do that."""
    frames = read(killed).frames
    last_commit = len(frames) - 1
    first_of_it = max(n for n in range(last_commit) if frames[n].commit) + 1
    change(killed, HEADER_BYTES + first_of_it * STEP + FRAME_BYTES)
    assert read(killed).intact


def test_frames_of_an_earlier_life_do_not_count(killed: Path) -> None:
    with closing(sqlite3.connect(killed, isolation_level=None)) as db:
        db.execute("PRAGMA wal_checkpoint(RESTART)")
        db.execute("INSERT INTO t VALUES (21, x'00')")
        copy = killed.with_name("again.db")
        for suffix in ("", "-wal"):
            shutil.copy(f"{killed}{suffix}", f"{copy}{suffix}")
    found = read(copy)
    assert found.intact
    assert sum(one.commit > 0 for one in found.frames) == 1
    log_of(copy).write_bytes(found.mended())
    assert rows(copy) == 21
