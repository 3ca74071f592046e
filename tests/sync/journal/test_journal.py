"""The journal: durable, chained, each punch once, whoever appends and whatever was there before."""

import contextlib
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from sync.journal import origins, schema
from sync.journal.epochs import Epochs
from sync.journal.errors import Damaged, Foreign, InUse, JournalError, StorageFailed
from sync.journal.journal import Draft, Journal, Position
from sync.journal.reader import Life, Reader
from sync.protocol import chain, entry

AT = entry.Stamp(wall=1, up=2, boot="b", synced=False)
DAY = 86_400_000
LIFE = Life("k1", "00112233aabbccdd", 1, b"key")


def punch(user: str, time: str = "2026-11-24T07:00:00", ordinal: int = 1) -> Draft:
    one = entry.Presence(
        at=AT,
        source="lobi",
        terminal="T1",
        credential="terminal_user",
        user=user,
        time=time,
        zone="Asia/Jakarta",
        mark=entry.Mark.KNOWN,
        ordinal=ordinal,
    )
    return Draft(entry.encode(one), one.origin)


def other(text: str) -> Draft:
    return Draft(entry.encode(entry.Audit(at=AT, actor="kiosk", action=text)))


def found(journal: Journal, first: int, most: int, most_bytes: int) -> tuple[int, bool]:
    """Return how many entries a stretch has, and whether more follow."""
    stretch = journal.stretch(first, most, most_bytes)
    assert stretch is not None
    return len(stretch.bodies), stretch.more


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    path = tmp_path / "j.db"
    Journal.make(path, LIFE)
    one = Journal(path)
    one.open()
    yield one
    one.close()


def test_an_epoch_begins_at_its_genesis(journal: Journal) -> None:
    span = journal.span()
    assert (span.first, span.last) == (1, 0)
    assert span.anchor == span.head == chain.genesis("k1", "00112233aabbccdd", b"key")
    assert journal.hash_at(0) == span.anchor
    assert journal.hash_at(1) is None


def test_entries_are_numbered_chained_and_read_back_exactly(journal: Journal) -> None:
    drafts = [other("a"), punch("1"), punch("2")]
    assert journal.append(drafts) == [1, 2, 3]
    bodies = [draft.body for draft in drafts]
    hashes = list(chain.walk(LIFE.genesis, bodies))
    assert journal.stretch(1, 10, 10_000) == (LIFE.genesis, bodies, hashes[2], False)
    assert journal.stretch(2, 1, 10_000) == (hashes[0], bodies[1:2], hashes[1], True)
    assert [journal.hash_at(seq) for seq in (1, 2, 3)] == hashes
    assert journal.reader.verify() == journal.span()
    assert journal.span().head == hashes[-1]


def test_bodies_are_taken_up_to_a_number_and_a_size_but_at_least_one(journal: Journal) -> None:
    drafts = [other("x" * 100) for _ in range(5)]
    journal.append(drafts)
    assert [found(journal, *asked) for asked in ((2, 2, 10_000), (1, 10, 1))] == [
        (2, True),
        (1, True),
    ]
    assert found(journal, 1, 10, 2 * len(drafts[0].body)) == (2, True)
    assert found(journal, 4, 2, 10_000) == (2, False)
    assert journal.stretch(6, 10, 1000) is None


def test_an_origin_is_recorded_once(journal: Journal) -> None:
    assert journal.append([punch("1"), punch("2"), punch("1")]) == [1, 2, None]
    assert journal.append([punch("2"), punch("2", ordinal=2)]) == [None, 3]
    assert journal.records(punch("1").origin or b"")
    assert not journal.records(punch("9").origin or b"")


def test_nothing_new_writes_nothing(journal: Journal) -> None:
    journal.append([punch("1")])
    before = journal.path.with_name(journal.path.name + "-wal").stat().st_size
    assert journal.append([punch("1")]) == [None]
    assert journal.append([]) == []
    assert journal.path.with_name(journal.path.name + "-wal").stat().st_size == before


@pytest.mark.parametrize("tidy", [True, False])
def test_origins_survive_a_restart_with_and_without_a_clean_end(
    journal: Journal, tmp_path: Path, tidy: bool
) -> None:
    journal.append([punch("1"), other("x"), punch("2")])
    if tidy:
        journal.close()
    else:  # what a kill leaves: the files as they are now
        copy = tmp_path / "killed"
        copy.mkdir()
        for part in tmp_path.glob("j.db*"):
            (copy / part.name).write_bytes(part.read_bytes())
    again = Journal((tmp_path if tidy else tmp_path / "killed") / "j.db")
    again.open()
    assert again.append([punch("2"), punch("1"), punch("3")]) == [None, None, 4]
    again.close()


def test_the_index_is_written_in_pages_and_still_knows(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origins, "FLUSH_FROM", 10)
    monkeypatch.setattr(origins, "FLUSH_LATE", 2)
    for start in range(0, 60, 4):
        journal.append([punch(str(n)) for n in range(start, start + 4)])
    with contextlib.closing(sqlite3.connect(journal.path)) as db:
        assert db.execute("SELECT count(*) FROM origin").fetchone()[0] >= 48
    assert journal.append([punch(str(n)) for n in range(60)]) == [None] * 60


@pytest.mark.parametrize("part", [1, 3, 5, 4096])
@pytest.mark.parametrize("backlog_from", [1, 2, 50])
def test_a_kill_amid_writing_the_index_forgets_nothing(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, part: int, backlog_from: int
) -> None:
    monkeypatch.setattr(origins, "FLUSH_FROM", 10)
    monkeypatch.setattr(origins, "FLUSH_LATE", 4)
    monkeypatch.setattr(origins, "FLUSH_PART", part)
    monkeypatch.setattr(origins, "BACKLOG_FROM", backlog_from)
    for end in range(2, 31, 2):
        alone = end % 3 == 0
        for n in (end - 1, end) if alone else ():
            journal.append([punch(str(n))])
        journal.append([] if alone else [punch(str(end - 1)), punch(str(end))])
        killed = tmp_path / f"killed{end}"
        killed.mkdir()
        for file in journal.path.parent.glob("j.db*"):
            shutil.copy(file, killed)
        again = Journal(killed / "j.db")
        again.open()
        assert again.append([punch(str(n)) for n in range(1, end + 2)]) == [None] * end + [end + 1]
        again.close()
    with contextlib.closing(sqlite3.connect(journal.path)) as db:
        written = db.execute("SELECT count(*) FROM origin").fetchone()[0]
        assert 10 <= written <= 30
    assert journal.append([punch(str(n)) for n in range(1, 31)]) == [None] * 30


def test_a_refused_commit_amid_writing_the_index_writes_that_part_again(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origins, "FLUSH_FROM", 10)
    monkeypatch.setattr(origins, "FLUSH_PART", 4)
    monkeypatch.setattr(origins, "BACKLOG_FROM", 1)
    journal.append([punch(str(n)) for n in range(10)])
    with monkeypatch.context() as refused:
        refused.setattr(journal._commits, "_db", RefusingSync(journal._db))
        with pytest.raises(StorageFailed):
            journal.append([punch("10")])
    for n in range(11, 14):
        journal.append([punch(str(n))])
    with contextlib.closing(sqlite3.connect(journal.path)) as db:
        assert db.execute("SELECT count(*) FROM origin").fetchone()[0] == 10
    assert journal.append([punch(str(n)) for n in range(10)]) == [None] * 10


def test_a_position_commits_with_its_punches(journal: Journal) -> None:
    assert journal.reader.position("lobi") is None
    journal.append([punch("1")], Position("lobi", b"p1"))
    journal.append([punch("1")], Position("lobi", b"p2"))
    assert journal.reader.position("lobi") == b"p2"
    assert journal.span().last == 1


def test_many_appenders_share_commits_and_lose_nothing(journal: Journal) -> None:
    grown: list[int] = []
    journal.watch(grown.append, lambda _: None)
    seqs: list[list[int | None]] = [[] for _ in range(8)]

    def work(who: int) -> None:
        for n in range(50):
            seqs[who] += journal.append([punch(f"{who}-{n}"), punch(f"all-{n}")])

    threads = [threading.Thread(target=work, args=(who,)) for who in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    given = sorted(seq for one in seqs for seq in one if seq is not None)
    assert given == list(range(1, 451))  # 8 * 50 of their own, 50 common ones once
    assert journal.reader.verify().last == 450
    assert grown == sorted(grown)
    assert grown[-1] == 450


def test_two_processes_append_to_one_file(journal: Journal) -> None:
    beside = Journal(journal.path)
    beside.open()
    assert journal.append([punch("1")]) == [1]
    assert beside.append([punch("1"), punch("2")]) == [None, 2]
    assert journal.append([punch("2"), punch("3")]) == [None, 3]
    assert journal.reader.verify().last == 3
    beside.close()


def test_what_another_process_appended_and_let_go_of_does_not_hide_ours(journal: Journal) -> None:
    beside = Journal(journal.path)
    beside.open()
    beside.append([punch(str(n)) for n in range(10)])
    beside.receipted(10, DAY)
    assert beside.prune(10) == 10
    assert journal.append([punch("3"), punch("new")]) == [None, 11]
    assert journal.reader.verify().last == 11
    beside.close()


class RefusingSync:
    """A connection whose next COMMIT is refused by the disk after it was written to the log."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.refuses = True
        self.said: list[str] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._db, name)

    def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        self.said.append(statement)
        if statement == "COMMIT" and self.refuses:
            self.refuses = False
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
            raise error
        return self._db.execute(statement, *values)


@pytest.mark.parametrize("refused", ["an append", "another transaction"])
@pytest.mark.parametrize("next_one", ["an append", "another transaction"])
def test_a_commit_that_was_refused_is_cleared_from_the_log_before_the_next(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, refused: str, next_one: str
) -> None:
    """Two such, whole in the log behind those that hold, would look like damage."""
    journal.append([punch("1")])
    refusing = RefusingSync(journal._db)
    monkeypatch.setattr(journal._commits, "_db", refusing)
    record, note = partial(journal.append, [punch("2")]), partial(journal.know, [b"k" * 16])
    with pytest.raises(StorageFailed):
        (record if refused == "an append" else note)()
    refusing.said.clear()
    if next_one == "another transaction":
        journal.unknow()
    assert journal.append([punch("3")]) == [2]
    assert refusing.said[0] == "PRAGMA wal_checkpoint(RESTART)"
    refusing.said.clear()
    assert journal.append([punch("2")]) == [3]
    assert not any("checkpoint" in one for one in refusing.said)


def test_a_rotten_cursor_is_not_believed(journal: Journal) -> None:
    journal.append([punch(str(n)) for n in range(5)])
    journal.close()
    corrupt(journal.path, "UPDATE epoch SET cursor = 74")
    with pytest.raises(Damaged, match="74 of 5"):
        Journal(journal.path).open()
    corrupt(journal.path, "UPDATE epoch SET cursor = 5")  # as a rotten 1 may be
    again = Journal(journal.path)
    again.open()
    assert again.prune(5) == 0  # nothing else says so yet
    again.receipted(5, DAY)
    assert again.prune(5) == 5
    again.close()


def test_a_refusal_reaches_every_caller_and_records_nothing(journal: Journal) -> None:
    journal.append([punch("1")])
    with sqlite3.connect(journal.path, isolation_level=None) as db:
        db.execute("CREATE TRIGGER full BEFORE INSERT ON entry BEGIN SELECT RAISE(FAIL, 'no'); END")
    with pytest.raises(JournalError):
        journal.append([punch("2")], Position("lobi", b"p"))
    assert journal.span().last == 1
    assert journal.reader.position("lobi") is None
    corrupt(journal.path, "DROP TRIGGER full")
    assert journal.append([punch("2")]) == [2]


def test_a_leader_that_is_torn_away_acknowledges_nothing(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def torn(*_: object) -> int:
        raise MemoryError

    monkeypatch.setattr(journal._commits, "_commit", torn)
    with pytest.raises(MemoryError):
        journal.append([punch("1")])
    monkeypatch.undo()
    assert journal.append([punch("1")]) == [1]


def test_bodies_that_are_no_lines_are_refused(journal: Journal) -> None:
    for body in (b"", b"a\nb", b"x" * 9000):
        with pytest.raises(ValueError, match="one line"):
            journal.append([Draft(body)])


def test_the_cursor_is_saved_at_a_clean_end(journal: Journal) -> None:
    journal.append([punch("1"), punch("2"), punch("3")])
    journal.receipted(1, DAY)  # the first one is saved at once
    assert journal.reader.cursor() == 1
    journal.receipted(3, DAY)  # the next ones at most once a minute
    assert journal.cursor == 3
    assert journal.reader.cursor() == 1
    journal.close()
    again = Journal(journal.path)
    again.open()
    assert again.cursor == 3
    again.close()


def test_a_cursor_that_cannot_be_saved_does_not_stop_the_draining(journal: Journal) -> None:
    journal.append([punch("1")])
    refusal = "CREATE TRIGGER full BEFORE UPDATE ON epoch BEGIN SELECT RAISE(FAIL, 'no'); END"
    corrupt(journal.path, refusal)
    journal.receipted(1, DAY)
    assert journal.cursor == 1
    assert journal.reader.cursor() == 0  # lost at a kill, and then it costs a resend


def corrupt(path: Path, statement: str, *values: object) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute(statement, values)


@pytest.mark.parametrize(
    ("statement", "seq"),
    [
        ("UPDATE entry SET body = CAST('{}' AS BLOB) WHERE seq = 2", 2),
        ("UPDATE entry SET hash = zeroblob(32) WHERE seq = 3", 3),
        ("DELETE FROM entry WHERE seq = 2", 2),
    ],
)
def test_damage_is_found_and_named(journal: Journal, statement: str, seq: int) -> None:
    journal.append([punch("1"), punch("2"), punch("3"), punch("4")])
    corrupt(journal.path, statement)
    with pytest.raises(Damaged) as found:
        journal.reader.verify()
    assert found.value.seq == seq


def test_a_foreign_or_newer_file_is_left_alone(tmp_path: Path, journal: Journal) -> None:
    stranger = tmp_path / "s.db"
    with sqlite3.connect(stranger) as db:
        db.execute("CREATE TABLE t (a)")
    db.close()
    before = stranger.read_bytes()
    with pytest.raises(Foreign, match="not a journal"):
        Journal(stranger).open()
    assert stranger.read_bytes() == before
    corrupt(journal.path, f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    with pytest.raises(Foreign, match="newer version"):
        Reader(journal.path).open()


def test_a_file_of_version_1_goes_on(tmp_path: Path) -> None:
    """As a kill left it: half of it in its log, the last four punches not indexed."""
    kept = Path(__file__).parent / "files"
    directory = tmp_path / "journal"
    directory.mkdir()
    path = directory / "epoch-0001-00112233aabbccdd.db"
    for suffix in ("", "-wal"):
        shutil.copy(kept / f"v1.db{suffix}", f"{path}{suffix}")
    epochs = Epochs(directory, "k1", b"key")
    epochs.open()
    assert epochs.take_over(lambda: AT) == []
    journal = epochs.live
    assert journal.path == path
    assert (journal.span().last, journal.cursor) == (13, 9)
    assert journal.reader.position("lobi") == b"p12"
    assert journal.reader.verify().last == 13
    known = [entry.decode(row.body or b"") for row in journal.reader.rows(2)]
    drafts = [Draft(b"{}", one.origin) for one in known if isinstance(one, entry.Presence)]
    assert journal.append([*drafts, punch("new")]) == [None] * 12 + [14]
    journal.receipted(13, DAY)
    journal.receipted(14, 92 * DAY)
    assert journal.prune(5) == 5
    assert journal.append(drafts) == [None] * 12
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS),)
    epochs.close()


class TestEpochs:
    def epochs(self, tmp_path: Path, kiosk: str = "k1") -> Epochs:
        return Epochs(tmp_path / "journal", kiosk, b"key")

    def test_the_first_start_begins_an_epoch_and_the_second_goes_on(self, tmp_path: Path) -> None:
        epochs = self.epochs(tmp_path)
        epochs.open()
        epochs.live.append([punch("1")])
        born = epochs.live.life
        assert born.number == 1
        epochs.close()
        epochs.open()
        assert epochs.live.life == born
        assert epochs.live.append([punch("1")]) == [None]
        epochs.close()
        assert [path.name for path in sorted((tmp_path / "journal").iterdir())] == [
            f"epoch-0001-{born.epoch}.db",
            "lock",
        ]

    def test_a_new_card_begins_an_epoch_of_another_name(self, tmp_path: Path) -> None:
        names = set()
        for card in ("a", "b"):
            epochs = self.epochs(tmp_path / card)
            epochs.open()
            names.add(epochs.live.life.epoch)
            epochs.close()
        assert len(names) == 2

    def test_a_closed_epoch_is_followed_by_a_new_one(self, tmp_path: Path) -> None:
        epochs = self.epochs(tmp_path)
        epochs.open()
        epochs.live.append([punch("1")])
        epochs.live.end()
        epochs.close()
        epochs.open()
        assert [one.life.number for one in epochs.journals] == [1, 2]
        assert epochs.live.append([punch("1")]) == [1]  # a new epoch reads every terminal anew
        epochs.close()

    def test_what_was_not_begun_is_swept_away(self, tmp_path: Path) -> None:
        directory = tmp_path / "journal"
        directory.mkdir()
        (directory / "epoch-0001-00112233aabbccdd.begun").write_bytes(b"half")
        (directory / "epoch-0001-00112233aabbccdd.begun-wal").write_bytes(b"half")
        epochs = self.epochs(tmp_path)
        epochs.open()
        assert len(list(directory.glob("epoch-*.begun*"))) == 0
        epochs.close()

    def test_two_daemons_cannot_share_a_directory(self, tmp_path: Path) -> None:
        epochs = self.epochs(tmp_path)
        epochs.open()
        with pytest.raises(InUse, match="another kiosk daemon"):
            self.epochs(tmp_path).open()
        epochs.close()

    def test_another_kiosks_journal_is_not_gone_on_with(self, tmp_path: Path) -> None:
        epochs = self.epochs(tmp_path)
        epochs.open()
        epochs.close()
        with pytest.raises(Foreign, match="'k2'"):
            self.epochs(tmp_path, "k2").open()

    def test_a_place_that_cannot_be_written_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "journal").write_text("a file, not a directory")
        with pytest.raises(StorageFailed, match="check the disk"):
            self.epochs(tmp_path).open()


def test_commits_are_synced(tmp_path: Path, journal: Journal) -> None:
    assert journal._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert journal._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert journal._db.execute("PRAGMA page_size").fetchone() == (schema.PAGE_BYTES,)
