"""The line against real brokers: what arrives, what is refused, what is lost, and who says so."""

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from sync.line import (
    Answered,
    Broker,
    Event,
    LineDown,
    LineRefused,
    Lost,
    Message,
    Subscription,
    TakenOver,
    Verdict,
    Will,
    Woken,
)
from sync.mqtt import Connection

pytestmark = pytest.mark.slow

Open = Callable[..., Connection]


@pytest.fixture
def opened(broker: Any) -> Iterator[Open]:
    connections: list[Connection] = []

    def make(name: str, *filters: str, **more: Any) -> Connection:
        where = Broker(host="127.0.0.1", port=broker.port, connect_timeout_s=5)
        one = Connection(where, name, [Subscription(text) for text in filters], **more)
        one.open()
        connections.append(one)
        return one

    yield make
    for one in connections:
        one.close()


def next_of(connection: Connection, kind: type[Event], within_s: float = 10.0) -> Any:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        event = connection.receive(deadline - time.monotonic())
        if isinstance(event, kind):
            return event
    raise AssertionError(f"no {kind} came")


def test_a_message_arrives_with_its_encoding_and_both_ends_hear_of_it(opened: Open) -> None:
    there, here = opened("there", "a/+"), opened("here")
    ticket = here.send("a/b", b"\x00payload", encoding="zlib", expiry_s=60)
    got = next_of(there, Message)
    assert (got.topic, got.payload, got.encoding) == ("a/b", b"\x00payload", "zlib")
    there.confirm(got)
    assert next_of(here, Answered) == Answered(ticket, Verdict.TAKEN, "Success")


def test_shared_subscribers_divide_what_comes(opened: Open) -> None:
    first, second = opened("w1", "$share/g/a/+"), opened("w2", "$share/g/a/+")
    here = opened("here")
    for n in range(20):
        here.send("a/b", b"%d" % n)
    got: set[bytes] = set()
    deadline = time.monotonic() + 10
    while len(got) < 20 and time.monotonic() < deadline:
        for worker in (first, second):
            event = worker.receive(0.05)
            if isinstance(event, Message):
                worker.confirm(event)
                got.add(event.payload)
    assert len(got) == 20


def test_a_vanished_client_leaves_its_will(opened: Open) -> None:
    watcher = opened("watcher", "s/+")
    dying = opened("dying", will=Will("s/dying", b"gone"))
    sock = dying._client.socket()
    assert sock is not None
    sock.shutdown(socket.SHUT_RDWR)
    assert next_of(watcher, Message).payload == b"gone"
    assert isinstance(next_of(dying, Lost).error, LineDown)
    with pytest.raises(LineDown):
        dying.send("a", b"")


def test_waking_ends_a_wait(opened: Open) -> None:
    here = opened("here")
    here.wake()
    assert next_of(here, Woken) == Woken()
    assert here.receive(0.0) is None


def test_a_lost_broker_is_noticed_and_a_dead_one_is_said(broker: Any, opened: Open) -> None:
    here = opened("here")
    broker.stop()
    assert isinstance(next_of(here, Lost).error, LineDown)
    with pytest.raises(LineDown, match=f"127.0.0.1:{broker.port}.*broker running"):
        opened("again")
    broker.start()
    opened("again")


def test_mosquitto_says_when_nobody_listens(make_broker: Any) -> None:
    broker = make_broker("mosquitto")
    here = Connection(Broker(host="127.0.0.1", port=broker.port), "here", [])
    here.open()
    here.send("nobody/there", b"x")
    assert next_of(here, Answered).verdict is Verdict.NOBODY
    here.close()


def test_an_acl_is_heard_of(make_broker: Any, tmp_path: Any) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite mine/#\n")
    broker = make_broker("mosquitto", more=f"acl_file {acl}")
    where = Broker(host="127.0.0.1", port=broker.port)
    here = Connection(where, "here", [Subscription("mine/#")])
    here.open()
    here.send("theirs/x", b"x")
    assert next_of(here, Answered).verdict is Verdict.REFUSED
    here.close()


def test_two_clients_of_one_name_throw_each_other_out(make_broker: Any) -> None:
    broker = make_broker("mosquitto")
    where = Broker(host="127.0.0.1", port=broker.port)
    first, second = (Connection(where, "same", []) for _ in range(2))
    first.open()
    second.open()
    # Mosquitto 2.0.11 hangs up without a word; a broker that gives the reason is heard below.
    assert isinstance(next_of(first, Lost).error, LineDown)
    first.close()
    second.close()


def test_a_session_taken_over_is_told_apart() -> None:
    here = Connection(Broker(host="127.0.0.1"), "here", [])
    reason = ReasonCode(PacketTypes.DISCONNECT, "Session taken over")
    here._on_disconnect(here._client, None, None, reason, None)
    error = next_of(here, Lost).error
    assert isinstance(error, TakenOver)
    assert "one identity" in str(error)


def test_a_narrow_window_is_kept_and_everything_arrives(make_broker: Any) -> None:
    broker = make_broker("mosquitto", more="max_inflight_messages 2")
    where = Broker(host="127.0.0.1", port=broker.port)
    there, here = Connection(where, "there", [Subscription("a")]), Connection(where, "here", [])
    there.open()
    here.open()
    assert here._window == 2
    for n in range(50):
        here.send("a", b"%d" % n)
        assert len(here._unanswered) <= 2
    got = []
    answered = 0
    deadline = time.monotonic() + 20
    while len(got) < 50 or answered < 50:
        assert time.monotonic() < deadline
        answered += isinstance(here.receive(0.01), Answered)
        event = there.receive(0.01)
        if isinstance(event, Message):
            there.confirm(event)
            got.append(int(event.payload))
    assert got == list(range(50))
    there.close()
    here.close()


def test_what_is_no_broker_is_said_within_the_time(tmp_path: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        where = Broker(host="127.0.0.1", port=mute.getsockname()[1], connect_timeout_s=0.3)
        with pytest.raises(LineDown, match=r"MQTT 5 broker"):
            Connection(where, "here", []).open()


def test_missing_certificates_are_said() -> None:
    from sync.line import Tls

    tls = Tls(ca="/none/ca.pem", certificate="/none/c.pem", key="/none/k.pem")
    with pytest.raises(LineRefused, match=r"no file /none/ca\.pem.*Enrol"):
        Connection(Broker(host="127.0.0.1", tls=tls), "here", []).open()
