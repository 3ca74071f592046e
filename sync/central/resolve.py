"""Whose a presence is: what the kiosk recorded, the city as it is known now, the punch's own date.

Pure. The kiosk resolved with the roster that it had; a credential that was entered late, or entered
wrongly and corrected, changes the answer here and never the entry.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from sync.central.city import City
from sync.central.store.city import Binding, Place, Sighted
from sync.protocol.entry import Mark
from sync.protocol.roster import eve


class Why(StrEnum):
    """Why a presence is somebody's, or nobody's."""

    NAMED = "named"  # a person at central said who it was, or that it was nobody of ours
    ROSTER = "roster"  # one person has the credential among the kiosk's units on that day, or had
    # it on the one before, if nobody has: a night shift ends the morning after
    CLAIM = "claim"  # nobody said which units the kiosk serves: its own word stands
    UNKNOWN = "unknown"  # nobody has the credential there on that day, nor had it the day before
    AMBIGUOUS = "ambiguous"  # more than one has it
    TAKEN = "taken"  # the terminal had the fingers of who had the credential before
    UNBOUND = "unbound"  # of a terminal that nobody called the source's
    COPY = "copy"  # a row that the terminal before it has too: counted there
    UNREADABLE = "unreadable"  # its time is no real date


FINGERS_DAYS: Final = 31
"""So long, at most, a terminal keeps the fingers of who had a number before."""

UNSETTLED = frozenset(
    {Why.UNKNOWN, Why.AMBIGUOUS, Why.TAKEN, Why.UNBOUND, Why.UNREADABLE, Why.CLAIM}
)
"""What somebody may have to look at, where it is nobody's."""


class Resolved(Struct, frozen=True, gc=False):
    """A presence and whose it is.

    Attributes:
        person: None for nobody's, or not yet.
        perhaps: whose it may be, where it is nobody's: of none of them it proves anything, and
            against none of them may anything be said that it would disprove.
    """

    sighted: Sighted
    person: str | None
    why: Why
    perhaps: Collection[str] = ()

    @property
    def differs(self) -> bool:
        """Return whether the kiosk claimed something else."""
        return self.person != self.sighted.claimed

    @property
    def is_stranger(self) -> bool:
        """Return whether a person should say who it was."""
        return self.person is None and self.why in UNSETTLED


def resolve(city: City, sighted: Sighted, copies: Collection[Place] = ()) -> Resolved:
    """Return whose a presence is; `copies` are those that a terminal brought along from another.

    Where nobody ever said which units a kiosk serves, what the kiosk claims stands: it has a roster
    file of its own, and among the units of a whole city its user ids would name anybody. Once one
    post is known, the claim is no argument any more, not even on days that no post covers: what
    the kiosk worked on then is what central sent it, or what it should have had.
    """
    if sighted.place in city.identified:
        return Resolved(sighted, city.identified[sighted.place] or None, Why.NAMED)
    day = sighted.day or day_of(sighted.time)
    if day is None:
        return Resolved(sighted, None, Why.UNREADABLE)
    if sighted.mark == Mark.TAKEN:  # the directory knows of numbers, the kiosk of fingers
        return Resolved(sighted, None, Why.TAKEN, _had(city, sighted, day))
    if sighted.mark == Mark.UNBOUND:
        if bound(city, sighted) is None:
            return Resolved(sighted, None, Why.UNBOUND)
        if sighted.place in copies:
            return Resolved(sighted, None, Why.COPY)
    if city.served(sighted.place.kiosk, day) is None:
        return Resolved(sighted, sighted.claimed, Why.CLAIM)
    persons = _holders(city, sighted, day) or _holders(city, sighted, eve(day))
    if len(persons) == 1:
        return Resolved(sighted, persons.pop(), Why.ROSTER)
    if persons:
        return Resolved(sighted, None, Why.AMBIGUOUS, persons)
    return Resolved(sighted, None, Why.UNKNOWN, {sighted.claimed} if sighted.claimed else ())


def _holders(city: City, sighted: Sighted, day: date) -> set[str]:
    """Return who had the credential on a day among the units that the kiosk served then."""
    units = city.served(sighted.place.kiosk, day) or ()
    return city.directory.persons(sighted.credential, sighted.user, day, units)


def _had(city: City, sighted: Sighted, day: date) -> set[str]:
    """Return who had the credential there on that day or not long before: whose it may be."""
    found = set[str]()
    for _ in range(FINGERS_DAYS + 1):
        found |= _holders(city, sighted, day)
        day = eve(day)
    return found


def candidates(city: City, sighted: Sighted) -> Sequence[str]:
    """Return everybody in the city who has the credential on that day, whatever their unit."""
    day = sighted.day or day_of(sighted.time)
    if day is None or not sighted.user:
        return []
    return sorted(city.directory.persons(sighted.credential, sighted.user, day))


def bound(city: City, sighted: Sighted) -> Binding | None:
    """Return what bound the presence's terminal to its source after it was recorded."""
    for one in city.bindings.get((sighted.place.kiosk, sighted.source), ()):
        if one.after == sighted.terminal and (one.life, one.seq) > (
            sighted.life,
            sighted.place.seq,
        ):
            return one
    return None


def before(city: City, binding: Binding) -> set[str]:
    """Return the terminals that the source had up to a binding, but for the one that it names."""
    of = city.bindings[binding.kiosk, binding.source]
    until = (binding.life, binding.seq)
    return {one.before for one in of if (one.life, one.seq) <= until} - {binding.after, ""}


def sane_day(time: str) -> date | None:
    """Return the date of a terminal's naive time; None for one of no calendar of ours."""
    day = day_of(time)
    return day if day and _FIRST <= day <= _LAST else None


_FIRST: Final = date(1990, 1, 1)
_LAST: Final = date(2198, 12, 31)


def day_of(time: str) -> date | None:
    """Return the date of a terminal's naive time, None where it is no real one."""
    try:
        return datetime.fromisoformat(time).date()
    except ValueError:
        return None
