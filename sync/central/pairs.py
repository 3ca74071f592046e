"""Two people whose punches at one terminal are always seconds apart: one may punch for both. Pure.

In a queue at 07:25 everybody stands behind somebody, and colleagues who drive together stand
together. So a couple is named only if it is together far more often than the queue explains:

    together   in how many halves of days both punched at one terminal within `WITHIN_MS`
    chances    in how many they both punched at all
    expected   how often it would have been by the queue alone: for each of those halves, which part
               of the others who punched there then was as near
    usual      how often the middle one of all others who were ever near one of them was

It proves nothing. A person looks, and may know why.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from statistics import median
from typing import Final, NamedTuple

from msgspec import Struct

WITHIN_MS: Final = 10_000
"""Punches that are so near are together: the time in which one hand does both."""

LEAST_TIMES: Final = 6
"""Together less often than that in a month says nothing."""

LEAST_SHARE: Final = 0.5
"""Of the halves in which both punched: less is coincidence."""

FAR_ABOVE: Final = 4
"""So many times as often as the queue explains, or as with others."""


class Stood(NamedTuple):
    """Somebody punched: `half` 0 before noon, 1 after."""

    person: str
    terminal: str
    day: date
    half: int
    at: int


class Couple(Struct, frozen=True, kw_only=True):
    """Two people who are together more often than a queue explains.

    Attributes:
        days: on which days, and how far apart at most on each, ms.
    """

    person: str
    other: str
    together: int
    chances: int
    expected: float
    usual: float
    days: Mapping[date, int]

    @property
    def share(self) -> float:
        """Return in which part of their chances they were together."""
        return self.together / self.chances if self.chances else 0.0


_Half = tuple[date, int]
_At = tuple[str, date, int]


def couples(stood: Iterable[Stood], within_ms: int = WITHIN_MS) -> list[Couple]:
    """Return the couples to be looked at, the most often together first."""
    by_place: defaultdict[_At, list[Stood]] = defaultdict(list)
    halves: defaultdict[str, set[_Half]] = defaultdict(set)
    for one in stood:
        by_place[one.terminal, one.day, one.half].append(one)
        halves[one.person].add((one.day, one.half))
    met: defaultdict[tuple[str, str], dict[_Half, int]] = defaultdict(dict)
    crowd: defaultdict[str, dict[_At, float]] = defaultdict(dict)
    for at, there in by_place.items():
        near = _near(there, within_ms)
        people = {one.person for one in there}
        beside: Counter[str] = Counter()
        for (person, other), apart in near.items():
            half = (at[1], at[2])
            met[person, other][half] = min(apart, met[person, other].get(half, apart))
            beside[person] += 1
            beside[other] += 1
        for person, times in beside.items():
            # One of them is the other of the couple: what the queue does, the rest tells.
            crowd[person][at] = (times - 1) / (len(people) - 2) if len(people) > 2 else 0.0
    nearest = _nearest(met)
    found = []
    for (person, other), when in met.items():
        together = len(when)
        if together < LEAST_TIMES:
            continue
        chances = len(halves[person] & halves[other])
        expected = max(sum(crowd[who].values()) for who in (person, other))
        usual = max(_usual(nearest[person], other), _usual(nearest[other], person))
        couple = Couple(
            person=person,
            other=other,
            together=together,
            chances=chances,
            expected=round(expected, 1),
            usual=usual,
            days=_days(when),
        )
        if couple.share >= LEAST_SHARE and together >= FAR_ABOVE * max(expected, usual, 1):
            found.append(couple)
    return sorted(found, key=lambda couple: (-couple.together, couple.person, couple.other))


def _near(there: Sequence[Stood], within_ms: int) -> dict[tuple[str, str], int]:
    """Return who was near whom, each couple in the order of ids, and how far apart at least."""
    found: dict[tuple[str, str], int] = {}
    window: list[Stood] = []
    for one in sorted(there, key=lambda one: one.at):
        window = [other for other in window if one.at - other.at <= within_ms]
        for other in window:
            if other.person != one.person:
                first, second = sorted((one.person, other.person))
                apart = one.at - other.at
                found[first, second] = min(apart, found.get((first, second), apart))
        window.append(one)
    return found


def _nearest(met: Mapping[tuple[str, str], Mapping[_Half, int]]) -> dict[str, Counter[str]]:
    """Return how often each person was together with each other."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for (person, other), when in met.items():
        found[person][other] = found[other][person] = len(when)
    return found


def _usual(nearest: Counter[str], other: str) -> float:
    """Return how often the middle one of all but `other` was: a third who is always there too,
    by the same hand, is no measure of the queue.
    """
    return median([times for person, times in nearest.items() if person != other] or [0])


def _days(when: Mapping[_Half, int]) -> dict[date, int]:
    days: dict[date, int] = {}
    for (day, _), apart in sorted(when.items()):
        days[day] = max(apart, days.get(day, 0))
    return days
