"""The intake: hears kiosks over MQTT, commits, then answers. Its decisions are the inbox's.

    read what waits -> one transaction -> COMMIT -> receipts -> PUBACKs -> rosters

While one group of messages is being committed, in a thread of its own, the next is read.
Nothing is answered or confirmed that is not committed. While the database refuses, central leaves
the broker, so that another central on the shared subscription is given the messages, or the
kiosks' hellos find nobody and wait.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from enum import Enum
from typing import Final, NamedTuple, Protocol

from sync.central.authority import Authority
from sync.central.backoff import LONGEST_S, Backoff
from sync.central.carrier import Carrier
from sync.central.clock import now_ms
from sync.central.desk import Desk
from sync.central.downlink import LOOK_EVERY_S, Downlink
from sync.central.errors import JournalTrouble, KeyTrouble, StoreError
from sync.central.exits import Refused
from sync.central.inbox import Answer, Inbox, Letter
from sync.central.ingest import AskHello
from sync.central.registrar import Renewal
from sync.central.store import Store
from sync.central.store.registry import Fact, Status
from sync.central.store.standing import Alarm
from sync.line import (
    Answered,
    Broker,
    Event,
    LineError,
    Lost,
    Message,
    Subscription,
    Verdict,
    Woken,
)
from sync.mqtt import Connection
from sync.protocol import hello, topics
from sync.protocol.receipt import Receipt
from sync.protocol.topics import Down, Up

GROUP: Final = 64
"""Most messages in one COMMIT, and most that the broker may send ahead of our confirmations."""

AHEAD_MOST: Final = 4 * GROUP
"""Most messages that are read ahead of a commit: those at QoS 0 no Receive Maximum holds back."""

BEAT_S: Final = 0.5
"""Longest wait for a message before it is asked whether to stop, seconds."""

log: Final = logging.getLogger(__name__)


Renew = Callable[[Renewal], bytes]
"""Returns the message for `down/certificate`."""

Heard = tuple[Message, Letter]
"""A message, and what can be read of it without the database."""


class Settled(NamedTuple):
    """A message whose effects are committed, and what is to be said to its kiosk."""

    message: Message
    answer: Answer
    hello: bytes = b""  # that was accepted; its kiosk's roster is looked at


class LineState(Enum):
    """Where the line stands, for people."""

    CONNECTING = "connecting"
    UP = "up"
    WAITING = "waiting"


class Line(Protocol):
    """One connection, as `sync.mqtt.Connection` is one."""

    @property
    def room_bytes(self) -> int: ...
    def open(self) -> None: ...
    def receive(self, wait_s: float) -> Event | None: ...
    def send(self, topic: str, payload: bytes, *, expiry_s: int | None) -> int: ...
    def confirm(self, message: Message) -> None: ...
    def wake(self) -> None: ...
    def close(self) -> None: ...


def dial(broker: Broker, group: str) -> Callable[[], Line]:
    """Return what makes a new connection for every attempt, under one name per process."""
    client_id, filters = f"central.{secrets.token_hex(4)}", subscriptions(group)
    return lambda: Connection(broker, client_id, filters, receive_maximum=GROUP)


def subscriptions(group: str) -> Sequence[Subscription]:
    """Return what central listens to; `group` is known to central's workers only.

    Who could name it could join it, and a Mosquitto's ACL does not keep a kiosk from that: it
    would be given a share of all messages, and though it may not read them, they would be gone.
    """
    # A group for each filter: brokers built on rumqttd keep one place per group's name, and of a
    # group with several filters the first message of the second one was lost (iotcore 0.4.0, every
    # time). A state is retained, and a share is given no retained messages.
    return [
        *(
            Subscription(f"$share/{group}-{what}/{topics.up('+', what)}")
            for what in (Up.HELLO, Up.BATCH, Up.REPLY, Up.RENEWAL)
        ),
        Subscription(topics.up("+", Up.STATE)),
    ]


class Intake:
    """One worker. `state` may be read from any thread.

    Attributes:
        desk: where messages are taken in; sticks are as well.
    """

    def __init__(
        self,
        connect: Callable[[], Line],
        store: Store,
        authority: Authority,
        inbox: Inbox,
        on_commit: Callable[[], None],
        backoff: Backoff | None = None,
        downlink: Downlink | None = None,
        look_every_s: float = LOOK_EVERY_S,
        renew: Renew | None = None,
    ) -> None:
        """`renew` returns a kiosk's next certificate, or raises what `_renew` knows."""
        self._connect = connect
        self._store = store
        self._authority = authority
        self.desk = Desk(store, inbox)
        self._on_commit = on_commit
        self._backoff = backoff or Backoff()
        self._downlink = downlink
        self._epoch = ""
        self._look_every_s = look_every_s
        self._renew_one = renew
        self.state = LineState.CONNECTING

    def run(self, stop: threading.Event) -> None:
        """Hear and answer until `stop`, connection after connection."""
        while not stop.is_set():
            self.state = LineState.CONNECTING
            began = time.monotonic()
            try:
                self._session(stop)
            except (LineError, StoreError) as error:
                self.state = LineState.WAITING
                if time.monotonic() - began > LONGEST_S:
                    self._backoff.reset()
                wait_s = self._backoff.next_s()
                log.warning("%s; trying again in %.0f s", error, wait_s)
                stop.wait(wait_s)

    def _session(self, stop: threading.Event) -> None:
        """Hear and answer over one connection. Raises LineError, StoreError."""
        kiosks = self._begin()
        line = self._connect()
        try:
            line.open()
            self.state = LineState.UP
            log.info("hearing kiosks")
            for kiosk in kiosks:
                self.ask_hello(line, kiosk)
            with ExitStack() as stack:
                carrier = None
                if self._downlink is not None:
                    carrier = Carrier(self._downlink, self._admitted, line.wake, self._look_every_s)
                    stack.enter_context(carrier)
                self._hear(line, stop, carrier)
        finally:
            line.close()

    def _hear(self, line: Line, stop: threading.Event, carrier: Carrier | None) -> None:
        """Read, commit and answer until `stop`. Raises LineError, StoreError."""
        with ThreadPoolExecutor(1, "commit") as committing:
            ahead: list[Heard] = []
            under_way: Future[list[Settled]] | None = None
            mouth = _Mouth(self, line)
            while not stop.is_set():
                if under_way is None or len(ahead) < AHEAD_MOST:
                    ahead += self._drain(line)
                else:  # what comes now waits at the broker
                    wait([under_way], BEAT_S)
                if under_way is not None and under_way.done():
                    self.settle(line, under_way.result(), carrier)
                    under_way = None
                if carrier is not None:
                    carrier.turn(mouth)
                if ahead and under_way is None:
                    under_way = committing.submit(self.commit, ahead)
                    under_way.add_done_callback(lambda _: line.wake())
                    ahead = []
            if under_way is not None:
                self.settle(line, under_way.result())

    def _begin(self) -> Sequence[str]:
        """Return the admitted kiosks; nobody is known to be online yet."""
        with self._store.writing() as tx:
            tx.standing.forget_online()
            self._epoch = tx.registry.fact(Fact.EPOCH)
        return self._admitted()

    def _admitted(self) -> Sequence[str]:
        with self._store.reading() as tx:
            keys = tx.registry.keys()
        return sorted({key.kiosk for key in keys if key.status is Status.ADMITTED})

    def _drain(self, line: Line) -> list[Heard]:
        """Return the messages that are there, read, waiting a beat for the first.

        Raises LineError.
        """
        heard: list[Heard] = []
        wait_s = BEAT_S
        while len(heard) < GROUP and (event := line.receive(wait_s)) is not None:
            match event:
                case Message():
                    letter = self.desk.read(event.topic, event.payload, event.encoding)
                    heard.append((event, letter))
                    wait_s = 0.0
                case Lost():
                    raise event.error
                case Woken():  # a group is committed
                    break
                case Answered(verdict=Verdict.REFUSED):
                    log.warning("the broker refuses our answer: %s; check its ACL", event.reason)
                case _:
                    pass
        return heard

    def commit(self, heard: Sequence[Heard]) -> list[Settled]:
        """Return the answers to messages, now that what they say is in the database.

        Raises StoreError.
        """
        answers = self.desk.take_in([letter for _, letter in heard])
        return [
            Settled(message, answer, _accepted(letter, answer))
            for (message, letter), answer in zip(heard, answers, strict=True)
        ]

    def settle(
        self, line: Line, committed: Sequence[Settled], carrier: Carrier | None = None
    ) -> None:
        """Answer and confirm each of the committed messages. Raises LineError."""
        for message, answer, greeting in committed:
            self._answer(line, answer)
            if carrier is not None and greeting and isinstance(answer, Receipt):
                has = hello.decode(greeting)[0].roster
                carrier.greeted(answer.kiosk, greeting, has)
            line.confirm(message)
        self._backoff.reset()
        self._on_commit()

    def _answer(self, line: Line, answer: Answer) -> None:
        match answer:
            case Receipt():
                topic = topics.down(answer.kiosk, Down.RECEIPT)
                signed = self._authority.sign_receipt(answer)
                line.send(topic, signed, expiry_s=topics.EXPIRY_S)
            case AskHello():
                self.ask_hello(line, answer.kiosk)
            case Renewal():
                self._renew(line, answer)
            case None:
                pass

    def _renew(self, line: Line, asked: Renewal) -> None:
        """Say a kiosk its next certificate, or have a person look. Raises LineError, StoreError."""
        if self._renew_one is None:
            return
        try:
            renewed = self._renew_one(asked)
        except (Refused, KeyTrouble, JournalTrouble) as error:
            log.error("kiosk %s asks for its next certificate: %s", asked.kiosk, error)
            with self._store.writing() as tx:
                now = now_ms()
                tx.standing.raise_alarm(Alarm.RENEWAL, asked.kiosk, "", str(error), now)
            return
        line.send(topics.down(asked.kiosk, Down.CERTIFICATE), renewed, expiry_s=topics.EXPIRY_S)

    def ask_hello(self, line: Line, kiosk: str) -> None:
        """Ask `kiosk` to say where it stands. Raises LineError."""
        topic = topics.down(kiosk, Down.COMMAND)
        asked = self._authority.ask_hello(kiosk, self._epoch)
        line.send(topic, asked, expiry_s=topics.EXPIRY_S)


class _Mouth:
    """What the carrier says goes out on this line."""

    def __init__(self, intake: Intake, line: Line) -> None:
        self._intake = intake
        self._line = line

    def say_roster(self, kiosk: str, parts: Sequence[bytes]) -> None:
        """Say the parts of a roster, if the broker takes them all. Raises LineError."""
        longest, room = max(map(len, parts), default=0), self._line.room_bytes
        if longest > room:  # sent, it would cost the line, and with it everybody's receipts
            log.error(
                "the roster of kiosk %s has a part of %d bytes and the broker takes %d; raise its "
                "max_packet_size to 327680",
                kiosk,
                longest,
                room,
            )
            return
        for part in parts:
            self._line.send(topics.down(kiosk, Down.ROSTER), part, expiry_s=topics.EXPIRY_S)

    def ask_again(self, kiosk: str) -> None:
        """Ask for a hello. Raises LineError."""
        self._intake.ask_hello(self._line, kiosk)


def _accepted(letter: Letter, answer: Answer) -> bytes:
    """Return the hello that is answered with a receipt, b"" where it is another message."""
    is_hello = isinstance(answer, Receipt) and letter.batch is None
    return letter.payload if is_hello else b""
