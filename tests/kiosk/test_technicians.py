"""Technicians: a password of their own, recorded, ended at once; a guesser waits."""

import errno
import io
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from kiosk import technicians
from kiosk.cli import main
from kiosk.cli.exits import Exit
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
        self.files = [data / FILE]
        self.them = self.again()

    def again(self) -> Technicians:
        """Return them as a daemon has them that was started anew."""
        return Technicians(self.files, self.journal, self.stamp, lambda: self.seconds)

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
    assert desk.admit()
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
    assert desk.admit(password=password)
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
    assert desk.admit(address="10.0.0.2"), "a colleague elsewhere is not locked out"
    desk.seconds += 3600
    assert desk.admit()


def test_a_log_in_is_over_when_ones_time_is_or_the_password_is_another(desk: Desk) -> None:
    desk.add()
    said = {"name": "rudi", "badge": desk.admit()}
    assert desk.them.still(said) == "rudi"
    desk.wall = 5  # a clock that was set back ends nobody's log-in, and saves nobody's
    assert desk.them.still(said) == "rudi"
    desk.add(password="yang-lain-lagi")
    with pytest.raises(CannotDo):
        desk.them.still(said)
    later = {"name": "rudi", "badge": desk.admit(password="yang-lain-lagi")}
    assert desk.again().still(later) == "rudi"
    desk.them.end({"name": "rudi", "by": "admin"})
    for one in (later, {"name": "siti", "badge": "x"}, {"name": "rudi"}, {"badge": "\xe9"}):
        with pytest.raises(CannotDo):
            desk.them.still(one)


def test_who_is_added_anew_is_not_let_in_by_an_old_badge(desk: Desk, tmp_path: Path) -> None:
    desk.add()
    said = {"name": "rudi", "badge": desk.admit()}
    (tmp_path / FILE).unlink()
    desk.add()
    with pytest.raises(CannotDo):
        desk.them.still(said)


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


def test_what_the_disk_does_not_take_is_not_said_to_have_been_done(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.add()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("kiosk.spared.write_durably", full)
    with pytest.raises(CannotDo, match=r"No space left.*nothing has changed. Free some space"):
        desk.them.end({"name": "rudi", "by": "admin"})
    assert desk.admit()
    assert [action for _, action, _ in desk.recorded()] == [
        *("add technician", "end technician", "end technician failed", "technician logged in")
    ]


def test_many_guesses_at_once_are_no_more_than_as_many_in_turn(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.add()
    compared: list[str] = []

    def slow(_: object, password: str) -> bool:
        compared.append(password)
        time.sleep(0.02)
        return False

    monkeypatch.setattr(technicians, "fits", slow)
    guessers = [
        threading.Thread(target=desk.refused, kwargs={"password": f"guess-{n}"}) for n in range(16)
    ]
    for one in guessers:
        one.start()
    for one in guessers:
        one.join()
    assert len(compared) == passwords.MAX_FAILURES


def test_what_a_stranger_types_for_a_name_is_recorded_as_letters_only(desk: Desk) -> None:
    name = "\x1b[2J" + "x" * 100
    for _ in range(passwords.MAX_FAILURES):
        desk.refused(name=name)
    assert desk.recorded() == [("kiosk", "technician refused", "?[2J" + "x" * 60)]


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


# The second medium.


@pytest.fixture
def two(desk: Desk, tmp_path: Path) -> Desk:
    (tmp_path / "usb").mkdir()
    desk.files.append(tmp_path / "usb" / FILE)
    desk.them = desk.again()
    return desk


def test_the_second_medium_knows_them_and_whose_time_is_over(two: Desk) -> None:
    two.add()
    two.add("siti")
    two.them.end({"name": "rudi", "by": "admin"})
    two.files[0].unlink()
    assert two.refused() == ""
    assert two.admit("siti")


def test_a_medium_that_is_new_or_knows_less_is_told(two: Desk) -> None:
    two.add()
    old = two.files[1].read_bytes()
    two.them.end({"name": "rudi", "by": "admin"})
    for file, content in ((two.files[0], None), (two.files[1], old)):
        file.unlink() if content is None else file.write_bytes(content)
        them = two.again()
        them.bring_along()
        assert two.files[0].read_bytes() == two.files[1].read_bytes()
        assert two.refused() == ""


def test_of_two_files_one_may_be_damaged(two: Desk) -> None:
    two.add()
    two.files[0].write_bytes(b"")
    assert two.admit()
    two.files[1].write_bytes(b"[]")
    assert two.refused().count(FILE) == 2


def test_a_second_medium_that_is_away_keeps_nobody_from_being_added(
    two: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    two.files[1].parent.rmdir()
    two.add()
    assert two.admit()
    assert "lets in whom it knew before" in caplog.text


# The command.


def test_a_password_that_is_not_there_is_not_replaced_by_one_that_nobody_knows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    words = ["technicians", "add", "rudi", "--by", "admin", "--password-stdin"]
    assert main(words) == Exit.USAGE
    assert "no password" in capsys.readouterr().err
