"""The roster that this kiosk works on, ready to be asked. How it came is `shelf.py`'s."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from msgspec import Raw

from sync.protocol.roster import Directory, Known, Roster, by_id


class Adopted:
    """One version. Central sent what is of use here: all units in it are ours.

    Attributes:
        units, members, grants: as in the roster; units that send guests are among them.
        rules: the parts of its rule book, unread.
    """

    def __init__(self, roster: Roster, rules: Sequence[Raw] = ()) -> None:
        self.version: Final = roster.version
        self.units: Final = roster.units
        self.members: Final = roster.members
        self.grants: Final = roster.grants
        self.rules: Final = rules
        self._names = {person.id: person.name for person in roster.people}
        known = (*roster.known, *by_id(roster.people))
        self._directory = Directory(known, roster.grants)

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
        self.current = adopted or Adopted(Roster())
