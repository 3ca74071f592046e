"""What a kiosk is to have of the city: its roster, and the pages in which it travels. Pure, but for
`Assembly`.

Everything that holds on any day of a month before and after today, so that a kiosk without a line
goes on for a month, and that nothing changes on a day on which nothing begins or ends.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from hashlib import sha256
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Raw, Struct

from sync.central.city import Cities, City, meets
from sync.central.store import Transaction
from sync.central.store.city import Post
from sync.protocol.errors import Malformed
from sync.protocol.roster import EVERYWHERE, Allowed, Grant, Known, Roster, as_guest
from sync.protocol.rostering import MAX_PAGE_BYTES, MAX_PAGES, PAGE_BYTES

AHEAD: Final = timedelta(days=31)
"""How far a kiosk's roster reaches from today, into both directions."""

Holds = TypeVar("Holds", Known, Grant)

_PARTS: Final = ("units", "people", "members", "known", "grants")
_BITS_MOST: Final = MAX_PAGES.bit_length() - 1


class Assembly:
    """What every kiosk is to have now; the `Content` of a downlink."""

    def __init__(self, today: Callable[[], date], cities: Cities | None = None) -> None:
        self._today = today
        self._cities = cities or Cities()

    def state(self, tx: Transaction) -> object:
        """Return what is another value whenever a kiosk's pages may have changed."""
        return tx.city.stamp(), self._today()

    def pages(self, tx: Transaction, kiosk: str) -> Sequence[bytes] | None:
        """Return the pages of a kiosk's roster now; None where nobody ever said what it serves.

        Raises Malformed: no kiosk would take so large a roster.
        """
        city = self._cities.current(tx)
        if kiosk not in city.posts:
            return None
        return pages(roster_for(city, kiosk, self._today()))


def roster_for(city: City, kiosk: str, today: date) -> Roster:
    """Return what `kiosk` is to have on `today`, without a version; in an order of its own.

    Guests come with what they are known by at their hosts', not with what they are known by at
    home: there, the same user id may be a colleague's. And nobody is known by a unit's user ids
    on a day on which the kiosk does not serve it: before a move, the same ids are others'.
    """
    first, last = today - AHEAD, today + AHEAD
    posts = [one for one in city.posts.get(kiosk, ()) if meets(one, today, last)]
    units = {one.unit for one in posts}
    grants = {
        one for post in posts for one in _while_served(post, city.grants_at.get(post.unit, ()))
    }
    grants = {one for one in grants if meets(one, first, last)}
    known = {one for post in posts for one in _while_served(post, city.known_at.get(post.unit, ()))}
    for grant in grants:
        if grant.allows == Allowed.GUEST:
            known |= set(as_guest(grant, city.known_of.get(grant.person, ())))
    people = {one.person for one in _holding(known, first, last)} | {one.person for one in grants}
    for unit in units:
        people |= {one.person for one in city.members_of.get(unit, ()) if meets(one, first, last)}
    for person in people:
        known |= {one for one in city.known_of.get(person, ()) if one.unit == EVERYWHERE}
    members = [
        one
        for person in people
        for one in city.memberships.get(person, ())
        if meets(one, first, last)
    ]
    theirs = _Theirs(kiosk, people, units | {one.unit for one in members}, first, last)
    return Roster(
        # Those of guests too: the hours of a duty are their unit's, and so is its zone.
        units=_in_order(city.units[unit] for unit in theirs.units if unit in city.units),
        people=_in_order(city.people[person] for person in people if person in city.people),
        members=_in_order(members),
        known=_in_order(one for one in _holding(known, first, last) if one.user not in city.gone),
        grants=_in_order(grants),
        worktime=_worktime(theirs.rules(city)),
    )


def _while_served(post: Post, rows: Iterable[Holds]) -> Iterable[Holds]:
    """Yield what holds at a unit, as long as the kiosk serves it."""
    for one in rows:
        since = max(filter(None, (one.since, post.since)), default=None)
        until = min(filter(None, (one.until, post.until)), default=None)
        if not (since and until and until < since):
            yield msgspec.structs.replace(one, since=since, until=until)


def _holding(known: Iterable[Known], first: date, last: date) -> list[Known]:
    return [one for one in known if meets(one, first, last)]


def _in_order(rows: Iterable[Struct]) -> tuple[Any, ...]:
    return tuple(sorted(rows, key=msgspec.json.encode))


class _Theirs(Struct, frozen=True):
    """Whose rules are wanted: of these people, of these units, of these days."""

    kiosk: str
    people: set[str]
    units: set[str]
    first: date
    last: date

    def rules(self, city: City) -> dict[str, list[Any]]:
        """Return the rows of each kind that concern them."""
        groups = self._personal(city, "groups")
        names = {one.group for one in groups}
        assignments = self._personal(city, "assignments") + [
            one
            for one in self._common(city, "assignments")
            if one.unit in self.units or one.group in names
        ]
        tables = self._personal(city, "tables") + [
            one for one in self._common(city, "tables") if one.group in names
        ]
        plans = {one.plan for one in assignments}
        calendars = {one.calendar for one in assignments}
        rotations = [one for one in self._common(city, "rotations") if one.plan in plans]
        codes = {code for one in rotations for day in one.cycle for code in day}
        codes |= {code for one in tables for day in one.days for code in day or ()}
        of_units = self.units | {""}
        return {
            "regulations": self._of_units(city, "regulations", of_units),
            "weeks": [one for one in self._common(city, "weeks") if one.plan in plans],
            "holidays": [
                one for one in self._common(city, "holidays") if one.calendar in calendars
            ],
            "shifts": [
                one for one in self._of_units(city, "shifts", of_units) if one.code in codes
            ],
            "rotations": rotations,
            "groups": groups,
            "assignments": assignments,
            "tables": tables,
            "swaps": self._personal(city, "swaps"),
            "pairs": [
                one
                for one in self._common(city, "pairs")
                if self.kiosk in (one.kiosk, one.other_kiosk)
            ],
        }

    def _personal(self, city: City, kind: str) -> list[Any]:
        of, found = city.personal[kind], {}
        for person in self.people & of.keys():
            found.update({id(one): one for one in of[person] if self._holds(one)})  # a swap twice
        return list(found.values())

    def _common(self, city: City, kind: str) -> list[Any]:
        return [one for one in city.common[kind] if self._holds(one)]

    def _of_units(self, city: City, kind: str, units: set[str]) -> list[Any]:
        return [one for one in self._common(city, kind) if one.unit in units]

    def _holds(self, rule: Any) -> bool:
        """Return whether a rule speaks of any of the days."""
        if hasattr(rule, "days") and hasattr(rule, "first"):  # a table
            end = rule.first + timedelta(days=len(rule.days) - 1)
            return bool(rule.first <= self.last and self.first <= end)
        if hasattr(rule, "other_day"):  # a swap
            return any(self.first <= day <= self.last for day in (rule.day, rule.other_day))
        return meets(rule, self.first, self.last)


def _worktime(rules: Mapping[str, Sequence[Any]]) -> Raw:
    rows = {kind: sorted(map(msgspec.json.encode, rules[kind])) for kind in sorted(rules)}
    return Raw(_object({kind: _array(of) for kind, of in rows.items() if of}))


# Pages.


class _Placed(Struct, frozen=True):
    """A row on its way into a page: `field` of the roster, or `kind` of its rules."""

    place: int
    field: str
    kind: str
    body: bytes


def pages(roster: Roster) -> list[bytes]:
    """Return the pages of a roster, each a part of it in JSON; together they are the whole.

    A row is placed by the digest of its person's id, so that what changes for one person changes
    one page; the number of places doubles until each fits a page.

    Raises Malformed: no kiosk would take them.
    """
    rows = list(_placed(roster))
    total = sum(len(row.body) + 1 for row in rows)
    bits = min((total // PAGE_BYTES).bit_length(), _BITS_MOST)
    while True:
        made = _divided(rows, bits)
        largest = max(map(len, made), default=0)
        if largest <= PAGE_BYTES or bits == _BITS_MOST:
            break
        bits += 1
    if largest > MAX_PAGE_BYTES:
        raise Malformed(f"roster: a page of {largest} bytes; a kiosk takes {MAX_PAGE_BYTES}")
    return made or [b"{}"]


def _placed(roster: Roster) -> Iterable[_Placed]:
    for field in _PARTS:
        for row in getattr(roster, field):
            body = msgspec.json.encode(row)
            whose = row.id if field == "people" else getattr(row, "person", "")
            yield _Placed(_place(whose, body), field, "", body)
    for kind, rules in msgspec.json.decode(roster.worktime, type=dict[str, list[Raw]]).items():
        for rule in rules:
            body = bytes(rule)
            whose = msgspec.json.decode(body, type=_Whose).person
            yield _Placed(_place(whose, body), "worktime", kind, body)


class _Whose(Struct):
    person: str = ""


def _place(person: str, body: bytes) -> int:
    """Return a number of `_BITS_MOST` bits; a row of nobody's is placed by itself."""
    digest = sha256(person.encode() if person else body).digest()
    return int.from_bytes(digest[:4], "big") >> (32 - _BITS_MOST)


def _divided(rows: Iterable[_Placed], bits: int) -> list[bytes]:
    places: dict[int, dict[str, dict[str, list[bytes]]]] = {}
    for row in rows:
        fields = places.setdefault(row.place >> (_BITS_MOST - bits), {})
        fields.setdefault(row.field, {}).setdefault(row.kind, []).append(row.body)
    return [_page(places[place]) for place in sorted(places)]


def _page(fields: Mapping[str, Mapping[str, Sequence[bytes]]]) -> bytes:
    parts = {}
    for field, kinds in fields.items():
        arrays = {kind: _array(bodies) for kind, bodies in kinds.items()}
        parts[field] = _object(arrays) if field == "worktime" else arrays[""]
    return _object(parts)


def _array(bodies: Iterable[bytes]) -> bytes:
    return b"[" + b",".join(bodies) + b"]"


def _object(parts: Mapping[str, bytes]) -> bytes:
    return b"{" + b",".join(b'"' + name.encode() + b'":' + of for name, of in parts.items()) + b"}"
