"""The way up: runs the delivery over one MQTT connection until that ends.

Here the delivery's steps become signed bytes and what arrives becomes the delivery's events; there
are no decisions of its own. It neither reconnects nor waits: `run` ends with an error and its
worker, which knows about back-off, calls it again.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from sync.edge.delivery import (
    Contradicted,
    Delivery,
    GivenUp,
    Receipted,
    SayHello,
    SendBatch,
    State,
    Step,
    Timing,
)
from sync.journal.epochs import Epochs
from sync.journal.reader import Life
from sync.mqtt import (
    Answered,
    Broker,
    Connection,
    Lost,
    Message,
    Subscription,
    Verdict,
    Will,
    Woken,
)
from sync.protocol import batch, command, hello, receipt, topics
from sync.protocol.entry import Stamp
from sync.protocol.errors import ProtocolError, Unverified
from sync.protocol.identity import PrivateKey, PublicKey
from sync.protocol.signed import Signed

BEAT_S: Final = 1.0
"""Longest wait for an event before the worker's beat and the delivery's deadline are looked at."""

JITTER_S: Final = 10.0
"""A hello that central asks of everybody is said within this time, at random."""


class Forked(Exception):
    """Central holds another history of the live epoch: the process must begin a new one."""


class Relearning(Exception):
    """Central has lost what we let go of: every terminal must be read from its beginning."""


class LineState(Enum):
    """What there is to say about the line, for people."""

    DOWN = "down"
    GREETING = "greeting"
    UP = "up"
    HELD = "held"


class Line(Struct):
    """The line as it is now; written by the uplink, read by anybody.

    Attributes:
        error: why it is down, or the last thing that was refused; "" if nothing.
        receipt_utc: central's clock in its last receipt, milliseconds; 0 before the first.
    """

    state: LineState = LineState.DOWN
    error: str = ""
    receipt_utc: int = 0


class Self(Struct, frozen=True):
    """Who this kiosk is on the line."""

    kiosk: str
    key: PrivateKey
    central: Sequence[PublicKey]
    software: str


class Told(Protocol):
    """Who wants to know that a receipt came."""

    def __call__(self, life: Life, through: int) -> None: ...


class Uplink:
    """Delivers the journal's epochs to central, connection after connection."""

    def __init__(
        self,
        me: Self,
        broker: Broker,
        epochs: Epochs,
        stamp: Callable[[], Stamp],
        on_receipt: Told,
        timing: Timing = Timing(),  # noqa: B008 - frozen
    ) -> None:
        self._me = me
        self._broker = broker
        self._epochs = epochs
        self._stamp = stamp
        self._on_receipt = on_receipt
        self._timing = timing
        self._boot = secrets.token_hex(4)
        self._connections = 0
        self._line: Connection | None = None
        self._watched: set[int] = set()  # tickets of hellos and batches not yet answered
        self.line = Line()

    def grew(self) -> None:
        """The journal has more entries. Called by the committing thread: only wakes."""
        line = self._line
        if line is not None:
            line.wake()

    def run(self, stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
        """Deliver over one connection until it ends or `stopping()`.

        Raises:
            LineError: the connection could not be made, or was lost.
            Forked: an epoch was contradicted; it is closed already, and a start takes over from it.
            Relearning: punches were forgotten, so that a start reads and records them again.
        """
        self._connections += 1
        kiosk = self._me.kiosk
        line = Connection(
            self._broker,
            f"{kiosk}.{self._boot}",
            [Subscription(topics.all_down(kiosk))],
            will=Will(topics.up(kiosk, topics.Up.STATE), self._state(online=False)),
        )
        delivery = Delivery(self._epochs.journals, lambda: secrets.token_hex(16), self._timing)
        try:
            line.open()
            beat()
            if stopping():
                return
            self._line = line
            self._watched.clear()
            self._say_state(line, online=True)
            self._do(line, delivery.connected(time.monotonic()))
            while not stopping():
                beat()
                self._turn(line, delivery)
            self._say_state(line, online=False)
        finally:
            # Abandoned for its silence and awake again, this run must not touch its heir's line.
            if self._line in (line, None):
                self._line = None
                self.line.state = LineState.DOWN
            line.close()

    def _turn(self, line: Connection, delivery: Delivery) -> None:
        """Take one event, or let time pass."""
        now = time.monotonic()
        due = delivery.deadline
        event = line.receive(BEAT_S if due is None else min(BEAT_S, due - now))
        now = time.monotonic()
        match event:
            case Message():
                steps = self._heard(event, delivery, now)
                line.confirm(event)
            case Answered():
                steps = self._answered(event, delivery, now)
            case Woken():
                steps = delivery.grew(now)
            case Lost():
                raise event.error
            case None:
                # A wake that was missed, or another process's entry, costs a second, not a day.
                steps = delivery.grew(now, unsure=True)
        self._do(line, steps)
        self._do(line, delivery.tick(now))
        self.line.state = _SEEN[delivery.state]

    def _heard(self, message: Message, delivery: Delivery, now: float) -> list[Step]:
        """Return what follows from a message to us; one that is not central's changes nothing."""
        try:
            _, what = topics.read_down(message.topic)
            if what is topics.Down.RECEIPT:
                said, signed = receipt.decode(message.payload)
                self._check(signed, said.key, said.kiosk)
                self.line.receipt_utc = said.utc
                return delivery.received(said, now)
            if what is topics.Down.COMMAND:
                asked, signed = command.decode(message.payload)
                self._check(signed, asked.key, asked.kiosk)
                if asked.verb == command.Verb.HELLO:
                    return delivery.asked(now, secrets.SystemRandom().uniform(0, JITTER_S))
        except ProtocolError as error:
            self.line.error = f"{message.topic}: {error}"
        return []

    def _check(self, signed: Signed, fingerprint: str, kiosk: str) -> None:
        """Raises Unverified if central did not sign this, or not for us."""
        if kiosk != self._me.kiosk:
            raise Unverified(f"it is for kiosk {kiosk!r}, not for us")
        for key in self._me.central:
            if key.fingerprint == fingerprint:
                signed.verify(key)
                return
        raise Unverified(
            f"signed by key {fingerprint[:16]}, which is not a central this kiosk trusts"
        )

    def _answered(self, answer: Answered, delivery: Delivery, now: float) -> list[Step]:
        if answer.ticket not in self._watched:
            return []
        self._watched.discard(answer.ticket)
        if answer.verdict is Verdict.TAKEN:
            return []
        self.line.error = (
            "central is not listening"
            if answer.verdict is Verdict.NOBODY
            else f"the broker refuses our messages: {answer.reason}; check its ACL and limits"
        )
        return delivery.refused(now)

    def _do(self, line: Connection, steps: Sequence[Step]) -> None:
        for step in steps:
            match step:
                case SayHello():
                    self._watched.add(self._say_hello(line, step))
                case SendBatch():
                    self._watched.add(self._send_batch(line, step))
                case Receipted():
                    self.line.error = ""
                    self._on_receipt(step.life, step.through)
                case Contradicted():
                    self._contradicted(step)
                case GivenUp():
                    self._given_up(step)

    def _contradicted(self, step: Contradicted) -> None:
        said = step.receipt
        self.line.error = (
            f"central holds another history of epoch {step.life.epoch} at entry {said.through}: "
            "was this card copied or restored? A new epoch takes over"
        )
        for journal in self._epochs.journals:
            # One that was taken over already has nothing more to say.
            done = journal is not self._epochs.live and journal.cursor == journal.tip
            if journal.life == step.life and not done:
                journal.end()
                raise Forked(self.line.error)

    def _given_up(self, step: GivenUp) -> None:
        lost = f"{step.life.epoch} {step.first}"
        if self._epochs.live.relearn(lost):
            raise Relearning(f"central has lost entries from {lost} on; terminals are read again")

    def _say_hello(self, line: Connection, step: SayHello) -> int:
        me, span, life = self._me, step.span, step.life
        born = PublicKey.from_der(life.key).fingerprint
        said = hello.Hello(
            kiosk=me.kiosk,
            epoch=life.epoch,
            number=life.number,
            first=span.first,
            anchor=span.anchor.hex(),
            last=span.last,
            head=span.head.hex(),
            nonce=step.nonce,
            key=me.key.public.fingerprint,
            born="" if born == me.key.public.fingerprint else born,
            software=me.software,
            clock=self._stamp(),
        )
        return line.send(
            topics.up(me.kiosk, topics.Up.HELLO),
            hello.encode(said, me.key),
            expiry_s=topics.EXPIRY_S,
        )

    def _send_batch(self, line: Connection, step: SendBatch) -> int:
        me = self._me
        header = batch.BatchHeader(
            kiosk=me.kiosk,
            epoch=step.life.epoch,
            first=step.first,
            last=step.last,
            prev=step.prev.hex(),
            head=step.head.hex(),
            nonce=step.nonce,
            key=me.key.public.fingerprint,
        )
        payload, encoding = batch.pack(batch.encode(header, step.bodies, me.key))
        return line.send(
            topics.up(me.kiosk, topics.Up.BATCH),
            payload,
            encoding=encoding,
            expiry_s=topics.EXPIRY_S,
        )

    def _state(self, *, online: bool) -> bytes:
        return msgspec.json.encode(
            topics.State(
                online=online,
                connection=self._connections,
                boot=self._boot,
                since=self._stamp().wall,
            )
        )

    def _say_state(self, line: Connection, *, online: bool) -> None:
        topic = topics.up(self._me.kiosk, topics.Up.STATE)
        line.send(topic, self._state(online=online), retain=True)


_SEEN: Final = {
    State.OFFLINE: LineState.DOWN,
    State.GREETING: LineState.GREETING,
    State.SENDING: LineState.UP,
    State.HELD: LineState.HELD,
}
