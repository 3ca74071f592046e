"""Roster: who belongs here, by which credentials each is known, and what their duty is.

Everything in it is dated, first and last day included. A user id belongs to a unit and a time: the
next person may get it. How a roster travels is `rostering.py`.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Raw, Struct, field

EVERYWHERE: Final = ""
"""The unit of a credential that names the same person at every terminal: a card, a face, a code."""


class Dated(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What holds from `since` until `until`, both days included; None for open."""

    since: date | None = None
    until: date | None = None

    def covers(self, day: date) -> bool:
        """Return whether it was valid on `day`."""
        return (self.since is None or self.since <= day) and (
            self.until is None or day <= self.until
        )


class Unit(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An office (OPD), hospital or station. `zone` is the IANA zone of its days."""

    id: str
    name: str
    zone: str = "Asia/Jakarta"


class Person(Struct, frozen=True, kw_only=True):
    """Somebody who may be present.

    Attributes:
        id: the person's number at central (NIP), never reused.
        name: for screens only; it stands in no entry.
    """

    id: str
    name: str


class Member(Dated, frozen=True, kw_only=True, omit_defaults=True):
    """A person belongs to a unit."""

    person: str
    unit: str


class Known(Dated, frozen=True, kw_only=True, omit_defaults=True):
    """A credential of a person.

    Attributes:
        person: a `Person.id`.
        credential: a driver's word, as in a presence.
        user: the credential as the terminal says it.
        unit: among whose terminals it names this person; `EVERYWHERE` at all.
    """

    person: str
    credential: str
    user: str
    unit: str = EVERYWHERE


class Allowed(StrEnum):
    """What a grant allows."""

    GUEST = "guest"  # to be known at another unit's terminals: dinas dalam
    PIN = "pin"  # to say a PIN where a finger cannot be read


class Grant(Dated, frozen=True, kw_only=True, omit_defaults=True):
    """What a person may do that others may not, by somebody's written word.

    Attributes:
        allows: an open set; see `Allowed`.
        unit: a guest's host, for a PIN the unit whose terminals take it.
        user: for a guest, the user id that the host's terminals know them by; "" for the same as
            at home.
        reference: the letter that says so (surat tugas).
    """

    person: str
    unit: str
    allows: str
    user: str = ""
    reference: str = ""


class Roster(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of it, or a page of one; version 0 is that of a kiosk that has none yet.

    Attributes:
        version: when central made it, milliseconds since 1970-01-01 UTC; rising for a kiosk.
        worktime: a `sync.worktime` rule book, or a part of one: what travels knows nothing of it,
            so that a kiosk which cannot read the rules of a later year still knows its people.
    """

    version: int = 0
    units: Sequence[Unit] = ()
    people: Sequence[Person] = ()
    members: Sequence[Member] = ()
    known: Sequence[Known] = ()
    grants: Sequence[Grant] = ()
    worktime: Raw = field(
        default_factory=lambda: Raw(b"{}")
    )  # a schema has no word for its default


class Directory:
    """Whom a credential names, where and when. The same answer at a kiosk and at central."""

    def __init__(self, known: Iterable[Known], grants: Iterable[Grant] = ()) -> None:
        self._known: dict[tuple[str, str], list[Known]] = defaultdict(list)
        at_home: dict[str, list[Known]] = defaultdict(list)
        for one in known:
            self._known[one.credential, one.user].append(one)
            at_home[one.person].append(one)
        for grant in grants:
            if grant.allows == Allowed.GUEST:
                for one in as_guest(grant, at_home[grant.person]):
                    self._known[one.credential, one.user].append(one)

    def persons(
        self, credential: str, user: str, day: date, units: Collection[str] | None = None
    ) -> set[str]:
        """Return everybody whom it names on `day` among the terminals of `units`, None for all."""
        return {
            one.person
            for one in self._known.get((credential, user), ())
            if one.covers(day) and (units is None or one.unit == EVERYWHERE or one.unit in units)
        }

    def person(
        self, credential: str, user: str, day: date, units: Collection[str] | None = None
    ) -> str | None:
        """Return whom it names; None for nobody, or for more than one."""
        found = self.persons(credential, user, day, units)
        return found.pop() if len(found) == 1 else None

    def is_over(self, person: str, credential: str, user: str, day: date) -> bool:
        """Return whether it names the person neither on `day` nor later: it is another's now."""
        return not any(
            one.person == person and (one.until is None or day <= one.until)
            for one in self._known.get((credential, user), ())
        )

    def users(
        self, credential: str, day: date, units: Collection[str] | None = None
    ) -> Mapping[str, str]:
        """Return user to person of all credentials of a kind that name one person on `day`."""
        return {
            user: person
            for kind, user in self._known
            if kind == credential
            and (person := self.person(credential, user, day, units)) is not None
        }

    def dated(self, credential: str) -> Mapping[str, Sequence[Known]]:
        """Return by user all that was, is and will be known of a kind; guests included."""
        return {user: known for (kind, user), known in self._known.items() if kind == credential}


FINGER: Final = "finger_slot"
"""The credential whose user a kiosk makes: each enrolment has one that is never used again."""

OF_A_PERSON: Final = ("face", "qr")
"""The credentials that need no number of their own: their user is the person's id. Whose face it
is says the kiosk that enrolled it, whose code it is says central's signature on it."""


def by_id(people: Iterable[Person]) -> Iterable[Known]:
    """Yield that everybody's face and everybody's codes are theirs, for ever and everywhere: an id
    is never reused.
    """
    return (
        Known(person=one.id, credential=credential, user=one.id, unit=EVERYWHERE)
        for one in people
        for credential in OF_A_PERSON
    )


def eve(day: date) -> date:
    """Return the day before; of the first day that there is, itself.

    Who has a credential until `day` may punch with it out of a shift that ends on the next: where
    it is nobody's on the day of a punch, it is whose it was on the eve.
    """
    return max(day, _SECOND_DAY) - timedelta(days=1)


_SECOND_DAY: Final = date.min + timedelta(days=1)


def as_guest(grant: Grant, at_home: Iterable[Known]) -> Iterable[Known]:
    """Yield what a guest is known by at the host's, as long as the grant and it itself hold."""
    for one in at_home:
        if one.unit == grant.unit:
            continue
        since = max(filter(None, (one.since, grant.since)), default=None)
        until = min(filter(None, (one.until, grant.until)), default=None)
        if one.unit == EVERYWHERE or (since and until and until < since):
            continue
        yield Known(
            person=one.person,
            credential=one.credential,
            user=(grant.user if one.credential == "terminal_user" else "") or one.user,
            unit=grant.unit,
            since=since,
            until=until,
        )
