"""The roster brought to a terminal that calls, and to one that is read over 4370 as well."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec import structs

from drivers.options import PushListener, Users, ZkPush
from drivers.registry import Around, build, listen
from drivers.sim.people import Person as Enrolled
from drivers.sim.zkpush import PUSH_PROFILES, PushFaults, PushTerminal
from kiosk.clock import TrustedClock
from kiosk.collect import Collector
from kiosk.enlisting import Enlisting
from kiosk.local import CannotDo
from tests.kiosk.test_enlisting import MADE, TEKNISI, TODAY, WITHIN_S, Office, done, known, names

PROFILES = pytest.mark.parametrize("profile", ["2.4", "access"])


def now() -> datetime:
    return datetime.now(UTC)


class PushOffice(Office):
    """The same with a terminal that calls."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.listener = listen(PushListener(host="127.0.0.1", port=0), now, now)
        up = threading.Event()
        listening = threading.Thread(target=self.listener.run, args=(self._stop.is_set, up.set))
        self._threads.append(listening)
        listening.start()
        assert up.wait(WITHIN_S)
        self.calling: list[PushTerminal] = []

    def push_terminal(
        self,
        *staff: Enrolled,
        profile: str = "2.4",
        serial: str = "PUSH1",
        users: Users = Users.MIRROR,
        faults: PushFaults = PushFaults(),  # noqa: B008 - frozen
    ) -> PushTerminal:
        options = ZkPush(name="pintu", serial=serial, users=users)
        self.options["pintu"] = options
        self.collectors["pintu"] = Collector(
            build(options, now, now, Around(listener=self.listener)),
            "Asia/Jakarta",
            self.journal,
            TrustedClock(),
            self.rosters,
            lambda *_: None,
            timedelta(seconds=120),
        )
        thread = threading.Thread(target=self._collect, args=(self.collectors["pintu"],))
        self._threads.append(thread)
        thread.start()
        self.until(lambda: self.collectors["pintu"].seen.connected)
        sim = PushTerminal(
            "127.0.0.1",
            self.listener.port,
            serial=serial,
            staff=[TEKNISI, *staff],
            profile=PUSH_PROFILES[profile],
            faults=faults,
        )
        sim.start(every_s=0.01)
        self.calling.append(sim)
        return sim

    def close(self) -> None:
        for one in self.calling:
            one.stop()
        super().close()


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PushOffice]:
    monkeypatch.setattr("kiosk.collect.WAIT_S", 0.02)
    one = PushOffice(tmp_path)
    yield one
    one.close()


def called(sim: PushTerminal) -> dict[str, str]:
    """Return whom the terminal knows beside its administrator."""
    assert sim.people.users["1"].rights == TEKNISI.privilege
    return {one.pin: one.name for one in sim.people.users.values() if one.pin != "1"}


@PROFILES
def test_people_are_written_renamed_and_removed(office: PushOffice, profile: str) -> None:
    sim = office.push_terminal(
        Enrolled("17", "BUDI SANTOSO", card=77, password="4711"),
        Enrolled("18", "Rudi Hartono"),
        Enrolled("19", "Orang Baru"),
        profile=profile,
    )
    sim.people.fingers["17"] = "budi"
    gone = known("18", "rudi", until=TODAY - timedelta(days=32))
    office.adopt(known("17", "budi"), known("20", "siti"), gone)
    office.turn("pintu")
    assert called(sim) == {"17": "Budi Santoso", "19": "Orang Baru", "20": "Siti Aminah"}
    assert (sim.people.users["17"].card, sim.people.users["17"].password) == (77, "4711")
    assert sim.people.fingers == {"17": "budi"}
    assert office.audits == [
        done("terminal users removed", "18=rudi"),
        done("terminal users written", "17=budi, 20=siti"),
        (
            "kiosk",
            "terminal users differ",
            {"policy": "mirror", "roster": str(MADE + 1), "unknown": "1: 19"},
        ),
    ]
    told = len(sim.executed)
    office.enlisting.look_again()
    office.turn("pintu")
    assert not [one for one in sim.executed[told:] if "UPDATE" in one or "DELETE" in one]
    assert len(office.audits) == 3


@PROFILES
def test_budis_fingers_do_not_stay_under_sitis_number(office: PushOffice, profile: str) -> None:
    sim = office.push_terminal(profile=profile, faults=PushFaults(results_late=2))
    office.adopt(known("17", "budi"))
    office.turn("pintu")
    sim.people.fingers["17"] = "budi"
    office.adopt(
        known("17", "budi", until=TODAY - timedelta(days=1)),
        known("17", "siti", since=TODAY),
        version=2,
    )
    office.turn("pintu")
    assert called(sim) == {"17": "Siti Aminah"}
    assert sim.people.fingers == {}


def test_what_it_refuses_is_told(office: PushOffice) -> None:
    sim = office.push_terminal(faults=PushFaults(forgets_users=True))
    office.adopt(known("17", "budi"), known("18", "siti"))
    office.turn("pintu")
    assert called(sim) == {}
    assert "did otherwise" in office.audits[-2][2]["result"]
    assert office.audits[-1][2]["missing"] == "2: 17, 18"
    office.turn("pintu")  # nothing is due


def test_a_technician_sees_and_does_the_same(office: PushOffice) -> None:
    sim = office.push_terminal(users=Users.REPORT)
    office.adopt(known("17", "budi"))
    shown = office.asked(source="pintu", policy="add")
    assert shown.lines == ("missing   17 Budi Santoso",)
    assert called(sim) == {}
    office.asked(source="pintu", policy="add", plan=shown.plan, by="rudi")
    assert called(sim) == {"17": "Budi Santoso"}


def test_one_that_does_not_call_is_not_waited_for_for_ever(
    office: PushOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drivers.zkteco.push.source.WITHIN_S", 0.05)
    sim = office.push_terminal()
    sim.stop()
    office.adopt(known("17", "budi"))
    office.turn("pintu")
    status = office.enlisting.status()["pintu"]
    assert "told of 0 users" in status.trouble or "which protocol" in status.trouble
    with pytest.raises(CannotDo, match="pintu"):
        office.asked(source="pintu")


def test_what_is_read_over_4370_as_well_goes_by_that(office: PushOffice) -> None:
    terminal = office.terminal()
    sim = office.push_terminal(serial="LOBI")
    office.adopt(known("17", "budi"))
    for name in ("lobi", "pintu"):
        office.turn(name)
    assert names(terminal) == {"17": "Budi Santoso"}
    assert not [one for one in sim.executed if "USERINFO" in one]
    assert office.enlisting.status()["pintu"].trouble == "this terminal's users go by source lobi"
    with pytest.raises(CannotDo, match="go by source lobi"):
        office.asked(source="pintu")
    office.options["lobi"] = structs.replace(office.options["lobi"], users=Users.OFF)
    office.enlisting = Enlisting(office.collectors, office.options, office.rosters, office.here)
    office.enlisting.look_again()
    office.turn("pintu")
    assert called(sim) == {"17": "Budi Santoso"}
