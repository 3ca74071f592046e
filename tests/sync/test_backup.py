"""A kiosk's backup, and its restore onto an empty card: real journals, vault and central.

Whatever was delivered after the backup was made, and by whichever key the restored kiosk speaks:
each punch is counted once, nothing that a terminal or a receipt had is lost, and whoever was
forgotten stays forgotten.
"""

import base64
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kiosk.backup import pack, unpack
from kiosk.cli import main
from kiosk.faces import unitkey
from kiosk.faces.tombstones import keep_on
from kiosk.faces.vault import Vault
from kiosk.faces.vaultkey import KeyPlace
from kiosk.media import RESTORING, open_house
from kiosk.settings import load
from sync.central import forgotten
from sync.journal.errors import InUse
from sync.journal.journal import Draft
from sync.journal.mirror import Mirror
from sync.keyfile import load_or_make
from sync.passwords import new_secret
from sync.protocol import entry
from tests.kiosk.face_parts import ABOUT, MODEL, enrolled, tell

Office = Any  # tests/sync/conftest.py: Kiosk, Log, Central; a fixture's module has no name here
LogOf = Any
HeadOffice = Any

SETTINGS = """\
kiosk = "k1"
data = "{data}"
mirror = "{mirror}"
central = ["central.pem"]
[line]
host = "127.0.0.1"
port = 1
[[sources]]
kind = "zkteco"
name = "lobi"
host = "127.0.0.1"
port = 1
"""

UNIT, SHARES = unitkey.make("rudi")


class Desk:
    """A technician's desk: settings, the officers' shares, a stick."""

    def __init__(self, home: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self.capsys = capsys
        self.config = home / "etc" / "kiosk.toml"
        self.stick = home / "usb"
        self.mirror = home / "second"
        for one in (self.config.parent, self.stick):
            one.mkdir()
        self.config.write_text(SETTINGS.format(data=data, mirror=""))
        (home / "unit.pem").write_bytes(UNIT.pem)
        self.shares: list[str] = []
        for share in SHARES:
            path = home / f"{share.share}.json"
            path.write_bytes(json.dumps(_share(share)).encode())
            self.shares += ["--share", str(path)]

    def __call__(self, *words: object) -> tuple[int, str]:
        said = [str(one) for one in words]
        code = main([*said, "--config", str(self.config)])
        out, err = self.capsys.readouterr()
        return code, out + err

    def backup(self, *more: object) -> Path:
        file = self.stick / "k1.backup"
        words = ("--unit-key", self.home / "unit.pem", "--by", "rudi", *more)
        code, said = self("backup", file, *words)
        assert code == 0, said
        return file

    def restore(self, *more: object) -> str:
        words = (*self.shares, "--by", "rudi", *more)
        code, said = self("restore", self.stick / "k1.backup", *words)
        assert code == 0, said
        return said

    def refused(self, *words: object) -> str:
        code, said = self(*words)
        assert code != 0
        assert said.count("\n") == 1
        return said


def _share(share: unitkey.Share) -> dict[str, str]:
    return {
        "unit": share.unit,
        "share": share.share,
        "octets": base64.b64encode(share.octets).decode(),
        "fingerprint": share.fingerprint,
        "by": share.by,
    }


@pytest.fixture
def desk(office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    (office.home / "device.key").write_bytes(office.key.pem)
    made = Desk(tmp_path, office.home, capsys)
    (made.config.parent / "central.pem").write_bytes(office.key.public.pem)
    return made


def card_punch(user: str) -> Draft:
    """Return a punch of a reader that keeps no log."""
    said = entry.Presence(
        at=entry.Stamp(wall=1, up=2, boot="b", synced=True),
        source="pintu",
        terminal="R1",
        credential="card",
        user=user,
        time="2026-11-24T09:00:00",
        zone="Asia/Jakarta",
        mark=entry.Mark.KNOWN,
    )
    return Draft(entry.encode(said), said.origin)


def audit(office: Office, action: str, **detail: str) -> Draft:
    said = entry.Audit(at=office.clock.stamp(), actor="rudi", action=action, detail=detail)
    return Draft(entry.encode(said))


def people(data: Path) -> list[str]:
    vault = Vault(data, KeyPlace(data, {}))
    vault.open()
    try:
        return sorted({person for person, _ in vault.known(MODEL).rows})
    finally:
        vault.close()


def enrol(data: Path, *names: str) -> None:
    vault = Vault(data, KeyPlace(data, {}))
    vault.open()
    for name in names:
        vault.put(name, enrolled(name), ABOUT, tell())
    sealed = unitkey.seal(UNIT, vault.key)
    (data / unitkey.SEALED_FILE).write_bytes(msgspec.json.encode(sealed))
    vault.close()


def die(office: Office) -> None:
    """Lose the card and all that is on it."""
    office.stop()
    shutil.rmtree(office.home)


def go_on(office: Office, head_office: HeadOffice) -> None:
    """Have central admit the restored kiosk's key, and start it."""
    office.key = load_or_make(office.home / "device.key")
    head_office.admit(office.name, office.key.public)
    office.start()


@pytest.mark.parametrize("with_key", [False, True], ids=["new key", "same key"])
@pytest.mark.parametrize("ahead", [False, True], ids=["central behind", "central ahead"])
def test_a_kiosk_comes_back_from_a_backup(
    office: Office,
    log: LogOf,
    head_office: HeadOffice,
    desk: Desk,
    *,
    ahead: bool,
    with_key: bool,
) -> None:
    enrol(office.home, "budi", "siti")
    office.read(log)
    office.deliver_all(head_office)
    log.fill(5)
    office.read(log)
    office.epochs.live.append([card_punch("before")])
    desk.backup(*(["--with-device-key"] if with_key else []))
    lost = Counter[tuple[str, ...]]()
    backed_up = office.epochs.live.life.epoch
    if ahead:
        log.fill(6)
        office.read(log)
        office.epochs.live.append([card_punch("delivered")])
        forgot = audit(office, "person forgotten", person="budi", generation="1", reason="left")
        office.epochs.live.append([forgot])
        office.deliver_all(head_office)
        lost["delivered", "2026-11-24T09:00:00"] = 1
    log.fill(4)
    office.read(log)  # recorded, and never delivered: the terminal still shows them
    die(office)

    listed = desk.home / "k1.json"
    with head_office.store.reading() as tx:
        dead = forgotten.tombstones(tx, "k1")
    assert dead == ({"budi": 1} if ahead else {})
    listed.write_text(json.dumps({"kiosk": "k1", "tombstones": dead}))
    said = desk.restore("--forgotten", listed)
    assert ("a new device key" in said) is not with_key
    assert people(office.home) == (["siti"] if ahead else ["budi", "siti"])

    go_on(office, head_office)
    lives = [one.life.epoch for one in office.epochs.journals]
    assert lives[0] == backed_up
    assert office.epochs.live.life.epoch != backed_up
    office.deliver_all(head_office)
    office.read(log)
    office.epochs.live.append([card_punch("after")])
    office.deliver_all(head_office)
    expected = log.truth + lost
    expected += Counter({(who, "2026-11-24T09:00:00"): 1 for who in ("before", "after")})
    assert head_office.counted() == expected
    assert not head_office.lost()
    said_so = [one for one in head_office.bodies() if b'"kiosk restored"' in one]
    assert len(said_so) == 1


def test_what_was_read_before_the_backup_is_not_recorded_again(
    office: Office, log: LogOf, head_office: HeadOffice, desk: Desk
) -> None:
    office.read(log)
    desk.backup()
    die(office)
    desk.restore("--offline")
    go_on(office, head_office)
    assert office.read(log) == 0
    office.deliver_all(head_office)
    assert head_office.counted() == log.truth
    assert head_office.again() == 0


def test_the_second_medium_gives_what_the_backup_has_not(
    office: Office, log: LogOf, head_office: HeadOffice, desk: Desk
) -> None:
    text = SETTINGS.format(data=office.home, mirror=desk.mirror)
    desk.config.write_text(text)
    enrol(office.home, "budi", "siti")
    office.read(log)
    office.deliver_all(head_office)
    desk.backup()
    copies = Mirror(desk.mirror)
    office.epochs.live.mirror(copies)
    office.epochs.live.append([card_punch("late")])  # on both media, and not with central
    keep_on(desk.mirror, "k1", {"siti": 1})
    copies.close()
    die(office)
    said = desk.restore("--offline")
    assert "that only the second medium had" in said
    assert people(office.home) == ["budi"]
    assert not list(desk.mirror.glob("undelivered-*.log"))
    go_on(office, head_office)
    office.deliver_all(head_office)
    assert head_office.counted()["late", "2026-11-24T09:00:00"] == 1


def test_a_journal_on_the_second_medium_is_newer_than_any_backup(
    office: Office, desk: Desk
) -> None:
    desk.backup()
    die(office)
    desk.config.write_text(SETTINGS.format(data=office.home, mirror=desk.mirror))
    shutil.copytree(desk.stick, desk.mirror / "standby" / "journal")
    (desk.mirror / "standby" / "journal" / "epoch-0001-0123456789abcdef.db").write_bytes(b"")
    said = desk.refused(
        *("restore", desk.stick / "k1.backup", *desk.shares, "--by", "rudi", "--offline")
    )
    assert "start the kiosk, and it goes back" in said
    assert not office.home.exists()


def test_settings_come_back_where_there_are_none(office: Office, desk: Desk) -> None:
    central = (desk.config.parent / "central.pem").read_bytes()
    text = desk.config.read_text()
    (office.home / "pins.json").write_text('{"edition":1,"pins":{}}')
    desk.backup()
    die(office)
    shutil.rmtree(desk.config.parent)
    desk.restore("--offline")
    assert desk.config.read_text() == text
    assert (desk.config.parent / "central.pem").read_bytes() == central
    assert (office.home / "pins.json").exists()
    assert (office.home / "unit.pem").read_bytes() == UNIT.pem
    assert (office.home / "device.key").stat().st_mode & 0o777 == 0o600
    assert not (office.home / RESTORING).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_restores_the_daemon_can_read_and_nothing_else_is_given(
    office: Office, desk: Desk, tmp_path: Path
) -> None:
    desk.backup()
    die(office)
    shutil.rmtree(desk.config.parent)
    (office.home / "models").mkdir(parents=True)
    os.chown(office.home, 4711, 4712)
    roots = tmp_path / "root's own"
    roots.touch()
    (office.home / "models" / "m").symlink_to(roots)
    desk.restore("--offline")
    for path in (desk.config, desk.config.parent / "central.pem"):
        found = path.stat()
        assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (0, 4712, 0o640), path
    assert (office.home / "device.key").stat().st_uid == 4711
    assert roots.stat().st_uid == 0, "a link of the daemon's leads nowhere"


def test_pins_of_the_forgotten_are_not_put_back(office: Office, desk: Desk) -> None:
    secret = msgspec.to_builtins(new_secret("481516", 64))
    pins = {"7": {"person": "budi", "secret": secret}, "8": {"person": "ani", "secret": secret}}
    content = json.dumps({"edition": 1, "pins": pins})
    (office.home / "pins.json").write_text(content)
    desk.backup()
    die(office)
    listed = desk.home / "k1.json"
    listed.write_text('{"kiosk": "k1", "tombstones": {"budi": 3}}')
    assert "budi" in desk.restore("--forgotten", listed)
    left = json.loads((office.home / "pins.json").read_text())
    assert list(left["pins"]) == ["8"]
    assert left["edition"] == 2


# What is refused, and what a refusal leaves.


def test_a_stolen_backup_reads_nothing(office: Office, log: LogOf, desk: Desk) -> None:
    office.read(log)
    content = desk.backup().read_bytes()
    assert b"1001" not in content
    assert b"lobi" not in content
    stranger, others = unitkey.make("x")
    for n, one in enumerate(others):
        (desk.home / f"x{n}.json").write_text(json.dumps(_share(one)))
    shares = ("--share", desk.home / "x0.json", "--share", desk.home / "x1.json")
    said = desk.refused("restore", desk.stick / "k1.backup", "--check", *shares)
    assert "bring the shares of that one" in said
    said = desk.refused("restore", desk.stick / "k1.backup", "--check", *desk.shares[:2])
    assert "two different shares" in said
    assert stranger.fingerprint != UNIT.fingerprint


def test_a_look_at_a_backup_writes_nothing(office: Office, desk: Desk) -> None:
    office.epochs.live.append([card_punch("1")])
    file = desk.backup()
    before = sorted(desk.home.rglob("*"))
    code, said = desk("restore", file, "--check", *desk.shares)
    assert code == 0
    assert "1 to 1, 0 with central" in said
    assert "whole" in said
    assert sorted(desk.home.rglob("*")) == before


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:-100]), "take another copy"),
        (lambda file: file.write_bytes(file.read_bytes()[:700]), "take another copy"),
        (lambda file: file.write_bytes(b"PK rubbish"), "not a backup of a kiosk"),
        (lambda file: file.unlink(), "No such file"),
    ],
    ids=["cut", "heading only", "rubbish", "gone"],
)
def test_a_damaged_backup_touches_nothing(
    office: Office, desk: Desk, spoil: Callable[[Path], None], says: str
) -> None:
    file = desk.backup()
    die(office)
    spoil(file)
    said = desk.refused("restore", file, *desk.shares, "--by", "rudi", "--offline")
    assert says in said
    assert not office.home.exists()


def test_a_restore_is_for_an_empty_card_of_the_same_kiosk(office: Office, desk: Desk) -> None:
    file = desk.backup()
    words = ("restore", file, *desk.shares, "--by", "rudi", "--offline")
    assert "there is a journal already" in desk.refused(*words)
    shutil.rmtree(office.home / "journal")
    assert "not empty: unit.pem" in desk.refused(*words)
    desk.config.write_text(desk.config.read_text().replace('"k1"', '"k2"'))
    assert "the backup is kiosk 'k1''s" in desk.refused(*words)
    assert "--forgotten FILE" in desk.refused("restore", file, *desk.shares, "--by", "rudi")
    listed = desk.home / "k2.json"
    listed.write_text('{"kiosk": "k2", "tombstones": {}}')
    said = desk.refused("restore", file, *desk.shares, "--by", "rudi", "--forgotten", listed)
    assert "about kiosk 'k2'" in said


def test_a_restore_that_is_cut_short_is_begun_anew(
    office: Office, log: LogOf, head_office: HeadOffice, desk: Desk, monkeypatch: Any
) -> None:
    office.read(log)
    desk.backup()
    die(office)

    def dark(*_: object) -> None:
        raise OSError(28, "No space left on device", str(office.home))

    with monkeypatch.context() as cut:
        cut.setattr(unpack, "bring_back", dark)
        said = desk.refused(
            *("restore", desk.stick / "k1.backup", *desk.shares, "--by", "rudi", "--offline")
        )
    assert "begun anew" in said
    with pytest.raises(InUse, match="kiosk restore"):
        open_house(load(desk.config))
    desk.restore("--offline")
    open_house(load(desk.config)).epochs.close()
    go_on(office, head_office)
    office.deliver_all(head_office)
    assert head_office.counted() == log.truth


@pytest.mark.parametrize("full", ["stick", "card"])
def test_a_backup_that_is_cut_short_leaves_no_file(
    office: Office, log: LogOf, desk: Desk, monkeypatch: Any, full: str
) -> None:
    office.read(log)
    words = (desk.stick, "--unit-key", desk.home / "unit.pem", "--by", "rudi")
    if full == "card":
        monkeypatch.setattr(pack, "SPARED_BYTES", 1 << 60)
        assert "Free some space" in desk.refused("backup", *words)
    else:

        def refuse(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", refuse)
        assert "nothing was written there" in desk.refused("backup", *words)
        monkeypatch.undo()
    assert list(desk.stick.iterdir()) == []
    assert not (office.home / pack.PART).exists()


def test_what_a_backup_needs_is_said(office: Office, desk: Desk) -> None:
    assert "--unit-key" in desk.refused("backup", desk.stick, "--by", "rudi")
    file = desk.backup()
    words = ("--by", "rudi")
    assert "is there already" in desk.refused("backup", file, *words)
    assert "is the stick mounted?" in desk.refused("backup", desk.home / "no" / "x", *words)
    enrol(office.home, "siti")
    (office.home / unitkey.SEALED_FILE).unlink()
    assert "kiosk vault seal" in desk.refused("backup", desk.stick, *words)
    other = unitkey.make("x")[0]
    vault = Vault(office.home, KeyPlace(office.home, {}))
    vault.open()
    sealed = unitkey.seal(other, vault.key)
    vault.close()
    (office.home / unitkey.SEALED_FILE).write_bytes(msgspec.json.encode(sealed))
    assert "four shares" in desk.refused("backup", desk.stick, *words)
