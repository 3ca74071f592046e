"""The conversation without a line: what it signs, whom it believes, what it learns of the time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync.edge.delivery import State, Timing
from sync.edge.session import Say, Self, Session, StartAnew, TimeTold
from sync.journal.epochs import Epochs
from sync.journal.errors import StorageFull
from sync.journal.journal import Draft, Journal
from sync.journal.schema import Closed
from sync.protocol import batch, command, entry, hello, receipt, rostering, topics
from sync.protocol.errors import Malformed, ProtocolError, Unverified
from sync.protocol.identity import PrivateKey

AT = entry.Stamp(wall=1, up=2, boot="b", synced=False)
KIOSK, CENTRAL, STRANGER = (PrivateKey.generate() for _ in range(3))
DOWN = topics.down("k1", topics.Down.RECEIPT)


@pytest.fixture
def epochs(tmp_path: Path) -> Iterator[Epochs]:
    """Return a kiosk's journal with three entries."""
    made = Epochs(tmp_path / "journal", "k1", KIOSK.public.der)
    made.open()
    made.take_over(lambda: AT)
    audit = entry.Audit(at=AT, actor="kiosk", action="x")
    made.live.append([Draft(entry.encode(audit))] * 3)
    yield made
    made.close()


def conversation(epochs: Epochs, keeper: Any = None) -> Session:
    """Return a conversation that has not begun; its nonces are a, b, and so on."""
    nonces = iter("abcdefgh")
    me = Self("k1", KIOSK, [CENTRAL.public], "test")
    return Session(
        me,
        epochs.journals,
        lambda: AT,
        fresh_nonce=lambda: next(nonces),
        jitter_s=lambda: 3.0,
        timing=Timing(),
        keeper=keeper,
    )


@pytest.fixture
def session(epochs: Epochs) -> Session:
    """Return a conversation that has not begun."""
    return conversation(epochs)


def answer(
    session: Session,
    epochs: Epochs,
    through: int,
    now: float = 1.0,
    key: PrivateKey = CENTRAL,
    **other: str | list[tuple[int, int]],
) -> list[object]:
    """Let central answer the hello with nonce `a`."""
    life = epochs.live.life
    head = epochs.live.hash_at(through) or b"\0" * 32
    told = {"kiosk": "k1", "nonce": "a", "head": head.hex(), **other}
    said = receipt.Receipt(
        epoch=life.epoch,
        through=through,
        utc=1_000_000,
        key=key.public.fingerprint,
        **told,  # type: ignore[arg-type]
    )
    return list(session.heard(DOWN, receipt.encode(said, key), now))


def test_hello_then_a_signed_batch(session: Session, epochs: Epochs) -> None:
    [said] = session.connected(0.0)
    assert isinstance(said, Say)
    assert said.topic == topics.up("k1", topics.Up.HELLO)
    greeting, signed = hello.decode(said.payload)
    signed.verify(KIOSK.public)
    assert (greeting.first, greeting.last, greeting.nonce, greeting.born) == (1, 3, "a", "")
    [_, said] = answer(session, epochs, 0)
    assert isinstance(said, Say)
    assert said.topic == topics.up("k1", topics.Up.BATCH)
    whole = batch.decode(batch.unpack(said.payload, said.encoding))
    whole.signed.verify(KIOSK.public)
    assert (whole.header.first, whole.header.last, whole.header.nonce) == (1, 3, "a")
    assert session.receipt_utc == 1_000_000


@pytest.mark.parametrize(
    ("key", "other", "why"),
    [
        (STRANGER, {}, Unverified),
        (CENTRAL, {"kiosk": "k2"}, Unverified),
        (CENTRAL, {"head": "zz"}, Malformed),
    ],
)
def test_what_is_not_centrals_word_to_us_changes_nothing(
    session: Session,
    epochs: Epochs,
    key: PrivateKey,
    other: dict[str, str],
    why: type[ProtocolError],
) -> None:
    session.connected(0.0)
    with pytest.raises(why):
        answer(session, epochs, 3, key=key, **other)
    assert epochs.live.cursor == 0
    assert session.state is State.GREETING
    # And the true answer still counts, its time too.
    assert len(answer(session, epochs, 3, key=CENTRAL)) == 2
    assert epochs.live.cursor == 3


def test_only_the_hellos_answer_tells_the_time_and_bounds_it(
    session: Session, epochs: Epochs
) -> None:
    session.connected(10.0)
    first = answer(session, epochs, 0, now=10.5)
    assert first[0] == TimeTold(1_000_250, 251, now=10.5)
    again = answer(session, epochs, 3, now=20.0)
    assert not any(isinstance(one, TimeTold) for one in again)


def test_an_older_hellos_answer_tells_no_time(session: Session, epochs: Epochs) -> None:
    session.connected(0.0)
    assert len(session.tick(60.0)) == 1  # hello again, under another nonce
    assert answer(session, epochs, 0, now=60.1) == []


def test_a_fork_closes_the_epoch_and_asks_for_a_start(session: Session, epochs: Epochs) -> None:
    session.connected(0.0)
    [_, asked] = answer(session, epochs, 2, head="00" * 32)
    assert isinstance(asked, StartAnew)
    assert "copied or restored" in asked.reason
    assert epochs.live.cursor == 0


def test_what_central_lost_is_relearned_once(session: Session, epochs: Epochs) -> None:
    said = entry.Presence(
        at=AT,
        source="lobi",
        terminal="T1",
        credential="terminal_user",
        user="7",
        time="2026-11-24T07:28:41",
        zone="Asia/Jakarta",
        mark=entry.Mark.KNOWN,
    )
    live = epochs.live
    live.append([Draft(entry.encode(said), said.origin)])
    live.receipted(4, 1)
    assert live.prune(4) == 4
    assert live.records(said.origin)
    session.connected(0.0)
    acts = answer(session, epochs, 4, lost=[(1, 4)])
    assert [type(one) for one in acts] == [TimeTold, StartAnew]
    assert not live.records(said.origin)
    assert live.has_relearned(live.life.epoch, "1 to 4")
    again = conversation(epochs)
    again.connected(0.0)
    assert [type(one) for one in answer(again, epochs, 4, lost=[(1, 4)])] == [TimeTold]


def test_a_loss_of_what_we_hold_is_a_copys_word(session: Session, epochs: Epochs) -> None:
    session.connected(0.0)
    [_, asked] = answer(session, epochs, 3, lost=[(2, 3)])
    assert isinstance(asked, StartAnew)
    assert "gave up" in asked.reason
    assert epochs.live.reader.closed() is Closed.ENDED


def test_central_asks_for_a_hello(session: Session) -> None:
    session.connected(0.0)
    asked = command.Command(kiosk="k1", central="c", verb="hello", key=CENTRAL.public.fingerprint)
    topic = topics.down("k1", topics.Down.COMMAND)
    assert session.heard(topic, command.encode(asked, CENTRAL), 1.0) == []
    assert session.deadline == 4.0
    assert session.tick(3.9) == []
    assert len(session.tick(4.0)) == 1


def test_batches_are_as_small_as_the_line_wants_them(session: Session, epochs: Epochs) -> None:
    long = entry.Audit(at=AT, actor="kiosk", action="x" * 7000)
    epochs.live.append([Draft(entry.encode(long))] * 12)
    session.connected(0.0, room_bytes=16 * 1024 - 512)
    # Eight in flight: one long entry each, after the three short ones.
    assert sent(answer(session, epochs, 0)) == list(range(4, 12))


def test_whether_central_ignores_us_is_known(session: Session, epochs: Epochs) -> None:
    session.connected(0.0)
    assert session.tick(4.9) == []
    assert not session.ignored
    assert len(session.tick(5.1)) == 1
    assert session.ignored
    answer(session, epochs, 0, now=6.0)  # to the hello before this one: it does not count
    assert session.ignored
    answer(session, epochs, 0, now=6.0, nonce="b")
    assert not session.ignored
    asked = command.Command(kiosk="k1", central="c", verb="hello", key=CENTRAL.public.fingerprint)
    topic = topics.down("k1", topics.Down.COMMAND)
    session.heard(topic, command.encode(asked, CENTRAL), 7.0)
    assert len(session.tick(10.1)) == 1  # said because central asked, not because it was silent
    assert not session.ignored


def test_what_was_under_way_when_the_line_broke_comes_back_smaller(
    session: Session, epochs: Epochs
) -> None:
    long = entry.Audit(at=AT, actor="kiosk", action="x" * 7000)
    epochs.live.append([Draft(entry.encode(long))] * 160)
    session.connected(0.0)
    first = sent(answer(session, epochs, 0))
    assert len(first) > 1
    session.disconnected()
    session.connected(2.0)
    [again] = sent(answer(session, epochs, 0, now=3.0, nonce="b"))  # one at a time now
    assert 1 < again < first[0]
    after = sent(answer(session, epochs, again, now=4.0, nonce="b"))
    assert after[0] - again > again  # it was receipted: more at once again
    assert len(after) > 1


def sent(acts: list[object]) -> list[int]:
    """Return the last entry of each batch among `acts`."""
    said = [act for act in acts if isinstance(act, Say)]
    return [batch.decode(batch.unpack(one.payload, one.encoding)).header.last for one in said]


class Full:
    """A journal whose disk is full, once, when it is to be ended."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._full = True

    def __getattr__(self, name: str) -> object:
        return getattr(self._journal, name)

    def end(self) -> None:
        if self._full:
            self._full = False
            raise StorageFull("the disk is full")
        self._journal.end()


def test_what_a_replaced_epoch_holds_is_brought_back_whatever_comes_between(
    epochs: Epochs,
) -> None:
    epochs.live.end()
    epochs.close()
    epochs.open()
    epochs.take_over(lambda: AT)
    replaced, live = epochs.journals
    assert replaced.replaced
    live.know([b"o" * 16])
    live.receipted(live.tip, 1)
    gone = live.prune(live.tip)
    held = [Full(replaced), live]
    me = Self("k1", KIOSK, [CENTRAL.public], "test")

    def told() -> list[object]:
        # As from a stick: of the live epoch alone.
        nonces = iter("a")
        spoken = Session(me, [live], lambda: AT, lambda: next(nonces), lambda: 3.0, held=held)
        spoken.connected(0.0)
        return answer(spoken, epochs, gone, lost=[(1, gone)])

    with pytest.raises(StorageFull):
        told()
    assert isinstance(told()[-1], StartAnew)
    assert replaced.reader.closed() is Closed.ENDED
    assert len(told()) == 1  # and once


def test_an_ended_epoch_for_which_there_was_no_room_makes_no_start_after_start(
    epochs: Epochs,
) -> None:
    epochs.live.end()
    epochs.close()
    epochs.open()  # and `take_over` found the disk full
    ended, live = epochs.journals
    me = Self("k1", KIOSK, [CENTRAL.public], "test")
    nonces = iter("ab")
    session = Session(me, [ended, live], lambda: AT, lambda: next(nonces), lambda: 3.0)
    session.connected(0.0)
    said = receipt.Receipt(
        kiosk="k1",
        epoch=ended.life.epoch,
        through=2,
        head="00" * 32,
        nonce="a",
        utc=1,
        key=CENTRAL.public.fingerprint,
    )
    [_, onward] = session.heard(DOWN, receipt.encode(said, CENTRAL), 1.0)
    assert isinstance(onward, Say)
    assert hello.decode(onward.payload)[0].epoch == live.life.epoch


class Keeper:
    """Keeps nothing; notes what it was told."""

    version = 7

    def __init__(self) -> None:
        self.told: list[tuple[str, bytes, bool]] = []
        self.overdue = False

    def take(self, part: rostering.RosterPart, plain: bytes, now: float, *, latest: bool) -> None:
        self.told.append((part.part, plain, latest))

    def is_overdue(self, now: float) -> bool:
        return self.overdue


def roster_part(nonce: str, kiosk: str = "k1", key: PrivateKey = CENTRAL) -> bytes:
    part = rostering.RosterPart(
        kiosk=kiosk,
        version=9,
        part=rostering.Part.MANIFEST,
        nonce=nonce,
        sealed="",
        key=key.public.fingerprint,
    )
    return rostering.encode(part, b"manifest", KIOSK.public, key)


def test_a_roster_that_answers_a_hello_of_this_connection_is_kept(epochs: Epochs) -> None:
    keeper, down = Keeper(), topics.down("k1", topics.Down.ROSTER)
    session = conversation(epochs, keeper)
    [said] = session.connected(0.0)
    assert isinstance(said, Say)
    assert hello.decode(said.payload)[0].roster == 7
    assert session.heard(down, roster_part("a"), 1.0) == []
    session.tick(6.0)  # the answer is overdue: hello again, under nonce b
    for nonce in ("a", "b", "c"):
        session.heard(down, roster_part(nonce), 7.0)
    assert keeper.told == [
        ("manifest", b"manifest", True),
        ("manifest", b"manifest", False),
        ("manifest", b"manifest", True),
    ]
    for wrong in (roster_part("b", kiosk="k2"), roster_part("b", key=STRANGER)):
        with pytest.raises(Unverified):
            session.heard(down, wrong, 7.0)
    assert len(keeper.told) == 3


def test_pages_that_do_not_come_are_asked_for_by_a_hello(epochs: Epochs) -> None:
    keeper = Keeper()
    session = conversation(epochs, keeper)
    session.connected(0.0)
    answer(session, epochs, 3)
    assert session.tick(2.0) == []
    keeper.overdue = True
    session.tick(3.0)
    keeper.overdue = False
    [said] = session.tick(3.1)
    assert isinstance(said, Say)
    assert said.topic == topics.up("k1", topics.Up.HELLO)
    session.disconnected()
    keeper.overdue = True
    assert session.tick(99.0) == []


class Asks:
    """A renewer that asks whenever it is asked."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def asking(self) -> bytes | None:
        return b"asked"

    def take(self, message: bytes) -> None:
        self.taken.append(message)


def test_the_next_certificate_is_asked_for_once_central_has_answered(epochs: Epochs) -> None:
    renewer = Asks()
    me = Self("k1", KIOSK, [CENTRAL.public], "test")
    session = Session(
        *(me, epochs.journals, lambda: AT, lambda: "a", lambda: 3.0),
        renewer=renewer,
    )
    session.connected(0.0)
    assert session.tick(0.1) == []
    answer(session, epochs, 3)
    [said] = session.tick(1.1)
    # An old central that does not listen there says nothing about the delivery.
    assert said == Say(topics.up("k1", topics.Up.RENEWAL), b"asked", awaited=False)
    session.heard(topics.down("k1", topics.Down.CERTIFICATE), b"given", 2.0)
    assert renewer.taken == [b"given"]
