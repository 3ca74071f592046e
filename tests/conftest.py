"""Real brokers for the tests that need one; each ends what it started."""

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from stand.postgres import Server

from kiosk.cli.demo_setup import BROKER_TOML
from sync import firstuse
from sync.central.store import Store

_numbers = count()

LISTENS_WITHIN_S = 20.0

MOSQUITTO = """\
listener {port} 127.0.0.1
allow_anonymous true
set_tcp_nodelay true
persistence false
user root
max_queued_messages 0
{more}
"""


def pytest_collection_finish(session: pytest.Session) -> None:
    """Everything is imported now: two threads of one test may decode a type for the first time."""
    firstuse.prepare()


class RunningBroker:
    """A broker on a port of 127.0.0.1 that it keeps over stop and start."""

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        self.port = port
        self._command = command
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + LISTENS_WITHIN_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.02)

    def log(self) -> str:
        return self._log.read_text()

    def reload(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def free_port() -> int:
    [port] = several_free_ports(1)
    return port


def several_free_ports(number: int) -> list[int]:
    probes = [socket.socket() for _ in range(number)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture
def free_ports() -> Callable[[int], list[int]]:
    """Return a function that names ports on which nothing listens."""
    return several_free_ports


@pytest.fixture
def make_broker(tmp_path: Path) -> Iterator[Callable[..., RunningBroker]]:
    """Return a function that starts a broker: `make_broker("mosquitto", more="...")`.

    `whole` takes the place of Mosquitto's settings; {port} and {more} in it are filled in.
    """
    started: list[RunningBroker] = []

    def make(kind: str, more: str = "", whole: str = MOSQUITTO) -> RunningBroker:
        port = free_port()
        config = tmp_path / f"{kind}-{port}.toml"  # iotcore insists on the ending
        if kind == "iotcore":
            config.write_text(BROKER_TOML.format(port=port))
            command = [sys.executable, "-m", "iotcore", "--config", str(config)]
        else:
            config.write_text(whole.format(port=port, more=more))
            found = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")
            assert found, "run `make setup`: mosquitto is missing"
            command = [found, "-c", str(config)]
        broker = RunningBroker(command, port, tmp_path / f"{kind}-{port}.log")
        started.append(broker)
        broker.start()
        return broker

    yield make
    for broker in started:
        broker.stop()


@pytest.fixture(params=["iotcore", "mosquitto"])
def broker(
    request: pytest.FixtureRequest, make_broker: Callable[..., RunningBroker]
) -> RunningBroker:
    """Return a running broker, of both kinds in turn."""
    return make_broker(request.param)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """Return a running PostgreSQL; whoever stops it starts it again."""
    server = Server()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def template(postgres: Server) -> str:
    """Return the name of a database with our tables in it and nothing else."""
    store = Store(postgres.make("presensi_template"))
    store.open()
    store.close()
    return "presensi_template"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def make_database(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[], Path | str]]:
    """Return a function that makes a new database, for what must hold on both kinds."""
    made: list[str] = []

    def make() -> Path | str:
        name = f"t{next(_numbers)}"
        if request.param == "sqlite":
            return tmp_path / f"{name}.db"
        server: Server = request.getfixturevalue("postgres")
        made.append(name)
        return server.make(name, template=request.getfixturevalue("template"))

    yield make
    for name in made:
        request.getfixturevalue("postgres").sql("postgres", f"DROP DATABASE {name} WITH (FORCE)")
