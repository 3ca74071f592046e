"""The end of a kiosk: nothing goes before central has it, and then all of it does."""

from pathlib import Path

import msgspec
import pytest
from cutdisk import Cut, CutDisk
from msgspec import structs

from kiosk import retiring
from kiosk.cli import main
from kiosk.cli.exits import Exit
from kiosk.health import SourceStatus, Status
from kiosk.local import CannotDo, Local
from kiosk.retiring import Retired
from kiosk.settings import load
from sync.journal.epochs import Epochs
from sync.journal.journal import Draft
from sync.journal.mirror import Mirror
from sync.journal.reader import Life
from sync.keyfile import load_or_make
from sync.protocol import chain, entry
from tests.kiosk.served import serving
from tests.kiosk.test_local import STATUS

SETTINGS = """
kiosk = "k1"
data = "data"
central = ["central.pem"]
mirror = "usb/presensi"
[line]
host = "127.0.0.1"
port = 1
[[sources]]
kind = "zkteco"
name = "lobi"
host = "127.0.0.1"
comm_key = 7351904
"""
AT = entry.Stamp(wall=1, up=2, boot="b", synced=False)
SECRET = b"nobody may read this"
BY = ("--by", "rudi", "--reason", "the office moves")


class Home:
    """A kiosk's directories, with three entries of which central has some."""

    def __init__(self, home: Path, receipted: int = 3) -> None:
        self.etc = home / "etc"
        self.etc.mkdir(parents=True)
        self.config = self.etc / "kiosk.toml"
        text = SETTINGS.replace('"data"', f'"{home}/data"').replace('"usb', f'"{home}/usb')
        self.config.write_text(text)
        (self.etc / "kiosk.toml.before").write_text(text)
        self.place = load(self.config)
        self.data = self.place.data
        load_or_make(self.place.key)
        self.epochs = Epochs(self.data / "journal", "k1", b"key")
        self.epochs.open()
        audit = entry.Audit(at=AT, actor="kiosk", action=SECRET.decode())
        self.epochs.live.append([Draft(entry.encode(audit))] * 3)
        if receipted:
            self.epochs.live.receipted(receipted, 1)
        self.epochs.close()
        for name in ("vault.key", "vault.sqlite", "roster/pages/x", "line/kiosk.crt"):
            path = self.data / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(SECRET)
        (self.data / "certificates").mkdir()
        (self.data / "certificates" / "destruction-1.txt").write_text("certificate")
        self.usb = home / "usb" / "presensi"
        self.usb.mkdir(parents=True)
        for name in (
            *("device.key", "tombstones.json", "pins.json", "technicians.json", "cards.json"),
            *("approved.toml", "undelivered-0.log", "undelivered-1.taken-1", "somebody else's.doc"),
        ):
            (self.usb / name).write_bytes(SECRET)

    @property
    def aside(self) -> Path:
        return self.etc / "kiosk.toml.retired"

    @property
    def roots(self) -> list[Path]:
        return [self.etc, self.data, self.usb]

    def wipe(self, *more: str) -> int:
        return main(["retire", "--wipe", "--config", str(self.config), *BY, *more])

    @property
    def left(self) -> set[str]:
        return {
            str(path.relative_to(root)) for root in self.roots for path in root.rglob("*")
            if path.is_file()
        }  # fmt: skip

    @property
    def said(self) -> Retired:
        return msgspec.json.decode((self.data / "retired-k1.json").read_bytes(), type=Retired)


GONE = {"certificates/destruction-1.txt", "retired-k1.json", "somebody else's.doc"}


def test_what_central_has_is_wiped(tmp_path: Path) -> None:
    home = Home(tmp_path)
    key = load_or_make(home.place.key).public.fingerprint
    assert home.wipe() == Exit.OK
    assert home.left == GONE
    said = home.said
    assert (said.kiosk, said.by, said.reason, said.key) == ("k1", "rudi", BY[3], key)
    assert (said.lacking, said.anyway, said.exported) == ({}, "", "")


def test_what_central_lacks_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path, receipted=1)
    before = home.left
    assert home.wipe() == Exit.FAILED
    assert "central lacks 2 entries" in capsys.readouterr().err
    assert home.left >= before


def test_export_takes_it_along_first(tmp_path: Path) -> None:
    home = Home(tmp_path, receipted=1)
    stick = tmp_path / "stick"
    assert home.wipe("--export", str(stick / "none" / "x.stick")) == Exit.UNAVAILABLE
    assert home.config.exists(), "nothing is destroyed where the stick could not be written"
    stick.mkdir()
    assert home.wipe("--export", str(stick)) == Exit.OK
    assert home.left == GONE
    [file] = stick.glob("*.stick")
    assert file.stat().st_size > 0
    assert list(home.said.lacking.values()) == [2]
    assert home.said.exported == str(stick)


def test_anyway_is_said(tmp_path: Path) -> None:
    home = Home(tmp_path, receipted=0)
    assert home.wipe("--anyway", "burnt") == Exit.OK
    assert home.said.anyway == "burnt"
    assert list(home.said.lacking.values()) == [3]


def test_never_beside_a_daemon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path)
    epochs = Epochs(home.data / "journal", "k1", b"key")
    epochs.open()
    try:
        assert home.wipe("--anyway", "x") == Exit.FAILED
        assert "systemctl disable --now" in capsys.readouterr().err
    finally:
        epochs.close()
    assert home.config.exists()


def test_an_epoch_that_is_not_rescued_yet_is_not_wiped(tmp_path: Path) -> None:
    home = Home(tmp_path)
    [path] = (home.data / "journal").glob("epoch-*.db")
    path.rename(path.with_name(f"{path.name}.damaged"))
    assert home.wipe() == Exit.FAILED
    assert home.config.exists()
    assert home.wipe("--anyway", "the card is broken") == Exit.OK
    assert any("damaged" in one for one in home.said.lacking)


def log_of(home: Home, kiosk: str) -> Path:
    """Have the second medium hold what a kiosk's card had not delivered when it broke."""
    body = entry.encode(entry.Audit(at=AT, actor="kiosk", action="started"))
    copies = Mirror(home.usb)
    genesis = chain.genesis(kiosk, "ab" * 8, b"key")
    life = Life(kiosk, "ab" * 8, 1, b"key")
    assert copies.prepare(life, genesis, [(1, body, chain.link(genesis, body))])
    copies.begin(life, [])
    copies.close()
    [path] = home.usb.glob(f"undelivered-{'ab' * 8}.log")
    return path


def test_what_is_not_in_the_journal_yet_is_not_wiped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home(tmp_path)
    path = log_of(home, "k1")
    assert home.wipe() == Exit.FAILED
    assert f"{path} may hold entries" in capsys.readouterr().err
    path.unlink()
    standby = home.usb / "standby" / "journal"
    standby.mkdir(parents=True)
    (home.data / "returning").touch()
    [epoch] = (home.data / "journal").glob("epoch-*.db")
    (standby / "epoch-0009-cdcdcdcdcdcdcdcd.db").write_bytes(epoch.read_bytes())
    assert home.wipe() == Exit.FAILED
    assert f"{standby.parent} may hold entries" in capsys.readouterr().err
    standby.parent.rename(home.usb / "standby-1")
    (home.data / "journal-of-0.2.0").mkdir()
    assert home.wipe() == Exit.FAILED
    assert "journal-of-0.2.0 may hold entries" in capsys.readouterr().err
    assert home.config.exists()
    assert home.wipe("--anyway", "burnt") == Exit.OK
    assert any("journal-of-0.2.0" in one for one in home.said.lacking)


def test_what_another_kiosk_has_not_delivered_stays(tmp_path: Path) -> None:
    home = Home(tmp_path)
    path = log_of(home, "k2")
    assert home.wipe() == Exit.OK
    assert home.left == GONE | {path.name}


@pytest.mark.parametrize("loses", [False, True], ids=["all-written", "only-synced"])
def test_power_fails_at_any_step(tmp_path: Path, loses: bool) -> None:
    at = 0
    while True:
        at += 1
        home = Home(tmp_path / str(at))
        disk = CutDisk(home.roots, at)
        said = Retired(kiosk="k1", key="", by="rudi", reason="x", at=1)
        try:
            retiring.begin(disk, home.config, home.place, said)
            retiring.wipe(disk, home.config, home.place)
            break
        except Cut:
            if loses:
                disk.lose()
        if home.config.exists():
            assert SECRET in (home.data / "vault.sqlite").read_bytes(), "nothing was begun"
        if home.config.exists() or home.aside.exists():
            assert home.wipe() == Exit.OK
        assert home.left == GONE, at
    assert at > 40


def test_links_are_not_followed(tmp_path: Path) -> None:
    home = Home(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_bytes(SECRET)
    (home.data / "link").symlink_to(elsewhere)
    (home.data / "file").symlink_to(elsewhere / "file")
    assert home.wipe() == Exit.OK
    assert (elsewhere / "file").read_bytes() == SECRET


def test_its_end_is_an_entry(tmp_path: Path) -> None:
    home = Home(tmp_path)
    epochs = Epochs(home.data / "journal", "k1", b"key")
    epochs.open()
    try:
        with pytest.raises(CannotDo):
            retiring.record(epochs.live, lambda: AT, {"by": "rudi"})
        retiring.record(epochs.live, lambda: AT, {"by": "rudi", "reason": "x"})
        [*_, row] = epochs.live.reader.rows(1)
        assert row.body is not None
        assert b"kiosk retiring" in row.body
    finally:
        epochs.close()


LOBI = SourceStatus(
    name="lobi", connected=True, phase="working", failures=0, error="", serial="T1", model="F19",
    bound_to="T1", drift_ms=0, recorded=3, covered="2026-11-24T07:30:00", records=12,
)  # fmt: skip


class Daemon:
    """A daemon that reads, and delivers one entry each time that it is looked at."""

    def __init__(self, home: Home, waiting: int, **lobi: object) -> None:
        self.asked: list[str] = []
        self._waiting = waiting
        self._lobi = structs.replace(LOBI, **lobi)
        self.local = Local(home.place.socket)
        self.local.status = self._status
        self.local.carry_out = {
            "retire": lambda said: self.asked.append(f"retire {said['by']}") or "recorded",
            "read": lambda said: self.asked.append(f"read {said['source']}") or "soon",
        }

    def _status(self) -> Status:
        covered = LOBI.covered
        if self.asked:
            covered = "2026-11-24T07:31:00"
            self._waiting = max(0, self._waiting - 1)
        line = structs.replace(STATUS.line, waiting=self._waiting)
        return structs.replace(
            STATUS, line=line, sources=[structs.replace(self._lobi, covered=covered)]
        )


def test_delivers_with_the_daemon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path)
    daemon = Daemon(home, waiting=3)
    with serving(daemon.local):
        assert main(["retire", "--config", str(home.config), *BY]) == Exit.OK
    assert daemon.asked == ["retire rudi", "read lobi"]
    said = capsys.readouterr().out
    assert "entries wait" in said
    assert "presensi-central kiosks retire k1" in said


def test_says_what_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path)
    with serving(Daemon(home, waiting=9999, connected=False).local):
        words = ["retire", "--config", str(home.config), *BY, "--wait", "0"]
        assert main(words) == Exit.FAILED
    told = capsys.readouterr()
    assert "NOT READ TO ITS END: lobi" in told.out
    assert "--export" in told.err


def test_words(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert main(["retire", "--config", str(home.config), *BY, "--anyway", "x"]) == Exit.USAGE
    assert main(["retire", "--config", str(home.config), *BY]) == Exit.UNAVAILABLE
    assert main(["retire", "--config", str(tmp_path / "none"), *BY, "--wipe"]) == Exit.SETTINGS


def test_what_is_there_no_more_is_no_error(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.wipe() == Exit.OK
    assert home.wipe() == Exit.SETTINGS
