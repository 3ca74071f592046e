"""The mirror: everything that was acknowledged and not receipted is on the second medium too."""

import os
from pathlib import Path

import pytest

from sync.journal import mirror as mirror_module
from sync.journal.journal import Draft, Journal
from sync.journal.mirror import Mirror, files, read
from sync.journal.reader import Life
from sync.protocol import entry

AT = entry.Stamp(wall=1, up=2, boot="b", synced=False)
LIFE = Life("k1", "00112233aabbccdd", 1, b"key")
DAY = 86_400_000


def other(text: str) -> Draft:
    return Draft(entry.encode(entry.Audit(at=AT, actor="kiosk", action=text)))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    path = tmp_path / "j.db"
    Journal.make(path, LIFE)
    one = Journal(path)
    one.open()
    return one


def held(directory: Path) -> list[bytes]:
    [path] = files(directory).values()
    return list(read(path))


def test_what_central_lacks_is_there_at_once(journal: Journal, tmp_path: Path) -> None:
    drafts = [other(str(n)) for n in range(9)]
    journal.append(drafts[:4])
    journal.receipted(2, DAY)
    copies = Mirror(tmp_path / "second")
    journal.mirror(copies)
    assert held(tmp_path / "second") == [one.body for one in drafts[2:4]]
    for one in drafts[4:]:
        journal.append([one])
        assert held(tmp_path / "second")[-1] == one.body
    assert held(tmp_path / "second") == [one.body for one in drafts[2:]]
    journal.receipted(9, DAY)
    journal.mirror(copies)
    assert held(tmp_path / "second") == []
    assert list(files(tmp_path / "second")) == [LIFE.epoch]
    assert copies.error == ""
    copies.close()
    journal.close()


def test_it_grows_long_and_is_begun_anew(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror_module, "ANEW_FROM_BYTES", 2000)
    copies = Mirror(tmp_path / "second")
    journal.mirror(copies)
    assert not copies.is_long
    journal.append([other("x" * 100) for _ in range(10)])
    assert copies.is_long
    journal.receipted(10, DAY)
    journal.mirror(copies)
    assert not copies.is_long
    copies.close()
    journal.close()


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_a_torn_end_is_passed_over(journal: Journal, tmp_path: Path, cut: int) -> None:
    drafts = [other(str(n)) for n in range(5)]
    copies = Mirror(tmp_path / "second")
    journal.mirror(copies)
    journal.append(drafts)
    copies.close()
    journal.close()
    [path] = files(tmp_path / "second").values()
    path.write_bytes(path.read_bytes()[:-cut])
    found = list(read(path))
    assert 3 <= len(found) <= 4
    assert found == [one.body for one in drafts[: len(found)]]


def test_what_rotted_is_not_taken_for_true(journal: Journal, tmp_path: Path) -> None:
    copies = Mirror(tmp_path / "second")
    journal.mirror(copies)
    journal.append([other(str(n)) for n in range(5)])
    copies.close()
    journal.close()
    [path] = files(tmp_path / "second").values()
    path.write_bytes(path.read_bytes().replace(b'"action":"2"', b'"action":"7"'))
    assert len(list(read(path))) == 2
    path.write_bytes(b"rubbish\n" * 9)
    assert list(read(path)) == []
    path.write_bytes(b"")
    assert list(read(path)) == []


def test_a_second_medium_that_fails_keeps_no_punch_from_being_recorded(
    journal: Journal, tmp_path: Path
) -> None:
    (tmp_path / "second").write_text("a file where the directory should be")
    copies = Mirror(tmp_path / "second")
    journal.mirror(copies)
    assert "check the second medium" in copies.error
    assert journal.append([other("x")]) == [1]
    (tmp_path / "second").unlink()
    journal.mirror(copies)
    assert copies.error == ""
    assert len(held(tmp_path / "second")) == 1
    assert copies._file is not None
    with copies._file.__class__("/dev/full", "ab") as full:
        os.dup2(full.fileno(), copies._file.fileno())  # from here on every write is refused
    assert journal.append([other("y")]) == [2]
    assert copies.error
    journal.mirror(copies)
    assert len(held(tmp_path / "second")) == 2
    copies.close()
    journal.close()


def test_a_full_second_medium_keeps_the_copy_that_it_has(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = Mirror(tmp_path / "second")
    journal.mirror(copies)
    journal.append([other(str(n)) for n in range(5)])

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(mirror_module.os, "fsync", full)
        journal.mirror(copies)
    assert "No space left" in copies.error
    assert len(held(tmp_path / "second")) == 5
    assert [path.suffix for path in (tmp_path / "second").iterdir()] == [".log"]
    copies.close()
    journal.close()


def test_a_destroyed_body_does_not_hide_what_comes_behind_it(
    journal: Journal, tmp_path: Path
) -> None:
    journal.append([other(str(n)) for n in range(9)])
    journal.receipted(9, DAY)
    journal.destroy(4)
    journal.receipted(2, DAY)  # central was set back
    copies = Mirror(tmp_path / "second")
    journal.mirror(copies)
    journal.append([other("x")])
    assert len(held(tmp_path / "second")) == 6
    assert not journal.mirror_lags
    copies.close()
    journal.close()
