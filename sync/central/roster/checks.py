"""Does it fit together? Everything that one row cannot know of itself. Pure.

What contradicts is a fault, and nothing is taken in; what is only odd is a warning.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from itertools import combinations
from typing import Any, Final
from zoneinfo import available_timezones

from msgspec import Struct

from sync.central.roster.layout import RULES, SHEETS, Key, Row, State
from sync.central.roster.reading import Fault
from sync.protocol.roster import (
    EVERYWHERE,
    OF_A_PERSON,
    Allowed,
    Dated,
    Grant,
    Known,
    Member,
    Unit,
    as_guest,
)
from sync.worktime import rules
from sync.worktime.faults import impossible

_REFERS: Final[Mapping[str, str]] = {"person": "people", "other": "people", "unit": "units"}
"""The fields that name a row of another sheet."""


_OF_TERMINALS: Final = ("terminal_user", "finger_slot")


class Where(Struct, frozen=True):
    """Where a row stands: in a row of the file, or among what is held (0)."""

    sheet: str
    number: int
    said: str

    def __str__(self) -> str:
        return (
            f"{self.sheet} row {self.number}" if self.number else f"{self.sheet}, held: {self.said}"
        )


class Checks:
    """Looks through the rows as they will be; `where` says where one stands."""

    def __init__(self, state: State, where: Mapping[tuple[str, Key], Where]) -> None:
        self._state = state
        self._where = where
        self.faults: list[Fault] = []
        self.warnings: list[Fault] = []
        self._faulty: set[tuple[str, Key]] = set()

    def run(self, kiosks: Collection[str]) -> None:
        """Look for all there is; `kiosks` are admitted."""
        for name, key, row in self._rows():
            self._references(name, key, row)
            self._days(name, key, row)
        self._zones()
        self._credentials()
        self._everywhere()
        self._of_persons()
        self._guests()
        self._shared()
        self._members()
        self._papers()
        self._duties()
        self._plans()
        self._book()
        for key in self._state["posts"]:
            if key[0] not in kiosks:
                self._warn("posts", key, "kiosk", f"no kiosk {key[0]!r} is admitted yet")

    def _rows(self) -> Iterator[tuple[str, Key, Row]]:
        for name, rows in self._state.items():
            for key, row in rows.items():
                yield name, key, row

    def _of(self, name: str) -> Iterator[tuple[Key, Any]]:
        yield from self._state[name].items()

    def _fault(self, sheet: str, key: Key, field: str, words: str) -> None:
        self._faulty.add((sheet, key))
        self.faults.append(self._found(sheet, key, field, words))

    def _warn(self, sheet: str, key: Key, field: str, words: str) -> None:
        self.warnings.append(self._found(sheet, key, field, words))

    def _found(self, sheet: str, key: Key, field: str, words: str) -> Fault:
        where = self._where[sheet, key]
        title = SHEETS[sheet].column(field).name if field else ""
        said = words if where.number else f"{where.said}: {words}"
        return Fault(sheet, where.number, title, said)

    # One row and those that it names.

    def _references(self, name: str, key: Key, row: Row) -> None:
        for field, to in _REFERS.items():
            value = getattr(row, field, "")
            if value and (value,) not in self._state[to]:
                words = f"{value!r} is not in the sheet {to}, and not held"
                self._fault(name, key, field, words)

    def _days(self, name: str, key: Key, row: Any) -> None:
        since, until = getattr(row, "since", None), getattr(row, "until", None)
        if since and until and until < since:
            self._fault(name, key, "until", f"{until} is before since, {since}")

    def _zones(self) -> None:
        known = available_timezones()
        for name in ("units", "assignments"):
            for key, row in self._of(name):
                if row.zone not in known and (row.zone or isinstance(row, Unit)):
                    words = f"{row.zone!r} is no zone; Asia/Jakarta, Asia/Makassar, Asia/Jayapura"
                    self._fault(name, key, "zone", words)

    # Several rows.

    def _credentials(self) -> None:
        """Nobody has another's credential on a day: a guest's under which they are known, too."""
        at: dict[tuple[str, str], dict[str, list[tuple[Known, Where]]]]
        at = defaultdict(lambda: defaultdict(list))
        for one, where in self._known():
            at[one.credential, one.user][one.unit].append((one, where))
        for by_unit in at.values():
            everywhere = by_unit.get(EVERYWHERE, [])
            for unit, here in by_unit.items():
                pairs = list(combinations(here, 2))
                if unit != EVERYWHERE:
                    pairs += [(one, other) for one in everywhere for other in here]
                for (one, where), (other, there) in pairs:
                    if one.person != other.person and _overlap(one, other):
                        self._clash(one, where, other, there)

    def _everywhere(self) -> None:
        """A terminal's user ids are a unit's: one without a unit is a cell or column forgotten."""
        for key, one in self._of("credentials"):
            if one.unit == EVERYWHERE and one.credential in _OF_TERMINALS:
                words = f"{one.credential} {one.user!r} without a unit is {one.person}'s everywhere"
                self._warn("credentials", key, "unit", words)

    def _of_persons(self) -> None:
        """A face and a code are known by their person's id, without a row: another's would make
        them nobody's.
        """
        for key, one in self._of("credentials"):
            if (
                one.credential in OF_A_PERSON
                and one.user != one.person
                and (one.user,) in self._state["people"]
            ):
                own = f"{one.credential} {one.user!r} is {one.user}'s own"
                words = f"{own}, everywhere: take the row out"
                self._fault("credentials", key, "user", words)

    def _guests(self) -> None:
        """A guest is known by what they are known by at home; without that, by nothing."""
        home = {one.person for _, one in self._of("credentials")}
        at_home = {one.person for _, one in self._of("credentials") if one.unit != EVERYWHERE}
        for key, grant in self._of("grants"):
            is_lost = grant.user and grant.person not in at_home
            if grant.allows == Allowed.GUEST and (is_lost or grant.person not in home):
                words = f"{grant.person} has no user id at home, so none at {grant.unit!r} either"
                self._warn("grants", key, "user", words)

    def _shared(self) -> None:
        """At a kiosk that serves two units, a user id of both names nobody."""
        posts = defaultdict(list)
        for key, post in self._of("posts"):
            posts[post.kiosk].append((key, post))
        at: dict[str, dict[tuple[str, str], list[Known]]] = defaultdict(lambda: defaultdict(list))
        for one, _ in self._known():
            at[one.unit][one.credential, one.user].append(one)
        for several in posts.values():
            for (_, here), (key, there) in combinations(several, 2):
                if here.unit == there.unit or not _overlap(here, there):
                    continue
                shared = [
                    user
                    for (kind, user), known in at[here.unit].items()
                    if any(
                        one.person != other.person and _overlap(one, other)
                        for one in known
                        for other in at[there.unit].get((kind, user), ())
                    )
                ]
                if shared:
                    listed = ", ".join(sorted(shared)[:5]) + (", ..." if len(shared) > 5 else "")
                    words = (
                        f"{here.unit!r} and {there.unit!r} both use {listed}: who punches so at "
                        f"{here.kiosk!r} is a stranger"
                    )
                    self._warn("posts", key, "unit", words)

    def _known(self) -> Iterator[tuple[Known, Where]]:
        home = defaultdict(list)
        for key, one in self._of("credentials"):
            yield one, self._where["credentials", key]
            home[one.person].append(one)
        for key, grant in self._of("grants"):
            if isinstance(grant, Grant) and grant.allows == Allowed.GUEST:
                for one in as_guest(grant, home[grant.person]):
                    yield one, self._where["grants", key]

    def _clash(self, one: Known, where: Where, other: Known, there: Where) -> None:
        first, second = sorted((where, there), key=lambda at: -at.number)
        who = (one.person, other.person) if first is where else (other.person, one.person)
        at = one.unit or other.unit
        place = f"at {at!r}" if at else "everywhere"
        words = (
            f"{one.credential} {one.user!r} {place} would be {who[0]}'s and, by {second}, "
            f"{who[1]}'s on the same days; end one of them"
        )
        said = words if first.number else f"{first.said}: {words}"
        column = "user" if first.number else ""
        self.faults.append(Fault(first.sheet, first.number, column, said))

    def _members(self) -> None:
        of: dict[str, list[tuple[Key, Member]]] = defaultdict(list)
        for key, one in self._of("members"):
            of[one.person].append((key, one))
        for person, several in of.items():
            for (_, one), (key, other) in combinations(several, 2):
                if _overlap(one, other):
                    words = f"{person} belongs to {one.unit!r} and {other.unit!r} on the same days"
                    self._warn("members", key, "unit", words)

    def _papers(self) -> None:
        """Look at lines of paper: they are evidence, so they must say something that can be."""
        posts: dict[str, list[Member]] = defaultdict(list)
        for _, one in self._of("members"):
            posts[one.person].append(one)
        for key, line in self._of("papers"):
            if line.arrival is None and line.departure is None:
                self._fault("papers", key, "", "says neither arrival nor departure")
            elif None not in (line.arrival, line.departure) and line.departure <= line.arrival:
                self._fault("papers", key, "departure", _BEFORE_ARRIVAL)
            if line.number < 1:
                self._fault("papers", key, "number", f"{line.number} is none; the first is 1")
            if not any(
                one.unit == line.unit and one.covers(line.day) for one in posts[line.person]
            ):
                words = f"{line.person} does not belong to {line.unit!r} on {line.day}"
                self._fault("papers", key, "unit", words)

    # Duties.

    def _duties(self) -> None:
        for key, shift in self._of("shifts"):
            if not shift.start < shift.end:
                self._fault("shifts", key, "end", _BACKWARDS)
        for key, week in self._of("weeks"):
            if not all(one.start < one.end for one in week.hours):
                self._fault("weeks", key, "hours", _BACKWARDS)

    def _plans(self) -> None:
        plans = {key[0] for name in ("weeks", "rotations") for key in self._state[name]}
        calendars = {row.calendar for _, row in self._of("holidays")}
        for key, one in self._of("assignments"):
            if sum(map(bool, (one.person, one.group, one.unit))) != 1:
                self._fault("assignments", key, "", "name one: a person, a group or a unit")
            if one.plan and one.plan not in plans:
                words = f"{one.plan!r} is in neither of the sheets weeks, rotations"
                self._fault("assignments", key, "plan", words)
            if one.calendar and one.calendar not in calendars:
                words = f"{one.calendar!r} has no holidays yet"
                self._warn("assignments", key, "calendar", words)
        codes = {row.code for _, row in self._of("shifts")} | {rules.PATTERN}
        for name, field in (("rotations", "cycle"), ("tables", "days")):
            for key, row in self._of(name):
                named = {code for day in getattr(row, field) for code in day or ()}
                if named - codes:
                    words = f"{', '.join(sorted(named - codes))}: not in the sheet shifts"
                    self._fault(name, key, field, words)

    def _book(self) -> None:
        """Refuse what no rule book takes: one such row, and nobody in the city could be judged."""
        for sheet in RULES:
            for key, row in self._of(sheet.name):
                if (sheet.name, key) in self._faulty:
                    continue  # it was said better
                for words in impossible(rules.RuleBook(**{sheet.name: [row]})):
                    said = words.removeprefix(f"{sheet.name}[0]").lstrip(".: ")
                    self._fault(sheet.name, key, "", said)
        self._swaps()

    def _swaps(self) -> None:
        """Warn of a duty that is given away twice: the second swap does nothing."""
        taken: set[tuple[str, date]] = set()
        for key, swap in self._of("swaps"):
            given = {(swap.person, swap.day), (swap.other, swap.other_day)}
            for person, day in sorted(given & taken):
                self._warn("swaps", key, "", f"{person}'s duty of {day} is swapped already")
            taken |= given


_BEFORE_ARRIVAL: Final = (
    "the departure is not after the arrival; on the next day write 32:00 for 08:00"
)
_BACKWARDS: Final = "a duty ends after it starts; into the next day write 32:00 for 08:00"


def _overlap(one: Dated, other: Dated) -> bool:
    """Return whether there is a day on which both hold."""
    return not (
        (one.until and other.since and one.until < other.since)
        or (other.until and one.since and other.until < one.since)
    )


def in_order(faults: Iterable[Fault]) -> list[Fault]:
    """Return faults in the order in which the sheets are read."""
    order = {name: n for n, name in enumerate(SHEETS)}
    return sorted(faults, key=lambda one: (order.get(one.sheet, -1), one.row, one.column))
