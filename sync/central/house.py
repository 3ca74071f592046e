"""Central's data directory: the database and the key in it, opened together."""

import secrets

from msgspec import Struct

from sync.central.authority import Authority, open_authority
from sync.central.errors import CentralError, StoreUnavailable
from sync.central.settings import Place
from sync.central.store import Store
from sync.central.store.registry import Fact


class House(Struct, frozen=True):
    """What every verb needs."""

    place: Place
    store: Store
    authority: Authority


def open_house(place: Place) -> House:
    """Open the data directory; the first time, make it, its database and central's key.

    Centrals that share a database share the key as well: kiosks trust one.

    Raises:
        StoreError: the directory or the database cannot be used.
        KeyTrouble: the key cannot, or is not the one that kiosks trust.
    """
    try:
        place.data.mkdir(mode=0o700, parents=True, exist_ok=True)  # who came is nobody else's
    except OSError as error:
        raise StoreUnavailable(
            f"{place.data}: {error.strerror}; check `data` in {place.file}"
        ) from error
    store = Store(place.database)
    store.open()
    try:
        authority = _open_authority(place, store)
    except CentralError:
        store.close()
        raise
    return House(place, store, authority)


def _open_authority(place: Place, store: Store) -> Authority:
    """Return central with its key; a new database is told whose key it is."""
    with store.reading() as tx:
        known = tx.registry.fact(Fact.KEY)
    authority = open_authority(place.data, known=known)
    if not known:
        with store.writing() as tx:
            tx.registry.keep(Fact.KEY, authority.fingerprint)
            tx.registry.keep(Fact.EPOCH, secrets.token_hex(8))
            known = tx.registry.fact(Fact.KEY)  # another central's, if it was before us
        if known != authority.fingerprint:
            authority = open_authority(place.data, known=known)
    return authority
