"""The journal as tables that anybody who knows SQL can ask, beside the daemon that writes it.

The one door to sqlite-utils. The files are attached read-only, a query can change nothing and open
no other file, and one that takes too long is ended: an open reading keeps the daemon's log from
being emptied. A view for each kind of entry, its columns those of the entry in docs/PROTOCOL.md.
"""

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from msgspec import NODEFAULT, Struct, structs
from sqlite_utils import Database

from sync.journal import schema
from sync.journal.errors import READ_ERRORS, JournalError, understood
from sync.journal.names import read as named
from sync.protocol import entry

ATTACHED_MOST: Final = 9
"""So many epochs are asked at once, the newest: SQLite attaches ten files to one connection."""

_STEPS: Final = 10_000
"""SQLite's steps between two looks at the time."""

_KINDS: Final[Mapping[str, type[Struct]]] = {
    "presences": entry.Presence,
    "coverage": entry.Coverage,
    "gaps": entry.Gap,
    "unwatched": entry.Unwatched,
    "clocks": entry.Clock,
    "terminals": entry.Terminal,
    "audit": entry.Audit,
}
"""Which view is of which kind of entry."""

ABOUT: Final[Mapping[str, str]] = {
    "entries": "every entry, its body as JSON; NULL where it was destroyed",
    "epochs": "the files: what each holds, and up to where it is known to be with central",
    "presences": "who was here: a row for every punch as it was recorded",
    "coverage": "up to when each terminal's record was read completely",
    "gaps": "where something may be missing, and why",
    "unwatched": "from when to when nobody saw whether a terminal worked",
    "clocks": "who told the kiosk the true time, and how exactly",
    "terminals": "which device answered under a source's name",
    "audit": "what was done, by whom; `detail` is JSON",
    "undelivered": "the entries that are not known to be with central",
}
"""The views and what each is for."""

_ENTRIES: Final = """\
SELECT '{epoch}' AS epoch, {number} AS number, seq, cursor >= seq AS delivered,
  CASE WHEN json_valid(body) THEN json_extract(body, '$.kind') END AS kind,
  CASE WHEN json_valid(body) THEN json_extract(body, '$.at.wall') END AS wall,
  CASE WHEN json_valid(body) THEN json_extract(body, '$.at.synced') END AS synced,
  hash, body
FROM (SELECT seq, CAST(body AS TEXT) AS body, lower(hex(hash)) AS hash, cursor
  FROM {name}.entry, {name}.epoch)"""

_EPOCHS: Final = """\
SELECT '{epoch}' AS epoch, number, first, (SELECT max(seq) FROM {name}.entry) AS last,
  cursor AS receipted, closed FROM {name}.epoch"""

_MOMENT: Final = "strftime('%Y-%m-%dT%H:%M:%SZ', wall / 1000, 'unixepoch')"


class QueryError(Exception):
    """A query cannot be answered; the text says why and what to do."""


class Views:
    """The views over some epochs' files; a context. Nothing is written anywhere.

    Attributes:
        left_out: epochs' files that are not asked: only so many are at once.
    """

    def __init__(self, paths: Sequence[Path], within_s: float = 60.0) -> None:
        """`paths` are oldest first; a query may take `within_s` seconds."""
        self.left_out = paths[:-ATTACHED_MOST]
        self._paths = paths[-ATTACHED_MOST:]
        self._within_s = within_s
        self._until_s = 0.0

    def __enter__(self) -> Self:
        """Open the files. Raises JournalError."""
        for path in self._paths:  # each is looked at alone: what is wrong then has a name
            with closing(schema.connect(path, read_only=True)) as db:
                schema.check(db, path)
        self._connection = sqlite3.connect(
            ":memory:", isolation_level=None, uri=True, timeout=schema.BUSY_S
        )
        self._connection.text_factory = lambda octets: octets.decode(errors="replace")
        try:
            self._attach()
        except READ_ERRORS as error:
            self._connection.close()
            raise understood(error, self._paths[-1].parent) from error
        self._db = Database(self._connection, recursive_triggers=False, execute_plugins=False)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the files."""
        self._connection.close()

    def _attach(self) -> None:
        db = self._connection
        for path in self._paths:
            db.execute(f"ATTACH ? AS {_name(path)}", (f"{path.resolve().as_uri()}?mode=ro",))
        for name, sql in _definitions(self._paths).items():
            db.execute(f"CREATE TEMP VIEW {name} AS {sql}")
        db.execute("PRAGMA query_only = ON")
        db.set_authorizer(_only_reading)
        db.set_progress_handler(self._is_over, _STEPS)

    def columns(self) -> dict[str, list[str]]:
        """Return the columns of every view."""
        return {name: self._columns(name) for name in ABOUT}

    def _columns(self, view: str) -> list[str]:
        read = self._connection.execute(f"SELECT * FROM {view} LIMIT 0")  # noqa: S608 - ours
        return [column[0] for column in read.description]

    def ask(self, query: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of a query by its columns' names. Raises QueryError, JournalError."""
        self._until_s = time.monotonic() + self._within_s
        try:
            for row in self._db.query(query):
                yield {name: _plain(value) for name, value in row.items()}
        except sqlite3.Error as error:
            raise self._meant(error) from error
        except ValueError as error:  # sqlite-utils: a statement that gives no rows
            raise QueryError(f"{error}: say one SELECT") from error

    def _is_over(self) -> int:
        return int(time.monotonic() > self._until_s > 0)

    def _meant(self, error: sqlite3.Error) -> JournalError | QueryError:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        match code:
            case sqlite3.SQLITE_INTERRUPT:
                return QueryError(
                    f"it takes longer than {self._within_s:g} s, and an open reading keeps the "
                    "daemon from tidying its log: ask for less (WHERE at >= ...), or say --within"
                )
            case sqlite3.SQLITE_AUTH | sqlite3.SQLITE_READONLY:
                return QueryError("the journal is only read: say one SELECT")
            case sqlite3.SQLITE_ERROR:
                return QueryError(f"{error}; kiosk journal sql --list names views and columns")
        return understood(error, self._paths[-1].parent)


def _only_reading(
    action: int, one: str | None, other: str | None, base: str | None, inner: str | None
) -> int:
    allowed = {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_SAVEPOINT,  # sqlite-utils lays one around every query
    }
    return sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY


def _definitions(paths: Sequence[Path]) -> dict[str, str]:
    """Return the views' SQL by name, each after those that it is made of."""

    def each(sql: str) -> str:
        parts = []
        for path in paths:
            epoch, number = named(path)
            parts.append(sql.format(epoch=epoch, number=number, name=_name(path)))
        return " UNION ALL ".join(parts)

    every = f"epoch, number, seq, kind, {_MOMENT} AS at, synced, delivered, hash, body"
    made = {
        "held": each(_ENTRIES),
        "entries": f"SELECT {every} FROM held ORDER BY number, seq",  # noqa: S608 - ours
        "epochs": each(_EPOCHS),
        **{name: _of_kind(form) for name, form in _KINDS.items()},
        "undelivered": "SELECT * FROM entries WHERE NOT delivered",
    }
    return made


def _of_kind(form: type[Struct]) -> str:
    """Return the view of one kind of entry: a column for each of its fields."""
    kind = str(form.__struct_config__.tag)
    fields = ", ".join(_column(field) for field in structs.fields(form) if field.name != "at")
    return (
        f"SELECT epoch, seq, {_MOMENT} AS at, synced, delivered, {fields}"  # noqa: S608 - ours
        f" FROM held WHERE kind = '{kind}' ORDER BY number, seq"
    )


def _column(field: structs.FieldInfo) -> str:
    value = f"json_extract(body, '$.{field.encode_name}')"
    if isinstance(field.default, str | int) and not isinstance(field.default, bool):
        value = f"coalesce({value}, {_literal(field.default)})"
    elif field.default_factory is not NODEFAULT or field.name == "detail":
        value = f"coalesce({value}, '{{}}')"
    return f'{value} AS "{field.encode_name}"'


def _literal(value: str | int) -> str:
    return f"'{value}'" if isinstance(value, str) else f"{value}"


def _name(path: Path) -> str:
    return f"e{named(path)[0]}"


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
