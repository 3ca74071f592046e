"""A kiosk's real uplink and journal, a real broker, and a central of another make.

Its receipts move the kiosk's cursor; its rows are those that our own central derives from the same
journal; killed, or set back to a backup, it gets everything, once.
"""

import itertools
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from stand.ours import Ours
from stand.punches import draft

from sync.edge.delivery import Timing
from sync.edge.session import Say, Self, Session
from sync.edge.uplink import Restart, Uplink
from sync.journal.epochs import Epochs
from sync.journal.errors import JournalError
from sync.journal.journal import Draft
from sync.line import Broker, LineError
from sync.protocol import entry, receipt, topics
from sync.protocol.identity import PrivateKey, PublicKey
from sync.protocol.receipt import Receipt

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
KIOSK = "kiosk-lobi"
AT = entry.Stamp(wall=1_795_471_200_000, up=1, boot="b" * 32, synced=True, error=5)
QUICK = Timing(answer_s=1.0, answer_most_s=2.0)
WITHIN_S = 40.0
COLUMNS = [
    *("kiosk", "epoch", "seq", "hash", "source", "terminal", "user", "time", "zone", "person"),
    *("mark", "method", "state", "witness", "drift", "again"),
    *("first_kiosk", "first_epoch", "first_seq"),
]


def until(condition: Callable[[], bool], what: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.02)


class NodeCentral:
    """The central in JavaScript, as a process."""

    def __init__(self, node_home: Path, home: Path, port: int) -> None:
        self.book = home / "book.jsonl"
        self.aside = home / "aside.jsonl"
        self._home = home
        self._words = [str(node_home), str(home), str(port), KIOSK, str(home / "kiosk.pem")]
        self._log = home / "log"
        self._process: subprocess.Popen[bytes] | None = None
        home.mkdir()

    @property
    def public(self) -> PublicKey:
        return PublicKey.from_pem((self._home / "central.pem").read_bytes())

    def admit(self, key: PublicKey) -> None:
        (self._home / "kiosk.pem").write_bytes(key.pem)

    def start(self, die_after: int = 0) -> None:
        """Start it; with `die_after` it kills itself after so many commits, unanswered."""
        script = str(HERE / "node_central" / "central.js")
        command = ["node", script, "run", *self._words, str(die_after)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until(lambda: b"listening" in self._log.read_bytes(), self._log.read_text)

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def wait_for_death(self) -> None:
        assert self._process is not None
        assert self._process.wait(WITHIN_S) == -signal.SIGKILL, self._log.read_text()
        self._process = None

    def close(self) -> None:
        if self._process is not None:
            self.kill()

    def kept(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.book.read_text().splitlines()]

    def rows(self) -> dict[str, Any]:
        """Return what it has derived so far."""
        assert self._process is not None
        file = self._home / "rows.json"
        file.unlink(missing_ok=True)
        os.kill(self._process.pid, signal.SIGUSR1)
        until(file.exists, self._log.read_text)
        found: dict[str, Any] = json.loads(file.read_text())
        return found


class Office:
    """A kiosk's journal and its uplink, connection after connection as the daemon has it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.key = PrivateKey.generate()
        self.epochs = Epochs(home, KIOSK, self.key.public.der)
        self.epochs.open()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.error: Exception | None = None

    def fill(self) -> None:
        """Record what a bad week makes, over two epochs."""
        live = self.epochs.live
        live.append([Draft(entry.encode(entry.Terminal(at=AT, source="lobi", serial="T1")))])
        for n in range(0, 300, 30):
            live.append([_heavy(number) for number in range(n, n + 30)])
        live.append([draft(number) for number in range(300, 500)])
        # Recorded again, as by another kiosk or a restored card: central must see it.
        live.append([Draft(draft(number).body) for number in range(300, 350)])
        live.append([Draft(b"\xff\xfe no JSON"), Draft(b'{"kind":"meal"}'), *_others()])
        live.end()
        self.epochs.close()
        self.epochs.open()
        self.epochs.take_over(lambda: AT)
        self.epochs.live.append([draft(number) for number in range(500, 560)])

    def punch(self, numbers: range) -> None:
        self.epochs.live.append([draft(number) for number in numbers])

    def deliver(self, port: int, central: PublicKey) -> None:
        """Begin to deliver, until `stop`."""
        uplink = Uplink(
            Self(KIOSK, self.key, [central], "test"),
            Broker(host="127.0.0.1", port=port),
            self.epochs,
            lambda: AT,
            lambda *_: None,
            lambda *_: None,
            QUICK,
        )
        self.epochs.live.watch(lambda _: uplink.grew(), lambda _: None)
        self._thread = threading.Thread(target=self._carry, args=(uplink,))
        self._thread.start()

    def _carry(self, uplink: Uplink) -> None:
        while not self._stop.is_set():
            try:
                uplink.run(self._stop.is_set, lambda: None)
            except LineError:
                self._stop.wait(0.1)
            except (Restart, JournalError) as error:
                self.error = error
                return

    @property
    def drained(self) -> bool:
        assert self.error is None, self.error
        return all(one.cursor == one.span().last for one in self.epochs.journals)

    def ends(self) -> list[tuple[str, int, str]]:
        """Return (epoch, last, head) of every epoch, oldest first."""
        return [
            (one.life.epoch, one.span().last, one.span().head.hex()) for one in self.epochs.journals
        ]

    def restart(self) -> None:
        """Start anew as the daemon does when the uplink asks for it."""
        self.close()
        self.error = None
        self._stop.clear()
        self.epochs.open()
        self.epochs.take_over(lambda: AT)

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(WITHIN_S)
        self.epochs.close()


def _heavy(number: int) -> Draft:
    """Return a punch with so much of a terminal's bytes that few share a batch."""
    said = entry.decode(draft(number).body)
    assert isinstance(said, entry.Presence)
    fields = {name: getattr(said, name) for name in said.__struct_fields__}
    heavy = entry.Presence(**{**fields, "raw": os.urandom(1400).hex()})
    return Draft(entry.encode(heavy), heavy.origin)


def _others() -> list[Draft]:
    """Return one of every other kind, and a row that could not be read, twice."""
    unread = entry.Presence(
        at=AT,
        source="lobi",
        terminal="T1",
        credential="terminal_user",
        user="",
        time="",
        zone="Asia/Jakarta",
        mark=entry.Mark.UNREADABLE,
        raw="ffff",
    )
    said: list[entry.Entry] = [
        entry.Coverage(
            at=AT,
            source="lobi",
            terminal="T1",
            through="2026-11-24T07:30:00",
            zone="UTC",
            records=9,
        ),
        entry.Clock(at=AT, utc=AT.wall, error=15, anchor=entry.Anchor.NTP),
        entry.Audit(at=AT, actor="kiosk", action="disk", detail={"level": "low"}),
        entry.Gap(at=AT, what="terminal", reason="its log shrank", since="2026-11-24T07:30:00"),
        unread,
        unread,
    ]
    return [Draft(entry.encode(one)) for one in said]


def rows_of_ours(home: Path, office: Office) -> list[dict[str, Any]]:
    """Return the presences that our own central derives from a copy of the office's journal."""
    journal = home / "copy"
    shutil.copytree(office.home, journal)
    epochs = Epochs(journal, KIOSK, office.key.public.der)
    epochs.open()
    nonces = itertools.count()
    with closing(epochs), closing(Ours(home / "central.db")) as ours:
        ours.admit(KIOSK, office.key.public)
        session = Session(
            Self(KIOSK, office.key, [ours.key.public], "test"),
            epochs.journals,
            lambda: AT,
            fresh_nonce=lambda: f"n{next(nonces)}",
            jitter_s=lambda: 0.0,
        )
        acts = deque(session.connected(0.0))
        while acts:
            if isinstance(said := acts.popleft(), Say):
                answer = ours.hear(said.topic, said.payload, said.encoding)
                assert isinstance(answer, Receipt)
                heard = topics.down(KIOSK, topics.Down.RECEIPT)
                acts += session.heard(heard, receipt.encode(answer, ours.key), 0.0)
        return ours.presences(COLUMNS)


@pytest.fixture
def port(make_broker: Any) -> int:
    found: int = make_broker("mosquitto").port
    return found


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "journal")
    made.fill()
    yield made
    made.close()


@pytest.fixture
def central(node_home: Path, tmp_path: Path, port: int, office: Office) -> Iterator[NodeCentral]:
    made = NodeCentral(node_home, tmp_path / "node", port)
    made.admit(office.key.public)
    yield made
    made.close()


def assert_all_arrived(central: NodeCentral, office: Office) -> dict[str, Any]:
    """Everything is there, in one piece, and no entry twice; return the rows."""
    rows = central.rows()
    assert rows["epochs"] == [
        {"name": f"{KIOSK} {epoch}", "through": last, "head": head, "lost": [], "entries": last}
        for epoch, last, head in office.ends()
    ]
    places = [(one["epoch"], one["seq"]) for one in rows["presences"]]
    assert len(set(places)) == len(places)
    assert not central.aside.exists()
    return rows


def test_its_receipts_are_honoured_and_its_rows_are_ours(
    central: NodeCentral, office: Office, port: int, tmp_path: Path
) -> None:
    central.start()
    mine = rows_of_ours(tmp_path, office)
    office.deliver(port, central.public)
    until(lambda: office.drained, office.ends)
    rows = assert_all_arrived(central, office)
    assert rows["presences"] == mine
    assert list(rows["presences"][0]) == COLUMNS
    assert rows["unreadable"] == 4  # two, and recorded anew by the second epoch once more
    counted = [one for one in mine if not one["again"]]
    assert len(counted) == 500 + 1 + 60
    # What is recorded while it listens goes through at once.
    office.punch(range(560, 570))
    until(lambda: office.drained, office.ends)
    assert len(assert_all_arrived(central, office)["presences"]) == len(mine) + 10


def test_killed_before_it_answers_it_has_everything_once(
    central: NodeCentral, office: Office, port: int, tmp_path: Path
) -> None:
    central.start(die_after=3)
    mine = rows_of_ours(tmp_path, office)
    office.deliver(port, central.public)
    central.wait_for_death()
    assert len(central.kept()) == 3
    assert not office.drained
    with central.book.open("ab") as book:
        book.write(b'{"kiosk":"kiosk-lobi","what":"ba')  # as far as a power cut let it
    central.start()
    until(lambda: office.drained, office.ends)
    rows = assert_all_arrived(central, office)
    assert rows["presences"] == mine
    central.kill()
    central.start()
    assert central.rows() == rows


def test_set_back_to_a_backup_it_gets_the_rest_again(
    central: NodeCentral, office: Office, port: int
) -> None:
    central.start()
    office.deliver(port, central.public)
    until(lambda: office.drained, office.ends)
    rows = assert_all_arrived(central, office)
    kept = central.book.read_text().splitlines(keepends=True)
    central.kill()
    central.book.write_text("".join(kept[: len(kept) // 2]))
    central.start()
    assert len(central.rows()["presences"]) < len(rows["presences"])
    until(lambda: len(central.rows()["presences"]) == len(rows["presences"]), office.ends)
    assert assert_all_arrived(central, office)["presences"] == rows["presences"]
    until(lambda: office.drained, office.ends)


def test_what_nobody_has_any_more_is_lost_and_said(
    central: NodeCentral, office: Office, port: int
) -> None:
    central.start()
    office.deliver(port, central.public)
    until(lambda: office.drained, office.ends)
    counted = [_punch(one) for one in central.rows()["presences"] if not one["again"]]
    central.kill()
    kept = central.book.read_text().splitlines(keepends=True)
    central.book.write_text("".join(kept[:3]))
    office.epochs.journals[0].prune(450)
    central.start()
    held = central.rows()["epochs"][0]["through"]
    assert 0 < held < 450
    until(lambda: isinstance(office.error, Restart), office.ends)
    office.restart()
    office.deliver(port, central.public)
    until(lambda: office.drained, office.ends)
    rows = central.rows()
    assert rows["epochs"][0]["lost"] == [[held + 1, 450]]
    # The second epoch has what was recorded anew of the first: nothing is lost to people.
    again = [_punch(one) for one in rows["presences"] if not one["again"]]
    assert sorted(again) == sorted(counted)


def _punch(row: dict[str, Any]) -> tuple[str, ...]:
    return row["terminal"], row["user"], row["time"]
