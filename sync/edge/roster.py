"""The roster that this kiosk works on, ready to be asked. How it came is `shelf.py`'s."""

from collections.abc import Mapping, Sequence
from datetime import date
from threading import Lock
from typing import Final

from msgspec import Raw

from sync.protocol.roster import Directory, Known, Roster, by_id


class Adopted:
    """One version. Central sent what is of use here: all units in it are ours.

    Attributes:
        units, members, grants, known: as in the roster; units that send guests are among them.
        rules: the parts of its rule book, unread.
    """

    def __init__(
        self, roster: Roster, rules: Sequence[Raw] = (), own: Sequence[Known] = ()
    ) -> None:
        """`own` is what this kiosk made known itself: it holds for whoever is in the roster, until
        that says the same or something else of it.
        """
        self.version: Final = roster.version
        self.units: Final = roster.units
        self.members: Final = roster.members
        self.grants: Final = roster.grants
        self.known: Final = roster.known
        self.rules: Final = rules
        self._names = {person.id: person.name for person in roster.people}
        self._roster = roster
        told = {(one.credential, one.user) for one in roster.known} if own else frozenset()
        added = (
            one
            for one in own
            if one.person in self._names and (one.credential, one.user) not in told
        )
        known = (*roster.known, *by_id(roster.people), *added)
        self._directory = Directory(known, roster.grants)

    def knowing(self, own: Sequence[Known]) -> "Adopted":
        """Return the same version, beside which the kiosk knows `own`."""
        return Adopted(self._roster, self.rules, own)

    @property
    def people(self) -> int:
        """Return how many people are in it."""
        return len(self._names)

    def person(self, credential: str, user: str, day: date) -> str | None:
        """Return whose credential it was on `day`; None for nobody's, or for more than one's."""
        return self._directory.person(credential, user, day)

    def persons(self, credential: str, user: str, day: date) -> set[str]:
        """Return everybody whose credential it was on `day`."""
        return self._directory.persons(credential, user, day)

    def is_over(self, person: str, credential: str, user: str, day: date) -> bool:
        """Return whether it names the person neither on `day` nor later: it is another's now."""
        return self._directory.is_over(person, credential, user, day)

    def users(self, credential: str, day: date) -> Mapping[str, str]:
        """Return user to person of all credentials of a kind that name one person on `day`."""
        return self._directory.users(credential, day)

    def dated(self, credential: str) -> Mapping[str, Sequence[Known]]:
        """Return by user whom a kind of credential named, names and will name."""
        return self._directory.dated(credential)

    def name(self, person: str) -> str:
        """Return the person's name, or "" if the roster has none."""
        return self._names.get(person, "")

    def names(self) -> Mapping[str, str]:
        """Return everybody's name, by person."""
        return self._names


class Rosters:
    """Where the roster in force is found: another one with each adoption, never a changed one."""

    def __init__(self, adopted: Adopted | None = None) -> None:
        self._own: Sequence[Known] = ()
        self._current = adopted or Adopted(Roster())
        self._changing = Lock()

    @property
    def current(self) -> Adopted:
        """Return the roster in force, with what the kiosk made known itself."""
        return self._current

    @current.setter
    def current(self, adopted: Adopted) -> None:
        with self._changing:
            self._current = adopted.knowing(self._own) if self._own else adopted

    @property
    def own(self) -> Sequence[Known]:
        """Return what the kiosk made known itself, and central may not have sent back yet."""
        return self._own

    @own.setter
    def own(self, own: Sequence[Known]) -> None:
        with self._changing:
            self._own = own
            self._current = self._current.knowing(own)
