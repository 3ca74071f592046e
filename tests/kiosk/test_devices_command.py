"""`kiosk devices`: the list, and what a technician asks the daemon for."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import pytest
from msgspec import structs

from kiosk.cli import main
from kiosk.cli.exits import Exit
from kiosk.collect import NotReplaced, Seen
from kiosk.devices import Devices
from kiosk.health import SourceStatus
from kiosk.local import Local
from sync.protocol.identity import PrivateKey
from tests.kiosk.served import serving
from tests.kiosk.test_commands import SETTINGS
from tests.kiosk.test_local import STATUS

LOBI = SourceStatus(
    name="lobi",
    connected=True,
    phase="working",
    failures=0,
    error="",
    serial="T2",
    model="F19",
    bound_to="T1",
    drift_ms=-1500,
    recorded=3,
    covered="2026-11-24T07:30:00",
    records=12,
)


class FakeCollector:
    is_called = False

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refusal = ""
        self.seen = Seen()

    def replace(self, actor: str) -> str:
        if self.refusal:
            raise NotReplaced(self.refusal)
        self.asked.append(f"replace by {actor}")
        return "lobi is bound to T2; before it was T1"

    def read_again(self) -> None:
        self.asked.append("read")


class Nowhere:
    """A kiosk of which nothing is asked here."""

    def record(self, actor: str, action: str, detail: dict[str, str]) -> None:
        raise AssertionError

    def knows(self, user: str) -> bool:
        raise AssertionError

    def local_time(self, zone: str) -> datetime | None:
        raise AssertionError


class Daemon:
    def __init__(self, home: Path) -> None:
        self.config = home / "kiosk.toml"
        self.config.write_text(SETTINGS)
        (home / "central.pem").write_bytes(PrivateKey.generate().public.pem)
        (home / "data").mkdir()
        self.collector = FakeCollector()
        self.source = LOBI
        devices = Devices({"lobi": self.collector}, Nowhere())  # type: ignore[dict-item]
        self.local = Local(home / "data" / "kiosk.sock")
        self.local.status = lambda: structs.replace(STATUS, sources=[self.source])
        self.local.carry_out = devices.carries_out


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    one = Daemon(tmp_path)
    with serving(one.local):
        yield one


def kiosk(daemon: Daemon, *words: str) -> int:
    return main([*words, "--config", str(daemon.config)])


def test_the_list_says_what_answers_and_what_to_do(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kiosk(daemon, "devices") == Exit.OK
    said = capsys.readouterr().out
    assert said.splitlines()[:4] == [
        "lobi   connected",
        "  terminal   F19, serial T2",
        "  clock      -1.5 s from ours",
        "  record     12 rows, read completely to 2026-11-24T07:30:00",
    ]
    assert "ANOTHER TERMINAL answers, T2, not T1" in said
    assert "kiosk devices replace lobi --by NAME" in said
    assert kiosk(daemon, "status") == Exit.OK
    assert "ANOTHER TERMINAL" in capsys.readouterr().out
    daemon.source = structs.replace(LOBI, serial="T1", drift_ms=None, covered="", connected=False)
    assert kiosk(daemon, "devices") == Exit.OK
    said = capsys.readouterr().out
    assert "ANOTHER" not in said
    assert "lobi   working" in said
    assert "? from ours" in said
    assert "read completely to never" in said


def test_it_is_the_same_in_json(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    assert kiosk(daemon, "devices", "--json") == Exit.OK
    [one] = json.loads(capsys.readouterr().out)
    assert (one["name"], one["serial"], one["bound_to"]) == ("lobi", "T2", "T1")


def test_a_replaced_terminal_is_bound_with_a_name(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kiosk(daemon, "devices", "replace", "lobi", "--by", "rudi") == Exit.OK
    assert capsys.readouterr().out == "lobi is bound to T2; before it was T1\n"
    assert kiosk(daemon, "devices", "read", "lobi") == Exit.OK
    assert "its whole record is read again" in capsys.readouterr().out
    assert daemon.collector.asked == ["replace by rudi", "read"]


def test_what_keeps_no_record_is_not_read_again(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.collector.seen.has_clock = False
    assert kiosk(daemon, "devices", "read", "lobi") == Exit.FAILED
    assert "keeps no record" in capsys.readouterr().err
    assert daemon.collector.asked == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["replace", "gerbang", "--by", "rudi"], "there is no source 'gerbang'; there are: lobi"),
        (["replace", "lobi", "--by", " "], "Say --by NAME"),
        (["read", "gerbang"], "there is no source 'gerbang'"),
        (["replace", "lobi", "--by", "rudi"], "lobi: no terminal answers"),
    ],
)
def test_what_cannot_be_done_is_said(
    daemon: Daemon, capsys: pytest.CaptureFixture[str], words: list[str], why: str
) -> None:
    daemon.collector.refusal = "lobi: no terminal answers; connect the new one first"
    assert kiosk(daemon, "devices", *words) == Exit.FAILED
    assert why in capsys.readouterr().err
    assert daemon.collector.asked == []


def test_a_comm_key_is_asked_for_and_never_an_argument(
    daemon: Daemon, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arguments are read by every user of the machine, and kept by the shell."""
    asked: list[Mapping[str, str]] = []

    def comm_key(said: Mapping[str, str]) -> str:
        asked.append(said)
        return "set"

    daemon.local.carry_out = {"comm key": comm_key}
    monkeypatch.setattr("kiosk.cli.devices.getpass", lambda _: "482913")
    assert kiosk(daemon, "devices", "comm-key", "lobi", "--by", "rudi") == Exit.OK
    assert asked == [{"source": "lobi", "by": "rudi", "key": "482913"}]
    assert "482913" not in capsys.readouterr().out
    with pytest.raises(SystemExit):
        kiosk(daemon, "devices", "comm-key", "lobi", "482913", "--by", "rudi")


def test_without_anybody_there_no_comm_key_is_set(
    daemon: Daemon, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("kiosk.cli.devices.getpass", nobody)
    assert kiosk(daemon, "devices", "comm-key", "lobi", "--by", "rudi") == Exit.USAGE
    assert "nobody is there to say the key" in capsys.readouterr().err


class Roster:
    """The daemon's end of `roster`: shows a plan, and keeps what is asked."""

    def __init__(self, plan: str) -> None:
        self.plan = plan
        self.asked: list[dict[str, str]] = []

    def __call__(self, said: Mapping[str, str]) -> str:
        self.asked.append(dict(said))
        if said.get("plan"):
            return json.dumps({"lines": ["unknown   9"], "plan": "", "done": "done and read back"})
        done = "" if self.plan else "by policy 'report' nothing is to be written"
        return json.dumps({"lines": ["missing   17 Budi"], "plan": self.plan, "done": done})


def test_the_roster_is_shown_and_done_as_shown(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    roster = Roster("abc")
    daemon.local.carry_out = {"roster": roster}
    words = ["devices", "roster", "lobi", "--as", "add"]
    assert kiosk(daemon, *words, "--dry-run") == Exit.OK
    assert capsys.readouterr().out == "missing   17 Budi\nnothing is written: --dry-run\n"
    assert kiosk(daemon, *words, "--yes") == Exit.USAGE  # who does it?
    assert kiosk(daemon, *words, "--by", "rudi") == Exit.USAGE  # nobody there to agree
    assert not any("plan" in one for one in roster.asked)
    capsys.readouterr()
    assert kiosk(daemon, *words, "--yes", "--by", "rudi") == Exit.OK
    said = capsys.readouterr().out
    assert said == "missing   17 Budi\nleft: unknown   9\ndone and read back\n"
    expected = {"source": "lobi", "by": "rudi", "policy": "add", "plan": "abc"}
    assert roster.asked[-1] == expected
    assert kiosk(daemon, *words, "--yes", "--by", "rudi", "--json") == Exit.OK
    assert json.loads(capsys.readouterr().out)["done"] == "done and read back"


def test_a_roster_without_a_plan_says_why(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    roster = Roster("")
    daemon.local.carry_out = {"roster": roster}
    assert kiosk(daemon, "devices", "roster", "lobi", "--yes", "--by", "rudi") == Exit.OK
    assert capsys.readouterr().out.splitlines() == [
        "missing   17 Budi",
        "by policy 'report' nothing is to be written",
    ]
    words = ["devices", "roster", "lobi", "--settle", "17", "--settle", "18", "--by", "rudi"]
    assert kiosk(daemon, *words, "--json") == Exit.OK
    assert json.loads(capsys.readouterr().out)["lines"] == ["missing   17 Budi"]
    assert roster.asked[-1]["settle"] == "17,18"
