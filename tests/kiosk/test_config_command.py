"""`kiosk config` and `kiosk status --watch`, as a technician says them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kiosk.cli import config, main, status
from kiosk.cli.exits import Exit
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
comm_key = 471199
[[sources]]
kind = "camera"
name = "pintu"
capture = "rtsp://admin:rahasia@10.0.0.9/live"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "kiosk.toml"
    made.write_text(SETTINGS)
    (tmp_path / "central.pem").write_bytes(PrivateKey.generate().public.pem)
    return made


def say(file: Path, *words: str) -> int:
    return main(["config", *words, "--config", str(file)])


def test_right_settings(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert say(file, "check") == Exit.OK
    assert "is right: kiosk k1, sources lobi, pintu" in capsys.readouterr().out


def test_wrong_settings(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(SETTINGS.replace("port = 1", 'port = "x"'))
    assert say(file, "check") == Exit.SETTINGS
    assert "line.port" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("central.pem", "gone.pem"), "central: "),
        (
            lambda text: text.replace(
                "[[sources]]", '[line.tls]\nca = "ca.pem"\ncertificate = "k.crt"\n[[sources]]', 1
            ),
            "line.tls.certificate",
        ),
        (lambda text: 'mirror = "/nowhere/usb"' + text, "is the second medium mounted"),
        (lambda text: text.replace('"data"', '"/nowhere/at/all"'), "make it"),
    ],
)
def test_what_the_settings_name_and_is_not_there(
    file: Path, capsys: pytest.CaptureFixture[str], change: Callable[[str], str], words: str
) -> None:
    file.write_text(change(SETTINGS))
    assert say(file, "check") == Exit.FAILED
    assert words in capsys.readouterr().out


def test_what_holds_is_shown_without_secrets(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert say(file, "show") == Exit.OK
    said = capsys.readouterr().out
    assert 'sources[0].comm_key = "set"\n' in said
    assert "repeat_s = 120.0\n" in said, "defaults are shown"
    assert "rtsp://10.0.0.9/live" in said
    assert "471199" not in said
    assert "rahasia" not in said
    assert say(file, "show", "--json") == Exit.OK
    assert json.loads(capsys.readouterr().out)["kiosk"] == "k1"


@pytest.fixture
def edited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Return how to say what the editor does, time by time, and what is answered."""

    def by(*scripts: str, answers: str = "") -> None:
        program = tmp_path / "editor"
        times = tmp_path / "times"
        times.write_text("0")
        program.write_text(
            "#!/usr/bin/env python3\nimport sys, pathlib\n"
            f"times = pathlib.Path({str(times)!r}); n = int(times.read_text())\n"
            f"times.write_text(str(n + 1)); old, new = {scripts!r}[n].split('=>')\n"
            "file = pathlib.Path(sys.argv[1])\n"
            "file.write_text(file.read_text().replace(old, new))\n"
        )
        program.chmod(0o700)
        monkeypatch.setenv("VISUAL", str(program))
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        said = iter(answers.split())
        monkeypatch.setattr("builtins.input", lambda _: next(said))

    return by


def test_edited(
    file: Path, edited: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    file.chmod(0o640)
    edited("lobi=>gerbang")
    assert say(file, "edit") == Exit.OK
    assert 'name = "gerbang"' in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o640
    assert "systemctl restart" in capsys.readouterr().out
    assert sorted(one.name for one in file.parent.glob(".edit*")) == []


def test_a_slip_is_edited_again_and_never_put_in_place(
    file: Path, edited: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    edited("port = 1=>port = true", "port = true=>port = 2", answers="y")
    assert say(file, "edit") == Exit.OK
    assert "kiosk.toml: line.port" in capsys.readouterr().out
    assert "port = 2" in file.read_text()
    before = file.read_text()
    edited("port = 2=>port = no", answers="n")
    assert say(file, "edit") == Exit.SETTINGS
    assert file.read_text() == before
    edited("nothing=>nothing")
    assert say(file, "edit") == Exit.OK
    assert "as it was" in capsys.readouterr().out


def test_an_editor_that_fails_changes_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setenv("VISUAL", "false")
    assert say(file, "edit") == Exit.FAILED
    monkeypatch.setenv("VISUAL", "no-such-editor")
    assert say(file, "edit") == Exit.STORAGE
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert say(file, "edit") == Exit.FAILED
    assert file.read_text() == SETTINGS
    assert config.HELP


def test_watched_until_it_is_ended(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(status.time, "sleep", sleep)
    assert main(["status", "--watch", "--config", str(file)]) == Exit.OK
    assert capsys.readouterr().out.count("no kiosk daemon answers there") == 3
    file.write_text("kiosk =")
    assert main(["status", "--watch", "--config", str(file)]) == Exit.SETTINGS
