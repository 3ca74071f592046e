"""The daemon as a process and push terminals that call it: killed, restarted, approved."""

import contextlib
import random
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from drivers.sim.people import Person, simulated_staff
from drivers.sim.zkpush import PASSWORD, PUSH_PROFILES, TEMPLATE, PushFaults, PushTerminal
from kiosk.cli.demo_setup import program
from kiosk.health import Status
from kiosk.local import NoDaemon, ask
from sync.journal.names import files
from sync.journal.reader import Reader
from sync.protocol import entry, roster
from sync.protocol.identity import PrivateKey

pytestmark = pytest.mark.slow

WITHIN_S = 30.0
MORNING = datetime(2026, 11, 26, 7, 0)  # noqa: DTZ001 - a terminal's clock has no zone

SETTINGS = """\
kiosk = "k1"
data = "data"
central = ["central.pem"]
[line]
host = "127.0.0.1"
port = 1
[push]
host = "127.0.0.1"
port = {port}
[[sources]]
kind = "zkpush"
name = "lobi"
serial = "PUSH0001"
timezone = "UTC"
"""


class Daemon:
    """`kiosk run` with one push terminal in its settings; its broker does not exist."""

    def __init__(self, home: Path, port: int) -> None:
        self.home, self.port = home, port
        (home / "central.pem").write_bytes(PrivateKey.generate().public.pem)
        self.config = home / "kiosk.toml"
        self.config.write_text(SETTINGS.format(port=port))
        self.log = home / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            command = [program("kiosk"), "run", "--config", str(self.config)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        self.until("it listens", lambda: (status := self.status()) is not None and _open(status))

    def kill(self, number: signal.Signals = signal.SIGKILL) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(5)

    def status(self) -> Status | None:
        with contextlib.suppress(NoDaemon, StopIteration):
            line = next(ask(self.home / "data" / "kiosk.sock", "status"))
            return msgspec.json.decode(line, type=Status)
        return None

    def until(self, what: str, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not condition():
            assert time.monotonic() < deadline, f"{what}\n{self.status()}\n{self.log.read_text()}"
            time.sleep(0.02)

    def entries(self) -> list[entry.Entry]:
        """Return what is in the journal; the daemon must be down."""
        found = []
        for path in files(self.home / "data" / "journal"):
            reader = Reader(path)
            reader.open()
            found += [entry.decode(row.body) for row in reader.rows(1) if row.body is not None]
            reader.close()
        return found

    def presences(self) -> list[entry.Presence]:
        return [one for one in self.entries() if isinstance(one, entry.Presence)]


def _open(status: Status) -> bool:
    return status.push is not None and not status.push.trouble and status.sources[0].connected


@pytest.fixture
def daemon(tmp_path: Path, free_ports: Callable[[int], list[int]]) -> Iterator[Daemon]:
    [port] = free_ports(1)
    one = Daemon(tmp_path, port)
    yield one
    if one.process is not None and one.process.poll() is None:
        one.process.kill()
        one.process.wait()


@pytest.fixture
def terminal(daemon: Daemon) -> Iterator[Callable[..., PushTerminal]]:
    made: list[PushTerminal] = []

    def make(**more: object) -> PushTerminal:
        one = PushTerminal("127.0.0.1", daemon.port, **more)  # type: ignore[arg-type]
        made.append(one)
        return one

    yield make
    for one in made:
        one.stop()


def punch_on(sim: PushTerminal, count: int) -> None:
    """Have so many more punches made, no two alike."""
    for _ in range(count):
        n = len(sim.log)
        sim.punch(f"{1001 + n % 55}", at=MORNING + timedelta(seconds=n))


def origins(presences: list[entry.Presence]) -> Counter[tuple[str, str]]:
    return Counter((one.user, one.time) for one in presences)


def everything(sim: PushTerminal) -> Counter[tuple[str, str]]:
    return Counter((one.user_id, one.time.isoformat()) for one in sim.log)


def turn_until_sent(sim: PushTerminal) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not (sim.turn() and sim.sent == len(sim.log)):
        assert time.monotonic() < deadline, sim.statuses[-5:]
        time.sleep(0.2)  # its ErrorDelay; without one it would only run into the rate limit


@pytest.mark.parametrize(
    ("profile", "faults"),
    [
        ("2.4", PushFaults()),
        ("2.4", PushFaults(two_at_once=True)),
        ("access", PushFaults()),
    ],
    ids=["2.4", "2.4, two at once", "access"],
)
def test_killed_again_and_again_every_punch_counts_once(
    daemon: Daemon, terminal: Callable[..., PushTerminal], profile: str, faults: PushFaults
) -> None:
    chance = random.Random(5)
    sim = terminal(profile=PUSH_PROFILES[profile], faults=faults, timeout_s=5.0)
    unanswered = 0
    for _ in range(12):
        daemon.start()
        punch_on(sim, chance.choice([1, 40, 1500]))
        calling = threading.Thread(target=sim.turn)
        calling.start()
        time.sleep(chance.uniform(0, 0.08))
        daemon.kill()
        calling.join(WITHIN_S)
        recorded = origins(daemon.presences())
        assert set(recorded.values()) <= {1}
        # What was answered 200 is there; more may be, whose answer died with the process.
        sent = [(one.user_id, one.time.isoformat()) for one in sim.log[: sim.sent]]
        assert not [one for one in sent if one not in recorded]
        unanswered += len(recorded) > len(sent)
    daemon.start()
    turn_until_sent(sim)
    assert daemon.kill(signal.SIGTERM) == 0
    assert origins(daemon.presences()) == everything(sim)
    print(f"{unanswered} of 12 kills fell between the commit and the answer")


@pytest.mark.parametrize(
    "faults",
    [
        PushFaults(two_at_once=True),
        PushFaults(stamp_back=True),
        PushFaults(twice=True, chunked=True),
        PushFaults(hang_up=5),
    ],
    ids=["two at once", "stamp goes back", "twice, chunked", "hangs up"],
)
def test_long_batches_of_an_awkward_terminal_count_once(
    daemon: Daemon, terminal: Callable[..., PushTerminal], faults: PushFaults
) -> None:
    daemon.start()
    sim = terminal(faults=faults)
    punch_on(sim, 1700)
    sim.enrol(simulated_staff(1)[0])
    sim.operate(23)
    turn_until_sent(sim)
    sim.handshake()  # where the stamp went back it sends nearly all again
    punch_on(sim, 1)
    turn_until_sent(sim)
    turn_until_sent(sim)
    status = daemon.status()
    assert status is not None
    assert status.sources[0].recorded == 1701
    assert daemon.kill(signal.SIGTERM) == 0
    assert origins(daemon.presences()) == everything(sim)
    audits = [one.action for one in daemon.entries() if isinstance(one, entry.Audit)]
    assert audits.count("terminal log cleared") == 1
    assert "Traceback" not in daemon.log.read_text()
    kept = b"".join(path.read_bytes() for path in daemon.home.rglob("*") if path.is_file())
    assert PASSWORD.encode() not in kept
    assert TEMPLATE[:32].encode() not in kept


def test_a_stranger_is_refused_then_approved_and_stays_approved(
    daemon: Daemon, terminal: Callable[..., PushTerminal]
) -> None:
    def kiosk(*words: str) -> "subprocess.CompletedProcess[str]":
        command = [program("kiosk"), *words, "--config", str(daemon.config)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    daemon.start()
    sim = terminal(serial="NEW0001")
    punch_on(sim, 3)
    assert not sim.turn()
    assert sim.statuses == [403]
    shown = kiosk("status").stdout
    assert "unknown  NEW0001 from 127.0.0.1" in shown
    assert "kiosk approve NEW0001" in shown
    assert "two sources" in kiosk("approve", "NEW0001", "--name", "lobi", "--by", "rudi").stderr
    done = kiosk("approve", "NEW0001", "--name", "gudang", "--by", "rudi", "--timezone", "UTC")
    assert (done.returncode, done.stderr) == (0, "")
    assert "NEW0001 is source gudang" in done.stdout
    turn_until_sent(sim)
    daemon.until("it is shown", lambda: "gudang: connected" in kiosk("status").stdout)
    assert "unknown" not in kiosk("status").stdout
    daemon.kill()
    daemon.start()
    punch_on(sim, 1)
    turn_until_sent(sim)
    assert daemon.kill(signal.SIGTERM) == 0
    assert origins(daemon.presences()) == everything(sim)
    assert {one.source for one in daemon.presences()} == {"gudang"}
    [approval] = [
        one
        for one in daemon.entries()
        if isinstance(one, entry.Audit) and one.action == "approve terminal"
    ]
    assert (approval.actor, approval.detail["terminal"]) == ("rudi", "NEW0001")


def test_a_port_that_is_taken_is_said_and_the_rest_goes_on(daemon: Daemon) -> None:
    other = Daemon(daemon.home, daemon.port)
    with socket.create_server(("127.0.0.1", daemon.port)):
        with other.log.open("ab") as log:
            command = [program("kiosk"), "run", "--config", str(other.config)]
            other.process = subprocess.Popen(command, stdout=log, stderr=log)

        def said() -> bool:
            status = other.status()
            return (
                status is not None
                and status.push is not None
                and "Address already in use" in status.push.trouble
            )

        other.until("the trouble is said", said)
    other.until("it listens", lambda: (one := other.status()) is not None and _open(one))
    assert other.kill(signal.SIGTERM) == 0
    assert "Traceback" not in other.log.read_text()


def test_the_simulator_as_a_command(daemon: Daemon) -> None:
    daemon.start()
    command = [
        program("kiosk"), "sim", "zkpush", "--server", f"127.0.0.1:{daemon.port}",
        "--rate", "60000", "--limit", "25", "--timezone", "UTC",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            daemon.until(
                "all are recorded",
                lambda: (one := daemon.status()) is not None and one.sources[0].recorded >= 20,
            )
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=10)
        finally:
            process.kill()
    assert process.returncode == 0
    assert "25 of 25 punches were answered 200" in said
    assert f"{datetime.now(UTC):%Y-%m-%d}" in said


@pytest.mark.parametrize("profile", ["2.2", "2.4", "access"])
def test_the_roster_comes_to_a_terminal_that_calls_and_no_secret_stays(
    daemon: Daemon,
    terminal: Callable[..., PushTerminal],
    profile: str,
    adopt: Callable[[Path, roster.Roster], None],
) -> None:
    """Users are asked for, keypad passwords come along, and are in no file afterwards."""
    people = [roster.Person(id="budi", name="Budi Santoso")]
    known = [roster.Known(person="budi", credential="terminal_user", user="17")]
    adopt(daemon.home / "data", roster.Roster(version=7, people=people, known=known))
    daemon.config.write_text(daemon.config.read_text() + 'users = "add"\n')
    daemon.start()
    staff = [Person("1001", "Adi", password=PASSWORD)]
    sim = terminal(profile=PUSH_PROFILES[profile], staff=staff)
    sim.start(every_s=0.05)
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    command = [program("kiosk"), "clock", "witness", now, "--by", "rudi", "--utc"]
    subprocess.run([*command, "--config", str(daemon.config)], check=True, capture_output=True)

    def users() -> dict[str, int]:
        status = daemon.status()
        found = status.sources[0].users if status else None
        return dict(found.counts) if found else {}

    daemon.until("he is written", lambda: "17" in sim.people.users)
    daemon.until("it is told", lambda: users() == {"unknown": 1})
    sim.punch("17")
    daemon.until("she punched", lambda: (s := daemon.status()) is not None and recorded(s) == 1)
    sim.stop()
    assert daemon.kill(signal.SIGTERM) == 0
    [presence] = daemon.presences()
    assert presence.person == "budi"
    actions = [one.action for one in daemon.entries() if isinstance(one, entry.Audit)]
    assert actions[-2:] == ["terminal users written", "terminal users differ"]
    assert sim.people.users["1001"].password == PASSWORD
    kept = b"".join(path.read_bytes() for path in daemon.home.rglob("*") if path.is_file())
    assert PASSWORD.encode() not in kept


def recorded(status: Status) -> int:
    return status.sources[0].recorded
