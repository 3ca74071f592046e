"""`kiosk devices` and a terminal that calls: what cannot be done is said, and who is bound."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drivers.base import Credential, Punch
from drivers.options import PushListener, ZkPush
from drivers.registry import Around, build, listen
from drivers.sim.zkpush import PushTerminal
from kiosk import standing
from kiosk.clock import TrustedClock
from kiosk.collect import Collector
from kiosk.devices import Devices
from kiosk.here import Here
from kiosk.intake import Recent, Where, presence
from kiosk.local import CannotDo
from kiosk.standing import Standing
from sync.edge.roster import Adopted, Rosters
from sync.journal.journal import Draft, Journal
from sync.journal.reader import Life
from sync.protocol import entry
from sync.protocol.roster import Roster

WITHIN_S = 10.0


def now() -> datetime:
    return datetime.now(UTC)


class Office:
    """One push terminal as source `lobi`, which was `S1` before its settings said `S2`."""

    def __init__(self, home: Path) -> None:
        Journal.make(home / "j.db", Life("k1", "e1", 1, b"key"))
        self.journal = Journal(home / "j.db")
        self.journal.open()
        clock, roster = TrustedClock(), Rosters()
        self.listener = listen(PushListener(host="127.0.0.1", port=0), now, now)
        self.collector = Collector(
            build(ZkPush(name="lobi", serial="S2"), now, now, Around(listener=self.listener)),
            "Asia/Jakarta",
            self.journal,
            clock,
            roster,
            lambda *_: None,
            timedelta(seconds=120),
            standing.encode(Standing(serial="S1")),
        )
        self.devices = Devices({"lobi": self.collector}, Here(self.journal, clock, roster))
        self._stop, up = threading.Event(), threading.Event()
        self._threads = [
            threading.Thread(target=self._collect),
            threading.Thread(target=self.listener.run, args=(self._stop.is_set, up.set)),
        ]
        for thread in self._threads:
            thread.start()
        assert up.wait(WITHIN_S)
        self.until(lambda: self.collector.seen.identity is not None)

    def _collect(self) -> None:
        while not self._stop.is_set():
            self.collector.run(self._stop.is_set, lambda: None)

    def until(self, condition: Callable[[], bool]) -> None:
        waiting = threading.Event()
        for _ in range(1000):
            if condition():
                return
            waiting.wait(WITHIN_S / 1000)
        pytest.fail("it did not come about")

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(WITHIN_S)
        self.journal.close()

    @property
    def entries(self) -> list[entry.Entry]:
        rows = self.journal.reader.rows(1)
        return [entry.decode(row.body) for row in rows if row.body is not None]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr("kiosk.collect.WAIT_S", 0.02)
    one = Office(tmp_path)
    yield one
    one.close()


@pytest.mark.parametrize(
    ("verb", "more"),
    [
        ("test", {}),
        ("identify", {}),
        ("users", {}),
        ("copy", {"from": "lobi"}),
        ("remove", {"user": "7"}),
        ("set clock", {}),
        ("restart", {}),
        ("comm key", {"key": "8812"}),
    ],
)
def test_what_cannot_be_done_is_said(office: Office, verb: str, more: dict[str, str]) -> None:
    with pytest.raises(CannotDo, match=r"lobi: this terminal calls the kiosk.*at the terminal"):
        office.devices.carries_out[verb]({"source": "lobi", "by": "rudi", **more})
    assert not [one for one in office.entries if isinstance(one, entry.Audit)]


def test_its_record_is_not_said_to_be_read(office: Office) -> None:
    with pytest.raises(
        CannotDo, match=r"lobi: a terminal that calls .* sends its record by itself"
    ):
        office.devices.read({"source": "lobi"})


def test_nor_is_it_shut_out_to_read_it_as_a_whole(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.collect.WHOLE_EVERY_S", 0.0)
    ended = threading.Event()
    source = office.collector._source
    monkeypatch.setattr(source, "close", ended.set)
    assert not ended.wait(0.3)


def test_another_serial_in_the_settings_is_a_stranger_until_somebody_says_so(
    office: Office,
) -> None:
    seen = office.collector.seen
    assert seen.identity is not None
    assert (seen.identity.serial, seen.bound_to) == ("S2", "S1")
    assert not office.collector.is_bound
    said = office.devices.replace({"source": "lobi", "by": "rudi"})
    assert said == "lobi is bound to S2; before it was S1"
    assert office.collector.is_bound
    assert "terminal replaced" in [
        one.action for one in office.entries if isinstance(one, entry.Audit)
    ]
    with pytest.raises(CannotDo, match="bound to S2 already"):
        office.devices.replace({"source": "lobi", "by": "rudi"})


@pytest.mark.parametrize("count", [1, 2])
def test_a_log_that_its_successor_brought_along_counts_once(office: Office, count: int) -> None:
    old = [
        Punch(
            terminal="S1",
            credential=Credential.TERMINAL_USER,
            user=f"{1001 + n}",
            time="2026-11-20T07:28:00",
        )
        for n in range(count)
    ]
    at, where = TrustedClock().stamp(), Where("lobi", "Asia/Jakarta")
    told = [
        presence(one, where, at, Adopted(Roster()), Recent(timedelta(seconds=120))) for one in old
    ]
    office.journal.append([Draft(entry.encode(one), entry.origin_of(one)) for one in told])
    office.devices.replace({"source": "lobi", "by": "rudi"})
    office.until(lambda: office.collector.seen.connected)
    sim = PushTerminal("127.0.0.1", office.listener.port, serial="S2")
    for one in old:
        sim.punch(one.user, at=datetime.fromisoformat(one.time))
    office.until(lambda: sim.turn() and sim.sent == count)
    sim.punch("1009", at=datetime.fromisoformat("2026-11-20T07:28:00"))
    office.until(lambda: sim.turn() and sim.sent == count + 1)
    sim.stop()
    found = [one for one in office.entries if isinstance(one, entry.Presence)]
    assert [(one.terminal, one.user) for one in found] == [
        *(("S1", one.user) for one in old),
        ("S2", "1009"),
    ]
