"""The way up over a real broker, against a central of a few lines that can also lie."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sync.edge import uplink
from sync.edge.delivery import Timing
from sync.edge.session import Self
from sync.edge.uplink import LineState, Restart, Uplink
from sync.journal.epochs import Epochs
from sync.journal.journal import Draft
from sync.line import Broker, Message, Subscription
from sync.mqtt import Connection
from sync.protocol import batch, command, entry, hello, receipt, topics
from sync.protocol.health import Health
from sync.protocol.identity import PrivateKey

pytestmark = pytest.mark.slow

AT = entry.Stamp(wall=1, up=2, boot="b", synced=False)
KIOSK, CENTRAL, STRANGER = (PrivateKey.generate() for _ in range(3))
QUICK = Timing(answer_s=0.3, answer_most_s=0.5)
WITHIN_S = 20.0


class Bench:
    """A kiosk's uplink in a thread, and central's end of the line in the test."""

    def __init__(self, where: Broker, directory: Path) -> None:
        self.where = where
        self.epochs = Epochs(directory / "journal", "k1", KIOSK.public.der)
        self.epochs.open()
        self.told: list[int] = []
        self.times: list[tuple[int, int]] = []
        self.error: Exception | None = None
        me = Self("k1", KIOSK, [CENTRAL.public], "test")
        self.uplink = Uplink(
            me,
            where,
            self.epochs,
            lambda: AT,
            lambda _, through: self.told.append(through),
            lambda utc, error: self.times.append((utc, error)),
            QUICK,
        )
        self.epochs.live.watch(lambda _: self.uplink.grew(), lambda _: None)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._line: Connection | None = None

    def _run(self) -> None:
        try:
            self.uplink.run(self._stop.is_set, lambda: None)
        except (Restart, OSError) as error:
            self.error = error

    def listen(self) -> None:
        self._line = Connection(
            self.where,
            "central",
            [Subscription("presensi/v1/+/up/hello"), Subscription("presensi/v1/+/up/batch")],
        )
        self._line.open()

    def start(self) -> None:
        self._thread.start()

    def record(self, number: int) -> None:
        audit = entry.Audit(at=AT, actor="kiosk", action="x" * 50)
        self.epochs.live.append([Draft(entry.encode(audit))] * number)

    def hear(self) -> hello.Hello | batch.Batch:
        assert self._line is not None
        message = None
        while not isinstance(message, Message):
            message = self._line.receive(WITHIN_S)
            assert message is not None, "nothing was said"
        self._line.confirm(message)
        _, what = topics.read_up(message.topic)
        if what is topics.Up.HELLO:
            said, signed = hello.decode(message.payload)
            signed.verify(KIOSK.public)
            return said
        whole = batch.decode(batch.unpack(message.payload, message.encoding))
        whole.signed.verify(KIOSK.public)
        return whole

    def hear_hello(self) -> hello.Hello:
        said = self.hear()
        assert isinstance(said, hello.Hello)
        return said

    def say(self, nonce: str, through: int, head: str, key: PrivateKey = CENTRAL) -> None:
        said = receipt.Receipt(
            kiosk="k1",
            epoch=self.epochs.live.life.epoch,
            through=through,
            head=head,
            nonce=nonce,
            utc=7,
            key=key.public.fingerprint,
        )
        self._send(topics.Down.RECEIPT, receipt.encode(said, key))

    def ask_hello(self) -> None:
        asked = command.Command(
            kiosk="k1", central="c", verb="hello", key=CENTRAL.public.fingerprint
        )
        self._send(topics.Down.COMMAND, command.encode(asked, CENTRAL))

    def _send(self, what: topics.Down, payload: bytes) -> None:
        assert self._line is not None
        self._line.send(topics.down("k1", what), payload)

    def until(self, condition: Callable[[], bool]) -> None:
        waited = threading.Event()
        for _ in range(int(WITHIN_S / 0.02)):
            if condition():
                return
            waited.wait(0.02)
        raise AssertionError(f"it did not happen: {self.uplink.line}, {self.error}")

    def join(self) -> None:
        self._thread.join(WITHIN_S)
        assert not self._thread.is_alive()

    def close(self) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(WITHIN_S)
        if self._line is not None:
            self._line.close()
        self.epochs.close()


@pytest.fixture
def bench(make_broker: Any, tmp_path: Path) -> Iterator[Bench]:
    one = Bench(Broker(host="127.0.0.1", port=make_broker("mosquitto").port), tmp_path)
    yield one
    one.close()


def test_what_is_recorded_is_delivered_and_the_receipt_moves_the_cursor(bench: Bench) -> None:
    bench.record(3)
    bench.listen()
    bench.start()
    greeting = bench.hear_hello()
    assert (greeting.first, greeting.last, greeting.kiosk) == (1, 3, "k1")
    assert greeting.head == bench.epochs.live.span().head.hex()
    bench.say(greeting.nonce, 0, greeting.anchor)
    sent = bench.hear()
    assert isinstance(sent, batch.Batch)
    assert list(sent.bodies) == [row.body for row in bench.epochs.live.reader.rows(1)]
    assert sent.header.nonce == greeting.nonce
    bench.say(greeting.nonce, 3, sent.header.head)
    bench.until(lambda: bench.told == [3])
    assert bench.epochs.live.cursor == 3
    assert bench.uplink.line.state is LineState.UP
    bench.record(1)  # the next one goes at once, without a new hello
    live = bench.hear()
    assert isinstance(live, batch.Batch)
    assert (live.header.first, live.header.last) == (4, 4)


def test_a_slow_disk_makes_no_receipt_tell_an_older_time(bench: Bench) -> None:
    disk = bench.epochs.live.receipted

    def slow(through: int, utc: int) -> None:
        time.sleep(0.4)  # what the cursor's sync takes on a worn card
        disk(through, utc)

    bench.epochs.live.receipted = slow  # type: ignore[method-assign]
    bench.listen()
    bench.start()
    greeting = bench.hear_hello()
    bench.say(greeting.nonce, 0, greeting.anchor)
    bench.until(lambda: bool(bench.times))
    [(utc, error)] = bench.times
    assert utc - 7 >= 400
    assert error < 200


def test_a_missed_wake_costs_a_moment_only(bench: Bench) -> None:
    bench.epochs.live.watch(lambda _: None, lambda _: None)
    bench.listen()
    bench.start()
    greeting = bench.hear_hello()
    bench.say(greeting.nonce, 0, greeting.anchor)
    bench.until(lambda: bench.uplink.line.state is LineState.UP)
    bench.record(1)
    sent = bench.hear()
    assert isinstance(sent, batch.Batch)
    assert sent.header.last == 1


def test_a_receipt_by_somebody_else_counts_for_nothing(bench: Bench) -> None:
    bench.record(2)
    bench.listen()
    bench.start()
    greeting = bench.hear_hello()
    bench.say(greeting.nonce, 2, greeting.head, STRANGER)
    again = bench.hear_hello()  # unanswered, so it is said again, under another nonce
    assert again.nonce != greeting.nonce
    assert "not a central this kiosk trusts" in bench.uplink.line.error
    assert bench.epochs.live.cursor == 0
    bench.say(again.nonce, 2, again.head)
    bench.until(lambda: bench.told == [2])


def test_another_history_closes_the_epoch_and_ends_the_run(bench: Bench) -> None:
    bench.record(2)
    bench.listen()
    bench.start()
    greeting = bench.hear_hello()
    bench.say(greeting.nonce, 2, "11" * 32)
    bench.join()
    assert isinstance(bench.error, Restart)
    assert "copied or restored" in str(bench.error)
    assert bench.epochs.live.cursor == 0
    forked = bench.epochs.live.life.epoch
    bench.epochs.close()
    bench.epochs.open()  # the next start
    assert bench.epochs.live.life.number == 2
    assert bench.epochs.live.life.epoch != forked


def test_nobody_at_central_is_said(bench: Bench) -> None:
    bench.record(1)
    bench.start()
    bench.until(lambda: "central is not listening" in bench.uplink.line.error)
    bench.listen()
    greeting = bench.hear_hello()
    bench.say(greeting.nonce, 1, greeting.head)
    bench.until(lambda: bench.told == [1])
    assert bench.uplink.line.error == ""


def test_central_may_ask_for_a_hello(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.edge.uplink.JITTER_S", 0.05)
    bench.listen()
    bench.start()
    greeting = bench.hear_hello()
    bench.say(greeting.nonce, 0, greeting.anchor)
    bench.until(lambda: bench.uplink.line.state is LineState.UP)
    bench.ask_hello()
    assert bench.hear_hello().nonce != greeting.nonce


@pytest.fixture
def states(bench: Bench) -> Iterator[Callable[[], topics.State]]:
    line = Connection(bench.where, "observer", [Subscription("presensi/v1/+/up/state")])
    line.open()

    def hear() -> topics.State:
        message = None
        while not isinstance(message, Message):
            message = line.receive(WITHIN_S)
            assert message is not None, "no state was said"
        line.confirm(message)
        return msgspec.json.decode(message.payload, type=topics.State)

    yield hear
    line.close()


def test_how_it_is_is_said_again_while_the_line_stands(
    bench: Bench, states: Callable[[], topics.State], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uplink, "HEALTH_S", 0.1)
    waiting = iter(range(1000))
    bench.uplink.health = lambda: Health(at=1, waiting=next(waiting))
    bench.start()
    said = [states() for _ in range(3)]
    assert [one.online for one in said] == [True] * 3
    assert [one.health for one in said] == [Health(at=1, waiting=n) for n in range(3)]


def test_who_cannot_tell_how_it_is_delivers_all_the_same(
    bench: Bench, states: Callable[[], topics.State]
) -> None:
    def broken() -> Health:
        raise ZeroDivisionError

    bench.uplink.health = broken
    bench.record(1)
    bench.listen()
    bench.start()
    state = states()
    assert state.online
    assert state.health is None
    greeting = bench.hear_hello()
    bench.say(greeting.nonce, 0, greeting.anchor)
    sent = bench.hear()
    assert isinstance(sent, batch.Batch)
    assert sent.header.last == 1
