"""Central and a broker with TLS, as docs/BROKER.md sets them up, for a kiosk that is not there yet.

All of it runs as the programs that are installed, in processes of their own.
"""

import getpass
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import msgspec

from kiosk.health import Status
from kiosk.local import NoDaemon, ask

CONFIG = Path(__file__).parents[2] / "config"
MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")
WITHIN_S = 60.0

_CENTRAL = """\
data = "central"
[broker]
host = "localhost"
port = {broker}
[broker.tls]
ca = "central/ca.pem"
certificate = "central/line.crt"
key = "central/line.key"
[web]
port = {web}
"""


def program(name: str) -> str:
    """Return one of our programs as it was installed beside this interpreter."""
    return str(Path(sys.executable).with_name(name))


def until(what: object, condition: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    """Wait for a condition. Raises TimeoutError."""
    by = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > by:
            raise TimeoutError(f"{what} does not come within {within_s:g} s")
        time.sleep(0.01)


def answers(port: int) -> bool:
    """Return whether something listens there."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Centre:
    """Central and its broker in one directory, until it is closed."""

    def __init__(self, home: Path, broker_port: int, web_port: int) -> None:
        self.home = home
        self.broker_port = broker_port
        self.url = f"http://127.0.0.1:{web_port}"
        self._web_port = web_port
        self._stack = ExitStack()

    def __enter__(self) -> "Centre":
        assert MOSQUITTO, "run `make setup`: mosquitto is missing"
        text = _CENTRAL.format(broker=self.broker_port, web=self._web_port)
        (self.home / "central.toml").write_text(text)
        self.central("init")
        self.central("certify", "--broker", "localhost", "127.0.0.1")
        self.central("certify", "--central")
        files = self.home / "central" / "broker"
        (files / "acl").write_bytes((CONFIG / "acl").read_bytes())
        conf = (CONFIG / "mosquitto.conf").read_text()
        conf = conf.replace("/etc/mosquitto/presensi/", f"{files}/")
        conf = conf.replace("listener 8883", f"listener {self.broker_port} 127.0.0.1")
        conf = conf.replace("user mosquitto", f"user {getpass.getuser()}")
        conf = conf.replace("log_dest syslog", "log_dest stderr")
        (self.home / "mosquitto.conf").write_text(conf)
        self.start(MOSQUITTO, "-c", str(self.home / "mosquitto.conf"))
        until("the broker", lambda: answers(self.broker_port))
        self.start(program("presensi-central"), "--config", "central.toml", "run")
        until("central", lambda: answers(self._web_port))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self, *command: str) -> "subprocess.Popen[bytes]":
        """Start a process that ends with this; its words go to a file named after it."""
        log = self._stack.enter_context((self.home / f"{Path(command[0]).name}.log").open("ab"))
        made = subprocess.Popen(command, cwd=self.home, stdout=log, stderr=log)

        def end() -> None:
            if made.poll() is None:
                made.terminate()
                made.wait(20)

        self._stack.callback(end)
        return made

    def central(self, *words: str) -> str:
        """Run `presensi-central WORDS` and return what it prints."""
        return self.run("presensi-central", "--config", "central.toml", *words)

    def run(self, name: str, *words: str, stdin: str = "") -> str:
        """Run one of our programs to its end and return what it prints."""
        done = subprocess.run(
            [program(name), *words],
            cwd=self.home,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{name} {' '.join(words)}: {done.stderr}{done.stdout}")
        return done.stdout

    def claim(self, kiosk: str) -> str:
        """Return a new claim code."""
        found = re.search(r"claim code (\S+)", self.central("kiosks", "claim", kiosk))
        assert found is not None
        return found[1]


def file_on_card(url: str, code: str, terminal_port: int) -> str:
    """Return a presensi-kiosk.toml."""
    return (
        f'central = "{url}"\ncode = "{code}"\n[screen]\noffice = "Dinas"\n'
        f'[[sources]]\nkind = "zkteco"\nname = "lobi"\nhost = "127.0.0.1"\n'
        f"port = {terminal_port}\n"
    )


def status(data: Path) -> Status | None:
    """Return how the daemon in a data directory is; None without one."""
    try:
        line = next(ask(data / "kiosk.sock", "status"), b"")
    except NoDaemon:
        return None
    return msgspec.json.decode(line, type=Status) if line else None


def has_receipts(data: Path, punches: int) -> bool:
    """Return whether central has receipted all there is, and so many punches are in that."""
    found = status(data)
    return (
        found is not None
        and bool(found.line.receipt_utc)
        and not found.line.waiting
        and sum(one.recorded for one in found.sources) >= punches
    )
