"""Entries on their way into the tables, by column: what of it needs no transaction is done ahead.

Not a door: nothing here knows a connection.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Final

from msgspec import Struct

from sync.central.store import tables
from sync.central.store.arrays import Array, Kind
from sync.central.store.rows import kind_of


class Sighting(Struct, frozen=True, kw_only=True):
    """A presence as it is shown and counted; see `tables.presence`. `origin` is its key."""

    origin: bytes
    source: str
    terminal: str
    credential: str
    user: str
    time: str
    zone: str
    utc: int | None
    person: str | None
    mark: str
    method: str
    state: str
    witness: str
    drift: int | None
    wall: int
    up: int
    boot: str
    synced: bool
    error: int | None


SHOWN: Final = tuple(name for name in Sighting.__struct_fields__ if name != "origin")
"""The columns of a presence that its body determines."""


class Arrivals:
    """New entries of one epoch, column by column.

    Attributes:
        readable: of each, whether this version can read it.
        sightings: of each, what is shown of it; None unless it is a presence that can be read.
    """

    def __init__(
        self,
        seqs: Sequence[int],
        hashes: Sequence[bytes],
        prevs: Sequence[bytes],
        bodies: Sequence[bytes],
        readable: Sequence[bool],
        sightings: Sequence[Sighting | None],
    ) -> None:
        self.seqs = seqs
        self.hashes = hashes
        self.prevs = prevs
        self.bodies = bodies
        self.readable = readable
        self.sightings = sightings

    def without(self, known: Collection[tuple[int, bytes]]) -> "Arrivals":
        """Return those whose (seq, hash) is not in `known`."""
        if not known:
            return self
        places = zip(self.seqs, self.hashes, strict=True)
        new = [n for n, place in enumerate(places) if place not in known]
        if len(new) == len(self.seqs):
            return self
        columns = (self.seqs, self.hashes, self.prevs, self.bodies, self.readable, self.sightings)
        return Arrivals(*([column[n] for n in new] for column in columns))  # type: ignore[arg-type]

    @cached_property
    def seen(self) -> Sequence[Sighting]:
        """Return the presences among them."""
        return [one for one in self.sightings if one is not None]

    @cached_property
    def of_entries(self) -> Mapping[str, Array]:
        """Return the columns of `tables.entry` that tell them apart."""
        return {
            "seq": Array(Kind.BIGINT, self.seqs),
            "hash": Array(Kind.BYTES, self.hashes),
            "prev": Array(Kind.BYTES, self.prevs),
            "body": Array(Kind.BYTES, self.bodies),
            "readable": Array(Kind.BOOLEAN, self.readable),
        }

    @cached_property
    def of_presences(self) -> Mapping[str, Array]:
        """Return the columns of `tables.presence` that tell the presences among them apart."""
        seqs, hashes = self.of_entries["seq"], self.of_entries["hash"]
        if len(self.seen) < len(self.sightings):
            seqs, hashes = (
                Array(one.kind, [v for v, s in zip(one.values, self.sightings, strict=True) if s])
                for one in (seqs, hashes)
            )
        shown = {name: Array(kind, list(map(of, self.seen))) for name, kind, of in _SHOWN}
        return {"seq": seqs, "hash": hashes, **shown}

    def pack(self) -> None:
        """Do now what sending them as columns will need."""
        for array in (*self.of_entries.values(), *self.of_presences.values()):
            if not array.is_alike:
                _ = array.has_null, array.elements


_SHOWN: Final = [(name, kind_of(tables.presence, name), attrgetter(name)) for name in SHOWN]
