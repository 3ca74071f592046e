"""Strangers: presences that are nobody's, who it may have been, and a person's word on it."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Final

import msgspec
from msgspec import Struct

from sync.central.city import City, load
from sync.central.clock import now_ms
from sync.central.decisions import who
from sync.central.exits import Refused
from sync.central.house import House
from sync.central.resolve import Resolved, Why, candidates, day_of, resolve
from sync.central.sightings import resolve_all, resolved
from sync.central.store import Transaction
from sync.central.store.city import Group, Place, Sighted
from sync.central.touched import closed_by
from sync.central.wishes import NameBody, pointed
from sync.protocol.entry import Mark
from sync.protocol.roster import Dated

MOST_CLOSED: Final = 8
"""Closed months that are named."""

_WORDS = {
    Why.UNKNOWN: "nobody has that credential there",
    Why.AMBIGUOUS: "more than one has that credential there",
    Why.TAKEN: "under that number the terminal had the fingers of who had it before",
    Why.UNBOUND: "another terminal; if it is the successor: kiosk devices replace",
    Why.UNREADABLE: "its time is no date",
    Why.CLAIM: "no post says which units the kiosk serves",
}


class Candidate(Struct, frozen=True):
    """Who it may have been; `units` are those of that day."""

    person: str
    name: str
    units: Sequence[str]


class Stranger(Struct, frozen=True):
    """A presence that is nobody's."""

    resolved: Resolved
    candidates: Sequence[Candidate]


def strangers(tx: Transaction, city: City, since: date, kiosk: str = "") -> list[Stranger]:
    """Return every presence from `since` on that is nobody's, in the order of arrival."""
    return [
        Stranger(one, _candidates(city, one))
        for one in resolved(tx, city, since, kiosk)
        if one.is_stranger
    ]


def _candidates(city: City, one: Resolved) -> Sequence[Candidate]:
    day = day_of(one.sighted.time)
    if day is None:
        return []
    return [
        Candidate(person, city.name(person), city.units_of(person, day))
        for person in candidates(city, one.sighted)
    ]


# What is recent, quickly: a page asks.


class Unknown(Struct, frozen=True, kw_only=True):
    """Presences of one credential at one kiosk of which a person should say whose they are.

    Attributes:
        strangers: those that are nobody's yet, in order of their time.
        named: those of which somebody said it already.
    """

    kiosk: str
    credential: str
    user: str
    strangers: Sequence[Resolved]
    named: Sequence[Resolved] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what they have in common."""
        return self.kiosk, self.credential, self.user


def recent(tx: Transaction, city: City, begin: int, kiosks: Collection[str]) -> list[Unknown]:
    """Return who was nobody at these kiosks since `begin` (ms UTC); the most often seen first.

    Most presences are somebody's by one look at their credential; only the others are read.
    """
    edges = _edges(city)
    doubtful = [
        one for one in tx.city.recent_groups(begin, kiosks) if not _is_settled(city, one, edges)
    ]
    found: dict[tuple[str, str, str], tuple[list[Resolved], list[Resolved]]] = {}
    for one in resolve_all(tx, city, tx.city.recent_of(begin, kiosks, doubtful)):
        if not one.is_stranger and one.why is not Why.NAMED:
            continue
        seen = one.sighted
        strange, named = found.setdefault((seen.place.kiosk, seen.credential, seen.user), ([], []))
        (strange if one.is_stranger else named).append(one)
    made = [
        Unknown(
            kiosk=kiosk,
            credential=credential,
            user=user,
            strangers=sorted(strange, key=_time),
            named=sorted(named, key=_time),
        )
        for (kiosk, credential, user), (strange, named) in found.items()
    ]
    return sorted(made, key=lambda one: (-len(one.strangers), one.key))


def _time(one: Resolved) -> tuple[str, Place]:
    return one.sighted.time, one.sighted.place


def _is_settled(city: City, one: Group, edges: Collection[date]) -> bool:
    """Return whether all of a group is somebody's, whatever day it is of.

    What holds on one day holds on the next, unless something begins or ends: `edges`.
    """
    first, last = day_of(one.first), day_of(one.last)
    if first is None or last is None or one.mark not in (Mark.KNOWN, Mark.REPEAT):
        return False
    days = {first, last, *(day for day in edges if first < day < last)}
    return all(resolve(city, _sample(one, day)).person is not None for day in days)


def _edges(city: City) -> set[date]:
    """Return the days around which somebody's credential, or what a kiosk serves, changes."""
    rows: Iterable[Dated] = chain(
        *city.posts.values(), *city.known_of.values(), *city.grants_of.values()
    )
    turns = {day for row in rows for day in (row.since, row.until) if day is not None}
    # What holds until a day is over on the next; and a credential names on the day after, too.
    return {
        turn + timedelta(days=n)
        for turn in turns
        if _SANE <= turn < date.max - timedelta(days=3)
        for n in (-1, 0, 1, 2)
    }


_SANE: Final = date(1900, 1, 1)


def _sample(one: Group, day: date) -> Sighted:
    return Sighted(
        place=Place(one.kiosk, "", 0, b""),
        life=0,
        source="",
        terminal="",
        credential=one.credential,
        user=one.user,
        time=f"{day}T00:00:00",
        mark=Mark.KNOWN,
        claimed=one.claimed,
    )


# The verbs.


def listed(house: House, kiosk: str, days: int, *, as_json: bool) -> str:
    """List the strangers of the last days."""
    since = (datetime.fromtimestamp(now_ms() / 1000, UTC) - timedelta(days=days)).date()
    with house.store.reading() as tx:
        found = strangers(tx, load(tx), since, kiosk)
    if as_json:
        return "".join(_as_json(one) + "\n" for one in found)
    return "".join(_in_words(one) for one in found) + f"{len(found)} strangers since {since}\n"


def name(house: House, kiosk: str, epoch: str, seq: int, person: str, reason: str) -> str:
    """Decide whose a presence is; "" for nobody of ours. Raises Refused."""
    with house.store.writing() as tx:
        tx.city.lock()
        found = tx.city.sighted_at(kiosk, epoch, seq)
        if not found:
            raise Refused(f"entry {kiosk} {epoch} {seq} is no presence that is held")
        if len(found) > 1:
            raise Refused(
                f"entry {kiosk} {epoch} {seq}: two histories contradict each other there; "
                "see the alarms first"
            )
        city = load(tx)
        if person and person not in city.people:
            raise Refused(f"no person {person!r}; `roster import` makes them known")
        [one] = found
        closed = closed_by(tx, city, NameBody(person=person, presences=[pointed(one.place)]))
        tx.city.identify(one.place, person, who(), now_ms())
        tx.city.rise()
        detail = {
            "person": person,
            "terminal": one.terminal,
            one.credential: one.user,
            "time": one.time,
            "hash": one.place.hash.hex(),
        }
        if closed:
            detail["closed"] = ", ".join(f"{unit} {month}" for unit, month in closed[:MOST_CLOSED])
        subject = f"{kiosk} {epoch} {seq}"
        house.decide(tx, "name stranger", subject, reason=reason, detail=detail)
    said = f"{person} {city.name(person)}" if person else "nobody of ours"
    look_at = [f"look at: {unit} {month} is closed; what changed is issued as a difference\n"
               for unit, month in closed]  # fmt: skip
    return f"{subject}, {one.time}: {said}\n" + "".join(look_at[:MOST_CLOSED])


def _in_words(one: Stranger) -> str:
    sighted = one.resolved.sighted
    kiosk, epoch, seq, _ = sighted.place
    out = [
        f"{kiosk} {epoch} {seq}  {sighted.time}  {sighted.terminal} {sighted.credential} "
        f"{sighted.user or '?'}: {_WORDS[one.resolved.why]}\n"
    ]
    out += [
        f"    perhaps {who.person} {who.name} ({', '.join(who.units) or 'no unit'})\n"
        for who in one.candidates
    ]
    return "".join(out)


def _as_json(one: Stranger) -> str:
    sighted = one.resolved.sighted
    kiosk, epoch, seq, digest = sighted.place
    said = {
        "kiosk": kiosk,
        "epoch": epoch,
        "seq": seq,
        "hash": digest.hex(),
        "source": sighted.source,
        "terminal": sighted.terminal,
        "credential": sighted.credential,
        "user": sighted.user,
        "time": sighted.time,
        "mark": sighted.mark,
        "claimed": sighted.claimed,
        "why": one.resolved.why,
        "candidates": one.candidates,
    }
    return msgspec.json.encode(said).decode()
