"""The command line: what is wrong is one line that says what to do, and an exit code."""

import json
import socket
import sqlite3
from pathlib import Path

import pytest

import kiosk.cli
from kiosk.cli import VERBS, main
from kiosk.cli.exits import Exit
from sync.journal.epochs import Epochs
from sync.journal.journal import Draft
from sync.protocol import entry
from sync.protocol.identity import PrivateKey

SETTINGS = """
kiosk = "k1"
data = "data"
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


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "kiosk.toml").write_text(SETTINGS)
    (tmp_path / "central.pem").write_bytes(PrivateKey.generate().public.pem)
    return tmp_path / "kiosk.toml"


@pytest.fixture
def journal(config: Path) -> Path:
    """Make a journal of three entries and return its directory."""
    directory = config.parent / "data" / "journal"
    epochs = Epochs(directory, "k1", b"key")
    epochs.open()
    at = entry.Stamp(wall=1, up=2, boot="b", synced=False)
    for number in range(3):
        audit = entry.Audit(at=at, actor="kiosk", action=f"act-{number}")
        epochs.live.append([Draft(entry.encode(audit))])
    epochs.close()
    return directory


def refused(capsys: pytest.CaptureFixture[str], code: Exit, *words: str) -> str:
    assert main(words) == code
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith(f"kiosk {words[0]}: ")
    return said


def test_every_file_of_a_verb_is_one() -> None:
    files = Path(kiosk.cli.__file__).parent.glob("*.py")
    verbs = {one.stem.rstrip("_") for one in files if "\nHELP = " in one.read_text()}
    assert verbs == set(VERBS)
    assert "run" in VERBS


def test_every_verb_explains_itself_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in VERBS:
        with pytest.raises(SystemExit) as ended:
            main([verb, "--help"])
        assert ended.value.code == 0
        assert f"kiosk {verb}" in capsys.readouterr().out.partition("examples:")[2]


def test_no_settings(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for verb in ("run", "status", "identity"):
        said = refused(capsys, Exit.SETTINGS, verb, "--config", str(tmp_path / "none.toml"))
        assert "none.toml" in said
        assert "write one from" in said


def test_a_missing_central_key(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    (config.parent / "central.pem").unlink()
    said = refused(capsys, Exit.SETTINGS, "run", "--config", str(config))
    assert "central.pem" in said
    assert "copy the key's PEM file there" in said


def test_a_broken_device_key_is_not_replaced(
    capsys: pytest.CaptureFixture[str], config: Path
) -> None:
    (config.parent / "data").mkdir()
    (config.parent / "data" / "device.key").write_text("rubbish")
    said = refused(capsys, Exit.SETTINGS, "run", "--config", str(config))
    assert "restore it from a backup" in said
    assert (config.parent / "data" / "device.key").read_text() == "rubbish"


def test_a_data_directory_that_cannot_be(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    (config.parent / "data").write_text("a file")
    said = refused(capsys, Exit.SETTINGS, "run", "--config", str(config))
    assert "check the disk and the owner" in said


def test_a_journal_in_use(capsys: pytest.CaptureFixture[str], config: Path, journal: Path) -> None:
    held = Epochs(journal, "k1", b"key")
    held.open()
    said = refused(capsys, Exit.STORAGE, "run", "--config", str(config))
    assert "another kiosk daemon" in said
    held.close()


def test_the_journal_of_another_kiosk(
    capsys: pytest.CaptureFixture[str], config: Path, journal: Path
) -> None:
    config.write_text(SETTINGS.replace('"k1"', '"k2"'))
    said = refused(capsys, Exit.STORAGE, "run", "--config", str(config))
    assert "check `kiosk` in the settings" in said


def test_no_daemon_to_ask(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    said = refused(capsys, Exit.UNAVAILABLE, "status", "--config", str(config))
    assert "start it with `kiosk run" in said


def test_an_occupied_port(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = refused(
            capsys, Exit.UNAVAILABLE, "demo", "--data", str(tmp_path), "--broker-port", port
        )
    assert f"port {port}" in said
    assert "--broker-port" in said


def test_identity_is_made_once(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    main(["identity", "--config", str(config)])
    first = capsys.readouterr().out
    assert first.startswith("-----BEGIN PUBLIC KEY-----")
    main(["identity", "--config", str(config)])
    assert capsys.readouterr().out == first
    assert (config.parent / "data" / "device.key").stat().st_mode & 0o777 == 0o600


class TestJournal:
    def test_tail(self, capsys: pytest.CaptureFixture[str], config: Path, journal: Path) -> None:
        assert main(["journal", "tail", "-n", "2", "--json", "--config", str(config)]) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [line["seq"] for line in lines] == [2, 3]
        assert lines[1]["body"]["action"] == "act-2"
        main(["journal", "tail", "--config", str(config)])
        assert "audit" in capsys.readouterr().out

    def test_verify(self, capsys: pytest.CaptureFixture[str], config: Path, journal: Path) -> None:
        assert main(["journal", "verify", "--config", str(config)]) == Exit.OK
        assert "entries 1 to 3 hold" in capsys.readouterr().out
        [file] = journal.glob("*.db")
        db = sqlite3.connect(file)
        with db:
            db.execute("UPDATE entry SET body = CAST('{}' AS BLOB) WHERE seq = 2")
        db.close()
        assert main(["journal", "verify", "--json", "--config", str(config)]) == Exit.FAILED
        assert json.loads(capsys.readouterr().out.splitlines()[0])["broken_at"] == 2

    def test_stats(self, capsys: pytest.CaptureFixture[str], config: Path, journal: Path) -> None:
        assert main(["journal", "stats", "--json", "--config", str(config)]) == Exit.OK
        said = json.loads(capsys.readouterr().out)
        assert (said["first"], said["last"], said["kinds"]) == (1, 3, {"audit": 3})

    def test_none_yet(self, capsys: pytest.CaptureFixture[str], config: Path) -> None:
        said = refused(capsys, Exit.UNAVAILABLE, "journal", "tail", "--config", str(config))
        assert "no journal yet" in said
