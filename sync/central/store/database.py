"""The one place where a dialect matters: opening, transactions, errors, and insert-if-new.

SQLite by default: WAL and synchronous=FULL, so that a COMMIT that returned survives a power cut.
For PostgreSQL, `_DIALECTS` and `_understood` are what has to grow; no statement elsewhere does.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, create_engine, event, exc, inspect, select
from sqlalchemy.dialects import postgresql, sqlite

from sync.central.errors import StoreError, StoreRejected, StoreUnavailable, WrongSchema
from sync.central.store import tables

BUSY_MS: Final = 5000
"""How long a statement waits for another process's lock, milliseconds."""

_WRITES: Final = "presensi_writes"  # execution option: take the write lock at BEGIN
_SCHEMA: Final = "schema"

_DIALECTS: Final[Mapping[str, Callable[[Table], Any]]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}

Values = Mapping[str, object]


class Database:
    """An engine and its rules. Safe for several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine: Engine | None = None

    def open(self) -> None:
        """Open the database, make its tables if it has none.

        Raises:
            WrongSchema: it is of another version, or somebody else's; nothing was changed.
            StoreUnavailable: it cannot be read or written.
        """
        engine = create_engine(f"sqlite:///{self.path}", connect_args={"timeout": BUSY_MS / 1000})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        self._engine = engine
        try:
            with self.begin(writes=True) as connection:
                self._check_schema(connection)
        except StoreError:
            self.close()
            raise

    def _check_schema(self, connection: Connection) -> None:
        present = set(inspect(connection).get_table_names())
        if not present:
            tables.metadata.create_all(connection)
            connection.execute(
                tables.about.insert().values(name=_SCHEMA, value=str(tables.SCHEMA_VERSION))
            )
            return
        found = None
        if tables.about.name in present:
            about = tables.about.c
            found = connection.scalar(select(about.value).where(about.name == _SCHEMA))
        if found != str(tables.SCHEMA_VERSION):
            raise WrongSchema(
                f"{self.path}: schema {found or 'unknown'}, this version knows "
                f"{tables.SCHEMA_VERSION}; install the version that wrote it, or move the file away"
            )

    def close(self) -> None:
        """Close every connection; may be called twice."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @contextmanager
    def begin(self, *, writes: bool) -> Iterator[Connection]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises:
            StoreUnavailable: the database refuses for now; nothing of it was stored.
            StoreRejected: it will not take these values; nothing of it was stored.
        """
        if self._engine is None:
            raise StoreUnavailable(f"{self.path}: it is closed")
        try:
            with (
                self._engine.connect() as connection,
                connection.execution_options(**{_WRITES: writes}).begin(),
            ):
                yield connection
        except exc.SQLAlchemyError as error:
            raise _understood(error, self.path) from error


def insert_new(connection: Connection, table: Table, rows: Sequence[Values] | Values) -> None:
    """Insert the rows whose key is not there yet; leave those that are as they are."""
    if rows:
        statement = _DIALECTS[connection.dialect.name](table).on_conflict_do_nothing()
        connection.execute(statement, rows)


def upsert(connection: Connection, table: Table, row: Values, changes: Values) -> None:
    """Insert `row`, or where its key is there already, apply `changes` to what is there."""
    statement = _DIALECTS[connection.dialect.name](table).values(row)
    keys = [column.name for column in table.primary_key]
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes))


def _prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    # The driver would begin transactions by itself, and too late; `_begin_sqlite` does it instead.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # A reader that turns writer half-way can be refused at once; who will write says so first.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


_ADVICE: Final[Mapping[int, str]] = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space on it",
    sqlite3.SQLITE_IOERR: "the disk reports errors; check it",
    sqlite3.SQLITE_READONLY: "it cannot be written; check its owner and the mount",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check the directory and its owner",
    sqlite3.SQLITE_BUSY: "another process holds it; stop the other one",
    sqlite3.SQLITE_LOCKED: "another connection holds it",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore the backup",
    sqlite3.SQLITE_NOTADB: "the file is not a database; move it away",
}
_PRIMARY: Final = 0xFF  # an extended result code's low byte is the primary one


def _understood(error: exc.SQLAlchemyError, path: Path) -> StoreError:
    """Return what SQLAlchemy's `error` means to us."""
    original = getattr(error, "orig", None) or error
    code = getattr(original, "sqlite_errorcode", 0) & _PRIMARY
    if code in _ADVICE:
        return StoreUnavailable(f"{path}: {original}: {_ADVICE[code]}")
    if isinstance(error, exc.OperationalError | exc.TimeoutError):
        return StoreUnavailable(f"{path}: {original}")
    return StoreRejected(f"{path}: {original}")
