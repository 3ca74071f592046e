"""Upkeep: what is due is done once, what is wrong is said once, and central's lacks are kept."""

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from kiosk import upkeep as module
from kiosk.upkeep import ADVICE, Media, Upkeep
from sync.journal.epochs import Epochs
from sync.journal.errors import Damaged, StorageFull
from sync.journal.journal import Draft
from sync.journal.room import Ballast, Level, Usage
from sync.protocol import dayhead, entry
from sync.protocol.identity import PrivateKey

KEY = PrivateKey.generate()
DAY = 86_400_000
MIDNIGHT = int(datetime(2026, 11, 24, tzinfo=ZoneInfo("Asia/Jakarta")).timestamp() * 1000)
WITHIN_S = 10.0


class FakeClock:
    """A clock that is set by the test."""

    def __init__(self) -> None:
        self.wall = MIDNIGHT
        self.synced = True

    def stamp(self) -> entry.Stamp:
        return entry.Stamp(wall=self.wall, up=1, boot="b" * 32, synced=self.synced)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.wall / 1000, UTC)


class FakeDisk:
    """A disk of 100 MB; what is free inside the journal counts as on a real one."""

    def __init__(self) -> None:
        self.used = 10.0
        self.reusable: list[int] = []

    def __call__(self, directory: Path, reusable_bytes: int = 0) -> Usage:
        self.reusable.append(reusable_bytes)
        used = int(self.used * 1_000_000) - reusable_bytes
        return Usage(used, 100_000_000 - used)


class Kept:
    """An upkeep and everything that it looks at."""

    def __init__(self, home: Path) -> None:
        self.clock = FakeClock()
        self.disk = FakeDisk()
        self.damage: list[Damaged] = []
        self.directory = home / "journal"
        self.media = Media()
        self.open()

    def open(self) -> None:
        self.epochs = Epochs(self.directory, "k1", KEY.public.der)
        self.epochs.ballast = Ballast(self.directory / "ballast", 1 << 16)
        self.epochs.open()
        self.epochs.take_over(self.clock.stamp)
        self.upkeep = Upkeep(
            self.epochs,
            self.clock,
            KEY,
            "Asia/Jakarta",
            90,
            self.damage.append,
            self.media,
        )

    def restart(self) -> None:
        self.epochs.close()
        self.open()

    def record(self, number: int) -> None:
        """Record `number` entries that no terminal can show again."""
        at = self.clock.stamp()
        said = [entry.Audit(at=at, actor="kiosk", action="x" * 300) for _ in range(number)]
        self.epochs.live.append([Draft(entry.encode(one)) for one in said])

    def audits(self, action: str) -> list[dict[str, str]]:
        """Return the details of what was recorded under `action`."""
        found = []
        for journal in self.epochs.journals:
            for row in journal.reader.rows(1):
                assert row.body is not None
                said = entry.decode(row.body)
                if isinstance(said, entry.Audit) and said.action == action:
                    found.append(said.detail)
        return found


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    made = Kept(tmp_path)
    monkeypatch.setattr(module, "usage", made.disk)
    yield made
    made.epochs.close()


def test_a_disk_with_room_is_nothing_to_record(kept: Kept) -> None:
    kept.upkeep.look_at_disk()
    kept.upkeep.look_at_disk()
    assert kept.audits("disk") == []
    assert kept.upkeep.kept.level is Level.FINE
    assert kept.upkeep.kept.ballast
    assert kept.epochs.ballast.laid


def test_a_level_is_recorded_once_and_said_with_advice(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for used in (60.0, 72.0, 73.0, 69.5, 86.0, 86.0, 50.0, 50.0):
        kept.disk.used = used
        kept.upkeep.look_at_disk()
        assert kept.upkeep.kept.used_percent == used
    told = [(one["before"], one["level"]) for one in kept.audits("disk")]
    assert told == [("fine", "filling"), ("filling", "low"), ("low", "fine")]
    assert kept.audits("disk")[0] == {
        "level": "filling",
        "before": "fine",
        "used": "72 %",
        "free": "28 MB",
        "ballast": "laid",
    }
    levels = [(record.levelname, record.message) for record in caplog.records]
    assert [level for level, _ in levels] == ["WARNING", "WARNING", "INFO"]
    assert levels[1][1].endswith(ADVICE[Level.LOW])
    assert set(ADVICE) == set(Level)


def test_at_the_last_what_central_has_is_let_go_of_and_nothing_else(kept: Kept) -> None:
    kept.record(100)
    kept.epochs.live.receipted(60, MIDNIGHT)
    kept.disk.used = 90.0
    kept.upkeep.look_at_disk()
    assert kept.epochs.live.span().first == 1
    kept.disk.used = 95.5
    kept.upkeep.look_at_disk()
    span = kept.epochs.live.reader.verify()
    assert span.first == 61
    assert kept.disk.reusable[-1] > 20_000  # measured again after it, with what that freed
    assert kept.upkeep.kept.level is Level.CRITICAL
    assert [one["level"] for one in kept.audits("disk")] == ["low", "critical"]
    kept.upkeep.look_at_disk()
    assert kept.epochs.live.span().first == 61
    assert len(kept.audits("disk")) == 2


def test_the_older_epochs_let_go_too(kept: Kept) -> None:
    kept.record(10)
    kept.epochs.live.receipted(10, MIDNIGHT)
    kept.epochs.live.end()
    kept.restart()
    kept.record(5)
    kept.disk.used = 99.0
    kept.upkeep.look_at_disk()
    assert [journal.span().first for journal in kept.epochs.journals] == [11, 1]


def test_when_letting_go_frees_enough_nobody_is_alarmed(kept: Kept) -> None:
    kept.record(2000)
    kept.epochs.live.receipted(2000, MIDNIGHT)
    kept.disk.used = 95.3  # and some 0.8 MB of it will be free inside the journal
    kept.upkeep.look_at_disk()
    assert kept.epochs.live.span().first == 2001
    assert kept.upkeep.kept.level is Level.CRITICAL  # hysteresis: it may well fill again
    kept.disk.used = 93.5
    kept.upkeep.look_at_disk()
    assert kept.upkeep.kept.level is Level.LOW


def test_ballast_is_not_laid_at_the_last_and_laid_again_when_there_is_room(kept: Kept) -> None:
    kept.disk.used = 96.0
    kept.upkeep.look_at_disk()
    assert not kept.epochs.ballast.laid
    assert kept.audits("disk")[0]["ballast"] == "spent"
    kept.disk.used = 80.0
    kept.upkeep.look_at_disk()
    assert kept.epochs.ballast.laid
    assert kept.audits("disk")[1]["ballast"] == "laid"


def test_a_disk_that_is_too_full_even_for_letting_go_ends_nothing(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(through: int) -> int:
        raise StorageFull("no room")

    monkeypatch.setattr(kept.epochs.live, "prune", full)
    kept.disk.used = 100.0
    kept.upkeep.look_at_disk()
    assert [one["level"] for one in kept.audits("disk")] == ["critical"]


# The head of the day.


def heads(kept: Kept) -> list[dayhead.DayHead]:
    """Return the heads that are recorded, each verified against the key and the chain."""
    found = []
    for detail in kept.audits(dayhead.ACTION):
        head, signed = dayhead.decode(detail["signed"].encode())
        signed.verify(KEY.public)
        [journal] = [one for one in kept.epochs.journals if one.life.epoch == head.epoch]
        hash_ = journal.hash_at(head.seq)
        assert hash_ is not None
        assert hash_.hex() == head.head
        assert (head.kiosk, head.key, head.day) == ("k1", KEY.public.fingerprint, detail["day"])
        found.append(head)
    return found


def test_a_head_is_signed_once_a_day_of_the_office(kept: Kept) -> None:
    kept.record(3)
    for hours in (0, 1, 23, 24, 25, 47.9, 48):
        kept.clock.wall = MIDNIGHT + int(hours * 3_600_000)
        kept.upkeep.sign_head()
        kept.upkeep.sign_head()
    assert [(head.day, head.seq) for head in heads(kept)] == [
        ("2026-11-24", 3),
        ("2026-11-25", 4),
        ("2026-11-26", 5),
    ]
    assert heads(kept)[1].utc == MIDNIGHT + DAY


def test_while_the_clock_is_not_trusted_no_day_has_a_head(kept: Kept) -> None:
    kept.record(1)
    kept.clock.synced = False
    kept.upkeep.sign_head()
    assert heads(kept) == []
    kept.clock.synced = True
    kept.upkeep.sign_head()
    assert [head.day for head in heads(kept)] == ["2026-11-24"]


def test_a_restart_does_not_sign_the_day_again_and_another_epoch_does(kept: Kept) -> None:
    kept.upkeep.sign_head()
    assert heads(kept) == []  # there is nothing yet to sign
    kept.record(2)
    kept.upkeep.sign_head()
    kept.restart()
    kept.upkeep.sign_head()
    assert len(heads(kept)) == 1
    kept.epochs.live.end()
    kept.restart()
    kept.record(1)
    kept.upkeep.sign_head()
    kept.upkeep.sign_head()
    assert len({head.epoch for head in heads(kept)}) == 2
    assert len(heads(kept)) == 2 + 1  # and the one that was taken over with the old epoch's rest


# Retention and proof.


def test_every_epoch_is_retained_by_its_own_receipts(kept: Kept) -> None:
    kept.record(4)
    kept.epochs.live.receipted(4, MIDNIGHT)
    kept.upkeep.retain()
    for month in range(1, 4):
        kept.epochs.live.receipted(4, MIDNIGHT + month * 31 * DAY)
    kept.upkeep.retain()
    assert kept.epochs.live.span().first == 5


def test_everything_is_proved_a_page_at_a_time(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROVE_PAGE", 10)
    kept.record(25)
    kept.epochs.live.receipted(7, MIDNIGHT)
    kept.epochs.live.prune(7)
    assert len(list(kept.upkeep.prove())) == 2
    assert kept.upkeep.kept.proved == 18
    assert len(list(kept.upkeep.prove())) == 2
    assert kept.upkeep.kept.proved == 18
    assert kept.damage == []


def test_what_is_let_go_of_between_two_pages_is_no_damage(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROVE_PAGE", 10)
    kept.record(40)
    kept.epochs.live.receipted(35, MIDNIGHT)
    proving = kept.upkeep.prove()
    next(proving)
    kept.epochs.live.prune(35)
    assert len(list(proving)) == 1
    assert kept.damage == []


def test_damage_is_reported_with_its_file_and_place_and_the_others_are_proved(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROVE_PAGE", 5)
    kept.record(20)
    kept.epochs.live.receipted(20, MIDNIGHT)
    kept.epochs.live.end()
    kept.restart()
    kept.record(6)
    old = kept.epochs.journals[0]
    with closing(sqlite3.connect(old.path)) as db, db:
        db.execute("UPDATE entry SET body = CAST('{}' AS BLOB) WHERE seq = 8")
    list(kept.upkeep.prove())
    [damage] = kept.damage
    assert (damage.path, damage.seq) == (old.path, 8)
    assert kept.upkeep.kept.proved == 5 + 1 + 20 + 6  # a gap tells of the fork, then all anew


# The second medium.


def test_a_failed_medium_is_recorded_once(kept: Kept) -> None:
    kept.media = Media(failed="the first one is gone")
    kept.restart()
    kept.upkeep.look_at_media()
    kept.upkeep.look_at_media()
    assert kept.audits("medium") == [{"trouble": "the first one is gone"}]
    assert kept.upkeep.kept.trouble == "the first one is gone"


# All of it.


def test_it_does_what_is_due_and_ends_when_told(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.record(30)
    kept.disk.used = 71.0
    stop = threading.Event()
    beats: list[float] = []
    thread = threading.Thread(
        target=kept.upkeep.run, args=(stop.is_set, lambda: beats.append(time.monotonic()))
    )
    thread.start()
    deadline = time.monotonic() + WITHIN_S
    while not (kept.upkeep.kept.proved >= 32 and kept.audits(dayhead.ACTION)):
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
    stop.set()
    told = time.monotonic()
    thread.join(WITHIN_S)
    assert not thread.is_alive()
    assert time.monotonic() - told < 2.0
    assert beats
    assert [one["level"] for one in kept.audits("disk")] == ["filling"]


def test_the_kept_numbers_are_what_a_status_shows(kept: Kept) -> None:
    kept.disk.used = 87.25
    kept.upkeep.look_at_disk()
    shown = msgspec.to_builtins(kept.upkeep.kept)
    assert shown["used_percent"] == 87.2
    assert shown["free_bytes"] == 12_750_000
