"""Central: two workers on one database, either of which may die between any two of its steps."""

import io
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from random import Random
from typing import Any

from line import Broker, Letter

from sync.central import stick
from sync.central.authority import Authority
from sync.central.errors import StoreUnavailable
from sync.central.inbox import Inbox, read
from sync.central.ingest import Ingest
from sync.central.intake import GROUP, Intake
from sync.line import Message
from sync.protocol.identity import PrivateKey


class Killed(Exception):
    """The process was killed here."""


class Trouble(Enum):
    """What the database does to the next transaction."""

    NONE = auto()
    DOWN = auto()
    REFUSED = auto()  # it is rolled back
    FORGOTTEN = auto()  # it is committed, and the answer to COMMIT is lost


class Database:
    """A store that can be in trouble."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.trouble = Trouble.NONE

    @contextmanager
    def writing(self) -> Iterator[Any]:
        trouble = self.trouble
        if trouble is Trouble.DOWN:
            raise StoreUnavailable("it is down")
        with self.store.writing() as tx:
            yield tx
            if trouble is Trouble.REFUSED:
                raise StoreUnavailable("the disk is full")
        if trouble is Trouble.FORGOTTEN:
            raise StoreUnavailable("the connection was lost")

    @contextmanager
    def reading(self) -> Iterator[Any]:
        if self.trouble is Trouble.DOWN:
            raise StoreUnavailable("it is down")
        with self.store.writing() as tx:
            yield tx


class Hands:
    """What one worker has been given and has not confirmed; its line, as `Intake` sees one."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.letters: deque[Letter] = deque()
        self.fuse = -1  # steps until it is killed; none below 0

    def messages(self, most: int) -> list[Message]:
        """Return the first messages, none of which are confirmed."""
        return [
            Message(letter.topic, letter.payload, letter.encoding, packet)
            for packet, letter in enumerate(self.letters)
            if packet < most
        ]

    def _step(self) -> None:
        if self.fuse == 0:
            raise Killed
        self.fuse -= 1

    def send(self, topic: str, payload: bytes, *, expiry_s: int | None) -> int:
        self._step()
        self._broker.publish(Letter(topic, payload))
        return 1

    def confirm(self, message: Message) -> None:
        self._step()
        self.letters.popleft()

    def open(self) -> None: ...
    def wake(self) -> None: ...
    def receive(self, wait_s: float) -> None: ...
    def close(self) -> None: ...


class Central:
    """The database, the workers, and central's own clock."""

    def __init__(
        self,
        rng: Random,
        broker: Broker,
        store: Any,
        key: PrivateKey,
        true_ms: Callable[[], int],
        see: Callable[[str], None],
    ) -> None:
        self._see = see
        self._rng = rng
        self._broker = broker
        self.database = Database(store)
        self.key = key
        self.off_ms = 0  # its clock's error
        self._true_ms = true_ms
        authority = Authority(key)
        inbox = Inbox(Ingest(authority.fingerprint, self.clock), self.clock)
        # One object does for all workers: it keeps nothing from one message to the next.
        self._intake = Intake(
            lambda: Hands(broker),
            self.database,  # type: ignore[arg-type]
            authority,
            inbox,
            lambda: None,
        )
        self.workers: list[Hands] = []
        self.backups: list[Any] = []

    def clock(self) -> int:
        """Return what its clock shows."""
        return self._true_ms() + self.off_ms

    def arrive(self, kiosks: list[str]) -> None:
        """Let one more worker begin: it asks everybody for a hello."""
        hands = Hands(self._broker)
        self.workers.append(hands)
        self._broker.workers = len(self.workers)
        for kiosk in kiosks:
            self._intake.ask_hello(hands, kiosk)

    def hand_out(self) -> bool:
        """Give a message to one of the workers; return whether there was any."""
        ready = [one for one in self.workers if len(one.letters) < GROUP]
        if not ready or (letter := self._broker.hand_out()) is None:
            return False
        self._rng.choice(ready).letters.append(letter)
        return True

    def work(self, hands: Hands, most: int, fuse: int = -1) -> None:
        """Have a worker settle what it was given; after `fuse` steps it is killed."""
        messages = hands.messages(most)
        if not messages:
            return
        hands.fuse = fuse
        try:
            heard = [(one, read(one.topic, one.payload, one.encoding)) for one in messages]
            self._intake.settle(hands, self._intake.commit(heard))
        except Killed:
            self._see("a worker was killed between COMMIT and PUBACK")
            self.leave(hands)
        except StoreUnavailable as error:
            self._see(f"the database: {error}")
            self.leave(hands)

    def take_stick(self, content: bytes) -> bytes | None:
        """Take in a kiosk's file; return the answer, if the database was there."""
        try:
            imported = stick.take_in(
                io.BytesIO(content),
                self.database,  # type: ignore[arg-type]
                self._intake.desk,
            )
        except StoreUnavailable:
            return None
        answer = io.BytesIO()
        stick.answer(answer, imported, Authority(self.key), self.clock)
        return answer.getvalue()

    def leave(self, hands: Hands) -> None:
        """Take a worker off the line: brokers differ in what becomes of what it had."""
        self.workers.remove(hands)
        self._broker.workers = len(self.workers)
        if self._rng.random() < 0.5:
            self._broker.shared.extendleft(reversed(hands.letters))
