"""A session's answers, without a socket."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from drivers.sim import zkwire
from drivers.sim.faults import Faults
from drivers.sim.people import Person, simulated_staff
from drivers.sim.zkprofile import PROFILES, Profile
from drivers.sim.zkrecords import LogLayout, UserLayout, UserRow, read_user_row, user_row
from drivers.sim.zksession import Answer, Session, Transport
from drivers.sim.zkterminal import IMPOSSIBLE, Terminal
from drivers.sim.zkwire import Code, Packet, Table, TcpStream, scramble

FIELD: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "frames" / "field_records.json").read_text()
)
MORNING = datetime(2026, 11, 24, 7, 28)  # noqa: DTZ001 - a terminal's clock has no zone
SESSION = 0x45CF
READ_USERS = bytes.fromhex("0109000500000000000000")
READ_LOG = bytes.fromhex("010d000000000000000000")
READ_TEMPLATES = bytes.fromhex("0107000200000000000000")


class Table124(Terminal):
    """A terminal whose tables are 124 given bytes."""

    content = b""

    def table(self, table: Table) -> bytes:
        return self.content


class Client:
    """A client's side of a session, without the line."""

    def __init__(
        self,
        *,
        people: int = 3,
        profile: Profile | None = None,
        faults: Faults | None = None,
        comm_key: int | None = None,
        transport: Transport = Transport.TCP,
        kind: type[Terminal] = Terminal,
    ) -> None:
        self.terminal = kind(
            simulated_staff(people),
            serial="SIM0001",
            profile=profile or Profile(),
            faults=faults or Faults(),
            comm_key=comm_key,
            clock=lambda: MORNING,
            flash=None,
        )
        self.session = Session(self.terminal, SESSION, transport)
        self.sent = 0

    def ask(self, code: int, data: bytes = b"", session: int = SESSION) -> Sequence[Packet]:
        self.sent += 1
        return self.session.receive(Packet(code, session, self.sent, data)).packets

    def one(self, code: int, data: bytes = b"") -> Packet:
        (packet,) = self.ask(code, data)
        return packet

    def connect(self) -> "Client":
        assert self.ask(Code.CONNECT, session=0)[0].code == Code.ACK_OK
        return self

    def read(self, request: bytes, slice_bytes: int) -> bytes:
        """Read a large table as clients do."""
        prepared = self.one(Code.PREPARE_BUFFER, request)
        assert prepared.code == Code.ACK_OK
        assert len(prepared.data) == 13
        size = int.from_bytes(prepared.data[1:5], "little")
        table = b""
        for offset in range(0, size, slice_bytes):
            wanted = min(slice_bytes, size - offset)
            where = offset.to_bytes(4, "little") + wanted.to_bytes(4, "little")
            first, *middle, last = self.ask(Code.READ_BUFFER, where)
            assert (first.code, last.code) == (Code.PREPARE_DATA, Code.ACK_OK)
            assert int.from_bytes(first.data[:4], "little") == wanted
            assert {packet.code for packet in middle} == {Code.DATA}
            assert [packet.session for packet in middle] == list(range(len(middle)))
            most = int.from_bytes(first.data[4:], "little")
            assert all(len(packet.data) <= most for packet in middle)
            table += b"".join(packet.data for packet in middle)
        assert self.one(Code.FREE_DATA).code == Code.ACK_OK
        return table


def test_the_recorded_exchange_of_a_k40() -> None:
    (recorded,) = (record for record in FIELD if record["device"] == "K40")
    packets = [TcpStream().feed(bytes.fromhex(text))[0] for text in recorded["frames"]]
    connect, connected, read, prepare, data, leave, closing_ack, left = packets
    client = Client(profile=PROFILES["k40"], kind=Table124)
    Table124.content = data.data
    client.session.id = connected.session

    def answer(packet: Packet) -> list[Packet]:
        return list(client.session.receive(packet).packets)

    assert answer(connect) == [connected]
    # The closing ACK was recorded late, between EXIT and its answer: its reply id is the read's.
    assert answer(read) == [prepare, data, closing_ack]
    assert answer(leave) == [left]


def test_the_answers_of_a_d2_to_what_it_does_not_know() -> None:
    (recorded,) = (record for record in FIELD if record["device"].startswith("D2"))
    for text in recorded["frames"]:
        (real,) = TcpStream().feed(bytes.fromhex(text))
        client = Client(profile=PROFILES["d2"]).connect()
        client.session.id = real.session
        code = Code.OPTIONS_RRQ if real.data else 9999
        answer = client.session.receive(Packet(code, real.session, real.reply, real.data))
        assert list(answer.packets) == [real]


def test_nothing_but_connect_is_answered_before_connect() -> None:
    client = Client()
    assert client.one(Code.GET_TIME).code == Code.ACK_UNAUTH
    client.connect()
    assert client.one(Code.GET_TIME).code == Code.ACK_OK
    assert client.ask(Code.GET_TIME, session=SESSION + 1)[0].code == Code.ACK_UNAUTH
    assert client.one(Code.EXIT).code == Code.ACK_OK
    assert client.one(Code.GET_TIME).code == Code.ACK_UNAUTH


@pytest.mark.parametrize(("key", "tried", "right"), [(45, 45, True), (45, 12, False), (0, 0, True)])
def test_the_comm_key(key: int, tried: int, right: bool) -> None:
    client = Client(comm_key=key)
    assert client.ask(Code.CONNECT, session=0)[0].code == Code.ACK_UNAUTH
    assert client.one(Code.GET_TIME).code == Code.ACK_UNAUTH
    said = client.one(Code.AUTH, scramble(tried, SESSION, 50)).code
    assert said == (Code.ACK_OK if right else Code.ACK_UNAUTH)
    assert (client.one(Code.GET_TIME).code == Code.ACK_OK) is right


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"~SerialNumber\0", b"~SerialNumber=SIM0001\0"),
        (b"~Platform", b"~Platform=ZEM760_TFT\0"),
        (b"WorkCode\0", b"WorkCode=0\0"),
    ],
)
def test_options(name: bytes, value: bytes) -> None:
    answer = Client().connect().one(Code.OPTIONS_RRQ, name)
    assert (answer.code, answer.data) == (Code.ACK_OK, value)


def test_an_unknown_option_and_a_written_one() -> None:
    client = Client().connect()
    assert client.one(Code.OPTIONS_RRQ, b"FaceFunOn\0").code == Code.ACK_ERROR
    assert client.one(Code.OPTIONS_WRQ, b"FaceFunOn").code == Code.ACK_ERROR
    assert client.one(Code.OPTIONS_WRQ, b"FaceFunOn=1\0").code == Code.ACK_OK
    assert client.one(Code.OPTIONS_RRQ, b"FaceFunOn\0").data == b"FaceFunOn=1\0"


def test_the_clock_is_read_and_set() -> None:
    client = Client().connect()
    assert zkwire.moment_of(int.from_bytes(client.one(Code.GET_TIME).data, "little")) == MORNING
    later = MORNING.replace(hour=9)
    client.one(Code.SET_TIME, zkwire.number_of(later).to_bytes(4, "little"))
    assert client.terminal.now() == later
    refused = client.one(Code.SET_TIME, IMPOSSIBLE.to_bytes(4, "little"))
    assert refused.code == Code.ACK_ERROR


def test_small_questions() -> None:
    client = Client().connect()
    assert client.one(Code.GET_VERSION).data == b"Ver 6.60 Sep 27 2019\0"
    assert client.one(Code.GET_PINWIDTH, b" P").data == b"\x09"
    assert client.one(Code.STATE_RRQ).session == 0
    for code in (Code.CANCELCAPTURE, Code.STARTVERIFY, Code.REFRESHDATA, Code.TESTVOICE):
        assert client.one(code).code == Code.ACK_OK
    client.one(Code.DISABLEDEVICE)
    assert not client.terminal.enabled
    client.one(Code.ENABLEDEVICE)
    assert client.terminal.enabled


def test_a_small_table_comes_in_one_packet() -> None:
    answer = Client(people=3).connect().one(Code.PREPARE_BUFFER, READ_USERS)
    assert answer.code == Code.DATA
    assert answer.session == SESSION
    assert answer.data[:4] == (3 * 72).to_bytes(4, "little")
    rows = [read_user_row(answer.data[at : at + 72]) for at in range(4, 220, 72)]
    assert [row.user_id[:4] for row in rows] == [b"1001", b"1002", b"1003"]


def test_there_are_no_templates() -> None:
    answer = Client().connect().one(Code.PREPARE_BUFFER, READ_TEMPLATES)
    assert (answer.code, answer.data) == (Code.DATA, bytes(4))


@pytest.mark.parametrize("request_", [b"", READ_USERS[:-1], b"\1\x44\0" + bytes(8)])
def test_an_unknown_table_is_refused(request_: bytes) -> None:
    assert Client().connect().one(Code.PREPARE_BUFFER, request_).code == Code.ACK_ERROR


def test_a_slice_that_nobody_prepared_is_refused() -> None:
    client = Client(people=55).connect()
    assert client.one(Code.READ_BUFFER, bytes(8)).code == Code.ACK_ERROR
    client.one(Code.PREPARE_BUFFER, READ_USERS)
    beyond = (99_999).to_bytes(4, "little") + bytes(4)
    assert client.one(Code.READ_BUFFER, beyond).code == Code.ACK_ERROR


@pytest.mark.parametrize("transport", Transport)
@pytest.mark.parametrize(("most", "slice_bytes"), [(65536, 65472), (1008, 16384)])
def test_a_large_table_comes_in_slices(transport: Transport, most: int, slice_bytes: int) -> None:
    profile = Profile(tcp_data_bytes=most, udp_data_bytes=1024)
    client = Client(people=1000, profile=profile, transport=transport).connect()
    table = client.read(READ_USERS, slice_bytes)
    assert table == client.terminal.table(Table.USERS)
    assert len(table) == 4 + 72_000


def test_the_old_reads() -> None:
    client = Client(people=2).connect()
    client.terminal.punch(["1001"], 1, 255)
    for code, argument, table in (
        (Code.ATTLOG_RRQ, b"", Table.ATTENDANCE),
        (Code.USERTEMP_RRQ, b"\5", Table.USERS),
    ):
        _prepare, data, ack = client.ask(code, argument)
        assert data.data == client.terminal.table(table)
        assert ack.code == Code.ACK_OK
    assert client.one(Code.USERTEMP_RRQ, b"\1\0\0").code == Code.ACK_ERROR  # a template


@pytest.mark.parametrize(
    ("layout", "width"),
    [(LogLayout.TFT_40, 40), (LogLayout.OLD_16, 16), (LogLayout.PLAIN_8, 8)],
)
def test_every_log_width(layout: LogLayout, width: int) -> None:
    client = Client(profile=Profile(log=layout)).connect()
    client.terminal.punch(["1001", "1002"], 1, 255)
    answer = client.one(Code.PREPARE_BUFFER, READ_LOG)
    assert len(answer.data) == 4 + 2 * width


def test_people_are_written_and_deleted() -> None:
    client = Client(people=1).connect()
    row = user_row(UserLayout.TFT, UserRow(uid=9, user_id=b"A77", name=b"Dewi Lubis", card=5))
    assert client.one(Code.USER_WRQ, row).code == Code.ACK_OK
    assert client.terminal.people[9] == Person("A77", "Dewi Lubis", card=5, uid=9)
    assert client.one(Code.USER_WRQ, row[:-1]).code == Code.ACK_ERROR
    assert client.one(Code.DELETE_USER, b"\x09\0").code == Code.ACK_OK
    assert client.one(Code.DELETE_USER, b"\x09\0").code == Code.ACK_ERROR


def test_the_log_is_cleared_as_a_whole() -> None:
    client = Client().connect()
    client.terminal.punch(["1001", "1002"], 1, 255)
    client.one(Code.CLEAR_DATA, bytes([Table.USERS]))
    assert not client.terminal.people
    assert len(client.terminal.records) == 2
    client.one(Code.CLEAR_ATTLOG)
    assert not client.terminal.records


# Events


def register(client: Client) -> Client:
    assert client.connect().one(Code.REG_EVENT, b"\1\0\0\0").code == Code.ACK_OK
    return client


def pushed(client: Client, *user_ids: str, one_packet: bool = False) -> Answer:
    made = client.terminal.punch(user_ids, 1, 0)
    return client.session.events(made, one_packet=one_packet)


def test_events_go_to_who_registered() -> None:
    client = Client()
    assert pushed(client.connect(), "1001") == Answer()
    register(client)
    (event,) = pushed(client, "1001").packets
    assert (event.code, event.session, event.reply) == (Code.REG_EVENT, 1, 0)
    assert event.data == b"1001".ljust(24, b"\0") + bytes([1, 0, 26, 11, 24, 7, 28, 0])
    client.one(Code.REG_EVENT, bytes(4))
    assert pushed(client, "1001") == Answer()


def test_two_records_in_one_packet() -> None:
    (event,) = pushed(register(Client()), "1001", "1002", one_packet=True).packets
    assert len(event.data) == 64


def test_acks_are_counted_and_only_for_events() -> None:
    client = register(Client())
    assert client.ask(Code.ACK_OK) == ()
    assert client.terminal.acked == 0
    pushed(client, "1001", "1002")
    client.ask(Code.ACK_OK)
    client.ask(Code.ACK_OK)
    client.ask(Code.ACK_OK)
    assert client.terminal.acked == 2


def test_a_terminal_that_waits_for_the_ack() -> None:
    client = register(Client(profile=Profile(waits_for_ack=True)))
    assert len(pushed(client, "1001", "1002").packets) == 1
    assert len(pushed(client, "1003").packets) == 0
    users = [client.one(Code.ACK_OK).data[:4] for _ in range(2)]
    assert users == [b"1002", b"1003"]
    assert client.ask(Code.ACK_OK) == []
    assert client.terminal.acked == 3


# Faults


def test_encrypted_firmware() -> None:
    client = Client(faults=Faults(encrypted=True))
    assert client.ask(Code.CONNECT, session=0)[0].code == 6001


def test_a_mute_terminal() -> None:
    assert Client(faults=Faults(mute=True)).ask(Code.CONNECT, session=0) == ()


def test_half_open_after_registration() -> None:
    client = register(Client(faults=Faults(silent_after_register=True)))
    assert client.ask(Code.GET_TIME) == ()
    assert pushed(client, "1001") == Answer()
    assert len(client.terminal.records) == 1


def test_a_punch_lands_between_count_and_read() -> None:
    client = Client(faults=Faults(late_punches=1)).connect()
    client.terminal.punch(["1002"], 1, 255)
    counted = client.one(Code.GET_FREE_SIZES).data
    assert int.from_bytes(counted[32:36], "little") == 1
    assert len(client.one(Code.PREPARE_BUFFER, READ_LOG).data) == 4 + 2 * 40
    assert len(client.one(Code.PREPARE_BUFFER, READ_LOG).data) == 4 + 2 * 40
    client.terminal.faults = Faults(late_punches=1)
    assert len(client.one(Code.PREPARE_BUFFER, READ_LOG).data) == 4 + 3 * 40


def test_an_impossible_date_is_counted_and_sent() -> None:
    client = Client(faults=Faults(impossible_date=True)).connect()
    client.terminal.punch(["1001", "1002"], 1, 255)
    counted = client.one(Code.GET_FREE_SIZES).data
    assert int.from_bytes(counted[32:36], "little") == 3
    table = client.one(Code.PREPARE_BUFFER, READ_LOG).data
    assert table[4 + 40 + 27 : 4 + 40 + 31] == IMPOSSIBLE.to_bytes(4, "little")
    assert len(client.terminal.records) == 2


def test_a_terminal_that_claims_an_empty_log() -> None:
    client = Client(faults=Faults(no_records_counted=True)).connect()
    client.terminal.punch(["1001"], 1, 255)
    assert client.one(Code.GET_FREE_SIZES).data[32:36] == bytes(4)
    assert len(client.one(Code.PREPARE_BUFFER, READ_LOG).data) == 44
