"""Terminals read and written through the daemon's collectors: real driver, simulated terminals."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from drivers.errors import SourceError
from drivers.options import ZkTerminal
from drivers.registry import build
from drivers.sim.people import Person
from drivers.sim.zkteco import Code, Faults, SimulatedTerminal, simulated_staff
from drivers.sim.zktemplates import Finger
from kiosk.collect import Collector
from kiosk.devices import Devices, Listed, Proposed
from kiosk.local import CannotDo
from sync.edge.roster import Rosters
from sync.journal.journal import Journal
from sync.journal.reader import Life
from sync.protocol import entry

NOW = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
LOCAL = datetime(2026, 11, 24, 7, 30)  # noqa: DTZ001 - a terminal's clock has no zone


class FixedClock:
    def stamp(self) -> entry.Stamp:
        return entry.Stamp(wall=1, up=2, boot="b", synced=True)

    def now(self) -> datetime:
        return NOW


class Office:
    """Two terminals, lobi and gerbang, and a daemon's part that reads them."""

    def __init__(self, home: Path) -> None:
        Journal.make(home / "j.db", Life("k1", "e1", 1, b"key"))
        self.journal = Journal(home / "j.db")
        self.journal.open()
        self.lobi = SimulatedTerminal(simulated_staff(5), serial="L1", clock=lambda: LOCAL)
        self.gerbang = SimulatedTerminal(simulated_staff(2), serial="G1", clock=lambda: LOCAL)
        self.trusted = True
        self.audits: list[tuple[str, str, dict[str, str]]] = []
        self.lobi.start()
        self.gerbang.start()
        self.collectors = {"lobi": self._collector("lobi"), "gerbang": self._collector("gerbang")}
        self.devices = Devices(self.collectors, self)
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._collect, args=(one,)) for one in self.collectors.values()
        ]
        for thread in self._threads:
            thread.start()
        assert self.lobi.wait_until(lambda t: t.listeners == 1)
        assert self.gerbang.wait_until(lambda t: t.listeners == 1)

    def _collector(self, name: str) -> Collector:
        terminal = self.lobi if name == "lobi" else self.gerbang
        options = ZkTerminal(name=name, host=terminal.host, port=terminal.port, timeout_s=2)
        return Collector(
            build(options, lambda: NOW),
            "Asia/Jakarta",
            self.journal,
            FixedClock(),
            Rosters(),
            lambda *_: None,
            timedelta(seconds=120),
        )

    def _collect(self, collector: Collector) -> None:
        while not self._stop.wait(0.01):
            with suppress(SourceError):  # its worker opens it anew
                collector.run(self._stop.is_set, lambda: None)

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(10)
        self.lobi.stop()
        self.gerbang.stop()
        self.journal.close()

    # What the devices ask of the kiosk.

    def record(self, actor: str, action: str, detail: dict[str, str]) -> None:
        self.audits.append((actor, action, detail))

    def knows(self, user: str) -> bool:
        return user != "1005"

    def local_time(self, zone: str) -> datetime | None:
        return LOCAL + timedelta(hours=1) if self.trusted else None


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr("kiosk.collect.WAIT_S", 0.02)
    one = Office(tmp_path)
    yield one
    one.close()


def test_a_terminal_is_tested_and_its_people_are_listed_without_secrets(office: Office) -> None:
    person = Person("7", "Tamu", privilege=14, password="4711", card=3)
    office.lobi.terminal.store_person(person)
    office.lobi.terminal.fingers[1, 2] = Finger(b"secret finger")
    said = office.devices.users({"source": "lobi"})
    listed = {one.user: one for one in msgspec.json.decode(said, type=list[Listed])}
    assert listed["1001"].fingers == 1
    assert not listed["1005"].in_roster
    assert listed["7"] == Listed("7", "Tamu", "admin", 0, True, True, True)
    assert "4711" not in said
    assert '"users":6' in office.devices.test({"source": "lobi"})
    assert office.devices.identify({"source": "lobi"}) == "lobi: F19 L1 has played a sound"
    assert Code.TESTVOICE in office.lobi.requests
    assert office.audits == []


def test_people_are_copied_as_shown_and_read_back(office: Office) -> None:
    office.lobi.terminal.fingers[3, 2] = Finger(b"finger")
    asked = {"source": "gerbang", "from": "lobi", "users": "", "by": "rudi"}
    shown = msgspec.json.decode(office.devices.copy(asked), type=Proposed)
    assert [line.split()[:2] for line in shown.lines] == [
        ["new", "1003"],
        ["new", "1004"],
        ["new", "1005"],
    ]
    assert len(office.gerbang.terminal.people) == 2  # only shown
    done = msgspec.json.decode(office.devices.copy(asked | {"plan": shown.plan}), type=Proposed)
    assert done.done == "3 written and read back: 1003, 1004, 1005"
    slot = office.gerbang.terminal.uid_of("1003")
    assert office.gerbang.terminal.fingers[slot, 2].octets == b"finger"
    [(actor, action, detail)] = office.audits
    assert (actor, action) == ("rudi", "terminal users written")
    assert detail == {
        "source": "gerbang",
        "terminal": "G1",
        "from": "lobi",
        "plan": shown.plan,
        "users": "1003, 1004, 1005",
        "result": "done",
    }
    again = msgspec.json.decode(office.devices.copy(asked), type=Proposed)
    assert (again.lines, again.plan) == ((), "")


def test_what_has_changed_since_it_was_shown_is_not_written(office: Office) -> None:
    asked = {"source": "gerbang", "from": "lobi", "by": "rudi"}
    shown = msgspec.json.decode(office.devices.copy(asked), type=Proposed)
    office.lobi.terminal.store_person(Person("1009", "Baru"))
    with pytest.raises(CannotDo, match="have changed since the plan was shown"):
        office.devices.copy(asked | {"plan": shown.plan})
    assert len(office.gerbang.terminal.people) == 2
    assert office.audits == []  # an entry would say that it was done


def test_a_stranger_is_never_written_to(office: Office) -> None:
    office.gerbang.serial = office.gerbang.terminal.serial = "OTHER"
    office.gerbang.drop_clients()
    seen = office.collectors["gerbang"].seen
    assert office.gerbang.wait_until(
        lambda _: seen.connected and seen.identity is not None and seen.identity.serial == "OTHER"
    )
    with pytest.raises(CannotDo, match="nothing is written to a stranger"):
        office.devices.remove({"source": "gerbang", "user": "1001", "by": "rudi"})
    assert len(office.gerbang.terminal.people) == 2
    assert office.audits == []
    office.devices.test({"source": "gerbang"})  # looking is free
    with pytest.raises(CannotDo, match="nobody is copied from a stranger"):
        office.devices.copy({"source": "lobi", "from": "gerbang", "by": "rudi"})


def test_who_has_menu_rights_is_not_removed_by_mistake(office: Office) -> None:
    office.lobi.terminal.store_person(Person("7", "Kepala", privilege=14))
    asked = {"source": "lobi", "user": "7", "by": "rudi"}
    with pytest.raises(CannotDo, match="7 Kepala is admin there: say --sure"):
        office.devices.remove(asked)
    assert "removed from lobi" in office.devices.remove(asked | {"sure": "yes"})
    assert office.lobi.terminal.uid_of("7") == 0
    with pytest.raises(CannotDo, match="knows no user 7"):
        office.devices.remove(asked)


def test_the_clock_is_set_only_by_a_trusted_one_and_while_nobody_punches(office: Office) -> None:
    asked = {"source": "lobi", "by": "rudi"}
    office.trusted = False
    with pytest.raises(CannotDo, match="our own clock is not trusted"):
        office.devices.set_clock(asked)
    office.trusted = True
    assert office.devices.set_clock(asked) == "lobi: its clock is set"
    assert office.lobi.terminal.now() == LOCAL + timedelta(hours=1)
    assert office.lobi.wait_until(lambda t: t.listeners == 1)
    office.lobi.punch("1001")
    assert office.lobi.wait_until(lambda t: t.acked == 1)
    with pytest.raises(CannotDo, match="somebody punched"):
        office.devices.set_clock(asked)


def test_what_a_terminal_does_not_keep_is_said_and_recorded(office: Office) -> None:
    office.lobi.faults = Faults(keeps_no_writes=True)
    with pytest.raises(CannotDo, match="said yes and did otherwise"):
        office.devices.set_clock({"source": "lobi", "by": "rudi"})
    [(_, _, detail)] = office.audits
    assert detail["result"].startswith("failed: source lobi")


def test_a_comm_key_is_set_and_told_to_nobody(office: Office) -> None:
    asked = {"source": "lobi", "by": "rudi", "key": "482913"}
    assert "set comm_key of this source" in office.devices.comm_key(asked)
    assert office.lobi.terminal.comm_key == 482_913
    assert "482913" not in f"{office.audits}"
    for key in ("", "x", "-1", "4294967296"):
        with pytest.raises(CannotDo, match="a comm key is a number"):
            office.devices.comm_key(asked | {"key": key})


def test_a_restarted_terminal_is_connected_again(office: Office) -> None:
    said = office.devices.restart({"source": "lobi", "by": "rudi"})
    assert "restarts" in said
    assert [action for _, action, _ in office.audits] == ["terminal restarted"]
    assert office.lobi.wait_until(lambda t: t.listeners == 1)


def test_a_terminal_that_is_not_there_cannot_be_borrowed(office: Office) -> None:
    office.lobi.stop()
    with pytest.raises(CannotDo, match="lobi"):
        office.devices.test({"source": "lobi"})
