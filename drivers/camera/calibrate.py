"""What a site's own people say about its threshold.

numpy in blocks: 100,000 rows need 0.3 GB, and minutes.

Everybody plays the stranger for everybody else: for each two people, the highest score between
their templates. From it comes p(t), the probability that a stranger reaches t with one person; of
n people, someone is reached with 1 - (1 - p)^n.

What is assumed, and where it errs:
- Strangers are like the people of the site. That is the point of it: engines differ between
  groups of people by more than a factor of ten. Whoever expects others must not rely on it.
- The highest of several templates against several is more than a visit reaches, which compares
  one mean template: p is too high rather than too low. The margin is not counted in its favour.
- Beyond what was seen often enough (`SEEN` pairs), p(t) is an exponential tail through the highest
  scores. Drawn from parts of the press's pictures (60, 150, 300 people of 832; 25 times each) it
  said 2.5, 1.9 and 1.8 times (median) what all 832 show at 0.50; in one of ten draws less than
  0.66, 0.94 and 0.88 times. A Pareto tail of free shape said nothing at all in one of ten.
  Below `PAIRS_FOR_TAIL` pairs there is no tail to be seen: p is that of a normal distribution, an
  estimate and no more, and no other threshold is recommended than the one in force.
- Pairs share people, so they are worth fewer than they count.
- Two ids that are nearer than `DOUBLE` are taken for one person and are left out of p(t); the
  nearest pair is named, for a person to look at.
"""

import math
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from drivers.camera.engine import Metric, Vector
from drivers.camera.gallery import Gallery
from drivers.camera.rules import Rules
from drivers.faces import PAIRS_FOR_TAIL, Calibration

SEEN: Final = 10
TAIL_SHARE: Final = 0.005
TAIL_LEAST: Final = 50
TAIL_MOST: Final = 5000
DOUBLE: Final = {Metric.COSINE: 0.70, Metric.EUCLIDEAN: 0.65}
FLOOR: Final = {Metric.COSINE: 0.45, Metric.EUCLIDEAN: 0.60}
"""No lower threshold is recommended, however few the people: strangers are not few."""
CEILING: Final = 0.95
MARGINS: Final = (0.05, 0.15)
"""The least and the most that is recommended."""
A_YEAR: Final = 365
QUANTILES: Final = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)
BLOCK_ROWS: Final = 256
BINS: Final = 4000
_SPAN: Final = (-3.0, 1.0)
"""Scores: cosines, and 1 - distance of vectors whose distance is below 4."""

Rows = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]


def calibrate(
    gallery: Gallery,
    model: str,
    rules: Rules,
    visits: int,
    meanwhile: Callable[[], None] = lambda: None,
) -> Calibration:
    """Measure a gallery for `visits` strangers a day.

    `meanwhile` is called again and again, some milliseconds apart; what it raises ends it.
    """
    seen = _Seen(gallery, rules, meanwhile)
    tail = _tail(seen)
    people = seen.people

    def daily(threshold: float) -> float:
        return visits * -math.expm1(people * math.log1p(-min(tail(threshold), 1 - 1e-12)))

    known = seen.pairs >= PAIRS_FOR_TAIL
    recommended = rules.threshold
    if known:
        recommended = _least(lambda threshold: daily(threshold) * A_YEAR < 1, FLOOR[rules.metric])
    outgrown = ""
    expected = daily(rules.threshold) if people else 0.0
    if known:
        outgrown = _outgrown(people, expected, rules.threshold, recommended, seen.genuine_low)
    return Calibration(
        model=model,
        people=people,
        pairs=seen.pairs,
        quantiles=seen.quantiles(),
        nearest=seen.nearest,
        expected_daily=expected,
        visits=visits,
        threshold=rules.threshold,
        margin=rules.margin,
        recommended_threshold=recommended,
        recommended_margin=seen.margin(),
        genuine_lowest=seen.genuine_lowest,
        outgrown=outgrown,
    )


class _Seen:
    """One pass over all pairs of rows: what is kept of them."""

    def __init__(self, gallery: Gallery, rules: Rules, meanwhile: Callable[[], None]) -> None:
        self._rules = rules
        self._starts = np.array(
            [
                row
                for row, person in enumerate(gallery.persons)
                if row == 0 or person != gallery.persons[row - 1]
            ],
            dtype=np.int64,
        )
        self.people = len(self._starts)
        self.pairs = self.people * (self.people - 1) // 2
        self.doubles = 0
        self.highest: Scores = np.empty(0, dtype=np.float32)
        self.nearest: tuple[str, str, float] | None = None
        self.genuine_lowest: float | None = None
        self._genuine: list[float] = []
        self._lead = 0.0
        self._counts = np.zeros(BINS, dtype=np.int64)
        names = [gallery.persons[start] for start in self._starts]
        everybody = np.arange(self.people)
        ends = np.append(self._starts[1:], len(gallery.vectors))
        for people, rows in _blocks(self._starts, ends):
            meanwhile()
            scores = _by_person(gallery.vectors, rows, self._starts, ends, rules.metric)
            firsts = self._starts[people] - rows.start
            block = np.maximum.reduceat(scores, firsts, axis=0)
            self._take(people.start, block, everybody > everybody[people, None], names)
            for person in range(people.start, people.stop):
                own = slice(int(self._starts[person]), int(ends[person]))
                others = scores[own.start - rows.start : own.stop - rows.start]
                others[:, person] = -np.inf
                self._own(gallery.vectors[own], others.max(axis=1))

    def _take(
        self, first: int, block: Scores, later: npt.NDArray[np.bool_], names: list[str]
    ) -> None:
        """Take the scores of a few people, from `first` on, with those who come `later`."""
        scores = block[later]
        if not scores.size:
            return
        best = float(scores.max())
        if self.nearest is None or best > self.nearest[2]:
            one, other = np.argwhere(later & (block == best))[0]
            self.nearest = names[first + int(one)], names[int(other)], best
        width = (_SPAN[1] - _SPAN[0]) / BINS
        bins = np.clip((scores - _SPAN[0]) / width, 0, BINS - 1).astype(np.int32)
        self._counts += np.bincount(bins, minlength=BINS)
        double = DOUBLE[self._rules.metric]
        self.doubles += int((scores >= double).sum())
        least = self.highest.min() if len(self.highest) >= TAIL_MOST else -np.inf
        pool = np.concatenate([self.highest, scores[(scores < double) & (scores > least)]])
        if len(pool) > TAIL_MOST:
            pool = np.partition(pool, len(pool) - TAIL_MOST)[-TAIL_MOST:]
        self.highest = pool

    def _own(self, rows: Vector, others: Scores) -> None:
        """Look at one person's rows: how near they are to each other, and who else is nearer."""
        if len(rows) < 2:
            return
        inside = _scores(rows, rows, self._rules.metric)
        different = inside[np.triu_indices(len(rows), 1)]
        lowest = float(different.min())
        if self.genuine_lowest is None or lowest < self.genuine_lowest:
            self.genuine_lowest = lowest
        np.fill_diagonal(inside, -np.inf)
        self._genuine += inside.max(axis=1).tolist()
        named = (others >= self._rules.threshold) & (others < DOUBLE[self._rules.metric])
        if named.any():
            self._lead = max(self._lead, float((others - inside.max(axis=1))[named].max()))

    @property
    def genuine_low(self) -> float | None:
        """Return what a twentieth of the pictures do not reach with the nearest of their own."""
        return float(np.quantile(self._genuine, 0.05)) if self._genuine else None

    def normal(self) -> tuple[float, float]:
        """Return mean and spread of all pairs' scores, from the counts."""
        width = (_SPAN[1] - _SPAN[0]) / BINS
        middles = _SPAN[0] + width * (np.arange(BINS) + 0.5)
        total = max(int(self._counts.sum()), 1)
        mean = float((self._counts * middles).sum()) / total
        spread = float((self._counts * (middles - mean) ** 2).sum()) / total
        return mean, max(math.sqrt(spread), 0.02)

    def quantiles(self) -> dict[str, float]:
        """Return the quantiles that are supported by at least `SEEN` pairs, and the highest."""
        if self.nearest is None:
            return {}
        width = (_SPAN[1] - _SPAN[0]) / BINS
        below = np.cumsum(self._counts)
        found = {
            f"{share:g}": round(_SPAN[0] + width * (int(np.searchsorted(below, share * n)) + 1), 4)
            for share in QUANTILES
            if (n := self.pairs) * (1 - share) >= SEEN
        }
        return found | {"1": round(self.nearest[2], 4)}

    def margin(self) -> float:
        """Return the margin by which no row, held out, would name somebody else."""
        least, most = MARGINS
        return min(most, max(least, math.ceil(self._lead * 100) / 100)) if self.pairs else least


def _blocks(starts: Rows, ends: Rows) -> Iterator[tuple[slice, slice]]:
    """Yield a few whole people and their rows, again and again."""
    person = 0
    while person < len(starts):
        last = int(np.searchsorted(ends, starts[person] + BLOCK_ROWS, side="right"))
        last = max(last, person + 1)
        yield slice(person, last), slice(int(starts[person]), int(ends[last - 1]))
        person = last


def _by_person(vectors: Vector, rows: slice, starts: Rows, ends: Rows, metric: Metric) -> Scores:
    """Return the scores of a few rows with everybody: with each person's nearest row."""
    best: Scores = np.full((rows.stop - rows.start, len(starts)), -np.inf, dtype=np.float32)
    for nth in range(int((ends - starts).max())):
        # One row of each person at a time: a maximum of two matrices is fast, one along uneven
        # slices is not.
        have = np.flatnonzero(ends - starts > nth)
        scores = _scores(vectors[rows], vectors[starts[have] + nth], metric)
        if len(have) == len(starts):
            np.maximum(best, scores, out=best)
        else:
            best[:, have] = np.maximum(best[:, have], scores)
    return best


def _scores(some: Vector, others: Vector, metric: Metric) -> Scores:
    product: Scores = some @ others.T
    if metric is Metric.COSINE:
        return product
    squares = np.einsum("ij,ij->i", some, some)[:, None] + np.einsum("ij,ij->i", others, others)
    distance: Scores = np.sqrt(np.maximum(squares - 2 * product, 0))
    return 1 - distance


def _tail(seen: _Seen) -> Callable[[float], float]:
    """Return p(t), as the head of this module has it."""
    pairs = max(seen.pairs - seen.doubles, 1)
    highest = np.sort(seen.highest)

    def counted(threshold: float) -> int:
        return int(len(highest) - np.searchsorted(highest, threshold))

    if pairs < PAIRS_FOR_TAIL:
        middle, spread = seen.normal()
        return lambda threshold: math.erfc((threshold - middle) / spread / math.sqrt(2)) / 2
    size = int(min(max(pairs * TAIL_SHARE, TAIL_LEAST), TAIL_MOST, len(highest) - 1))
    start = float(highest[-size - 1])
    scale = max(float((highest[-size:] - start).mean()), 1e-6)

    def tail(threshold: float) -> float:
        if counted(threshold) >= SEEN:
            return max(counted(threshold), 1) / pairs
        return size / pairs * math.exp(-(threshold - start) / scale)

    return tail


def _least(enough: Callable[[float], bool], floor: float) -> float:
    """Return the least threshold, in hundredths, that is enough."""
    for hundredth in range(round(floor * 100), round(CEILING * 100)):
        if enough(hundredth / 100):
            return hundredth / 100
    return CEILING


def _outgrown(
    people: int, expected: float, threshold: float, recommended: float, low: float | None
) -> str:
    if expected * A_YEAR < 1:
        return ""
    said = (
        f"{people} people: at threshold {threshold:.2f} a stranger is named "
        f"{expected * A_YEAR:.1f} times a year, expected below 1"
    )
    if low is not None and recommended > low:
        return (
            f"{said}. {recommended:.2f} would keep that, but a twentieth of the pictures "
            f"score below {low:.2f} with their own person: divide the gallery between sites, or "
            "ask for a card as well"
        )
    return f"{said}. Set threshold = {recommended:.2f} at the camera"
