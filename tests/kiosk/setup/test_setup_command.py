"""`kiosk setup`, as it is called."""

import io
import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest
from setup_parts import Central
from web import served

from kiosk.cli import main
from kiosk.cli.exits import Exit
from kiosk.settings import load
from kiosk.setup.bootfile import DONE, NAME, RESULT

SOURCE = '[[sources]]\nkind = "zkteco"\nname = "lobi"\nhost = "192.168.1.201"\n'


def words(home: Path, *more: str) -> list[str]:
    config, data = str(home / "etc" / "kiosk.toml"), str(home / "var")
    return ["setup", "--config", config, "--data", data, *more]


def test_first_boot_over_http(tmp_path: Path) -> None:
    central = Central()
    with served(central.post) as url:
        said = f'central = "{url}"\ncode = "{central.code.text}"\n{SOURCE}'
        (tmp_path / NAME).write_text(said)
        assert main(words(tmp_path, "--first-boot", "--boot", str(tmp_path))) == Exit.OK
    assert load(tmp_path / "etc" / "kiosk.toml").settings.kiosk == "kiosk-lobi"
    assert (tmp_path / DONE).exists()
    assert not (tmp_path / NAME).exists()


def test_first_boot_with_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / NAME).write_text("code = 3\n")
    assert main(words(tmp_path, "--first-boot", "--boot", str(tmp_path))) == Exit.FAILED
    assert RESULT in capsys.readouterr().err
    assert "code" in (tmp_path / RESULT).read_text("utf-8-sig")


def test_no_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gone = words(tmp_path, "--first-boot", "--boot", str(tmp_path / "none"))
    assert main(gone) == Exit.STORAGE
    assert "is the card mounted" in capsys.readouterr().err


def answers(url: str, code: str) -> list[str]:
    """Return what is typed for a kiosk whose only terminal calls by itself."""
    return ["Dinas Kesehatan", "", "", "zkpush", "gudang", "CJDE1", "n", url, "", code]


def test_piped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    central = Central()
    with served(central.post) as url:
        said = io.StringIO("\n".join(answers(url, central.code.text)) + "\n")
        monkeypatch.setattr("sys.stdin", said)
        assert main(words(tmp_path)) == Exit.OK
    assert load(tmp_path / "etc" / "kiosk.toml").settings.kiosk == "kiosk-lobi"


def test_input_that_ends_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    central = Central()
    with served(central.post) as url:
        lines = answers(url, central.code.text)
        monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines[:8]) + "\n"))
        assert main(words(tmp_path)) == Exit.FAILED
        assert "is kept" in capsys.readouterr().err
        monkeypatch.setattr("sys.stdin", io.StringIO("\n" * 9 + central.code.text + "\n"))
        assert main(words(tmp_path)) == Exit.OK
    assert load(tmp_path / "etc" / "kiosk.toml").settings.sources[0].name == "gudang"


def test_stick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    central = Central()
    lines = answers("", central.code.text)
    del lines[7]  # no address: nothing is called
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines) + "\n"))
    assert main(words(tmp_path, "--request", str(tmp_path))) == Exit.OK
    [request] = tmp_path.glob("*.request")
    answer = tmp_path / "kiosk.answer"
    answer.write_bytes(central.post("http://x/enrol/v1/claim", request.read_bytes(), 0).body)
    assert main(words(tmp_path, "--answer", str(tmp_path / "none"))) == Exit.STORAGE
    assert main(words(tmp_path, "--answer", str(answer))) == Exit.OK
    assert load(tmp_path / "etc" / "kiosk.toml").settings.kiosk == "kiosk-lobi"
    assert main(words(tmp_path, "--answer", str(answer), "--language", "en")) == Exit.FAILED
    assert "No request is under way" in capsys.readouterr().err


class Pty:
    """The real command at a terminal of its own."""

    def __init__(self, *argv: str) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            # Only to whom a terminal belongs does it send Ctrl-C.
            ["setsid", "--ctty", sys.executable, "-m", "kiosk", *argv],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self.seen = ""

    def until(self, text: str) -> None:
        """Wait until `text` is on the screen, and forget what stood before it."""
        while text not in self.seen:
            ready, _, _ = select.select([self._ours], [], [], 60)
            assert ready, f"{text!r} does not come after {self.seen!r}"
            self.seen += os.read(self._ours, 4096).decode(errors="replace")
        self.seen = self.seen.partition(text)[2]

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def __enter__(self) -> "Pty":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)


def test_at_a_terminal(tmp_path: Path) -> None:
    """Somebody types, makes a mistake, asks for help, goes back, and is cut short once."""
    central = Central()
    with served(central.post) as url:
        with Pty(*words(tmp_path, "--language", "en")) as first:
            first.until("office's name")
            first.type("?\nDinas Kesehatan\n")
            first.until("For example")
            first.until("Time zone [Asia/Jakarta]: ")
            first.type("Asia/Jakrta\n")
            first.until("There is no time zone")
            first.type("Asia/Makassar\n<\n\n\nzkpush\ngudang\nCJDE1\n")
            first.until("Another terminal")
            first.type("\x03")
            first.until("goes on with it")
            assert first.process.wait(60) == Exit.FAILED
        with Pty(*words(tmp_path, "--language", "en")) as second:
            second.until("cut short")
            second.until("[Dinas Kesehatan]: ")
            second.type("\n")
            second.until("[Asia/Makassar]: ")
            second.type("\n\n\n\n\n\n")
            second.until("Central's address: ")
            second.type(f"{url}\n\n{central.code.text}\n")
            second.until("READY. kiosk-lobi")
            assert second.process.wait(60) == Exit.OK
    assert load(tmp_path / "etc" / "kiosk.toml").settings.screen.office == "Dinas Kesehatan"
