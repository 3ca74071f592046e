"""Delivery: whatever the network does, central ends equal to the journal.

The network here is two bags of messages from which the machine draws in any order, twice or never.
Central is a model of a few lines: what it has linked, and what waits for the missing piece.
"""

from collections.abc import Sequence
from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sync.edge.delivery import (
    _NEXT,
    Contradicted,
    Delivery,
    Event,
    IllegalEvent,
    Receipted,
    SayHello,
    SendBatch,
    State,
    Step,
    Timing,
)
from sync.edge.pace import Pace
from sync.journal.reader import Life, Span, Stretch
from sync.protocol import chain
from sync.protocol.batch import MAX_SENT_BYTES
from sync.protocol.receipt import Receipt

TIMING = Timing(answer_s=5.0, answer_most_s=60.0, window=3)


class Memory:
    """A backlog in memory."""

    def __init__(self, epoch: str = "e1", number: int = 1) -> None:
        self.life = Life("k1", epoch, number, b"key")
        self.cursor = 0
        self.pruned = 0
        self.destroyed: set[int] = set()
        self._bodies: list[bytes] = []
        self.hashes = [self.life.genesis]

    def add(self, number: int) -> None:
        for _ in range(number):
            body = b"%d of %s" % (len(self._bodies), self.life.epoch.encode())
            self._bodies.append(body)
            self.hashes.append(chain.link(self.hashes[-1], body))

    def span(self, past: int | None = None) -> Span:
        before, last = self.pruned, len(self._bodies)
        if past is not None and past >= before:
            before = past
            while before + 1 in self.destroyed:
                before += 1
        return Span(before + 1, self.hashes[before], last, self.hashes[last])

    def hash_at(self, seq: int) -> bytes | None:
        return self.hashes[seq] if self.pruned <= seq < len(self.hashes) else None

    def stretch(self, first: int, most: int, most_bytes: int) -> Stretch | None:
        bodies = self._bodies[first - 1 : first - 1 + min(most, 4)]  # small, to have many batches
        held = [seq for seq in range(first, first + len(bodies)) if seq not in self.destroyed]
        if not held or held[0] != first or first <= self.pruned:
            return None
        while len(held) > 1 and held[-1] != first + len(held) - 1:
            held.pop()
        last = held[-1]
        return Stretch(
            self.hashes[first - 1],
            bodies[: len(held)],
            self.hashes[last],
            last < len(self._bodies),
        )

    def receipted(self, through: int, utc: int) -> None:
        self.cursor = through

    @property
    def tip(self) -> int:
        return len(self._bodies)

    @property
    def content(self) -> list[bytes]:
        return self._bodies


class Central:
    """What central does with a message, in few words. What nobody has stands as None."""

    def __init__(self) -> None:
        self.linked: dict[str, list[bytes | None]] = {}
        self.heads: dict[str, bytes] = {}
        self.islands: dict[str, list[SendBatch]] = {}

    def hear(self, said: SayHello | SendBatch) -> Receipt:
        epoch = said.life.epoch
        bodies = self.linked.setdefault(epoch, [])
        self.heads.setdefault(epoch, said.life.genesis)
        if isinstance(said, SendBatch):
            self.islands.setdefault(epoch, []).append(said)
        elif said.span.first > len(bodies) + 1:
            bodies += [None] * (said.span.first - 1 - len(bodies))
            self.heads[epoch] = said.span.anchor
        moved = True
        while moved:
            moved = any([self._link(epoch, one) for one in self.islands.get(epoch, [])])
        return Receipt(
            kiosk="k1",
            epoch=epoch,
            through=len(bodies),
            head=self.heads[epoch].hex(),
            nonce=said.nonce,
            utc=0,
            key="",
        )

    def _link(self, epoch: str, batch: SendBatch) -> bool:
        bodies = self.linked[epoch]
        at = len(bodies)
        if not batch.first <= at + 1 <= batch.last:
            return False
        new = batch.bodies[at + 1 - batch.first :]
        bodies += new
        *_, self.heads[epoch] = chain.walk(self.heads[epoch], new)
        assert batch.last != len(bodies) or self.heads[epoch] == batch.head
        return True

    def forget(self, backlog: Memory, through: int) -> None:
        """A backup is restored."""
        epoch = backlog.life.epoch
        if epoch in self.linked:
            del self.linked[epoch][through:]
            self.heads[epoch] = backlog.hashes[through]
            self.islands[epoch] = []

    def agrees(self, backlog: Memory) -> bool:
        """Return whether it holds what the journal does, as far as it holds anything.

        It may lack nothing but what was destroyed or let go of.
        """
        linked = self.linked.get(backlog.life.epoch, [])
        gone = backlog.destroyed | set(range(1, backlog.pruned + 1))
        return all(
            mine == true or (mine is None and seq in gone)
            for seq, (mine, true) in enumerate(zip(linked, backlog.content, strict=False), 1)
        )


class Line(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        nonces = count()
        self.old, self.live = Memory("e0", 1), Memory("e1", 2)
        self.old.add(7)
        self.central = Central()
        self.delivery = Delivery([self.old, self.live], lambda: str(next(nonces)), TIMING)
        self.now = 0.0
        self.up: list[SayHello | SendBatch] = []
        self.down: list[Receipt] = []
        self.restored = False

    def do(self, steps: Sequence[Step]) -> None:
        for step in steps:
            assert not isinstance(step, Contradicted)
            if isinstance(step, SayHello | SendBatch):
                self.up.append(step)

    @rule(number=st.integers(1, 9))
    def punches(self, number: int) -> None:
        self.live.add(number)
        self.do(self.delivery.grew(self.now))

    @precondition(lambda self: self.delivery.state is State.OFFLINE)
    @rule()
    def connects(self) -> None:
        self.do(self.delivery.connected(self.now))

    @precondition(lambda self: self.delivery.state is not State.OFFLINE)
    @rule()
    def disconnects(self) -> None:
        self.delivery.disconnected()

    @precondition(lambda self: self.delivery.state is not State.OFFLINE)
    @rule(after=st.floats(0, 10))
    def central_asks(self, after: float) -> None:
        self.do(self.delivery.asked(self.now, after))

    @rule()
    def the_broker_refuses(self) -> None:
        self.do(self.delivery.refused(self.now))

    @rule(seconds=st.floats(0.1, 30))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.do(self.delivery.tick(self.now))

    @precondition(lambda self: self.up)
    @rule(data=st.data(), again=st.booleans())
    def central_hears(self, data: st.DataObject, again: bool) -> None:
        at = data.draw(st.integers(0, len(self.up) - 1))
        said = self.up[at] if again else self.up.pop(at)
        self.down.append(self.central.hear(said))

    @precondition(lambda self: self.down)
    @rule(data=st.data(), again=st.booleans())
    def the_kiosk_hears(self, data: st.DataObject, again: bool) -> None:
        at = data.draw(st.integers(0, len(self.down) - 1))
        said = self.down[at] if again else self.down.pop(at)
        self.do(self.delivery.received(said, self.now))

    @precondition(lambda self: self.up or self.down)
    @rule(data=st.data())
    def a_message_is_lost(self, data: st.DataObject) -> None:
        bag = data.draw(st.sampled_from([bag for bag in (self.up, self.down) if bag]))
        bag.pop(data.draw(st.integers(0, len(bag) - 1)))

    @rule(data=st.data())
    def central_is_restored_from_a_backup(self, data: st.DataObject) -> None:
        backlog = data.draw(st.sampled_from([self.old, self.live]))
        held = len(self.central.linked.get(backlog.life.epoch, []))
        self.central.forget(backlog, data.draw(st.integers(0, held)))
        self.restored = True

    @rule(data=st.data())
    def bodies_are_destroyed(self, data: st.DataObject) -> None:
        backlog = data.draw(st.sampled_from([self.old, self.live]))
        backlog.destroyed |= data.draw(st.sets(st.integers(1, max(1, backlog.cursor)), max_size=3))
        backlog.destroyed &= set(range(1, backlog.cursor + 1))

    @rule(data=st.data())
    def entries_are_let_go_of(self, data: st.DataObject) -> None:
        backlog = data.draw(st.sampled_from([self.old, self.live]))
        through = data.draw(st.integers(0, backlog.cursor))
        backlog.pruned = max(backlog.pruned, through)

    @invariant()
    def a_receipt_is_never_ahead_of_central(self) -> None:
        if not self.restored:
            for one in (self.old, self.live):
                assert one.cursor <= len(self.central.linked.get(one.life.epoch, []))

    @invariant()
    def what_central_has_is_what_the_journal_has(self) -> None:
        for one in (self.old, self.live):
            assert len(self.central.linked.get(one.life.epoch, [])) <= len(one.content)
            assert self.central.agrees(one)

    @invariant()
    def no_more_is_under_way_than_allowed(self) -> None:
        assert len(self.delivery._in_flight) <= TIMING.window

    def teardown(self) -> None:
        """The network heals; what was said before may still arrive, late, before all else."""
        if self.delivery.state is State.OFFLINE:
            self.do(self.delivery.connected(self.now))
        # A restored central asks everybody to say hello.
        self.do(self.delivery.asked(self.now, 0.0))
        for _ in range(2000):
            self.now += 1.0
            self.do(self.delivery.tick(self.now))
            for said in self.up:
                self.down.append(self.central.hear(said))
            self.up.clear()
            for heard in self.down:
                self.do(self.delivery.received(heard, self.now))
            self.down.clear()
            if all(
                len(self.central.linked.get(one.life.epoch, [])) == len(one.content)
                and one.cursor == len(one.content)
                for one in (self.old, self.live)
            ):
                assert all(map(self.central.agrees, (self.old, self.live)))
                return
        raise AssertionError("central never became equal to the journal")


TestLine = Line.TestCase
TestLine.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)


def opened(*backlogs: Memory) -> tuple[Delivery, Central, list[Step]]:
    nonces = count()
    delivery = Delivery(list(backlogs), lambda: str(next(nonces)), TIMING)
    return delivery, Central(), delivery.connected(0.0)


def greeted(*backlogs: Memory) -> tuple[Delivery, Central, list[Step]]:
    delivery, central, [hello] = opened(*backlogs)
    assert isinstance(hello, SayHello)
    return delivery, central, delivery.received(central.hear(hello), 0.1)


def test_nothing_but_hello_is_said_before_it_is_answered() -> None:
    backlog = Memory()
    backlog.add(3)
    delivery, _, steps = opened(backlog)
    assert [type(step) for step in steps] == [SayHello]
    assert delivery.grew(1.0) == []
    assert delivery.tick(4.9) == []
    assert [type(step) for step in delivery.tick(5.0)] == [SayHello]
    # Unanswered, it is said ever more rarely: the next one after 10 s, then 20, at most 60.
    assert delivery.deadline == 15.0


def test_a_single_punch_goes_at_once_and_a_burst_is_gathered() -> None:
    backlog = Memory()
    delivery, central, _ = greeted(backlog)
    backlog.add(1)
    [one] = delivery.grew(1.0)
    assert isinstance(one, SendBatch)
    backlog.add(1)
    assert delivery.grew(1.1) == []  # waits for the receipt, or for a full batch
    [moved, rest] = delivery.received(central.hear(one), 1.2)
    assert moved == Receipted(backlog.life, 1)
    assert isinstance(rest, SendBatch)
    assert (rest.first, rest.last) == (2, 2)


def test_a_missing_receipt_leads_back_to_hello_and_resends() -> None:
    backlog = Memory()
    backlog.add(2)
    delivery, central, [lost] = greeted(backlog)
    assert isinstance(lost, SendBatch)
    [hello] = delivery.tick(6.0)
    assert isinstance(hello, SayHello)
    assert delivery.received(central.hear(lost), 6.1) == []  # a receipt from before the hello
    assert backlog.cursor == 0
    [moved] = delivery.received(central.hear(hello), 6.2)
    assert moved == Receipted(backlog.life, 2)


@pytest.mark.parametrize("arrived", [True, False])
def test_an_overdue_receipt_shrinks_batches_only_where_nothing_arrived(arrived: bool) -> None:
    """A central that is busy is not helped by smaller batches."""
    backlog, pace, central = Memory(), Pace(), Central()
    backlog.add(2)
    nonces = count()
    delivery = Delivery([backlog], lambda: f"n{next(nonces)}", TIMING, pace)
    [hello] = delivery.connected(0.0)
    assert isinstance(hello, SayHello)
    [batch] = delivery.received(central.hear(hello), 0.1)
    assert isinstance(batch, SendBatch)
    if arrived:
        central.hear(batch)  # and its receipt is late
    [hello] = delivery.tick(6.0)
    assert isinstance(hello, SayHello)
    delivery.received(central.hear(hello), 9.0)
    whole = pace.most_bytes(MAX_SENT_BYTES) == MAX_SENT_BYTES
    assert whole is arrived


def test_a_line_that_ends_over_an_overdue_batch_did_not_carry_it() -> None:
    backlog, pace, central = Memory(), Pace(), Central()
    backlog.add(2)
    delivery = Delivery([backlog], lambda: "n", TIMING, pace)
    [hello] = delivery.connected(0.0)
    assert isinstance(hello, SayHello)
    delivery.received(central.hear(hello), 0.1)
    delivery.tick(6.0)
    delivery.disconnected()
    assert pace.most_bytes(MAX_SENT_BYTES) == MAX_SENT_BYTES // 2
    delivery.connected(7.0)
    delivery.disconnected()
    assert pace.most_bytes(MAX_SENT_BYTES) == MAX_SENT_BYTES // 2  # said once


def test_only_the_answer_to_a_hello_moves_the_cursor_back() -> None:
    backlog = Memory()
    backlog.add(4)
    delivery, central, [batch] = greeted(backlog)
    assert isinstance(batch, SendBatch)
    early = central.hear(SayHello(backlog.life, backlog.span(), batch.nonce))
    delivery.received(central.hear(batch), 1.0)
    assert backlog.cursor == 4
    assert early.through == 0
    assert delivery.received(early, 1.1) == []
    assert backlog.cursor == 4
    central.forget(backlog, 1)
    delivery.asked(2.0, 0.0)
    [hello] = delivery.tick(2.0)
    assert isinstance(hello, SayHello)
    [moved, again] = delivery.received(central.hear(hello), 2.1)
    assert moved == Receipted(backlog.life, 1)
    assert isinstance(again, SendBatch)
    assert again.first == 2


def test_a_cursor_that_something_else_moved_back_leads_to_a_hello() -> None:
    """A stick's answer may. Found by a history: what had been sent was never spoken of again."""
    backlog = Memory()
    backlog.add(4)
    delivery, central, [batch] = greeted(backlog)
    assert isinstance(batch, SendBatch)
    delivery.received(central.hear(batch), 1.0)
    backlog.receipted(1, 0)
    [hello] = delivery.grew(2.0, unsure=True)
    assert isinstance(hello, SayHello)
    [moved] = delivery.received(central.hear(hello), 2.1)
    assert (moved, backlog.cursor) == (Receipted(backlog.life, 4), 4)


@pytest.mark.parametrize(("through", "head"), [(2, "11" * 32), (9, "11" * 32)])
def test_another_history_never_moves_the_cursor(through: int, head: str) -> None:
    old, live = Memory("e0", 1), Memory("e1", 2)
    old.add(4)
    delivery, _, [hello] = opened(old, live)
    assert isinstance(hello, SayHello)
    told = Receipt(
        kiosk="k1", epoch="e0", through=through, head=head, nonce=hello.nonce, utc=0, key=""
    )
    [contradicted, next_hello] = delivery.received(told, 1.0)
    assert contradicted == Contradicted(old.life, told)
    assert old.cursor == 0
    assert isinstance(next_hello, SayHello)
    assert next_hello.life == live.life
    # The live epoch itself: nothing is left to say, a person must look.
    told = Receipt(
        kiosk="k1", epoch="e1", through=1, head=head, nonce=next_hello.nonce, utc=0, key=""
    )
    assert delivery.received(told, 2.0) == [Contradicted(live.life, told)]
    assert delivery.state is State.HELD


def test_receipts_for_others_or_out_of_nowhere_are_ignored() -> None:
    backlog = Memory()
    backlog.add(3)
    delivery, central, [batch] = greeted(backlog)
    assert isinstance(batch, SendBatch)
    good = central.hear(batch)
    for changed in ({"epoch": "e9"}, {"nonce": ""}, {"nonce": "99"}):
        fields = {name: getattr(good, name) for name in good.__struct_fields__}
        assert delivery.received(Receipt(**(fields | changed)), 1.0) == []
    assert backlog.cursor == 0


def test_pruned_entries_are_not_taken_for_a_fork() -> None:
    backlog = Memory()
    backlog.add(9)
    delivery, central, [hello] = opened(backlog)
    assert isinstance(hello, SayHello)
    assert hello.span.first == 1
    backlog.pruned = 5  # by retention, while the answer is on its way
    nothing = Receipt(
        kiosk="k1",
        epoch="e1",
        through=0,
        head=backlog.life.genesis.hex(),
        nonce=hello.nonce,
        utc=0,
        key="",
    )
    assert delivery.received(nothing, 1.0) == []  # the next hello says that nobody has 1 to 5
    assert delivery.state is State.GREETING
    [hello] = delivery.tick(60.0)
    assert isinstance(hello, SayHello)
    assert hello.span.first == 6
    [moved, batch] = delivery.received(central.hear(hello), 60.1)
    assert moved == Receipted(backlog.life, 5)
    assert isinstance(batch, SendBatch)
    assert batch.first == 6


def test_a_central_that_does_not_go_on_from_our_first_entry_holds_another_history() -> None:
    old, live = Memory("e0", 1), Memory("e1", 2)
    old.add(9)
    old.pruned = 5
    delivery, _, [hello] = opened(old, live)
    assert isinstance(hello, SayHello)
    told = Receipt(
        kiosk="k1", epoch="e0", through=2, head="11" * 32, nonce=hello.nonce, utc=0, key=""
    )
    [contradicted, onward] = delivery.received(told, 1.0)
    assert contradicted == Contradicted(old.life, told)
    assert isinstance(onward, SayHello)
    assert onward.life == live.life


@pytest.mark.parametrize(
    ("destroyed", "hellos"),
    [({3}, [4]), ({1}, [2]), ({1, 2}, [3]), ({2, 5, 6}, [3, 7]), ({9}, [10])],
)
def test_a_destroyed_body_is_passed_over_by_a_hello_that_begins_behind_it(
    destroyed: set[int], hellos: list[int]
) -> None:
    backlog = Memory()
    backlog.add(9)
    backlog.destroyed = destroyed  # central had them, and was then restored from an empty backup
    delivery, central, steps = opened(backlog)
    said = []
    while steps:
        step = steps.pop(0)
        if isinstance(step, SayHello):
            said.append(step.span.first)
        if isinstance(step, SayHello | SendBatch):
            steps += delivery.received(central.hear(step), 1.0)
    assert said == [1, *hellos]
    assert backlog.cursor == 9
    assert [seq for seq, body in enumerate(central.linked["e1"], 1) if body is None] == sorted(
        destroyed
    )


def test_a_central_that_does_not_go_on_from_there_is_asked_again_only_after_a_while() -> None:
    backlog = Memory()
    backlog.add(3)
    backlog.destroyed = {2}
    delivery, central, [first] = greeted(backlog)
    assert isinstance(first, SendBatch)
    [_, hello] = delivery.received(central.hear(first), 1.0)
    assert isinstance(hello, SayHello)
    stubborn = Receipt(
        kiosk="k1",
        epoch="e1",
        through=1,
        head=first.head.hex(),
        nonce=hello.nonce,
        utc=0,
        key="",
    )
    assert delivery.received(stubborn, 2.0) == []
    assert delivery.state is State.GREETING
    assert delivery.tick(61.9) == []
    [hello] = delivery.tick(62.0)
    assert isinstance(hello, SayHello)
    assert hello.span.first == 1


def test_every_event_in_every_state_is_legal_or_a_named_error() -> None:
    for state in State:
        for event in Event:
            delivery, _, _ = opened(Memory())
            delivery.state = state
            if (state, event) in _NEXT:
                delivery._on(event)
                assert delivery.state is _NEXT[state, event]
            else:
                with pytest.raises(IllegalEvent, match=event.name):
                    delivery._on(event)
