"""The worker: nothing is answered or confirmed that is not committed, whatever fails when."""

import queue
import sqlite3
import threading
import time
from itertools import count

import pytest

from sync.central.authority import Authority
from sync.central.backoff import FIRST_S, LONGEST_S, Backoff
from sync.central.downlink import Downlink
from sync.central.intake import Intake, LineState, subscriptions
from sync.central.store.registry import Fact
from sync.line import Answered, LineDown, Lost, Message, Verdict, Woken
from sync.protocol import command, receipt, topics
from sync.protocol.errors import Malformed
from sync.protocol.identity import PrivateKey
from sync.protocol.topics import Down, Up
from tests.sync.central.conftest import FakeKiosk

PATIENCE_S = 20.0


class FakeLine:
    """A connection whose broker is the test."""

    room_bytes = 256 * 1024

    def __init__(self, central, events=(), *, opens: bool = True) -> None:
        self.central = central
        self.events = queue.SimpleQueue()
        self.log = queue.SimpleQueue()
        self.sent = []
        self.confirmed = []
        self.closed = False
        self._opens = opens
        for event in events:
            self.events.put(event)

    def open(self):
        if not self._opens:
            raise LineDown("no broker")

    def receive(self, wait_s):
        try:
            return self.events.get(timeout=max(wait_s, 0.0))
        except queue.Empty:
            return None

    def wake(self):
        self.events.put(Woken())

    def send(self, topic, payload, *, expiry_s):
        # What is said must be true already for whoever reads the database.
        self.sent.append((topic, payload, self.central.stats().entries))
        return len(self.sent)

    def confirm(self, message):
        self.confirmed.append(message.packet)
        self.log.put(message.packet)

    def close(self):
        self.closed = True

    def receipts(self):
        return [
            receipt.decode(payload)[0].through
            for topic, payload, _ in self.sent
            if topic.endswith(Down.RECEIPT)
        ]

    def await_asked(self, times):
        end = time.monotonic() + PATIENCE_S
        while len(self.asked()) < times:
            assert time.monotonic() < end
            time.sleep(0.01)

    def topics(self):
        return [topic for topic, _, _ in self.sent]

    def asked(self):
        return [topic for topic, _, _ in self.sent if topic.endswith(Down.COMMAND)]


class Running:
    """An intake in a thread of its own, given one line after the other."""

    def __init__(self, central, *lines, downlink=None) -> None:
        self.lines = list(lines)
        self.waits = []
        self.stop = threading.Event()
        left = iter(lines)

        def connect():
            line = next(left, None)
            if line is None:
                self.stop.set()
                return FakeLine(central, opens=False)
            return line

        def draw(low, high):
            self.waits.append(high)
            return 0.0

        self.intake = Intake(
            connect,
            central.store,
            central.authority,
            central.inbox,
            central.bell.ring,
            Backoff(draw),
            downlink,
            look_every_s=0.01,
        )
        self.thread = threading.Thread(target=self.intake.run, args=(self.stop,))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()


@pytest.fixture
def messages(kiosk):
    """Return a function that puts what a kiosk says into messages, numbered."""
    packets = count(1)

    def make(what: Up, *payloads: bytes):
        topic = topics.up(kiosk.name, what)
        return [Message(topic, payload, "", next(packets)) for payload in payloads]

    return make


def await_packet(line, packet):
    while line.log.get(timeout=PATIENCE_S) != packet:
        pass


def test_what_waits_is_one_commit_and_all_are_answered(central, kiosk, messages):
    kiosk.punches(6)
    said = messages(Up.HELLO, kiosk.hello())
    said += messages(Up.BATCH, kiosk.batch(1, 2), kiosk.batch(3, 4), kiosk.batch(5, 6))
    line = FakeLine(central, said)
    with Running(central, line):
        await_packet(line, 4)
    assert line.receipts() == [0, 2, 4, 6]
    assert {entries for topic, _, entries in line.sent if topic.endswith(Down.RECEIPT)} == {6}
    assert line.confirmed == [1, 2, 3, 4]
    assert line.closed


class OnePage:
    """What every kiosk is to have."""

    def __init__(self) -> None:
        self.page = b"{}"

    def state(self, tx):
        return self.page

    def pages(self, tx, kiosk):
        return [self.page]


def test_a_hello_is_answered_with_the_roster_and_a_new_one_asks_for_a_hello(
    central, kiosk, messages
):
    content = OnePage()
    line = FakeLine(central, messages(Up.HELLO, kiosk.hello()))
    downlink = Downlink(central.store, central.authority, content, lambda: 5)
    with Running(central, line, downlink=downlink):
        await_packet(line, 1)
        assert line.receipts() == [0]
        end = time.monotonic() + PATIENCE_S
        while line.topics().count(topics.down(kiosk.name, Down.ROSTER)) < 2:
            assert time.monotonic() < end
            time.sleep(0.01)
        asked = len(line.asked())
        content.page = b'{"people":[]}'
        line.await_asked(asked + 1)


def test_a_kiosk_that_was_admitted_meanwhile_is_asked_as_well(central, kiosk, messages):
    content = OnePage()
    other = FakeKiosk("baru")
    line = FakeLine(central, messages(Up.HELLO, kiosk.hello()))
    downlink = Downlink(central.store, central.authority, content, lambda: 5)
    with Running(central, line, downlink=downlink):
        await_packet(line, 1)
        central.admit(other)
        content.page = b'{"people":[]}'
        end = time.monotonic() + 5
        while topics.down("baru", Down.COMMAND) not in line.asked():
            assert time.monotonic() < end
            time.sleep(0.01)


def test_what_the_broker_does_not_take_is_not_sent(central, kiosk, messages):
    """A packet beyond its limit ends the connection, and with it everybody's receipts."""
    said = messages(Up.HELLO, kiosk.hello(), kiosk.hello())
    line = FakeLine(central, said[:1])
    line.room_bytes = 300
    downlink = Downlink(central.store, central.authority, OnePage(), lambda: 5)
    with Running(central, line, downlink=downlink) as running:
        await_packet(line, 1)
        time.sleep(0.2)
        line.events.put(said[1])
        await_packet(line, 2)
    assert topics.down(kiosk.name, Down.ROSTER) not in line.topics()
    assert not running.waits


class Spoilt(OnePage):
    """A row in the database that nobody can read, from `look` on."""

    def __init__(self, looks: bool) -> None:
        super().__init__()
        self.looks = looks

    def state(self, tx):
        if self.looks:
            return super().state(tx)
        raise ValueError("Invalid isoformat string: '31/02/2026'")

    def pages(self, tx, kiosk):
        raise Malformed("roster: a page of 300000 bytes; a kiosk takes 262144")


@pytest.mark.parametrize("looks", [True, False])
def test_a_roster_that_cannot_be_made_costs_no_receipt(central, kiosk, messages, looks):
    kiosk.punches(2)
    said = messages(Up.HELLO, kiosk.hello()) + messages(Up.BATCH, kiosk.batch(1, 2))
    line = FakeLine(central, said)
    downlink = Downlink(central.store, central.authority, Spoilt(looks), lambda: 5)
    with Running(central, line, downlink=downlink) as running:
        await_packet(line, 2)
        assert line.receipts() == [0, 2]
        end = time.monotonic() + PATIENCE_S
        while "roster" not in central.alarms():
            assert time.monotonic() < end
            time.sleep(0.01)
        assert running.thread.is_alive()
        assert not running.waits


def test_receipts_and_commands_are_signed_by_central(central, kiosk, messages):
    with central.store.writing() as tx:
        tx.registry.keep(Fact.EPOCH, "c1")
    line = FakeLine(central, messages(Up.HELLO, kiosk.hello()))
    with Running(central, line):
        await_packet(line, 1)
    public = central.authority._key.public
    (asked, ask, _), (answered, answer, _) = line.sent
    assert asked == topics.down("lobi", Down.COMMAND)
    said, signed = command.decode(ask)
    signed.verify(public)
    assert (said.verb, said.n, said.kiosk, said.central) == ("hello", 0, "lobi", "c1")
    assert answered == topics.down("lobi", Down.RECEIPT)
    receipt.decode(answer)[1].verify(public)


def test_a_batch_before_hello_asks_for_one(central, kiosk, messages):
    kiosk.punches(1)
    line = FakeLine(central, messages(Up.BATCH, kiosk.batch(1)))
    with Running(central, line):
        await_packet(line, 1)
    assert line.asked() == [topics.down("lobi", Down.COMMAND)] * 2
    assert line.receipts() == []


def test_rubbish_is_confirmed_and_stalls_nobody(central, kiosk, messages):
    kiosk.punches(1)
    said = messages(Up.HELLO, b"rubbish", kiosk.hello())
    said += messages(Up.BATCH, b"\xff" * 999, kiosk.batch(1))
    line = FakeLine(central, said)
    with Running(central, line):
        await_packet(line, 4)
    assert line.receipts() == [0, 1]
    assert central.stats().quarantined == 2


def test_a_database_that_refuses_means_no_answer_and_leaving_the_broker(lite, make_kiosk, messages):
    central, kiosk = lite, make_kiosk()
    central.admit(kiosk)
    kiosk.punches(1)
    lock = sqlite3.connect(central.database, isolation_level=None, check_same_thread=False)

    class Locking(FakeLine):
        def open(self):
            lock.execute("BEGIN IMMEDIATE")

        def close(self):
            super().close()
            lock.execute("ROLLBACK")

    refused = Locking(central, messages(Up.HELLO, kiosk.hello()))
    line = FakeLine(central, messages(Up.HELLO, kiosk.hello()))
    with Running(central, refused, line):
        await_packet(line, 2)
    lock.close()
    assert refused.closed
    assert refused.confirmed == []
    assert refused.receipts() == []
    assert line.receipts() == [0]


def test_values_that_the_database_never_takes_are_set_aside_alone(central, kiosk, messages):
    kiosk.punches(2)
    central.hello(kiosk)
    poison = kiosk.batch(1, 1)
    real = central.inbox.take_in_all

    def take_in_all(tx, letters):
        if any(letter.payload == poison for letter in letters):
            tx.people.begin_session(b"x", "nobody", 1, 0)  # breaks a foreign key
        return real(tx, letters)

    central.inbox.take_in_all = take_in_all
    line = FakeLine(central, messages(Up.BATCH, poison, kiosk.batch(2, 2), kiosk.batch(1, 2)))
    with Running(central, line):
        await_packet(line, 3)
    assert line.confirmed == [1, 2, 3]
    assert line.receipts() == [0, 2]
    assert central.alarms() == {"rejected": 1}
    assert central.stats().quarantined == 1


def test_a_lost_line_is_made_again_and_waits_grow(central, kiosk, messages):
    broken = [
        FakeLine(central, opens=False),
        FakeLine(central, [Woken(), Lost(LineDown("gone"))]),
        FakeLine(central, opens=False),
    ]
    line = FakeLine(
        central, [Answered(1, Verdict.REFUSED, "no"), *messages(Up.HELLO, kiosk.hello())]
    )
    with Running(central, *broken, line) as running:
        await_packet(line, 1)
        assert running.intake.state is LineState.UP
    assert all(one.closed for one in broken)
    assert line.receipts() == [0]


def test_waits_are_jittered_between_their_bounds_and_begin_anew():
    highest = Backoff(lambda low, high: high)
    assert [highest.next_s() for _ in range(5)] == [3.0, 9.0, 27.0, LONGEST_S, LONGEST_S]
    highest.reset()
    assert highest.next_s() == 3.0
    drawn = Backoff()
    assert all(FIRST_S <= drawn.next_s() <= LONGEST_S for _ in range(100))


class Flood(FakeLine):
    """A line on which somebody says the same at QoS 0 for ever, faster than any database."""

    said = 0
    enough = 20_000

    def __init__(self, central, message) -> None:
        super().__init__(central)
        self._message = message
        self.over = threading.Event()

    def receive(self, wait_s):
        self.said += 1
        if self.said > self.enough:
            self.over.set()
            return super().receive(wait_s)
        return self._message


def test_what_is_read_ahead_of_a_slow_commit_is_bounded(lite, make_kiosk, messages):
    [said] = messages(Up.HELLO, make_kiosk("x").hello())
    line = Flood(lite, said)
    running = Running(lite, line)
    desk = running.intake.desk

    class Slow:
        """Its first commit waits until too much was read, or a second has passed."""

        ahead: int | None = None
        read = desk.read

        def take_in(self, letters):
            if self.ahead is None:
                line.over.wait(1.0)
                self.ahead = line.said
                line.said = line.enough
            return desk.take_in(letters)

    running.intake.desk = slow = Slow()
    with running:
        assert line.over.wait(PATIENCE_S)
    assert slow.ahead is not None
    assert slow.ahead < 1000


def test_who_has_not_central_s_key_cannot_name_its_group() -> None:
    """A stranger in the shared group would be given messages, and they would be gone."""
    key = PrivateKey.generate()
    ours, same, other = Authority(key), Authority(key), Authority(PrivateKey.generate())
    assert ours.group == same.group != other.group
    assert not any(part in ours.group for part in (ours.fingerprint[:16], "lobi"))
    shared = [one.filter for one in subscriptions(ours.group) if "$share" in one.filter]
    assert len(shared) == 4
    assert all(one.startswith(f"$share/{ours.group}-") for one in shared)
