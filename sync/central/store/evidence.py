"""The rows as they stand, for somebody who does not believe them: what an audit reads, in pages."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from msgspec import Struct
from sqlalchemy import Column, ColumnElement, Connection, and_, func, select, tuple_

from sync.central.store import tables
from sync.central.store.arrivals import SHOWN
from sync.central.store.ledger import Origin

PAGE: Final = 500
"""Entries that are in memory at once."""


class Row(Struct, frozen=True, kw_only=True):
    """An entry's row, whatever it is worth."""

    seq: int
    hash: bytes
    prev: bytes
    body: bytes
    linked: bool
    readable: bool
    received_at: int

    @property
    def place(self) -> tuple[int, bytes]:
        """Return what the rows of an epoch are ordered by."""
        return self.seq, self.hash


class Seen(NamedTuple):
    """A presence's row: what it says of the punch (a Sighting's fields but the origin), and more.

    `first`: (kiosk, epoch, seq) of the entry that is said to have reported the punch first.
    """

    said: tuple[object, ...]
    again: bool
    first: tuple[str, str, int]
    received_at: int


class EpochRow(Struct, frozen=True, kw_only=True):
    """An epoch's row."""

    kiosk: str
    epoch: str
    number: int
    born: str
    genesis: bytes
    through: int
    head: bytes
    signed_through: int
    signed: bytes | None


class LostRange(NamedTuple):
    """Entries that nobody has; `anchor` is said to be the hash of the last one."""

    first: int
    last: int
    anchor: bytes


_ROW: Final = [tables.entry.c[name] for name in Row.__struct_fields__]
_EPOCH: Final = [tables.epoch.c[name] for name in EpochRow.__struct_fields__]
_BORN_HERE: Final = ("entry", "presence", "lost", "signed_end")


class Evidence:
    """What is held of kiosks, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def kiosks(self) -> list[str]:
        """Return every kiosk of which anything is held, by name."""
        whose = (table.c.kiosk for table in (tables.epoch, tables.entry, tables.presence))
        return sorted({kiosk for column in whose for kiosk in self._distinct(column)})

    def epochs(self, kiosk: str | None = None) -> list[EpochRow]:
        """Return the epochs of a kiosk, or of all, in the order of their lives."""
        c = tables.epoch.c
        which = [] if kiosk is None else [c.kiosk == kiosk]
        ordered = select(*_EPOCH).where(*which).order_by(c.kiosk, c.began_at, c.number, c.epoch)
        return [EpochRow(**row._mapping) for row in self._connection.execute(ordered)]

    def epoch(self, kiosk: str, epoch: str) -> EpochRow | None:
        """Return one epoch."""
        c = tables.epoch.c
        chosen = select(*_EPOCH).where(c.kiosk == kiosk, c.epoch == epoch)
        row = self._connection.execute(chosen).one_or_none()
        return None if row is None else EpochRow(**row._mapping)

    def strays(self, kiosk: str) -> list[tuple[str, str]]:
        """Return (table, epoch) of rows that belong to no epoch of `kiosk` that is held."""
        known = {at.epoch for at in self.epochs(kiosk)}
        return [
            (name, epoch)
            for name in _BORN_HERE
            for c in (tables.metadata.tables[name].c,)
            for epoch in self._distinct(c.epoch, c.kiosk == kiosk)
            if epoch not in known
        ]

    def _distinct(self, column: Column[str], *which: ColumnElement[bool]) -> Iterator[str]:
        """Yield the values of a column that an index begins with: a step for each, not a scan."""
        value: str | None = self._connection.scalar(select(func.min(column)).where(*which))
        while value is not None:
            yield value
            beyond = select(func.min(column)).where(*which, column > value)
            value = self._connection.scalar(beyond)

    def pages(self, kiosk: str, epoch: str) -> Iterator[list[Row]]:
        """Yield all entries of an epoch by seq, then hash: linked, islands and branches."""
        c = tables.entry.c
        after = (-(2**62), b"")
        while True:
            rows = self._connection.execute(
                select(*_ROW)
                .where(c.kiosk == kiosk, c.epoch == epoch, _beyond(c, after))
                .order_by(c.seq, c.hash)
                .limit(PAGE)
            )
            page = [Row(**row._mapping) for row in rows]
            if page:
                yield page
            if len(page) < PAGE:
                return
            after = page[-1].place

    def linked(self, kiosk: str, epoch: str, first: int) -> Iterator[Row]:
        """Yield the entries of the prefix from `first` on, in pages."""
        c = tables.entry.c
        while True:
            rows = self._connection.execute(
                select(*_ROW)
                .where(c.kiosk == kiosk, c.epoch == epoch, c.seq >= first, c.linked)
                .order_by(c.seq)
                .limit(PAGE)
            ).all()
            for row in rows:
                yield Row(**row._mapping)
            if len(rows) < PAGE:
                return
            first = rows[-1].seq + 1

    def seen(
        self, kiosk: str, epoch: str, after: tuple[int, bytes], last: tuple[int, bytes] | None
    ) -> dict[tuple[int, bytes], Seen]:
        """Return the presences behind the place `after` up to `last`, or to the end, by place."""
        c = tables.presence.c
        which = [c.kiosk == kiosk, c.epoch == epoch, _beyond(c, after)]
        if last is not None:
            which += [c.seq <= last[0], ~_beyond(c, last)]  # the first one ends the reading
        firsts = (c.first_kiosk, c.first_epoch, c.first_seq)
        more = (c.seq, c.hash, c.again, *firsts, c.received_at)
        rows = self._connection.execute(select(*(c[name] for name in SHOWN), *more).where(*which))
        found = {}
        for row in rows:
            said, (seq, hash_, again, *first, received) = row[: len(SHOWN)], row[len(SHOWN) :]
            found[seq, hash_] = Seen(tuple(said), again, tuple(first), received)
        return found

    def origins(self, keys: Sequence[bytes]) -> dict[bytes, Origin]:
        """Return who is said to have reported each of at most `PAGE` origins first."""
        c = tables.origin.c
        columns = [c[name] for name in Origin.__struct_fields__]
        rows = self._connection.execute(select(*columns).where(c.origin.in_(keys)))
        return {row.origin: Origin(*row) for row in rows}

    def bodies(self, places: Sequence[Origin]) -> dict[bytes, bytes]:
        """Return the bodies of the entries at the places of at most `PAGE` origins, by origin."""
        by_epoch = defaultdict[tuple[str, str], dict[tuple[int, bytes], bytes]](dict)
        for one in places:
            by_epoch[one.kiosk, one.epoch][one.seq, one.hash] = one.origin
        c, found = tables.entry.c, {}
        # One question for each epoch: SQLite reads all of a table for a list of four columns.
        for (kiosk, epoch), wanted in by_epoch.items():
            seqs = sorted({seq for seq, _ in wanted})
            rows = self._connection.execute(
                select(c.seq, c.hash, c.body).where(
                    c.kiosk == kiosk, c.epoch == epoch, c.seq.in_(seqs)
                )
            )
            found.update(
                {wanted[seq, hash_]: body for seq, hash_, body in rows if (seq, hash_) in wanted}
            )
        return found

    def lost(self, kiosk: str, epoch: str) -> list[LostRange]:
        """Return the lost ranges of an epoch, in order."""
        c = tables.lost.c
        rows = self._connection.execute(
            select(c.first, c.last, c.anchor)
            .where(c.kiosk == kiosk, c.epoch == epoch)
            .order_by(c.first)
        )
        return [LostRange(*row) for row in rows]

    def hash_at(self, at: EpochRow, seq: int) -> bytes | None:
        """Return the hash that the prefix is said to have at `seq`; None beyond, or where lost."""
        if seq in (0, at.through):
            return at.genesis if seq == 0 else at.head
        if seq > at.through:
            return None
        c, lost = tables.entry.c, tables.lost.c
        linked = select(c.hash).where(
            c.kiosk == at.kiosk, c.epoch == at.epoch, c.seq == seq, c.linked
        )
        found = self._connection.scalars(linked.limit(1)).first()
        if found is None:
            anchor = select(lost.anchor).where(
                lost.kiosk == at.kiosk, lost.epoch == at.epoch, lost.last == seq
            )
            found = self._connection.scalar(anchor)
        return found

    def find(self, kiosk: str, terminal: str, user: str, time: str) -> list[tuple[str, int]]:
        """Return (epoch, seq) of the entries in which `kiosk` reports a punch, oldest first."""
        c, e = tables.presence.c, tables.entry.c
        linked = and_(*(e[name] == c[name] for name in ("kiosk", "epoch", "seq", "hash")), e.linked)
        rows = self._connection.execute(
            select(c.epoch, c.seq)
            .join_from(tables.presence, tables.entry, linked)
            .where(c.kiosk == kiosk, c.terminal == terminal, c.user == user, c.time == time)
            .order_by(c.id)
        )
        return [(epoch, seq) for epoch, seq in rows]


def _beyond(c: Any, place: tuple[int, bytes]) -> ColumnElement[bool]:
    """Return the condition that a row comes after `place`."""
    return tuple_(c.seq, c.hash) > tuple_(*place)
