"""The systemd units: hardened, apart from one another, under users that exist."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from kiosk.app import COMMIT_MOST_S

SYSTEMD = Path(__file__).parents[2] / "systemd"

MOST_EXPOSED = 15
"""Tenths, as `systemd-analyze security` counts; below 2 is "OK", its best."""

UNITS = sorted(one.name for one in SYSTEMD.glob("*.service"))
TIMERS = sorted(one.name for one in SYSTEMD.glob("*.timer"))

KIOSK = "/opt/presensi-kiosk/current/bin/kiosk"


class _Many(dict[str, str]):
    """systemd adds up what is said twice."""

    def __setitem__(self, key: str, value: str) -> None:
        if isinstance(value, list) and key in self:
            value = [*self[key], *value]
        super().__setitem__(key, value)


def unit(name: str) -> configparser.RawConfigParser:
    said = configparser.RawConfigParser(strict=False, dict_type=_Many, interpolation=None)
    said.optionxform = str  # type: ignore[assignment,method-assign]
    said.read(SYSTEMD / name)
    return said


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
@pytest.mark.parametrize("name", UNITS)
def test_a_unit_gives_away_little(name: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", name],
        cwd=SYSTEMD,
        env={"SYSTEMD_UNIT_PATH": f"{SYSTEMD}:", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-400:] + done.stderr


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a machine's root with our units, and programs of the names that they start."""
    root = tmp_path_factory.mktemp("root")
    units = root / "etc/systemd/system"
    shutil.copytree(SYSTEMD, units)
    if Path("/lib/systemd/system").is_dir():  # theirs, which ours are ordered by
        shutil.copytree("/lib/systemd/system", root / "lib/systemd/system", symlinks=True)
    for name in UNITS:
        for program in words(unit(name)["Service"]["ExecStart"]):
            if program.startswith("/") and not (root / program[1:]).exists():
                (root / program[1:]).parent.mkdir(parents=True, exist_ok=True)
                (root / program[1:]).write_text("#!/bin/sh\n")
                (root / program[1:]).chmod(0o755)
    return root


def words(said: str) -> list[str]:
    return [word for word in said.split() if word != "\\"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
@pytest.mark.parametrize("name", UNITS + TIMERS)
def test_systemd_understands_every_word(root: Path, name: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", f"--root={root}", "--man=no", name],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    # A word that it does not know is a warning to it; to us it is a line that does nothing.
    wrong = [line for line in done.stderr.splitlines() if "presensi-" in line]
    assert (done.returncode, wrong) == (0, [])


def test_a_card_is_set_up_before_anything_wants_settings() -> None:
    said = unit("presensi-setup.service")
    daemon = "presensi-kiosk.service"
    assert {daemon, "presensi-screen.service"} <= set(said["Unit"]["Before"].split())
    where = said["Unit"]["ConditionPathExists"].splitlines()
    assert {Path(one.lstrip("|")).parent for one in where} == {
        Path("/boot/firmware"),
        Path("/boot"),
    }
    assert all(one.startswith("|") for one in where), "any of them"
    # As whoever owns the data; and whom FAT, which knows no owners, lets write.
    assert said["Service"]["User"] == unit(daemon)["Service"]["User"]
    assert said["Service"]["CapabilityBoundingSet"] == "CAP_DAC_OVERRIDE"


def test_what_is_started_is_the_release_that_holds() -> None:
    for name in UNITS:
        program, *_ = words(unit(name)["Service"]["ExecStart"])
        # A release that does not even start cannot judge itself: the one before does.
        judge = {"presensi-trial.service": KIOSK.replace("current", "earlier")}
        assert program in (judge.get(name, KIOSK), "/usr/bin/cage"), name


@pytest.mark.parametrize("name", TIMERS)
def test_a_timer_has_what_it_starts_and_needs_no_calendar(name: str) -> None:
    assert name.replace(".timer", ".service") in UNITS
    # A Pi may believe that it is 2023 for days.
    assert "OnCalendar" not in unit(name)["Timer"]
    assert {"OnBootSec", "OnUnitActiveSec"} <= set(unit(name)["Timer"])


def test_only_proof_of_work_feeds_the_watchdog() -> None:
    daemon = unit("presensi-kiosk.service")["Service"]
    assert daemon["Type"] == "notify"
    assert "NotifyAccess" not in daemon, "main: no child of the daemon speaks for it"
    assert int(daemon["WatchdogSec"]) > COMMIT_MOST_S
    assert daemon["Restart"] == "always"
    for name in UNITS:
        if "Restart" in unit(name)["Service"]:
            assert unit(name)["Unit"]["StartLimitIntervalSec"] == "0", "it never gives up"


def test_the_browser_can_go_nowhere_else() -> None:
    browser = unit("presensi-browser.service")["Service"]
    assert browser["IPAddressDeny"] == "any"
    assert browser["IPAddressAllow"] == "localhost"
    assert browser["User"] not in (unit("presensi-kiosk.service")["Service"]["User"], "root")
    assert "presensi" not in browser["SupplementaryGroups"].split(), "the daemon's socket"


def test_every_group_is_there_even_without_udev() -> None:
    """A unit that is to be in a group that is missing does not start at all."""
    made = {line.split()[1] for line in sysusers() if line.startswith(("u ", "g "))}
    debian = {"audio", "dialout", "video", "root"}  # base-passwd has them
    for name in UNITS:
        wanted = unit(name)["Service"].get("SupplementaryGroups", "").split()
        assert set(wanted) <= made | debian, name


def test_every_directory_and_file_is_somebodys() -> None:
    made = {line.split()[1] for line in sysusers() if line.startswith("u ")} | {"root"}
    for line in (SYSTEMD / "presensi-kiosk.tmpfiles").read_text().splitlines():
        if not line.startswith("#"):
            _kind, path, mode, user, group = line.split()
            assert {user, group} <= made, line
            assert int(mode, 8) & 0o007 in (0, 5), line
            if path.startswith("/etc/presensi-kiosk/release-keys"):
                assert (user, int(mode, 8) & 0o022) == ("root", 0), "whose software runs here"


def sysusers() -> list[str]:
    return (SYSTEMD / "presensi-kiosk.sysusers").read_text().splitlines()


def test_the_screen_starts_without_the_daemon_and_outlives_it() -> None:
    said = unit("presensi-screen.service")
    tied = {"Requires", "BindsTo", "PartOf", "Requisite", "Upholds", "Wants", "After", "Conflicts"}
    for name in tied & set(said["Unit"]):
        assert "presensi-kiosk" not in said["Unit"][name], name
    assert said["Service"]["Restart"] == "always"
    assert "StateDirectory" not in said["Service"], "what the daemon keeps is the daemon's"


def test_the_screen_may_open_the_daemons_socket_and_none_of_its_files() -> None:
    daemon, screen = unit("presensi-kiosk.service"), unit("presensi-screen.service")
    assert screen["Service"]["User"] != daemon["Service"]["User"]
    assert screen["Service"]["SupplementaryGroups"] == daemon["Service"]["Group"]
    # Files are the daemon's user's only; the directory lets its group pass.
    assert daemon["Service"]["UMask"] == "0077"
    assert daemon["Service"]["StateDirectoryMode"] == "0750"


def test_a_cameras_recognizer_may_be_ended_without_the_daemon() -> None:
    """The kernel ends whoever has the most memory; that is no reason to stop the unit."""
    daemon = unit("presensi-kiosk.service")["Service"]
    assert daemon["OOMPolicy"] == "continue"
    assert daemon["MemoryMax"] == "75%"
    assert "video" in daemon["SupplementaryGroups"].split()


def test_whatever_a_serial_port_is_called_the_daemon_may_open_it() -> None:
    text = (SYSTEMD / "presensi-kiosk.service").read_text()
    for driver in ("ttyUSB", "ttyACM", "ttyAMA", "ttyS"):
        assert f"DeviceAllow=char-{driver} rw" in text.splitlines()
    assert "dialout" in unit("presensi-kiosk.service")["Service"]["SupplementaryGroups"].split()


def test_every_user_is_made() -> None:
    lines = sysusers()
    made = {line.split()[1] for line in lines if line.startswith("u ")}
    assert made | {"root"} == {unit(name)["Service"]["User"] for name in UNITS}
    assert [name for name in UNITS if unit(name)["Service"]["User"] == "root"] == [
        "presensi-trial.service"
    ]
    assert "m presensi-screen presensi" in lines


def test_until_it_is_set_up_only_the_screen_runs_and_says_so() -> None:
    """Else the daemon is started every other second for as long as a card lies in a drawer."""
    config = "/etc/presensi-kiosk/kiosk.toml"
    for name in ("presensi-kiosk.service", "presensi-doctor.service"):
        assert unit(name)["Unit"]["ConditionPathExists"] == config, name
    assert "ConditionPathExists" not in unit("presensi-screen.service")["Unit"]
    assert "presensi-kiosk.service" in unit("presensi-setup.service")["Unit"]["Before"].split()
