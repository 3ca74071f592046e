"""Presences out of the database, with whose they are."""

from collections.abc import Sequence
from datetime import date

from msgspec import structs

from sync.central import derive
from sync.central.city import City
from sync.central.resolve import Resolved, before, bound, resolve
from sync.central.store import Transaction
from sync.central.store.city import Place, Sighted
from sync.protocol.entry import Mark, Presence, origin_key


def resolved(tx: Transaction, city: City, since: date, kiosk: str = "") -> list[Resolved]:
    """Return every presence from `since` on that counts, in the order of arrival."""
    return resolve_all(tx, city, tx.city.sighted(since, kiosk))


def resolve_all(tx: Transaction, city: City, sighted: Sequence[Sighted]) -> list[Resolved]:
    """Return presences with whose they are.

    A punch that was first reported by a kiosk that did not know the terminal as its own, and then
    by one that did, is what the latter says.
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
            found.append(structs.replace(resolve(city, other), sighted=one))
    return found


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
