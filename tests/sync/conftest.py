"""Both ends without a line between them: real journals, real collectors, real ingest on SQLite.

What the uplink would send is handed over at once, signed and taken apart as on the wire.
"""

import shutil
import sqlite3
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from drivers.base import Coverage, Credential, Identity, Punch, Reading, Source, Witness
from kiosk.collect import Collector
from sync.central.desk import Desk
from sync.central.inbox import Inbox
from sync.central.ingest import Ingest
from sync.central.store import Store
from sync.central.store.registry import KioskKey, Status
from sync.edge.roster import Rosters
from sync.edge.session import Say, Self, Session
from sync.journal.epochs import Epochs
from sync.journal.reader import Row
from sync.journal.schema import Closed
from sync.journal.takeover import Salvaged
from sync.protocol import entry, receipt, topics
from sync.protocol.identity import PrivateKey, PublicKey
from sync.protocol.receipt import Receipt

T0 = 1_795_471_200_000
DAY = 86_400_000
_nonces = count()


class StillClock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.wall = T0

    def stamp(self) -> entry.Stamp:
        return entry.Stamp(wall=self.wall, up=self.wall - T0, boot="b" * 32, synced=True)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.wall / 1000, UTC)


class Log:
    """A terminal's log, and what a driver says of it: the whole log, then nothing."""

    def __init__(self, serial: str = "T1") -> None:
        self.name = "lobi"
        self.serial = serial
        self.rows: list[tuple[str, str]] = []  # (user, time)
        self._whole = False

    def fill(self, number: int) -> None:
        """Let `number` more people punch; every tenth does so twice within his second."""
        for _ in range(number):
            n = len(self.rows)
            row = (str(1001 + n % 7), f"2026-11-24T{7 + n // 60:02}:{n % 60:02}:00")
            self.rows.append(self.rows[-1] if n % 10 == 9 else row)

    @property
    def truth(self) -> Counter[tuple[str, ...]]:
        """Return how often each (user, time) must count."""
        return Counter(self.rows)

    def _punches(self, witness: Witness) -> list[Punch]:
        seen: Counter[tuple[str, str]] = Counter()
        punches = []
        for user, time in self.rows:
            seen[user, time] += 1
            punches.append(
                Punch(
                    terminal=self.serial,
                    credential=Credential.TERMINAL_USER,
                    user=user,
                    time=time,
                    ordinal=seen[user, time],
                    witness=witness,
                )
            )
        return punches

    def open(self, position: bytes | None, beat: Callable[[], None]) -> Identity:
        self._whole = True
        return Identity(serial=self.serial, model="fake")

    def read(self, wait_s: float) -> Reading | None:
        if not self._whole:
            return None
        self._whole = False
        punches = self._punches(Witness.LOG)
        covered = Coverage(through="2026-11-24T23:00:00", records=len(punches))
        return Reading(punches=punches, coverage=covered)

    def confirm(self, reading: Reading) -> None:
        pass

    def close(self) -> None:
        pass


class Central:
    """Central's ingest on SQLite; it can be set back to a backup."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = T0
        self.key = PrivateKey.generate()
        ingest = Ingest(self.key.public.fingerprint, lambda: self.now)
        self._inbox = Inbox(ingest, lambda: self.now)
        self.store = Store(path)
        self.store.open()
        self.desk = Desk(self.store, self._inbox)

    def close(self) -> None:
        self.store.close()

    def admit(self, kiosk: str, key: PublicKey) -> None:
        with self.store.writing() as tx:
            admitted = KioskKey(
                fingerprint=key.fingerprint,
                kiosk=kiosk,
                der=key.der,
                status=Status.ADMITTED,
                admitted_at=self.now,
                admitted_by="test",
            )
            assert tx.registry.admit(admitted)

    def hear(self, said: Say) -> bytes:
        """Take in a message as from the line, commit it, and return the signed receipt."""
        with self.store.writing() as tx:
            answer = self._inbox.receive(tx, said.topic, said.payload, said.encoding)
        assert isinstance(answer, Receipt)
        return receipt.encode(answer, self.key)

    def back_up(self) -> None:
        self.store.close()
        shutil.copy(self.path, self.path.with_suffix(".backup"))
        self.store.open()

    def restore(self) -> None:
        """Put the backup back: what came since is forgotten."""
        self.store.close()
        for part in self.path.parent.glob(self.path.name + "*"):
            part.unlink()
        shutil.copy(self.path.with_suffix(".backup"), self.path)
        self.store.open()

    def _asked(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as db:
            return db.execute(statement).fetchall()

    def counted(self) -> Counter[tuple[str, ...]]:
        """Return how often each (user, time) counts."""
        return Counter(self._asked("SELECT user, time FROM presence WHERE NOT again"))

    def again(self) -> int:
        """Return how many presences were known already."""
        return len(self._asked("SELECT 1 FROM presence WHERE again"))

    def bodies(self) -> list[bytes]:
        """Return the bodies it holds, in order."""
        return [body for (body,) in self._asked("SELECT body FROM entry ORDER BY epoch, seq")]

    def lost(self) -> list[tuple[int, int]]:
        """Return the ranges (first, last) that nobody has."""
        rows = self._asked("SELECT first, last FROM lost ORDER BY epoch, first")
        return [(first, last) for first, last in rows]

    def alarms(self) -> set[str]:
        return {kind for (kind,) in self._asked("SELECT kind FROM alarm")}


class Kiosk:
    """One kiosk: a card with a journal, and what the daemon does with it, step by step."""

    def __init__(self, home: Path, name: str = "k1") -> None:
        self.name = name
        self.home = home
        self.directory = home / "journal"
        self.clock = StillClock()
        self.key = PrivateKey.generate()
        self.epochs = Epochs(self.directory, name, self.key.public.der)
        self.salvaged: list[Salvaged] = []

    def start(self) -> None:
        self.epochs = Epochs(self.directory, self.name, self.key.public.der)
        self.epochs.open()
        self.salvaged = self.epochs.take_over(self.clock.stamp)

    def stop(self) -> None:
        self.epochs.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    def copy_card(self, to: Path) -> None:
        """Copy the journal as it stands on the disk at this moment, logs and all."""
        shutil.copytree(self.directory, to)

    def put_card(self, copy: Path) -> None:
        """Stop, put a copy of a card in the place of ours, start."""
        self.stop()
        shutil.rmtree(self.directory)
        shutil.copytree(copy, self.directory)
        self.start()

    def new_card(self) -> None:
        self.stop()
        shutil.rmtree(self.directory)
        self.start()

    def read(self, source: Source) -> int:
        """Read a terminal once, completely; return how many punches were recorded."""
        collector = Collector(
            source,
            "Asia/Jakarta",
            self.epochs.live,
            self.clock,
            Rosters(),
            lambda *_: None,
            timedelta(seconds=120),
        )
        turns = iter([False])  # the first reading is the whole of it
        collector.run(lambda: next(turns, True), lambda: None)
        return collector.seen.recorded

    def rows(self) -> Iterator[Row]:
        """Yield the entries of every epoch that is held."""
        for journal in self.epochs.journals:
            yield from journal.reader.rows(1)

    def deliver(self, central: Central) -> None:
        """Connect, deliver what there is, hang up."""
        session = self.converse(central)
        now = 0.0
        acts = deque(session.connected(now))
        while acts:
            now += 0.01
            if isinstance(act := acts.popleft(), Say):
                answer = central.hear(act)
                acts += session.heard(topics.down(self.name, topics.Down.RECEIPT), answer, now)

    def converse(self, central: Central) -> Session:
        """Return a conversation with `central` that has not begun."""
        return Session(
            Self(self.name, self.key, [central.key.public], "test"),
            self.epochs.journals,
            self.clock.stamp,
            fresh_nonce=lambda: f"n{next(_nonces)}",
            jitter_s=lambda: 0.0,
        )

    def deliver_all(self, central: Central) -> None:
        """Deliver as the daemon does: a fork is answered by a new start."""
        self.deliver(central)
        if any(one.reader.closed() is Closed.ENDED for one in self.epochs.journals):
            self.restart()
            self.deliver(central)
        assert self.epochs.live.cursor == self.epochs.live.span().last


@pytest.fixture
def head_office(tmp_path: Path) -> Iterator[Central]:
    """Return a central that has admitted nobody yet."""
    central = Central(tmp_path / "central.db")
    yield central
    central.close()


@pytest.fixture
def make_office(tmp_path: Path, head_office: Central) -> Iterator[Callable[[str], Kiosk]]:
    """Return a function that starts a kiosk of that name, admitted at central."""
    made: list[Kiosk] = []

    def make(name: str) -> Kiosk:
        kiosk = Kiosk(tmp_path / name, name)
        head_office.admit(name, kiosk.key.public)
        kiosk.start()
        made.append(kiosk)
        return kiosk

    yield make
    for kiosk in made:
        kiosk.stop()


@pytest.fixture
def office(make_office: Callable[[str], Kiosk]) -> Kiosk:
    """Return a started kiosk, admitted at central."""
    return make_office("k1")


@pytest.fixture
def log() -> Log:
    """Return a terminal's log of thirty rows, some of one person in one second."""
    made = Log()
    made.fill(30)
    return made


@pytest.fixture
def make_log() -> Callable[[str], Log]:
    return Log


@pytest.fixture
def worlds() -> tuple[type[Central], type[Kiosk], type[Log]]:
    """Return what machines of states make their own worlds from."""
    return Central, Kiosk, Log
