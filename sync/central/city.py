"""The city: everything of the roster at one stamp, ready to be asked. Pure, but for `Cities`.

What a kiosk is to have of it is `assembly.py`'s, whose a presence is `resolve.py`'s.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from datetime import date
from typing import Any, TypeVar, cast

from sync.central.roster import state as rows
from sync.central.roster.layout import RULES, State
from sync.central.rulings import InUse, Outage, Paper, Rulings
from sync.central.store import Transaction
from sync.central.store.city import Binding, Finger, Place, Post
from sync.protocol.roster import (
    EVERYWHERE,
    FINGER,
    Allowed,
    Dated,
    Directory,
    Grant,
    Known,
    Member,
    Person,
    Unit,
    as_guest,
    by_id,
)
from sync.worktime.book import Book
from sync.worktime.rules import Absence, RuleBook

Row = TypeVar("Row")

_ZONE = "Asia/Jakarta"


class City:
    """All units, people and rules, by what one looks for.

    Attributes:
        stamp: which state of the database it is.
        personal: rows of each sheet of the rules by the person they are of; a swap is of two.
        common: the rows that are of no single person.
        rules: the rule book of all.
        rulings: what no kiosk is told.
        identified: whom somebody said that a presence was, "" for nobody of ours.
        settled: when somebody said that a presence was, ms UTC.
        bindings: which terminals were replaced, by kiosk and source, in the order of the record.
        gone: users of fingers that are in no module any more: no kiosk needs to know of them.
    """

    def __init__(
        self,
        state: State,
        *,
        stamp: int = 0,
        identified: Mapping[Place, str] | None = None,
        settled: Mapping[Place, int] | None = None,
        bindings: Iterable[Binding] = (),
        fingers: Iterable[Finger] = (),
    ) -> None:
        self.stamp = stamp
        self.units = {one.id: one for one in _rows(state, "units", Unit)}
        self.people = {one.id: one for one in _rows(state, "people", Person)}
        posts = _rows(state, "posts", Post)
        members = _rows(state, "members", Member)
        enrolled = list(fingers)
        known = _rows(state, "credentials", Known)
        known += [_known(one) for one in enrolled if one.person in self.people]
        grants = _rows(state, "grants", Grant)
        self.posts = _by(posts, lambda one: one.kiosk)
        self.posts_at = _by(posts, lambda one: one.unit)
        self.members_of = _by(members, lambda one: one.unit)
        self.memberships = _by(members, lambda one: one.person)
        self.known_at = _by(known, lambda one: one.unit)
        self.known_of = _by(known, lambda one: one.person)
        self.grants_at = _by(grants, lambda one: one.unit)
        self.directory = Directory((*known, *by_id(self.people.values())), grants)
        self.gone = frozenset(one.user for one in enrolled if one.is_gone)
        self.personal: dict[str, Mapping[str, Sequence[Any]]] = {}
        self.common: dict[str, Sequence[Any]] = {}
        for sheet in RULES:
            of: dict[str, list[Any]] = defaultdict(list)
            common = []
            for row in state[sheet.name].values():
                whose = {getattr(row, name, "") for name in ("person", "other")} - {""}
                for person in whose:
                    of[person].append(row)
                if not whose:
                    common.append(row)
            self.personal[sheet.name], self.common[sheet.name] = of, common
        self.grants_of = _by(grants, lambda one: one.person)
        rows: dict[str, Any] = {one.name: tuple(state[one.name].values()) for one in RULES}
        self.rules = RuleBook(**rows)
        self.rulings = Rulings(
            _rows(state, "absences", Absence),
            _rows(state, "outages", Outage),
            _rows(state, "sources", InUse),
            {kiosk: self._zone(served) for kiosk, served in self.posts.items()},
            _rows(state, "papers", Paper),
        )
        self.identified = dict(identified or {})
        self.settled = dict(settled or {})
        self._book: Book | None = None
        self.bindings = _by(bindings, lambda one: (one.kiosk, one.source))

    @property
    def book(self) -> Book:
        """Return the rules, ready to be asked. Raises BadRules: they say something impossible."""
        if self._book is None:
            self._book = Book(self.rules)
        return self._book

    def served(self, kiosk: str, day: date) -> set[str] | None:
        """Return the units that a kiosk serves on `day`; None where nobody ever said one."""
        posts = self.posts.get(kiosk)
        return None if posts is None else {one.unit for one in posts if one.covers(day)}

    def supposing(
        self,
        *,
        absences: Mapping[str, Sequence[Absence]] | None = None,
        papers: Mapping[str, Sequence[Paper]] | None = None,
        identified: Mapping[Place, str] | None = None,
        settled: Mapping[Place, int] | None = None,
    ) -> "City":
        """Return the city as it would be, if these people had these rows; the rest is shared."""
        made = copy(self)
        made.rulings = self.rulings.supposing(absences or {}, papers or {})
        made.identified = {**self.identified, **(identified or {})}
        made.settled = {**self.settled, **(settled or {})}
        return made

    def as_guest(self, person: str) -> Sequence[Known]:
        """Return what a person is known by at other units, by grants."""
        at_home = self.known_of.get(person, ())
        return [
            known
            for grant in self.grants_of.get(person, ())
            if grant.allows == Allowed.GUEST
            for known in as_guest(grant, at_home)
        ]

    def _zone(self, posts: Sequence[Post]) -> str:
        unit = self.units.get(posts[0].unit)
        return unit.zone if unit else _ZONE

    def units_of(self, person: str, day: date) -> Sequence[str]:
        """Return the units to which a person belongs on `day`."""
        return sorted({one.unit for one in self.memberships.get(person, ()) if one.covers(day)})

    def name(self, person: str) -> str:
        """Return the person's name, "" for nobody's."""
        return self.people[person].name if person in self.people else ""


class Cities:
    """The city as the database has it now, made anew when its stamp has risen."""

    def __init__(self) -> None:
        self._latest: City | None = None

    def current(self, tx: Transaction) -> City:
        """Return the city of the state that `tx` sees."""
        stamp = tx.city.stamp()
        if self._latest is None or self._latest.stamp != stamp:
            self._latest = load(tx)
        return self._latest


def load(tx: Transaction) -> City:
    """Return the city that `tx` sees."""
    return City(
        rows.held(tx),
        stamp=tx.city.stamp(),
        identified=tx.city.identified(),
        settled=tx.city.settled(),
        bindings=tx.city.bindings(),
        fingers=tx.city.fingers(),
    )


def _known(one: Finger) -> Known:
    """Return that a finger is somebody's, for ever: its user is never used again."""
    return Known(person=one.person, credential=FINGER, user=one.user, unit=EVERYWHERE)


def meets(row: Dated, first: date, last: date) -> bool:
    """Return whether it holds on any day from `first` to `last`."""
    return (row.since is None or row.since <= last) and (row.until is None or first <= row.until)


def _rows(state: State, name: str, _: type[Row]) -> list[Row]:
    return cast(list[Row], list(state[name].values()))


Key = TypeVar("Key")


def _by(rows: Iterable[Row], key: Callable[[Row], Key]) -> dict[Key, list[Row]]:
    found: dict[Key, list[Row]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found
