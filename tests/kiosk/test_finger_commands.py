"""`kiosk fingers`, `kiosk enrol finger` and `kiosk pins`, as a technician says them."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from kiosk.cli import main
from kiosk.cli.exits import Exit
from kiosk.devices import Devices
from kiosk.fingers.carrying import Carrying
from kiosk.local import Local
from kiosk.pins import Pins
from sync.keyfile import load_or_make
from sync.protocol.identity import PrivateKey
from sync.protocol.roster import Known, Roster
from tests.kiosk.served import serving
from tests.kiosk.test_fingers import Office

SETTINGS = """
kiosk = "k1"
data = "data"
central = ["central.pem"]
[line]
host = "127.0.0.1"
port = 1
[fingers]
may_be_carried = true
[[sources]]
kind = "fingerprint"
name = "jari"
port = "/dev/serial0"
"""

GROUND = ["--notice", "2026-1", "--basis", "public-task", "--by", "rudi"]


class Daemon(Office):
    """What answers at the socket."""

    def __init__(self, home: Path) -> None:
        self.config = home / "kiosk.toml"
        self.config.write_text(SETTINGS)
        (home / "central.pem").write_bytes(PrivateKey.generate().public.pem)
        data = home / "data"
        data.mkdir()
        super().__init__(data)
        carrying = Carrying(
            *(self.modules, self.slots, self.rosters, self.here.record, lambda: 1),
            *("k1", load_or_make(data / "device.key"), frozenset),
            allowed=True,
        )
        devices = Devices(self.collectors, self.here)
        pins = Pins([data / "pins.json"], self.here, cost=2**10)
        self.local = Local(data / "kiosk.sock")
        self.local.attended = self.fingers.attended
        self.local.carry_out = {
            **self.fingers.carries_out,
            **carrying.carries_out,
            **pins.carries_out,
            "replace": lambda said: self.collectors["jari"].replace(said["by"]),
            "test": devices.test,
            "identify": devices.identify,
        }

    def roster(self, *known: Known, without: str = "") -> Roster:
        of_a_terminal = Known(person="siti", credential="terminal_user", user="17")
        return super().roster(of_a_terminal, *known, without=without)


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    monkeypatch.setattr("kiosk.collect.WAIT_S", 0.005)
    monkeypatch.setattr("kiosk.fingers.enrolment.LOOK_S", 5.0)
    one = Daemon(tmp_path)
    with serving(one.local):
        yield one
    one.close()


def say(daemon: Daemon, *words: str) -> int:
    return main([*words, "--config", str(daemon.config)])


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def enrolled(daemon: Daemon, *people: str) -> None:
    for who in people:
        daemon.module.there = f"{who}:1"
        assert say(daemon, "enrol", "finger", who, *GROUND) == Exit.OK


def test_enrolled_listed_removed(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    enrolled(daemon, "siti", "budi")
    assert "siti Siti Aminah is known by finger: slot 0 of R503-0042" in said(capsys)
    daemon.module.library[3] = "who:1"
    assert say(daemon, "fingers") == Exit.OK
    told = said(capsys)
    assert "module jari: R503 R503-0042, security 3, 3 of 5 slots in use, nobody's: slots 3" in told
    assert "jari slot 0, score 120" in told
    assert "2 people, 2 fingers" in told
    assert say(daemon, "fingers", "--json") == Exit.OK
    assert [one["slot"] for one in json.loads(said(capsys))["fingers"]] == [0, 1]
    assert say(daemon, "fingers", "remove", "siti", "--by", "rudi") == Exit.OK
    assert say(daemon, "fingers", "remove", "--slot", "3", "--by", "rudi") == Exit.OK
    assert daemon.module.library == {1: "budi:1"}
    assert say(daemon, "fingers", "remove", "--by", "rudi") == Exit.FAILED
    assert "whose?" in capsys.readouterr().err


def test_a_module_says_how_full_it_is(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    enrolled(daemon, "siti")
    said(capsys)
    assert say(daemon, "devices", "test", "jari") == Exit.OK
    told = said(capsys)
    assert "slots      1 of 5 in use" in told
    assert "R503, security 3, 4 reads a finger" in told
    assert say(daemon, "devices", "identify", "jari") == Exit.FAILED
    assert "it has no sound of its own" in capsys.readouterr().err


def test_a_finger_that_is_gone_is_shouted(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    enrolled(daemon, "siti")
    daemon.module.library.clear()
    say(daemon, "fingers")
    assert "GONE FROM THE MODULE" in said(capsys)


@pytest.fixture
def officers(tmp_path: Path) -> Sequence[str]:
    assert main(["vault", "unit-key", "make", "--by", "rudi", "--out", str(tmp_path)]) == Exit.OK
    shares = sorted(tmp_path.glob("unit-share-*.json"))
    return [word for path in shares for word in ("--share", str(path))]


def test_fingers_are_carried_by_two_officers(
    daemon: Daemon, tmp_path: Path, officers: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    enrolled(daemon, "siti", "budi")
    file = tmp_path / "jari.fingers"
    unit = str(tmp_path / "unit.pem")
    assert say(daemon, "fingers", "export", str(file), "--unit-key", unit, "--by", "rudi") == 0
    assert "2 fingers, sealed to unit key" in said(capsys)
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"siti:1" not in file.read_bytes()
    daemon.module.serial, daemon.module.library = "R503-0043", {}
    daemon.again()
    say(daemon, "devices", "replace", "jari", "--by", "rudi")
    daemon.again()
    bring = ("fingers", "import", str(file), "--by", "rudi")
    assert say(daemon, *bring, *officers[:2]) == Exit.FAILED
    assert "two different shares" in capsys.readouterr().err
    assert say(daemon, *bring, *officers) == Exit.OK
    assert "2 fingers are known here" in said(capsys)
    assert sorted(daemon.module.library.values()) == ["budi:1", "siti:1"]


def test_a_file_of_another_kiosk_wants_its_key(
    daemon: Daemon, tmp_path: Path, officers: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    enrolled(daemon, "siti")
    file = tmp_path / "jari.fingers"
    unit = str(tmp_path / "unit.pem")
    say(daemon, "fingers", "export", str(file), "--unit-key", unit, "--by", "rudi")
    own = tmp_path / "data" / "device.key"
    other = tmp_path / "other.pem"
    other.write_bytes(load_or_make(own).public.pem)
    own.unlink()  # as if the file came from elsewhere
    bring = ("fingers", "import", str(file), "--by", "rudi", *officers)
    assert say(daemon, *bring) == Exit.FAILED
    assert "could make their finger anybody's" in capsys.readouterr().err
    assert say(daemon, *bring, "--device-key", str(other)) == Exit.OK
    assert "not siti: has fingers there already" in said(capsys)
    file.write_bytes(b"nothing")
    assert say(daemon, *bring) == Exit.FAILED
    assert "copy it again" in capsys.readouterr().err


def test_pins(
    daemon: Daemon, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert say(daemon, "pins", "set", "17", "--by", "rudi") == Exit.OK
    told = said(capsys)
    assert told.startswith("the PIN of number 17 is ")
    pin = told.split()[6].strip(":")
    assert pin not in (daemon.config.parent / "data" / "pins.json").read_text()
    assert say(daemon, "pins", "list") == Exit.OK
    assert "17  siti" in said(capsys)
    monkeypatch.setattr("kiosk.cli.pins.getpass", lambda _: "123456")
    assert say(daemon, "pins", "set", "17", "--ask", "--by", "rudi") == Exit.FAILED
    assert "guessed first" in capsys.readouterr().err
    assert say(daemon, "pins", "set", "18", "--by", "rudi") == Exit.FAILED
    assert say(daemon, "pins", "remove", "17", "--by", "rudi") == Exit.OK
    assert say(daemon, "pins", "list", "--json") == Exit.OK
    assert said(capsys).endswith("[]\n")
    for action in ("set pin", "remove pin"):
        assert daemon.audits(action) == [{"user": "17", "person": "siti"}]
