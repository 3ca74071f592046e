"""Serial ports that the settings name: are they there, may they be opened, who else wants them?"""

import grp
import os
import pwd
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from drivers.options import SerialLine
from drivers.ports import Port
from kiosk.doctor.machine import Machine, fact
from kiosk.facts import Fact

OURS: Final = ("kiosk", "python")
"""How a process is called that is the daemon itself."""

_PASSING: Final = ("/dev/ttyUSB", "/dev/ttyACM")


def findings(
    machine: Machine,
    lines: Sequence[SerialLine],
    ports: Sequence[Port],
    user: str = "presensi",
) -> Iterator[Fact]:
    """Yield what there is to say of each source's port.

    `ports` are those of this machine (`drivers.ports.listed`); `user` is whom the daemon runs as.
    """
    by_device = {one.device: one for one in ports}
    for one in lines:
        if one.port.startswith("/"):
            yield _source(machine, one, by_device, user)


def _source(machine: Machine, one: SerialLine, ports: dict[str, Port], user: str) -> Fact:
    title, path = f"Port {one.name}", machine.path(one.port)
    if not path.exists():
        return fact(
            title,
            one.port,
            [f"there is no {one.port}: is it plugged in? kiosk devices ports shows what there is"],
            bad=True,
        )
    advice = []
    port = ports.get(machine.name(path.resolve()))
    if one.port.startswith(_PASSING):
        name = f"{port.use}, {port.why}" if port is not None else "by-id or by-path"
        advice.append(f"{one.port} may be another device after the next plug: name it {name}")
    advice += _rights(path, user)
    if port is not None:
        advice += port.troubles
        if port.holder and not port.holder.startswith(OURS):
            advice.append(f"another program has it open: {port.holder}. End it")
    return fact(title, one.port, advice)


def _rights(path: Path, user: str) -> list[str]:
    """Return what keeps the daemon's user from opening the port; nothing where there is none."""
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
