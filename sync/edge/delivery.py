"""What to say to central next: the delivery as a state machine without I/O, clock or thread.

Theory. Every connection begins with a hello, epoch by epoch, oldest first. Its answer is a receipt
that carries the hello's nonce: from there on, and only from there, batches are sent, each under
that nonce, and only receipts with that nonce count. So nothing that was said before a hello can
move the cursor after it, whatever the network delays, doubles or swaps; and the one receipt that
may move the cursor *back* (central was restored from a backup) is the hello's own answer, because
it is the first with its nonce. When a receipt does not come in time, nothing more is sent but
hello, more and more rarely, until it is answered.

    state      what happens             next       what is said
    OFFLINE    connected                GREETING   hello for the oldest epoch
    GREETING   answered                 SENDING    batches after the receipt's place
    GREETING   overdue                  GREETING   hello again, waiting twice as long
    GREETING   refused                  GREETING   nothing until overdue: central is away
    SENDING    answered                 SENDING    more batches
    SENDING    overdue                  GREETING   hello
    SENDING    refused                  GREETING   nothing until overdue
    SENDING    drained                  GREETING   hello for the next epoch, if there is one
    SENDING    interrupted              GREETING   hello that begins behind a destroyed body
    SENDING    set back                 GREETING   hello: a stick's answer moved the cursor
    GREETING, SENDING   contradicted    GREETING   hello for the next epoch, if there is one,
                                        HELD       else nothing: a person must look
    not OFFLINE  asked                  GREETING   hello for the oldest epoch, after some jitter
    any        disconnected             OFFLINE    nothing
"""

from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Final, NamedTuple, Protocol

from msgspec import Struct

from sync.edge.pace import Pace
from sync.journal.reader import Life, Span, Stretch
from sync.protocol.batch import MAX_ENTRIES, MAX_SENT_BYTES, read_hash
from sync.protocol.receipt import Receipt

GATHERED: Final = MAX_ENTRIES // 2
"""So many entries are gathered while a batch is under way: that costs a single punch nothing."""


class State(Enum):
    """Where the delivery stands."""

    OFFLINE = auto()
    GREETING = auto()
    SENDING = auto()
    HELD = auto()


class Event(Enum):
    """What may happen to it."""

    CONNECTED = auto()
    DISCONNECTED = auto()
    ANSWERED = auto()
    OVERDUE = auto()
    REFUSED = auto()
    DRAINED = auto()
    INTERRUPTED = auto()
    SET_BACK = auto()
    ASKED = auto()
    CONTRADICTED = auto()
    STRANDED = auto()


_NEXT: Final[dict[tuple[State, Event], State]] = {
    (State.OFFLINE, Event.CONNECTED): State.GREETING,
    (State.GREETING, Event.ANSWERED): State.SENDING,
    (State.GREETING, Event.OVERDUE): State.GREETING,
    (State.GREETING, Event.REFUSED): State.GREETING,
    (State.SENDING, Event.ANSWERED): State.SENDING,
    (State.SENDING, Event.OVERDUE): State.GREETING,
    (State.SENDING, Event.REFUSED): State.GREETING,
    (State.SENDING, Event.DRAINED): State.GREETING,
    (State.SENDING, Event.INTERRUPTED): State.GREETING,
    (State.SENDING, Event.SET_BACK): State.GREETING,
    (State.GREETING, Event.CONTRADICTED): State.GREETING,
    (State.SENDING, Event.CONTRADICTED): State.GREETING,
    (State.GREETING, Event.STRANDED): State.HELD,
    (State.SENDING, Event.STRANDED): State.HELD,
    (State.GREETING, Event.ASKED): State.GREETING,
    (State.SENDING, Event.ASKED): State.GREETING,
    (State.HELD, Event.ASKED): State.GREETING,
    (State.OFFLINE, Event.DISCONNECTED): State.OFFLINE,
    (State.GREETING, Event.DISCONNECTED): State.OFFLINE,
    (State.SENDING, Event.DISCONNECTED): State.OFFLINE,
    (State.HELD, Event.DISCONNECTED): State.OFFLINE,
}


class IllegalEvent(Exception):
    """The caller reported something that cannot happen in this state: a mistake of ours."""


class Timing(Struct, frozen=True, kw_only=True):
    """How patient a delivery is, seconds, and how much it sends ahead.

    Attributes:
        answer_s: how long the first hello and every batch may stay unanswered.
        answer_most_s: to which the wait for a hello's answer doubles.
        window: most batches in flight; while central commits half of them, the others travel.
    """

    answer_s: float = 5.0
    answer_most_s: float = 60.0
    window: int = 8


class Backlog(Protocol):
    """One epoch, as far as the delivery looks at it. `Journal` is one."""

    @property
    def life(self) -> Life: ...
    @property
    def cursor(self) -> int: ...
    @property
    def tip(self) -> int: ...
    def span(self, past: int | None = None) -> Span: ...
    def hash_at(self, seq: int) -> bytes | None: ...
    def stretch(self, first: int, most: int, most_bytes: int) -> Stretch | None: ...
    def receipted(self, through: int, utc: int) -> None: ...


class SayHello(Struct, frozen=True):
    """Say hello for the epoch of `life`, which holds `span`."""

    life: Life
    span: Span
    nonce: str


class SendBatch(Struct, frozen=True):
    """Send entries `first` to `last`; `prev` and `head` are the hashes around them."""

    life: Life
    first: int
    last: int
    prev: bytes
    head: bytes
    bodies: Sequence[bytes]
    nonce: str


class Receipted(Struct, frozen=True):
    """The cursor moved: `life`'s entries up to `through` are in central's database."""

    life: Life
    through: int


class Contradicted(Struct, frozen=True):
    """Central holds another history of this epoch, more of it than we do, or gave up what we hold.

    A copied or restored card. The epoch must be closed and a new one begun.
    """

    life: Life
    receipt: Receipt


class _Sent(NamedTuple):
    """A batch in flight: its end, and from when on its receipt is overdue."""

    last: int
    head: bytes
    overdue: float


class GivenUp(Struct, frozen=True):
    """Central lacks these ranges (first, last) of `life`, which we no longer hold either."""

    life: Life
    lost: Sequence[tuple[int, int]]


Step = SayHello | SendBatch | Receipted | Contradicted | GivenUp


class Delivery:
    """Drains epochs to central. Each method takes what happened and returns what to do.

    `now` is monotonic seconds. `deadline` is when `tick` wants to be called next.
    """

    def __init__(
        self,
        backlogs: Sequence[Backlog],
        fresh_nonce: Callable[[], str],
        timing: Timing = Timing(),  # noqa: B008 - frozen
        pace: Pace | None = None,
    ) -> None:
        """`pace` is what earlier connections have shown of the line."""
        self._backlogs = backlogs
        self._pace = pace or Pace()
        self._fresh_nonce = fresh_nonce
        self._timing = timing
        self._at = 0
        self._room_bytes = MAX_SENT_BYTES
        self._nonce = ""
        self._next = 1
        self._in_flight: deque[_Sent] = deque()
        self._hello_due: float | None = None
        self._patience = timing.answer_s
        self._overdue = 0  # the end of the first batch whose receipt did not come in time
        self._passed = 0  # the entry that the last hello passed over
        self._told_first = 1  # what the last hello called the first entry held
        self.state = State.OFFLINE

    @property
    def _backlog(self) -> Backlog:
        return self._backlogs[self._at]

    @property
    def deadline(self) -> float | None:
        """Return when something becomes overdue; None while nothing is awaited."""
        if self.state is State.GREETING:
            return self._hello_due
        if self.state is State.SENDING and self._in_flight:
            return self._in_flight[0].overdue
        return None

    def _on(self, event: Event) -> None:
        try:
            self.state = _NEXT[self.state, event]
        except KeyError:
            raise IllegalEvent(f"{event.name} in {self.state.name}") from None

    def connected(self, now: float, room_bytes: int = MAX_SENT_BYTES) -> list[Step]:
        """The line is up; a batch on it may have up to `room_bytes` bytes of entries."""
        self._on(Event.CONNECTED)
        self._room_bytes = room_bytes
        self._at = 0
        self._patience = self._timing.answer_s
        return [self._hello(now)]

    def disconnected(self) -> None:
        """The line is down; what was in flight counts as never sent."""
        self._on(Event.DISCONNECTED)
        self._judge_overdue(through=0)
        self._none_came_back()
        self._nonce = ""

    def asked(self, now: float, after_s: float) -> list[Step]:
        """Central asks for a hello: say it in `after_s` seconds, not all kiosks at once."""
        self._on(Event.ASKED)
        self._at = self._overdue = 0
        self._patience = self._timing.answer_s
        self._wait_to_greet(now + after_s)
        return []

    def refused(self, now: float) -> list[Step]:
        """The broker refused what was sent, or nobody there listens."""
        if self.state in (State.OFFLINE, State.HELD):
            return []
        self._on(Event.REFUSED)
        self._none_came_back()
        if self._nonce:
            self._wait_to_greet(now + self._patience)
            self._patience = min(self._patience * 2, self._timing.answer_most_s)
        return []

    def tick(self, now: float) -> list[Step]:
        """Time has passed."""
        if self.deadline is None or now < self.deadline:
            return []
        self._on(Event.OVERDUE)
        if self._in_flight:
            # Too much for the line, or is central busy? The next hello's answer tells.
            self._overdue = self._in_flight[0].last
            self._in_flight.clear()
        return [self._hello(now)]

    def _judge_overdue(self, through: int) -> None:
        """Say whether the line carried the batch that was overdue: central has up to `through`."""
        if self._overdue:
            carried = self._overdue <= through
            (self._pace.carried if carried else self._pace.broke)()
            self._overdue = 0

    def _none_came_back(self) -> None:
        """What is under way counts as never sent; if there is any, it was too much."""
        if self._in_flight:
            self._pace.broke()
            self._in_flight.clear()

    def grew(self, now: float, *, unsure: bool = False) -> list[Step]:
        """The live epoch has more entries; `unsure` if only a look will tell: another process's."""
        return self._send(now, unsure) if self.state is State.SENDING else []

    def received(self, receipt: Receipt, now: float) -> list[Step]:
        """A receipt arrived whose signature is central's."""
        if self.state not in (State.GREETING, State.SENDING):
            return []
        backlog = self._backlog
        if receipt.nonce != self._nonce or not self._nonce or receipt.epoch != backlog.life.epoch:
            return []
        greeting = self.state is State.GREETING
        if greeting and self._told_first - 1 <= receipt.through < backlog.span().first - 1:
            return []  # retention has let go of more since our hello; the next one says so
        if not greeting and receipt.through <= backlog.cursor:
            return []  # overtaken by a later one
        # One that ends before what we told to be our first says that central will not go on from
        # there: what it holds leads to another history, and we agree with none of it.
        if not self._agrees(receipt) or any(self._holds(one) for one in receipt.lost):
            return [Contradicted(backlog.life, receipt), *self._next_epoch(Event.CONTRADICTED, now)]
        steps: list[Step] = []
        if greeting:
            self._judge_overdue(receipt.through)
            self._next = receipt.through + 1
            self._patience = self._timing.answer_s
        self._on(Event.ANSWERED)
        if receipt.lost:
            steps.append(GivenUp(backlog.life, receipt.lost))
        moved = receipt.through != backlog.cursor
        # A receipt that moves nothing still tells the time.
        backlog.receipted(receipt.through, receipt.utc)
        if moved:
            steps.append(Receipted(backlog.life, receipt.through))
        while self._in_flight and self._in_flight[0].last <= receipt.through:
            self._in_flight.popleft()
            self._pace.carried()
        self._next = max(self._next, receipt.through + 1)
        return steps + self._send(now)

    def _agrees(self, receipt: Receipt) -> bool:
        """Return whether the receipt speaks of the history that we hold."""
        ours = next((one.head for one in self._in_flight if one.last == receipt.through), None)
        if ours is None:
            ours = self._backlog.hash_at(receipt.through)
        return ours == read_hash(receipt.head)

    def _holds(self, lost: tuple[int, int]) -> bool:
        """Return whether we hold some of a range that central gave up, on a copy's word then."""
        first, last = lost
        held = self._backlog.span()
        if last < held.first:
            return False
        return self._backlog.span(max(first, held.first) - 1).first <= last

    def _send(self, now: float, unsure: bool = False) -> list[Step]:
        """Return what the window allows; in SENDING."""
        backlog = self._backlog
        if not self._in_flight and backlog.cursor < self._next - 1:
            self._on(Event.SET_BACK)
            return [self._hello(now)]
        waiting = backlog.tip - self._next + 1
        last_epoch = self._at + 1 == len(self._backlogs)
        if self._in_flight:
            if waiting < GATHERED:
                return []
        elif waiting <= 0 and last_epoch and not unsure:
            return []  # a look into the file costs more than everything else here
        steps: list[Step] = []
        window, most_bytes = (
            self._pace.window(self._timing.window),
            self._pace.most_bytes(self._room_bytes),
        )
        while len(self._in_flight) < window:
            found = backlog.stretch(self._next, MAX_ENTRIES, most_bytes)
            if found is None or (self._in_flight and not found.more):
                break  # while something is under way, a part of a batch waits for the rest of it
            first, last = self._next, self._next + len(found.bodies) - 1
            steps.append(
                SendBatch(
                    backlog.life, first, last, found.prev, found.head, found.bodies, self._nonce
                )
            )
            self._in_flight.append(_Sent(last, found.head, now + self._timing.answer_s))
            self._next = last + 1
        if steps or self._in_flight:
            return steps
        if self._next <= backlog.span().last:
            return self._pass_over(now)
        return [] if last_epoch else self._next_epoch(Event.DRAINED, now)

    def _pass_over(self, now: float) -> list[Step]:
        """Say from where on entries are held again: the next ones were destroyed or pruned."""
        self._on(Event.INTERRUPTED)
        if self._passed == self._next:  # it was said, and central did not go on from there
            self._wait_to_greet(now + self._timing.answer_most_s)
            self._passed = 0
            return []
        self._passed = self._next
        return [self._hello(now, past=self._next - 1)]

    def _next_epoch(self, why: Event, now: float) -> list[Step]:
        if self._at + 1 == len(self._backlogs):
            self._on(Event.STRANDED)
            self._nonce = ""
            self._in_flight.clear()
            return []
        self._on(why)
        self._at += 1
        self._overdue = 0
        return [self._hello(now)]

    def _hello(self, now: float, past: int | None = None) -> SayHello:
        """Return a hello under a fresh nonce: whatever was in flight no longer counts.

        `past` is as for `Backlog.span`.
        """
        self._nonce = self._fresh_nonce()
        self._in_flight.clear()
        self._hello_due = now + self._patience
        self._patience = min(self._patience * 2, self._timing.answer_most_s)
        span = self._backlog.span(past)
        self._told_first = span.first
        return SayHello(self._backlog.life, span, self._nonce)

    def _wait_to_greet(self, due: float) -> None:
        """Say nothing until `due`, then hello."""
        self._nonce = ""
        self._in_flight.clear()
        self._hello_due = due
