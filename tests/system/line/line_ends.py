"""Both ends of the line as they are: the daemon's uplink on a real journal, central's intake."""

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from kiosk.worker import Backoff as EdgeBackoff
from kiosk.worker import Phase, Worker
from sync.central.authority import Authority
from sync.central.backoff import Backoff
from sync.central.clock import now_ms
from sync.central.inbox import Inbox
from sync.central.ingest import Ingest
from sync.central.intake import Intake, Line, dial
from sync.central.store import Store
from sync.central.store.registry import KioskKey, Status
from sync.edge.delivery import Timing
from sync.edge.session import Self
from sync.edge.uplink import Uplink
from sync.journal.epochs import Epochs
from sync.journal.journal import Draft
from sync.line import Broker
from sync.protocol import entry
from sync.protocol.identity import PrivateKey, PublicKey

WITHIN_S = 60.0
QUICK = Timing(answer_s=0.4, answer_most_s=1.5)
AT = entry.Stamp(wall=1_795_471_200_000, up=2, boot="b" * 32, synced=True)
UNSYNCED = entry.Stamp(wall=3, up=2, boot="b" * 32, synced=False)


def until(what: object, condition: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    """Wait for `condition`; fail with `what`, as it is then."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


class Unsaid(NamedTuple):
    """What was not said, and what was."""

    words: tuple[str, ...]
    said: set[str]


class Edge:
    """A kiosk's journal, and its uplink under the worker that the daemon runs it in."""

    def __init__(
        self,
        home: Path,
        broker: Broker,
        key: PrivateKey,
        central: PublicKey,
        *,
        name: str = "k1",
        stamp: entry.Stamp = AT,
        timing: Timing = QUICK,
    ) -> None:
        self.name = name
        self.epochs = Epochs(home / f"journal-{name}", name, key.public.der)
        self.epochs.open()
        self.uplink = Uplink(
            Self(name, key, [central], "test"),
            broker,
            self.epochs,
            lambda: stamp,
            lambda *_: None,
            lambda *_: None,
            timing,
        )
        self.epochs.live.watch(lambda _: self.uplink.grew(), lambda _: None)
        backoff = EdgeBackoff(base_s=0.05, cap_s=0.2)
        self.worker = Worker("line", self.uplink.run, patience_s=60, backoff=backoff)
        self._punched = 0

    def record(self, number: int, raw_bytes: int = 0) -> None:
        """Record so many punches, each of a person or minute of its own."""
        drafts = []
        for n in range(self._punched, self._punched + number):
            presence = entry.Presence(
                at=AT,
                source="lobi",
                terminal="T1",
                credential="terminal_user",
                user=str(n),
                time="2026-11-24T07:28:41",
                zone="Asia/Jakarta",
                mark=entry.Mark.STRANGER,
                raw=Random(n).randbytes(raw_bytes).hex(),  # zlib halves it, not more
            )
            drafts.append(Draft(entry.encode(presence)))
        self._punched += number
        for first in range(0, number, 500):
            self.epochs.live.append(drafts[first : first + 500])

    @property
    def error(self) -> str:
        """Return what `kiosk status` says of the line."""
        worker = self.worker
        waiting = worker.error if worker.phase is Phase.WAITING else ""
        return self.uplink.line.error or waiting

    @property
    def delivered(self) -> bool:
        live = self.epochs.live
        return live.cursor == live.tip

    def says(self, *words: str) -> None:
        """Wait until `kiosk status` says this of the line."""
        said: set[str] = set()

        def heard() -> bool:
            said.add(self.error)
            return any(all(word in one for word in words) for one in said)

        until(Unsaid(words, said), heard)

    def bodies(self) -> list[bytes]:
        return [row.body for one in self.epochs.journals for row in one.reader.rows(1) if row.body]

    def close(self) -> None:
        self.worker.stop()
        assert self.worker.join(20.0)
        self.epochs.close()


class Office:
    """Central's intake on SQLite, one worker in a thread; the line may be wrapped by a test."""

    def __init__(self, path: Path, broker: Broker, key: PrivateKey) -> None:
        self.path = path
        self.authority = Authority(key)
        self.store = Store(path)
        self.store.open()
        self.broker = broker
        self.wrap: Callable[[Line], Line] = lambda line: line
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def admit(self, name: str, key: PublicKey) -> None:
        admitted = KioskKey(
            fingerprint=key.fingerprint,
            kiosk=name,
            der=key.der,
            status=Status.ADMITTED,
            admitted_at=1,
            admitted_by="test",
        )
        with self.store.writing() as tx:
            assert tx.registry.admit(admitted)

    def start(self) -> None:
        self._stop.clear()
        made = dial(self.broker, self.authority.group)
        self.intake = Intake(
            lambda: self.wrap(made()),
            self.store,
            self.authority,
            Inbox(Ingest(self.authority.fingerprint, now_ms), now_ms),
            lambda: None,
            Backoff(lambda low, high: 0.1),
        )
        self._thread = threading.Thread(target=self.intake.run, args=(self._stop,))
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(30.0)
            assert not self._thread.is_alive()
            self._thread = None

    def close(self) -> None:
        self.stop()
        self.store.close()

    def asked(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path, timeout=30)) as db:
            return db.execute(statement).fetchall()

    def bodies(self, name: str = "k1") -> list[bytes]:
        statement = f"SELECT body FROM entry WHERE kiosk = '{name}' ORDER BY epoch, seq"
        return [body for (body,) in self.asked(statement)]

    def alarms(self) -> set[str]:
        return {kind for (kind,) in self.asked("SELECT kind FROM alarm")}

    def agrees_with(self, edge: Edge) -> None:
        """See that all of it is here, byte for byte, and that every punch counts once."""
        until(
            f"not delivered: {edge.uplink.line} {edge.worker.error!r}, "
            f"{edge.epochs.live.cursor} of {edge.epochs.live.tip}",
            lambda: edge.delivered,
        )
        bodies = edge.bodies()
        assert self.bodies(edge.name) == bodies
        name = edge.name
        counted = self.asked(f"SELECT user FROM presence WHERE kiosk = '{name}' AND NOT again")
        assert len(counted) == len(set(counted)) == len(bodies)
        assert self.alarms() == set()
