"""The listener against callers of every kind: strangers, slow ones, too many, too much."""

import random
import socket
import threading
import time
from typing import Any

import pytest

from drivers.sim import zkpushwire as wire
from drivers.sim.people import simulated_staff
from drivers.sim.zkpush import PASSWORD, PUSH_PROFILES, TEMPLATE, PushFaults, Results
from drivers.zkteco.push import caller, commands, listener
from drivers.zkteco.push.bodies import KEPT_MOST_BYTES
from drivers.zkteco.push.commands import REBOOT, Command, Outcome
from drivers.zkteco.push.strangers import STRANGERS_MOST

LOG = Command("LOG")
POST = "POST /iclock/cdata?SN=PUSH0001&table={} HTTP/1.1\r\nHost: k\r\n{}\r\n\r\n"


def dial(stand: Any) -> socket.socket:
    return socket.create_connection(("127.0.0.1", stand.listener.port), 10)


def say(stand: Any, sent: bytes) -> wire.Served:
    with dial(stand) as line:
        line.sendall(sent)
        return wire.read_answer(line)


def hung_up(line: socket.socket) -> bool:
    try:
        return line.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_stranger_is_refused_remembered_and_then_approved(
    stand: Any, terminal: Any, read: Any
) -> None:
    sim = terminal(serial="NEW1")
    sim.punch("1001")
    for _ in range(3):
        assert not sim.turn()
    assert set(sim.statuses) == {403}
    [stranger] = stand.listener.strangers()
    assert (stranger.serial, stranger.address, stranger.calls) == ("NEW1", "127.0.0.1", 3)
    assert stranger.said == "pushver 2.4.1"
    assert stranger.last >= stranger.first > 0
    with read(stand.source("NEW1")) as reader:
        assert stand.listener.strangers() == []
        assert sim.turn()
        assert reader.punches[0].user == "1001"


def test_strangers_are_bounded(stand: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stand.listener, "_unknown", listener.Rates(listener.Rate(1000, 1000)))
    for n in range(STRANGERS_MOST + 5):
        say(stand, b"GET /iclock/cdata?SN=X%d&options=all HTTP/1.1\r\n\r\n" % n)
    known = stand.listener.strangers()
    assert len(known) == STRANGERS_MOST
    assert known[-1].serial == f"X{STRANGERS_MOST + 4}"


def test_a_stranger_who_calls_too_often(stand: Any) -> None:
    burst = round(listener.STRANGER_RATE.burst)
    served = [say(stand, b"GET /iclock/ping?SN=NEW1 HTTP/1.1\r\n\r\n") for _ in range(burst + 5)]
    assert [one.status for one in served[:burst]] == [403] * burst
    assert served[-1].status == 429
    [stranger] = stand.listener.strangers()
    assert stranger.calls <= burst + 2


def test_only_networks_of_the_settings_may_connect(make_stand: Any) -> None:
    stand = make_stand(networks=("10.9.8.0/24",))
    with dial(stand) as line:
        assert hung_up(line)
    assert stand.listener.strangers() == []


def test_not_more_connections_than_one_address_may_have(stand: Any) -> None:
    lines = [dial(stand) for _ in range(listener.CALLERS_MOST_EACH)]
    with dial(stand) as one_more:
        assert hung_up(one_more)
    for line in lines:
        line.close()
    deadline = time.monotonic() + 10
    while True:  # those that ended make room
        with dial(stand) as line:
            line.sendall(b"GET /iclock/ping?SN=NEW1 HTTP/1.1\r\n\r\n")
            if not hung_up(line):
                break
        assert time.monotonic() < deadline


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (POST.format("ATTLOG", "X: y"), 411),
        (POST.format("ATTLOG", "Content-Length: 5") + "1\n2", 400),  # and hangs up
        (POST.format("ATTLOG", "Content-Length: x"), 400),
        (POST.format("ATTLOG", "Transfer-Encoding: chunked") + "zz\r\n", 400),
        ("PUT /iclock/cdata?SN=PUSH0001 HTTP/1.1\r\n\r\n", 405),
        ("GET /iclock/cdata HTTP/1.1\r\n\r\n", 400),
        ("GET /iclock/shell?SN=PUSH0001 HTTP/1.1\r\n\r\n", 404),
        ("\x16\x03\x01\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_is_answered_and_recorded_nowhere(
    stand: Any, read: Any, sent: str, status: int
) -> None:
    with read(stand.source()) as reader, dial(stand) as line:
        line.sendall(sent.encode("latin-1"))
        line.shutdown(socket.SHUT_WR)
        assert wire.read_answer(line).status == status
        assert hung_up(line)
        assert reader.readings == []


def test_junk_of_any_kind_ends_nobody_but_itself(stand: Any, terminal: Any, read: Any) -> None:
    chance = random.Random(7)
    whole = (
        POST.format("ATTLOG", "Content-Length: 30").encode()
        + b"7\t2026-11-26 07:28:00\t0\t1\t0\n\n"
    )
    with read(stand.source()) as reader:
        for _ in range(150):
            sent = bytearray(whole)
            for _ in range(chance.randint(1, 6)):
                at = chance.randrange(len(sent))
                sent[at : at + chance.randint(0, 5)] = chance.randbytes(chance.randint(0, 5))
            with dial(stand) as line:
                line.sendall(sent)
                line.shutdown(socket.SHUT_WR)
                line.settimeout(10)
                while not hung_up(line):
                    pass
        sim = terminal()
        sim.punch("1001")
        deadline = time.monotonic() + 10
        while not sim.turn():  # those calls count for it too
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert "1001" in [punch.user for punch in reader.punches]


def test_a_body_that_is_too_long_is_refused_before_it_is_whole(stand: Any, read: Any) -> None:
    with read(stand.source()) as reader:
        sent = POST.format("ATTLOG", f"Content-Length: {10 * KEPT_MOST_BYTES}").encode()
        with dial(stand) as line:
            line.sendall(sent + b"1\n" * (KEPT_MOST_BYTES // 2 + 1))
            assert wire.read_answer(line).status == 413
        assert reader.readings == []


def test_bodies_share_their_room(stand: Any, read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stand.listener, "room", listener.Room(1000))
    head = POST.format("ATTLOG", "Content-Length: 800").encode()
    with read(stand.source()), dial(stand) as first, dial(stand) as second:
        first.sendall(head + b"1" * 799)
        deadline = time.monotonic() + 10
        while stand.listener.room._left > 201:
            assert time.monotonic() < deadline
        second.sendall(head + b"1" * 800)
        assert wire.read_answer(second).status == 503
        first.sendall(b"1")
        assert wire.read_answer(first).status == 200
        second.close()
        while stand.listener.room._left < 1000:
            assert time.monotonic() < deadline


@pytest.mark.parametrize("sent", [b"", b"GET /iclock/p", b"HEAD"])
def test_a_caller_who_is_too_slow_is_hung_up_on(
    stand: Any, read: Any, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("IDLE_S", "HEAD_WITHIN_S", "BODY_WITHIN_S"):
        monkeypatch.setattr(caller, name, 0.3)
    if sent == b"HEAD":
        sent = POST.format("ATTLOG", "Content-Length: 500").encode()
    with read(stand.source()) as reader, dial(stand) as line:
        line.sendall(sent)

        def drip() -> None:
            for _ in range(100):
                try:
                    line.sendall(b"1")
                except OSError:
                    return
                time.sleep(0.05)

        dripping = threading.Thread(target=drip)
        if sent:
            dripping.start()
        began = time.monotonic()
        assert hung_up(line)
        assert time.monotonic() - began < 3
        if sent:
            dripping.join(10)
        assert reader.readings == []


def test_a_terminal_that_calls_too_often(
    stand: Any, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stand.listener, "_terminals", listener.Rates(listener.Rate(1, 3)))
    with read(stand.source()):
        ping = b"GET /iclock/ping?SN=PUSH0001 HTTP/1.1\r\n\r\n"
        assert [say(stand, ping).status for _ in range(4)] == [200, 200, 200, 429]


@pytest.mark.parametrize("status", [429, 411])
def test_what_was_refused_at_the_door_is_before_no_stamp(
    stand: Any, read: Any, status: int
) -> None:
    greet = b"GET /iclock/cdata?SN=PUSH0001&options=all&pushver=2.4.1 HTTP/1.1\r\n\r\n"
    line = b"7\t2026-11-26 07:28:0%d\t0\t1\n"

    def upload(n: int, framing: str = "Content-Length: 26") -> int:
        head = POST.format(f"ATTLOG&Stamp={n}", framing).encode()
        return say(stand, head + (line % n if "Length" in framing else b"")).status

    with read(stand.source()):
        say(stand, greet)
        if status == 429:
            stand.listener._terminals = listener.Rates(listener.Rate(0, 0))
        assert upload(1, "Content-Length: 26" if status == 429 else "X: y") == status
        stand.listener._terminals = listener.Rates(listener.TERMINAL_RATE)
        assert [upload(2), upload(3)] == [200, 200]  # it goes on with what is new
        assert "ATTLOGStamp=None" in say(stand, greet).text


def test_nobody_guesses_a_key(stand: Any, read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stand.listener, "_unknown", listener.Rates(listener.Rate(0, 3)))
    shown = "GET /iclock/ping?SN=PUSH0001&pushcommkey={} HTTP/1.1\r\n\r\n"

    def show(key: str) -> int:
        return say(stand, shown.format(key).encode()).status

    with read(stand.source(comm_key="8812")):
        assert show("8812") == 200
        assert [show("8812") for _ in range(9)] == [200] * 9  # its address is known from then on
        stand.source("PUSH0002", comm_key="8812")
        other = shown.replace("PUSH0001", "PUSH0002")
        guesses = [say(stand, other.format(key).encode()).status for key in ("1", "2", "3", "8812")]
        assert guesses == [403, 403, 403, 429]


def test_a_stranger_does_not_use_up_what_terminals_may_ask(
    stand: Any, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stand.listener, "_unknown", listener.Rates(listener.Rate(0, 3)))
    monkeypatch.setattr(stand.listener, "_total", listener.Rates(listener.Rate(0, 10)))
    with read(stand.source()):
        for _ in range(30):
            say(stand, b"GET /iclock/ping?SN=NEW1 HTTP/1.1\r\n\r\n")
        assert say(stand, b"GET /iclock/ping?SN=PUSH0001 HTTP/1.1\r\n\r\n").status == 200


def test_a_caller_for_whom_there_is_no_thread_takes_nobodys_place(
    stand: Any, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(threading.Thread):
        def start(self) -> None:
            if self.name == "push-caller":
                raise RuntimeError("can't start new thread")
            super().start()

    with read(stand.source()):
        with monkeypatch.context() as patch:
            patch.setattr(listener.threading, "Thread", Full)
            for _ in range(listener.CALLERS_MOST_EACH + 1):
                with dial(stand) as line:
                    assert hung_up(line)
        assert say(stand, b"GET /iclock/ping?SN=PUSH0001 HTTP/1.1\r\n\r\n").status == 200


def test_no_date_by_an_untrusted_clock(stand: Any, terminal: Any, read: Any) -> None:
    sim = terminal()
    with read(stand.source()):
        stand.trusted = False
        sim.punch("1001")
        assert sim.turn()
        assert set(sim.dates) == {""}
        assert "TimeZone" not in sim.options
        assert sim.executed == []
        stand.trusted = True
        assert sim.handshake()
        assert sim.dates[-1].endswith("GMT")
        assert sim.options["TimeZone"] == "0"


@pytest.mark.parametrize("results", list(Results))
def test_commands_are_repeated_until_something_becomes_of_them(
    stand: Any, terminal: Any, read: Any, results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "REPEAT_S", 0.0)
    source, sim = stand.source(), terminal(faults=PushFaults(results=results))
    queue = source._session.queue
    stand.trusted = False  # so that it asks for nothing by itself
    orders = [
        queue.put(one, time.monotonic()) for one in (commands.INFO, REBOOT, Command("SET X"), LOG)
    ]
    with read(source):
        for _ in range(3):
            sim.turn()
    never = results is Results.NEVER
    assert sim.executed[:4] == ["INFO", "SET X", "LOG", "REBOOT"]
    assert len(sim.executed) == (12 if never else 4)
    waiting, done, failed = Outcome.WAITING, Outcome.DONE, Outcome.FAILED
    assert [one.outcome for one in orders] == (
        [waiting] * 4 if never else [done, done, failed, done]
    )


FAULTS = {
    "healthy": PushFaults(),
    "twice": PushFaults(twice=True),
    "hangs up": PushFaults(hang_up=3),
    "two at once": PushFaults(two_at_once=True),
    "cut line": PushFaults(cut_line=True),
    "crlf": PushFaults(crlf=True, no_last_newline=True),
    "nul": PushFaults(nul_bytes=True),
    "gbk": PushFaults(encoding="gbk"),
    "stamp goes back": PushFaults(stamp_back=True),
    "unknown table": PushFaults(unknown_table=True),
    "chunked": PushFaults(chunked=True),
    "a connection each": PushFaults(keep_alive=False),
    "slow": PushFaults(slow_body_s=0.4),
    "aspx": PushFaults(path="/iclock/{}.aspx"),
    "doubled": PushFaults(path="/iclock/iclock/{}/"),
}


@pytest.mark.parametrize("profile", ["old", "2.4", "access"])
@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_a_terminal_does_wrong_every_punch_arrives(
    stand: Any,
    terminal: Any,
    read: Any,
    fault: str,
    profile: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sim = terminal(profile=PUSH_PROFILES[profile], faults=FAULTS[fault])
    with read(stand.source()) as reader:
        for n in range(700):
            sim.punch(f"{1000 + n}")
        sim.enrol(simulated_staff(1)[0])
        sim.operate(24, "1001")
        for _ in range(10):
            if sim.turn() and sim.sent == len(sim.log):
                break
        assert sim.sent == 700
        sim.punch("x1")
        assert sim.turn() or sim.turn()
    users = {punch.user for punch in reader.punches if punch.time}
    assert users == {f"{1000 + n}" for n in range(700)} | {"x1"}
    unreadable = [punch for punch in reader.punches if not punch.time]
    assert len(unreadable) == (fault == "cut line")
    actions = {event.action for one in reader.readings for event in one.events}
    assert actions == {"terminal admins cleared"} | (
        {"terminal table unknown"} if fault == "unknown table" else set()
    )
    everything = repr([reader.readings, sim.options, caplog.text, reader.position])
    assert PASSWORD not in everything
    assert TEMPLATE[:16] not in everything
