"""Histories that were thought of against the roster's way to the terminals."""

import itertools
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import structs

from drivers.errors import TimedOut
from drivers.options import Users
from drivers.sim.people import Person as Enrolled
from drivers.sim.zkteco import PROFILES
from drivers.sim.zktemplates import Finger
from drivers.zkteco.store import ZkStore
from kiosk.enlisting import PAGE, REMOVE_MOST
from sync.journal.errors import StorageFailed
from sync.protocol import entry
from tests.kiosk.test_enlisting import MADE, NAMES, NOW, TODAY, Office, known, names

YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr("kiosk.collect.WAIT_S", 0.02)
    one = Office(tmp_path)
    yield one
    one.close()


def test_left_fingers_are_seen_though_others_of_the_page_are_refused(office: Office) -> None:
    """Five letters-and-digits numbers end the page; 17 was written, with a stranger's finger."""
    terminal = office.terminal(profile=PROFILES["zem500"])
    terminal.terminal.fingers[17, 1] = Finger(b"somebody's, left behind")
    odd = [known(f"A{n}", "rudi") for n in range(1, 6)]
    office.adopt(known("17", "budi"), *odd)
    office.turn()
    office.enlisting.look_again()
    office.turn()
    assert names(terminal) == {"17": "Budi San"}
    assert terminal.terminal.fingers == {}


def test_left_fingers_are_seen_though_it_was_interrupted(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line broke between the write and the look for fingers."""
    terminal = office.terminal(profile=PROFILES["zem500"])
    terminal.terminal.fingers[17, 1] = Finger(b"somebody's, left behind")

    def silent(_: ZkStore) -> None:
        raise TimedOut("it is silent")

    with monkeypatch.context() as broken:
        broken.setattr(ZkStore, "templates", silent)
        office.adopt(known("17", "budi"))
        office.turn()
    office.until(lambda: office.collectors["lobi"].seen.connected)
    office.restart()
    office.turn()
    assert names(terminal) == {"17": "Budi San"}
    assert office.enlisting.status()["lobi"].counts == {"doubted": 1}
    told = [one[2]["result"] for one in office.audits if one[1] == "terminal users written"]
    assert [one.split(":")[0] for one in told] == ["failed"]  # once


def test_five_who_are_refused_hold_nobody_up_for_ever(office: Office) -> None:
    terminal = office.terminal(profile=PROFILES["zem500"])
    odd = [known(f"A{n}", "rudi") for n in range(1, 6)]
    office.adopt(*odd, known("1001", "budi"), known("1002", "siti"))
    for _ in range(3):
        office.turn()
        office.enlisting.look_again()
    assert sorted(names(terminal)) == ["1001", "1002"]


def test_an_interrupted_write_of_a_common_name_is_no_doubt(office: Office) -> None:
    """An old terminal keeps `Muhammad` of both; the row is ours, from a moment ago."""
    terminal = office.terminal(profile=PROFILES["zem500"])
    office.here.commits_left = 2  # who is who, what is begun; then what was done
    more = {"m1": "Muhammad Rizki", "m2": "Muhammad Fauzi"}
    office.adopt(known("17", "m1"), known("18", "m2"), more=more)
    with suppress(StorageFailed):
        office.turn()
    office.here.commits_left = None
    office.restart()
    office.turn()
    assert names(terminal) == {"17": "Muhammad", "18": "Muhammad"}
    assert office.enlisting.status()["lobi"].counts == {}


def test_what_was_written_before_the_card_failed_is_in_an_entry(office: Office) -> None:
    terminal = office.terminal()
    office.here.commits_left = 2  # who is who, what is begun; then what was done
    office.adopt(known("17", "budi"))
    with suppress(StorageFailed):
        office.turn()
    assert names(terminal) == {"17": "Budi Santoso"}
    office.here.commits_left = None
    office.restart()
    office.turn()
    told = {"from": "roster", "result": "interrupted; there as written: 17", "users": "17=budi"}
    assert office.audits[0] == ("kiosk", "terminal users written", told)


def test_many_who_ended_do_not_keep_budis_finger_under_sitis_number(office: Office) -> None:
    people = {f"p{n}": f"Orang Nomor {n:03}" for n in range(REMOVE_MOST + 1)}
    ended = [
        known(str(100 + n), one, until=TODAY - timedelta(days=40)) for n, one in enumerate(people)
    ]
    terminal = office.terminal(
        Enrolled("17", NAMES["budi"], uid=17),
        *(Enrolled(one.user, people[one.person]) for one in ended),
    )
    office.adopt(
        *ended, known("17", "budi", until=YESTERDAY), known("17", "siti", since=TODAY), more=people
    )
    office.turn()
    assert names(terminal)["17"] == NAMES["siti"]
    assert len(names(terminal)) == len(people) + 1


def test_the_sources_worker_lives_while_a_technician_writes_many(office: Office) -> None:
    """Its patience is a minute; 120 people of a slow terminal take longer."""
    people = {f"p{n}": f"Orang Nomor {n:03}" for n in range(120)}
    terminal = office.terminal(users=Users.REPORT)
    office.adopt(*(known(str(100 + n), one) for n, one in enumerate(people)), more=people)
    shown = office.asked(policy="add")
    loans: list[int] = []
    borrow = office.collectors["lobi"].borrow

    def counted(do: object, within_s: float) -> object:
        loans.append(len(names(terminal)))
        return borrow(do, within_s)  # type: ignore[arg-type]

    office.collectors["lobi"].borrow = counted  # type: ignore[method-assign, assignment]
    office.asked(policy="add", plan=shown.plan, by="rudi")
    assert len(names(terminal)) == 120
    loans.append(120)
    assert max(later - earlier for earlier, later in itertools.pairwise(loans)) <= PAGE


def test_budis_finger_is_not_sitis_punch_until_that_is_mended(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = office.terminal()
    office.adopt(known("17", "budi", since=YESTERDAY))
    office.turn()
    office.collectors["lobi"]._holder = lambda user: office.enlisting.holder("lobi", user)
    handed_on = [known("17", "budi", until=YESTERDAY), known("17", "siti", since=TODAY)]
    office.adopt(*handed_on, version=2)
    assert terminal.wait_until(lambda t: t.listeners == 1)
    terminal.punch("17", method=1, state=0)
    office.until(lambda: office.collectors["lobi"].seen.recorded == 1)
    said = [entry.decode(line.body or b"") for line in office.journal.reader.rows(1)]
    (one,) = [one for one in said if isinstance(one, entry.Presence)]
    assert (one.user, one.mark, one.person, one.roster) == ("17", entry.Mark.TAKEN, None, MADE + 2)
    office.turn()  # not yet: somebody has just punched
    assert names(terminal) == {"17": NAMES["budi"]}
    monkeypatch.setattr("kiosk.enlisting.QUIET_S", 0.0)
    office.turn()
    assert office.enlisting.holder("lobi", "17") == "siti"
    assert office.enlisting.holder("gerbang", "17") == ""


def test_a_roster_of_before_their_last_day_ends_nobodys_time(office: Office) -> None:
    """No line since October: central may have prolonged what this roster lets end."""
    terminal = office.terminal(Enrolled("17", NAMES["budi"]))
    made = int((NOW - timedelta(days=60)).timestamp() * 1000)
    office.adopt(known("17", "budi", until=TODAY - timedelta(days=40)), version=made)
    office.turn()
    assert names(terminal) == {"17": NAMES["budi"]}


def test_a_successor_is_looked_at_though_the_roster_is_no_news(office: Office) -> None:
    office.terminal()
    office.adopt(known("17", "budi"))
    office.turn()
    collector = office.collectors["lobi"]
    collector._standing = structs.replace(collector._standing, serial="NEW")
    collector.seen.bound_to = "NEW"
    assert collector.seen.identity is not None
    collector.seen.identity = structs.replace(collector.seen.identity, serial="NEW")
    office.restart()
    office.turn()
    assert office.enlisting._roll("lobi").remembered.serial == "NEW"
