"""Central's data directory: the database and the key in it, opened together."""

import secrets
from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from msgspec import Struct

from sync.central.assembly import Assembly
from sync.central.authority import Authority, open_authority
from sync.central.clock import now_ms, stamp
from sync.central.decisions import Decisions
from sync.central.downlink import Downlink
from sync.central.errors import CentralError, StoreUnavailable
from sync.central.settings import Place
from sync.central.store import Store, Transaction
from sync.central.store.registry import Fact
from sync.protocol.enrolment import Broker

JOURNAL: Final = "journal"
"""Where in the data directory central's own journal is."""


class House(Struct, frozen=True):
    """What every verb needs."""

    place: Place
    store: Store
    authority: Authority
    decisions: Decisions

    def decide(
        self,
        tx: Transaction,
        action: str,
        subject: str,
        *,
        reason: str = "",
        detail: Mapping[str, str] | None = None,
    ) -> None:
        """Record what the person at the keyboard decided, last before `tx` commits it.

        Raises Refused, JournalTrouble.
        """
        self.decisions.decide(tx, action, subject, reason=reason, detail=detail)

    def decide_alone(
        self,
        action: str,
        subject: str,
        *,
        reason: str = "",
        detail: Mapping[str, str] | None = None,
    ) -> None:
        """As `decide`, for what is not done in the database: call it right before it is done."""
        with self.store.writing() as tx:
            self.decide(tx, action, subject, reason=reason, detail=detail)


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
    own = Decisions(
        place.data / JOURNAL,
        place.settings.audit.journal,
        authority.public,
        stamp,
        is_alone=not place.settings.database,
    )
    return House(place, store, authority, own)


def open_downlink(house: House) -> Downlink:
    """Return what answers hellos with rosters; the city's day is that of central's own times."""
    zone = house.place.settings.web.zone

    def today() -> date:
        return datetime.fromtimestamp(now_ms() / 1000, zone).date()

    return Downlink(house.store, house.authority, Assembly(today), now_ms)


def told_broker(house: House) -> Broker:
    """Return where new kiosks are told that the broker is."""
    said, ours = house.place.settings.enrolment, house.place.settings.broker
    return Broker(host=said.host or ours.host, port=said.port or ours.port)


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
