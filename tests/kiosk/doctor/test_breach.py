"""What was on a lost card: whose, how it rested there, and until when they are to be told."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from kiosk.cli import main
from kiosk.cli.exits import Exit
from kiosk.doctor import breach as ours
from kiosk.faces.vault import Vault
from kiosk.faces.vaultkey import KeyPlace
from kiosk.faces.vaultwords import Erasure
from kiosk.settings import load
from sync import breach
from sync.journal.epochs import Epochs
from sync.journal.journal import Draft
from sync.protocol import entry
from sync.protocol.roster import Person, Roster
from sync.protocol.rostering import Manifest, digest, encode_manifest
from tests.kiosk.face_parts import ABOUT, enrolled, tell
from tests.kiosk.test_commands import SETTINGS

AT = entry.Stamp(wall=1, up=2, boot="b", synced=True)
NOW = datetime(2026, 11, 24, 7, 30, tzinfo=UTC)


def audit(action: str, **detail: str) -> entry.Audit:
    return entry.Audit(at=AT, actor="rudi", action=action, detail=detail)


def punch(person: str | None, time: str) -> entry.Presence:
    return entry.Presence(
        at=AT, source="lobi", terminal="T1", credential="card", user="1", time=time,
        zone="Asia/Jakarta", mark=entry.Mark.KNOWN, person=person,
    )  # fmt: skip


ENTRIES = (
    audit("face enrolled", person="ani", generation="1", pictures="3"),
    audit("face enrolled", person="budi", generation="1"),
    audit("face enrolled", person="siti", generation="1"),
    audit("person forgotten", person="siti", generation="1"),
    audit("face pictures erased", person="ani", pictures="3"),
    audit("finger enrolled", person="ani", user="T9/1-k"),
    audit("finger enrolled", person="budi", user="T9/2-k"),
    audit("finger removed", user="T9/2-k"),
    audit("set pin", person="budi", user="7"),
    audit("set pin", person="siti", user="8"),
    audit("remove pin", person="siti", user="8"),
    audit("add technician", technician="rudi"),
    audit("roster adopted", version="1", people="40"),
    punch("ani", "2026-11-23T07:00:00"),
    punch(None, "2026-11-24T07:00:00"),
)


def kind(said: breach.Report, what: str) -> breach.Kind | None:
    return next((one for one in said.kinds if one.what == what), None)


def test_the_entries_say_who_is_known_at_the_end() -> None:
    heard = breach.Heard()
    for one in ENTRIES:
        heard.hear(one)
    said = breach.report("k1", "central", breach.kinds_heard(heard), {}, "-", [], NOW, NOW)
    people = {one.what: one.people for one in said.kinds}
    assert people == {
        breach.FACES: ("ani", "budi"),
        breach.FINGERS: ("ani",),
        breach.PINS: ("budi",),
        breach.ROSTER: (),
        breach.PRESENCES: ("ani",),
        breach.TECHNICIANS: (),
    }
    presences = kind(said, breach.PRESENCES)
    assert presences is not None
    assert presences.amount == "2, 2026-11-23T07:00:00 to 2026-11-24T07:00:00"


def test_three_days_run_from_when_it_was_known() -> None:
    said = breach.report("k1", "kiosk", [], {}, "-", ["x"], NOW, NOW - timedelta(hours=5))
    assert said.tell_by - said.known == 3 * 24 * 3600 * 1000
    assert "to be told in writing by 2026-11-27 02:30 UTC" in breach.text(said, UTC)
    assert "nothing of anybody" in breach.text(said, UTC)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "kiosk.toml"
    file.write_text(SETTINGS + "comm_key = 123456\n")
    data = tmp_path / "data"
    epochs = Epochs(data / "journal", "k1", b"key")
    epochs.open()
    for one in ENTRIES:
        epochs.live.append([Draft(entry.encode(one))])
    epochs.live.receipted(10, 5)
    epochs.close()
    page = msgspec.json.encode(Roster(people=[Person(id="ani", name="Ani Wulandari")]))
    (data / "roster" / "pages").mkdir(parents=True)
    (data / "roster" / "pages" / digest(page)).write_bytes(page)
    manifest = encode_manifest(Manifest(version=1, pages=[digest(page)]))
    (data / "roster" / "manifest").write_bytes(manifest)
    vault = Vault(data, KeyPlace(data, {}))
    vault.open()
    vault.put("ani", enrolled("ani", picture=b"jpeg"), ABOUT, tell(), 1 << 50)
    vault.put("siti", enrolled("siti"), ABOUT, tell())
    gone = Erasure(id="e", person="siti", generation=0, by="rudi", reason="left", at=1)
    vault.forget(gone, tell("person forgotten", person="siti"))
    vault.close()
    (data / "device.key").write_text("secret")
    (data / "pins.json").write_text('{"edition":1,"pins":{"7":{"person":"budi","secret":{}}}}')
    (data / "technicians.json").write_text("rubbish")
    return file


def test_a_kiosk_says_what_is_in_its_own_files(config: Path) -> None:
    said = ours.report(load(config), NOW, NOW)
    faces = kind(said, breach.FACES)
    assert faces is not None
    assert faces.people == ("ani",)
    assert "same card" in faces.protected
    assert {one.what for one in said.kinds} == {
        *(breach.FACES, breach.PICTURES, breach.FINGERS, breach.ROSTER, breach.PINS),
        *(breach.TECHNICIANS, breach.PRESENCES, breach.SECRETS, breach.DEVICE_KEY),
    }
    technicians = kind(said, breach.TECHNICIANS)
    assert technicians is not None
    assert "cannot be read" in technicians.amount
    assert said.undelivered.startswith("5 entries")
    assert said.names == {"ani": "Ani Wulandari"}


def test_a_vault_without_its_key_on_the_medium_reads_nothing(config: Path) -> None:
    (config.parent / "data" / "vault.key").unlink()
    faces = kind(ours.report(load(config), NOW, NOW), breach.FACES)
    assert faces is not None
    assert "reads nothing" in faces.protected


def test_the_command(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["doctor", "--breach", "--config", str(config)]
    assert main([*words, "--known", "2026-11-24T07:30"]) == Exit.OK
    out = capsys.readouterr().out
    assert "ani  Ani Wulandari" in out
    assert "SPECIFIC DATA, Pasal 4 (2)" in out
    assert "templat wajah (data spesifik)" in out
    assert main([*words, "--json"]) == Exit.OK
    said = json.loads(capsys.readouterr().out)
    assert said["kiosk"] == "k1"
    assert main([*words, "--known", "long ago"]) == Exit.USAGE
    assert "--known long ago" in capsys.readouterr().err
    assert "secret" not in out


def test_central_says_what_it_was_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sync.central.cli import main as central

    (tmp_path / "central.toml").write_text('data = "data"\n[broker]\nhost = "127.0.0.1"\n')
    words = ["--config", str(tmp_path / "central.toml"), "breach", "k1"]
    assert central(words) == 1
    assert "nothing is held of kiosk 'k1'" in capsys.readouterr().err
    assert central([*words, "--known", "x"]) == 2
