"""What a firmware does in its own way, and what a terminal does wrong: one packet at a time."""

import struct
from datetime import datetime, timedelta

import pytest

from drivers.sim.faults import Faults
from drivers.sim.people import simulated_staff
from drivers.sim.zkprofile import PROFILES, Full, Profile
from drivers.sim.zkrecords import STRAY_PREFIX, LogLayout, SizesLayout
from drivers.sim.zksession import Session, Transport
from drivers.sim.zkterminal import LogFull, Terminal
from drivers.sim.zkwire import Code, Packet, Table, number_of

SESSION = 0x45CF
MORNING = datetime(2026, 3, 2, 7, 28)  # noqa: DTZ001 - a terminal's clock has no zone
LOG = bytes.fromhex("010d000000000000000000")


def connected(
    profile: Profile | None = None, faults: Faults | None = None, punches: int = 0
) -> tuple[Terminal, Session]:
    terminal = Terminal(
        simulated_staff(3),
        serial="SIM0001",
        profile=profile or Profile(),
        faults=faults or Faults(),
        comm_key=None,
        clock=lambda: MORNING,
        flash=None,
    )
    for n in range(punches):
        terminal.punch(["1001"], 1, 255, MORNING + timedelta(minutes=n))
    session = Session(terminal, SESSION, Transport.TCP)
    assert [one.code for one in ask(session, Code.CONNECT)] == [Code.ACK_OK]
    return terminal, session


def ask(session: Session, code: int, data: bytes = b"") -> list[Packet]:
    return list(session.receive(Packet(code, session.id, 1, data)).packets)


def test_a_time_range_is_its_rows_and_nothing_else() -> None:
    since, until = (number_of(MORNING + timedelta(minutes=n)) for n in (2, 4))
    request = struct.pack("<BHII", 1, Code.ATTLOG_RANGE, since, until)
    _, session = connected(Profile(time_range=True), punches=10)
    (table,) = ask(session, Code.PREPARE_BUFFER, request)
    assert len(table.data) == 4 + 3 * 40
    _, older = connected(punches=10)
    assert [one.code for one in ask(older, Code.PREPARE_BUFFER, request)] == [Code.ACK_ERROR]


@pytest.mark.parametrize("name", sorted(PROFILES.keys() - {"senseface"}))
def test_every_profile_that_lets_one_in_holds_its_log(name: str) -> None:
    _, session = connected(PROFILES[name], punches=3)
    answer = ask(session, Code.PREPARE_BUFFER, LOG)[0]
    if name == "speedface-access":
        assert answer.code == Code.NOT_FOR_THIS_FIRMWARE
    else:
        assert answer.code == Code.DATA
        assert int.from_bytes(answer.data[:4], "little") == len(answer.data) - 4


def test_a_refusal_may_be_the_firmwares_or_of_the_moment() -> None:
    terminal, session = connected(Profile(refuses={Code.STATE_RRQ: Code.ACK_UNKNOWN}))
    assert [one.code for one in ask(session, Code.STATE_RRQ)] == [Code.ACK_UNKNOWN]
    terminal.faults = Faults(refuses={Code.GET_TIME: Code.SESSION_LOCKED})
    assert [one.code for one in ask(session, Code.GET_TIME)] == [Code.SESSION_LOCKED]
    terminal.faults = Faults()
    assert [one.code for one in ask(session, Code.GET_TIME)] == [Code.ACK_OK]


def test_stray_bytes_stand_before_rows_only() -> None:
    terminal, _ = connected(Profile(log_prefix=STRAY_PREFIX, log=LogLayout.SPEEDFACE_49), punches=2)
    table = terminal.table(Table.ATTENDANCE)
    assert table[4:13] == STRAY_PREFIX
    assert len(table) == 4 + 9 + 2 * 49
    terminal.clear_log()
    assert terminal.table(Table.ATTENDANCE) == bytes(4)


def test_packets_that_are_not_numbered_carry_the_session() -> None:
    _, session = connected(Profile(numbered=False, tcp_data_bytes=100), punches=10)
    answer = ask(session, Code.ATTLOG_RRQ)
    assert {one.session for one in answer if one.code == Code.DATA} == {SESSION}


def test_a_punch_in_mid_transfer_stands_between_its_packets() -> None:
    profile, faults = Profile(tcp_data_bytes=100), Faults(mid_transfer_punches=1)
    terminal, session = connected(profile, faults, punches=10)
    terminal.announce = lambda records, _: session.events(records)
    ask(session, Code.REG_EVENT, b"\1\0\0\0")
    codes = [one.code for one in ask(session, Code.ATTLOG_RRQ)]
    assert codes[:4] == [Code.PREPARE_DATA, Code.DATA, Code.REG_EVENT, Code.DATA]
    assert Code.REG_EVENT not in [one.code for one in ask(session, Code.ATTLOG_RRQ)]


def test_a_lie_about_a_length() -> None:
    terminal, session = connected(Profile(small_table_bytes=0), punches=2)
    terminal.faults = Faults(announces_bytes=7)
    assert ask(session, Code.PREPARE_BUFFER, LOG)[0].data[1:5] == b"\7\0\0\0"
    terminal.faults = Faults(longer_bytes=9)
    ask(session, Code.PREPARE_BUFFER, LOG)
    announced, data, _ = ask(session, Code.READ_BUFFER, struct.pack("<II", 0, 40))
    assert announced.data[0] == len(data.data) == 49


def test_small_ways() -> None:
    profile = Profile(exits_twice=True, bare_option_names=True, sizes=SizesLayout.WL20)
    terminal, session = connected(profile)
    assert [one.code for one in ask(session, Code.OPTIONS_RRQ, b"MAC\0")] == [Code.ACK_ERROR]
    assert ask(session, Code.OPTIONS_RRQ, b"MAC")[0].data.startswith(b"MAC=")
    assert [one.session for one in ask(session, Code.STATE_RRQ)] == [0]
    terminal.faults = Faults(disabled=True)
    assert [one.session for one in ask(session, Code.STATE_RRQ)] == [4]
    first, second = ask(session, Code.EXIT)
    assert (first.code, second.code) == (Code.ACK_OK, Code.ACK_OK)
    assert first.session != second.session


def test_a_full_log_loses_its_oldest_row_or_takes_no_more() -> None:
    terminal, _ = connected(Profile(record_capacity=3), punches=5)
    assert [one.time.minute for one in terminal.records] == [30, 31, 32]
    with pytest.raises(LogFull, match="3 rows"):
        connected(Profile(record_capacity=3, when_full=Full.STOPS), punches=4)


def test_a_clock_that_runs_fast_and_is_set() -> None:
    now = [MORNING]
    terminal, _ = connected()
    terminal._clock = lambda: now[0]
    terminal.faults = Faults(clock_rate=2.0)
    now[0] += timedelta(seconds=10)
    assert terminal.now() == MORNING + timedelta(seconds=20)
    terminal.set_clock(MORNING)
    now[0] += timedelta(seconds=1)
    assert terminal.now() == MORNING + timedelta(seconds=2)
    terminal.faults = Faults()
    now[0] += timedelta(seconds=1)
    assert terminal.now() == MORNING + timedelta(seconds=3)
