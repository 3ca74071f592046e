"""The roster that this kiosk works on: adopted once, used until a newer one is complete."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from sync.protocol.errors import Malformed
from sync.protocol.roster import Directory, Known, Roster


class Adopted:
    """A roster, ready to be asked. Central sent what is of use here: its units are ours."""

    def __init__(self, roster: Roster) -> None:
        self.version: Final = roster.version
        self._names = {person.id: person.name for person in roster.people}
        self._directory = Directory(roster.known, roster.grants)

    def person(self, credential: str, user: str, day: date) -> str | None:
        """Return whose credential it was on `day`; None for nobody's, or for more than one's."""
        return self._directory.person(credential, user, day)

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


def load(path: Path | None) -> Adopted:
    """Return the roster stored at `path`; the empty one if there is none. Raises Malformed."""
    if path is None or not path.exists():
        return Adopted(Roster())
    try:
        return Adopted(msgspec.json.decode(path.read_bytes(), type=Roster))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"{path}: {error}") from error
