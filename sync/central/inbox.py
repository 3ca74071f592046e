"""The inbox: one message from the line, given to whom it is for. Nothing stalls what comes after.

What cannot be accepted is set aside, with an alarm where it speaks for a kiosk of ours; strangers
raise no alarms, or anybody who reaches the broker could bury the true ones.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from sync.central.authority import Clock, Unadmitted
from sync.central.bounds import check_numbers
from sync.central.errors import StoreRejected
from sync.central.ingest import AskHello, Ingest, Read, read_batch
from sync.central.registrar import Renewal, take_renewal
from sync.central.store import Transaction
from sync.central.store.standing import Alarm
from sync.protocol import batch, topics
from sync.protocol.errors import Inconsistent, Malformed, ProtocolError, Unverified
from sync.protocol.health import MAX_STATE_BYTES
from sync.protocol.receipt import Receipt
from sync.protocol.topics import Up

Answer = Receipt | AskHello | Renewal | None

Unacceptable = ProtocolError | StoreRejected

_ALARMS: Final[tuple[tuple[type[Exception], Alarm], ...]] = (
    (Unverified, Alarm.UNVERIFIED),
    (Inconsistent, Alarm.INCONSISTENT),
    (StoreRejected, Alarm.REJECTED),
)


class Letter(Struct, frozen=True):
    """A message, as far as it can be read without the database.

    Attributes:
        batch: what it is, where it is a batch that can be read.
        error: why it cannot be.
    """

    topic: str
    payload: bytes
    batch: Read | None = None
    error: ProtocolError | None = None


def read(topic: str, payload: bytes, encoding: str) -> Letter:
    """Read one message; `Inbox.take_in` does the rest."""
    try:
        if topics.read_up(topic)[1] is not Up.BATCH:
            return Letter(topic, payload)
        message = batch.unpack(payload, encoding or batch.Encoding.PLAIN)
        return Letter(topic, payload, read_batch(message))
    except ProtocolError as error:
        return Letter(topic, payload, error=error)


class Inbox:
    """Takes in messages, each within a transaction that its caller commits."""

    def __init__(self, ingest: Ingest, clock: Clock) -> None:
        self._ingest = ingest
        self._clock = clock

    def receive(self, tx: Transaction, topic: str, payload: bytes, encoding: str) -> Answer:
        """Read one message and take it in."""
        return self.take_in(tx, read(topic, payload, encoding))

    def hold(self, tx: Transaction, letters: Iterable[Letter]) -> None:
        """Get ready for these messages: another central may be taking in the same kiosks'."""
        tx.standing.hold(_speaker(one.topic) for one in letters)

    def take_in_all(self, tx: Transaction, letters: Sequence[Letter]) -> list[Answer]:
        """As `take_in`, for many; consecutive batches of a backlog in one stroke."""
        answers: list[Answer] = []
        for run in _runs(letters):
            answers += self._take_in_run(tx, run) or [self.take_in(tx, one) for one in run]
        return answers

    def _take_in_run(self, tx: Transaction, run: Sequence[Letter]) -> Sequence[Answer]:
        """Return the answers to batches that lead to one another; none where one is unacceptable.

        Nothing of them is stored then.
        """
        batches = [one.batch for one in run if one.batch is not None]
        if len(batches) < 2:
            return ()
        speaker, _ = topics.read_up(run[0].topic)
        try:
            return self._ingest.take_in_run(tx, speaker, batches)
        except ProtocolError:
            return ()

    def take_in(self, tx: Transaction, letter: Letter) -> Answer:
        """Take in one message; return what is to be answered once it is committed.

        Raises StoreError; nothing of the transaction holds then.
        """
        try:
            return self._give(tx, letter)
        except Unadmitted:
            return None  # it waits for admission; until then its bytes are nobody's
        except ProtocolError as error:
            self.set_aside(tx, letter.topic, letter.payload, error)
            return None

    def _give(self, tx: Transaction, letter: Letter) -> Answer:
        if letter.error is not None:
            raise letter.error
        speaker, what = topics.read_up(letter.topic)
        if letter.batch is not None:
            return self._ingest.take_in(tx, speaker, letter.batch)
        match what:
            case Up.HELLO:
                return self._ingest.receive_hello(tx, speaker, letter.payload)
            case Up.STATE:
                self._receive_state(tx, speaker, letter.payload)
                return None
            case Up.RENEWAL:
                return take_renewal(tx, speaker, letter.payload)
            case _:
                raise Malformed("reply: no command was given that is replied to")

    def set_aside(self, tx: Transaction, topic: str, payload: bytes, error: Unacceptable) -> None:
        """Quarantine a message."""
        now = self._clock()
        tx.standing.quarantine(payload, f"{type(error).__name__}: {error}", topic, now)
        kind = next((alarm for kind, alarm in _ALARMS if isinstance(error, kind)), None)
        speaker = _speaker(topic)
        if kind is not None and tx.registry.knows(speaker):
            tx.standing.raise_alarm(kind, speaker, "", str(error), now)

    def _receive_state(self, tx: Transaction, speaker: str, payload: bytes) -> None:
        """Take in whether a kiosk is connected: unsigned, shown to people, believed by nobody."""
        if not payload or not tx.registry.knows(speaker):
            return  # an empty payload takes a retained state back
        if len(payload) > MAX_STATE_BYTES:
            raise Malformed(f"state: longer than {MAX_STATE_BYTES} bytes")
        try:
            state = msgspec.json.decode(payload, type=topics.State)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Malformed(f"state: {error}") from error
        check_numbers(state.connection, state.since)
        tx.standing.note_state(speaker, state, self._clock())


def _runs(letters: Iterable[Letter]) -> list[list[Letter]]:
    """Return the messages in order, those together that are batches leading to one another."""
    runs: list[list[Letter]] = []
    for letter in letters:
        before = runs[-1][-1] if runs else None
        if before is not None and _leads_to(before, letter):
            runs[-1].append(letter)
        else:
            runs.append([letter])
    return runs


def _leads_to(one: Letter, next_: Letter) -> bool:
    if one.batch is None or next_.batch is None or one.topic != next_.topic:
        return False
    return one.batch.leads_to(next_.batch)


def _speaker(topic: str) -> str:
    try:
        return topics.read_up(topic)[0]
    except Malformed:
        return ""
