"""Insert-if-new and upsert, in the two dialects' words; many rows travel as columns, at once."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Connection,
    LargeBinary,
    Table,
    Text,
    any_,
    cast,
    literal,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import NullType

from sync.central.store.arrays import Array, Kind

_DIALECTS: Final[Mapping[str, Callable[[Table], Any]]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}

_KINDS: Final[Mapping[type, Kind]] = {
    int: Kind.BIGINT,
    bool: Kind.BOOLEAN,
    bytes: Kind.BYTES,
    str: Kind.TEXT,
}

_SQL_TYPES: Final = {Kind.BYTES: LargeBinary, Kind.TEXT: Text}

_QUEUE_KEY: Final = 0x70726573656E6365  # "presence"; advisory locks have one name space for all

Values = Mapping[str, object]


def insert_new(connection: Connection, table: Table, row: Values) -> bool:
    """Insert a row whose key is not there yet; leave it as it is otherwise. Return which."""
    statement = _DIALECTS[connection.dialect.name](table).values(row).on_conflict_do_nothing()
    # Without this SQLAlchemy forgets the count of an INSERT on PostgreSQL, and says -1.
    asked = statement.execution_options(preserve_rowcount=True)
    return connection.execute(asked).rowcount == 1


def upsert(connection: Connection, table: Table, row: Values, changes: Values) -> None:
    """Insert `row`, or where its key is there already, apply `changes` to what is there."""
    statement = _DIALECTS[connection.dialect.name](table).values(row)
    keys = [column.name for column in table.primary_key]
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes))


def queue_up(connection: Connection) -> None:
    """Wait until every other transaction that queued up has ended; then others wait for this one.

    What is numbered from here on is numbered in the order of COMMITs.
    """
    if connection.dialect.name != "sqlite":  # there is one writer anyway
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_QUEUE_KEY,))


def insert_many(
    connection: Connection, table: Table, same: Values, columns: Mapping[str, Array]
) -> int:
    """Insert those rows whose key is not there yet; return how many.

    `same` is what all of them have in common, `columns` are of one length. Rows that others insert
    too are locked in the order given: sort them by key, or two of us wait for each other. Texts
    have no NUL: they go past `tables.Words`.
    """
    if not any(one.values for one in columns.values()):
        return 0
    one_by_one = connection.dialect.name == "sqlite"
    return (_insert_rows if one_by_one else _insert_columns)(connection, table, same, columns)


def _insert_rows(
    connection: Connection, table: Table, same: Values, columns: Mapping[str, Array]
) -> int:
    shared = tuple(same.values())
    statement = _row_by_row(table.name, (*same, *columns))
    rows = zip(*(one.values for one in columns.values()), strict=True)
    return connection.exec_driver_sql(statement, [(*shared, *row) for row in rows]).rowcount


def _insert_columns(
    connection: Connection, table: Table, same: Values, columns: Mapping[str, Array]
) -> int:
    # Most columns of a batch have one value; it need not travel with every row.
    alike = {name: one.values[0] for name, one in columns.items() if one.is_alike}
    differing = {name: one for name, one in columns.items() if not one.is_alike}
    if not differing:
        raise ValueError(f"{table.name}: rows without a difference")
    statement = _as_columns(table, (*same, *alike), tuple(differing))
    sent = (*same.values(), *alike.values(), *differing.values())
    return connection.exec_driver_sql(statement, sent).rowcount


def kind_of(table: Table, name: str) -> Kind:
    """Return of which kind a column is."""
    return _KINDS[table.c[name].type.python_type]


@cache
def _row_by_row(table: str, names: tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(names))
    listed = ", ".join(f'"{name}"' for name in names)
    return f"INSERT INTO {table} ({listed}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608


@cache
def _as_columns(table: Table, shared: tuple[str, ...], names: tuple[str, ...]) -> str:
    """Return the statement for arrays of `names`, beside values of `shared` for every row."""
    listed = ", ".join(f'"{name}"' for name in (*shared, *names))
    values = [f"%s::{kind_of(table, name).sql}" for name in shared]
    arrays = ", ".join(f"%s::{kind_of(table, name).sql}[]" for name in names)
    columns = [f"u.c{place}" for place in range(len(names))]
    aliases = ", ".join(f"c{place}" for place in range(len(names)))
    chosen = ", ".join((*values, *columns))
    return (
        f"INSERT INTO {table.name} ({listed}) SELECT {chosen} "  # noqa: S608 - names of our own
        f"FROM unnest({arrays}) AS u({aliases}) ON CONFLICT DO NOTHING"
    )


def is_one_of(
    connection: Connection, column: Column[Any], keys: Sequence[object]
) -> ColumnElement[bool]:
    """Return the condition that `column` is one of `keys`, however many they are."""
    if connection.dialect.name == "sqlite":
        return column.in_(keys)
    kind = _KINDS[column.type.python_type]
    array = literal(Array(kind, keys), NullType())
    return column == any_(cast(array, ARRAY(_SQL_TYPES[kind])))
