"""Drifts: a punch's time from its terminal's clock, against a simulated truth."""

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sync.protocol import drifts
from sync.protocol.drifts import TERMINAL_PPM, Measure, Series, measured
from sync.protocol.entry import Stamp
from sync.protocol.moments import NEVER_BEFORE_MS, Known, Moment

SECOND, HOUR, DAY = 1000, 3_600_000, 86_400_000
BEGIN = NEVER_BEFORE_MS + 300 * DAY


class Shown:
    """A terminal's clock, which drifts, is set now and then, and shows whole seconds."""

    def __init__(self, dice: random.Random, sets: bool) -> None:
        self.rate = 1 + dice.uniform(-TERMINAL_PPM, TERMINAL_PPM) / 1e6
        self.sets = [(BEGIN, BEGIN + dice.randint(-DAY, DAY))]
        if sets:
            when = BEGIN + dice.randint(0, 10 * DAY)
            self.sets.append((when, when + dice.randint(-HOUR, HOUR)))

    def at(self, truth: int) -> int:
        since, shown = max(one for one in self.sets if one[0] <= truth)
        return int((shown + (truth - since) * self.rate) // SECOND * SECOND)

    @property
    def jump(self) -> int:
        """By how much its last set moved it."""
        (before, shown), (when, after) = self.sets
        return round(after - shown - (when - before) * self.rate)


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 2**32), st.booleans(), st.integers(0, 3 * HOUR))
@example(seed=20690, sets=True, kiosk_wrong=0)  # set by 95 s, behind errors of 61 s: unseen
@example(seed=184731, sets=True, kiosk_wrong=0)
def test_the_true_time_of_a_punch_is_inside(seed: int, sets: bool, kiosk_wrong: int) -> None:
    dice = random.Random(seed)
    clock = Shown(dice, sets)
    measures = []
    for _ in range(dice.randint(1, 6)):
        truth = BEGIN + dice.randint(0, 10 * DAY)
        # The kiosk's wall is wrong itself; when its entry was written is known by then.
        error = dice.choice([SECOND, 60 * SECOND])
        wall = truth + kiosk_wrong
        drift = clock.at(truth) - wall
        middle = truth + dice.randint(-error, error)
        moment = Moment(middle - error, middle + error, Known.ANCHORED)
        one = measured(drift, Stamp(wall=wall, up=1, boot="b", synced=False), moment)
        assert one is not None
        measures.append(one)
    # With the set seen between two measures, or without one, the answer holds the truth.
    series = Series(measures)
    first, last = series.measures[0].utc, series.measures[-1].utc
    punched = BEGIN + dice.randint(0, 10 * DAY)
    if sets and not first - 60 * SECOND <= punched <= last + 60 * SECOND:
        return  # nobody can know of a set that no measure has seen
    if sets and not first < clock.sets[-1][0] < last:
        return
    written = Moment(punched, punched + 20 * DAY, Known.ANCHORED)
    moment = series.moment(clock.at(punched), written)
    assert moment.earliest is not None
    assert moment.latest is not None
    unseen = abs(clock.jump) if sets and not series.steps else 0
    assert moment.earliest - unseen <= punched <= moment.latest + unseen


def test_the_error_is_what_is_known_of_it() -> None:
    series = Series([Measure(BEGIN, 90 * SECOND, SECOND)])
    written = Moment(BEGIN, BEGIN + DAY, Known.SYNCED)
    moment = series.moment(BEGIN + 90 * SECOND, written)
    assert moment.utc == BEGIN + 500
    assert moment.error == SECOND + 501  # the measure's, and the second that is not shown
    assert moment.is_known
    far = series.moment(BEGIN + 90 * SECOND - DAY, written)
    assert far.error is not None
    assert far.error == pytest.approx(SECOND + 501 + 8640, abs=20)


@given(
    offset=st.integers(-DAY, DAY),
    error=st.integers(0, HOUR),
    shown=st.integers(BEGIN - 30 * DAY, BEGIN + 30 * DAY),
    low=st.integers(BEGIN - 30 * DAY, BEGIN + 30 * DAY),
    width=st.integers(0, DAY),
)
def test_of_one_measure_before_and_after_are_one(
    offset: int, error: int, shown: int, low: int, width: int
) -> None:
    """What is found for one measure at once is what is found on either side of it."""
    one = Measure(BEGIN, offset, error)
    written = Moment(low, low + width, Known.SYNCED)
    assert Series([one]).moment(shown, written) == Series([one, one]).moment(shown, written)


def test_a_step_is_seen_and_a_punch_in_its_stretch_is_doubted() -> None:
    before, after = Measure(BEGIN, 0, SECOND), Measure(BEGIN + DAY, HOUR, SECOND)
    series = Series([after, before])
    assert series.steps == [(before, after)]
    written = Moment(BEGIN, BEGIN + 2 * DAY, Known.SYNCED)
    inside = series.moment(BEGIN + DAY // 2, written)
    assert inside.doubted
    assert inside.earliest is not None
    assert inside.latest is not None
    assert inside.earliest < BEGIN + DAY // 2 - HOUR + 10 * SECOND
    assert inside.latest > BEGIN + DAY // 2
    later = series.moment(BEGIN + DAY + 3 * HOUR, written)
    assert not later.doubted
    assert later.utc == pytest.approx(BEGIN + DAY + 2 * HOUR, abs=2 * SECOND)


def test_a_clock_that_drifts_is_no_step_and_has_a_rate() -> None:
    measures = [Measure(BEGIN + n * DAY, n * 4320, SECOND) for n in range(100)]
    measures[50] = Measure(BEGIN + 50 * DAY, 50 * 4320 + 900, SECOND)  # a slow answer
    series = Series(measures)
    assert series.steps == []
    assert series.rate_ppm == pytest.approx(50, abs=1)
    assert Series(measures[:1]).rate_ppm is None
    assert Series([*measures, Measure(BEGIN + 101 * DAY, HOUR, SECOND)]).rate_ppm is None


def test_without_measures_only_the_writing_bounds_it() -> None:
    written = Moment(BEGIN, BEGIN + SECOND, Known.SYNCED)
    assert Series([]).moment(BEGIN, written) == Moment(None, BEGIN + SECOND, Known.UNKNOWN)
    impossible = Series([Measure(BEGIN, 0, 0)]).moment(BEGIN + DAY, written)
    assert impossible == Moment(None, BEGIN + SECOND, Known.UNKNOWN, doubted=True)


def test_a_drift_against_a_clock_of_unknown_error_measures_nothing() -> None:
    at = Stamp(wall=BEGIN, up=1, boot="b", synced=False)
    assert measured(5, at, Moment(BEGIN, None, Known.UNKNOWN)) is None


numbers = st.integers(0, 10).flatmap(lambda digits: st.integers(-(10**digits), 10**digits))
some_measures = st.builds(
    lambda utc, offset, error: Measure(1_790_000_000_000 + utc, offset, abs(error)),
    *(numbers, numbers, numbers),
)


@given(st.lists(some_measures, min_size=1, max_size=6), st.integers(0, 5), numbers)
def test_no_stretch_is_left_out_in_which_the_clock_can_have_shown_it(
    measures: list[Measure], near: int, away: int
) -> None:
    series = Series(measures)
    one = measures[near % len(measures)]
    shown = one.utc + one.offset + away
    asked = [
        stretch
        for between in series._between
        for stretch in drifts._within(between.since, between.until, shown, between.by)
    ]
    assert len(measures) == 1 or list(series._candidates(shown)) == asked
