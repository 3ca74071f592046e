"""The udev rules that are shipped: they parse, they come before ModemManager's, modems are left."""

import re
import shutil
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

RULES = Path(__file__).parents[2] / "config" / "udev" / "70-presensi-serial.rules"

TOKEN = re.compile(
    r'(?P<key>[A-Z]+)(?:\{(?P<of>[^}]+)\})?\s*(?P<how>==|!=|\+=|-=|:=|=)\s*"(?P<value>[^"]*)"'
)
MATCHES = {"ACTION", "SUBSYSTEM", "SUBSYSTEMS", "KERNEL", "ATTRS", "TEST"}
ASSIGNS = {"GROUP", "MODE", "GOTO", "LABEL"}


def rules() -> list[list[re.Match[str]]]:
    """Return each rule's tokens; fails where anything stands between them."""
    made = []
    for line in RULES.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        tokens = list(TOKEN.finditer(line))
        assert re.sub(r"[\s,]", "", TOKEN.sub("", line)) == "", line
        made.append(tokens)
    return made


def applied(event: dict[str, str]) -> dict[str, str]:
    """Return what the rules set for an event; as udev goes through them."""
    done: dict[str, str] = {}
    label = ""
    for tokens in rules():
        labels = [one["value"] for one in tokens if one["key"] == "LABEL"]
        if label and label not in labels:
            continue
        label = ""
        if all(_holds(one, event) for one in tokens if one["how"] in ("==", "!=")):
            for one in tokens:
                if one["key"] == "GOTO":
                    label = one["value"]
                elif one["how"] == "=" and one["key"] != "LABEL":
                    done[f"{one['key']}{{{one['of']}}}" if one["of"] else one["key"]] = one["value"]
    assert not label, "it goes to a label that is there"
    return done


def _holds(token: re.Match[str], event: dict[str, str]) -> bool:
    name = f"{token['key']}{{{token['of']}}}" if token["of"] else token["key"]
    if token["key"] == "TEST":
        return True
    matches = any(fnmatchcase(event.get(name, ""), one) for one in token["value"].split("|"))
    return matches == (token["how"] == "==")


def tty(name: str, vendor: str) -> dict[str, str]:
    return {
        "ACTION": "add", "SUBSYSTEM": "tty", "SUBSYSTEMS": "usb", "KERNEL": name,
        "ATTRS{idVendor}": vendor,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["ttyUSB0", "ttyUSB12", "ttyACM0"])
def test_readers_are_ours_alone(name: str) -> None:
    done = applied(tty(name, "1a86"))
    assert (done["GROUP"], done["MODE"]) == ("dialout", "0660")
    assert done["ENV{ID_MM_DEVICE_IGNORE}"] == "1"


@pytest.mark.parametrize("vendor", ["12d1", "2c7c", "1e0e"])
def test_a_modem_is_left_to_whoever_dials(vendor: str) -> None:
    assert "ENV{ID_MM_DEVICE_IGNORE}" not in applied(tty("ttyUSB0", vendor))


@pytest.mark.parametrize("name", ["tty1", "ttyS0", "ttyAMA0", "ttyGS0"])
def test_other_ttys_are_left_alone(name: str) -> None:
    assert applied(tty(name, "")) == {}


@pytest.mark.parametrize(
    ("said", "is_kept_awake"),
    [
        ({"ATTR{idVendor}": "1a86"}, True),
        ({"ATTR{idVendor}": "26f1", "ENV{ID_USB_INTERFACES}": ":020201:0a0000:"}, True),
        ({"ATTR{idVendor}": "046d", "ENV{ID_USB_INTERFACES}": ":030101:"}, False),
    ],
)
def test_what_reads_is_kept_awake(said: dict[str, str], is_kept_awake: bool) -> None:
    event = {"ACTION": "add", "SUBSYSTEM": "usb", "ENV{DEVTYPE}": "usb_device", **said}
    assert ("ATTR{power/control}" in applied(event)) == is_kept_awake
    assert "GROUP" not in applied(event)


def test_nothing_is_done_when_it_is_pulled_out() -> None:
    assert applied({**tty("ttyUSB0", "1a86"), "ACTION": "remove"}) == {}


def test_every_word_is_one_that_udev_knows() -> None:
    for tokens in rules():
        for one in tokens:
            known = (
                {*MATCHES, "ENV", "ATTR"}
                if one["how"] in ("==", "!=")
                else {*ASSIGNS, "ENV", "ATTR"}
            )
            assert one["key"] in known, one[0]
    assert RULES.name < "77", "ModemManager's are 77 and 80"


@pytest.mark.skipif(shutil.which("udevadm") is None, reason="no udevadm here")
def test_udev_itself_reads_them() -> None:
    done = subprocess.run(["udevadm", "verify", str(RULES)], capture_output=True, text=True)
    if "Unknown" in done.stderr or "unknown" in done.stderr:
        pytest.skip("this udevadm is older than 254 and verifies nothing")
    assert done.returncode == 0, done.stdout + done.stderr
