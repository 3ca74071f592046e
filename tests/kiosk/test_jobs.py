"""Calendar jobs under a clock that jumps: they neither stall nor come in a burst."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from kiosk.clock import TrustedClock
from kiosk.jobs import LOOK_EVERY_S, Calendar, Job
from kiosk.truth import Memory
from sync.protocol.entry import Anchor
from tests.kiosk.machine import DAY, HOUR, MINUTE, YEARS_10, FakeMachine

WIB = ZoneInfo("Asia/Jakarta")
EVENING = int(datetime(2026, 11, 24, 22, tzinfo=WIB).timestamp() * 1000)
LOOK = int(LOOK_EVERY_S * 1000)


class Office:
    """A machine, a clock, and two jobs that say when they ran, by the truth."""

    def __init__(self, off: int = 0, synced: bool = True) -> None:
        self.machine = FakeMachine(truth=EVENING, off=off)
        self.machine.synced = synced
        self.clock = TrustedClock(Memory(), self.machine)
        self.ran: list[tuple[str, datetime]] = []
        self.broken = False
        self.calendar = Calendar(
            [self._job("night", 2, 30), self._job("head", 0, 1, catch_up=True)],
            self.clock.belief,
        )

    def _job(self, name: str, hour: int, minute: int, catch_up: bool = False) -> Job:
        def do() -> None:
            if self.broken:
                raise OSError("no room")
            shown = datetime.fromtimestamp(self.clock.stamp().wall / 1000, UTC).astimezone(WIB)
            self.ran.append((name, shown))

        return Job(
            name=name, hour=hour, minute=minute, zone="Asia/Jakarta", do=do, catch_up=catch_up
        )

    def live(self, ms: int) -> list[str]:
        """Return what ran while so much time passed, looking as often as the daemon does."""
        before = len(self.ran)
        for _ in range(max(1, ms // LOOK)):
            self.calendar.turn()
            self.machine.pass_(LOOK)
        return [name for name, _ in self.ran[before:]]


def test_every_day_at_its_hour_and_once() -> None:
    office = Office()
    assert office.live(HOUR) == ["head"]  # made up for when armed
    assert office.live(DAY) == ["head", "night"]
    assert office.live(2 * DAY) == ["head", "night"] * 2
    assert {(f"{when:%H:%M}") for name, when in office.ran if name == "night"} == {"02:30"}
    assert {(f"{when:%H:%M}") for name, when in office.ran[1:] if name == "head"} == {"00:01"}


def test_nothing_is_armed_before_the_clock_is_trusted() -> None:
    office = Office(off=-5 * DAY, synced=False)
    assert office.live(2 * DAY) == []
    assert office.calendar.due == {}
    office.clock.told(office.machine.truth, 50, Anchor.RECEIPT)  # where NTP is blocked
    assert office.live(MINUTE) == ["head"]
    due = office.calendar.due["night"]
    assert due is not None
    assert 0 < due.timestamp() * 1000 - office.machine.truth < DAY


@pytest.mark.parametrize("step", [-HOUR, -YEARS_10 // 20, -2 * DAY])
def test_after_a_step_back_it_does_not_wait_for_the_old_time(step: int) -> None:
    office = Office()
    office.live(HOUR)
    office.machine.off = step
    assert office.live(MINUTE) == ["head"]  # armed anew; the head is signed once a day anyway
    assert sorted(office.live(DAY)) == ["head", "night"]


@pytest.mark.parametrize("step", [2 * HOUR, 6 * HOUR, 30 * DAY, YEARS_10])
def test_after_a_step_forward_nothing_comes_in_a_burst(step: int) -> None:
    office = Office()
    office.live(HOUR)
    asked = count_questions(office)
    office.machine.off = step
    assert office.live(MINUTE) == ["head"]
    assert asked() == 2  # one question for each job, not one for each missed day
    assert sorted(office.live(DAY)) == ["head", "night"]


def count_questions(office: Office):  # type: ignore[no-untyped-def]
    """Return a function that says how often a trigger was asked since."""
    asked = 0
    original = office.calendar._next

    def counted(place: int, now: datetime) -> datetime | None:
        nonlocal asked
        asked += 1
        return original(place, now)

    office.calendar._next = counted  # type: ignore[method-assign]
    return lambda: asked


def test_a_clock_that_jumps_to_and_fro_costs_one_question_a_jump() -> None:
    office = Office()
    office.live(HOUR)
    asked = count_questions(office)
    for _ in range(50):
        office.machine.off = HOUR - office.machine.off
        office.live(MINUTE)
    assert asked() <= 2 * 50 + 4


def test_what_fails_is_tried_again_and_nothing_is_forgotten() -> None:
    office = Office()
    office.broken = True
    for _ in range(3):
        with pytest.raises(OSError, match="no room"):
            office.calendar.turn()
    office.broken = False
    assert office.live(MINUTE) == ["head"]
    office.live(HOUR + 50 * MINUTE)
    office.broken = True
    office.machine.pass_(10 * MINUTE)  # past 00:01
    with pytest.raises(OSError, match="no room"):
        office.calendar.turn()
    office.broken = False
    assert office.live(MINUTE) == ["head"]


def test_a_clock_that_was_lost_for_months_says_no_hour() -> None:
    office = Office()
    office.live(HOUR)
    office.machine.synced = False
    assert sorted(office.live(DAY)) == ["head", "night"]  # still good to seconds
    office.machine.pass_(90 * DAY)
    office.live(LOOK)
    assert office.calendar.due == {}
