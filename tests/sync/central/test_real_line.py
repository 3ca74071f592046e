"""The real program behind a real broker, with a fake kiosk that speaks over a real line."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from sync.line import Broker, Message, Subscription
from sync.mqtt import Connection
from sync.protocol import batch, command, receipt, topics
from sync.protocol.identity import PublicKey
from sync.protocol.topics import Down, Up

pytestmark = pytest.mark.slow

PATIENCE_S = 20.0
PASSWORD = "rahasia-sekali"

TOML = """\
data = "data"
database = "{database}"
[broker]
host = "127.0.0.1"
port = {broker}
[web]
port = 0
"""


class Central:
    """`presensi-central` with its own settings."""

    def __init__(self, path: Path, broker: int, database: Path | str) -> None:
        self.config = path / "central.toml"
        url = database if isinstance(database, str) else ""  # a file is found in `data`
        self.config.write_text(TOML.format(broker=broker, database=url))
        self.process: subprocess.Popen[str] | None = None
        self.page = ""

    def verb(self, *words: object, stdin: str = "") -> str:
        command = [self._program, "--config", str(self.config), *map(str, words)]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=True)
        return done.stdout

    @property
    def _program(self) -> str:
        return str(Path(sys.executable).with_name("presensi-central"))

    def start(self) -> None:
        command = [self._program, "--config", str(self.config), "run"]
        with (self.config.parent / "central.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env=os.environ
            )
        self.page = self.process.stdout.readline().split()[-1]

    def end(self, number: int = signal.SIGTERM) -> float:
        """End it and return how long that took, seconds."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.code = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        return time.monotonic() - began

    def public(self) -> PublicKey:
        return PublicKey.from_pem((self.config.parent / "data" / "central.pem").read_bytes())


class Wire:
    """A fake kiosk's line."""

    def __init__(self, kiosk, broker: int, central: PublicKey) -> None:
        self.kiosk = kiosk
        self.central = central
        self.line = Connection(
            Broker(host="127.0.0.1", port=broker),
            f"{kiosk.name}.{secrets.token_hex(4)}",
            [Subscription(topics.all_down(kiosk.name))],
        )
        self.line.open()

    def say(self, what: Up, message: bytes) -> None:
        payload, encoding = batch.pack(message) if what is Up.BATCH else (message, "")
        self.line.send(topics.up(self.kiosk.name, what), payload, encoding=encoding)

    def hear(self, what: Down):
        """Return the next thing said on `what`, verified."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            event = self.line.receive(deadline - time.monotonic())
            if isinstance(event, Message):
                self.line.confirm(event)
                if event.topic == topics.down(self.kiosk.name, what):
                    decode = receipt.decode if what is Down.RECEIPT else command.decode
                    said, signed = decode(event.payload)
                    signed.verify(self.central)
                    return said
        raise AssertionError(f"nothing on {what}")

    def hello(self) -> int:
        """Say hello until it is answered: central may be connecting still."""
        while True:
            message = self.kiosk.hello()
            self.say(Up.HELLO, message)
            said = self.hear(Down.RECEIPT)
            if said.nonce == f"n{self.kiosk._said}":
                return said.through


@pytest.fixture
def central(tmp_path, broker, make_database):
    made = Central(tmp_path, broker.port, make_database())
    made.verb("init")
    made.verb("account", "add", "admin", "--password-stdin", stdin=PASSWORD)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.end()


def await_line(central) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while httpx.get(central.page + "healthz").json()["line"] != "up":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_kiosk_is_heard_shown_and_receipted(central, broker, make_kiosk, tmp_path):
    kiosk = make_kiosk()
    kiosk.punches(700)
    pem = tmp_path / "kiosk.pem"
    pem.write_bytes(kiosk.key.public.pem)
    central.verb("kiosks", "admit", kiosk.name, pem)
    central.verb("kiosks", "list")
    wire = Wire(kiosk, broker.port, central.public())
    central.start()
    assert wire.hear(Down.COMMAND).verb == "hello"
    await_line(central)
    assert wire.hello() == 0
    for first in range(101, 701, 100):
        wire.say(Up.BATCH, kiosk.batch(first, first + 99))
    wire.say(Up.BATCH, kiosk.batch(1, 100))
    through = [wire.hear(Down.RECEIPT).through for _ in range(7)]
    assert through == [0] * 6 + [700]

    # The page, and a stream that stays open while central ends.
    browser = httpx.Client(base_url=central.page)
    origin = {"origin": central.page.rstrip("/")}
    browser.post("/login", data={"name": "admin", "password": PASSWORD}, headers=origin)
    assert "CKPG1" in browser.get("/presences").text
    with browser.stream("GET", "/events?after=690", timeout=PATIENCE_S) as stream:
        came = ""
        for text in stream.iter_text():
            came += text
            if "id: 700" in came:
                break
        assert came.count("event: presence") == 10
        assert central.end() < 4.0  # three threads, END_WITHIN_S each, and the process itself
    browser.close()
    assert central.code == 0

    # Killed between two batches: what was receipted is there, the rest comes again.
    central.start()
    await_line(central)
    kiosk.punches(50, start=700)
    assert wire.hello() == 700
    wire.say(Up.BATCH, kiosk.batch(701, 710))
    assert wire.hear(Down.RECEIPT).through == 710
    central.end(signal.SIGKILL)
    central.start()
    await_line(central)
    assert wire.hello() == 710
    wire.say(Up.BATCH, kiosk.batch(701, 750))
    assert wire.hear(Down.RECEIPT).through == 750
    found = json.loads(central.verb("stats", "--json"))
    assert (found["entries"], found["counted"], found["alarms"]) == (750, 750, 0)
    assert found["kiosks"] == [
        {"kiosk": "lobi", "epoch": "e1", "through": 750, "head": kiosk.hash_at(750).hex()}
    ]

    # A broker that comes back finds central again.
    wire.line.close()
    broker.stop()
    broker.start()
    wire = Wire(kiosk, broker.port, central.public())
    assert wire.hear(Down.COMMAND).verb == "hello"
    assert wire.hello() == 750
    wire.line.close()
    assert central.end() < 4.0  # three threads, END_WITHIN_S each, and the process itself
