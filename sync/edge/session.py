"""One connection's conversation with central, without the connection: bytes in, bytes out.

Here the delivery's steps become signed messages, and what arrives becomes the delivery's events,
once its signature has proved to be central's. There is no socket, no clock and no thread; who
carries the messages is `uplink.py`, or a simulation.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from sync.edge.delivery import (
    Backlog,
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
from sync.edge.pace import Pace
from sync.protocol import batch, command, hello, receipt, rostering, topics
from sync.protocol.entry import Stamp
from sync.protocol.errors import Unverified
from sync.protocol.identity import PrivateKey, PublicKey
from sync.protocol.receipt import Receipt
from sync.protocol.signed import Signed


class Self(Struct, frozen=True):
    """Who this kiosk is on the line."""

    kiosk: str
    key: PrivateKey
    central: Sequence[PublicKey]
    software: str


class Epoch(Backlog, Protocol):
    """One epoch, as far as a conversation can change it. `Journal` is one."""

    @property
    def ended(self) -> bool: ...
    @property
    def replaced(self) -> bool: ...
    def end(self) -> None: ...
    def has_relearned(self, epoch: str, lost: str) -> bool: ...
    def relearn(self, epoch: str, lost: str) -> bool: ...


class Keeper(Protocol):
    """Who keeps the roster. `sync.edge.shelf.Shelf` is one."""

    @property
    def version(self) -> int: ...
    def take(
        self, part: rostering.RosterPart, plain: bytes, now: float, *, latest: bool
    ) -> None: ...
    def is_overdue(self, now: float) -> bool: ...


class Renewer(Protocol):
    """Who keeps the line's certificate young. `sync.edge.renewer.Renewer` is one."""

    def asking(self) -> bytes | None: ...
    def take(self, message: bytes) -> None: ...


class Say(Struct, frozen=True):
    """Publish `payload` on `topic`.

    Whether the broker takes it is to be told to `refused`, unless it is not `awaited`.
    """

    topic: str
    payload: bytes
    encoding: str = ""
    awaited: bool = True


class StartAnew(Struct, frozen=True):
    """Only a start can go on: it begins the next epoch, or reads every terminal anew."""

    reason: str


class TimeTold(Struct, frozen=True):
    """At `now` (monotonic, s) central's clock showed `utc`, give or take `error` (milliseconds)."""

    utc: int
    error: int
    now: float


Act = Say | Receipted | StartAnew | TimeTold


class Session:
    """What is said and heard over one connection. Each method returns what follows.

    `journals` are the epochs spoken of, oldest first, the live one last; `held` all that there are,
    where those are not; `keeper` of the roster, `renewer` of the certificate. `now` is monotonic
    seconds.

    Attributes:
        receipt_utc: central's clock in the last receipt, milliseconds; 0 before the first.
        ignored: whether a hello was overdue and nothing has been answered since.
    """

    def __init__(
        self,
        me: Self,
        journals: Sequence[Epoch],
        stamp: Callable[[], Stamp],
        fresh_nonce: Callable[[], str],
        jitter_s: Callable[[], float],
        timing: Timing = Timing(),  # noqa: B008 - frozen
        pace: Pace | None = None,
        held: Sequence[Epoch] = (),
        keeper: Keeper | None = None,
        renewer: Renewer | None = None,
    ) -> None:
        self._me = me
        self._renewer = renewer
        self._journals = journals
        self._held = held or journals
        self._stamp = stamp
        self._jitter_s = jitter_s
        self._keeper = keeper
        self._nonces = deque[str](maxlen=32)  # of the hellos of this connection
        self._delivery = Delivery(journals, fresh_nonce, timing, pace)
        self.receipt_utc = 0
        self.ignored = False
        self._unanswered: tuple[str, float] | None = None  # the last hello's nonce, and when

    @property
    def state(self) -> State:
        """Return where the delivery stands."""
        return self._delivery.state

    @property
    def deadline(self) -> float | None:
        """Return when `tick` wants to be called next; None while nothing is awaited."""
        return self._delivery.deadline

    def connected(self, now: float, room_bytes: int | None = None) -> list[Act]:
        """The line is up; `room_bytes` is the longest payload on it, None for any."""
        room = batch.MAX_SENT_BYTES if room_bytes is None else batch.entries_in(room_bytes)
        return self._acts(self._delivery.connected(now, room), now)

    def disconnected(self) -> None:
        """The line is down."""
        self._delivery.disconnected()

    def grew(self, now: float, *, unsure: bool = False) -> list[Act]:
        """The live epoch has more entries; see `Delivery.grew`."""
        return self._acts(self._delivery.grew(now, unsure=unsure), now)

    def tick(self, now: float) -> list[Act]:
        """Time has passed."""
        steps = self._delivery.tick(now)
        self.ignored = self.ignored or bool(steps and self._unanswered)
        is_up = self.state is not State.OFFLINE
        if is_up and self._keeper is not None and self._keeper.is_overdue(now):
            steps += self._delivery.asked(now, 0.0)
        return self._acts(steps, now) + self._renewal()

    def _renewal(self) -> list[Act]:
        """Return what is asked for a new certificate, once central has answered a hello."""
        if self._renewer is None or self.state is not State.SENDING:
            return []
        asked = self._renewer.asking()
        topic = topics.up(self._me.kiosk, topics.Up.RENEWAL)
        return [] if asked is None else [Say(topic, asked, awaited=False)]

    def refused(self, now: float) -> list[Act]:
        """The broker refused what was said, or nobody there listens."""
        return self._acts(self._delivery.refused(now), now)

    def heard(self, topic: str, payload: bytes, now: float) -> list[Act]:
        """Something was said to us.

        Raises ProtocolError where it is not central's word to us; nothing has changed then.
        """
        _, what = topics.read_down(topic)
        if what is topics.Down.RECEIPT:
            said, signed = receipt.decode(payload)
            self._check(signed, said.key, said.kiosk)
            self.receipt_utc = said.utc
            steps = self._delivery.received(said, now)
            return self._clocked(said, now) + self._acts(steps, now)
        if what is topics.Down.ROSTER:
            self._told_roster(payload, now)
        if what is topics.Down.CERTIFICATE and self._renewer is not None:
            self._renewer.take(payload)
        if what is topics.Down.COMMAND:
            asked, signed = command.decode(payload)
            self._check(signed, asked.key, asked.kiosk)
            if asked.verb == command.Verb.HELLO:
                return self._acts(self._delivery.asked(now, self._jitter_s()), now)
        return []

    def _told_roster(self, payload: bytes, now: float) -> None:
        """Take in a part of a roster that answers a hello of this connection.

        What answers an older one is passed over: central has said it again. Raises ProtocolError.
        """
        part, signed = rostering.decode(payload)
        self._check(signed, part.key, part.kiosk)
        if self._keeper is not None and part.nonce in self._nonces:
            plain = rostering.unseal(part, signed, self._me.key)
            self._keeper.take(part, plain, now, latest=part.nonce == self._nonces[-1])

    def _check(self, signed: Signed, fingerprint: str, kiosk: str) -> None:
        """Raises Unverified if central did not sign this, or not for us."""
        if kiosk != self._me.kiosk:
            raise Unverified(f"it is for kiosk {kiosk!r}, not for us")
        for key in self._me.central:
            if key.fingerprint == fingerprint:
                signed.verify(key)
                return
        raise Unverified(
            f"signed by key {fingerprint[:16]}, which is not a central this kiosk trusts; was "
            "central's key replaced? Bring its central.pem and restart (docs/KEYS.md)"
        )

    def _clocked(self, said: Receipt, now: float) -> list[Act]:
        """Return what an answer to the latest hello tells of the time: it lies in between."""
        if self._unanswered is None or said.nonce != self._unanswered[0]:
            return []
        self.ignored = False
        half_ms = (now - self._unanswered[1]) * 500
        self._unanswered = None
        return [TimeTold(said.utc + round(half_ms), round(half_ms) + 1, now)]

    def _acts(self, steps: Sequence[Step], now: float) -> list[Act]:
        acts: list[Act] = []
        for step in steps:
            match step:
                case SayHello():
                    self._unanswered = (step.nonce, now)
                    self._nonces.append(step.nonce)
                    version = 0 if self._keeper is None else self._keeper.version
                    said = hello_message(self._me, step, self._stamp(), version)
                    acts.append(Say(topics.up(self._me.kiosk, topics.Up.HELLO), said))
                case SendBatch():
                    payload, encoding = batch.pack(batch_message(self._me, step))
                    topic = topics.up(self._me.kiosk, topics.Up.BATCH)
                    acts.append(Say(topic, payload, encoding))
                case Receipted():
                    acts.append(step)
                case Contradicted():
                    acts += self._contradicted(step)
                case GivenUp():
                    acts += self._given_up(step)
        return acts

    def _contradicted(self, step: Contradicted) -> list[Act]:
        [journal] = [one for one in self._journals if one.life == step.life]
        if journal.replaced or journal.ended:
            # Another epoch has all that it holds, or will have: at a start for which there was no
            # room yet, and asking for one again and again makes none.
            return []
        journal.end()
        return [
            StartAnew(
                f"central holds another history of epoch {step.life.epoch} at entry "
                f"{step.receipt.through}, or gave up some that this card holds: was it copied or "
                "restored? A new epoch takes over"
            )
        ]

    def _given_up(self, step: GivenUp) -> list[Act]:
        epoch, live = step.life.epoch, self._held[-1]
        lost = ", ".join(f"{first} to {last}" for first, last in step.lost)
        if live.has_relearned(epoch, lost):
            return []
        # That it is done is noted last: interrupted before, all of it is done again.
        replaced = [journal for journal in self._held if journal.replaced]
        for journal in replaced:  # what was recorded anew from it may be among what is lost
            journal.end()
        if not live.relearn(epoch, lost) and not replaced:
            return []
        return [StartAnew(f"central lacks entries {lost} of {epoch}; terminals are read again")]


def hello_message(me: Self, step: SayHello, at: Stamp, roster: int = 0) -> bytes:
    """Return the signed hello of `step`, said at `at` by who works on version `roster`."""
    span, life = step.span, step.life
    mine, born = me.key.public.fingerprint, life.born
    said = hello.Hello(
        kiosk=me.kiosk,
        epoch=life.epoch,
        number=life.number,
        first=span.first,
        anchor=span.anchor.hex(),
        last=span.last,
        head=span.head.hex(),
        nonce=step.nonce,
        key=mine,
        born="" if born == mine else born,
        roster=roster,
        software=me.software,
        clock=at,
    )
    return hello.encode(said, me.key)


def batch_message(me: Self, step: SendBatch) -> bytes:
    """Return the signed batch of `step`, unpacked."""
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
    return batch.encode(header, step.bodies, me.key)
