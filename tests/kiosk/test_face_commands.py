"""`kiosk enrol`, `kiosk forget` and `kiosk vault`, as a technician says them."""

import json
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from drivers.faces import Enrolled
from drivers.prompt import Prompt
from kiosk.cli import enrol_files, main
from kiosk.cli.enrol_files import camera_of
from kiosk.cli.exits import Exit, Refused
from kiosk.cli.status import face_lines
from kiosk.faces.erasing import Erasing, Signer
from kiosk.faces.vault import Vault
from kiosk.faces.vaultkey import KeyPlace
from kiosk.health import FacesStatus
from kiosk.local import Local
from kiosk.prompts import Prompted
from kiosk.settings import Place, load
from sync.keyfile import load_or_make
from sync.protocol.identity import PrivateKey
from tests.kiosk.face_parts import ABOUT, MODEL, enrolled, tell
from tests.kiosk.served import serving
from tests.kiosk.test_faces import Office
from tests.kiosk.test_forget import TODAY
from tests.kiosk.test_local import STATUS

SETTINGS = """
kiosk = "k1"
data = "data"
central = ["central.pem"]
[line]
host = "127.0.0.1"
port = 1
[[sources]]
kind = "camera"
name = "pintu"
capture = "folder:faces"
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
        key = load_or_make(data / "device.key")
        erasing = Erasing(
            *(self.vault, self.collectors, {}, self.rosters, self, self.here, self.telling),
            Signer("k1", key, data),
            lambda: TODAY,
        )
        self.local = Local(data / "kiosk.sock")
        self.local.status = lambda: structs.replace(STATUS, faces=FacesStatus(people=2))
        self.local.carry_out = {**self.faces.carries_out, **erasing.carries_out}

    def holder(self, name: str, user: str) -> str:
        return ""

    def tell_prompt(self, told: Prompted) -> None:
        self.local.tell(told)


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    monkeypatch.setattr("kiosk.collect.WAIT_S", 0.01)
    monkeypatch.setattr("kiosk.faces.enrolment.LOOK_S", 5.0)
    one = Daemon(tmp_path)
    with serving(one.local):
        yield one
    one.close()


def kiosk(daemon: Daemon, *words: str) -> int:
    return main([*words, "--config", str(daemon.config)])


# Enrol.


def test_somebody_is_enrolled_and_listed(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.connect()
    daemon.camera.there = "siti"
    assert kiosk(daemon, "enrol", "face", "siti", *GROUND) == Exit.OK
    assert "siti Siti Aminah is known by face" in capsys.readouterr().out
    daemon.camera.in_force = "sface:new"
    assert kiosk(daemon, "enrol", "list") == Exit.OK
    said = capsys.readouterr().out
    assert "camera pintu works with sface:new" in said
    assert "ENROL AGAIN" in said
    assert "1 people, 1 to be enrolled again" in said
    assert kiosk(daemon, "enrol", "list", "--json") == Exit.OK
    assert json.loads(capsys.readouterr().out)["people"][0]["person"] == "siti"
    prune = ["enrol", "prune", "--model", "sface:new", "--by", "rudi", "--json"]
    assert kiosk(daemon, *prune) == Exit.OK
    assert json.loads(capsys.readouterr().out)["done"].startswith("1 people's templates")


def test_each_prompt_is_shown_once_on_the_console(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    """The camera waits until somebody watches: what it then asks is told there."""
    daemon.faces._tell = daemon.tell_prompt
    daemon.connect()
    daemon.camera.there = "siti"
    daemon.camera.fails = lambda: _until_watched(daemon)
    assert kiosk(daemon, "enrol", "face", "siti", *GROUND) == Exit.OK
    told = capsys.readouterr().err
    assert told.count("pintu: 3 of 3: hold still") == 1


def _until_watched(daemon: Daemon) -> None:
    shown = Prompted("pintu", Prompt.HOLD_STILL, 3, 3, "Siti")
    for _ in range(500):
        daemon.local.tell(shown)
        if daemon.local._watchers:
            daemon.local.tell(shown)
            daemon.local.tell(shown)
            daemon._stop.wait(0.2)
            return
        daemon._stop.wait(0.01)


def test_a_refusal_says_why(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    assert kiosk(daemon, "enrol", "face", "nobody", *GROUND) == Exit.FAILED
    assert "the roster knows no person 'nobody'" in capsys.readouterr().err
    with pytest.raises(SystemExit) as wrong:
        kiosk(daemon, "enrol", "face", "siti", "--notice", "1", "--basis", "because", "--by", "r")
    assert wrong.value.code == Exit.USAGE


def test_pictures_from_files_become_templates_here(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, Sequence[Path]]] = []

    def from_files(place: Place, source: str, files: Sequence[Path]) -> Enrolled:
        asked.append((source, files))
        return enrolled("siti")

    monkeypatch.setattr(enrol_files, "from_files", from_files)
    words = ["enrol", "face", "siti", *GROUND, "--from", "a.jpg", "b.jpg", "c.jpg"]
    assert kiosk(daemon, *words) == Exit.OK
    assert asked == [("", [Path("a.jpg"), Path("b.jpg"), Path("c.jpg")])]
    assert len(daemon.vault.known(MODEL).rows) == 3
    assert daemon.audits()[-1].detail["from"] == "files"


def test_a_picture_that_is_not_there_is_no_broken_picture(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["enrol", "face", "siti", *GROUND, "--from", "nowhere.jpg"]
    assert kiosk(daemon, *words) == Exit.UNAVAILABLE
    assert "there is no picture nowhere.jpg" in capsys.readouterr().err


def test_which_cameras_engine_reads_the_files(daemon: Daemon) -> None:
    place = load(daemon.config)
    assert camera_of(place, "").name == "pintu"
    assert camera_of(place, "pintu").name == "pintu"
    with pytest.raises(Refused, match="there are: pintu"):
        camera_of(place, "gudang")


# Forget.


def test_somebody_is_forgotten_and_the_certificate_checked(
    daemon: Daemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.bring("siti")
    assert kiosk(daemon, "forget", "siti", "--by", "rudi", "--reason", "left") == Exit.OK
    said = capsys.readouterr().out
    assert '"person":"siti"' in said
    assert "siti is forgotten here; certificate " in said
    [path] = (tmp_path / "data" / "certificates").iterdir()
    assert kiosk(daemon, "forget", "--verify", str(path)) == Exit.OK
    said = capsys.readouterr().out
    assert "holds: signed by k1" in said
    assert "3 records destroyed" in said
    assert "not promised: flash memory may keep remnants" in said
    path.write_text(path.read_text().replace('"left"', '"gone"'))
    assert kiosk(daemon, "forget", "--verify", str(path)) == Exit.FAILED
    assert "the certificate does not hold" in capsys.readouterr().err
    stranger = tmp_path / "other.pem"
    stranger.write_bytes(PrivateKey.generate().public.pem)
    assert kiosk(daemon, "forget", "--verify", str(path), "--key", str(stranger)) == Exit.FAILED


def test_without_a_key_a_certificate_is_not_checked_and_none_is_made(
    daemon: Daemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kiosk(daemon, "forget", "siti", "--by", "rudi", "--reason", "left", "--json")
    path = json.loads(capsys.readouterr().out)["certificate"]
    (tmp_path / "data" / "device.key").unlink()
    assert kiosk(daemon, "forget", "--verify", path) == Exit.FAILED
    assert "no key here; say --key PEM" in capsys.readouterr().err
    assert not (tmp_path / "data" / "device.key").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["forget", "siti", "--reason", "left"], Exit.USAGE),
        (["forget", "--by", "rudi"], Exit.USAGE),
        (["forget", "siti", "--by", "rudi"], Exit.FAILED),
        (["forget", "sitti", "--by", "rudi", "--reason", "left"], Exit.FAILED),
        (["forget", "siti", "--by", "rudi", "--by-hand", "lobi"], Exit.FAILED),
    ],
)
def test_who_whom_and_why_are_wanted(daemon: Daemon, words: list[str], code: Exit) -> None:
    assert kiosk(daemon, *words) == code
    assert daemon.vault.tombstones() == {}


# The vault.


def made(tmp_path: Path) -> None:
    assert main(["vault", "unit-key", "make", "--by", "rudi", "--out", str(tmp_path)]) == Exit.OK


def test_a_unit_key_is_two_files_and_never_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "unit-share-a.json.part").touch(0o644)  # left by whoever was cut short
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch()
    (tmp_path / "unit-share-b.json.part").symlink_to(elsewhere)
    made(tmp_path)
    assert "Keep the two share files apart" in capsys.readouterr().out
    assert elsewhere.read_bytes() == b""
    for name in ("unit-share-a.json", "unit-share-b.json"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"PRIVATE" not in everything
    again = main(["vault", "unit-key", "make", "--by", "rudi", "--out", str(tmp_path)])
    assert again == Exit.FAILED
    assert "never written over another" in capsys.readouterr().err


def test_a_new_pi_gets_its_gallery_back_beside_a_running_daemon(
    daemon: Daemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made(tmp_path)
    for who in ("siti", "budi", "tono"):
        daemon.bring(who)
    file, shares = str(tmp_path / "b"), [str(tmp_path / f"unit-share-{one}.json") for one in "ab"]
    export = ["vault", "export", file, "--by", "rudi"]
    assert kiosk(daemon, *export) == Exit.FAILED
    assert "kiosk vault seal" in capsys.readouterr().err
    seal = ["vault", "seal", "--unit-key", str(tmp_path / "unit.pem"), "--by", "rudi"]
    assert kiosk(daemon, *seal) == Exit.OK
    assert kiosk(daemon, *export, "--json") == Exit.OK
    kiosk(daemon, "forget", "siti", "--by", "rudi", "--reason", "left")
    assert daemon.telling.tell() == 0  # forgetting has told all of it

    # The new Pi: another vault, another device key, the old journal's word.
    new = tmp_path / "new"
    (new / "data").mkdir(parents=True)
    (new / "kiosk.toml").write_text(SETTINGS)
    restore = ["vault", "restore", file, "--by", "ani", "--config", str(new / "kiosk.toml")]
    capsys.readouterr()
    assert main([*restore, "--share", shares[0]]) == Exit.FAILED
    assert "two different shares" in capsys.readouterr().err
    assert not (new / "data" / "vault.key").exists()
    both = ["--share", shares[0], "--share", shares[1]]
    other = tmp_path / "other.pem"
    other.write_bytes(PrivateKey.generate().public.pem)
    assert main([*restore, *both, "--device-key", str(other)]) == Exit.FAILED
    assert "who made it?" in capsys.readouterr().err
    assert main([*restore, *both, "--json"]) == Exit.OK
    said = json.loads(capsys.readouterr().out)
    assert said["restored"] == "3 people of 3"
    assert said["made by"].startswith("kiosk k1, device key ")
    vault = Vault(new / "data", KeyPlace(new / "data", {}))
    vault.open()
    assert {person for person, _ in vault.known(MODEL).rows} == {"siti", "budi", "tono"}
    vault.close()

    # Here, where siti was forgotten, beside the running daemon.
    assert kiosk(daemon, "vault", "restore", file, "--by", "ani", *both) == Exit.OK
    assert "forgotten    siti" in capsys.readouterr().out
    assert {person for person, _ in daemon.vault.known(MODEL).rows} == {"budi", "tono"}
    assert daemon.telling.tell() == 1
    assert daemon.audits()[-1].action == "vault restored"


def test_a_stick_that_knows_no_modes_takes_a_backup_and_a_failure_leaves_nothing(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.fchmod", refuses)  # as a FAT file system does
    stick = tmp_path / "stick"
    stick.mkdir()
    made(stick)
    assert len(list(stick.iterdir())) == 3
    nowhere = ["vault", "unit-key", "make", "--by", "r", "--out", str(tmp_path / "nowhere")]
    assert main(nowhere) == Exit.STORAGE


def test_a_file_that_is_not_there_is_said(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["vault", "restore", "/nowhere", "--share", "a", "--share", "b", "--by", "r"]
    assert kiosk(daemon, *words) == Exit.STORAGE
    assert "/nowhere: No such file" in capsys.readouterr().err


def test_the_key_may_be_somewhere_else(daemon: Daemon, tmp_path: Path) -> None:
    made(tmp_path)
    daemon.bring("siti")
    (tmp_path / "safe").mkdir()
    (tmp_path / "data" / "vault.key").rename(tmp_path / "safe" / "vault.key")
    seal = ["vault", "seal", "--unit-key", str(tmp_path / "unit.pem"), "--by", "rudi"]
    assert kiosk(daemon, *seal) == Exit.FAILED
    assert kiosk(daemon, *seal, "--vault-key", str(tmp_path / "safe")) == Exit.OK
    assert msgspec.json.decode((tmp_path / "data" / "vault.sealed").read_bytes())["unit"]


# Status.


def test_status_speaks_of_faces_where_there_is_something(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kiosk(daemon, "status") == Exit.OK
    assert "faces    2 people enrolled" in capsys.readouterr().out
    assert face_lines(FacesStatus()) == []
    loud = face_lines(FacesStatus(trouble="key lost", untold=2, open=["certificate c1 at lobi"]))
    assert "\n".join(loud).count("\n") == 3
    assert "STILL TO BE FORGOTTEN: certificate c1 at lobi; kiosk forget --open" in loud[-1]


def test_put_and_forget_leave_the_vault_to_others(daemon: Daemon) -> None:
    daemon.vault.put("siti", enrolled("siti"), ABOUT, tell())
    beside = Vault(daemon.home, KeyPlace(daemon.home, {}))
    beside.open()
    assert len(beside.known(MODEL).rows) == 3
    beside.close()
