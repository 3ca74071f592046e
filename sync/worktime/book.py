"""A rule book made ready to be asked: which plan, which shifts, which regulation, on which day.

Built once per rule book and then only read, by any number of threads. An answer does not depend on
the order of rows. What comes out is still in minutes of a day; `duties.py` makes moments of it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple, TypeVar

import msgspec

from sync.worktime.faults import BadRules, impossible
from sync.worktime.rules import (
    PATTERN,
    Dated,
    Holiday,
    Hours,
    Pair,
    Regulation,
    RuleBook,
    Shift,
    Swap,
    Table,
    Week,
    Window,
)

_REMEMBERED: Final = 65_536  # answers about (plan, day): 44 units and 30 rotas over two years

_JUST_ASKED: Final = 64  # a person's plan of a day is asked for its duties and for their zone

Place = tuple[str, str]
"""Where one punches: a kiosk and one of its sources."""


class Planned(NamedTuple):
    """A duty as the rules say it, in minutes of its day; see `rules.Shift`."""

    code: str
    start: int
    end: int
    break_min: int
    flex_min: int
    window: Window


class Plan(NamedTuple):
    """The pattern that somebody follows on a day; what an assignment comes to."""

    name: str = ""
    calendar: str = ""
    offset: int = 0
    zone: str = ""


NO_PLAN: Final = Plan()


class Book:
    """The rules, asked by person, unit and day.

    Raises BadRules when built of rows that cannot be (`faults.impossible`).
    """

    def __init__(self, rules: RuleBook) -> None:
        if faults := impossible(rules):
            raise BadRules("; ".join(faults))
        self._weeks = _by(lambda row: row.plan, rules.weeks, _rank)
        self._rotations = _by(lambda row: row.plan, rules.rotations, _since)
        self._shifts = _by(lambda row: (row.code, row.unit), rules.shifts, _since)
        self._holidays = _by(lambda row: row.calendar, rules.holidays, _since)
        self._groups = _by(lambda row: row.person, rules.groups, _since)
        self._assigned = _by(
            lambda row: (row.person, row.group, row.unit), rules.assignments, _since
        )
        self._tables = _by(lambda row: (row.person, row.group), rules.tables, _edition)
        self._regulations = _by(lambda row: row.unit, rules.regulations, _since)
        self._pairs = _by(_ends, (*rules.pairs, *map(_turned, rules.pairs)), _since)
        self._given, self._taken = _swapped(rules.swaps)
        self._plan = lru_cache(_JUST_ASKED)(self._find_plan)
        self._pattern = lru_cache(_REMEMBERED)(self._find_pattern)
        self._regulation = lru_cache(_REMEMBERED)(self._find_regulation)

    def plan(self, person: str, unit: str, day: date) -> Plan:
        """Return the plan that the most specific assignment gives; `NO_PLAN` without one."""
        return self._plan(person, unit, day)

    def regulation(self, unit: str, day: date) -> Regulation:
        """Return how duties of `unit` that begin on `day` are judged."""
        return self._regulation(unit, day)

    def groups(self, person: str, day: date) -> list[str]:
        """Return the groups of a person, the one joined last first."""
        return [row.group for row in self._groups.get(person, ()) if row.covers(day)]

    def holiday(self, calendar: str, day: date) -> Holiday | None:
        """Return what makes `day` free for those who follow `calendar`."""
        return _holding(self._holidays.get(calendar), day)

    def planned(self, person: str, unit: str, day: date) -> Sequence[Planned]:
        """Return the duties that begin on `day`, swaps included."""
        own = () if (person, day) in self._given else self._unswapped(person, unit, day)
        for other in self._taken.get((person, day), ()):
            own = (*own, *self._unswapped(other, unit, day))
        return own

    def are_paired(self, one: Place, other: Place, day: date) -> bool:
        """Return whether a second factor given at `other` goes with a punch at `one`."""
        return one == other or _holding(self._pairs.get((one, other)), day) is not None

    def paired(self, place: Place, day: date) -> list[Place]:
        """Return the other places at which a second factor for a punch at `place` may be given."""
        pairs = (_holding(rows, day) for ends, rows in self._pairs.items() if ends[0] == place)
        return sorted({(one.other_kiosk, one.other_source) for one in pairs if one is not None})

    def _find_plan(self, person: str, unit: str, day: date) -> Plan:
        row = _holding(self._assigned.get((person, "", "")), day)
        for group in () if row else self.groups(person, day):
            if row := _holding(self._assigned.get(("", group, "")), day):
                break
        row = row or _holding(self._assigned.get(("", "", unit)), day)
        return Plan(row.plan, row.calendar, row.offset, row.zone) if row else NO_PLAN

    def _unswapped(self, person: str, unit: str, day: date) -> tuple[Planned, ...]:
        codes = self._listed(person, day)
        if codes is None:
            return self._pattern(self.plan(person, unit, day), unit, day)
        found: list[Planned] = []
        for code in codes:
            if code == PATTERN:
                found += self._pattern(self.plan(person, unit, day), unit, day)
            else:
                found += self._shift(code, unit, day)
        return tuple(found)

    def _listed(self, person: str, day: date) -> Sequence[str] | None:
        """Return the codes that a table says, the person's before the groups'; None for none."""
        if not self._tables:
            return None
        keys = [(person, ""), *(("", group) for group in self.groups(person, day))]
        for key in keys:
            for table in self._tables.get(key, ()):
                index = (day - table.first).days
                if 0 <= index < len(table.days) and (codes := table.days[index]) is not None:
                    return codes
        return None

    def _find_pattern(self, plan: Plan, unit: str, day: date) -> tuple[Planned, ...]:
        if plan.calendar and self.holiday(plan.calendar, day):
            return ()
        if rotation := _holding(self._rotations.get(plan.name), day):
            turn = ((day - rotation.anchor).days + plan.offset) % len(rotation.cycle)
            return tuple(
                one for code in rotation.cycle[turn] for one in self._shift(code, unit, day)
            )
        if week := _holding(self._weeks.get(plan.name), day):
            return tuple(
                _planned(plan.name, hours) for hours in week.hours if day.isoweekday() in hours.days
            )
        return ()

    def _shift(self, code: str, unit: str, day: date) -> tuple[Planned, ...]:
        for key in ((code, unit), (code, "")):
            if shift := _holding(self._shifts.get(key), day):
                return (_planned(code, shift),)
        return ()

    def _find_regulation(self, unit: str, day: date) -> Regulation:
        own = _holding(self._regulations.get(unit), day)
        return own or _holding(self._regulations.get(""), day) or Regulation()


def _planned(code: str, row: Hours | Shift) -> Planned:
    return Planned(code, row.start, row.end, row.break_min, row.flex_min, row.window)


_Row = TypeVar("_Row")
_Held = TypeVar("_Held", bound=Dated)
_Key = TypeVar("_Key")


def _since(row: Dated) -> tuple[object, ...]:
    return (row.since or date.min,)


def _by(
    key: Callable[[_Row], _Key],
    rows: Iterable[_Row],
    rank: Callable[[_Row], tuple[object, ...]],
) -> dict[_Key, list[_Row]]:
    """Return the rows under their keys, the one that goes first at the head.

    Two rows of equal rank are told apart by what they say, so that their order is of no meaning.
    """
    found: defaultdict[_Key, list[_Row]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    for same in found.values():
        if len(same) > 1:
            same.sort(key=lambda row: (*rank(row), msgspec.json.encode(row)), reverse=True)
    return dict(found)


def _holding(rows: Iterable[_Held] | None, day: date) -> _Held | None:
    """Return the first row that holds on `day`."""
    for row in rows or ():
        if row.covers(day):
            return row
    return None


def _rank(week: Week) -> tuple[object, ...]:
    return (week.rank, *_since(week))


def _edition(table: Table) -> tuple[object, ...]:
    return (table.edition, table.first)


def _ends(pair: Pair) -> tuple[Place, Place]:
    return (pair.kiosk, pair.source), (pair.other_kiosk, pair.other_source)


def _turned(pair: Pair) -> Pair:
    return Pair(
        kiosk=pair.other_kiosk,
        source=pair.other_source,
        other_kiosk=pair.kiosk,
        other_source=pair.source,
        since=pair.since,
        until=pair.until,
    )


_OnDay = tuple[str, date]


def _swapped(swaps: Iterable[Swap]) -> tuple[set[_OnDay], dict[_OnDay, list[str]]]:
    """Return who gave which day's duties away, and whose they do on a day instead."""
    given: set[_OnDay] = set()
    taken: defaultdict[_OnDay, list[str]] = defaultdict(list)
    for swap in sorted(swaps, key=msgspec.json.encode):
        mine, theirs = (swap.person, swap.day), (swap.other, swap.other_day)
        if mine not in given and theirs not in given:
            given |= {mine, theirs}
            taken[swap.person, swap.other_day].append(swap.other)
            taken[swap.other, swap.day].append(swap.person)
    return given, dict(taken)
