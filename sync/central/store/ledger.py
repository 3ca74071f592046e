"""What kiosks recorded: epochs, entries, presences, origins. Written by ingest alone."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    bindparam,
    delete,
    select,
    update,
)

from sync.central.store import tables
from sync.central.store.arrays import Array, Kind, join
from sync.central.store.arrivals import SHOWN, Arrivals
from sync.central.store.rows import insert_many, insert_new, is_one_of, queue_up

_PAGE: Final = 500  # rows that running on through islands takes into memory at once


class Line(Struct, frozen=True, kw_only=True):
    """One epoch as central holds it.

    Attributes:
        through, head: end of the contiguous, linked prefix; 0 and the genesis for nothing.
        hello_boot, hello_up: when the latest hello was said, by the kiosk's own boot's clock.
        signed_through: the entry up to which the device's kept signature speaks; 0 without one.
    """

    kiosk: str
    epoch: str
    number: int
    genesis: bytes
    through: int
    head: bytes
    hello_nonce: str = ""
    hello_boot: str = ""
    hello_up: int = 0
    signed_through: int = 0


class SignedEnd(NamedTuple):
    """The end of a signed batch; `signed` are its lines 1 and 2."""

    through: int
    head: bytes
    signed: bytes


class Held(Struct, frozen=True):
    """An entry as it is held. Several may have one seq: then they contradict each other."""

    seq: int
    hash: bytes
    prev: bytes
    body: bytes
    linked: bool


class Origin(Struct, frozen=True):
    """Which entry reported a punch first."""

    origin: bytes
    kiosk: str
    epoch: str
    seq: int
    hash: bytes


class Ledger:
    """Entries and what is derived from them, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._seen: list[_Seen] = []

    # Epochs.

    def line(self, kiosk: str, epoch: str) -> Line | None:
        """Return the epoch, locked until the transaction ends; None if it never said hello."""
        found = self._connection.execute(_LINE, {"of": kiosk, "at": epoch}).one_or_none()
        return None if found is None else Line(**found._mapping)

    def begin(self, line: Line, born: str, now: int) -> Line:
        """Begin an epoch; return it as it is held, locked: another central may have begun it.

        `born` names the key in its genesis.
        """
        values = {name: getattr(line, name) for name in Line.__struct_fields__}
        insert_new(self._connection, tables.epoch, {**values, "born": born, "began_at": now})
        return self.line(line.kiosk, line.epoch) or line

    def note_hello(self, line: Line, first: int, last: int) -> None:
        """Keep what the latest hello said: `line`'s hello fields, and what the kiosk holds."""
        self._update(
            line,
            hello_nonce=line.hello_nonce,
            hello_boot=line.hello_boot,
            hello_up=line.hello_up,
            first=first,
            last=last,
        )

    def move(self, line: Line) -> None:
        """Make `line.through` and `line.head` the end of the prefix."""
        self._update(line, through=line.through, head=line.head)

    def move_signed(self, line: Line, signed: bytes) -> None:
        """As `move`, to the end of the batch whose lines 1 and 2 are `signed`."""
        self._update(
            line,
            through=line.through,
            head=line.head,
            signed_through=line.signed_through,
            signed=signed,
        )

    def keep_signed_end(self, line: Line, end: SignedEnd) -> None:
        """Keep the end of a signed batch that the prefix has not reached."""
        row = dict(zip(end._fields, end, strict=True))
        key = {"kiosk": line.kiosk, "epoch": line.epoch}
        insert_new(self._connection, tables.signed_end, {**key, **row})

    def take_signed_ends(self, line: Line) -> list[SignedEnd]:
        """Return the kept ends up to the prefix's, the furthest first, and keep them no longer."""
        c = tables.signed_end.c
        reached = and_(c.kiosk == line.kiosk, c.epoch == line.epoch, c.through <= line.through)
        rows = self._connection.execute(
            select(c.through, c.head, c.signed).where(reached).order_by(c.through.desc())
        ).all()
        if rows:
            self._connection.execute(delete(tables.signed_end).where(reached))
        return [SignedEnd(*row) for row in rows]

    def _update(self, line: Line, **values: object) -> None:
        self._connection.execute(_UPDATE, {"of": line.kiosk, "at": line.epoch, **values})

    # Entries.

    def held(self, line: Line, first: int, last: int) -> list[Held]:
        """Return every entry held from `first` to `last`, by seq, then by arrival."""
        columns = [tables.entry.c[name] for name in Held.__struct_fields__]
        c = tables.entry.c
        rows = self._connection.execute(
            select(*columns)
            .where(c.kiosk == line.kiosk, c.epoch == line.epoch, c.seq.between(first, last))
            .order_by(c.seq, c.received_at, c.hash)
        )
        return [Held(*row) for row in rows]

    def holds(self, line: Line, first: int, last: int) -> bool:
        """Return whether any entry from `first` to `last` is held."""
        asked = {"of": line.kiosk, "at": line.epoch, "first": first, "last": last}
        return self._connection.scalar(_HOLDS, asked) is not None

    def page_after(self, line: Line, seq: int) -> list[Held]:
        """Return the entries held among the next `_PAGE` places after `seq`."""
        return self.held(line, seq + 1, seq + _PAGE)

    def page_before(self, line: Line, seq: int) -> list[Held]:
        """Return the entries held among the `_PAGE` places up to `seq`."""
        return self.held(line, seq - _PAGE + 1, seq)

    def link(self, line: Line, entries: Sequence[tuple[int, bytes]]) -> None:
        """Mark the entries with these (seq, hash) as part of the prefix."""
        c = tables.entry.c
        for start in range(0, len(entries), _PAGE):
            part = entries[start : start + _PAGE]
            seqs, hashes = zip(*part, strict=True)
            # The seqs find the rows by the key; the hashes tell a branch's from the prefix's.
            self._connection.execute(
                update(tables.entry)
                .where(
                    c.kiosk == line.kiosk,
                    c.epoch == line.epoch,
                    c.seq.between(min(seqs), max(seqs)),
                    is_one_of(self._connection, c.hash, hashes),
                )
                .values(linked=True)
            )

    def add(self, line: Line, arrivals: Arrivals, now: int, *, linked: bool) -> None:
        """Store new entries of the locked `line`; `settle` does what is derived of them."""
        same = {"kiosk": line.kiosk, "epoch": line.epoch, "received_at": now, "linked": linked}
        insert_many(self._connection, tables.entry, same, arrivals.of_entries)
        if arrivals.seen:
            self._seen.append(_Seen(line.kiosk, line.epoch, now, arrivals))

    def settle(self) -> None:
        """Store the presences among what was added: once, when the transaction ends.

        All origins are claimed at once and by their order: two centrals that were told of the
        same punches wait for each other in a line, and never in a circle. Presences are numbered
        in the order of COMMITs: who has seen one will not be shown a lower one later.
        """
        seen, self._seen = self._seen, []
        if not seen:
            return
        queue_up(self._connection)
        columns = {
            name: join([one.arrivals.of_presences[name] for one in seen])
            for name in ("seq", "hash", *SHOWN)
        }
        for name, kind in (
            ("kiosk", Kind.TEXT),
            ("epoch", Kind.TEXT),
            ("received_at", Kind.BIGINT),
        ):
            columns[name] = join(
                [Array(kind, [getattr(one, name)] * len(one.arrivals.seen)) for one in seen]
            )
        origins = [it.origin for one in seen for it in one.arrivals.seen]
        columns |= self._firsts(origins, [columns[name] for name in _PLACE])
        insert_many(self._connection, tables.presence, {}, columns)

    def _firsts(self, origins: Sequence[bytes], place: Sequence[Array]) -> dict[str, Array]:
        """Return the columns that say who reported each of `origins` first; `place` is ours."""
        # The last one written stays, and that is whoever was first among ours.
        ours = {origins[n]: n for n in range(len(origins) - 1, -1, -1)}
        others = self._claim(ours, place)
        if not others and len(ours) == len(origins):  # the usual case: nobody was before us
            first = [*place[:3], Array(Kind.BOOLEAN, [False] * len(origins))]
        else:
            places = list(zip(*(one.values for one in place), strict=True))
            firsts = [others.get(one) or places[ours[one]] for one in origins]
            again = [one != there for one, there in zip(places, firsts, strict=True)]
            named = zip(*firsts, strict=True)
            first = [Array(one.kind, list(v)) for one, v in zip(place, named, strict=True)][:3]
            first.append(Array(Kind.BOOLEAN, again))
        return dict(zip(_FIRST, first, strict=True))

    def _claim(
        self, ours: Mapping[bytes, int], place: Sequence[Array]
    ) -> Mapping[bytes, tuple[object, ...]]:
        """Claim each of the origins for its row in `place`; return who was before us, by origin.

        Trying first and reading afterwards holds even where two centrals write at once.
        """
        keys = sorted(ours)
        order = [ours[key] for key in keys]
        columns = {
            name: Array(one.kind, [one.values[n] for n in order])
            for name, one in zip(_PLACE, place, strict=True)
        }
        claims = {"origin": Array(Kind.BYTES, keys), **columns}
        if insert_many(self._connection, tables.origin, {}, claims) == len(keys):
            return {}
        named = [tables.origin.c[name] for name in ("origin", *_PLACE)]
        rows = self._connection.execute(
            select(*named).where(is_one_of(self._connection, tables.origin.c.origin, keys))
        )
        return {origin: tuple(first) for origin, *first in rows}

    # What nobody has.

    def lose(self, line: Line, first: int, last: int, anchor: bytes, now: int) -> None:
        """Record that entries `first` to `last` will not come; `anchor` is the last one's hash."""
        insert_new(
            self._connection,
            tables.lost,
            {
                "kiosk": line.kiosk,
                "epoch": line.epoch,
                "first": first,
                "last": last,
                "anchor": anchor,
                "noticed_at": now,
            },
        )

    def lost_ranges(self, line: Line) -> list[tuple[int, int]]:
        """Return (first, last) of every lost range, in order."""
        c = tables.lost.c
        rows = self._connection.execute(
            select(c.first, c.last)
            .where(c.kiosk == line.kiosk, c.epoch == line.epoch)
            .order_by(c.first)
        )
        return [(first, last) for first, last in rows]

    def lost_anchor(self, line: Line, seq: int) -> bytes | None:
        """Return the hash of the lost entry `seq`, known only where a lost range ends."""
        c = tables.lost.c
        anchor: bytes | None = self._connection.scalar(
            select(c.anchor).where(c.kiosk == line.kiosk, c.epoch == line.epoch, c.last == seq)
        )
        return anchor


class _Seen(NamedTuple):
    """Entries with presences among them, to be settled."""

    kiosk: str
    epoch: str
    received_at: int
    arrivals: Arrivals


_PLACE: Final = ("kiosk", "epoch", "seq", "hash")
_FIRST: Final = ("first_kiosk", "first_epoch", "first_seq", "again")


def _is_at(table: Table) -> ColumnElement[bool]:
    return and_(table.c.kiosk == bindparam("of"), table.c.epoch == bindparam("at"))


# What every single punch asks is made once: making a statement takes longer than its answer.
_LINE: Final = (
    select(*(tables.epoch.c[name] for name in Line.__struct_fields__))
    .where(_is_at(tables.epoch))
    .with_for_update(key_share=True)
)
_UPDATE: Final = update(tables.epoch).where(_is_at(tables.epoch))
_HOLDS: Final = (
    select(tables.entry.c.seq)
    .where(_is_at(tables.entry), tables.entry.c.seq.between(bindparam("first"), bindparam("last")))
    .limit(1)
)
