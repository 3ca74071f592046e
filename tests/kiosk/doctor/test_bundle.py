"""What leaves the kiosk for whoever helps: everything that is needed, and nobody in it."""

import json
import sqlite3
import tarfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from kiosk.cli import main
from kiosk.cli.exits import Exit
from kiosk.doctor import acceptance
from kiosk.doctor.scrub import Scrubber
from kiosk.facts import Fact, State
from kiosk.health import SourceStatus
from kiosk.local import Local
from kiosk.troubles import Trouble
from sync.keyfile import load_or_make
from sync.protocol.errors import Unverified
from sync.protocol.identity import PrivateKey
from sync.protocol.roster import Known, Person, Roster
from tests.kiosk.served import serving
from tests.kiosk.test_config_command import SETTINGS
from tests.kiosk.test_local import STATUS
from tests.system.conftest import adopt

NIP, CARD = "198706152010012003", "0004821377"


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    config = tmp_path / "kiosk.toml"
    config.write_text(SETTINGS)
    (tmp_path / "central.pem").write_bytes(PrivateKey.generate().public.pem)
    data = tmp_path / "data"
    data.mkdir()
    people = [Person(id=NIP, name="Siti Rahmawati binti Ahmad"), Person(id="p2", name="Adi")]
    adopt(data, Roster(version=1, people=people, known=[
        Known(person=NIP, credential="card", user=CARD),
        Known(person=NIP, credential="terminal_user", user="17"),
    ]))  # fmt: skip
    local = Local(data / "kiosk.sock")
    warning = f"1 fingers are gone: Siti Rahmawati binti Ahmad (slot 0), card {CARD}, user 17"
    source = SourceStatus(
        **{"name": "jari", "connected": True, "phase": "running", "failures": 0, "error": ""},
        **{"serial": "S", "model": "M", "bound_to": "S", "drift_ms": 0, "recorded": 1},
        **{"covered": "", "records": 0, "warnings": (warning,)},
    )
    local.status = lambda: structs.replace(STATUS, sources=[source])
    trouble = Trouble(1.0, True, "faces", f"{NIP} is not forgotten; RAHMAWATI came")
    local.carry_out = {"troubles": lambda _: msgspec.json.encode([trouble]).decode()}
    with serving(local):
        yield config


def files(path: Path) -> dict[str, str]:
    with tarfile.open(path) as tar:
        return {
            Path(one.name).name: tar.extractfile(one).read().decode()  # type: ignore[union-attr]
            for one in tar.getmembers()
        }


def test_nobody_and_no_secret_is_in_a_bundle(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "b.tar.gz"
    main(["doctor", "--config", str(config), "--bundle", str(file)])
    assert file.stat().st_mode & 0o777 == 0o600
    found = files(file)
    assert set(found) == {
        "doctor.json", "status.json", "troubles.json", "kiosk.toml", "versions.txt",
    }  # fmt: skip
    whole = "".join(found.values()).casefold()
    for word in (NIP, CARD, "siti", "rahmawati", "ahmad", "471199", "rahasia", "admin"):
        assert word.casefold() not in whole
    assert "<person 1> (slot 0), card <person 1>, user <user>" in found["status.json"]
    assert json.loads(found["status.json"])["kiosk"] == STATUS.kiosk
    assert 'host = "127.0.0.1"' in found["kiosk.toml"]
    assert f"sqlite {sqlite3.sqlite_version}" in found["versions.txt"]


def test_words_that_are_no_names_stay() -> None:
    scrubber = Scrubber({"p1": "Adi bin Ali"}, [])
    assert scrubber.clean("adi bin ali did it; audit of p1") == "<person 1> did it; audit of p1"
    assert Scrubber({}, []).clean("line down") == "line down"


def test_a_daemon_that_is_away_is_no_reason_to_have_no_bundle(config: Path, tmp_path: Path) -> None:
    (tmp_path / "data" / "kiosk.sock").unlink()
    file = tmp_path / "b.tar.gz"
    assert main(["doctor", "--config", str(config), "--bundle", str(file)]) == Exit.FAILED
    assert set(files(file)) == {"doctor.json", "kiosk.toml", "versions.txt"}


def test_in_the_log_is_every_finding_and_nobody(
    config: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level("INFO"):
        code = main(["doctor", "--config", str(config), "--log"])
    assert code == Exit.FAILED
    assert capsys.readouterr().out == ""
    said = {record.getMessage(): record.levelname for record in caplog.records}
    whole = "\n".join(said).casefold()
    for word in (NIP, CARD, "siti", "rahmawati", "ahmad", "471199", "rahasia"):
        assert word.casefold() not in whole
    assert "card <person 1>, user <user>" in whole
    assert {"INFO", "WARNING", "ERROR"} == set(said.values())
    *_, last = said
    assert last.endswith("gangguan")


def test_what_only_the_daemon_says(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A release on trial is judged by that: what the machine lacks is not its fault."""
    main(["doctor", "--config", str(config), "--running", "--json"])
    running = [one["title"] for one in json.loads(capsys.readouterr().out)]
    main(["doctor", "--config", str(config), "--json"])
    everything = [one["title"] for one in json.loads(capsys.readouterr().out)]
    assert "Kartu: ruang" in everything
    assert "Kartu: ruang" not in running
    assert set(running) < set(everything)


# Acceptance.

GOOD = Fact(title="Kartu: ruang", state=State.GOOD, said="10 GB")
LOOK = Fact(title="Jam perangkat (RTC)", state=State.LOOK, said="tidak ada", advice=["add one"])


def test_what_was_accepted_can_be_checked_and_not_changed() -> None:
    key = PrivateKey.generate()
    made = acceptance.report("k1", "rudi", 5, sure=True, found=[GOOD, LOOK], key=key)
    one, signed = acceptance.read(made)
    signed.verify(key.public)
    assert (one.by, one.kiosk, [each.state for each in one.found]) == (
        "rudi", "k1", [State.GOOD, State.LOOK],
    )  # fmt: skip
    assert "look  Jam perangkat (RTC): tidak ada" in made.decode()
    _, other = acceptance.read(made.replace(b'"rudi"', b'"budi"', 1))
    with pytest.raises(Unverified):
        other.verify(key.public)


def test_what_is_bad_is_not_accepted(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["doctor", "--config", str(config), "--accept", str(tmp_path / "a.txt")]
    assert main(words) == Exit.USAGE
    assert main([*words, "--by", "rudi"]) == Exit.FAILED
    assert "must be mended first" in capsys.readouterr().err
    assert not (tmp_path / "a.txt").exists()


def test_accepted_and_verified(
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for one in ("_running", "_cameras", "_machine"):
        monkeypatch.setattr(f"kiosk.cli.doctor.{one}", lambda _: [GOOD])
    file, where = tmp_path / "a.txt", ["--config", str(config)]
    assert main(["doctor", *where, "--accept", str(file), "--by", "rudi"]) == Exit.OK
    assert main(["doctor", *where, "--verify", str(file)]) == Exit.OK
    assert "accepted by rudi" in capsys.readouterr().out
    own = tmp_path / "own.pem"
    own.write_bytes(load_or_make(tmp_path / "data" / "device.key").public.pem)
    (tmp_path / "data" / "device.key").unlink()
    assert main(["doctor", *where, "--verify", str(file)]) == Exit.FAILED
    assert main(["doctor", *where, "--verify", str(file), "--key", str(own)]) == Exit.OK
    assert not (tmp_path / "data" / "device.key").exists()
    assert main(["doctor", *where, "--verify", str(tmp_path / "gone")]) == Exit.UNAVAILABLE
    elsewhere = ["--config", str(tmp_path / "none.toml"), "--verify", str(file)]
    assert main(["doctor", *elsewhere, "--key", str(own)]) == Exit.OK
    assert main(["doctor", *elsewhere]) == Exit.SETTINGS
    assert "say --key PEM" in capsys.readouterr().err
