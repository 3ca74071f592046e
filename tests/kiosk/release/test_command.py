"""`kiosk release`, with real links and programs; only systemd is a fake."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from kiosk.cli import main
from kiosk.cli.exits import Exit
from kiosk.release.house import Releases
from kiosk.release.machine import WATCHED, Done, Systemd, ThisMachine, run
from sync.protocol.identity import PrivateKey
from tests.kiosk.release.parts import KEY, bundle, installed
from tests.kiosk.test_config_command import SETTINGS

PROGRAM = """#!/bin/sh
case "$1" in
  config) exit 0 ;;
  status) {status} ;;
  doctor) echo '{found}'; exit 1 ;;
esac
"""

FOUND = [{"title": "Jurnal", "state": "good"}, {"title": "Terminal lobi", "state": "bad"}]


class Office:
    """A machine's directories, with programs that answer as a release's do."""

    def __init__(self, at: Path) -> None:
        self.config = at / "etc" / "kiosk.toml"
        self.config.parent.mkdir()
        self.config.write_text(SETTINGS)
        (self.config.parent / "central.pem").write_bytes(KEY.public.pem)
        (self.config.parent / "data").mkdir()
        self.releases = Releases(at / "opt")
        self.releases.place.mkdir()
        self.told: list[str] = []
        self.release("0.1.0")
        self.releases.point("current", "0.1.0")

    def release(self, version: str, *, answers: bool = True) -> None:
        installed(self.releases, version)
        program = self.releases.tree(version) / "bin" / "kiosk"
        program.parent.mkdir()
        status = json.dumps({"software": f"presensi-kiosk {version}", "kiosk": "k1"})
        program.write_text(
            PROGRAM.format(
                status=f"echo '{status}'" if answers else "exit 4", found=json.dumps(FOUND)
            )
        )
        program.chmod(0o755)

    def run(self, words: Sequence[str]) -> Done:
        if words[0] != "systemctl":
            return run(words)
        self.told.append(" ".join(words[1:]))
        return Done(0, b"0\n", "")

    def say(self, *words: str) -> int:
        where = ["--config", str(self.config), "--place", str(self.releases.place)]
        return main(["release", *words, *where])


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    made = Office(tmp_path)
    monkeypatch.setattr("kiosk.cli.release.Systemd", lambda: Systemd(made.run))
    monkeypatch.setattr(
        "kiosk.cli.release.ThisMachine", lambda at, file: ThisMachine(at, file, made.run)
    )
    return made


def test_a_release_that_does_not_answer_returns_by_itself(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    office.release("0.2.0", answers=False)
    assert office.say("switch", "0.2.0", "--minutes", "1e-9") == Exit.OK
    assert (office.releases.place / "current").readlink() == Path("releases/0.2.0")
    assert (office.releases.place / "earlier").readlink() == Path("releases/0.1.0")
    stop, *_, watch, reload, start = [one for one in office.told if "is-enabled" not in one][-5:]
    assert stop.startswith("show") or stop.startswith("stop")
    assert (watch, reload) == (f"start {WATCHED}", "daemon-reload")
    assert start.startswith("start --no-block ")
    assert "presensi-kiosk.service" in start

    office.told.clear()
    assert office.say("check") == Exit.OK
    assert (office.releases.place / "current").readlink() == Path("releases/0.1.0")
    assert office.told[-1] == f"stop {WATCHED}"
    capsys.readouterr()
    assert office.say("list") == Exit.OK
    said = capsys.readouterr().out
    assert "0.1.0        holds" in said
    assert "release 0.2.0 was returned from to 0.1.0" in said
    assert "the daemon does not answer" in said
    assert office.say("check") == Exit.OK, "nothing is on trial"


def test_what_is_seen_of_a_release_that_answers(office: Office) -> None:
    look = ThisMachine(office.releases.place / "current", office.config, office.run).look()
    assert (look.version, look.bad, look.restarts) == ("0.1.0", ("Terminal lobi",), 0)


def test_a_program_that_answers_nonsense_is_not_well(office: Office) -> None:
    program = office.releases.tree("0.1.0") / "bin" / "kiosk"
    program.write_text("#!/bin/sh\necho Traceback\n")
    look = ThisMachine(office.releases.place / "current", office.config, office.run).look()
    assert (look.version, look.bad) == ("", ("kiosk doctor",))
    program.unlink()
    look = ThisMachine(office.releases.place / "current", office.config, office.run).look()
    assert (look.version, look.bad) == ("", ("kiosk doctor",))


def test_list_for_programs(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    office.release("0.2.0")
    assert office.say("switch", "0.2.0") == Exit.OK
    capsys.readouterr()
    assert office.say("list", "--json") == Exit.OK
    said = json.loads(capsys.readouterr().out)
    assert (said["current"], said["earlier"]) == ("0.2.0", "0.1.0")
    assert said["trial"]["bad_before"] == ["Terminal lobi"]
    assert office.say("switch", "0.2.0") == Exit.UNAVAILABLE
    assert office.say("return", "--why", "it flickers") == Exit.OK
    assert office.releases.current == "0.1.0"


def test_a_bundle_is_for_whoever_trusts_its_publisher(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = ThisMachine(office.releases.place, office.config, office.run)
    file = bundle(tmp_path, "0.2.0", architecture=machine.architecture, python=machine.python)
    assert office.say("install", str(file)) == Exit.FAILED
    assert "release-keys" in capsys.readouterr().err
    keys = office.config.parent / "release-keys"
    keys.mkdir()
    (keys / "other.pem").write_bytes(PrivateKey.generate().public.pem)
    assert office.say("install", str(file)) == Exit.FAILED
    (keys / "publisher.pem").write_bytes(KEY.public.pem)
    # Its packages are a test's: it is verified, installed, and found not to start.
    assert office.say("install", str(file)) == Exit.FAILED
    assert "does not start here" in capsys.readouterr().err
    assert office.say("verify", "0.2.0") == Exit.OK
    assert f"as signed by {KEY.public.fingerprint[:16]}" in capsys.readouterr().out
    (office.releases.tree("0.2.0") / "lib/python3.11/site-packages/cv2.py").write_text("changed")
    assert office.say("verify", "0.2.0") == Exit.FAILED
    assert "cv2.py for one" in capsys.readouterr().err
    assert office.say("verify", "0.3.0") == Exit.UNAVAILABLE


def test_a_systemd_that_refuses_is_said(
    office: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    office.release("0.2.0")
    monkeypatch.setattr(
        "kiosk.cli.release.Systemd", lambda: Systemd(lambda _: Done(1, b"", "Access denied"))
    )
    assert office.say("switch", "0.2.0") == Exit.STORAGE
    assert "Access denied" in capsys.readouterr().err
