"""Months that are closed, as signed messages. What they say is `sync/central/closing.py`'s."""

from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, select

from sync.central.store import tables
from sync.central.store.rows import insert_new


class Closed(Struct, frozen=True, kw_only=True):
    """A message of a unit's month: number 0 froze it, each later one is a difference.

    Attributes:
        month: `2026-11`.
        message: signed by central.
        actor: who closed it, or issued the difference.
    """

    unit: str
    month: str
    number: int
    message: bytes
    actor: str
    made_at: int


class Latest(Struct, frozen=True):
    """How a closed month stands: its last message's number, by whom and when."""

    unit: str
    month: str
    number: int
    actor: str
    made_at: int


class Closings:
    """Closed months, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, one: Closed) -> bool:
        """Keep a message; return whether it is new: a number is given once, and never again."""
        row = {name: getattr(one, name) for name in _NAMES}
        return insert_new(self._connection, tables.closing, row)

    def of(self, unit: str, month: str) -> list[Closed]:
        """Return every message of a unit's month, in order."""
        c = tables.closing.c
        rows = self._connection.execute(
            select(*(c[name] for name in _NAMES))
            .where(c.unit == unit, c.month == month)
            .order_by(c.number)
        )
        return [Closed(**row._mapping) for row in rows]

    def latest(self, month: str = "") -> list[Latest]:
        """Return how each closed month stands (or those of one month), by month and unit."""
        c = tables.closing.c
        asked = select(c.unit, c.month, c.number, c.actor, c.made_at)
        rows = self._connection.execute(
            (asked.where(c.month == month) if month else asked).order_by(c.month, c.unit, c.number)
        )
        last: dict[tuple[str, str], Latest] = {}
        for row in rows:
            last[row.month, row.unit] = Latest(*row)
        return list(last.values())

    def months(self) -> set[tuple[str, str]]:
        """Return which (unit, month) are closed."""
        c = tables.closing.c
        rows = self._connection.execute(select(c.unit, c.month).where(c.number == 0))
        return {(unit, month) for unit, month in rows}


_NAMES: Final = Closed.__struct_fields__
