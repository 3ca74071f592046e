"""The simulated terminal over real sockets, on loopback."""

import contextlib
import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from drivers.sim import zkwire
from drivers.sim.zkteco import (
    Breakage,
    Code,
    DamagedState,
    Faults,
    Foreign,
    Profile,
    Segmentation,
    Sharing,
    SimulatedTerminal,
    Table,
    simulated_staff,
)
from drivers.sim.zkwire import Packet, TcpStream

STAFF = simulated_staff(55)
MORNING = datetime(2026, 11, 24, 7, 28)  # noqa: DTZ001 - a terminal's clock has no zone
READ_USERS = bytes.fromhex("0109000500000000000000")
DEADLINE_S = 5.0
QUIET_S = 0.05
"""How long "nothing comes" is watched; a longer watch proves more and costs more."""


class Client:
    """A blocking client of one transport, with the simulator's own codec."""

    def __init__(self, terminal: SimulatedTerminal, *, udp: bool = False) -> None:
        kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.settimeout(DEADLINE_S)
        self.udp = udp
        self.session = 0
        self.reply = 0
        self.stream = TcpStream()
        self.got: list[Packet] = []
        self.pieces = 0

    def send(self, code: int, data: bytes = b"") -> None:
        self.reply += 1
        packet = zkwire.encode(Packet(code, self.session, self.reply, data))
        self.socket.sendall(packet if self.udp else zkwire.frame(packet))

    def next(self) -> Packet:
        while not self.got:
            received = self.socket.recv(65536)
            if not received:
                raise EOFError
            self.pieces += 1
            self.got += [zkwire.decode(received)] if self.udp else self.stream.feed(received)
        return self.got.pop(0)

    def ask(self, code: int, data: bytes = b"") -> Packet:
        self.send(code, data)
        return self.next()

    def connect(self) -> "Client":
        answer = self.ask(Code.CONNECT)
        assert answer.code == Code.ACK_OK
        self.session = answer.session
        return self

    def register(self) -> "Client":
        assert self.connect().ask(Code.REG_EVENT, b"\1\0\0\0").code == Code.ACK_OK
        return self

    def is_silent(self) -> bool:
        self.socket.settimeout(QUIET_S)
        try:
            self.next()
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(DEADLINE_S)
        return False

    def is_cut(self) -> bool:
        try:
            while True:
                self.next()
        except (EOFError, ConnectionResetError):
            return True


@contextlib.contextmanager
def client(terminal: SimulatedTerminal, *, udp: bool = False) -> Iterator[Client]:
    one = Client(terminal, udp=udp)
    with one.socket:
        one.socket.connect((terminal.host, terminal.port))
        yield one


def read_users(one: Client) -> bytes:
    """Read the 55 people (3,964 bytes) in one slice."""
    prepared = one.ask(Code.PREPARE_BUFFER, READ_USERS)
    size = int.from_bytes(prepared.data[1:5], "little")
    one.send(Code.READ_BUFFER, bytes(4) + size.to_bytes(4, "little"))
    table = b""
    while (packet := one.next()).code != Code.ACK_OK:
        if packet.code == Code.DATA:
            table += packet.data
    return table


def test_building_one_opens_nothing() -> None:
    terminal = SimulatedTerminal(STAFF)
    assert (terminal.host, terminal.port) == ("127.0.0.1", 0)
    terminal.stop()


@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
def test_a_table_and_an_event(udp: bool) -> None:
    with SimulatedTerminal(STAFF, clock=lambda: MORNING) as terminal:
        with client(terminal, udp=udp) as one:
            one.connect()
            assert read_users(one) == terminal.terminal.table(Table.USERS)
            assert one.ask(Code.REG_EVENT, b"\1\0\0\0").code == Code.ACK_OK
            assert (terminal.clients, terminal.listeners) == (1, 1)
            record = terminal.punch("1007", method=15, state=255)
            assert (record.user_id, record.uid, record.time) == ("1007", 7, MORNING)
            assert one.next().data[:4] == b"1007"
            one.send(Code.ACK_OK)
            assert terminal.wait_until(lambda t: t.acked == 1)
            one.ask(Code.EXIT)
        assert terminal.log == (record,)
        assert terminal.requests[0] == Code.CONNECT
        assert terminal.requests[-1] == Code.EXIT


@pytest.mark.parametrize("segmentation", Segmentation)
def test_however_it_is_segmented_the_table_arrives(segmentation: Segmentation) -> None:
    faults = Faults(segmentation=segmentation)
    profile = Profile(tcp_data_bytes=1008)
    terminal = SimulatedTerminal(STAFF, faults=faults, profile=profile)
    with terminal, client(terminal) as one:
        one.connect()
        assert len(read_users(one)) == 4 + 55 * 72


def test_a_burst_may_come_in_one_segment() -> None:
    faults = Faults(segmentation=Segmentation.JOINED)
    with SimulatedTerminal(STAFF, faults=faults) as terminal, client(terminal) as one:
        one.register()
        before = one.pieces
        terminal.burst(["1001", "1002", "1003"])
        assert [one.next().data[:4] for _ in range(3)] == [b"1001", b"1002", b"1003"]
        assert one.pieces == before + 1


@pytest.mark.parametrize("bulk", [Breakage.FIN, Breakage.SILENCE])
def test_a_transfer_that_breaks_off(bulk: Breakage) -> None:
    faults = Faults(bulk=bulk, bulk_table=Table.USERS)
    terminal = SimulatedTerminal(STAFF, profile=Profile(tcp_data_bytes=1008), faults=faults)
    with terminal, client(terminal) as one:
        size = one.connect().ask(Code.PREPARE_BUFFER, READ_USERS).data[1:5]
        one.send(Code.READ_BUFFER, bytes(4) + size)
        assert one.next().code == Code.PREPARE_DATA
        assert one.next().code == Code.DATA
        if bulk is Breakage.FIN:
            assert one.is_cut()
        else:
            assert one.is_silent()
            one.send(Code.GET_TIME)
            assert one.is_silent()


def test_on_udp_a_broken_transfer_is_silence() -> None:
    faults = Faults(bulk=Breakage.FIN)
    with SimulatedTerminal(STAFF, faults=faults) as terminal, client(terminal, udp=True) as one:
        one.connect()
        # The answer to PREPARE_BUFFER carries sizes, no rows; the slice is what breaks.
        assert one.ask(Code.PREPARE_BUFFER, READ_USERS).code == Code.ACK_OK
        one.send(Code.READ_BUFFER, bytes(4) + (4096).to_bytes(4, "little"))
        assert one.next().code == Code.PREPARE_DATA
        assert one.next().code == Code.DATA
        assert one.next().code == Code.DATA
        assert one.is_silent()


@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
def test_a_wrong_checksum(udp: bool) -> None:
    terminal = SimulatedTerminal(STAFF, faults=Faults(wrong_checksum=True))
    wrong = pytest.raises(zkwire.BadPacket, match="checksum")
    with terminal, client(terminal, udp=udp) as one, wrong:
        one.connect()


@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
def test_another_protocol_on_the_port(udp: bool) -> None:
    terminal = SimulatedTerminal(STAFF, faults=Faults(foreign=Foreign.C3_PANEL))
    with terminal, client(terminal, udp=udp) as one:
        one.send(Code.CONNECT)
        assert one.socket.recv(100) == bytes.fromhex("aa01c90100f313d955")


def test_half_open() -> None:
    faults = Faults(silent_after_register=True)
    with SimulatedTerminal(STAFF, faults=faults) as terminal, client(terminal) as one:
        one.register()
        terminal.punch("1001")
        assert one.is_silent()
        assert len(terminal.log) == 1


def test_rubbish_is_counted_and_hung_up_on() -> None:
    with SimulatedTerminal(STAFF) as terminal, client(terminal) as one:
        one.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert terminal.wait_until(lambda t: t.bad_packets == 1)
        assert one.is_cut()


def test_rubbish_on_udp_is_counted() -> None:
    with SimulatedTerminal(STAFF) as terminal, client(terminal, udp=True) as one:
        one.socket.sendall(b"hello")
        assert terminal.wait_until(lambda t: t.bad_packets == 1)
        one.connect()


def test_dropped_clients_notice_and_may_come_back() -> None:
    with SimulatedTerminal(STAFF) as terminal:
        with client(terminal) as one:
            one.register()
            terminal.drop_clients()
            assert one.is_cut()
        assert terminal.wait_until(lambda t: t.clients == 0)
        with client(terminal) as one:
            one.connect()


@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
def test_the_first_client_keeps_the_terminal(udp: bool) -> None:
    terminal = SimulatedTerminal(STAFF, profile=Profile(sharing=Sharing.FIRST))
    with terminal, client(terminal, udp=udp) as first, client(terminal, udp=udp) as second:
        first.connect()
        second.send(Code.CONNECT)
        assert second.is_silent() if udp else second.is_cut()
        assert first.ask(Code.GET_TIME).code == Code.ACK_OK


def test_the_newest_client_gets_the_terminal() -> None:
    terminal = SimulatedTerminal(STAFF, profile=Profile(sharing=Sharing.NEWEST))
    with terminal, client(terminal) as first, client(terminal) as second:
        first.connect()
        second.connect()
        assert first.is_cut()
        assert second.ask(Code.GET_TIME).code == Code.ACK_OK


def test_a_slow_client_holds_nobody_up() -> None:
    with SimulatedTerminal(simulated_staff(20_000)) as terminal, client(terminal) as slow:
        slow.register()
        slow.ask(Code.PREPARE_BUFFER, READ_USERS)
        for _ in range(8):
            slow.send(Code.READ_BUFFER, bytes(4) + (1_440_004).to_bytes(4, "little"))
        assert terminal.wait_until(lambda t: t.requests.count(Code.READ_BUFFER) == 8)
        terminal.punch("1001")
        with client(terminal) as quick:
            quick.connect()
            assert quick.ask(Code.GET_TIME).code == Code.ACK_OK


def test_it_keeps_its_port_and_its_log_over_a_restart(tmp_path: Path) -> None:
    terminal = SimulatedTerminal(STAFF, state=tmp_path / "sim.jsonl", clock=lambda: MORNING)
    with terminal:
        port = terminal.port
        with client(terminal) as one:
            one.connect()
            terminal.punch("1001")
    with terminal:
        assert terminal.port == port
        terminal.punch("1002")
    with SimulatedTerminal(STAFF, state=tmp_path / "sim.jsonl") as another:
        assert [record.user_id for record in another.log] == ["1001", "1002"]
    stranger = SimulatedTerminal(STAFF, serial="SIM0002", state=tmp_path / "sim.jsonl")
    with pytest.raises(DamagedState):
        stranger.start()


def test_a_port_that_is_taken_is_an_error() -> None:
    with SimulatedTerminal(STAFF) as terminal:
        second = SimulatedTerminal(STAFF, port=terminal.port)
        with pytest.raises(OSError, match="in use"):
            second.start()
        second.stop()


def test_a_terminal_of_udp_only_refuses_tcp() -> None:
    with SimulatedTerminal(STAFF, profile=Profile(tcp=False)) as terminal:
        with pytest.raises(ConnectionRefusedError), client(terminal):
            pass
        with client(terminal, udp=True) as one:
            one.connect()


def test_the_staff_is_always_the_same() -> None:
    assert simulated_staff(55) == STAFF
    assert [person.user_id for person in STAFF[:2]] == ["1001", "1002"]
    assert len({person.name for person in simulated_staff(900)}) == 900
    assert all(len(person.name.encode()) <= 24 for person in simulated_staff(900))
