"""Foreign clients judge the simulated ZKTeco terminal: pyzk 0.9, node-zklib 1.3.0, zkteco-js 1.7.2.

Each runs as a process of its own, with a deadline after which it is killed. What they read must be
what the terminal holds, whether the log comes in one packet or in slices.
"""

import importlib.util
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from drivers.options import Transport, Users
from drivers.sim.zkteco import (
    PROFILES,
    LogLayout,
    Profile,
    SimulatedTerminal,
    UserLayout,
    simulated_staff,
)
from drivers.store import Known, Secret, Template, TerminalUser
from kiosk.enlist import Holder, Wish, plan
from sync.edge.roster import Adopted
from sync.protocol.roster import Known as Dated
from sync.protocol.roster import Person, Roster
from tests.drivers.zkteco.test_store import opened

pytestmark = pytest.mark.slow

PEERS = Path(__file__).parent / "peers"
STAFF = simulated_staff(55)
MORNING = datetime(2026, 11, 24, 7, 28)  # noqa: DTZ001 - a terminal's clock has no zone
DEADLINE_S = 60.0
FRAME_GAP_S = 0.05
"""The npm clients lose what shares a segment; 0.02 s is their need on an idle machine."""

SMALL_FRAME_GAP_S = 0.02
"""The same for 120 frames of 1008 bytes, where 0.05 would take six seconds."""

LARGE = 3000
"""Punches that need two slices: 120,004 bytes against 65,472 per slice."""

WAYS = {
    "k40": PROFILES["k40"],
    "d2": PROFILES["d2"],
    "wl20": PROFILES["wl20"],
    "unnumbered": Profile(numbered=False, tcp_data_bytes=1008),
    "exits twice": Profile(exits_twice=True),
    "bare option names": Profile(bare_option_names=True),
}
"""Firmware's ways that other clients can follow. None reads 49-byte rows or the stray prefix, and
pyzk's 8-byte rows are not a ZEM500's."""

NEED_COUNTS_OR_NUL = {"wl20", "bare option names"}
"""Ways at which pyzk stops: it takes its row width from a count, and ends names with NUL."""

Command = Callable[[str, SimulatedTerminal, int], list[str]]


@pytest.fixture(scope="module")
def installed() -> ModuleType:
    """The peers, installed on the first use."""
    spec = importlib.util.spec_from_file_location("zk_peers_install", PEERS / "install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.install()
    return module


def pyzk(peers: ModuleType, transport: str = "tcp", key: int = 0) -> Command:
    def command(mode: str, terminal: SimulatedTerminal, events: int) -> list[str]:
        script = str(PEERS / "pyzk_client.py")
        where = [terminal.host, str(terminal.port), transport, str(key), str(events)]
        return [str(peers.PYZK_PYTHON), script, mode, *where]

    return command


def npm(peers: ModuleType, library: str) -> Command:
    def command(mode: str, terminal: SimulatedTerminal, events: int) -> list[str]:
        script = str(PEERS / "npm_client.js")
        where = [terminal.host, str(terminal.port), str(events)]
        return ["node", script, str(peers.NODE), library, mode, *where]

    return command


@contextmanager
def running(command: list[str]) -> Iterator[Iterator[Any]]:
    """Run a peer; gives the values it says. Killed at the deadline and at the end."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        deadline = threading.Timer(DEADLINE_S, process.kill)
        deadline.start()
        try:
            # node-zklib and zkteco-js print lines of their own between ours.
            yield (
                json.loads(line.removeprefix("say "))
                for line in process.stdout
                if line.startswith(("say ", "[", '"'))
            )
        finally:
            deadline.cancel()
            process.kill()


def make_punches(terminal: SimulatedTerminal, count: int) -> None:
    for n in range(count):
        person = STAFF[n % len(STAFF)]
        terminal.punch(person.user_id, method=15, state=1, at=MORNING + timedelta(seconds=37 * n))


def people(name_bytes: int = 24) -> list[list[Any]]:
    return [[n + 1, one.user_id, one.name[:name_bytes].rstrip()] for n, one in enumerate(STAFF)]


def log_of(terminal: SimulatedTerminal, *, states: bool = True) -> list[list[Any]]:
    return [
        [one.user_id, one.time.isoformat(), *((one.method, one.state) if states else (None, None))]
        for one in terminal.log
    ]


def live(terminal: SimulatedTerminal, command: Command, *, states: bool) -> None:
    """Let three people punch, each after the peer has told of the one before."""
    with running(command("live", terminal, 3)) as said:
        assert terminal.wait_until(lambda t: t.listeners == 1, DEADLINE_S)
        for person in STAFF[:3]:
            terminal.punch(person.user_id, method=15, state=1)
            (expected,) = log_of(terminal, states=states)[-1:]
            assert next(said) == expected


def assert_pyzk_reads(terminal: SimulatedTerminal, command: Command, name_bytes: int = 24) -> None:
    with running(command("read", terminal, 0)) as said:
        assert next(said) == ["SIM0001", "Ver 6.60 Sep 27 2019", "00:17:61:01:02:03"]
        assert next(said) == people(name_bytes)
        assert next(said) == log_of(terminal)
        assert next(said) == MORNING.isoformat()
    assert terminal.bad_packets == 0


def terminal_of(profile: Profile, comm_key: int | None = None) -> SimulatedTerminal:
    return SimulatedTerminal(STAFF, profile=profile, comm_key=comm_key, clock=lambda: MORNING)


@pytest.mark.parametrize("most", [65536, 1008], ids=lambda most: f"data{most}")
@pytest.mark.parametrize("count", [10, LARGE])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_pyzk_reads(installed: ModuleType, transport: str, count: int, most: int) -> None:
    # Over TCP pyzk waits for ever when the last of several DATA packets came with the one before.
    gap_s = SMALL_FRAME_GAP_S if transport == "tcp" and most == 1008 else 0.0
    profile = Profile(tcp_data_bytes=most, udp_data_bytes=min(most, 1024), frame_gap_s=gap_s)
    with terminal_of(profile) as terminal:
        make_punches(terminal, count)
        assert_pyzk_reads(terminal, pyzk(installed, transport))


def test_pyzk_reads_an_old_terminal(installed: ModuleType) -> None:
    profile = Profile(users=UserLayout.OLD, log=LogLayout.OLD_16, tcp=False)
    with terminal_of(profile) as terminal:
        make_punches(terminal, LARGE)
        assert_pyzk_reads(terminal, pyzk(installed, "udp"), name_bytes=8)


def test_pyzk_reads_short_rows(installed: ModuleType) -> None:
    with terminal_of(Profile(log=LogLayout.PLAIN_8)) as terminal:
        make_punches(terminal, LARGE)
        assert_pyzk_reads(terminal, pyzk(installed))


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_pyzk_reads_with_a_comm_key(installed: ModuleType, transport: str) -> None:
    with terminal_of(Profile(), comm_key=20_26) as terminal:
        make_punches(terminal, 10)
        assert_pyzk_reads(terminal, pyzk(installed, transport, key=20_26))


def test_pyzk_with_a_wrong_comm_key_is_refused(installed: ModuleType) -> None:
    with terminal_of(Profile(), comm_key=2026) as terminal:
        command = pyzk(installed, key=2027)("read", terminal, 0)
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
    assert done.returncode == 1
    assert "Unauthenticated" in done.stderr


@pytest.mark.parametrize("waits_for_ack", [False, True])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_pyzk_sees_live_events(installed: ModuleType, transport: str, waits_for_ack: bool) -> None:
    with terminal_of(Profile(waits_for_ack=waits_for_ack)) as terminal:
        live(terminal, pyzk(installed, transport), states=True)
        assert terminal.wait_until(lambda t: t.acked == 3)


@pytest.mark.parametrize("count", [10, LARGE])
@pytest.mark.parametrize("library", ["node-zklib", "zkteco-js"])
def test_npm_clients_read(installed: ModuleType, library: str, count: int) -> None:
    with terminal_of(Profile(frame_gap_s=FRAME_GAP_S)) as terminal:
        make_punches(terminal, count)
        with running(npm(installed, library)("read", terminal, 0)) as said:
            assert next(said) == people()
            assert next(said) == log_of(terminal, states=library == "zkteco-js")
        assert terminal.bad_packets == 0


@pytest.mark.parametrize("way", sorted(WAYS.keys() - NEED_COUNTS_OR_NUL))
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_pyzk_reads_other_firmware(installed: ModuleType, transport: str, way: str) -> None:
    profile = msgspec.structs.replace(WAYS[way], frame_gap_s=SMALL_FRAME_GAP_S)
    with terminal_of(profile) as terminal:
        make_punches(terminal, 60)
        assert_pyzk_reads(terminal, pyzk(installed, transport))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("library", ["node-zklib", "zkteco-js"])
def test_npm_clients_read_other_firmware(installed: ModuleType, library: str, way: str) -> None:
    profile = msgspec.structs.replace(WAYS[way], frame_gap_s=FRAME_GAP_S)
    with terminal_of(profile) as terminal:
        make_punches(terminal, 60)
        with running(npm(installed, library)("read", terminal, 0)) as said:
            assert next(said) == people()
            assert next(said) == log_of(terminal, states=library == "zkteco-js")
        assert terminal.bad_packets == 0


@pytest.mark.parametrize(
    ("firmware", "words"),
    [("speedface-access", "RWB Not supported"), ("senseface", "Can't connect")],
)
def test_pyzk_is_refused_as_it_was_in_the_field(
    installed: ModuleType, firmware: str, words: str
) -> None:
    """Its issues 170 and 253: the same words at the simulated firmware as at the real one."""
    with terminal_of(PROFILES[firmware]) as terminal:
        make_punches(terminal, 10)
        command = pyzk(installed)("read", terminal, 0)
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
    assert done.returncode == 1
    assert words in done.stderr


@pytest.mark.parametrize("library", ["node-zklib", "zkteco-js"])
def test_npm_clients_see_live_events(installed: ModuleType, library: str) -> None:
    with terminal_of(Profile(frame_gap_s=FRAME_GAP_S)) as terminal:
        live(terminal, npm(installed, library), states=False)


def test_installing_again_changes_nothing(installed: ModuleType) -> None:
    mark = installed.PEERS / "pyzk" / "installed"
    before = mark.stat().st_mtime_ns
    subprocess.run([sys.executable, str(PEERS / "install.py")], check=True, timeout=DEADLINE_S)
    assert mark.stat().st_mtime_ns == before


@pytest.mark.parametrize("transport", list(Transport))
def test_pyzk_reads_the_people_that_our_driver_has_written(
    installed: ModuleType, transport: Transport
) -> None:
    ani = TerminalUser(user="6001", name="Ani Astuti", card=55, password=Secret(b"12"))
    finger = Template(user="6001", finger=7, octets=Secret(b"finger of ours" * 50))
    with SimulatedTerminal(STAFF, clock=lambda: MORNING) as terminal:
        with opened(terminal, transport=transport) as store:
            store.write([Known(user=ani, fingers=(finger,))])
        with running(people_client(installed, "read", terminal, transport)) as said:
            users, fingers = next(said)
    assert ["6001", "Ani Astuti", 0, "12", 55] in users
    assert len(users) == len(STAFF) + 1
    assert fingers == [["6001", 7, 1, finger.octets.octets.hex()]]


@pytest.mark.parametrize("transport", list(Transport))
@pytest.mark.parametrize(("layout", "cut"), [(UserLayout.TFT, 24), (UserLayout.OLD, 8)])
def test_pyzk_reads_what_the_roster_has_brought(
    installed: ModuleType, transport: Transport, layout: UserLayout, cut: int
) -> None:
    """A number that changed hands, a new name and somebody new: what the plan says is there."""
    day = datetime(2026, 11, 26).date()  # noqa: DTZ001 - a day
    names = {"a": "Ani Astuti Kusumaningrum Dewi", "b": "Budi", "c": "Citra", "d": "Dewi"}
    dated = [
        Dated(person=person, credential="terminal_user", user=user, since=since, until=until)
        for person, user, since, until in (
            ("a", "1001", None, None),
            ("b", "1002", None, day - timedelta(days=1)),
            ("c", "1002", day, None),
            ("d", "6001", None, None),
        )
    ]
    people = [Person(id=one, name=name) for one, name in names.items()]
    roster = Adopted(Roster(version=1, people=people, known=dated))
    wish = Wish(policy=Users.MIRROR, day=day)
    with SimulatedTerminal(
        STAFF[:3], profile=Profile(users=layout), clock=lambda: MORNING
    ) as terminal:
        first, second, third = STAFF[:3]
        holders = {"1001": Holder("a", first.name[:cut]), "1002": Holder("b", second.name[:cut])}
        with opened(terminal, transport=transport) as store:
            made = plan(roster, store.users(), store, holders, wish)
            store.remove(*made.remove)
            store.write([Known(user=one) for one in made.write])
        with running(people_client(installed, "read", terminal, transport)) as said:
            users, _ = next(said)
    assert made.remove == ("1002",)
    assert sorted(users) == [
        ["1001", names["a"][:cut].rstrip(), 0, "", 0],
        ["1002", "Citra", 0, "", 0],
        ["1003", third.name[:cut], 0, "", 0],
        ["6001", "Dewi", 0, "", 0],
    ]


@pytest.mark.parametrize("transport", list(Transport))
def test_our_driver_reads_the_people_that_pyzk_has_written(
    installed: ModuleType, transport: Transport
) -> None:
    with SimulatedTerminal(STAFF, clock=lambda: MORNING) as terminal:
        with running(people_client(installed, "write", terminal, transport)) as said:
            assert list(said) == []
        with opened(terminal, transport=transport) as store:
            users, [finger] = store.users(), store.templates()
    written = TerminalUser(user="7001", name="Dari pyzk", card=1234, password=Secret(b"99"))
    assert written in users
    assert len(users) == len(STAFF) + 1
    octets = Secret(b"finger of pyzk" * 40)
    assert finger == Template(user="7001", finger=4, octets=octets)


def people_client(
    peers: ModuleType, mode: str, terminal: SimulatedTerminal, transport: Transport
) -> list[str]:
    where = [terminal.host, str(terminal.port), transport.value]
    return [str(peers.PYZK_PYTHON), str(PEERS / "pyzk_people.py"), mode, *where]
