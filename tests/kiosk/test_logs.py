"""The log as a technician reads it."""

import json
import stat
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.cli import main
from kiosk.cli.exits import Exit
from kiosk.cli.logs import of_file
from kiosk.logs import Level, Line, Wanted, from_file, from_journal, meaning, shown, since, together

WIB = timezone(timedelta(hours=7))
NOW = datetime(2026, 11, 24, 7, 28, 41, tzinfo=WIB)


def journal(text: object, priority: str = "4", **more: str) -> bytes:
    said = {"__REALTIME_TIMESTAMP": "1795471200123456", "MESSAGE": text, "PRIORITY": priority}
    return json.dumps(said | more).encode()


def test_a_line_of_the_journal_is_read() -> None:
    line = from_journal(journal("lobi: timed out", _SYSTEMD_UNIT="presensi-kiosk.service"))
    assert line == Line(
        at=1795471200123, level=Level.WARNING, text="lobi: timed out", unit="presensi-kiosk"
    )
    assert from_journal(journal(list("a\xff".encode("latin-1")))) == Line(
        at=1795471200123, level=Level.WARNING, text="a\ufffd"
    )
    for nothing in (b"", b"x", b"[]", journal(None), journal("a", "grave"), b'{"MESSAGE":"\xff"}'):
        assert from_journal(nothing) is None


@given(st.binary(max_size=200))
def test_no_line_of_a_journal_is_an_error(line: bytes) -> None:
    from_journal(line)


@pytest.mark.parametrize(
    ("priority", "level"),
    [("0", Level.ERROR), ("2", Level.ERROR), ("3", Level.ERROR), ("4", Level.WARNING),
     ("5", Level.INFO), ("6", Level.INFO), ("7", Level.DEBUG), ("9", Level.DEBUG)],
)  # fmt: skip
def test_syslog_has_more_levels_than_we(priority: str, level: Level) -> None:
    line = from_journal(journal("x", priority))
    assert line is not None
    assert line.level is level


@pytest.mark.parametrize(
    ("says", "means"),
    [
        ("presensi-kiosk.service: Watchdog timeout (limit 1min 30s)!", "no sign of life"),
        ("Main process exited, code=exited, status=75/TEMPFAIL", "asked to be started again"),
        ("Main process exited, code=exited, status=3/NOTIMPLEMENTED", "kiosk config check"),
        ("Main process exited, code=exited, status=5/NOTINSTALLED", "kiosk doctor"),
        ("Main process exited, code=killed, status=9/KILL", "starts again by itself"),
        ("A process of this unit has been killed by the OOM killer: oom-kill", "memory was full"),
        ("Started presensi-kiosk.service", ""),
    ],
)
def test_what_systemd_says_is_explained_and_what_we_say_is_not(says: str, means: str) -> None:
    line = from_journal(journal(says, UNIT="presensi-kiosk.service"))
    assert line is not None
    assert means in line.meaning
    assert bool(means) == bool(line.meaning)
    ours = from_journal(journal(says, _SYSTEMD_UNIT="presensi-kiosk.service"))
    assert ours is not None
    assert ours.meaning == ""


def test_what_is_explained_exists() -> None:
    for words in ("kiosk config check", "kiosk doctor"):
        assert words in meaning("code=exited, status=3/x") + meaning("code=exited, status=5/x")


def test_a_file_is_read_with_what_belongs_to_each_line() -> None:
    text = (
        "begun in the middle of something\n"
        "2026-11-24 07:28:41,005 ERROR lobi: a bug\nTraceback:\n  File x\nValueError\n\n"
        "2026-11-24 07:28:42,006 INFO line: connected\n"
    )
    first, second = from_file(text.splitlines(keepends=True))
    assert first.text == "lobi: a bug\nTraceback:\n  File x\nValueError"
    assert (second.level, second.at - first.at) == (Level.INFO, 1001)


def test_the_same_said_again_is_one_line() -> None:
    lines = [Line(at=n * 1000, level=Level.ERROR, text="a" if n < 4 else "b") for n in range(6)]
    first, second = together(lines)
    assert (first.at, first.again, first.until) == (0, 3, 3000)
    assert (second.text, second.again) == ("b", 1)
    assert "3 more times" in shown(first)
    assert list(together([])) == []


def test_what_is_wanted() -> None:
    line = Line(at=5, level=Level.WARNING, text="lobi: timed out; kiosk devices test lobi")
    assert Wanted().has(line)
    assert Wanted(source="lobi").has(line)
    assert not Wanted(source="lob").has(line)
    assert not Wanted(source="lobi-2").has(line)
    assert not Wanted(level=Level.ERROR).has(line)
    assert not Wanted(since=6).has(line)


def test_a_line_is_shown_with_its_next_step() -> None:
    line = Line(at=0, level=Level.ERROR, text="a\nb", unit="presensi-kiosk", meaning="kiosk doctor")
    first, second, third = shown(line, unit=True).split("\n")
    assert first.endswith("ERROR  kiosk: a")
    assert second.strip() == "b"
    assert third.strip() == "-> kiosk doctor"


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ("30m", "2026-11-24T06:58:41"),
        ("2h", "2026-11-24T05:28:41"),
        ("3d", "2026-11-21T07:28:41"),
        ("1w", "2026-11-17T07:28:41"),
        ("today", "2026-11-24T00:00:00"),
        ("07:00", "2026-11-24T07:00:00"),
        ("2026-11-20", "2026-11-20T00:00:00"),
        ("2026-11-20 07:15", "2026-11-20T07:15:00"),
    ],
)
def test_since_when(said: str, moment: str) -> None:
    assert since(said, NOW) == datetime.fromisoformat(moment).replace(tzinfo=WIB)


@pytest.mark.parametrize("said", ["", "yesterday-ish", "25:00", "2026-13-01", "-1h", "h"])
def test_since_nonsense(said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", f"--since={said}", "--file", "x"]) == Exit.USAGE
    assert "say 30m" in capsys.readouterr().err


@pytest.fixture
def journalctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a journalctl first that prints a file and remembers its words."""
    program = tmp_path / "journalctl"
    program.write_text(
        f"#!{sys.executable}\nimport pathlib, sys\nhome = pathlib.Path({str(tmp_path)!r})\n"
        "(home / 'words').write_text(' '.join(sys.argv[1:]))\n"
        "sys.stdout.write((home / 'lines').read_text())\n"
        "sys.stderr.write((home / 'trouble').read_text())\n"
        "sys.exit(int((home / 'code').read_text()))\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "code").write_text("0")
    (tmp_path / "trouble").write_text("")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin")
    return tmp_path


def test_systemd_s_journal_is_read(journalctl: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = {"__REALTIME_TIMESTAMP": f"{4_000_000_000_000_000}", "MESSAGE": "lobi: timed out"}
    (journalctl / "lines").write_text(f"{json.dumps(said)}\n" * 3)
    assert main(["logs", "--since", "2h"]) == Exit.OK
    out = capsys.readouterr().out
    assert out.count("lobi: timed out") == 1
    assert "2 more times" in out
    words = (journalctl / "words").read_text()
    assert "--unit=presensi-*" in words
    assert "--since=@" in words
    assert main(["logs", "--json", "--source", "pintu"]) == Exit.OK
    assert "nothing since" in capsys.readouterr().err
    (journalctl / "code").write_text("1")
    (journalctl / "lines").write_text("")
    (journalctl / "trouble").write_text("Failed to add filter for units: No data available\n")
    assert main(["logs"]) == Exit.OK
    assert "was started by hand" in capsys.readouterr().err
    (journalctl / "trouble").write_text("No such unit\n")
    assert main(["logs"]) == Exit.UNAVAILABLE
    assert "journalctl: No such unit" in capsys.readouterr().err


def test_a_machine_without_systemd_is_told_where_logs_go(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["logs"]) == Exit.UNAVAILABLE
    assert "--file kiosk.log" in capsys.readouterr().err
    assert main(["logs", "--file", str(tmp_path / "none")]) == Exit.UNAVAILABLE
    assert "No such file" in capsys.readouterr().err
    log = tmp_path / "kiosk.log"
    log.write_text("2096-11-24 07:28:41,005 ERROR lobi: x\n2096-11-24 07:28:41,005 INFO y\n")
    assert main(["logs", "--file", str(log), "--level", "warning", "--json"]) == Exit.OK
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["text"] == "lobi: x"


def test_a_file_is_followed_and_begun_anew(tmp_path: Path) -> None:
    log = tmp_path / "kiosk.log"
    log.write_text("2026-11-24 07:28:41,005 ERROR a\n2026-11-24 07:28:41,0")
    lines = of_file(log, follow=True)
    assert next(lines).text == "a"
    with log.open("a") as file:
        file.write("05 INFO half a line\n")
    assert next(lines).text == "half a line"
    log.write_text("2026-11-24 07:28:41,005 INFO new\n")
    assert next(lines).text == "new"
