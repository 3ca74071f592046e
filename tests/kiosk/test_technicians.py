"""Technicians: a password of their own, recorded, ended at once; a guesser waits."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from kiosk.local import CannotDo
from kiosk.technicians import FILE, MOST, Known, Technicians
from sync import passwords
from sync.journal.errors import StorageFull
from sync.journal.journal import Journal
from sync.journal.reader import Life
from sync.protocol import entry

PASSWORD = "rahasia-sekali"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    Journal.make(tmp_path / "j.db", Life("k1", "e1", 1, b"key"))
    one = Journal(tmp_path / "j.db")
    one.open()
    yield one
    one.close()


class Desk:
    """Technicians with clocks that a test moves."""

    def __init__(self, data: Path, journal: Journal) -> None:
        self.journal = journal
        self.wall = 1_000
        self.seconds = 0.0
        self.them = Technicians(data, journal, self.stamp, lambda: self.seconds)

    def stamp(self) -> entry.Stamp:
        self.wall += 1
        return entry.Stamp(wall=self.wall, up=1, boot="b", synced=True)

    def add(self, name: str = "rudi", **more: str) -> str:
        return self.them.add({"name": name, "by": "admin", "password": PASSWORD, **more})

    def admit(self, name: str = "rudi", password: str = PASSWORD, address: str = "10.0.0.1") -> str:
        return self.them.admit({"name": name, "password": password, "address": address})

    def refused(self, **said: str) -> str:
        with pytest.raises(CannotDo) as refusal:
            self.admit(**said)
        return str(refusal.value)

    def recorded(self) -> list[tuple[str, str, str]]:
        rows = [entry.decode(row.body) for row in self.journal.reader.rows(1) if row.body]
        return [
            (one.actor, one.action, one.detail["technician"])
            for one in rows
            if isinstance(one, entry.Audit)
        ]


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords.new_secret, "__defaults__", (2**4,))


@pytest.fixture
def desk(tmp_path: Path, journal: Journal) -> Desk:
    return Desk(tmp_path, journal)


def test_who_is_added_may_come_in_and_each_step_is_recorded(desk: Desk) -> None:
    assert desk.add() == PASSWORD
    assert desk.admit() == "rudi"
    assert desk.them.end({"name": "rudi", "by": "admin"}).startswith("rudi")
    assert desk.refused() == ""
    assert desk.recorded() == [
        ("admin", "add technician", "rudi"),
        ("rudi", "technician logged in", "rudi"),
        ("admin", "end technician", "rudi"),
    ]


def test_a_password_is_made_where_none_is_said_and_the_file_does_not_hold_it(
    desk: Desk, tmp_path: Path
) -> None:
    password = desk.them.add({"name": "rudi", "by": "admin"})
    assert desk.admit(password=password) == "rudi"
    file = tmp_path / FILE
    assert password not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_an_unknown_name_and_a_wrong_password_look_the_same(desk: Desk) -> None:
    desk.add()
    assert desk.refused(name="siti") == desk.refused(password="salah-sekali") == ""


def test_whoever_guesses_waits_and_that_is_recorded_but_not_each_slip(desk: Desk) -> None:
    desk.add()
    for _ in range(passwords.MAX_FAILURES):
        assert desk.refused(password="salah-sekali") == ""
    assert float(desk.refused()) > 0, "the right one too"
    for _ in range(100):
        desk.refused(password="salah-sekali")
    assert [action for _, action, _ in desk.recorded()] == ["add technician", "technician refused"]
    assert desk.admit(address="10.0.0.2") == "rudi", "a colleague elsewhere is not locked out"
    desk.seconds += 3600
    assert desk.admit() == "rudi"


def test_a_log_in_is_over_when_ones_time_is_or_the_password_is_another(desk: Desk) -> None:
    desk.add()
    said = {"name": "rudi", "since": str(desk.stamp().wall)}
    assert desk.them.still(said) == "rudi"
    desk.add(password="yang-lain-lagi")
    with pytest.raises(CannotDo):
        desk.them.still(said)
    later = {"name": "rudi", "since": str(desk.stamp().wall)}
    assert desk.them.still(later) == "rudi"
    desk.them.end({"name": "rudi", "by": "admin"})
    for one in (later, {"name": "siti", "since": "9"}, {"name": "rudi"}, {"since": "x"}):
        with pytest.raises(CannotDo):
            desk.them.still(one)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"name": "rudi"},
        {"by": "admin"},
        {"name": "x" * 65, "by": "admin"},
        {"name": "a\nb", "by": "admin"},
        {"name": "rudi", "by": "admin", "password": "kurang"},
        {"name": "rudi", "by": "admin", "password": "x" * 300},
    ],
)
def test_what_is_not_said_properly_changes_nothing(desk: Desk, said: dict[str, str]) -> None:
    with pytest.raises(CannotDo):
        desk.them.add(said)
    assert desk.recorded() == []
    assert msgspec.json.decode(desk.them.list({}), type=list[Known]) == []


def test_a_kiosk_has_room_for_so_many(desk: Desk) -> None:
    for number in range(MOST):
        desk.add(f"t{number}")
    with pytest.raises(CannotDo, match="no room"):
        desk.add("one-more")
    desk.add("t0", password="yang-lain-lagi")


def test_without_room_for_the_record_nobody_is_added(
    desk: Desk, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageFull("the disk is full")

    monkeypatch.setattr(journal, "append", full)
    with pytest.raises(StorageFull):
        desk.add()
    assert desk.them.list({}) == "[]"


def test_a_damaged_file_lets_nobody_in_and_says_what_to_do(desk: Desk, tmp_path: Path) -> None:
    desk.add()
    (tmp_path / FILE).write_text("{")
    assert "move it away" in desk.refused()


@pytest.mark.skipif(os.getuid() == 0, reason="root writes anywhere")
def test_a_directory_that_cannot_be_written_is_said(desk: Desk, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(CannotDo, match="nothing has changed"):
            desk.add()
    finally:
        tmp_path.chmod(0o700)
