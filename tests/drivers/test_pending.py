"""The punches of a source without a record: each once, until it is on disk."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import Credential, Event, Method, Punch, Reading
from drivers.ordinals import TURN
from drivers.pending import COVER_EVERY_S, Pending

NOON = datetime(2026, 11, 27, 5, 0, 0, 600_000, tzinfo=UTC)  # 12.00 in Jakarta


class Clock:
    """The kiosk's clock and the monotonic one; each goes its own way."""

    def __init__(self) -> None:
        self.at = NOON
        self.at_s = 50.0

    def __call__(self) -> datetime:
        return self.at

    def now_s(self) -> float:
        return self.at_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pending(clock: Clock) -> Pending:
    made = Pending(clock, "Asia/Jakarta", clock.now_s)
    made.begin(None)
    return made


def came(pending: Pending, user: str, ago_s: float = 0.0) -> Punch:
    return pending.add("M1", Credential.FINGER_SLOT, user, Method.FINGERPRINT, b"raw", ago_s)


def test_a_punch_is_dated_by_the_kiosks_clock_in_the_zone(pending: Pending) -> None:
    assert came(pending, "u1") == Punch(
        terminal="M1",
        credential=Credential.FINGER_SLOT,
        user="u1",
        time="2026-11-27T12:00:00",
        method=Method.FINGERPRINT,
        raw=b"raw",
    )
    assert came(pending, "u2", 1.0).time == "2026-11-27T11:59:59"
    assert came(pending, "u3", -5.0).time == "2026-11-27T12:00:00"  # nobody comes later than now
    assert pending.seen == 3


def test_who_punches_twice_in_a_second_is_told_apart(pending: Pending) -> None:
    assert [came(pending, "u1").ordinal for _ in range(3)] == [1, 2, 3]
    assert came(pending, "u2").ordinal == 1


def test_each_is_told_in_its_order_until_it_is_on_disk(pending: Pending) -> None:
    assert pending.reading() is None
    first, second = came(pending, "u1"), came(pending, "u2")
    for one in (first, second):
        reading = pending.reading()
        assert reading is not None
        assert reading == pending.reading()
        assert reading.punches == (one,)
        assert pending.confirm(reading)
    assert pending.reading() is None


def test_only_what_waits_can_be_confirmed(pending: Pending) -> None:
    assert not pending.confirm(Reading(punches=()))
    punch = came(pending, "u1")
    told = pending.reading()
    assert told is not None
    twin = Punch(**{name: getattr(punch, name) for name in punch.__struct_fields__})
    assert twin == punch
    assert not pending.confirm(Reading(punches=(twin,)))
    assert not pending.confirm(pending.watched(proves=True))
    assert pending.confirm(told)
    assert not pending.confirm(told)


def test_an_event_waits_in_its_turn(pending: Pending) -> None:
    pending.note("reader_tampered", {"port": "fp0"})
    came(pending, "u1")
    reading = pending.reading()
    assert reading is not None
    assert reading.punches == ()
    assert reading.events == (
        Event(action="reader_tampered", time="2026-11-27T12:00:00", detail={"port": "fp0"}),
    )
    assert pending.confirm(reading)
    after = pending.reading()
    assert after is not None
    assert [punch.user for punch in after.punches] == ["u1"]


def test_what_waits_survives_that_the_source_is_opened_anew(pending: Pending) -> None:
    punch = came(pending, "u1")
    pending.begin(None)
    assert pending.seen == 0
    reading = pending.reading()
    assert reading is not None
    assert reading.punches == (punch,)
    assert pending.confirm(reading)


def test_that_it_watched_is_due_at_once_and_then_every_quarter_of_an_hour(
    pending: Pending, clock: Clock
) -> None:
    assert pending.is_due
    told = pending.watched(proves=True)
    assert told.tail is not None
    assert (told.tail.through, told.tail.records) == ("2026-11-27T12:00:00", 0)
    assert told.lasting
    assert not pending.is_due
    clock.at_s += COVER_EVERY_S - 1
    clock.at += timedelta(days=1)  # the wall clock may jump, and makes nothing due
    assert not pending.is_due
    clock.at_s += 1
    assert pending.is_due
    came(pending, "u1")
    assert not pending.is_due  # first what waits


def test_who_could_not_have_seen_anybody_proves_nothing(pending: Pending) -> None:
    told = pending.watched(proves=False)
    assert told.tail is None
    assert told.position is not None


def test_a_second_that_comes_again_makes_no_second_origin(clock: Clock) -> None:
    """The clock is set back over a restart: the same person, the same second, another punch."""
    before = Pending(clock, "Asia/Jakarta", clock.now_s)
    before.begin(None)
    first = came(before, "u1")
    position = before.watched(proves=True).position
    after = Pending(clock, "Asia/Jakarta", clock.now_s)
    after.begin(position)
    again = came(after, "u1")
    assert (again.user, again.time) == (first.user, first.time)
    assert again.ordinal == 1 + TURN
    clock.at += timedelta(seconds=3 * COVER_EVERY_S)
    assert came(after, "u1").ordinal == 1


def test_a_second_that_comes_again_while_it_is_opened_anew_makes_none_either(
    pending: Pending,
) -> None:
    assert came(pending, "u1").ordinal == 1
    pending.begin(None)
    assert came(pending, "u1").ordinal == 2


@pytest.mark.parametrize("zone", ["Asia/Makassar", "UTC"])
def test_other_zones(clock: Clock, zone: str) -> None:
    pending = Pending(clock, zone, clock.now_s)
    pending.begin(None)
    hours = {"Asia/Makassar": 13, "UTC": 5}[zone]
    assert came(pending, "u1").time == f"2026-11-27T{hours:02}:00:00"


@given(
    st.lists(
        st.sampled_from(["u1", "u2", "event", "confirm", "tell", "open", "second", "watch"]),
        max_size=60,
    )
)
def test_whatever_happens_each_is_told_once_and_in_order(steps: list[str]) -> None:
    clock = Clock()
    pending = Pending(clock, "Asia/Jakarta", clock.now_s)
    pending.begin(None)
    made: list[Punch | None] = []
    taken: list[Punch | None] = []
    position = None

    def confirm() -> None:
        reading = pending.reading()
        if reading is not None:
            taken.extend(reading.punches or [None])
            assert pending.confirm(reading)

    for step in steps:
        match step:
            case "u1" | "u2":
                made.append(came(pending, step))
            case "event":
                pending.note("noted", {})
                made.append(None)
            case "confirm":
                confirm()
            case "tell":
                pending.reading()
            case "open":
                pending.begin(position)
            case "second":
                clock.at += timedelta(seconds=1)
                clock.at_s += 1
            case "watch" if pending.is_due:
                position = pending.watched(proves=True).position
    while pending.reading() is not None:
        confirm()
    assert taken == made
    origins = [(one.user, one.time, one.ordinal) for one in made if one is not None]
    assert len(set(origins)) == len(origins)


def test_where_somebody_may_have_been_missed_nothing_is_proved(
    pending: Pending, clock: Clock
) -> None:
    pending.watched(proves=True)
    clock.at += timedelta(minutes=15)
    told = pending.watched(proves=True, lost="a bad line")
    assert told.tail is None
    assert told.position is not None
    assert told.lost is not None
    assert (told.lost.since, told.lost.until) == ("2026-11-27T12:00:00", "2026-11-27T12:15:00")
