"""From a simulated reader to the journal: who it was, how they were known, and what nobody was."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from drivers.options import CodeReader, LineReader, PinPad, Reader, TagReader
from drivers.possession import ReaderParts
from drivers.readers.source import ReaderSource
from drivers.sim.pty import Pty
from drivers.sim.reader import SimulatedReader, line, rdm6300
from kiosk.clock import TrustedClock
from kiosk.codes import Codes
from kiosk.collect import Collector
from kiosk.here import Here
from kiosk.pins import FILE, Pins
from kiosk.possession import Judging
from sync.edge.roster import Adopted, Rosters
from sync.journal.journal import Journal
from sync.journal.reader import Life
from sync.protocol import employeecode, entry
from sync.protocol.employeecode import EmployeeCode, Kind
from sync.protocol.identity import PrivateKey
from sync.protocol.roster import Known, Person, Roster

CENTRAL = PrivateKey.generate()
NIP = "198503152010011007"
PIN = "483920"
WITHIN_S = 10.0


class Office:
    """A kiosk with one reader."""

    def __init__(self, folder: Path) -> None:
        Journal.make(folder / "j.db", Life("k1", "e1", 1, b"key"))
        self.journal = Journal(folder / "j.db")
        self.journal.open()
        self.reader = SimulatedReader(Pty(folder / "reader"))
        known = [
            Known(person=NIP, credential="card", user="0004821377"),
            Known(person=NIP, credential="terminal_user", user="17", unit="u"),
        ]
        roster = Roster(version=1, people=[Person(id=NIP, name="Budi")], known=known)
        self.clock = TrustedClock()
        self.rosters = Rosters(Adopted(roster))
        here = Here(self.journal, self.clock, self.rosters)
        self.pins = Pins([folder / FILE], here, cost=2**4)
        self.judging = Judging(Codes([CENTRAL.public], self.clock.belief), self.pins)

    def collector(self, kind: Callable[..., Reader]) -> Collector:
        options = kind(name="pintu", port=str(self.reader.port.link))
        source = ReaderSource(
            options, self.clock.now, ReaderParts("k1", self.judging, lambda *_: None)
        )
        return Collector(
            *(source, options.timezone, self.journal, self.clock, self.rosters),
            lambda *_: None,
            timedelta(seconds=120),
        )

    def entries(self) -> list[entry.Entry]:
        bodies = [row.body for row in self.journal.reader.rows(1)]
        return [entry.decode(body) for body in bodies if body is not None]

    def presences(self) -> list[entry.Presence]:
        return [one for one in self.entries() if isinstance(one, entry.Presence)]

    def runs_until(self, collector: Collector, say: bytes, enough: Callable[[], bool]) -> None:
        """Have the collector run, the reader say something, and stop when it is enough."""
        until_s = time.monotonic() + WITHIN_S

        def said_and_done() -> bool:
            assert time.monotonic() < until_s, self.entries()
            return enough()

        def speak() -> None:
            while not collector.seen.connected:
                time.sleep(0.005)
            self.reader.say(say)

        speaker = threading.Thread(target=speak)
        speaker.start()
        collector.run(said_and_done, lambda: None)
        speaker.join()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    with made.reader:
        yield made
    made.journal.close()


def code(**more: int) -> bytes:
    said = {"since": 0, "until": 2**32 - 1, "number": 1} | more
    text = employeecode.encode(EmployeeCode(person=NIP, kind=Kind.STATIC, **said), CENTRAL)
    return line(text)


@pytest.mark.parametrize(
    ("kind", "say", "credential", "method"),
    [
        (TagReader, rdm6300("0004821377"), "card", "card"),
        (LineReader, line("0004821377"), "card", "card"),
        (CodeReader, code(), "qr", "qr"),
        (PinPad, f"17*{PIN}#".encode(), "terminal_user", "password"),
    ],
)
def test_who_it_was_and_how_they_were_known(
    office: Office, kind: Callable[..., Reader], say: bytes, credential: str, method: str
) -> None:
    office.pins.set({"user": "17", "pin": PIN, "by": "rudi"})
    office.runs_until(office.collector(kind), say, lambda: bool(office.presences()))
    (one,) = office.presences()
    assert (one.person, one.mark) == (NIP, entry.Mark.KNOWN)
    assert (one.credential, one.method, one.drift) == (credential, method, 0)
    assert not [one for one in office.entries() if isinstance(one, entry.Coverage)]
    secrets = (PIN, code().decode().strip())
    bodies = b"".join(row.body or b"" for row in office.journal.reader.rows(1)).decode()
    assert not [one for one in secrets if one in bodies]


def test_who_was_heard_before_the_stop_is_recorded_before_it(office: Office) -> None:
    """The reader says it once: with the process it would be gone."""
    cards = [f"{4821377 + n:010}" for n in range(4)]
    said = b"".join(map(rdm6300, cards))
    office.runs_until(office.collector(TagReader), said, lambda: bool(office.presences()))
    assert [one.user for one in office.presences()] == cards


def test_a_line_that_names_nobody_is_a_stranger_with_its_bytes(office: Office) -> None:
    office.runs_until(
        office.collector(LineReader), b"\xff\xfe?\r", lambda: bool(office.presences())
    )
    (one,) = office.presences()
    assert (one.person, one.mark, one.raw) == (None, entry.Mark.STRANGER, "fffe3f")


def test_what_is_refused_is_an_audit_entry(office: Office) -> None:
    def audits() -> list[entry.Audit]:
        return [one for one in office.entries() if isinstance(one, entry.Audit)]

    office.runs_until(office.collector(CodeReader), line("P1:AAAA"), lambda: bool(audits()))
    (one,) = audits()
    assert (one.actor, one.action) == ("terminal", "code refused")
    assert one.detail["why"] == "damaged, or no employee's code of this version"
    assert office.presences() == []


def test_a_kiosk_stops_at_once_while_nobody_comes(office: Office) -> None:
    collector = office.collector(TagReader)
    asked = threading.Event()
    worker = threading.Thread(target=collector.run, args=(asked.is_set, lambda: None))
    worker.start()
    until_s = time.monotonic() + WITHIN_S
    while not collector.seen.connected:
        assert time.monotonic() < until_s
        time.sleep(0.005)
    began_s = time.monotonic()
    asked.set()
    worker.join(WITHIN_S)
    assert time.monotonic() - began_s < 1.0
