"""What brings a terminal's users to the roster: a plan, made before anything is written. Pure.

The danger is a number that changed hands. 17 was Budi's and is Siti's from today: while his fingers
are under it, his punch is hers. So the first question of every row is whose it is:

    its name as it was last seen    whoever it was then (`Holder`, remembered across restarts)
    else its name                   the one of all who ever had the number whose name it is; a
                                    name that is cut must be nobody else's of the whole roster
    neither, or no name at all      nobody knows: DOUBTED

and what follows from the answer, for a number that the roster gives to P today:

    no row                          MISSING   written, under P's name
    the row is P's                  RENAMED   the name is written where it is another, nothing else
    it is another's                 TAKEN     removed with its fingers, then written anew
    nobody knows                    DOUBTED   told; nothing there proves whose fingers it has
    two people have the number      SHARED    told; central has to give one of them another

and for a row whose number the roster gives to nobody today:

    it is who had the number last   ENDED     removed, once that is long enough ago
    the roster never had it         UNKNOWN   told: one may be enrolled before being written down

Who has menu rights is told of and left as they are. Whether what is found is done is the source's
policy: `users` in the settings.
"""

import hmac
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, Protocol

from msgspec import Struct, structs

from drivers.base import Credential
from drivers.options import Users
from drivers.store import Privilege, TerminalUser
from kiosk.namesakes import Namesakes, clean
from sync.protocol.roster import Known

AHEAD: Final = timedelta(days=7)
"""So long before their first day people are written: a finger can be enrolled only for a number
that is there, and a terminal may be off for some nights. Their punch before it is a stranger's."""


class People(Protocol):
    """What is asked of a roster."""

    def dated(self, credential: str) -> Mapping[str, Sequence[Known]]:
        """Return by user whom a kind of credential named, names and will name."""

    def name(self, person: str) -> str:
        """Return the person's name, "" for none."""

    def names(self) -> Mapping[str, str]:
        """Return everybody's name, by person."""


class Kind(StrEnum):
    """What can be found of a number; see the head of this file."""

    MISSING = "missing"
    RENAMED = "renamed"
    TAKEN = "taken"
    DOUBTED = "doubted"
    SHARED = "shared"
    ENDED = "ended"
    UNKNOWN = "unknown"


class Holder(Struct, frozen=True):
    """Who a row of the terminal's was when it was last looked at.

    Attributes:
        name: as the terminal had it.
        until: their last day with the number, as far as a roster has said; it says so for a month.
        wrote: what was written, where the terminal keeps less of it than it was thought to.
        unproved: written for them, and then interrupted; there were fingers when it was looked at
            again, and nobody knows since when.
    """

    person: str
    name: str
    wrote: str = ""
    until: date | None = None
    unproved: bool = False


class Found(Struct, frozen=True):
    """One number that is not as the roster has it.

    Attributes:
        line: for people; may name them.
        person: whose it is by the roster, or was last; "" for nobody's, and for two people's.
        does: whether the policy has something done about it.
    """

    kind: Kind
    user: str
    line: str
    person: str = ""
    does: bool = False


class Plan(Struct, frozen=True):
    """What was found, and what is to be done: first `remove`, then `write`.

    Attributes:
        fresh: the numbers in `write` that are new at the terminal: they must have no finger there.
        holders: who is who there now, before anything is done.
        persons: for each number in `write` whose it is.
    """

    found: tuple[Found, ...] = ()
    remove: tuple[str, ...] = ()
    write: tuple[TerminalUser, ...] = ()
    fresh: frozenset[str] = frozenset()
    holders: Mapping[str, Holder] = {}
    persons: Mapping[str, str] = {}

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do; there may be something to tell."""
        return not (self.remove or self.write)

    @property
    def counts(self) -> Counter[Kind]:
        """Return how many there are of each kind."""
        return Counter(one.kind for one in self.found)

    def token(self, key: bytes) -> str:
        """Return what stands for exactly these changes: shown with them, asked back to do them."""
        content = hmac.new(key, digestmod="sha256")
        for verb, one in (
            *(("remove", user) for user in self.remove),
            *(("write", f"{user.user}\0{user.name}") for user in self.write),
        ):
            part = f"{verb}\0{one}".encode()
            content.update(len(part).to_bytes(4, "big") + part)
        return content.hexdigest()[:12]

    def first(self, most: int) -> "Plan":
        """Return a part of it: at most `most` numbers, removals before what is written there."""
        if self.remove:
            # What is written is planned anew from what is there then.
            return structs.replace(self, remove=self.remove[:most], write=(), fresh=frozenset())
        write = self.write[:most]
        fresh = self.fresh & {one.user for one in write}
        return structs.replace(self, write=write, fresh=fresh)

    def without(self, kind: Kind) -> "Plan":
        """Return it with nothing done about what is of `kind`."""
        users = {one.user for one in self.found if one.kind is kind}
        return structs.replace(
            self,
            found=tuple(
                structs.replace(one, does=one.does and one.kind is not kind) for one in self.found
            ),
            remove=tuple(one for one in self.remove if one not in users),
            write=tuple(one for one in self.write if one.user not in users),
            fresh=self.fresh - users,
        )

    def among(self, shown: "Plan") -> "Plan":
        """Return the part of it that `shown` has as well."""
        write = tuple(one for one in self.write if one in shown.write)
        return structs.replace(
            self,
            remove=tuple(one for one in self.remove if one in shown.remove),
            write=write,
            fresh=self.fresh & {one.user for one in write},
        )


class Terminal(Protocol):
    """What is asked of a terminal's store."""

    def kept(self, name: str) -> str:
        """Return as much of a name as the terminal keeps."""


class Wish(Struct, frozen=True, kw_only=True):
    """How far to go.

    Attributes:
        day: today, where the terminal is.
        made: when central made the roster: of a later day it does not know who was prolonged.
        keep_days: so long after their last day people stay.
        settled: numbers of which somebody has looked: what is there is whose the number is today.
        refused: why the terminal did not take a number when it was written last.
        last: numbers that come behind all others: the terminal did not take them once.
    """

    policy: Users
    day: date
    made: date = date.max
    keep_days: int = 31
    settled: Collection[str] = ()
    refused: Mapping[str, str] = {}
    last: Collection[str] = ()


def plan(
    roster: People,
    there: Sequence[TerminalUser],
    terminal: Terminal,
    holders: Mapping[str, Holder],
    wish: Wish,
) -> Plan:
    """Return what brings the users that are `there` to `roster`, by `wish`."""
    return _Planner(roster, there, terminal, holders, wish).plan()


class _Planner:
    """Looks at one number after the other; see `plan`."""

    def __init__(
        self,
        roster: People,
        there: Sequence[TerminalUser],
        terminal: Terminal,
        holders: Mapping[str, Holder],
        wish: Wish,
    ) -> None:
        self._name_of = roster.name
        self._namesakes = Namesakes(roster.names(), terminal.kept)
        self._kept = terminal.kept
        self._dated = roster.dated(Credential.TERMINAL_USER)
        self._rows = {row.user: row for row in there}
        self._bare = {row.user.lstrip("0"): row.user for row in there}
        self._twice = {user for user, n in Counter(row.user for row in there).items() if n > 1}
        self._before = holders
        self._wish = wish
        self._whose = {
            user: self._until(user, self._holder(row)) for user, row in self._rows.items()
        }

    def plan(self) -> Plan:
        wish, whose = self._wish, self._whose
        found = list(self._all_found())
        adds, mirrors = wish.policy in (Users.ADD, Users.MIRROR), wish.policy is Users.MIRROR
        does = {
            Kind.MISSING: adds,
            Kind.RENAMED: adds,
            Kind.TAKEN: mirrors,
            Kind.ENDED: mirrors,
        }
        done = [structs.replace(one, does=one.does and does.get(one.kind, False)) for one in found]
        writes = [one for one in done if one.does and one.kind is not Kind.ENDED]
        # A store may try the first alone; who is refused again must not be in others' way.
        writes.sort(key=lambda one: (one.user in wish.last, one.kind is not Kind.RENAMED))
        write = tuple(self._written(one) for one in writes)
        return Plan(
            found=tuple(done),
            remove=tuple(one.user for one in done if one.does and one.kind in _REMOVED),
            write=write,
            fresh=frozenset(one.user for one in writes if one.kind is not Kind.RENAMED),
            holders={user: holder for user, holder in whose.items() if holder is not None},
            persons={one.user: one.person for one in writes},
        )

    def _written(self, found: Found) -> TerminalUser:
        name = self._kept(clean(self._name_of(found.person)))
        row = self._rows.get(found.user)
        if found.kind is Kind.RENAMED and row is not None:
            return structs.replace(row, name=name)
        return TerminalUser(user=found.user, name=name)

    def _all_found(self) -> Iterator[Found]:
        for user in sorted(self._dated.keys() | self._rows.keys(), key=lambda u: (len(u), u)):
            found = self._found(user)
            if found is None:
                continue
            row = self._rows.get(user)
            if row is not None and row.privilege is not Privilege.USER:
                rights = f"{found.line}; {row.privilege.value} there: left alone"
                found = structs.replace(found, line=rights, does=False)
            elif found.does and (why := self._wish.refused.get(user) or self._taken_for(user)):
                found = structs.replace(found, line=f"{found.line}; left: {why}", does=False)
            yield found

    def _taken_for(self, user: str) -> str:
        """Return why a number may not be written; "" where it may: to some terminals 017 is 17."""
        other = self._bare.get(user.lstrip("0"), user)
        return "" if other == user or user in self._rows else f"{other} is there"

    def _found(self, user: str) -> Found | None:
        day, row = self._wish.day, self._rows.get(user)
        dated = self._dated.get(user, ())
        now = sorted({one.person for one in dated if one.covers(day)})
        if len(now) > 1:
            both = " and ".join(f"{one} {self._name_of(one)}" for one in now)
            return Found(Kind.SHARED, user, f"SHARED    {user} is two people's: {both}")
        if now:
            return self._of(user, now[0], row)
        if row is None:
            return self._coming(user, dated)
        return self._gone(user, row, dated)

    def _of(self, user: str, person: str, row: TerminalUser | None) -> Found | None:
        """Return what is to be said of a number that is `person`'s today; None for nothing."""
        name = clean(self._name_of(person))
        if row is None:
            line = f"missing   {user} {name}"
            return Found(Kind.MISSING, user, line, person, does=True)
        holder = self._whose[user]
        if user in self._twice or holder is None or self._is_doubted(row, holder):
            return self._doubt(user, row, f"the roster has {name!r}", person)
        if holder.person != person:
            before = self._name_of(holder.person) or holder.name
            line = (
                f"TAKEN     {user} is {name!r} now, and there it is still {row.name!r} "
                f"({holder.person} {before}): whose finger is under it punches as {name!r}"
            )
            return Found(Kind.TAKEN, user, line, person, does=True)
        kept = self._kept(name)
        if not kept or row.name == kept or (row.name, kept) == (holder.name, holder.wrote):
            return None
        line = f"renamed   {user} {row.name!r} is {kept!r}"
        return Found(Kind.RENAMED, user, line, person, does=True)

    def _doubt(self, user: str, row: TerminalUser, instead: str, person: str) -> Found:
        held = self._before.get(user)
        seen = f", and it was {held.name!r}" if held and held.name != row.name else ""
        line = (
            f"DOUBTED   {user} is {row.name!r} there, {instead}{seen}: whose fingers are they? "
            "Look, and remove it there or say --settle"
        )
        return Found(Kind.DOUBTED, user, line, person)

    def _coming(self, user: str, dated: Sequence[Known]) -> Found | None:
        """Return what is to be said of a number that nobody has yet, and the terminal has not."""
        day = self._wish.day
        soon = [one for one in dated if one.since and day < one.since <= day + AHEAD]
        first = min((one.since for one in soon if one.since), default=None)
        persons = {one.person for one in soon if one.since == first}
        if first is None or len(persons) != 1:
            return None
        person = persons.pop()
        line = f"missing   {user} {clean(self._name_of(person))}, from {first} on"
        return Found(Kind.MISSING, user, line, person, does=True)

    def _gone(self, user: str, row: TerminalUser, dated: Sequence[Known]) -> Found | None:
        """Return what is to be said of a row whose number is nobody's today."""
        day, holder = self._wish.day, self._whose[user]
        is_doubted = user in self._twice or holder is None or self._is_doubted(row, holder)
        if not dated and (is_doubted or holder is None or holder.until is None):
            line = f"unknown   {user} {row.name}: the roster has no such number"
            return Found(Kind.UNKNOWN, user, line, holder.person if holder else "")
        if holder is None or is_doubted:
            return self._doubt(user, row, "the roster has nobody of that name", "")
        own = [one for one in dated if one.person == holder.person]
        if any(one.since is not None and one.since > day for one in own):
            return None  # written ahead of their first day
        if holder.until is None:
            line = f"unknown   {user} {row.name}: the roster no longer says whose it was"
            return Found(Kind.UNKNOWN, user, line, holder.person)
        last = holder.until
        kept = day - last <= timedelta(days=self._wish.keep_days)
        due = not kept and self._wish.made > last
        line = f"ended     {user} {row.name}: until {last}"
        return Found(Kind.ENDED, user, line, holder.person, does=due)

    def _until(self, user: str, holder: Holder | None) -> Holder | None:
        """Return a holder with their last day: the roster stops saying it before it is due."""
        if holder is None:
            return None
        own = [one.until for one in self._dated.get(user, ()) if one.person == holder.person]
        if not own:
            return holder
        ends = [one for one in own if one is not None]
        return structs.replace(holder, until=max(ends) if len(ends) == len(own) else None)

    def _holder(self, row: TerminalUser) -> Holder | None:
        """Return whose the row is; None where nobody knows, and nobody ever did.

        Where it was somebody's and has another name since, it stays remembered as theirs: that
        it is doubted says `_is_doubted`.
        """
        held, dated = self._before.get(row.user), self._dated.get(row.user, ())
        if row.user in self._wish.settled:
            now = {one.person for one in dated if one.covers(self._wish.day)}
            if len(now) == 1:
                return Holder(now.pop(), row.name)
        if held is not None and held.name == row.name:
            return held
        ever = {one.person for one in dated} | ({held.person} if held is not None else set())
        like = self._namesakes.whose(row.name, ever)
        if len(like) == 1 and (held is None or held.person == like[0]):
            if held is None:
                return Holder(like[0], row.name)
            return structs.replace(held, name=row.name)
        return held

    @staticmethod
    def _is_doubted(row: TerminalUser, holder: Holder) -> bool:
        return holder.name != row.name or holder.unproved


_REMOVED: Final = frozenset({Kind.TAKEN, Kind.ENDED})
