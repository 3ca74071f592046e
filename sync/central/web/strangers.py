"""Strangers: presences that are nobody's, by kiosk and credential, and "this is ...".

A unit's account sees the kiosks that serve its units on that day, and names its own people.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final
from urllib.parse import urlencode

from msgspec import Struct
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sync.central.city import City
from sync.central.present import MARKS, terminal_time
from sync.central.proposals import MOST_REASON
from sync.central.resolve import Resolved, Why, candidates, sane_day
from sync.central.roles import DECIDING, Visitor
from sync.central.store import Transaction
from sync.central.strangers import Unknown, recent
from sync.central.touched import closed_by
from sync.central.web.dates import today
from sync.central.web.deciding import closed_words, decided, text
from sync.central.web.scope import sees_day
from sync.central.web.site import Missing, Site, Sorry
from sync.central.wishes import NameBody, Pointed
from sync.protocol.roster import EVERYWHERE

DAYS: Final = 7
MOST_DAYS: Final = 31
"""Days back that are looked at: as given, and at most."""

MOST_NAMED: Final = 200
"""Presences that are named at once."""

MOST_FOUND: Final = 20
"""People that a search shows; candidates that a card shows are fewer."""

_MOST_CANDIDATES: Final = 6

CREDENTIALS: Final = {
    "terminal_user": "ID",
    "finger_slot": "Slot jari",
    "card": "Kartu",
    "face": "Wajah",
}
WHY: Final = {
    Why.UNKNOWN: "tidak ada yang memilikinya di sini",
    Why.AMBIGUOUS: "lebih dari satu orang memilikinya di sini",
    Why.TAKEN: "jari di alat masih milik pemegang nomor yang lama",
    Why.UNBOUND: "dari alat lain; bila itu penggantinya: kiosk devices replace",
    Why.UNREADABLE: "waktunya bukan tanggal",
    Why.CLAIM: "belum ada unit untuk kiosk ini",
}
NOBODY: Final = "-"
"""In the form, for nobody of ours."""


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


class StrangerPages:
    """The list, one of it, and the word on it."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[BaseRoute]:
        """Return where they are."""
        page, act = self._site.page(self._look, roles=DECIDING), self._site.act(self._name)
        return [
            Route("/strangers", page, methods=["GET"]),
            Route("/strangers", act, methods=["POST"]),
        ]

    @property
    def _today(self) -> date:
        return today(self._site.clock(), self._site.web.zone)

    def _look(self, request: Request, visitor: Visitor) -> Response:
        """GET /strangers?days=: the cards; with kiosk, credential and user, that one."""
        asked = request.query_params
        days = _days(asked.get("days", ""))
        with self._site.store.reading() as tx:
            city = self._site.cities.current(tx)
            found = self.unknown(tx, city, visitor, days)
            if "kiosk" not in asked:
                return self._list(request, visitor, city, found, days)
            key = tuple(asked.get(name, "") for name in ("kiosk", "credential", "user"))
            one = next((one for one in found if one.key == key), None)
            if one is None:
                raise Missing("Kehadiran itu tidak ada, atau sudah lebih lama.")
            return self._one(request, visitor, city, one, days, asked.get("q", ""), {})

    def unknown(self, tx: Transaction, city: City, visitor: Visitor, days: int) -> list[Unknown]:
        """Return who was nobody in the last days, as far as the visitor may see."""
        zone = self._site.web.zone
        first = self._today - timedelta(days=days - 1)
        begin = int(datetime.combine(first, time(), zone).timestamp()) * 1000
        kiosks = _kiosks(tx, city, visitor)
        found = []
        for one in recent(tx, city, begin, kiosks) if kiosks else []:
            strange = [seen for seen in one.strangers if _may_see(city, visitor, seen)]
            named = [seen for seen in one.named if _may_see(city, visitor, seen)]
            if strange or named:
                found.append(
                    Unknown(
                        kiosk=one.kiosk,
                        credential=one.credential,
                        user=one.user,
                        strangers=strange,
                        named=named,
                    )
                )
        return found

    def _list(
        self, request: Request, visitor: Visitor, city: City, found: Sequence[Unknown], days: int
    ) -> Response:
        cards = [_card(city, visitor, one, days) for one in found if one.strangers]
        context = {"cards": cards, "days": days, "most": MOST_DAYS, "nobody": NOBODY}
        return self._site.render(request, visitor, "strangers.html", context)

    def _one(
        self,
        request: Request,
        visitor: Visitor,
        city: City,
        one: Unknown,
        days: int,
        query: str,
        asked: dict[str, object],
    ) -> Response:
        context = {
            "card": _card(city, visitor, one, days),
            "days": days,
            "seen": [_seen(city, visitor, each) for each in (*one.strangers, *one.named)],
            "new": _without_credential(city, visitor, one),
            "query": query,
            "found": _search(city, visitor, one, query, self._today) if query else [],
            "nobody": NOBODY,
            "warnings": [],
            "reason": "",
            "chosen": "",
            "marked": {_key(each) for each in one.strangers},
            **asked,
        }
        return self._site.render(request, visitor, "stranger.html", context)

    def _name(self, request: Request, visitor: Visitor, form: FormData) -> Response:
        """POST /strangers: these presences are that person's, or nobody's of ours."""
        key = tuple(text(form, name) for name in ("kiosk", "credential", "user"))
        days, reason = _days(text(form, "days")), text(form, "reason", MOST_REASON)
        said = text(form, "person")
        if not said:
            raise Sorry("Pilih siapa orangnya, atau: bukan pegawai kami.")
        person = "" if said == NOBODY else said
        marked = {str(value) for value in form.getlist("presence")}
        with self._site.store.reading() as tx:
            city = self._site.cities.current(tx)
            one, body = self._wanted(tx, city, visitor, key, days, person, marked)
            warnings = _warnings(tx, city, visitor, one, person)
            closed = closed_words(city, closed_by(tx, city, body))
        if (warnings or closed) and text(form, "sure") != "yes":
            asked: dict[str, object] = {
                "warnings": [*warnings, *(f"bulan sudah ditutup: {words}" for words in closed)],
                "reason": reason,
                "chosen": said,
                "marked": {_pointed_key(each) for each in body.presences},
            }
            return self._one(request, visitor, city, one, days, "", asked)
        made = decided(
            self._site,
            visitor,
            reason,
            lambda tx, city: self._wanted(tx, city, visitor, key, days, person, marked)[1],
        )
        if text(form, "back") == "list" and made.state == "approved":
            return RedirectResponse("/strangers?" + urlencode({"days": days}), 303)
        return RedirectResponse(f"/proposals/{made.id}", 303)

    def _wanted(
        self,
        tx: Transaction,
        city: City,
        visitor: Visitor,
        key: tuple[str, ...],
        days: int,
        person: str,
        marked: Collection[str],
    ) -> tuple[Unknown, NameBody]:
        """Return the group and what is wanted of it; without marks, of all that are nobody's."""
        found = self.unknown(tx, city, visitor, days)
        one = next((one for one in found if one.key == key), None)
        if one is None:
            raise Missing("Kehadiran itu tidak ada, atau sudah dinamai orang lain.")
        every = [*one.strangers, *one.named]
        chosen = [each for each in every if _key(each) in marked] if marked else one.strangers
        if not chosen or (marked and len(chosen) < len(marked)):
            raise Sorry("Sementara itu ada yang berubah; pilih kehadirannya sekali lagi.")
        if len(chosen) > MOST_NAMED:
            raise Sorry(f"Paling banyak {MOST_NAMED} kehadiran sekaligus; pilih sebagian.")
        if any(_is_others(city, visitor, each) for each in chosen):
            raise Sorry(
                "Sebagian sudah dinamai sebagai pegawai unit lain; hanya petugas kota yang dapat "
                "mengubahnya."
            )
        if person:
            for each in chosen:
                day = _day(each)
                if person not in city.people or not (
                    visitor.sees_all or (day and sees_day(city, visitor, person, day))
                ):
                    raise Missing("Tidak ada pegawai dengan NIP itu pada unit Anda di hari itu.")
        return one, NameBody(person=person, presences=[_pointed(city, each) for each in chosen])


# What somebody may see.


def _kiosks(tx: Transaction, city: City, visitor: Visitor) -> Collection[str]:
    if visitor.sees_all:
        return {one.kiosk for one in tx.pages.kiosks()} | set(city.posts)
    return {
        kiosk for kiosk, posts in city.posts.items() if any(visitor.sees(p.unit) for p in posts)
    }


def _may_see(city: City, visitor: Visitor, one: Resolved) -> bool:
    if visitor.sees_all:
        return True
    day = _day(one)
    return day is not None and visitor.sees(*(city.served(one.sighted.place.kiosk, day) or ()))


def _day(one: Resolved) -> date | None:
    """Return the day of a presence; None for one of no calendar of ours."""
    return sane_day(one.sighted.time)


def _days(said: str) -> int:
    if not said:
        return DAYS
    if not said.isascii() or not said.isdecimal() or not 1 <= int(said[:4]) <= MOST_DAYS:
        raise Sorry(f"{said[:20]!r}: pilih 1 sampai {MOST_DAYS} hari.")
    return int(said[:4])


# In words.


def _card(city: City, visitor: Visitor, one: Unknown, days: int) -> Card:
    every = [*one.strangers, *one.named]
    first, last = every[0].sighted, every[-1].sighted
    day = _day(every[-1])
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
        day = _day(one)
        if day is None:
            continue
        for person in (*sorted(one.perhaps), *candidates(city, one.sighted)):
            if person in city.people and (visitor.sees_all or sees_day(city, visitor, person, day)):
                found.setdefault(person, _person(city, person, day))
    return list(found.values())


def _person(city: City, person: str, day: date) -> Person:
    units = [city.units[unit].name for unit in city.units_of(person, day) if unit in city.units]
    return Person(person, city.name(person), ", ".join(units) or "tanpa unit")


def _without_credential(city: City, visitor: Visitor, one: Unknown) -> list[Person]:
    """Return the people of the kiosk's units whom no credential names there: the newcomers."""
    day = _day([*one.strangers, *one.named][-1])
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


def _search(city: City, visitor: Visitor, one: Unknown, query: str, now: date) -> list[Person]:
    wanted = query.strip().casefold()[:100]
    day = _day([*one.strangers, *one.named][-1])
    found = []
    for person in city.people.values():
        if wanted not in person.name.casefold() and wanted not in person.id.casefold():
            continue
        if visitor.sees_all or (day and sees_day(city, visitor, person.id, day)):
            found.append(_person(city, person.id, day or now))
            if len(found) == MOST_FOUND:
                break
    return found


def _seen(city: City, visitor: Visitor, one: Resolved) -> Seen:
    sighted = one.sighted
    clock, _, day = terminal_time(sighted.time, "")
    named = ""
    if one.why is Why.NAMED:
        named = (
            _name_of(city, visitor, one.person, _day(one)) if one.person else "bukan pegawai kami"
        )
    return Seen(
        key=_key(one),
        clock=clock,
        day=day,
        terminal=f"{sighted.source} {sighted.terminal}".strip(),
        place=f"{sighted.place.kiosk} {sighted.place.epoch} {sighted.place.seq}",
        mark=MARKS.get(sighted.mark, sighted.mark),
        named=named,
        is_open=one.is_stranger,
    )


def _name_of(city: City, visitor: Visitor, person: str, day: date | None) -> str:
    """Return a person's name; of one who is not this visitor's to see, that it is another's."""
    if visitor.sees_all or (day and sees_day(city, visitor, person, day)):
        return f"{city.name(person)} ({person})"
    return "orang dari unit lain"


def _is_others(city: City, visitor: Visitor, one: Resolved) -> bool:
    """Return whether somebody said it was a person whom this visitor does not see."""
    day = _day(one)
    return (
        one.why is Why.NAMED
        and one.person is not None
        and not visitor.sees_all
        and not (day and sees_day(city, visitor, one.person, day))
    )


def _warnings(
    tx: Transaction, city: City, visitor: Visitor, one: Unknown, person: str
) -> list[str]:
    """Return as whom else the same credential was named: one of both words is wrong."""
    is_local = one.credential in ("terminal_user", "finger_slot")
    day = _day([*one.strangers, *one.named][-1])
    others = {
        named
        for kiosk, named in tx.city.named_by_credential(one.credential, one.user)
        if named and named != person and (kiosk == one.kiosk or not is_local)
    }
    return [
        f"kredensial yang sama pernah dinamai {_name_of(city, visitor, other, day)}"
        for other in sorted(others)
    ]


def _key(one: Resolved) -> str:
    place = one.sighted.place
    return f"{place.epoch} {place.seq} {place.hash.hex()}"


def _pointed_key(one: Pointed) -> str:
    return f"{one.epoch} {one.seq} {one.hash}"


def _pointed(city: City, one: Resolved) -> Pointed:
    sighted = one.sighted
    what = CREDENTIALS.get(sighted.credential, sighted.credential)
    return Pointed(
        kiosk=sighted.place.kiosk,
        epoch=sighted.place.epoch,
        seq=sighted.place.seq,
        hash=sighted.place.hash.hex(),
        day=_day(one),
        said=f"{what} {sighted.user}, {sighted.time}, {sighted.terminal}",
        was=city.identified.get(sighted.place),
    )
