"""Strangers as a page shows them, as far as its visitor may see: cards, candidates, warnings."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

from msgspec import Struct

from sync.central.city import City
from sync.central.present import MARKS, terminal_time
from sync.central.resolve import Resolved, Why, candidates, sane_day
from sync.central.roles import Visitor
from sync.central.store import Transaction
from sync.central.store.city import Place
from sync.central.strangers import Unknown
from sync.central.web.scope import sees_day
from sync.central.web.visits import Visit
from sync.central.wishes import Pointed
from sync.protocol.roster import EVERYWHERE

MOST_FOUND: Final = 20
"""People that a search shows; candidates that a card shows are fewer."""

_MOST_CANDIDATES: Final = 6

NOTHING_SAID: Final[Mapping[Place, Visit]] = MappingProxyType({})
"""Of presences that no camera made."""

CREDENTIALS: Final = {
    "terminal_user": "ID",
    "finger_slot": "Slot jari",
    "card": "Kartu",
    "face": "Wajah",
    "qr": "Kode QR",
}
WHY: Final = {
    Why.UNKNOWN: "tidak ada yang memilikinya di sini",
    Why.AMBIGUOUS: "lebih dari satu orang memilikinya di sini",
    Why.TAKEN: "jari di alat masih milik pemegang nomor yang lama",
    Why.UNBOUND: "dari alat lain; bila itu penggantinya: kiosk devices replace",
    Why.UNREADABLE: "waktunya bukan tanggal",
    Why.CLAIM: "belum ada unit untuk kiosk ini",
}


class Person(Struct, frozen=True):
    """Somebody whom it may be."""

    id: str
    name: str
    units: str


class Seen(Struct, frozen=True, kw_only=True):
    """One presence in words; `key` is how the form names it."""

    key: str
    clock: str
    day: str
    terminal: str
    place: str
    mark: str
    named: str
    is_open: bool
    camera: str = ""


class Card(Struct, frozen=True, kw_only=True):
    """A credential at a kiosk that is nobody's."""

    kiosk: str
    credential: str
    user: str
    what: str
    where: str
    times: int
    since: str
    last: str
    why: str
    link: str
    people: Sequence[Person]


# What somebody may see.


def kiosks_of(tx: Transaction, city: City, visitor: Visitor) -> Collection[str]:
    """Return the kiosks that serve, on any day, a unit of the visitor's; of all, every one."""
    if visitor.sees_all:
        return {one.kiosk for one in tx.pages.kiosks()} | set(city.posts)
    return {
        kiosk for kiosk, posts in city.posts.items() if any(visitor.sees(p.unit) for p in posts)
    }


def is_visible(city: City, visitor: Visitor, one: Resolved) -> bool:
    """Return whether a presence is this one's to see: at a kiosk that served a unit of theirs."""
    if visitor.sees_all:
        return True
    day = seen_day(one)
    return day is not None and visitor.sees(*(city.served(one.sighted.place.kiosk, day) or ()))


def seen_day(one: Resolved) -> date | None:
    """Return the day of a presence; None for one of no calendar of ours."""
    return sane_day(one.sighted.time)


# In words.


def card(city: City, visitor: Visitor, one: Unknown, days: int) -> Card:
    """Return the card of a credential."""
    every = [*one.strangers, *one.named]
    first, last = every[0].sighted, every[-1].sighted
    day = seen_day(every[-1])
    served = sorted(city.served(one.kiosk, day) or ()) if day else []
    query = {"days": days, "kiosk": one.kiosk, "credential": one.credential, "user": one.user}
    return Card(
        kiosk=one.kiosk,
        credential=one.credential,
        user=one.user,
        what=f"{CREDENTIALS.get(one.credential, one.credential)} {one.user or '?'}",
        where=", ".join(city.units[unit].name for unit in served if unit in city.units)
        or one.kiosk,
        times=len(one.strangers),
        since=_when(first.time),
        last=_when(last.time),
        why="; ".join(sorted({WHY[each.why] for each in one.strangers if each.why in WHY})),
        link="/strangers?" + urlencode(query),
        people=_candidates(city, visitor, every)[:_MOST_CANDIDATES],
    )


def _when(said: str) -> str:
    clock, _, day = terminal_time(said, "")
    return f"{day} {clock[:5]}".strip()


def _candidates(city: City, visitor: Visitor, every: Sequence[Resolved]) -> list[Person]:
    """Return whom it may have been on all of these days, that the visitor may see."""
    found: dict[str, Person] = {}
    for one in every:
        day = seen_day(one)
        if day is None:
            continue
        for person in (*sorted(one.perhaps), *candidates(city, one.sighted)):
            if person in city.people and (visitor.sees_all or sees_day(city, visitor, person, day)):
                found.setdefault(person, _person(city, person, day))
    return list(found.values())


def _person(city: City, person: str, day: date) -> Person:
    units = [city.units[unit].name for unit in city.units_of(person, day) if unit in city.units]
    return Person(person, city.name(person), ", ".join(units) or "tanpa unit")


def newcomers(city: City, visitor: Visitor, one: Unknown) -> list[Person]:
    """Return the people of the kiosk's units whom no credential names there: the newcomers."""
    day = seen_day([*one.strangers, *one.named][-1])
    if day is None or not one.strangers:
        return []
    units = city.served(one.kiosk, day) or set()
    people = {
        member.person
        for unit in units
        for member in city.members_of.get(unit, ())
        if member.covers(day) and visitor.sees(unit)
    }
    known = {
        row.person
        for unit in (*units, EVERYWHERE)
        for row in city.known_at.get(unit, ())
        if row.covers(day) and row.credential == one.credential
    }
    return [_person(city, person, day) for person in sorted(people - known)][:MOST_FOUND]


def search(city: City, visitor: Visitor, one: Unknown, query: str, now: date) -> list[Person]:
    """Return the people whose name or id has these words in it, that the visitor may see."""
    wanted = query.strip().casefold()[:100]
    day = seen_day([*one.strangers, *one.named][-1])
    found = []
    for person in city.people.values():
        if wanted not in person.name.casefold() and wanted not in person.id.casefold():
            continue
        if visitor.sees_all or (day and sees_day(city, visitor, person.id, day)):
            found.append(_person(city, person.id, day or now))
            if len(found) == MOST_FOUND:
                break
    return found


def likely(
    city: City, visitor: Visitor, every: Sequence[Resolved], said: Mapping[Place, Visit]
) -> list[Person]:
    """Return whom a camera nearly named, that the visitor may see."""
    found: dict[str, Person] = {}
    for one in every:
        visit, day = said.get(one.sighted.place), seen_day(one)
        if visit is None or day is None:
            continue
        for person in visit.candidates:
            if person in city.people and (visitor.sees_all or sees_day(city, visitor, person, day)):
                found.setdefault(person, _person(city, person, day))
    return list(found.values())


def seen(
    city: City, visitor: Visitor, one: Resolved, said: Mapping[Place, Visit] = NOTHING_SAID
) -> Seen:
    """Return one presence in words, with those of a camera."""
    sighted = one.sighted
    clock, _, day = terminal_time(sighted.time, "")
    named = ""
    if one.why is Why.NAMED:
        named = (
            _name_of(city, visitor, one.person, seen_day(one))
            if one.person
            else "bukan pegawai kami"
        )
    return Seen(
        key=key_of(one),
        clock=clock,
        day=day,
        terminal=f"{sighted.source} {sighted.terminal}".strip(),
        place=f"{sighted.place.kiosk} {sighted.place.epoch} {sighted.place.seq}",
        mark=MARKS.get(sighted.mark, sighted.mark),
        camera=said[sighted.place].words if sighted.place in said else "",
        named=named,
        is_open=one.is_stranger,
    )


def _name_of(city: City, visitor: Visitor, person: str, day: date | None) -> str:
    """Return a person's name; of one who is not this visitor's to see, that it is another's."""
    if visitor.sees_all or (day and sees_day(city, visitor, person, day)):
        return f"{city.name(person)} ({person})"
    return "orang dari unit lain"


def is_others(city: City, visitor: Visitor, one: Resolved) -> bool:
    """Return whether somebody said it was a person whom this visitor does not see."""
    day = seen_day(one)
    return (
        one.why is Why.NAMED
        and one.person is not None
        and not visitor.sees_all
        and not (day and sees_day(city, visitor, one.person, day))
    )


def warnings(tx: Transaction, city: City, visitor: Visitor, one: Unknown, person: str) -> list[str]:
    """Return as whom else the same credential was named: one of both words is wrong."""
    is_local = one.credential in ("terminal_user", "finger_slot")
    day = seen_day([*one.strangers, *one.named][-1])
    others = {
        named
        for kiosk, named in tx.city.named_by_credential(one.credential, one.user)
        if named and named != person and (kiosk == one.kiosk or not is_local)
    }
    return [
        f"kredensial yang sama pernah dinamai {_name_of(city, visitor, other, day)}"
        for other in sorted(others)
    ]


def key_of(one: Resolved) -> str:
    """Return how a form names a presence."""
    place = one.sighted.place
    return f"{place.epoch} {place.seq} {place.hash.hex()}"


def pointed_key(one: Pointed) -> str:
    """Return the same of one in a proposal."""
    return f"{one.epoch} {one.seq} {one.hash}"


def pointed(city: City, one: Resolved) -> Pointed:
    """Return what a proposal says of a presence."""
    sighted = one.sighted
    what = CREDENTIALS.get(sighted.credential, sighted.credential)
    return Pointed(
        kiosk=sighted.place.kiosk,
        epoch=sighted.place.epoch,
        seq=sighted.place.seq,
        hash=sighted.place.hash.hex(),
        day=seen_day(one),
        said=f"{what} {sighted.user}, {sighted.time}, {sighted.terminal}",
        was=city.identified.get(sighted.place),
    )
