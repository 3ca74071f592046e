"""The same of terminals that call."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.options import Users
from drivers.sim.people import Person as Enrolled
from drivers.sim.zkpush import PushFaults
from drivers.sim.zkpushpeople import Kept
from tests.kiosk.test_enlisting import known
from tests.kiosk.test_enlisting_push import PushOffice, called


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PushOffice]:
    monkeypatch.setattr("kiosk.collect.WAIT_S", 0.02)
    one = PushOffice(tmp_path)
    yield one
    one.close()


class KeptCard(dict[str, Kept]):
    """A table of users that gives whoever is new the card that somebody removed has had."""

    def __setitem__(self, pin: str, user: Kept) -> None:
        if pin not in self:
            user.card = 77
        super().__setitem__(pin, user)


def test_a_card_of_somebody_removed_is_not_the_next_ones(office: PushOffice) -> None:
    sim = office.push_terminal()
    sim.people.users = KeptCard(sim.people.users)
    office.adopt(known("17", "siti"))
    office.turn("pintu")
    office.enlisting.look_again()
    office.turn("pintu")
    counts = office.enlisting.status()["pintu"].counts
    assert called(sim) == {} or "doubted" in counts


def test_nobody_is_asked_while_somebody_else_is_at_it(office: PushOffice) -> None:
    """A technician's plan for a terminal that calls may take half an hour; others go on."""
    office.push_terminal(Enrolled("17", "Budi Santoso"), users=Users.ADD)
    office.adopt(known("17", "budi"))
    roll = office.enlisting._roll("pintu")
    beats: list[int] = []
    stop = threading.Event()

    def turn() -> None:
        while not stop.is_set():
            beats.append(1)
            office.enlisting.turn("pintu", stop.is_set, lambda: None)

    with roll.doing:
        worker = threading.Thread(target=turn, daemon=True)
        worker.start()
        try:
            office.until(lambda: len(beats) > 2)
        finally:
            stop.set()
    worker.join(10)
    assert not worker.is_alive()


class Numbers(dict[str, Kept]):
    """A table of users by number: 017 is 17."""

    def get(self, pin: str, default: Kept | None = None) -> Kept | None:  # type: ignore[override]
        return super().get(pin.lstrip("0"), default)

    def __setitem__(self, pin: str, user: Kept) -> None:
        super().__setitem__(pin.lstrip("0"), user)


def test_017_is_not_written_where_17_is_somebody_elses(office: PushOffice) -> None:
    sim = office.push_terminal(Enrolled("17", "Budi Santoso"))
    sim.people.users = Numbers(sim.people.users)
    office.adopt(known("17", "budi"), known("017", "siti"))
    office.turn("pintu")
    assert called(sim) == {"17": "Budi Santoso"}


def test_who_was_there_before_is_not_removed_for_being_refused_a_name(office: PushOffice) -> None:
    sim = office.push_terminal(
        Enrolled("17", "BUDI SANTOSO", card=77), faults=PushFaults(resets_users=True)
    )
    office.adopt(known("17", "budi"))
    office.turn("pintu")
    assert list(called(sim)) == ["17"]
    assert "other rights or another card" in office.audits[-1][2]["result"]


def test_whose_fingers_they_are_is_known_where_it_is_read_over_4370(office: PushOffice) -> None:
    office.terminal()
    office.push_terminal(serial="LOBI")
    office.adopt(known("17", "budi"))
    office.turn()
    assert office.enlisting.holder("pintu", "17") == "budi"
