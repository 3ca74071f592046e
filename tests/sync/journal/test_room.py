"""Room on the medium: the levels, and the ballast that a full disk's last commits get."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.journal import room
from sync.journal.errors import StorageFull
from sync.journal.journal import Draft, Journal
from sync.journal.reader import Life
from sync.journal.room import BALLAST_BYTES, HYSTERESIS, Ballast, Level, usage
from sync.protocol import entry

AT = entry.Stamp(wall=1, up=2, boot="b" * 32, synced=False)
LIFE = Life("k1", "00112233aabbccdd", 1, b"key")
MB = 1_000_000


@pytest.mark.parametrize(
    ("used", "level"),
    [
        (0.0, Level.FINE),
        (69.9, Level.FINE),
        (70.0, Level.FILLING),
        (84.9, Level.FILLING),
        (85.0, Level.LOW),
        (94.9, Level.LOW),
        (95.0, Level.CRITICAL),
        (100.0, Level.CRITICAL),
    ],
)
def test_the_levels_of_a_disk_that_fills(used: float, level: Level) -> None:
    assert Level.of(used, Level.FINE) is level
    assert Level.of(used, level) is level


def test_a_level_is_left_only_when_it_is_clearly_undershot() -> None:
    for level in (Level.FILLING, Level.LOW, Level.CRITICAL):
        assert Level.of(level - HYSTERESIS + 0.1, level) is level
        assert Level.of(level - HYSTERESIS, level) < level
    assert Level.of(0.0, Level.CRITICAL) is Level.FINE
    assert Level.of(93.5, Level.LOW) is Level.LOW  # it never was critical


@given(st.floats(0, 100), st.lists(st.floats(-1, 1), max_size=30))
def test_a_measure_that_trembles_does_not_make_an_alarm_flicker(
    used: float, trembling: list[float]
) -> None:
    level = Level.of(used, Level.FINE)
    heard = [level]
    for little in trembling:
        level = Level.of(min(100.0, max(0.0, used + little)), level)
        heard.append(level)
    assert heard == sorted(heard)  # it may be reached once, and is not left again


def said(blocks: int, free: int, available: int) -> os.statvfs_result:
    """Return what a file system of `blocks` MB says; (free - available) is root's reserve."""
    fields = (MB, MB, blocks, free, available, 0, 0, 0, 0, 255, 0)
    return os.statvfs_result(fields)


def test_usage_is_what_df_shows(tmp_path: Path) -> None:
    asked: list[Path] = []

    def statvfs(path: Path) -> os.statvfs_result:
        asked.append(path)
        return said(1000, 300, 250)

    found = usage(tmp_path, statvfs=statvfs)
    assert asked == [tmp_path]
    assert (found.used_bytes, found.free_bytes) == (700 * MB, 250 * MB)
    assert found.percent == pytest.approx(100 * 700 / 950)


def test_what_is_free_inside_the_journal_counts_as_free(tmp_path: Path) -> None:
    found = usage(tmp_path, 100 * MB, lambda _: said(1000, 300, 250))
    assert (found.used_bytes, found.free_bytes) == (600 * MB, 350 * MB)


def test_a_medium_that_says_nothing_of_itself_is_full(tmp_path: Path) -> None:
    assert usage(tmp_path, statvfs=lambda _: said(0, 0, 0)).percent == 100.0


def test_the_real_one_is_asked(tmp_path: Path) -> None:
    assert 0.0 < usage(tmp_path).percent <= 100.0
    with pytest.raises(OSError, match="No such file"):
        usage(tmp_path / "nowhere")


def test_ballast_is_real_blocks_and_is_given_back(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path / "new" / "ballast", 1 << 20)
    assert not ballast.laid
    assert not ballast.drop()
    assert not (tmp_path / "new").exists()  # building and asking touches nothing
    assert ballast.lay()
    assert ballast.laid
    assert (tmp_path / "new" / "ballast").stat().st_blocks * 512 >= 1 << 20
    assert ballast.lay()
    assert [one.name for one in (tmp_path / "new").iterdir()] == ["ballast"]
    assert ballast.drop()
    assert not ballast.laid
    assert not ballast.drop()


@pytest.mark.parametrize(("free", "laid"), [(33, True), (31, False), (0, False)])
def test_it_is_not_what_fills_a_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, laid: bool
) -> None:
    monkeypatch.setattr(room.os, "statvfs", lambda _: said(100_000, free, free))
    assert Ballast(tmp_path / "ballast", 16 * MB).lay() is laid
    assert (tmp_path / "ballast").exists() is laid


def test_on_a_small_medium_it_is_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room.os, "statvfs", lambda _: said(64, 60, 60))
    ballast = Ballast(tmp_path / "ballast")
    assert ballast.lay()
    assert (tmp_path / "ballast").stat().st_size == 2 * MB < BALLAST_BYTES


def test_what_fails_half_way_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ballast = Ballast(tmp_path / "ballast", 1 << 20)
    refusals = [errno.ENOSPC, errno.EIO]

    def refuse(*_: object) -> None:
        code = refusals.pop(0)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(room.os, "posix_fallocate", refuse)
    assert not ballast.lay()  # somebody was quicker
    with pytest.raises(OSError, match="Input/output"):
        ballast.lay()
    assert list(tmp_path.iterdir()) == []


# On a real small disk.


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 32 MB, for which the ballast is 1 MB; needs root."""
    if os.geteuid():
        pytest.skip("only root may mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(file: Path) -> None:
    """Write to `file` until the disk is full."""
    with suppress(OSError), file.open("wb", buffering=0) as filler:
        while filler.write(bytes(4096)):
            pass


def punch(number: int) -> Draft:
    one = entry.Presence(
        at=AT,
        source="lobi",
        terminal="T1",
        credential="terminal_user",
        user=str(number),
        time="2026-11-24T07:00:00",
        zone="Asia/Jakarta",
        mark=entry.Mark.KNOWN,
    )
    return Draft(entry.encode(one), one.origin)


@pytest.mark.slow
def test_on_a_nearly_full_disk_none_is_laid(small_disk: Path) -> None:
    filler = small_disk / "filler"
    fill(filler)
    ballast = Ballast(small_disk / "ballast")
    assert not ballast.lay()
    with filler.open("rb+") as file:
        file.truncate(filler.stat().st_size - 1_500_000)
    assert not ballast.lay()
    filler.unlink()
    assert ballast.lay()


def opened(disk: Path, ballast: Ballast) -> Journal:
    Journal.make(disk / "j.db", LIFE)
    journal = Journal(disk / "j.db", ballast)
    journal.open()
    return journal


@pytest.mark.slow
def test_the_last_commits_of_a_full_disk_get_the_ballast(small_disk: Path) -> None:
    ballast = Ballast(small_disk / "ballast")
    journal = opened(small_disk, ballast)
    journal.append([punch(1)])
    assert ballast.lay()
    fill(small_disk / "filler")
    refusals: list[object] = []
    journal.watch(lambda _: None, refusals.append)
    made = 1
    while ballast.laid:  # what was preallocated lasts for a while
        made += 1
        assert journal.append([punch(made)]) == [made]
        assert made < 10_000
    more = made
    with suppress(StorageFull):
        for more in count(made):
            assert journal.append([punch(more + 1)]) == [more + 1]
    assert more > made + 10  # commits, not just the one
    assert len(refusals) == 1
    assert journal.reader.verify().last == more
    (small_disk / "filler").unlink()
    assert journal.append([punch(more), punch(more + 1)]) == [None, more + 1]
    journal.close()


@pytest.mark.slow
def test_a_full_disk_lets_go_of_what_central_has_and_goes_on(small_disk: Path) -> None:
    ballast = Ballast(small_disk / "ballast")
    journal = opened(small_disk, ballast)
    journal.append([punch(n) for n in range(1, 1001)])
    assert ballast.lay()
    fill(small_disk / "filler")
    last = 1000
    for _ in range(100):  # far more than the ballast has room for
        for _ in range(100):
            last += 1
            assert journal.append([punch(last)]) == [last]
        journal.receipted(last - 5, 1)
        with suppress(StorageFull):  # as the upkeep does every half minute
            journal.prune(journal.cursor)
    span = journal.reader.verify()
    assert (span.first, span.last) == (last - 4, last)
    assert journal.append([punch(n) for n in range(1, last + 1)]) == [None] * last
    journal.close()
