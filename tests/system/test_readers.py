"""Readers at the real daemon: who came by card, code and PIN, what was refused, killed in between.

The readers are simulated and speak through pseudo-terminals. At the end no file that the daemon
wrote has a PIN or a code in it.
"""

import contextlib
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from drivers.sim.pty import Pty
from drivers.sim.reader import SimulatedReader, line, rdm6300
from kiosk.cli import main
from kiosk.cli.exits import Exit
from kiosk.local import Alive, Happening, NoDaemon, Recorded, ask
from sync.journal.names import files
from sync.journal.reader import Reader
from sync.protocol import employeecode, entry
from sync.protocol.employeecode import EmployeeCode, Kind
from sync.protocol.entry import Mark
from sync.protocol.identity import PrivateKey
from sync.protocol.roster import Known, Person, Roster
from tests.system.conftest import adopt
from tests.system.test_daemon import Daemon

pytestmark = pytest.mark.slow

WITHIN_S = 30.0
GONE_S = 0.5
NIP, CARD, NUMBER = "198503152010011007", "0004821377", "17"
PIN, WRONG = "739104628513", "846201957304"
KINDS = ("tag", "code", "pinpad")


class Office:
    """A daemon with a reader of each kind, and what it told."""

    def __init__(self, home: Path, plugged: ExitStack) -> None:
        self.data = home / "data"
        self.central = PrivateKey.generate()
        self.daemon = Daemon(home / "home", self.data, {})
        (home / "home" / "central.pem").write_bytes(self.central.public.pem)
        self.readers = {
            kind: plugged.enter_context(SimulatedReader(Pty(home / kind))) for kind in KINDS
        }
        with self.daemon.config.open("a") as file:
            for kind in KINDS:
                port = home / kind
                gone = "" if kind == "pinpad" else f"gone_s = {GONE_S}\n"
                said = f'kind = "{kind}"\nname = "{kind}"\nport = "{port}"\n'
                file.write(f"[[sources]]\n{said}{gone}")
        self.data.mkdir()
        known = [
            Known(person=NIP, credential="card", user=CARD),
            Known(person=NIP, credential="terminal_user", user=NUMBER, unit="u"),
        ]
        people = [Person(id=NIP, name="Budi")]
        adopt(self.data, Roster(version=1, people=people, known=known))
        self.told: list[entry.Presence] = []
        self.codes: list[str] = []

    def start(self) -> None:
        self.daemon.start()
        self.until(
            lambda: all((one := self.daemon.source(kind)) and one.connected for kind in KINDS)
        )

    def kill(self) -> None:
        assert self.daemon.process is not None
        self.daemon.process.send_signal(signal.SIGKILL)
        self.daemon.process.wait()

    def watch(self) -> None:
        """Take down what is told until the test is over."""
        while True:
            with contextlib.suppress(NoDaemon, OSError, msgspec.DecodeError):
                for said in ask(self.data / "kiosk.sock", "watch"):
                    event = msgspec.json.decode(said, type=Happening | Alive)
                    if isinstance(event, Recorded):
                        self.told.append(event.presence)
            time.sleep(0.02)

    def until(self, condition: Callable[[], object]) -> None:
        until_s = time.monotonic() + WITHIN_S
        while not condition():
            assert time.monotonic() < until_s, (self.told, self.daemon.log.read_text())
            time.sleep(0.02)

    def say(self, kind: str, octets: bytes) -> None:
        assert self.readers[kind].wait_for_client(WITHIN_S)
        self.readers[kind].say(octets)

    def comes(self, kind: str, octets: bytes) -> entry.Presence:
        """Have somebody come; return what was told of them."""
        before = len(self.presences())
        self.say(kind, octets)
        self.until(lambda: len(self.presences()) > before)
        return self.presences()[-1]

    def refused(self, kind: str, octets: bytes) -> entry.Audit:
        """Have somebody be refused; return what is recorded of it."""
        before = len(self.audits())
        self.say(kind, octets)
        self.until(lambda: len(self.audits()) > before)
        return self.audits()[-1]

    def code(self, kind: Kind, since: int, until: int, key: PrivateKey | None = None) -> bytes:
        made = EmployeeCode(
            person=NIP, kind=kind, since=since, until=until, number=secrets.randbits(63)
        )
        self.codes.append(employeecode.encode(made, key or self.central))
        return line(self.codes[-1])

    def entries(self) -> list[entry.Entry]:
        found: list[entry.Entry] = []
        for file in files(self.data / "journal"):
            reader = Reader(file)
            reader.open()
            found += [entry.decode(row.body) for row in reader.rows(1) if row.body is not None]
            reader.close()
        return found

    def presences(self) -> list[entry.Presence]:
        return [one for one in self.entries() if isinstance(one, entry.Presence)]

    def audits(self) -> list[entry.Audit]:
        return [
            one
            for one in self.entries()
            if isinstance(one, entry.Audit) and one.action in ("code refused", "pin refused")
        ]

    def kiosk(self, *words: str) -> int:
        return main([*words, "--config", str(self.daemon.config)])

    def written(self) -> dict[str, bytes]:
        """Return every file that the daemon wrote, its log among them."""
        kept = {str(one): one.read_bytes() for one in self.data.rglob("*") if one.is_file()}
        return kept | {"log": self.daemon.log.read_bytes()}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with ExitStack() as plugged:
        office = Office(tmp_path, plugged)
        try:
            office.start()
            threading.Thread(target=office.watch, daemon=True).start()
            yield office
        finally:
            process = office.daemon.process
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


def test_whoever_comes_is_known_and_whoever_is_refused_is_recorded(
    office: Office, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = office.comes("tag", rdm6300(CARD))
    assert (seen.person, seen.mark, seen.method) == (NIP, Mark.KNOWN, "card")
    assert seen.terminal.startswith("tag@k1/")

    now_s = int(time.time())
    seen = office.comes("code", office.code(Kind.STATIC, now_s - 60, now_s + 86_400))
    assert (seen.person, seen.credential, seen.method) == (NIP, "qr", "qr")
    seen = office.comes("code", once := office.code(Kind.ONCE, now_s, now_s + 60))
    assert seen.person == NIP
    assert b"used here" in refusal(office, once)
    assert b"not signed" in refusal(
        office, office.code(Kind.STATIC, now_s, now_s + 60, PrivateKey.generate())
    )

    monkeypatch.setattr("kiosk.cli.pins.getpass", lambda _: PIN)
    assert office.kiosk("pins", "set", NUMBER, "--ask", "--by", "rudi") == Exit.OK
    seen = office.comes("pinpad", f"{NUMBER}*{PIN}#".encode())
    assert (seen.person, seen.credential, seen.method) == (NIP, "terminal_user", "password")
    told = office.refused("pinpad", f"{NUMBER}*{WRONG}#".encode())
    assert (told.action, told.detail["user"]) == ("pin refused", NUMBER)

    told = office.refused("pinpad", f"{PIN}*{NUMBER}#".encode())  # the wrong way round
    assert "user" not in told.detail

    assert office.kiosk("status") == Exit.OK
    assert office.kiosk("pins", "list") == Exit.OK
    assert office.daemon.stop() == 0
    shown = capsys.readouterr()
    kept = office.written() | {"shown": (shown.out + shown.err).encode()}
    assert [name for name, octets in kept.items() if CARD.encode() in octets], (
        "nothing was searched"
    )
    for secret in (PIN, WRONG, *office.codes):
        for told_as in {secret, secret.lower(), secret.encode().hex()}:
            assert not [name for name, octets in kept.items() if told_as.encode() in octets]


def refusal(office: Office, octets: bytes) -> bytes:
    """Return why a code was refused, after the one that was held there before has gone."""
    time.sleep(GONE_S)  # the same code at once is the same presence
    return office.refused("code", octets).detail["why"].encode()


def test_killed_at_any_time_nothing_is_lost_that_was_told(office: Office) -> None:
    for n in range(3):
        before = len(office.told)
        with office.readers["tag"].near(rdm6300(f"{1000 + n:010}")):
            office.until(lambda before=before: len(office.told) > before)
            office.kill()
            told = [(one.terminal, one.user, one.time, one.ordinal) for one in office.told]
            kept = [(one.terminal, one.user, one.time, one.ordinal) for one in office.presences()]
            assert set(told) <= set(kept)
            office.start()
    assert {one.user for one in office.told} == {f"{1000 + n:010}" for n in range(3)}
    assert len({one.origin for one in office.presences()}) == len(office.presences())
