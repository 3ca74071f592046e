"""A terminal's clock against the truth: how wrong it was when, and so when a punch really was.

Pure, for both ends. Terminals tell naive local time from a clock of their own that drifts and that
somebody may set. The kiosk measures terminal minus kiosk; where the kiosk's clock was wrong itself,
its own error at that moment is taken out. What remains is the terminal's **offset**.

Theory. Between two measures the offset changes by at most `TERMINAL_PPM`. Where it changed by
more, somebody set the clock in between: a **step**, and nobody knows when. So a punch's time is
looked for in every stretch between two measures: wherever the terminal's clock can have shown that
time at that offset. Usually one stretch answers. Where several do (the clock was set back over it,
or set at an unknown moment), the answer holds them all and is `doubted`. A set so small that drift
and the measures' own errors explain it stays unseen: a punch beside it may be off by as much as
the clock was set.

Terminals show whole seconds, so both a measure and a punch are half a second low, give or take one
half; an answer takes its time on the way.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import combinations, pairwise
from math import inf
from statistics import median
from typing import Final, NamedTuple

from msgspec import Struct

from sync.protocol.entry import DRIFT_AGE_MOST_MS, Stamp
from sync.protocol.moments import Known, Moment

TERMINAL_PPM: Final = 100
"""Most that a terminal's clock runs fast or slow, parts per million: 8.6 seconds a day."""

HALF_SECOND_MS: Final = 500
"""What is hidden behind a whole second shown: half of it on average, and as much either way."""

EXCHANGE_MS: Final = 500
"""What asking a terminal for its time adds to the error: its answer's way."""

UNKNOWN_AGE_MS: Final = DRIFT_AGE_MOST_MS
"""A presence's own drift may have been measured so long before."""

_RATE_FROM: Final = 60  # measures that a rate is drawn from at most: 1,770 pairs


class Measure(Struct, frozen=True):
    """At `utc` the terminal's clock was `offset` ahead of the truth, give or take `error` (ms).

    `firm` is false where the kiosk's clock was known only from what came before and after.
    """

    utc: int
    offset: int
    error: int
    firm: bool = True

    def after(self, distance_ms: int) -> tuple[int, int]:
        """Return the least and the greatest offset `distance_ms` away from here."""
        error = self.error + _grown(distance_ms)
        return self.offset - error, self.offset + error


class Step(NamedTuple):
    """Between two measures the terminal's clock was set."""

    before: Measure
    after: Measure


def measured(drift: int, at: Stamp, moment: Moment, age_ms: int = 0) -> Measure | None:
    """Return the measure that a `drift` is, terminal minus the kiosk's clock as stamped in `at`.

    `moment` is when that stamp really was; None where that has no bounds. `age_ms` is how long
    before it the drift may have been measured.
    """
    if moment.utc is None or moment.error is None:
        return None
    offset = drift + at.wall - moment.utc + HALF_SECOND_MS
    error = moment.error + HALF_SECOND_MS + EXCHANGE_MS + _grown(age_ms)
    return Measure(moment.utc, offset, error, moment.how is not Known.BOUNDED)


class _Stretch(NamedTuple):
    """An interval of true time; `firm` as in a measure."""

    low: int
    high: int
    firm: bool


class Series:
    """What is known of one terminal's clock: its measures, in the order of time."""

    def __init__(self, measures: Sequence[Measure]) -> None:
        self.measures = sorted(measures, key=lambda one: one.utc)

    @property
    def steps(self) -> list[Step]:
        """Where the clock was set: what drift cannot explain."""
        return [Step(a, b) for a, b in pairwise(self.measures) if _is_step(a, b)]

    @property
    def rate_ppm(self) -> float | None:
        """How fast the clock runs away since it was last set: the median slope, robust to bad ones.

        None with fewer than two measures.
        """
        steps = self.steps
        since = self.measures.index(steps[-1].after) if steps else 0
        stretch = self.measures[since:]
        stretch = stretch[:: max(1, -(-len(stretch) // _RATE_FROM))]
        slopes = [
            (b.offset - a.offset) / (b.utc - a.utc) * 1e6
            for a, b in combinations(stretch, 2)
            if b.utc > a.utc
        ]
        return median(slopes) if slopes else None

    def moment(self, shown: int, written: Moment) -> Moment:
        """Return when the terminal's clock showed `shown` (its naive time in its zone, ms UTC).

        `written` is when the kiosk recorded it: it was not later than that.
        """
        found = []
        for one in self._candidates(shown + HALF_SECOND_MS):
            high = one.high if written.latest is None else min(one.high, written.latest)
            if one.low <= high:
                found.append(_Stretch(one.low, high, one.firm))
        if not found:
            # Nothing measured explains it: all that is sure is that it was not later.
            return Moment(None, written.latest, Known.UNKNOWN, bool(self.measures))
        found.sort()
        high, doubted = found[0].high, written.doubted
        for one in found[1:]:
            doubted = doubted or one.low > high
            high = max(high, one.high)
        how = Known.ANCHORED if all(one.firm for one in found) else Known.BOUNDED
        return Moment(found[0].low, high, how, doubted)

    def _candidates(self, shown: int) -> Iterator[_Stretch]:
        """Yield the stretches of true time in which the clock can have shown `shown`."""
        if len(self.measures) == 1:  # before it and after it are one stretch
            yield from _within(None, None, shown, self.measures)
            return
        for one in self._between:
            if one.least <= shown <= one.greatest:
                yield from _within(one.since, one.until, shown, one.by)

    @cached_property
    def _between(self) -> Sequence["_Between"]:
        """Return between which measures the clock is known by which."""
        if not self.measures:
            return []
        first, last = self.measures[0], self.measures[-1]
        found = [_between(None, first, [first]), _between(last, None, [last])]
        for a, b in pairwise(self.measures):
            if _is_step(a, b):
                found += [_between(a, b, [a]), _between(a, b, [b])]
            else:
                found.append(_between(a, b, [a, b]))
        return found


class _Between(NamedTuple):
    """Between two measures a clock is known `by` some, and shows `least` to `greatest` there.

    These two leave room: outside of them `_within` finds nothing, and there are thousands to ask.
    """

    least: float
    greatest: float
    since: Measure | None
    until: Measure | None
    by: Sequence[Measure]


def _between(since: Measure | None, until: Measure | None, by: Sequence[Measure]) -> _Between:
    least, greatest = -inf, inf
    for one in by:
        zero, spare = one.utc + one.offset, one.error + 4 * HALF_SECOND_MS
        if since is not None:
            away = one.utc - since.utc + since.error + spare
            least = max(least, zero - away - away // 1000)
        if until is not None:
            away = until.utc + until.error - one.utc + spare
            greatest = min(greatest, zero + away + away // 1000)
    return _Between(least, greatest, since, until, by)


def _within(
    since: Measure | None, until: Measure | None, shown: int, by: Sequence[Measure]
) -> Iterator[_Stretch]:
    """Yield when, between two measures, a clock known `by` some can have shown `shown`; or nothing.

    `shown` is the middle of the second that it showed.
    """
    spans = [one.after(_distance(one, shown)) for one in by]
    least, greatest = max(one[0] for one in spans), min(one[1] for one in spans)
    if least > greatest:
        return
    low, high = shown - greatest - HALF_SECOND_MS, shown - least + HALF_SECOND_MS
    if since is not None:
        low = max(low, since.utc - since.error)
    if until is not None:
        high = min(high, until.utc + until.error)
    if low <= high:
        yield _Stretch(low, high, all(one.firm for one in by))


def _distance(measure: Measure, shown: int) -> int:
    """Return the most that the moment at which a clock showed `shown` is away from `measure`."""
    away = abs(shown - measure.offset - measure.utc) + measure.error + HALF_SECOND_MS
    return away + away // 1000  # for what the clock drifts meanwhile


def _is_step(a: Measure, b: Measure) -> bool:
    least, greatest = a.after(b.utc - a.utc)
    return b.offset + b.error < least or b.offset - b.error > greatest


def _grown(distance_ms: int) -> int:
    return -(-abs(distance_ms) * TERMINAL_PPM // 1_000_000)
