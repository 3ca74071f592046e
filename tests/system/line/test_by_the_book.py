"""docs/BROKER.md from the first command to the last: the programs as they are installed."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from line_ends import until
from line_post import CONFIG, real_conf

from drivers.sim.zkteco import SimulatedTerminal, simulated_staff
from kiosk.health import Status
from kiosk.local import NoDaemon, ask
from sync.protocol.certificate import Certificate

pytestmark = pytest.mark.slow

CENTRAL_TOML = """\
data = "central"
[broker]
host = "localhost"
port = {port}
[broker.tls]
ca = "central/ca.pem"
certificate = "central/line.crt"
key = "central/line.key"
[web]
port = 0
"""

KIOSK_TOML = """\
kiosk = "kiosk-lobi"
data = "kiosk"
central = ["central/central.pem"]
[line]
host = "localhost"
port = {port}
[line.tls]
ca = "central/ca.pem"
certificate = "kiosk.crt"
[[sources]]
kind = "zkteco"
name = "lobi"
host = "127.0.0.1"
port = {terminal}
timezone = "Asia/Jakarta"
"""


class Machine:
    """One directory in which the commands are given."""

    def __init__(self, home: Path, stack: ExitStack) -> None:
        self.home = home
        self._stack = stack

    def run(self, program: str, *words: object) -> str:
        command = [str(Path(sys.executable).with_name(program)), *map(str, words)]
        done = subprocess.run(command, cwd=self.home, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, program: str, *words: str) -> "subprocess.Popen[bytes]":
        log = self._stack.enter_context((self.home / f"{program}.log").open("ab"))
        command = [str(Path(sys.executable).with_name(program)), *words]
        made = subprocess.Popen(command, cwd=self.home, stdout=log, stderr=log)

        def end() -> None:
            made.terminate()
            made.wait(20)

        self._stack.callback(end)
        return made

    def status(self) -> Status | None:
        try:
            line = next(ask(self.home / "kiosk" / "kiosk.sock", "status"), b"")
        except NoDaemon:
            return None
        return msgspec.json.decode(line, type=Status) if line else None

    def line_says(self, *words: str) -> None:
        def said() -> bool:
            status = self.status()
            return status is not None and all(word in str(status.line) for word in words)

        until(words, said)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with ExitStack() as stack:
        yield Machine(tmp_path, stack)


def test_from_nothing_to_a_receipt_and_on_to_retirement(machine: Machine, make_broker: Any) -> None:
    home = machine.home
    central = ("--config", "central.toml")
    (home / "central.toml").write_text(CENTRAL_TOML.format(port=1))
    machine.run("presensi-central", *central, "init")
    machine.run("presensi-central", *central, "certify", "--broker", "localhost", "127.0.0.1")
    machine.run("presensi-central", *central, "certify", "--central")
    files = home / "central" / "broker"
    (files / "acl").write_bytes((CONFIG / "acl").read_bytes())
    broker = make_broker("mosquitto", whole=real_conf(files))
    (home / "central.toml").write_text(CENTRAL_TOML.format(port=broker.port))
    with SimulatedTerminal(simulated_staff(5), serial="LOBI") as terminal:
        terminal.punch("1001")
        text = KIOSK_TOML.format(port=broker.port, terminal=terminal.port)
        (home / "kiosk.toml").write_text(text)
        kiosk = ("--config", "kiosk.toml")
        (home / "kiosk.pem").write_text(machine.run("kiosk", "identity", *kiosk))
        machine.run("presensi-central", *central, "kiosks", "admit", "kiosk-lobi", "kiosk.pem")
        machine.start("kiosk", "run", *kiosk)
        machine.line_says("no file", "kiosk.crt", "Enrol this device first")
        certificate = machine.run("presensi-central", *central, "certify", "kiosk-lobi")
        (home / "kiosk.crt").write_text(certificate)
        machine.line_says("central is not listening")
        machine.start("presensi-central", *central, "run")
        until("delivered", lambda: (s := machine.status()) is not None and not s.line.waiting)
        status = machine.status()
        assert status is not None
        assert (status.line.state, status.line.error) == ("up", "")
        issued = Certificate.from_pem(certificate.encode())
        assert status.line.certificate_until == issued.until.timestamp() * 1000
        terminal.punch("1002")
        until(
            "recorded", lambda: (s := machine.status()) is not None and s.sources[0].recorded == 2
        )
        until("delivered", lambda: (s := machine.status()) is not None and not s.line.waiting)

        machine.run("presensi-central", *central, "kiosks", "retire", "kiosk-lobi")
        (files / "crl.pem").write_bytes((home / "central" / "crl.pem").read_bytes())
        broker.stop()
        broker.start()
        machine.line_says("certificate revoked", "this device was retired")
        terminal.punch("1003")
        until("it waits", lambda: (s := machine.status()) is not None and s.line.waiting > 0)
    log = (home / "kiosk.log").read_text() + (home / "presensi-central.log").read_text()
    assert "Traceback" not in log
