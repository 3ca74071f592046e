"""What terminals did in the field, each once, against the simulated terminal.

docs/ZK.md has the lines and says where each was seen; every line there names its test here. Each
test says what a technician reads, and ends the same way: the fault is over, the source is opened
again, and what has been recorded is the terminal's log, each row once, no more and no less.
"""

import re
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

import pytest

from drivers.base import Method, Punch, Reading, Source, State, Witness
from drivers.errors import Garbled, Refused, SourceError, TimedOut, Unreachable
from drivers.options import Transport, ZkTerminal
from drivers.registry import build
from drivers.sim import zkteco as sim
from drivers.sim.zkrecords import STRAY_PREFIX

STAFF = sim.simulated_staff(40)
ZONE = ZoneInfo("Asia/Jakarta")
NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # 08:00 in Jakarta
MORNING = NOW.astimezone(ZONE).replace(tzinfo=None)
SHORT_S = 0.15
LONG_S = 10.0
"""A deadline that a sound test never waits for."""

BOTH = pytest.mark.parametrize("transport", list(Transport))
LAYOUTS = pytest.mark.parametrize("log", list(sim.LogLayout), ids=lambda log: log.name)
DOCUMENT = Path(__file__).parents[3] / "docs" / "ZK.md"


class Office:
    """A terminal with some punches in its log, and what has been recorded of it by origin."""

    def __init__(
        self,
        profile: sim.Profile | None = None,
        faults: sim.Faults | None = None,
        punches: int = 30,
        comm_key: int | None = None,
        transport: Transport = Transport.TCP,
        host: str = "127.0.0.1",
    ) -> None:
        self.passed = timedelta(0)
        self.sim = sim.SimulatedTerminal(
            STAFF,
            serial="CEXA1",
            profile=profile,
            faults=faults,
            comm_key=comm_key,
            clock=lambda: MORNING + self.passed,
            host=host,
        )
        self.recorded: set[tuple[str, str, int]] = set()
        self.unreadable: list[bytes] = []
        self._punches = punches
        self._comm_key = comm_key or 0
        self._transport = transport

    def __enter__(self) -> Self:
        self.sim.start()
        begin = MORNING - timedelta(minutes=self._punches)
        for n in range(self._punches):
            self.sim.punch(STAFF[n % len(STAFF)].user_id, at=begin + timedelta(minutes=n))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.sim.stop()

    def now(self) -> datetime:
        return NOW + self.passed

    def source(self, **changes: object) -> Source:
        given: dict[str, object] = {
            "name": "gate",
            "host": self.sim.host,
            "port": self.sim.port,
            "transport": self._transport,
            "comm_key": self._comm_key,
            "timeout_s": LONG_S,
            "check_s": 3600.0,
        }
        return build(ZkTerminal(**(given | changes)), self.now)

    @contextmanager
    def visit(self, beat: Callable[[], None] = lambda: None, **changes: object) -> Iterator[Source]:
        source = self.source(**changes)
        try:
            source.open(None, beat)
            yield source
        finally:
            source.close()

    def record(self, reading: Reading | None) -> Reading:
        """Take a reading as the journal does: an origin once."""
        assert reading is not None
        for punch in reading.punches:
            if punch.user:
                self.recorded.add((punch.user, punch.time, punch.ordinal))
            else:
                self.unreadable.append(punch.raw)
        return reading

    def read(self, source: Source) -> Reading:
        reading = self.record(source.read(LONG_S))
        source.confirm(reading)
        return reading

    def hear(self, source: Source, punches: int) -> list[Punch]:
        """Read until so many live punches came."""
        heard: list[Punch] = []
        while len(heard) < punches:
            reading = self.read(source)
            assert reading.coverage is None, "the log was read again instead"
            heard += reading.punches
        return heard

    def log(self) -> set[tuple[str, str, int]]:
        """Return the origins of what the terminal holds."""
        seen: Counter[tuple[str, str]] = Counter()
        origins = set()
        for one in self.sim.log:
            who = one.user_id, one.time.isoformat()
            seen[who] += 1
            origins.add((*who, seen[who]))
        return origins

    def read_on(self, **changes: object) -> None:
        """Visit and read, as long as it goes well."""
        with self.visit(**changes) as source:
            self.go_on(source)

    def go_on(self, source: Source) -> None:
        """Read from an open source as long as it goes well."""
        for _ in range(100):
            self.read(source)

    def fails(self, error: type[SourceError], says: str, **changes: object) -> None:
        """Read until the visit ends with `error`, whose text and hint say `says`."""
        with pytest.raises(error, match=says) as raised:
            self.read_on(**changes)
        assert raised.value.hint, "a technician is left without a next step"
        assert "source gate" in str(raised.value)

    def ends_well(self, **changes: object) -> Reading:
        """End every fault, visit again, and find that nothing is lost and nothing invented."""
        self.sim.faults = sim.Faults()
        with self.visit(**changes) as source:
            reading = self.read(source)
        assert reading.coverage is not None
        assert self.recorded == self.log()
        assert self.sim.enabled
        assert not {sim.Code.CLEAR_DATA, sim.Code.CLEAR_ATTLOG, sim.Code.DISABLEDEVICE} & {
            *self.sim.requests
        }
        return reading


def test_every_line_of_the_document_has_its_test() -> None:
    named = re.findall(r"`(test_\w+)`", DOCUMENT.read_text())
    ours = {name for name in globals() if name.startswith("test_")}
    assert set(named) <= ours
    assert ours - set(named) == {"test_every_line_of_the_document_has_its_test"}


# The table "Fault experiments".


@LAYOUTS
@pytest.mark.parametrize("before", [1, 30])
def test_punch_lands_between_count_and_read(log: sim.LogLayout, before: int) -> None:
    """1 counted, 2 sent; 30 counted, 31 sent."""
    profile, faults = sim.Profile(log=log), sim.Faults(late_punches=1)
    with Office(profile, faults, before) as office:
        with office.visit() as source:
            reading = office.read(source)
            assert reading.coverage is not None
            assert reading.coverage.records == len(reading.punches) == before + 1
        office.ends_well()


@pytest.mark.parametrize("events", [2, 3])
@pytest.mark.parametrize("one_packet", [False, True])
def test_several_events_in_one_segment(events: int, one_packet: bool) -> None:
    with Office(faults=sim.Faults(segmentation=sim.Segmentation.JOINED)) as office:
        with office.visit() as source:
            office.read(source)
            people = [one.user_id for one in STAFF[:events]]
            office.sim.burst(people, one_packet=one_packet)
            assert [punch.user for punch in office.hear(source, events)] == people
        office.ends_well()


def test_event_split_over_two_segments() -> None:
    with Office(faults=sim.Faults(segmentation=sim.Segmentation.BYTES)) as office:
        with office.visit() as source:
            office.read(source)
            office.sim.punch("1001")
            assert [punch.user for punch in office.hear(source, 1)] == ["1001"]
        office.ends_well()


@pytest.mark.parametrize("user", ["A77", "007", "9" * 24])
def test_unknown_pin(user: str) -> None:
    with Office() as office:
        with office.visit() as source:
            office.read(source)
            office.sim.punch(user)
            assert [punch.user for punch in office.hear(source, 1)] == [user]
        office.ends_well()


def test_fin_during_live_capture() -> None:
    with Office() as office:
        with office.visit() as source:
            office.read(source)
            office.sim.drop_clients()
            office.sim.punch("1001")  # into the gap
            with pytest.raises(TimedOut, match=r"closed the connection|connection was lost"):
                source.read(LONG_S)
        office.ends_well()


def test_silence_half_open_after_reg_event() -> None:
    with Office(faults=sim.Faults(silent_after_register=True)) as office:
        office.fails(TimedOut, "no answer.*only session", timeout_s=SHORT_S)
        office.ends_well()


def test_silence_half_open_while_live() -> None:
    """Only asking shows it: the count is compared every `check_s`."""
    with Office() as office:
        with office.visit(timeout_s=SHORT_S, check_s=0.05) as source:
            office.read(source)
            office.sim.faults = sim.Faults(mute=True)
            office.sim.punch("1001")
            with pytest.raises(TimedOut, match="no answer after"):
                source.read(LONG_S)
        office.ends_well()


def test_49_byte_event() -> None:
    """It is recorded as its bytes, and the count then has the log read, which can be."""
    with Office(sim.Profile(events=sim.EventLayout.UNLISTED)) as office:
        with office.visit(check_s=0.01) as source:
            office.read(source)
            office.sim.punch("1001")
            reading = office.read(source)
            (raw,) = office.unreadable
            assert raw.startswith(b"1001\0")
            assert len(raw) == 49
            assert reading.punches[0].time == ""
            assert office.read(source).coverage is not None
            assert office.recorded == office.log()
        office.ends_well()


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_fin_in_a_bulk_read(share: float) -> None:
    faults = sim.Faults(bulk=sim.Breakage.FIN, bulk_share=share)
    with Office(faults=faults, punches=300) as office:
        office.fails(TimedOut, "closed the connection.*restarted, or another program")
        assert office.recorded == set()
        office.ends_well()


@BOTH
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_silence_in_a_bulk_read(share: float, transport: Transport) -> None:
    faults = sim.Faults(bulk=sim.Breakage.SILENCE, bulk_share=share)
    with Office(faults=faults, punches=300, transport=transport) as office:
        office.fails(TimedOut, "no answer|stopped at .* of .* bytes", timeout_s=SHORT_S)
        assert office.recorded == set()
        office.ends_well()


@LAYOUTS
def test_one_record_dated_31_february(log: sim.LogLayout) -> None:
    with Office(sim.Profile(log=log), sim.Faults(impossible_date=True)) as office:
        with office.visit() as source:
            reading = office.read(source)
        (odd,) = [punch for punch in reading.punches if "-02-31T" in punch.time]
        assert odd.raw
        office.recorded.remove((odd.user, odd.time, odd.ordinal))  # it goes with its fault
        office.ends_well()


@pytest.mark.parametrize("transport", list(Transport))
def test_connect_answered_6001(transport: Transport) -> None:
    with Office(sim.PROFILES["senseface"], transport=transport) as office:
        office.fails(Refused, "6001.*encrypted handshake.*use PUSH")
    with Office(faults=sim.Faults(encrypted=True), transport=transport) as office:
        office.fails(Refused, "6001.*use PUSH")
        office.ends_well()


@BOTH
@pytest.mark.parametrize("code", [4989, 2001, 65535])
def test_buffered_read_refused(code: int, transport: Transport) -> None:
    """1503 answered 4989 ("RWB not supported") or unknown: the log is read directly."""
    profile = sim.Profile(refuses={sim.Code.PREPARE_BUFFER: sim.Code(code)})
    with Office(profile, punches=300, transport=transport) as office:
        office.ends_well()


# The fifteen failure modes.


def test_mode_01_live_capture_dead_after_a_restart() -> None:
    with Office() as office:
        with office.visit() as source:
            office.read(source)
            office.sim.stop()
            with pytest.raises(TimedOut, match=r"closed the connection|was lost"):
                source.read(LONG_S)
        office.fails(Unreachable, "port is closed.*it may be starting")
        office.sim.start()
        office.sim.punch("1009")
        with office.visit() as source:
            office.read(source)
            office.sim.punch("1010")
            assert [punch.user for punch in office.hear(source, 1)] == ["1010"]
        office.ends_well()


@BOTH
@LAYOUTS
@pytest.mark.parametrize("users", list(sim.UserLayout), ids=lambda users: users.name)
@pytest.mark.parametrize("prefix", [b"", STRAY_PREFIX], ids=["plain", "prefixed"])
def test_mode_02_wrong_record_width(
    log: sim.LogLayout, users: sim.UserLayout, prefix: bytes, transport: Transport
) -> None:
    profile = sim.Profile(log=log, users=users, log_prefix=prefix)
    with Office(profile, transport=transport, punches=150) as office:
        office.ends_well()


@BOTH
@pytest.mark.parametrize("events", sorted(set(sim.EventLayout) - {sim.EventLayout.UNLISTED}))
def test_mode_03_live_event_sizes(events: sim.EventLayout, transport: Transport) -> None:
    with Office(sim.Profile(events=events), transport=transport) as office:
        with office.visit() as source:
            office.read(source)
            office.sim.burst(["1001", "1002"], one_packet=True)
            office.sim.punch("1003", method=15, state=1)
            heard = office.hear(source, 3)
        assert [punch.user for punch in heard] == ["1001", "1002", "1003"]
        assert (heard[2].method, heard[2].state) == (Method.FACE, State.OUT)
        office.ends_well()


def test_mode_04_log_reported_as_empty() -> None:
    """The count says 0 and the log is not empty: it is read, and read again at times."""
    with Office(faults=sim.Faults(no_records_counted=True)) as office:
        with office.visit(check_s=0.01) as source:
            assert len(office.read(source).punches) == 30
            office.sim.punch("1001")
            while len(office.recorded) < 31:
                office.read(source)
            again = office.read(source)  # without any event, after some checks
            assert again.coverage is not None
        office.ends_well()


def test_mode_04_log_withheld_by_access_firmware() -> None:
    with Office(sim.PROFILES["speedface-access"]) as office:
        office.fails(Refused, "NOT_FOR_THIS_FIRMWARE.*does not give its log on 4370: use PUSH")


@BOTH
@pytest.mark.parametrize(
    ("foreign", "says"),
    [
        (sim.Foreign.C3_PANEL, "C3/C4 access panel"),
        (sim.Foreign.WEB_SERVER, "web server"),
        (sim.Foreign.NEWER_FRAMING, "newer units"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_mode_05_another_protocol_on_the_port(
    foreign: sim.Foreign, says: str, transport: Transport
) -> None:
    with Office(faults=sim.Faults(foreign=foreign), transport=transport) as office:
        office.fails(Garbled, says)
        office.ends_well()


@BOTH
@pytest.mark.parametrize("data_bytes", [1008, 65536])
def test_mode_06_large_logs(data_bytes: int, transport: Transport) -> None:
    """Many slices, both packet sizes, numbered packets."""
    profile = sim.Profile(tcp_data_bytes=data_bytes, udp_data_bytes=min(data_bytes, 1024))
    with Office(profile, punches=0, transport=transport) as office:
        begin = MORNING - timedelta(days=100)
        for n in range(5000):
            office.sim.punch(STAFF[n % 40].user_id, at=begin + timedelta(minutes=n))
        office.ends_well()


def test_mode_06_rows_that_are_not_numbered() -> None:
    with Office(sim.Profile(numbered=False, tcp_data_bytes=1008), punches=300) as office:
        office.ends_well()


def test_mode_06_a_reply_longer_than_asked() -> None:
    with Office(faults=sim.Faults(longer_bytes=40), punches=300) as office:
        office.fails(Garbled, "another size than asked.*expected 12004 bytes, got 12044")
        office.ends_well()


@pytest.mark.parametrize("announced", [0xFFFFFFFF, 1 << 30, 12_000, 12_008])
def test_mode_06_a_length_that_is_a_lie(announced: int) -> None:
    """A different length on each call, or one that no log has: never half a log."""
    with Office(faults=sim.Faults(announces_bytes=announced), punches=300) as office:
        with pytest.raises((Garbled, TimedOut)) as raised, office.visit() as source:
            office.read(source)
        assert "source gate" in str(raised.value)
        assert raised.value.hint
        assert office.recorded == set()
        office.ends_well()


@pytest.mark.parametrize("segmentation", list(sim.Segmentation))
@pytest.mark.parametrize("profile", ["f19", "k40", "d2", "uface", "speedface", "wl20"])
def test_mode_07_partial_reads(profile: str, segmentation: sim.Segmentation) -> None:
    faults = sim.Faults(segmentation=segmentation)
    with Office(sim.PROFILES[profile], faults, punches=120) as office:
        with office.visit() as source:
            office.read(source)
            office.sim.burst(["1001", "1002", "1003"])
            office.hear(source, 3)
        assert office.recorded == office.log()
        office.ends_well()


@pytest.mark.parametrize("profile", ["zem500", "ma300"])
def test_mode_08_udp_only_terminals(profile: str) -> None:
    with Office(sim.PROFILES[profile], transport=Transport.UDP) as office:
        office.fails(Unreachable, "Check port and transport", transport=Transport.TCP)
        with office.visit() as source:
            office.read(source)
            office.sim.punch("1001")
            office.hear(source, 1)
        office.ends_well()


def test_mode_08_tcp_only_terminals() -> None:
    with Office(sim.Profile(udp=False)) as office:
        office.fails(
            Unreachable,
            "Check port and transport|newer terminals want transport tcp",
            transport=Transport.UDP,
            timeout_s=SHORT_S,
        )
        office.ends_well()


@BOTH
def test_mode_09_comm_key_wrong(transport: Transport) -> None:
    with Office(comm_key=4711, transport=transport) as office:
        office.fails(Refused, "refused the comm key.*Comm > PC connection", comm_key=4712)
        office.fails(Refused, "refused the comm key", comm_key=0)
        office.ends_well()


@BOTH
def test_mode_09_comm_key_wanted_although_none_is_set(transport: Transport) -> None:
    with Office(comm_key=0, transport=transport) as office:
        office.ends_well()


def test_mode_10_another_client_holds_the_session() -> None:
    """It gets the only session first: 2032, or it is hung up on."""
    locked = sim.Faults(refuses={sim.Code.CONNECT: sim.Code.SESSION_LOCKED})
    with Office(sim.Profile(sharing=sim.Sharing.FIRST), locked) as office:
        office.fails(Refused, r"SESSION_LOCKED \(2032\).*Close other programs")
        office.sim.faults = sim.Faults()
        with office.visit():
            office.fails(TimedOut, "another program took its only session")
        office.sim.wait_until(lambda it: it.clients == 0)
        office.ends_well()


@BOTH
def test_mode_10_another_client_takes_the_session(transport: Transport) -> None:
    newest = sim.Profile(sharing=sim.Sharing.NEWEST)
    with Office(newest, transport=transport) as office:
        with office.visit(check_s=0.02) as source:
            office.read(source)
            with office.visit():  # a second program
                office.sim.punch("1001")
                with pytest.raises((TimedOut, Refused), match="program") as raised:
                    office.go_on(source)
                assert raised.value.hint
        office.ends_well()


@BOTH
def test_mode_10_two_sessions_are_served(transport: Transport) -> None:
    with Office(transport=transport) as office:
        with office.visit() as source, office.visit() as other:
            office.read(source)
            office.read(other)
            office.sim.punch("1001")
            assert [one.user for one in office.hear(source, 1)] == ["1001"]
            assert [one.user for one in office.hear(other, 1)] == ["1001"]
        office.ends_well()


def test_mode_11_a_log_that_somebody_cleared() -> None:
    """What was recorded stays; that the log shrank is seen by its coverage."""
    with Office() as office:
        office.ends_well()
        kept = set(office.recorded)
        office.sim.terminal.clear_log()
        office.sim.punch("1001")
        with office.visit() as source:
            reading = office.read(source)
        assert reading.coverage is not None
        assert reading.coverage.records == 1
        assert office.recorded == kept | office.log()


@pytest.mark.parametrize("when_full", list(sim.Full))
def test_mode_11_memory_full(when_full: sim.Full) -> None:
    profile = sim.Profile(record_capacity=30, when_full=when_full)
    with Office(profile) as office, office.visit(check_s=0.01) as source:
        reading = office.read(source)
        assert reading.warnings is not None
        assert "log is full (30 of 30 rows)" in reading.warnings[0]
        before = office.log()
        if when_full is sim.Full.STOPS:
            with pytest.raises(sim.LogFull):
                office.sim.punch("1001")
        else:
            office.sim.punch("1001")
        while office.read(source).coverage is None:
            pass  # the count stays what it was, so the log is read again at times
        assert office.recorded == before | office.log()


def test_mode_12_duplicates_made_by_the_reader() -> None:
    """Two readers, read twice, live and log: one origin each; the same second twice is two."""
    with Office() as office:
        with office.visit() as source, office.visit() as other:
            office.read(source)
            office.read(other)
            office.sim.punch("1001")
            office.hear(source, 1)
            office.hear(other, 1)
        office.sim.punch("1001")  # in the same second of its clock
        office.ends_well()
        office.ends_well()
        assert ("1001", "2026-03-02T08:00:00", 2) in office.recorded


@pytest.mark.parametrize("state", [0, 1, 5, 255, 77])
@LAYOUTS
def test_mode_13_state_undefined_or_swapped(log: sim.LogLayout, state: int) -> None:
    """Nothing is decided from it and the row's bytes are kept."""
    with Office(sim.Profile(log=log), punches=0) as office:
        for n in range(20):
            office.sim.punch(STAFF[n].user_id, method=1, state=state)
        with office.visit() as source:
            reading = office.read(source)
        width = len(reading.punches[0].raw)
        assert width == int(log.value.partition(":")[0])
        if state > 5:
            assert {punch.state for punch in reading.punches} == {State.UNDEFINED}
        office.ends_well()


@pytest.mark.parametrize("log", [sim.LogLayout.ZEM500_8, sim.LogLayout.TFT_40])
def test_mode_14_slots_are_not_user_ids(log: sim.LogLayout) -> None:
    """People get other slots (a restored user table): their punches stay theirs."""
    with Office(sim.Profile(log=log)) as office:
        office.ends_well()
        office.sim.terminal.renumber({n: 41 - n for n in range(1, 41)})
        office.ends_well()


def test_mode_15_nobody_at_the_address() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Office() as office:
        office.fails(Unreachable, "port is closed.*Check port", port=port)
        office.fails(Unreachable, "has no address.*IP address", host="terminal.invalid")
        office.ends_well()


def test_mode_15_another_terminal_at_the_address() -> None:
    with Office() as office, sim.SimulatedTerminal(STAFF, serial="OTHER") as other:
        source = office.source(port=other.port)
        assert source.open(None, lambda: None).serial == "OTHER"
        source.close()
        office.ends_well()


@BOTH
@pytest.mark.parametrize("hours", [-48, -1, 1, 24 * 365 * 15])
def test_mode_15_clock_moved(hours: int, transport: Transport) -> None:
    """Back, forward, decades ahead: rows are kept as dated, the drift says by how much."""
    profile = sim.Profile(time_range=True)
    with Office(profile, transport=transport) as office:
        with office.visit(check_s=0.01) as source:
            office.read(source)
            office.sim.set_clock(MORNING + timedelta(hours=hours))
            office.sim.punch("1001")
            office.hear(source, 1)
        assert office.ends_well().drift_ms == hours * 3_600_000


def test_mode_15_clock_runs_fast() -> None:
    with Office() as office:
        office.sim.faults = sim.Faults(clock_rate=1.5)
        office.passed = timedelta(seconds=20)
        office.sim.punch("1001")
        with office.visit() as source:
            assert office.read(source).drift_ms == 10_000
        office.ends_well()


# What else has been seen.


@pytest.mark.parametrize("sizes", list(sim.SizesLayout), ids=lambda sizes: sizes.name)
def test_sizes_of_any_length(sizes: sim.SizesLayout) -> None:
    """A WL20 says a single 0; then nothing is compared, and the log is read again at times."""
    with Office(sim.Profile(sizes=sizes)) as office:
        with office.visit(check_s=0.01) as source:
            office.read(source)
            office.sim.faults = sim.Faults()
            office.sim.punch("1001")
            while len(office.recorded) < 31:
                office.read(source)
        office.ends_well()


@BOTH
def test_the_end_of_the_log_by_a_time_range(transport: Transport) -> None:
    """Punches whose events did not come: newer firmware gives only them, and proves them all."""
    profile = sim.Profile(time_range=True, waits_for_ack=True)
    with Office(profile, transport=transport, punches=600) as office:
        with office.visit(check_s=0.02) as source:
            office.read(source)
            office.passed = timedelta(seconds=30)
            office.sim.burst(["1001", "1002", "1003"])
            first = office.record(source.read(LONG_S))  # not confirmed: no more events come
            assert len(first.punches) == 1
            end = office.record(source.read(LONG_S))
            assert end.coverage is None
            assert end.tail is not None
            assert (end.tail.through, end.tail.records) == ("2026-03-02T08:00:30", 603)
            assert len(end.punches) == 60 + 3  # an hour, and the new ones
            assert {punch.witness for punch in end.punches} == {Witness.LOG}
            assert office.recorded == office.log()
        office.ends_well()


def test_a_time_range_does_not_hide_a_clock_that_jumped_back() -> None:
    with Office(sim.Profile(time_range=True, waits_for_ack=True)) as office:
        with office.visit(check_s=0.02) as source:
            office.read(source)
            office.sim.burst(["1001", "1002"])
            office.record(source.read(LONG_S))
            office.sim.punch("1003", at=MORNING - timedelta(days=3))
            again = office.record(source.read(LONG_S))
            assert again.coverage is not None  # the range did not explain the count
            assert office.recorded == office.log()
        office.ends_well()


def test_firmware_without_time_ranges() -> None:
    with Office(sim.Profile(waits_for_ack=True)) as office:
        with office.visit(check_s=0.02) as source:
            office.read(source)
            office.sim.burst(["1001", "1002"])
            office.record(source.read(LONG_S))
            assert office.record(source.read(LONG_S)).coverage is not None
        office.ends_well()


@BOTH
def test_event_between_request_and_reply(transport: Transport) -> None:
    """The punch lands when the table is asked for: its event comes before the answer."""
    faults = sim.Faults(late_punches=1)
    with Office(faults=faults, punches=300, transport=transport) as office:
        with office.visit() as source:
            assert len(office.read(source).punches) == 301
            office.hear(source, 1)
        office.ends_well()


@BOTH
def test_event_in_mid_transfer(transport: Transport) -> None:
    profile = sim.Profile(tcp_data_bytes=1008)
    faults = sim.Faults(mid_transfer_punches=1)
    with Office(profile, faults, punches=300, transport=transport) as office:
        with office.visit(check_s=0.02) as source:
            assert len(office.read(source).punches) == 300
            office.hear(source, 1)
            assert source.read(0.1) is None  # the count agrees with what was read and heard
        office.ends_well()


@pytest.mark.parametrize("refusal", [2001, 65535])
def test_option_names_without_nul(refusal: int) -> None:
    profile = sim.Profile(bare_option_names=True, unknown_option=sim.Code(refusal))
    with Office(profile) as office:
        source = office.source()
        identity = source.open(None, lambda: None)
        source.close()
        assert (identity.serial, identity.model) == ("CEXA1", "F19")
        office.ends_well()


def test_exit_answered_twice() -> None:
    with Office(sim.Profile(exits_twice=True)) as office:
        office.ends_well()
        office.ends_well()
        assert office.sim.wait_until(lambda it: it.clients == 0)


def test_terminal_left_disabled_by_another_program() -> None:
    with Office(faults=sim.Faults(disabled=True)) as office:
        with office.visit() as source:
            (warning,) = office.read(source).warnings or ()
            assert "another program has disabled it" in warning
        assert office.ends_well().warnings == ()


def test_a_terminal_that_does_not_say_what_it_is_doing() -> None:
    """STATE_RRQ refused or not answered at all: the log is there all the same."""
    refusing = sim.Profile(refuses={sim.Code.STATE_RRQ: sim.Code.ACK_UNKNOWN})
    with Office(refusing) as office:
        assert office.ends_well().warnings == ()


@BOTH
def test_terminal_restarts_in_mid_transfer(transport: Transport) -> None:
    with Office(punches=3000, transport=transport) as office:
        restarted: list[int] = []

        def beat() -> None:
            if not restarted:
                restarted.append(1)
                office.sim.stop()
                office.sim.start()

        with (
            pytest.raises((TimedOut, Unreachable, Refused)) as raised,
            office.visit(beat, timeout_s=SHORT_S) as source,
        ):
            office.read(source)
        assert raised.value.hint
        assert office.recorded == set()
        assert restarted
        office.ends_well()


@pytest.mark.parametrize("datagrams", [sim.Datagrams.LOST, sim.Datagrams.REORDERED])
def test_udp_datagrams_lost_or_reordered(datagrams: sim.Datagrams) -> None:
    with Office(
        faults=sim.Faults(datagrams=datagrams), punches=300, transport=Transport.UDP
    ) as office:
        office.fails(Garbled, "DATA packet.*Over UDP datagrams may be lost; use tcp")
        assert office.recorded == set()
        office.ends_well()


@pytest.mark.parametrize("numbered", [True, False])
def test_udp_datagrams_doubled(numbered: bool) -> None:
    profile = sim.Profile(numbered=numbered)
    faults = sim.Faults(datagrams=sim.Datagrams.DOUBLED)
    with Office(profile, faults, punches=300, transport=Transport.UDP) as office:
        with office.visit() as source:
            assert office.read(source).coverage is not None
            office.sim.punch("1001")
            assert {punch.user for punch in office.hear(source, 2)} == {"1001"}  # one origin
        office.ends_well()


def test_wrong_checksum() -> None:
    with Office(faults=sim.Faults(wrong_checksum=True)) as office:
        office.fails(Garbled, "checksum.*Check cable and switch")
        office.ends_well()


@BOTH
def test_a_terminal_that_never_answers(transport: Transport) -> None:
    error = TimedOut if transport is Transport.TCP else Unreachable
    with Office(faults=sim.Faults(mute=True), transport=transport) as office:
        office.fails(error, "no answer.*Check power", timeout_s=SHORT_S)
        office.ends_well()


@BOTH
def test_a_name_as_host(transport: Transport) -> None:
    with Office(transport=transport) as office:
        office.ends_well(host="localhost")


@BOTH
def test_an_ipv6_host(transport: Transport) -> None:
    with Office(host="::1", transport=transport) as office:
        office.ends_well()
