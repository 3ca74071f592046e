"""Evidence: what is known of one person, and what is proved of the sources where people punch.

All moments are milliseconds since 1970-01-01 UTC, true time as far as it is known.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence

from msgspec import Struct

from sync.worktime.book import Place
from sync.worktime.rules import Absence, Dated, PinGrant, Post


class Punch(Struct, frozen=True, kw_only=True, gc=False):
    """Somebody punched at `at`, give or take `error_ms`.

    Attributes:
        likely: the likeliest moment of these, which the screen showed; None for `at`, their middle.
        method: how the terminal verified the person, a driver's word.
        ref: names the entry; a judged duty names its punches by it.
        doubted: it may as well be another's, or of another time: it counts for nobody, but nothing
            may be said that it would disprove.
    """

    at: int
    error_ms: int
    kiosk: str
    source: str
    method: str
    ref: str
    doubted: bool = False
    likely: int | None = None

    @property
    def shown(self) -> int:
        """Return the moment to show; nothing is judged by it."""
        return self.at if self.likely is None else self.likely


class Stretch(Struct, frozen=True, kw_only=True):
    """From `begin` to `until`, that one excluded, something holds of a source.

    As coverage: its record was read completely. As outage: it is proved that nobody could punch.
    """

    kiosk: str
    source: str
    begin: int
    until: int


class Reach(Dated, frozen=True, kw_only=True, omit_defaults=True):
    """On these days the person could have punched at a source."""

    kiosk: str
    source: str


class Case(Struct, frozen=True, kw_only=True):
    """What is known of one person and of nobody else, in any order, for the days that are judged
    and three more on either side (`duties.REACH_DAYS`).

    Attributes:
        posts: where the person belonged.
        reach: every source at which the person could have punched, that of a guest's host and of
            a second factor too. Where it is empty nothing is ever proved.
    """

    person: str
    posts: Sequence[Post]
    punches: Sequence[Punch] = ()
    reach: Sequence[Reach] = ()
    absences: Sequence[Absence] = ()
    pin_grants: Sequence[PinGrant] = ()


class Watch:
    """What is proved of all sources: made once, asked for everybody."""

    def __init__(self, coverage: Iterable[Stretch], outages: Iterable[Stretch]) -> None:
        self._coverage = _joined(coverage)
        self._outages = _joined(outages)

    def is_covered(self, place: Place, begin: int, until: int) -> bool:
        """Return whether all of it was read completely."""
        begins, untils = self._coverage.get(place, _NOTHING)
        index = bisect_right(begins, begin) - 1
        return index >= 0 and until <= untils[index]

    def is_out(self, place: Place, begin: int, until: int, least_ms: int = 0) -> bool:
        """Return whether nobody could punch there for a part of it, in an outage of `least_ms`."""
        begins, untils = self._outages.get(place, _NOTHING)
        met = range(bisect_right(untils, begin), bisect_left(begins, until))
        return any(untils[index] - begins[index] >= least_ms for index in met)


_Line = tuple[list[int], list[int]]
"""Stretches that do not touch, in order: where they begin, and where they end."""

_NOTHING: _Line = ([], [])


def _joined(stretches: Iterable[Stretch]) -> dict[Place, _Line]:
    lines: defaultdict[Place, _Line] = defaultdict(lambda: ([], []))
    for one in sorted(stretches, key=lambda one: one.begin):
        begins, untils = lines[one.kiosk, one.source]
        if one.until <= one.begin:
            continue
        if untils and one.begin <= untils[-1]:
            untils[-1] = max(untils[-1], one.until)
        else:
            begins.append(one.begin)
            untils.append(one.until)
    return dict(lines)
