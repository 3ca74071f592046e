"""Presences out of the database, with whose they are."""

from collections.abc import Iterable, Sequence
from datetime import date

from msgspec import structs

from sync.central import derive
from sync.central.city import City
from sync.central.resolve import Resolved, Why, before, bound, resolve
from sync.central.store import Transaction
from sync.central.store.city import Place, Sighted
from sync.protocol.entry import Mark, Presence, origin_key


def resolved(tx: Transaction, city: City, since: date, kiosk: str = "") -> list[Resolved]:
    """Return every presence from `since` on that counts, in the order of arrival."""
    return resolve_all(tx, city, tx.city.sighted(since, kiosk))


def resolve_all(tx: Transaction, city: City, sighted: Sequence[Sighted]) -> list[Resolved]:
    """Return presences with whose they are.

    A punch that was first reported by a kiosk that did not know the terminal as its own, and then
    by one that did, is what the latter says. So is one that is nobody's at the kiosk that reported
    it first: two units may share a terminal, each with a kiosk of its own.
    """
    unbound = [one for one in sighted if one.mark == Mark.UNBOUND]
    elsewhere = tx.city.taken_up() if unbound else {}
    copies = _copies(tx, city, unbound)
    found = []
    for one in sighted:
        other = elsewhere.get(one.place)
        if other is None or one.place in city.identified or bound(city, one):
            found.append(resolve(city, one, copies))
        else:
            other = structs.replace(other, day=one.day)
            found.append(structs.replace(resolve(city, other), sighted=one))
    return _named_elsewhere(tx, city, found)


def _named_elsewhere(tx: Transaction, city: City, found: Sequence[Resolved]) -> list[Resolved]:
    """Return the same, but for those that are nobody's where they were reported first."""
    unknown = [one.sighted for one in found if one.why is Why.UNKNOWN]
    elsewhere = tx.city.reported_elsewhere(unknown) if unknown else {}
    made = []
    for one in found:
        if one.why is Why.UNKNOWN and one.sighted.place in elsewhere:
            made.append(_first_named(city, one, elsewhere[one.sighted.place]))
        else:
            made.append(one)
    return made


def _first_named(city: City, one: Resolved, others: Iterable[Sighted]) -> Resolved:
    day = one.sighted.day
    told = [resolve(city, structs.replace(other, day=day)) for other in others]
    perhaps = {*one.perhaps, *(person for other in told for person in other.perhaps)}
    named = next((other for other in told if other.person is not None), None)
    if named is None:
        return structs.replace(one, perhaps=perhaps)
    return structs.replace(named, sighted=one.sighted)


def _copies(tx: Transaction, city: City, unbound: Sequence[Sighted]) -> set[Place]:
    """Return which presences a terminal brought along: another one of the source has them too."""
    bindings = {one.place: found for one in unbound if (found := bound(city, one)) is not None}
    bodies = tx.city.bodies(list(bindings))
    keys: dict[Place, list[bytes]] = {}
    for place, body in bodies.items():
        said = derive.read_if_possible(body)
        if isinstance(said, Presence):
            keys[place] = [
                origin_key(serial, said.user, said.time, said.ordinal)
                for serial in before(city, bindings[place])
            ]
    known = tx.city.recorded(sorted({key for of in keys.values() for key in of}))
    return {place for place, of in keys.items() if not known.isdisjoint(of)}
