"""The roster that this kiosk works on: adopted once, used until a newer one is complete."""

from collections import defaultdict
from datetime import date
from pathlib import Path

import msgspec

from sync.protocol.errors import Malformed
from sync.protocol.roster import Known, Roster


class Adopted:
    """A roster, ready to be asked."""

    def __init__(self, roster: Roster) -> None:
        self.version = roster.version
        self._names = {person.id: person.name for person in roster.people}
        self._known: dict[tuple[str, str], list[Known]] = defaultdict(list)
        for known in roster.known:
            self._known[known.credential, known.user].append(known)

    def person(self, credential: str, user: str, day: date) -> str | None:
        """Return whose credential it was on `day`; None for nobody's, or for more than one's."""
        found = {
            known.person for known in self._known.get((credential, user), ()) if known.covers(day)
        }
        return found.pop() if len(found) == 1 else None

    def name(self, person: str) -> str:
        """Return the person's name, or "" if the roster has none."""
        return self._names.get(person, "")


def load(path: Path | None) -> Adopted:
    """Return the roster stored at `path`; the empty one if there is none. Raises Malformed."""
    if path is None or not path.exists():
        return Adopted(Roster())
    try:
        return Adopted(msgspec.json.decode(path.read_bytes(), type=Roster))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"{path}: {error}") from error
