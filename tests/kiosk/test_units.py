"""The systemd units: hardened, apart from one another, under users that exist."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[2] / "systemd"

MOST_EXPOSED = 15
"""Tenths, as `systemd-analyze security` counts; below 2 is "OK", its best."""

UNITS = sorted(one.name for one in SYSTEMD.glob("*.service"))


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
    lines = (SYSTEMD / "presensi-kiosk.sysusers").read_text().splitlines()
    made = {line.split()[1] for line in lines if line.startswith("u ")}
    assert made == {unit(name)["Service"]["User"] for name in UNITS}
    assert "m presensi-screen presensi" in lines
