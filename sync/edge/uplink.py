"""The way up: carries one conversation with central over one MQTT connection until that ends.

What is said and what follows from what is heard is decided in `session.py`; there are no decisions
here. It neither reconnects nor waits: `run` ends with an error and its worker, which knows about
back-off, calls it again.
"""

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from sync.edge.delivery import Receipted, State, Timing
from sync.edge.pace import Pace
from sync.edge.renewer import Renewer
from sync.edge.session import Act, Keeper, Say, Self, Session, StartAnew, TimeTold
from sync.journal.epochs import Epochs
from sync.journal.reader import Life
from sync.line import (
    Answered,
    Broker,
    CertificateExpired,
    LineDown,
    Lost,
    Message,
    Subscription,
    Verdict,
    Will,
    Woken,
)
from sync.mqtt import Connection
from sync.protocol import topics
from sync.protocol.certificate import Certificate
from sync.protocol.entry import Stamp
from sync.protocol.errors import Malformed, ProtocolError
from sync.protocol.health import Health

log: Final = logging.getLogger(__name__)

BEAT_S: Final = 1.0
"""Longest wait for an event before the worker's beat and the delivery's deadline are looked at."""

JITTER_S: Final = 10.0
"""A hello that central asks of everybody is said within this time, at random."""


HEALTH_S: Final = 300.0
"""So often it is said how the kiosk is: some 100 KB a day."""


class Restart(Exception):
    """A start is needed: only it begins an epoch, and reads every terminal from its beginning."""


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
        certificate_until: when our certificate runs out, milliseconds UTC; 0 where there is none.
    """

    state: LineState = LineState.DOWN
    error: str = ""
    receipt_utc: int = 0
    certificate_until: int = 0


class Told(Protocol):
    """Who wants to know that a receipt came."""

    def __call__(self, life: Life, through: int) -> None: ...


class Timed(Protocol):
    """Who wants to know what time it is by central's clock: milliseconds, at this moment."""

    def __call__(self, utc: int, error: int) -> None: ...


class Uplink:
    """Delivers the journal's epochs to central, connection after connection.

    Attributes:
        health: returns how the kiosk is, which is said every `HEALTH_S`; None for nobody knows.
    """

    def __init__(
        self,
        me: Self,
        broker: Broker,
        epochs: Epochs,
        stamp: Callable[[], Stamp],
        on_receipt: Told,
        on_time: Timed,
        timing: Timing = Timing(),  # noqa: B008 - frozen
        keeper: Keeper | None = None,
        renewer: Renewer | None = None,
    ) -> None:
        self._me = me
        self._renewer = renewer
        self._keeper = keeper
        self._broker = broker
        self._epochs = epochs
        self._stamp = stamp
        self._on_receipt = on_receipt
        self._on_time = on_time
        self._timing = timing
        self._pace = Pace()
        self._boot = secrets.token_hex(4)
        self._connections = 0
        self._line: Connection | None = None
        self._watched: set[int] = set()  # tickets of hellos and batches not yet answered
        self.line = Line()
        self.health: Callable[[], Health] | None = None
        self._told_s = 0.0  # when the state was said last, monotonic

    def grew(self) -> None:
        """The journal has more entries. Called by the committing thread: only wakes."""
        line = self._line
        if line is not None:
            line.wake()

    def run(self, stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
        """Deliver over one connection until it ends or `stopping()`.

        Raises:
            LineError: the connection could not be made, or was lost.
            Restart: central's word asks for one.
            JournalError: the journal cannot be read.
        """
        self._connections += 1
        self.line.error = ""  # what was refused on the last connection; why that ended is raised
        kiosk = self._me.kiosk
        line = Connection(
            self._broker,
            f"{kiosk}.{self._boot}",
            [Subscription(topics.all_down(kiosk))],
            will=Will(topics.up(kiosk, topics.Up.STATE), self._state(online=False)),
            # A Pi that wakes in 1970 must reach central, or it never learns what time it is.
            check_times=self._stamp().synced,
        )
        session = Session(
            self._me,
            self._epochs.journals,
            self._stamp,
            fresh_nonce=lambda: secrets.token_hex(16),
            jitter_s=lambda: secrets.SystemRandom().uniform(0, JITTER_S),
            timing=self._timing,
            pace=self._pace,
            keeper=self._keeper,
            renewer=self._renewer,
        )
        self.line.certificate_until = _runs_out(self._broker)
        try:
            line.open()
            beat()
            if stopping():
                return
            self._line = line
            self._watched.clear()
            self._say_state(line, online=True)
            self._do(line, session.connected(time.monotonic(), line.room_bytes))
            while not stopping():
                beat()
                self._turn(line, session)
            self._say_state(line, online=False)
        except CertificateExpired:
            if self._renewer is not None:
                self._renewer.expired()
            raise
        except LineDown:
            self._hear_out(line, session)
            session.disconnected()
            raise
        finally:
            # Abandoned for its silence and awake again, this run must not touch its heir's line.
            if self._line in (line, None):
                self._line = None
                self.line.state = LineState.DOWN
            line.close()

    def _hear_out(self, line: Connection, session: Session) -> None:
        """Take in why the broker hung up: its last answers may not have been looked at yet."""
        while (event := line.receive(0.0)) is not None:
            if isinstance(event, Answered):
                self._answered(event, session, time.monotonic())

    def _turn(self, line: Connection, session: Session) -> None:
        """Take one event, or let time pass."""
        now = time.monotonic()
        due = session.deadline
        event = line.receive(BEAT_S if due is None else min(BEAT_S, due - now))
        now = time.monotonic()
        match event:
            case Message():
                acts = self._heard(event, session, now)
                line.confirm(event)
            case Answered():
                acts = self._answered(event, session, now)
            case Woken():
                acts = session.grew(now)
            case Lost():
                raise event.error
            case None:
                # A wake that was missed, or another process's entry, costs a second, not a day.
                acts = session.grew(now, unsure=True)
        self._do(line, acts)
        self._do(line, session.tick(now))
        if now - self._told_s >= HEALTH_S:
            self._say_state(line, online=True)
        self._see(session)

    def _see(self, session: Session) -> None:
        """Say how the line is now."""
        state = _SEEN[session.state]
        if state is LineState.UP and self.line.state is not state:
            self.line.error = ""  # central has answered: what was wrong is over
        elif session.ignored and not self.line.error:
            self.line.error = (
                "central does not answer: does it run, and did it admit this kiosk? "
                "See `presensi-central kiosks list` there"
            )
        self.line.state = state

    def _heard(self, message: Message, session: Session, now: float) -> list[Act]:
        """Return what follows from a message to us; one that is not central's changes nothing."""
        try:
            acts = session.heard(message.topic, message.payload, now)
        except ProtocolError as error:
            self.line.error = f"{message.topic}: {error}"
            return []
        # Before anybody is told what the receipt is for: who is asks when it was signed.
        self.line.receipt_utc = session.receipt_utc or self.line.receipt_utc
        return acts

    def _answered(self, answer: Answered, session: Session, now: float) -> list[Act]:
        awaited = answer.ticket in self._watched
        self._watched.discard(answer.ticket)
        if answer.verdict is Verdict.REFUSED:
            self.line.error = (
                f"the broker refuses our messages: {answer.reason}; check its ACL and limits, "
                "and that the certificate is this kiosk's"
            )
        elif answer.verdict is Verdict.NOBODY and awaited:
            self.line.error = "central is not listening"
        else:
            return []
        return session.refused(now) if awaited else []

    def _do(self, line: Connection, acts: Sequence[Act]) -> None:
        for act in acts:
            match act:
                case Say():
                    ticket = line.send(
                        act.topic,
                        act.payload,
                        encoding=act.encoding,
                        expiry_s=topics.EXPIRY_S,
                    )
                    if act.awaited:
                        self._watched.add(ticket)
                case Receipted():
                    self.line.error = ""
                    self._on_receipt(act.life, act.through)
                case TimeTold():
                    # The receipt may have waited for a slow disk meanwhile: the cursor was saved.
                    since_ms = round((time.monotonic() - act.now) * 1000)
                    self._on_time(act.utc + since_ms, act.error)
                case StartAnew():
                    self.line.error = act.reason
                    raise Restart(act.reason)

    def _state(self, *, online: bool) -> bytes:
        return msgspec.json.encode(
            topics.State(
                online=online,
                connection=self._connections,
                boot=self._boot,
                since=self._stamp().wall,
                health=self._health() if online else None,
            )
        )

    def _health(self) -> Health | None:
        if self.health is None:
            return None
        try:
            return self.health()
        except Exception:  # whatever fails there, a punch must not wait for it
            log.exception("how the kiosk is could not be told; what is recorded is delivered")
            return None

    def _say_state(self, line: Connection, *, online: bool) -> None:
        topic = topics.up(self._me.kiosk, topics.Up.STATE)
        self._told_s = time.monotonic()
        line.send(topic, self._state(online=online), retain=True)


def _runs_out(broker: Broker) -> int:
    """Return when our certificate runs out, milliseconds UTC; 0 if there is none to be read."""
    if broker.tls is None:
        return 0
    try:
        found = Certificate.from_pem(Path(broker.tls.certificate).read_bytes())
    except (OSError, Malformed):
        return 0  # opening the line says what is wrong with it
    return round(found.until.timestamp() * 1000)


_SEEN: Final = {
    State.OFFLINE: LineState.DOWN,
    State.GREETING: LineState.GREETING,
    State.SENDING: LineState.UP,
    State.HELD: LineState.HELD,
}
