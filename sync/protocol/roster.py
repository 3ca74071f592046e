"""Roster: who belongs here, and by which credentials each is known, from when until when."""

from collections.abc import Sequence
from datetime import date

from msgspec import Struct


class Person(Struct, frozen=True, kw_only=True):
    """Somebody who may be present.

    Attributes:
        id: the person's number at central (NIP), never reused.
        name: for screens only; it stands in no entry.
    """

    id: str
    name: str


class Known(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A credential of a person.

    Attributes:
        person: a `Person.id`.
        credential: a driver's word, as in a presence.
        user: the credential as the terminal says it.
        since, until: first and last day of validity; None for open.
    """

    person: str
    credential: str
    user: str
    since: date | None = None
    until: date | None = None

    def covers(self, day: date) -> bool:
        """Return whether it was valid on `day`."""
        return (self.since is None or self.since <= day) and (
            self.until is None or day <= self.until
        )


class Roster(Struct, frozen=True, kw_only=True):
    """One version of it; version 0 is the empty roster of a kiosk that has none yet."""

    version: int = 0
    people: Sequence[Person] = ()
    known: Sequence[Known] = ()
