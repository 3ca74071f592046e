"""The source against the simulated terminal, which has a codec of its own."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from drivers.base import Method, Punch, Reading, Source, State, Witness
from drivers.errors import (
    Garbled,
    Misconfigured,
    Refused,
    SourceError,
    TimedOut,
    Unreachable,
)
from drivers.options import Transport, ZkTerminal
from drivers.registry import build
from drivers.sim import zkteco as sim
from drivers.zkteco.packets import Code
from drivers.zkteco.session import OutOfTurn
from drivers.zkteco.source import ZkSource

STAFF = sim.simulated_staff(40)
ZONE = ZoneInfo("Asia/Jakarta")
NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # 08:00 in Jakarta
BOTH = pytest.mark.parametrize("transport", list(Transport))
UNPLAYED = 10.0
"""A deadline, in s, that a sound test never waits for."""


def wall_clock() -> datetime:
    return NOW.astimezone(ZONE).replace(tzinfo=None)


def terminal(
    profile: sim.Profile | None = None,
    faults: sim.Faults | None = None,
    comm_key: int | None = None,
    drift: timedelta = timedelta(0),
) -> sim.SimulatedTerminal:
    return sim.SimulatedTerminal(
        STAFF,
        serial="CEXA1",
        profile=profile,
        faults=faults,
        comm_key=comm_key,
        clock=lambda: wall_clock() + drift,
    )


def options(port: int, **changes: object) -> ZkTerminal:
    given = {
        "name": "gate",
        "host": "127.0.0.1",
        "port": port,
        "timeout_s": UNPLAYED,
        "check_s": 3600.0,
    }
    return ZkTerminal(**(given | changes))


@contextmanager
def visiting(simulated: sim.SimulatedTerminal, **changes: object) -> Iterator[Source]:
    source = build(options(simulated.port, **changes), lambda: NOW)
    source.open(None, lambda: None)
    try:
        yield source
    finally:
        source.close()


def read(source: Source) -> Reading:
    reading = source.read(UNPLAYED)
    assert reading is not None
    return reading


def what(punches: Sequence[Punch]) -> list[tuple[str, str]]:
    return [(punch.user, punch.time) for punch in punches]


def logged(simulated: sim.SimulatedTerminal) -> list[tuple[str, str]]:
    return [(record.user_id, record.time.isoformat()) for record in simulated.log]


def fill(simulated: sim.SimulatedTerminal, punches: int) -> None:
    begin = wall_clock() - timedelta(minutes=punches)
    for n in range(punches):
        simulated.punch(STAFF[n % len(STAFF)].user_id, at=begin + timedelta(minutes=n))


@BOTH
def test_identity_log_and_live(transport: Transport) -> None:
    with terminal() as simulated:
        fill(simulated, 700)  # 28,000 bytes: two slices over UDP
        source = ZkSource(options(simulated.port, transport=transport), lambda: NOW)
        beats: list[int] = []
        identity = source.open(b"ignored", lambda: beats.append(1))
        assert (identity.serial, identity.model) == ("CEXA1", "F19")
        assert identity.platform == "ZEM760_TFT"
        assert identity.firmware.startswith("Ver 6.60")

        whole = read(source)
        assert what(whole.punches) == logged(simulated)
        assert whole.coverage is not None
        assert whole.coverage.records == 700
        assert whole.coverage.through == "2026-03-02T08:00:00"
        assert whole.drift_ms == 0
        assert {punch.witness for punch in whole.punches} == {Witness.LOG}
        assert beats

        simulated.punch("1001", method=15, state=255)
        live = read(source)
        (punch,) = live.punches
        assert (punch.user, punch.time, punch.ordinal) == ("1001", "2026-03-02T08:00:00", 1)
        assert (punch.method, punch.state) == (Method.FACE, State.UNDEFINED)
        assert (punch.witness, punch.terminal) == (Witness.LIVE, "CEXA1")
        assert live.coverage is None
        assert source.read(0) is None
        source.close()
        source.close()
        assert simulated.wait_until(lambda it: it.clients == 0)
        assert simulated.enabled
        assert len(simulated.log) == 701


@pytest.mark.parametrize("segmentation", list(sim.Segmentation))
@pytest.mark.parametrize("profile", ["f19", "k40", "d2"])
def test_any_segmentation_and_firmware(segmentation: sim.Segmentation, profile: str) -> None:
    faults = sim.Faults(segmentation=segmentation)
    with terminal(sim.PROFILES[profile], faults) as simulated:
        fill(simulated, 120)
        with visiting(simulated) as source:
            assert what(read(source).punches) == logged(simulated)
            simulated.burst(["1001", "1002", "1003"])
            heard: list[tuple[str, str]] = []
            while len(heard) < 3:
                heard += what(read(source).punches)
            assert heard == logged(simulated)[-3:]


@pytest.mark.parametrize("log", list(sim.LogLayout))
@pytest.mark.parametrize("users", list(sim.UserLayout))
@pytest.mark.parametrize("sizes", list(sim.SizesLayout))
def test_any_table(log: sim.LogLayout, users: sim.UserLayout, sizes: sim.SizesLayout) -> None:
    profile = sim.Profile(log=log, users=users, sizes=sizes)
    with terminal(profile) as simulated:
        fill(simulated, 45)
        with visiting(simulated) as source:
            assert what(read(source).punches) == logged(simulated)


@pytest.mark.parametrize("events", sorted(set(sim.EventLayout) - {sim.EventLayout.UNLISTED}))
@pytest.mark.parametrize("one_packet", [True, False])
def test_any_event(events: sim.EventLayout, one_packet: bool) -> None:
    with (
        terminal(sim.Profile(events=events)) as simulated,
        visiting(simulated) as source,
    ):
        read(source)
        simulated.burst(["1001", "1002", "1003"], one_packet=one_packet)
        heard: list[tuple[str, str]] = []
        while len(heard) < 3:
            heard += what(read(source).punches)
        assert heard == logged(simulated)


def test_an_old_terminal_over_udp() -> None:
    with terminal(sim.PROFILES["zem500"]) as simulated:
        fill(simulated, 300)
        with visiting(simulated, transport=Transport.UDP) as source:
            assert what(read(source).punches) == logged(simulated)
            simulated.punch("1007")
            assert what(read(source).punches) == logged(simulated)[-1:]


@BOTH
def test_events_are_acknowledged_only_after_confirm(transport: Transport) -> None:
    with (
        terminal(sim.Profile(waits_for_ack=True)) as simulated,
        visiting(simulated, transport=transport) as source,
    ):
        source.confirm(read(source))
        simulated.burst(["1001", "1002"])
        first = read(source)
        assert what(first.punches) == logged(simulated)[:1]
        assert source.read(0.05) is None  # the terminal waits
        assert simulated.acked == 0
        source.confirm(first)
        second = read(source)
        assert what(second.punches) == logged(simulated)[1:]
        assert simulated.acked == 1
        source.confirm(first)  # twice is once
        source.confirm(second)
        assert simulated.wait_until(lambda it: it.acked == 2)


@BOTH
def test_the_comm_key(transport: Transport) -> None:
    with terminal(comm_key=1234) as simulated:
        with visiting(simulated, transport=transport, comm_key=1234) as source:
            assert read(source).coverage is not None
        with (
            pytest.raises(Refused, match="Set comm_key of source gate"),
            visiting(simulated, transport=transport, comm_key=4321),
        ):
            raise AssertionError
        assert simulated.wait_until(lambda it: it.clients == 0)


@pytest.mark.parametrize(
    ("faults", "error", "says"),
    [
        (sim.Faults(encrypted=True), Refused, "use PUSH"),
        (sim.Faults(foreign=sim.Foreign.C3_PANEL), Garbled, "C3"),
        (sim.Faults(wrong_checksum=True), Garbled, "checksum"),
    ],
)
def test_what_does_not_speak_with_us(
    faults: sim.Faults, error: type[SourceError], says: str
) -> None:
    with (
        terminal(faults=faults) as simulated,
        pytest.raises(error, match=says),
        visiting(simulated),
    ):
        raise AssertionError


@BOTH
def test_a_terminal_that_never_answers(transport: Transport) -> None:
    error = TimedOut if transport is Transport.TCP else Unreachable
    with (
        terminal(faults=sim.Faults(mute=True)) as simulated,
        pytest.raises(error, match="no answer"),
        visiting(simulated, transport=transport, timeout_s=0.05),
    ):
        raise AssertionError


@pytest.mark.parametrize("bulk", [sim.Breakage.FIN, sim.Breakage.SILENCE])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_transfer_that_stops(bulk: sim.Breakage, share: float) -> None:
    with terminal(faults=sim.Faults(bulk=bulk, bulk_share=share)) as simulated:
        fill(simulated, 300)
        with visiting(simulated, timeout_s=0.1) as source, pytest.raises(TimedOut):
            source.read(0)


def test_half_open_is_noticed_by_the_check() -> None:
    with terminal() as simulated, visiting(simulated, timeout_s=0.05, check_s=0.05) as source:
        read(source)
        simulated.faults = sim.Faults(mute=True)
        with pytest.raises(TimedOut, match="no answer"):
            source.read(UNPLAYED)


def test_a_terminal_that_hangs_up_while_live() -> None:
    with terminal() as simulated, visiting(simulated) as source:
        read(source)
        simulated.drop_clients()
        with pytest.raises(TimedOut, match=r"closed the connection|connection was lost"):
            source.read(UNPLAYED)


def test_what_was_missed_is_read_again_after_a_drop() -> None:
    with terminal() as simulated:
        fill(simulated, 5)
        source = build(options(simulated.port), lambda: NOW)
        source.open(None, lambda: None)
        read(source)
        simulated.drop_clients()
        simulated.punch("1009")
        with pytest.raises(TimedOut):
            source.read(UNPLAYED)
        source.close()
        source.open(None, lambda: None)
        again = read(source)
        assert what(again.punches) == logged(simulated)
        assert len(again.punches) == 6
        source.close()


def test_a_punch_that_was_not_pushed_is_found_by_the_count() -> None:
    waiting = sim.Profile(waits_for_ack=True)
    with terminal(waiting) as simulated, visiting(simulated, check_s=0.02) as source:
        read(source)
        simulated.burst(["1001", "1002"])
        assert len(read(source).punches) == 1  # the second waits for a confirmation
        again = read(source)
        assert again.coverage is not None
        assert what(again.punches) == logged(simulated)


def test_a_punch_that_was_heard_is_not_read_again() -> None:
    with terminal() as simulated, visiting(simulated, check_s=0.02) as source:
        read(source)
        simulated.punch("1003")
        assert read(source).coverage is None
        assert source.read(0.1) is None


@pytest.mark.parametrize("before", [0, 1, 30, 200])
@pytest.mark.parametrize("log", list(sim.LogLayout))
def test_a_punch_between_count_and_table(before: int, log: sim.LogLayout) -> None:
    faults = sim.Faults(late_punches=1)
    with terminal(sim.Profile(log=log), faults) as simulated:
        fill(simulated, before)
        with visiting(simulated) as source:
            whole = read(source)
            assert what(whole.punches) == logged(simulated)
            assert whole.coverage is not None
            assert whole.coverage.records == len(simulated.log) == before + 1


def test_no_records_counted_is_no_proof() -> None:
    with terminal(faults=sim.Faults(no_records_counted=True)) as simulated:
        fill(simulated, 9)
        with visiting(simulated) as source:
            whole = read(source)
            assert what(whole.punches) == logged(simulated)
            assert whole.coverage is not None


def test_an_impossible_date_is_kept() -> None:
    with terminal(faults=sim.Faults(impossible_date=True)) as simulated:
        fill(simulated, 20)
        with visiting(simulated) as source:
            times = [punch.time for punch in read(source).punches]
    assert len(times) == 21
    assert any("-02-31T" in time_ for time_ in times)


def test_two_punches_in_one_second_have_two_ordinals() -> None:
    with terminal() as simulated:
        for user in ("1001", "1002", "1001"):
            simulated.punch(user, at=wall_clock())
        with visiting(simulated) as source:
            punches = read(source).punches
    assert [(punch.user, punch.ordinal) for punch in punches] == [
        ("1001", 1),
        ("1002", 1),
        ("1001", 2),
    ]


def test_drift_is_measured() -> None:
    with terminal(drift=timedelta(seconds=-90)) as simulated, visiting(simulated) as source:
        whole = read(source)
    assert whole.drift_ms == -90_000
    assert whole.coverage is not None
    assert whole.coverage.through == "2026-03-02T07:58:30"


def test_nothing_is_ever_cleared_or_disabled() -> None:
    with terminal() as simulated:
        fill(simulated, 50)
        with visiting(simulated) as source:
            source.confirm(read(source))
        assert {int(code) for code in simulated.requests} <= {int(code) for code in Code}
        assert not {14, 15, 1003} & {int(code) for code in simulated.requests}


def test_building_a_source_does_nothing() -> None:
    source = build(options(1), lambda: NOW)
    source.close()
    with pytest.raises(OutOfTurn, match="not open"):
        source.read(0)


def test_a_port_that_is_closed() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(Unreachable, match=r"source gate \(127.0.0.1"):
        build(options(port), lambda: NOW).open(None, lambda: None)


@pytest.mark.parametrize("zone", ["Asia/Jakata", "", "../etc/passwd", "Asia"])
def test_a_zone_that_is_none(zone: str) -> None:
    with pytest.raises(Misconfigured, match="IANA"):
        build(options(1, timezone=zone), lambda: NOW).open(None, lambda: None)


def test_a_punch_during_the_read_comes_after_it() -> None:
    """An event that arrives in mid-transfer is kept, and the count then agrees."""
    with terminal(sim.Profile(tcp_data_bytes=1008, frame_gap_s=0.002)) as simulated:
        fill(simulated, 400)
        begun = threading.Event()
        source = build(options(simulated.port, check_s=0.05), lambda: NOW)
        source.open(None, begun.set)
        puncher = threading.Thread(
            target=lambda: (begun.wait(UNPLAYED), simulated.punch("1005", at=wall_clock()))
        )
        puncher.start()
        whole = read(source)
        puncher.join()
        seen = {(punch.user, punch.time) for punch in whole.punches}
        assert len(whole.punches) in (400, 401)
        deadline = time.monotonic() + UNPLAYED
        while not seen >= set(logged(simulated)) and time.monotonic() < deadline:
            reading = source.read(0.1)
            seen |= {(p.user, p.time) for p in reading.punches} if reading else set()
        assert seen == set(logged(simulated))
        source.close()
