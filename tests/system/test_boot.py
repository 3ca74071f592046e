"""The units under a real systemd: start, hang, crash after crash, stop; after it all is there."""

import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from setup_parts import Central
from web import served

from drivers.sim.zkteco import SimulatedTerminal, simulated_staff
from sync.protocol.identity import PrivateKey
from tests.conftest import several_free_ports
from tests.system.booted import KIOSK, Booted, build_tree, debian, later

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

DAEMON, SCREEN = "presensi-kiosk.service", "presensi-screen.service"
SETUP, CARD = "presensi-setup.service", "/boot/firmware"
WATCHDOG_S = 8

SETTINGS = """\
kiosk = "k1"
data = "/var/lib/presensi-kiosk"
central = ["central.pem"]
[line]
host = "127.0.0.1"
port = 1
[screen]
port = {screen}
[screen.technician]
port = 0
[[sources]]
kind = "zkteco"
name = "lobi"
host = "127.0.0.1"
port = {terminal}
timezone = "UTC"
timeout_s = 2.0
check_s = 1.0
"""


ON_CARD = """\
central = "{url}"
code = "{code}"
[[sources]]
kind = "zkteco"
name = "lobi"
host = "127.0.0.1"
port = {terminal}
"""


def wall_clock() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class Office:
    """A machine with the kiosk, and a terminal at which people punch."""

    def __init__(self, machine: Booted, tree: Path, terminal: SimulatedTerminal) -> None:
        self.machine = machine
        self.tree = tree
        self._terminal = terminal
        self.port = terminal.port
        self.punched = 0

    def status(self) -> dict[str, Any]:
        """Return what the daemon says; nothing while there is none."""
        done = self.machine.try_(KIOSK, "status", "--json")
        return dict(json.loads(done.stdout)) if done.returncode == 0 else {}

    def connected(self) -> bool:
        return any(one["connected"] for one in self.status().get("sources", ()))

    def software(self) -> str:
        return str(self.status().get("software", ""))

    def releases(self) -> dict[str, Any]:
        return dict(json.loads(self.machine.run(KIOSK, "release", "list", "--json")))

    def punch(self) -> None:
        self._terminal.punch(str(1001 + self.punched % 5))
        self.punched += 1

    def main(self) -> int:
        return int(self.machine.unit(DAEMON, "MainPID") or 0)

    def signal(self, name: str) -> None:
        self.machine.run("systemctl", "kill", "--kill-who=main", f"--signal={name}", DAEMON)

    def works_again(self, before: int) -> None:
        """Wait for another process that does all its work: one more punch is on its disk."""
        self.machine.until(
            "another daemon is active",
            lambda: (
                self.main() not in (0, before)
                and self.machine.unit(DAEMON, "ActiveState") == "active"
            ),
        )
        self.machine.until("it reads the terminal", self.connected)
        self.punch()
        self.machine.until("a punch is recorded", self.has_all)

    def has_all(self) -> bool:
        done = self.machine.try_(KIOSK, "journal", "stats", "--json")
        return done.returncode == 0 and f'"presence":{self.punched}' in re.sub(
            r"\s", "", done.stdout
        )


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    base = debian()
    machine = Booted(tmp_path)
    [screen] = several_free_ports(1)
    with SimulatedTerminal(simulated_staff(5), clock=wall_clock) as terminal:
        try:
            machine.prepare(base)
            tree = build_tree(tmp_path / "tree")
            machine.install(tree, "0.1.0")
            machine.put(
                "/etc/presensi-kiosk/kiosk.toml",
                SETTINGS.format(screen=screen, terminal=terminal.port),
            )
            machine.put(
                "/etc/presensi-kiosk/central.pem", PrivateKey.generate().public.pem.decode()
            )
            # Only so that this test does not wait for minutes.
            machine.put(
                f"/etc/systemd/system/{DAEMON}.d/test.conf",
                f"[Service]\nWatchdogSec={WATCHDOG_S}\n",
            )
            machine.put(
                "/etc/systemd/system/presensi-trial.timer.d/test.conf",
                "[Timer]\nOnUnitActiveSec=2s\n",
            )
            machine.boot()
            yield Office(machine, tree, terminal)
        finally:
            machine.end()


def test_whatever_happens_it_comes_back_with_everything(office: Office) -> None:
    machine = office.machine

    # Start: active is said by the daemon itself, and everything is as the units say.
    machine.until("active", lambda: machine.unit(DAEMON, "ActiveState") == "active")
    machine.until("the screen is active", lambda: machine.unit(SCREEN, "ActiveState") == "active")
    office.works_again(before=0)
    daemon = office.main()
    assert machine.try_("nsenter", "-t", str(daemon), "-m", "touch", "/etc/x").returncode != 0
    status = machine.run("cat", f"/proc/{daemon}/status")
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert machine.run("stat", "-c", "%U %a", f"/proc/{daemon}").split()[0] == "presensi"
    assert machine.run("stat", "-c", "%U %a", "/etc/presensi-kiosk/kiosk.toml") == "root 640\n"
    assert machine.run("stat", "-c", "%U %a", "/var/lib/presensi-kiosk") == "presensi 750\n"

    # A crash loop: whoever kills it, however often.
    for _ in range(5):
        before = office.main()
        office.signal("KILL")
        machine.until("started again", lambda was=before: office.main() not in (0, was))
    office.works_again(before)
    assert int(machine.unit(DAEMON, "NRestarts")) >= 5

    # A process that hangs as a whole.
    before = office.main()
    office.signal("STOP")
    office.works_again(before)
    assert "Watchdog timeout" in machine.journal("-u", DAEMON)

    # Its threads live, its loop turns, and the disk takes nothing: that is no proof of work.
    before = office.main()
    with machine.frozen():
        office.punch()
        machine.until(
            "the watchdog bites",
            lambda: machine.journal("-u", DAEMON).count("Watchdog timeout") == 2,
            within_s=120,
        )
    office.works_again(before)

    # The doctor looks, and that it finds something is no failure of the looking.
    machine.run("systemctl", "start", "presensi-doctor.service")
    assert machine.unit("presensi-doctor.service", "Result") == "success"
    assert "parts: " in machine.journal("-u", "presensi-doctor.service")

    # A release that does not run is returned from by itself; one that does goes on with everything.
    publisher = PrivateKey.generate()
    machine.put("/etc/presensi-kiosk/release-keys/publisher.pem", publisher.public.pem)
    broken = later(office.tree, "0.2.0", publisher, runs='raise SystemExit("broken")')
    machine.put("/media/0.2.0.release", broken)
    machine.run(KIOSK, "release", "install", "/media/0.2.0.release", "--minutes", "0.1")
    assert office.releases()["current"] == "0.2.0"
    machine.until("it has returned", lambda: office.releases()["trial"] is None, within_s=120)
    machine.until(
        "nobody is at it",
        lambda: machine.unit("presensi-trial.service", "ActiveState") != "activating",
    )
    assert office.releases()["current"] == "0.1.0"
    ended = office.releases()["ended"]
    assert ended is not None, machine.journal()
    assert "the daemon does not answer" in ended["why"]
    office.works_again(before=0)
    machine.put("/media/0.3.0.release", later(office.tree, "0.3.0", publisher))
    machine.run(KIOSK, "release", "install", "/media/0.3.0.release")
    machine.until("0.3.0 answers", lambda: office.software() == "presensi-kiosk 0.3.0")
    office.works_again(before=0)
    machine.until(
        "it is seen to be well", lambda: office.releases()["trial"]["well_since_s"] is not None
    )
    machine.run(KIOSK, "release", "return", "--why", "a test")
    machine.until("0.1.0 answers", lambda: office.software() == "presensi-kiosk 0.1.0")
    office.works_again(before=0)
    machine.run(KIOSK, "release", "verify")

    # Told to stop it stops, and nothing is missing.
    machine.run("systemctl", "stop", DAEMON)
    assert machine.unit(DAEMON, "Result") == "success"
    assert machine.unit(DAEMON, "ExecMainCode") == str(os.CLD_EXITED)
    assert machine.unit(SCREEN, "ActiveState") == "active", "the screen outlives the daemon"
    assert office.has_all()
    machine.run(KIOSK, "journal", "verify")

    # What it said stands in the journal, with fields.
    lines = [
        json.loads(line)
        for line in machine.run("journalctl", "-u", DAEMON, "-o", "json").splitlines()
    ]
    ours = [line for line in lines if line.get("SYSLOG_IDENTIFIER") == "presensi-kiosk"]
    assert any((line["PRESENSI_PART"], line["PRIORITY"]) == ("line", "4") for line in ours)
    assert all(re.fullmatch("[0-9a-f]{32}", line["MESSAGE_ID"]) for line in ours)
    assert {line["_SYSTEMD_UNIT"] for line in ours} == {DAEMON}

    first_boot(machine, office.port)


def first_boot(machine: Booted, terminal: int) -> None:
    """Another card in the same machine: nothing is set up, and a file is on its boot partition."""
    central = Central()
    machine.run("sh", "-c", "rm -r /etc/presensi-kiosk/* /var/lib/presensi-kiosk/*")
    with served(central.post) as url:
        text = ON_CARD.format(url=url, code=central.code.text, terminal=terminal)
        machine.run("sh", "-c", f"mkdir -p {CARD}; printf %s '{text}' > {CARD}/presensi-kiosk.toml")
        machine.run("systemctl", "start", SETUP)
    assert "SIAP" in machine.run("cat", f"{CARD}/presensi-kiosk.result.txt")
    left = ["presensi-kiosk.done.toml", "presensi-kiosk.result.txt"]
    assert machine.run("ls", CARD).split() == left
    assert central.code.text not in machine.run("cat", f"{CARD}/{left[0]}")
    key = "/var/lib/presensi-kiosk/device.key"
    assert machine.run("stat", "-c", "%U %a", key) == "presensi 600\n"
    assert machine.run("stat", "-c", "%G %a", "/etc/presensi-kiosk/kiosk.toml") == "presensi 640\n"
    machine.run("systemctl", "start", DAEMON)  # its own word says when it is ready

    # Once it is read it is over: the next start passes it by.
    machine.run("systemctl", "start", SETUP)
    assert machine.unit(SETUP, "ConditionResult") == "no"
    assert len(central.calls) == 1

    # What is wrong is said, and stands in the way of nothing that works already.
    machine.run("sh", "-c", f"echo 'code = 3' > {CARD}/presensi-kiosk.toml")
    assert machine.try_("systemctl", "start", SETUP).returncode != 0
    assert "BELUM DISIAPKAN" in machine.run("cat", f"{CARD}/presensi-kiosk.result.txt")
    assert machine.unit(DAEMON, "ActiveState") == "active"
