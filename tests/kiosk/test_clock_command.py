"""`kiosk clock`: what a technician sees and says, against a daemon's socket."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from msgspec import structs

from kiosk.cli import main
from kiosk.cli.exits import Exit
from kiosk.health import ClockStatus, FixStatus
from kiosk.local import CannotDo, Local
from sync.protocol.identity import PrivateKey
from tests.kiosk.machine import NOW
from tests.kiosk.served import serving
from tests.kiosk.test_commands import SETTINGS
from tests.kiosk.test_local import STATUS

CLOCK = ClockStatus(
    state="witnessed",
    utc=NOW,
    error_ms=61_000,
    anchor="technician",
    may_show_lateness=True,
    trouble="",
    fixes=[FixStatus(NOW, 60_000, "technician")],
)


class Daemon:
    """The daemon's end of the socket, with a clock of the test's choice."""

    def __init__(self, home: Path) -> None:
        self.config = home / "kiosk.toml"
        self.config.write_text(SETTINGS)
        (home / "central.pem").write_bytes(PrivateKey.generate().public.pem)
        (home / "data").mkdir()
        self.clock = CLOCK
        self.said: list[Mapping[str, str]] = []
        self.refusal = ""
        self.local = Local(home / "data" / "kiosk.sock")
        self.local.status = lambda: structs.replace(STATUS, clock=self.clock)
        self.local.carry_out = {"witness": self._witness}

    def _witness(self, said: Mapping[str, str]) -> str:
        self.said.append(said)
        if self.refusal:
            raise CannotDo(self.refusal)
        return "recorded"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    one = Daemon(tmp_path)
    with serving(one.local):
        yield one


def said(capsys: pytest.CaptureFixture[str], daemon: Daemon, *words: str) -> str:
    assert main(["clock", *words, "--config", str(daemon.config)]) == Exit.OK
    return capsys.readouterr().out


def test_it_says_how_far_it_can_be_trusted_and_what_to_do(
    capsys: pytest.CaptureFixture[str], daemon: Daemon
) -> None:
    page = said(capsys, daemon)
    assert "2026-10-28 07:00:00+07:00" in page
    assert "set by a technician's witness, give or take 61.0 s" in page
    assert "NTP would do better" in page
    daemon.clock = structs.replace(
        CLOCK, state="unknown", error_ms=None, anchor="", may_show_lateness=False, trouble="Lies"
    )
    page = said(capsys, daemon)
    assert "NOT KNOWN" in page
    assert "no lateness is shown" in page
    assert "trouble  Lies" in page
    assert "kiosk clock witness" in page
    assert json.loads(said(capsys, daemon, "--json"))["state"] == "unknown"
    assert main(["status", "--config", str(daemon.config)]) == Exit.OK
    page = capsys.readouterr().out
    assert "clock    NOT KNOWN" in page
    assert "         Lies" in page


def test_a_witness_is_passed_on(capsys: pytest.CaptureFixture[str], daemon: Daemon) -> None:
    assert said(capsys, daemon, "witness", "2026-10-28 07:00", "--by", "rudi") == "recorded\n"
    assert daemon.said == [{"by": "rudi", "utc": str(NOW), "error": "60000", "sure": "no"}]
    words = ("witness", "2026-10-28 00:00:00", "--by", "rudi", "--utc", "--error", "5", "--force")
    said(capsys, daemon, *words)
    assert daemon.said[1] == {"by": "rudi", "utc": str(NOW), "error": "5000", "sure": "yes"}


def test_a_refused_witness_says_why_and_how_to_insist(
    capsys: pytest.CaptureFixture[str], daemon: Daemon
) -> None:
    daemon.refusal = "it is before the last known time"
    words = ["clock", "witness", "2020-01-01 00:00", "--by", "x", "--config", str(daemon.config)]
    assert main(words) == Exit.FAILED
    error = capsys.readouterr().err
    assert "before the last known time" in error
    assert "--force" in error
    assert main([*words[:2], "half past seven", *words[3:]]) == Exit.USAGE
    assert "is no time" in capsys.readouterr().err


@pytest.mark.parametrize("error", ["-1", "nan", "inf"])
def test_no_error_is_less_than_nothing_or_without_end(daemon: Daemon, error: str) -> None:
    words = ["clock", "witness", "2026-10-28 07:00", "--by", "x", f"--error={error}"]
    assert main([*words, "--config", str(daemon.config)]) == Exit.USAGE
    assert daemon.said == []
