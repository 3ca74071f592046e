"""A kiosk and a central without a line between them: messages are handed over by the test."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from sync.central.authority import Authority
from sync.central.bell import Bell
from sync.central.decisions import Decisions
from sync.central.inbox import Inbox
from sync.central.ingest import Ingest
from sync.central.store import Store, tables
from sync.central.store.registry import KioskKey, Status
from sync.protocol import batch, chain, entry, hello, topics
from sync.protocol.identity import PrivateKey
from sync.protocol.topics import Up

T0 = 1_764_000_000_000
STAMP = entry.Stamp(wall=T0, up=1000, boot="b" * 32, synced=True)


class FakeKiosk:
    """A journal in memory and the messages it makes."""

    def __init__(self, name: str = "lobi", epoch: str = "e1", key: PrivateKey | None = None):
        self.name = name
        self.epoch = epoch
        self.key = key or PrivateKey.generate()
        self.genesis = chain.genesis(name, epoch, self.key.public.der)
        self.bodies: list[bytes] = []
        self.hashes: list[bytes] = []
        self._said = 0

    def body(self, body: bytes) -> bytes:
        self.bodies.append(body)
        self.hashes.append(chain.link(self.hash_at(len(self.hashes)), body))
        return body

    def add(self, said: entry.Entry) -> bytes:
        return self.body(entry.encode(said))

    def punch(self, user: str = "1", time: str = "2026-11-24T07:28:41", **more) -> bytes:
        fields = {
            "at": STAMP,
            "source": "pintu",
            "terminal": "CKPG1",
            "credential": "terminal_user",
            "user": user,
            "time": time,
            "zone": "Asia/Jakarta",
            "mark": entry.Mark.KNOWN,
            "person": f"P{user}",
        }
        return self.add(entry.Presence(**{**fields, **more}))

    def punches(self, count: int, start: int = 0) -> None:
        for number in range(start, start + count):
            self.punch(user=str(number))

    def copy(self) -> "FakeKiosk":
        """Return a kiosk with the same card, cloned."""
        other = FakeKiosk(self.name, self.epoch, self.key)
        other.bodies, other.hashes = list(self.bodies), list(self.hashes)
        other._said = self._said
        return other

    def hash_at(self, seq: int) -> bytes:
        return self.hashes[seq - 1] if seq else self.genesis

    def hello(self, first: int = 1, *, sign: PrivateKey | None = None, **over) -> bytes:
        self._said += 1
        last = max(len(self.bodies), first - 1)
        fields = {
            "kiosk": self.name,
            "epoch": self.epoch,
            "number": 1,
            "first": first,
            "anchor": self.hash_at(first - 1).hex(),
            "last": last,
            "head": self.hash_at(last).hex(),
            "nonce": f"n{self._said}",
            "key": self.key.public.fingerprint,
            "software": "fake 1",
            "clock": msgspec.structs.replace(STAMP, up=1000 + self._said),
        }
        return hello.encode(hello.Hello(**{**fields, **over}), sign or self.key)

    def batch(
        self, first: int, last: int | None = None, *, sign: PrivateKey | None = None, **over
    ) -> bytes:
        last = len(self.bodies) if last is None else last
        fields = {
            "kiosk": self.name,
            "epoch": self.epoch,
            "first": first,
            "last": last,
            "prev": self.hash_at(first - 1).hex(),
            "head": self.hash_at(last).hex(),
            "nonce": f"n{self._said}",
            "key": self.key.public.fingerprint,
        }
        header = batch.BatchHeader(**{**fields, **over})
        return batch.encode(header, self.bodies[first - 1 : last], sign or self.key)


class FakeCentral:
    """Everything of central but the line and the page's server."""

    def __init__(self, database: Path | str) -> None:
        self.database = database
        self.now = T0
        self.store = Store(database)
        self.store.open()
        self.authority = Authority(PrivateKey.generate())
        self.ingest = Ingest(self.authority.fingerprint, self.clock)
        self.inbox = Inbox(self.ingest, self.clock)
        self.bell = Bell()
        beside = Path(tempfile.mkdtemp()) if isinstance(database, str) else database.parent
        self.decisions = Decisions(
            beside / "journal",
            "central",
            self.authority.public,
            lambda: STAMP,
            is_alone=not isinstance(database, str),
        )

    def clock(self) -> int:
        return self.now

    def clear(self) -> None:
        """Empty every table, as if central were new."""
        with self.store.writing() as tx:
            for table in reversed(tables.metadata.sorted_tables):
                tx.ledger._connection.execute(table.delete())

    def admit(self, kiosk: FakeKiosk) -> None:
        public = kiosk.key.public
        with self.store.writing() as tx:
            assert tx.registry.admit(
                KioskKey(
                    fingerprint=public.fingerprint,
                    kiosk=kiosk.name,
                    der=public.der,
                    status=Status.ADMITTED,
                    admitted_at=self.now,
                    admitted_by="test",
                )
            )

    def receive(self, topic: str, payload: bytes, encoding: str = ""):
        with self.store.writing() as tx:
            answer = self.inbox.receive(tx, topic, payload, encoding)
        self.bell.ring()
        return answer

    def hello(self, kiosk: FakeKiosk, *words, **more):
        return self.receive(topics.up(kiosk.name, Up.HELLO), kiosk.hello(*words, **more))

    def batch(self, kiosk: FakeKiosk, *words, **more):
        return self.receive(topics.up(kiosk.name, Up.BATCH), kiosk.batch(*words, **more))

    def stats(self):
        with self.store.reading() as tx:
            return tx.pages.stats()

    def alarms(self) -> dict[str, int]:
        """Return how often each kind of alarm was noticed; one row of each is expected."""
        with self.store.reading() as tx:
            found = tx.pages.alarms(100)
        assert len({(one.kind, one.kiosk, one.subject) for one in found}) == len(found)
        return {one.kind: one.count for one in found}

    def shown(self):
        with self.store.reading() as tx:
            from sync.central.store.pages import Filter

            return tx.pages.newest(Filter(), 1000)[::-1]

    def held(self, kiosk: FakeKiosk):
        with self.store.writing() as tx:  # a line is always locked
            line = tx.ledger.line(kiosk.name, kiosk.epoch)
            return tx.ledger.held(line, 0, 10_000)


@pytest.fixture
def central(make_database: Callable[[], Path | str]) -> Iterator[FakeCentral]:
    """Return a central on a new database, of both kinds in turn."""
    made = FakeCentral(make_database())
    yield made
    made.store.close()


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[FakeCentral]:
    """Return a central on SQLite, for what is particular to it."""
    made = FakeCentral(tmp_path / "central.db")
    yield made
    made.store.close()


@pytest.fixture
def make_central() -> Callable[[Path | str], FakeCentral]:
    return FakeCentral


@pytest.fixture
def make_kiosk() -> Callable[..., FakeKiosk]:
    return FakeKiosk


@pytest.fixture
def kiosk(central: FakeCentral) -> FakeKiosk:
    """Return an admitted kiosk that has said nothing yet."""
    made = FakeKiosk()
    central.admit(made)
    return made
