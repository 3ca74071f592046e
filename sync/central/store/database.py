"""The database: opening, transactions, and what its refusals mean. `sqlite` and `postgres` know
what is particular to each; no statement elsewhere does.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Final, Protocol, cast

from sqlalchemy import Connection, Engine, exc

from sync.central.errors import StoreError, StoreUnavailable
from sync.central.store import schema
from sync.central.store.address import Address, address


class Kind(Protocol):
    """What is particular to one kind of database: the module `sqlite` or `postgres`."""

    @staticmethod
    def engine(where: Address) -> Engine:
        """Return an engine that is not connected yet, and whose COMMIT survives a power cut."""

    @staticmethod
    def options(*, writes: bool) -> Mapping[str, object]:
        """Return the execution options of a transaction."""

    @staticmethod
    def lock_schema(connection: Connection) -> None:
        """Let nobody else change the tables until the transaction ends."""

    @staticmethod
    def understood(error: exc.SQLAlchemyError, shown: str) -> StoreError:
        """Return what SQLAlchemy's `error` means to us, with the next step."""


class Database:
    """An engine and its rules. Safe for several threads."""

    def __init__(self, database: str | Path) -> None:
        self._where: Final = address(database)
        self._kind = _kind(self._where)
        self._engine: Engine | None = None

    def open(self) -> None:
        """Open the database; make its tables, or bring them to this version.

        Raises:
            WrongSchema: it is of a later version, or somebody else's; nothing was changed.
            StoreUnavailable: it cannot be read or written, or would not keep what it is given.
        """
        self._engine = self._kind.engine(self._where)
        try:
            with self.begin(writes=False) as connection:
                current = schema.is_current(connection, self._where.shown)
            if not current:
                with self.begin(writes=True) as connection:
                    self._kind.lock_schema(connection)
                    schema.bring_up(connection, self._where.shown)
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        """Close every connection; may be called twice."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @property
    def takes_columns(self) -> bool:
        """Whether many rows travel as columns, packed."""
        return not self._where.is_file

    @contextmanager
    def begin(self, *, writes: bool) -> Iterator[Connection]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises:
            StoreUnavailable: the database refuses for now; nothing of it was stored, or the line
                to the server broke at COMMIT and nobody knows. Contended: begin again at once.
            StoreRejected: it will not take these values; nothing of it was stored.
        """
        if self._engine is None:
            raise StoreUnavailable(f"{self._where.shown}: it is closed")
        try:
            with (
                self._engine.connect() as connection,
                connection.execution_options(**self._kind.options(writes=writes)).begin(),
            ):
                yield connection
        except exc.SQLAlchemyError as error:
            raise self._kind.understood(error, self._where.shown) from error


def _kind(where: Address) -> Kind:
    """Return the module for `where`; PostgreSQL's driver is not imported for a file."""
    module: ModuleType
    if where.is_file:
        from sync.central.store import sqlite as module
    else:
        from sync.central.store import postgres as module
    return cast(Kind, module)
