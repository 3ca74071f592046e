"""The source: 200 only after confirm, 503 for all that is not, and a terminal that stays away."""

import socket
import threading
import time
from typing import Any

import pytest

from drivers.base import Identity
from drivers.errors import TimedOut, Unreachable
from drivers.sim import zkpushwire as wire
from drivers.sim.zkpush import PUSH_PROFILES, PushFaults


def test_answered_only_once_it_is_confirmed(stand: Any, terminal: Any) -> None:
    source, sim = stand.source(), terminal()
    assert source.open(None, lambda: None) == Identity(serial="PUSH0001")
    sim.punch("1001")
    calling = threading.Thread(target=sim.turn)
    calling.start()
    reading = source.read(10)
    assert reading is not None
    assert [punch.user for punch in reading.punches] == ["1001"]
    time.sleep(0.2)  # nothing may come, however long one waits
    assert sim.statuses == [200]  # the options
    source.confirm(reading)
    calling.join(10)
    assert sim.statuses == [200, 200, 200, 200]  # the upload, a poll, a result
    assert sim.sent == 1
    source.close()


def test_what_is_not_confirmed_is_refused_and_comes_again(
    stand: Any, terminal: Any, read: Any
) -> None:
    source, sim = stand.source(), terminal()
    source.open(None, lambda: None)
    sim.punch("1001")
    calling = threading.Thread(target=sim.turn)
    calling.start()
    reading = source.read(10)
    assert reading is not None
    source.close()
    calling.join(10)
    assert sim.statuses == [200, 503]
    assert sim.sent == 0
    assert not sim.turn()  # nobody records: not even options are given
    assert sim.statuses[-1] == 503
    with read(source) as reader:
        assert sim.turn()
        assert [punch.user for punch in reader.punches] == ["1001"]
        assert reader.readings[0].position == reading.position


def test_an_upload_that_nobody_took_is_refused_at_the_end(stand: Any, terminal: Any) -> None:
    source, sim = stand.source(), terminal()
    source.open(None, lambda: None)
    sim.punch("1001")
    calling = threading.Thread(target=sim.turn)
    calling.start()
    assert source.read(10) is not None  # taken, and a second one waits behind it
    other = terminal()
    other.punch("1002")
    waiting = threading.Thread(target=other.turn)
    waiting.start()
    while other.statuses != [200]:
        time.sleep(0.01)
    source.close()
    source.close()
    calling.join(10)
    waiting.join(10)
    assert sim.statuses[-1] == other.statuses[-1] == 503


def test_a_position_is_handed_back_after_a_restart(stand: Any, terminal: Any, read: Any) -> None:
    sim = terminal()
    with read(stand.source()) as reader:
        for n in range(2):  # the stamp of an upload is committed with the next one
            sim.punch(f"{1000 + n}")
            assert sim.turn()
        stored = reader.position
    restarted = stand.source()  # another process's, of the same terminal
    with read(restarted, stored) as reader:
        sim.punch("1002")
        assert sim.handshake()
        assert sim.options["ATTLOGStamp"] == "720000001"
        assert sim.turn()
        assert "1002" in [punch.user for punch in reader.punches]
        identity = Identity(serial="PUSH0001", model="SpeedFace-V5L", firmware=sim.profile.firmware)
        sim.turn()
        assert reader.readings
        assert restarted.open(reader.position, lambda: None) == identity


def upload(stand: Any, stamp: int, body: bytes) -> socket.socket:
    """Send a whole upload to PUSH0001; return its connection."""
    line = socket.create_connection(("127.0.0.1", stand.listener.port), 10)
    head = f"POST /iclock/cdata?SN=PUSH0001&table=ATTLOG&Stamp={stamp} HTTP/1.1\r\n"
    line.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return line


def test_a_stamp_on_disk_has_nothing_missing_before_it(stand: Any, terminal: Any) -> None:
    source, row = stand.source(), b"7\t2026-11-26 07:28:00\t0\t1\n"
    source.open(None, lambda: None)
    assert terminal().handshake()
    with upload(stand, 5, row) as line:
        reading = source.read(10)
        source.confirm(reading)
        assert wire.read_answer(line).status == 200
    with upload(stand, 7, row * 2) as behind:
        reading = source.read(10)
        with upload(stand, 6, row * 3) as before:  # while the other one is being committed
            while source._session._stamps._under_way["ATTLOG"] < 2:
                time.sleep(0.01)
            source.confirm(reading)
            assert wire.read_answer(behind).status == 200
            source.close()  # and the daemon ends
            assert wire.read_answer(before).status == 503
    restarted, sim = stand.source(), terminal()
    restarted.open(reading.position, lambda: None)
    assert sim.handshake()
    assert sim.options["ATTLOGStamp"] == "5"


def test_who_wakes_too_late_answers_for_nobody_else(stand: Any) -> None:
    source, row = stand.source(), b"7\t2026-11-26 07:28:00\t0\t1\n"
    source.open(None, lambda: None)
    with upload(stand, 5, row):
        hung = source.read(10)
        source.open(None, lambda: None)  # its heir's
        with upload(stand, 6, row) as line:
            reading = source.read(10)
            source.confirm(hung)
            line.settimeout(0.3)
            with pytest.raises(TimeoutError):
                line.recv(1)
            source.confirm(reading)
            line.settimeout(10)
            assert wire.read_answer(line).status == 200
    source.close()


def test_another_terminal_does_not_go_on_from_this_ones_stamps(
    stand: Any, terminal: Any, read: Any
) -> None:
    sim = terminal()
    with read(stand.source()) as reader:
        for n in range(2):
            sim.punch(f"{1001 + n}")
            assert sim.turn()
        stored = reader.position
    other = terminal(serial="PUSH0002")
    other.punch("1003")
    with read(stand.source("PUSH0002"), stored) as reader:
        assert other.handshake()
        assert other.options["ATTLOGStamp"] == "None"
        assert other.turn()
        assert "1003" in [punch.user for punch in reader.punches]


def test_a_stamp_is_committed_with_the_next_upload(stand: Any, terminal: Any, read: Any) -> None:
    sim = terminal(faults=PushFaults(twice=True))
    with read(stand.source()) as reader:
        sim.punch("1001")
        assert sim.turn()
        assert [one.position is None for one in reader.readings[:2]] == [True, False]


def test_a_terminal_that_stays_away_is_missing_until_it_calls(stand: Any, terminal: Any) -> None:
    source, sim = stand.source(silent_s=1.0), terminal()
    source.open(None, lambda: None)
    assert source.read(0.1) is None
    with pytest.raises(TimedOut, match="has not called"):
        source.read(1.0)
    source.close()
    with pytest.raises(Unreachable, match=f"port {stand.listener.port}"):
        source.open(None, lambda: None)
    assert not sim.turn()  # it calls, and is told to wait
    source.open(None, lambda: None)
    source.close()


def test_a_terminal_with_another_key_is_said_to_have_one(stand: Any, terminal: Any) -> None:
    source, sim = stand.source(silent_s=1.0, comm_key="8812"), terminal(comm_key="739146")
    source.open(None, lambda: None)
    assert not sim.turn()
    assert sim.statuses == [403]
    with pytest.raises(TimedOut, match=r"from 127\.0\.0\.1, were refused.*key") as said:
        source.read(1.2)
    assert "8812" not in str(said.value)
    assert "739146" not in str(said.value)
    source.close()


def test_a_source_that_was_closed_behind_its_back_says_so(stand: Any) -> None:
    source = stand.source()
    source.open(None, lambda: None)
    source.close()  # by a thread that was given up and woke
    with pytest.raises(Unreachable, match="closed"):
        source.read(0.0)


def test_why_nobody_can_call_is_said(stand: Any, make_stand: Any) -> None:
    other = type(stand)(port=stand.listener.port)
    with pytest.raises(Exception, match="cannot listen"):
        other.listener.run(lambda: False, lambda: None)
    with pytest.raises(Unreachable, match="cannot listen"):
        other.source().open(None, lambda: None)


@pytest.mark.parametrize("profile", PUSH_PROFILES)
def test_every_profile(stand: Any, terminal: Any, read: Any, profile: str) -> None:
    sim = terminal(profile=PUSH_PROFILES[profile])
    for n in range(1200):
        sim.punch(f"{1000 + n}")
    sim.operate(23)
    with read(stand.source()) as reader:
        assert sim.turn()
        assert sim.turn()
    first = list(dict.fromkeys(punch.user for punch in reader.punches))
    assert first == [f"{1000 + n}" for n in range(1200)]
    assert [event.action for one in reader.readings for event in one.events] == [
        "terminal log cleared"
    ]
    assert set(sim.statuses) == {200}
    measured = [one.drift_ms for one in reader.readings if one.drift_ms is not None]
    assert len(measured) == sim.profile.access
