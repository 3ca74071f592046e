"""What is particular to SQLite: WAL and synchronous=FULL, so that a COMMIT that returned survives a
power cut; one writer at a time, who says so when he begins.
"""

import sqlite3
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, event, exc

from sync.central.errors import StoreError, StoreRejected, StoreUnavailable
from sync.central.store.address import Address

BUSY_MS: Final = 5000
"""How long a statement waits for another process's lock, milliseconds."""

_WRITES: Final = "presensi_writes"  # execution option: take the write lock at BEGIN


def engine(where: Address) -> Engine:
    """Return an engine for the file."""
    made = create_engine(where.url, connect_args={"timeout": BUSY_MS / 1000})
    event.listen(made, "connect", _prepare)
    event.listen(made, "begin", _begin)
    return made


def options(*, writes: bool) -> Mapping[str, object]:
    """Return the execution options of a transaction."""
    return {_WRITES: writes}


def lock_schema(_: Connection) -> None:
    """Nothing to do: who begins a writing transaction holds the only write lock."""


def _prepare(connection: sqlite3.Connection, _: object) -> None:
    # The driver would begin transactions by itself, and too late; `_begin` does it instead.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
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


def understood(error: exc.SQLAlchemyError, shown: str) -> StoreError:
    """Return what SQLAlchemy's `error` means to us."""
    original = getattr(error, "orig", None) or error
    code = getattr(original, "sqlite_errorcode", 0) & _PRIMARY
    if code in _ADVICE:
        return StoreUnavailable(f"{shown}: {original}: {_ADVICE[code]}")
    if isinstance(error, exc.OperationalError | exc.TimeoutError):
        return StoreUnavailable(f"{shown}: {original}")
    return StoreRejected(f"{shown}: {original}")
