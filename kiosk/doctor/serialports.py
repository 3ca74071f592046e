"""Serial ports that the settings name: are they there, may they be opened, who else wants them?"""

import grp
import os
import pwd
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from drivers.options import SerialLine
from drivers.serialport import holder_of
from kiosk.doctor.machine import Machine, fact
from kiosk.facts import Fact

RULES: Final = "/etc/udev/rules.d/70-presensi-serial.rules"
_PASSING: Final = ("/dev/ttyUSB", "/dev/ttyACM")


def findings(
    machine: Machine, lines: Sequence[SerialLine], user: str = "presensi"
) -> Iterator[Fact]:
    """Yield what there is to say of each port; `user` is whom the daemon runs as."""
    lines = [one for one in lines if one.port.startswith("/")]
    for one in lines:
        yield _port(machine, one, user)
    if lines:
        yield from _modem_manager(machine)


def _port(machine: Machine, one: SerialLine, user: str) -> Fact:
    title, path = f"Port {one.name}", machine.path(one.port)
    if not path.exists():
        return fact(title, one.port, bad=True, advice=[
            f"there is no {one.port}: is it plugged in? kiosk devices ports shows what there is"
        ])  # fmt: skip
    advice = []
    if one.port.startswith(_PASSING):
        advice.append(
            f"{one.port} may be another device after the next plug: use the name in "
            "/dev/serial/by-id or by-path that kiosk devices ports shows"
        )
    advice += _rights(path, user)
    if _is_console(machine, path):
        advice.append(
            "the system's console is on this port, and its words go to the module: take "
            f"console={path.resolve().name} (or serial0) out of /boot/firmware/cmdline.txt, and "
            f"systemctl disable --now serial-getty@{path.resolve().name}"
        )
    by = holder_of(str(path))
    if by and not by.startswith(("kiosk", "python")):
        advice.append(f"another program has it open: {by}. End it, one port has one reader")
    return fact(title, one.port, advice)


def _rights(path: Path, user: str) -> list[str]:
    """Return what keeps the daemon's user from opening the port; nothing on another machine."""
    try:
        who, found = pwd.getpwnam(user), path.stat()
    except (KeyError, OSError):
        return []
    groups = set(os.getgrouplist(user, who.pw_gid))
    if who.pw_uid == found.st_uid and found.st_mode & 0o600 == 0o600:
        return []
    if (found.st_gid in groups and found.st_mode & 0o060 == 0o060) or found.st_mode & 0o006 == 6:
        return []
    try:
        group = grp.getgrgid(found.st_gid).gr_name
    except KeyError:
        group = str(found.st_gid)
    return [
        f"{user} may not open it: it belongs to group {group} with mode {found.st_mode & 0o777:o}. "
        f"usermod -aG {group} {user}, then systemctl restart presensi-kiosk; or our udev rules"
    ]


def _is_console(machine: Machine, path: Path) -> bool:
    words = (machine.text("/proc/cmdline") or "").split()
    names = {one.removeprefix("console=").split(",")[0] for one in words if "console=" in one}
    here = {path.name, path.resolve().name}
    if names & here:
        return True
    first = machine.path("/dev/serial0")
    return "serial0" in names and first.exists() and first.resolve() == path.resolve()


def _modem_manager(machine: Machine) -> Iterator[Fact]:
    said = (machine.run(("systemctl", "is-active", "ModemManager")) or "").strip()
    if said != "active":
        return
    advice = []
    if machine.text(RULES) is None:
        advice.append(
            "ModemManager speaks to every new port for some ten seconds, which a sensor does not "
            f"understand: install config/udev/70-presensi-serial.rules to {RULES} and udevadm "
            "control --reload, or apt-get remove modemmanager"
        )
    yield fact("ModemManager", "berjalan", advice)
