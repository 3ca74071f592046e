"""The heads of the night, where they were written, and how far central's own journals reach."""

from collections.abc import Iterator, Sequence

from msgspec import Struct
from sqlalchemy import Connection, func, select, update

from sync.central.store import tables
from sync.central.store.rows import insert_new, upsert
from sync.protocol.nighthead import End


class NightRow(Struct, frozen=True, kw_only=True):
    """A head of the night as it is kept; `token` is a timestamp authority's answer, if any."""

    number: int
    day: str
    message: bytes
    token: bytes | None
    made_at: int


class Copy(Struct, frozen=True, order=True):
    """A head of the night that is still to be written to `place`."""

    day: str
    place: str


_COLUMNS = [tables.night.c[name] for name in NightRow.__struct_fields__]


class Nights:
    """Heads of the night, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, night: NightRow) -> bool:
        """Keep a new head; return whether it is: not if that day or number has one."""
        values = {name: getattr(night, name) for name in NightRow.__struct_fields__}
        return insert_new(self._connection, tables.night, values)

    def last(self) -> NightRow | None:
        """Return the head that was made last."""
        ordered = select(*_COLUMNS).order_by(tables.night.c.number.desc()).limit(1)
        row = self._connection.execute(ordered).one_or_none()
        return None if row is None else NightRow(**row._mapping)

    def of_day(self, day: str) -> NightRow | None:
        """Return the head of a day."""
        chosen = select(*_COLUMNS).where(tables.night.c.day == day)
        row = self._connection.execute(chosen).one_or_none()
        return None if row is None else NightRow(**row._mapping)

    def all(self) -> Iterator[NightRow]:
        """Yield the heads in the order in which they were made, one in memory at a time."""
        c = tables.night.c
        number: int | None = self._connection.scalar(select(func.min(c.number)))
        while number is not None:
            row = self._connection.execute(select(*_COLUMNS).where(c.number == number)).one()
            yield NightRow(**row._mapping)
            number = self._connection.scalar(select(func.min(c.number)).where(c.number > number))

    def keep_token(self, day: str, token: bytes) -> None:
        """Keep what a timestamp authority answered."""
        c = tables.night.c
        self._connection.execute(update(tables.night).where(c.day == day).values(token=token))

    # Copies.

    def want(self, copy: Copy) -> None:
        """Note that a head is to be written to a place."""
        row = {"day": copy.day, "place": copy.place, "tried_at": 0, "done_at": 0}
        insert_new(self._connection, tables.night_copy, row)

    def wanted(self) -> Sequence[Copy]:
        """Return the copies that were not written yet, the oldest first."""
        c = tables.night_copy.c
        rows = self._connection.execute(
            select(c.day, c.place).where(c.done_at == 0).order_by(c.day, c.place)
        )
        return [Copy(*row) for row in rows]

    def claim(self, copy: Copy, now: int, tried_before: int) -> bool:
        """Return whether the caller is to write a copy: nobody has tried since `tried_before`."""
        c = tables.night_copy.c
        claimed = self._connection.execute(
            update(tables.night_copy)
            .where(
                c.day == copy.day,
                c.place == copy.place,
                c.done_at == 0,
                c.tried_at <= tried_before,
            )
            .values(tried_at=now)
        )
        return bool(claimed.rowcount)

    def done(self, copy: Copy, now: int) -> None:
        """Note that a copy was written."""
        c = tables.night_copy.c
        self._connection.execute(
            update(tables.night_copy)
            .where(c.day == copy.day, c.place == copy.place)
            .values(done_at=now)
        )

    # Central's own journals.

    def note_end(self, end: End) -> None:
        """Note how far a journal of central's reaches."""
        reached = {"through": end.through, "head": bytes.fromhex(end.head)}
        key = {"journal": end.kiosk, "epoch": end.epoch}
        upsert(self._connection, tables.journal_end, {**key, **reached}, reached)

    def ends(self) -> list[End]:
        """Return how far every journal of central's was said to reach."""
        c = tables.journal_end.c
        rows = self._connection.execute(
            select(c.journal, c.epoch, c.through, c.head).order_by(c.journal, c.epoch)
        )
        return [End(row.journal, row.epoch, row.through, row.head.hex()) for row in rows]
