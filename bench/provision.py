"""From a fresh card to the first receipt: how long a kiosk takes to become one.

    python bench/provision.py [--quick] [--directory DIR]

A real mosquitto with TLS and the ACL of config/, presensi-central with a claim, and a simulated
terminal at which one person has punched. Then, with an empty data directory and a file on the boot
partition (a directory here, on the disk that is used), `kiosk setup --first-boot` and `kiosk run`,
as systemd runs them one after the other. Prints one JSON line; seconds:

    setup      the file read and checked, key made, enrolled over HTTP, all written and wiped
    receipt    from the daemon's start to central's receipt for that punch
    whole      both: from power on, as far as it is ours, to the first receipt
"""

import argparse
import json
import socket
import tempfile
import time
from pathlib import Path
from statistics import median

from stand.provision import Centre, file_on_card, has_receipts, program, until

from drivers.sim.zkteco import SimulatedTerminal, simulated_staff


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one card and not five")
    parser.add_argument("--directory", type=Path, default=Path.cwd(), help="on the disk to use")
    given = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory(dir=given.directory, prefix="bench-provision-") as name:
        home = Path(name)
        with Centre(home, *free_ports(2)) as centre:
            for number in range(1 if given.quick else 5):
                found.append(provisioned(centre, f"kiosk-{number}"))
    middle = {key: round(median(one[key] for one in found), 2) for key in found[0]}
    print(json.dumps({"cards": len(found), **middle}))


def free_ports(number: int) -> list[int]:
    """Return ports that nobody has."""
    probes = [socket.socket() for _ in range(number)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def provisioned(centre: Centre, kiosk: str) -> dict[str, float]:
    """Return the seconds of one card."""
    boot, data = centre.home / f"{kiosk}-boot", centre.home / kiosk
    config = centre.home / f"{kiosk}-etc" / "kiosk.toml"
    boot.mkdir()
    with SimulatedTerminal(simulated_staff(5), serial=kiosk.upper()) as terminal:
        terminal.punch("1001")
        code = centre.claim(kiosk)
        text = file_on_card(centre.url, code, terminal.port)
        (boot / "presensi-kiosk.toml").write_text(text)
        began = time.monotonic()
        words = ("--first-boot", "--boot", str(boot), "--config", str(config), "--data", str(data))
        centre.run("kiosk", "setup", *words)
        set_up = time.monotonic()
        daemon = centre.start(program("kiosk"), "run", "--config", str(config))
        until("the first receipt", lambda: has_receipts(data, 1))
        ended = time.monotonic()
        daemon.terminate()
        daemon.wait(20)
    return {"setup": set_up - began, "receipt": ended - set_up, "whole": ended - began}


if __name__ == "__main__":
    main()
