"""Two centrals take in the same kiosks' messages at once, on PostgreSQL: nothing lost, nothing
doubled, whoever comes first.
"""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from sync.central import desk as desks
from sync.central.audit import Audit
from sync.central.desk import Desk
from sync.central.errors import Contended
from sync.central.inbox import Inbox, Letter, read
from sync.central.ingest import Ingest
from sync.central.store import Store
from sync.protocol import topics
from sync.protocol.receipt import Receipt
from sync.protocol.topics import Up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROUNDS = 60
PUNCHES = 40
KIOSKS = ("a", "b", "c")


@pytest.fixture
def central(postgres, template, make_central):
    """Return a central on a new database of PostgreSQL."""
    made = make_central(postgres.make("two_centrals", template=template))
    yield made
    made.store.close()
    postgres.sql("postgres", "DROP DATABASE two_centrals WITH (FORCE)")


class Counting(Store):
    """A store that counts how often two transactions waited for each other in a circle."""

    contended = 0

    def writing(self):
        return self._counted(super().writing())

    def _counted(self, transaction):
        store = self

        class Watch:
            def __enter__(self):
                return transaction.__enter__()

            def __exit__(self, *raised):
                try:
                    return transaction.__exit__(*raised)
                except Contended:
                    store.contended += 1
                    raise

        return Watch()


class Worker:
    """One more central on the same database, without a line."""

    def __init__(self, central) -> None:
        self.store = Counting(central.database)
        self.store.open()
        inbox = Inbox(Ingest(central.authority.fingerprint, central.clock), central.clock)
        self._desk = Desk(self.store, inbox)

    def take_in(self, groups, barrier):
        barrier.wait()
        return [answer for group in groups for answer in self._desk.take_in(group)]


@pytest.fixture
def workers(central):
    made = [Worker(central), Worker(central)]
    yield made
    for one in made:
        one.store.close()


def message(kiosk, what: Up, payload: bytes) -> Letter:
    return read(topics.up(kiosk.name, what), payload, "")


def split(draw: random.Random, messages: list[Letter]) -> list[list[Letter]]:
    """Return the messages in groups, in any order, some of them twice."""
    said = messages + draw.sample(messages, draw.randint(0, len(messages)))
    draw.shuffle(said)
    groups = []
    while said:
        size = draw.randint(1, 6)
        groups.append(said[:size])
        said = said[size:]
    return groups


@pytest.mark.parametrize("seed", range(ROUNDS // 20))
def test_nothing_is_lost_or_doubled_whoever_comes_first(central, workers, make_kiosk, seed):
    draw = random.Random(seed)
    with ThreadPoolExecutor(2) as pool:
        for round_ in range(20):
            one_round(central, workers, make_kiosk, draw, pool, f"seed {seed} round {round_}")
            central.clear()
    assert [one.store.contended for one in workers] == [0, 0]  # locks are taken in one order


def one_round(central, workers, make_kiosk, draw, pool, where):
    kiosks = [make_kiosk(name) for name in KIOSKS]
    messages = {0: [], 1: []}
    for kiosk in kiosks:
        central.admit(kiosk)
        users = list(range(PUNCHES))
        draw.shuffle(users)  # all of them read the same terminal, each in an order of its own
        for user in users:
            kiosk.punch(user=str(user))
        cuts = sorted({0, PUNCHES, *(draw.randrange(PUNCHES) for _ in range(5))})
        for first, last in pairwise(cuts):
            said = message(kiosk, Up.BATCH, kiosk.batch(first + 1, last))
            for number in {draw.randrange(2), draw.randrange(2)}:
                messages[number].append(said)
        hello = message(kiosk, Up.HELLO, kiosk.hello())
        central.now += 1
        for number in (0, 1):  # both are told of the new epoch at once
            messages[number].insert(0, hello)
    barrier = threading.Barrier(2)
    running = [
        pool.submit(
            worker.take_in,
            [[said] for said in messages[n][: len(KIOSKS)]] + split(draw, messages[n]),
            barrier,
        )
        for n, worker in enumerate(workers)
    ]
    answers = [answer for one in running for answer in one.result()]
    for kiosk in kiosks:
        for answer in answers:
            if isinstance(answer, Receipt) and answer.kiosk == kiosk.name:
                assert answer.head == kiosk.hash_at(answer.through).hex(), where
        # What was said before its epoch was known comes again.
        receipt = central.hello(kiosk)
        while receipt.through < PUNCHES:
            receipt = central.batch(kiosk, receipt.through + 1, PUNCHES)
        held = central.held(kiosk)
        assert [(one.hash, one.body) for one in held] == list(
            zip(kiosk.hashes, kiosk.bodies, strict=True)
        ), where
        assert all(one.linked for one in held), where
    found = central.stats()
    assert (found.counted, found.presences) == (PUNCHES, PUNCHES * len(KIOSKS)), where
    assert found.alarms == 0, where
    with central.store.reading() as tx:
        verdicts = list(Audit(tx, central.authority.keys).verify(KIOSKS))
    assert all(one.holds for one in verdicts), where
    assert [one.signed_through for one in verdicts] == [0, PUNCHES, PUNCHES, PUNCHES], where


def test_punches_that_two_are_told_of_crosswise_make_no_circle(
    central, workers, make_kiosk, monkeypatch
):
    kiosks = [make_kiosk(name) for name in "abcd"]
    groups = []
    for kiosk, users in zip(kiosks, ((1,), (2,), (2,), (1,)), strict=True):
        central.admit(kiosk)
        for user in users:
            kiosk.punch(user=str(user))
        central.hello(kiosk)
        groups.append(message(kiosk, Up.BATCH, kiosk.batch(1)))
    half = threading.Barrier(2)
    real = Inbox.take_in
    said: set[str] = set()

    def take_in(self, tx, letter):
        answer = real(self, tx, letter)
        if len(said) < 2 and letter.topic not in said:
            said.add(letter.topic)
            half.wait(10)  # each holds one of the punches and will be told of the other's
        return answer

    monkeypatch.setattr(Inbox, "take_in", take_in)
    barrier = threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        running = [
            pool.submit(worker.take_in, [groups[2 * n : 2 * n + 2]], barrier)
            for n, worker in enumerate(workers)
        ]
        answers = [answer for one in running for answer in one.result()]
    assert [answer.through for answer in answers] == [1] * 4
    assert sum(one.store.contended for one in workers) == 0
    assert (central.stats().counted, central.stats().again) == (2, 2)


def test_a_circle_that_comes_again_and_again_ends_as_unavailable(central, workers, kiosk):
    central.hello(kiosk)
    kiosk.punches(1)
    tries = []

    class Unlucky(Inbox):
        def take_in(self, tx, *said):
            tries.append(said)
            raise Contended("again")

    inbox = Unlucky(central.ingest, central.clock)
    desk = Desk(central.store, inbox)
    with pytest.raises(Contended):
        desk.take_in([message(kiosk, Up.BATCH, kiosk.batch(1))])
    assert len(tries) == desks.TRIES


def test_a_page_skips_no_presence_of_a_slow_transaction(central, workers, make_kiosk, postgres):
    """It asks for what came after the last one it saw: numbers must not be overtaken."""
    slow, quick = make_kiosk("slow"), make_kiosk("quick")
    for kiosk in (slow, quick):
        central.admit(kiosk)
        central.hello(kiosk)
        kiosk.punch(user=kiosk.name)
    letter = message(quick, Up.BATCH, quick.batch(1))
    with ThreadPoolExecutor(1) as pool:
        with central.store.writing() as tx:
            central.inbox.take_in(tx, message(slow, Up.BATCH, slow.batch(1)))
            tx.ledger.settle()  # its presence has a number now
            other = pool.submit(workers[0].take_in, [[letter]], threading.Barrier(1))
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while not other.done() and postgres.sql("two_centrals", waiting) == "0":
                pass
            assert central.shown() == []  # a page looks
        other.result()
    assert [(one.id, one.kiosk) for one in central.shown()] == [(1, "slow"), (2, "quick")]
