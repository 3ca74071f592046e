"""A kiosk's whole world on this machine: broker, central, a terminal, and a journal with a past.

Central is the demonstration's, the terminal a process that punches when told, the broker mosquitto
without Nagle's algorithm, as docs ask for; where it is not installed, the demonstration's.
"""

import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from kiosk.cli.demo import Demo
from kiosk.cli.demo_setup import Bench, Part
from stand.punches import fill
from stand.watched import Watched
from sync.journal.epochs import Epochs
from sync.keyfile import load_or_make
from sync.line import Broker, Lost, Message, Subscription
from sync.mqtt import Connection
from sync.protocol import receipt, topics

WITHIN_S = 120.0

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")

MOSQUITTO_CONF = """\
listener {port} 127.0.0.1
allow_anonymous true
set_tcp_nodelay true
persistence false
max_queued_messages 0
"""


class World(Bench, frozen=True, kw_only=True):
    """The demonstration's parts, with mosquitto as the broker."""

    def command(self, part: Part) -> list[str]:
        """Return the command that starts a part."""
        if part is Part.BROKER and MOSQUITTO is not None:
            return [MOSQUITTO, "-c", str(self.data / "mosquitto.conf")]
        return Bench.command(self, part)


class Office:
    """Everything around the daemon, from `__enter__` to `__exit__`."""

    def __init__(self, data: Path, ports: tuple[int, int, int], database: str = "") -> None:
        broker, web, terminal = ports
        self.bench = World(
            data=data,
            people=55,
            rate=0,
            broker_port=broker,
            web_port=web,
            terminal_port=terminal,
            database=database,
        )
        self._demo = Demo(self.bench)
        self._ends = ExitStack()

    def __enter__(self) -> "Office":
        with self._ends:
            self._ends.callback(self._demo.end)
            self._demo.prepare()
            conf = self.bench.data / "mosquitto.conf"
            conf.write_text(MOSQUITTO_CONF.format(port=self.bench.broker_port))
            # As a kiosk is delivered: the demonstration looks at its terminal more often.
            toml = self.bench.kiosk_toml
            toml.write_text(toml.read_text().replace("check_s = 10.0", "check_s = 60.0"))
            self._demo.begin(Part.BROKER)
            self._demo.begin(Part.CENTRAL)
            self._terminal = subprocess.Popen(
                [
                    sys.executable,
                    Path(__file__).with_name("terminal.py"),
                    str(self.bench.terminal_port),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self._ends.callback(self._terminal.kill)
            self.punched()  # here: it listens
            topic = topics.down(self.bench.name, topics.Down.RECEIPT)
            self._line = Connection(
                Broker(host="127.0.0.1", port=self.bench.broker_port, keepalive_s=3600),
                "bench",
                [Subscription(topic)],
            )
            self._line.open()
            self._ends.callback(self._line.close)
            self._ends = self._ends.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def remember(self, entries: int) -> None:
        """Write a journal of so many entries, before the daemon's first start."""
        data = self.bench.socket.parent
        epochs = Epochs(
            data / "journal", self.bench.name, load_or_make(data / "device.key").public.der
        )
        epochs.open()
        fill(epochs.live, range(entries))
        epochs.close()

    @property
    def journal(self) -> Path:
        """Return the file of the journal's first epoch."""
        [file] = (self.bench.socket.parent / "journal").glob("*.db")
        return file

    def through_port(self, port: int) -> None:
        """Let the daemon reach the broker through this port, from its next start on."""
        toml = self.bench.kiosk_toml
        broker = f"port = {self.bench.broker_port}"
        toml.write_text(toml.read_text().replace(broker, f"port = {port}", 1))

    def daemon(self) -> Watched:
        """Start the daemon; returns once it is ready."""
        return Watched(self.bench.command(Part.KIOSK), self.bench.log(Part.KIOSK))

    def punch(self, count: int, rate: float) -> None:
        """Let people punch so often, so many a second, from now on."""
        assert self._terminal.stdin is not None
        self._terminal.stdin.write(f"{count} {rate}\n")
        self._terminal.stdin.flush()

    def punch_now(self) -> float:
        """Let somebody punch at the time that it is; return when, milliseconds since 1970."""
        assert self._terminal.stdin is not None
        assert self._terminal.stdout is not None
        self._terminal.stdin.write("now\n")
        self._terminal.stdin.flush()
        return float(self._terminal.stdout.readline())

    def punched(self) -> None:
        """Wait until they have."""
        assert self._terminal.stdout is not None
        self._terminal.stdout.readline()

    def drained(self, through: int) -> float:
        """Return the entries a second from the first receipt to the one for entry `through`."""
        began, first = 0.0, 0
        until_s = time.monotonic() + WITHIN_S
        while time.monotonic() < until_s:
            match self._line.receive(1.0):
                case Message() as message:
                    at = time.perf_counter()
                    self._line.confirm(message)
                    said, _ = receipt.decode(message.payload)
                    if said.through >= through:
                        return (said.through - first) / (at - began)
                    if not began:
                        began, first = at, said.through
                case Lost() as lost:
                    raise lost.error
        raise TimeoutError(f"no receipt for entry {through} within {WITHIN_S:g} s")

    def receipted(self, through: int) -> None:
        """Wait until central's receipt says that it has everything up to entry `through`."""
        until_s = time.monotonic() + WITHIN_S
        while time.monotonic() < until_s:
            match self._line.receive(1.0):
                case Message() as message:
                    self._line.confirm(message)
                    said, _ = receipt.decode(message.payload)
                    if said.through >= through:
                        return
                case Lost() as lost:
                    raise lost.error
        raise TimeoutError(f"no receipt for entry {through} within {WITHIN_S:g} s")
