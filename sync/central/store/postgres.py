"""What is particular to PostgreSQL: sessions whose COMMIT is durable and whose waits all end.

A writing transaction is READ COMMITTED: it inserts what is not there and reads who was first, and
needs to see what others committed meanwhile. A reading one sees one state.
"""

import select
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Final

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format
from sqlalchemy import Connection, Engine, create_engine, event, exc, text

from sync.central.errors import (
    Contended,
    StoreError,
    StoreRejected,
    StoreUnavailable,
    WrongSchema,
)
from sync.central.store.address import Address
from sync.central.store.arrays import Array, pack

STATEMENT_S: Final = 30
"""Longest a statement may take, seconds; a batch's take milliseconds."""

LOCK_S: Final = 5
"""Longest wait for a lock of another transaction, seconds."""

IDLE_S: Final = 60
"""How long a transaction may stand without a statement: its process hangs, its locks must go."""

SCHEMA_LOCK_S: Final = 60
"""Longest wait for another central that is changing the tables, seconds."""

_CONNECT_S: Final = 5
_POOL: Final = 4  # connections kept: the intake, and pages
_POOL_MORE: Final = 12  # opened while pages are busy, closed after
_POOL_WAIT_S: Final = 5
_SCHEMA_KEY: Final = 0x70726573656E7369  # "presensi": advisory locks have one name space for all


class _ArrayDumper(Dumper):
    """How psycopg sends our arrays; the statement says of which type they are."""

    format = Format.BINARY

    def dump(self, obj: Array) -> bytes:
        return pack(obj)


def engine(where: Address) -> Engine:
    """Return an engine for the server."""
    made = create_engine(
        where.url,
        pool_size=_POOL,
        max_overflow=_POOL_MORE,
        pool_timeout=_POOL_WAIT_S,
        connect_args={
            "connect_timeout": _CONNECT_S,
            "application_name": "presensi-central",
            "client_encoding": "utf8",
            # A server that vanished without a word is noticed by TCP.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 1000 * STATEMENT_S,
        },
    )
    shown = where.shown

    def prepare(connection: psycopg.Connection, _: object) -> None:
        with ExitStack() as stack:
            stack.callback(connection.close)  # the pool does not know it yet
            _prepare(connection, shown)
            stack.pop_all()

    event.listen(made, "connect", prepare)
    event.listen(made, "checkout", _check_alive)
    return made


def options(*, writes: bool) -> Mapping[str, object]:
    """Return the execution options of a transaction."""
    if writes:
        return {"isolation_level": "READ COMMITTED", "postgresql_readonly": False}
    return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


def lock_schema(connection: Connection) -> None:
    """Wait until no other central changes the tables; an index on a large one takes its time."""
    connection.execute(text(f"SET LOCAL lock_timeout = '{SCHEMA_LOCK_S}s'"))
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text(f"SELECT pg_advisory_xact_lock({_SCHEMA_KEY})"))


def _prepare(connection: psycopg.Connection, shown: str) -> None:
    """Set a new session up. Raises StoreUnavailable where the server would not keep its word."""
    found = connection.execute(
        "SELECT current_setting('fsync'), current_setting('full_page_writes'),"
        " current_setting('server_encoding'), current_setting('synchronous_commit')"
    ).fetchone()
    assert found is not None  # noqa: S101 - a SELECT without FROM has one row
    fsync, full_page_writes, encoding, synchronous = found
    if (fsync, full_page_writes) != ("on", "on"):
        raise StoreUnavailable(
            f"{shown}: the server runs with fsync = {fsync}, full_page_writes = {full_page_writes}:"
            " a power cut would take what kiosks have receipts for; set both to on"
        )
    if encoding != "UTF8":
        raise StoreUnavailable(
            f"{shown}: the database is encoded in {encoding}, not UTF8; make it anew: "
            "createdb --encoding UTF8 --template template0"
        )
    # `remote_apply` promises more than `on`, everything else less.
    durable = "on" if synchronous != "remote_apply" else synchronous
    for name, value in (
        ("synchronous_commit", durable),
        ("statement_timeout", f"{STATEMENT_S}s"),
        ("lock_timeout", f"{LOCK_S}s"),
        ("idle_in_transaction_session_timeout", f"{IDLE_S}s"),
        ("timezone", "UTC"),
    ):
        connection.execute("SELECT set_config(%s, %s, false)", (name, value))
    connection.commit()
    connection.adapters.register_dumper(Array, _ArrayDumper)


def _check_alive(connection: psycopg.Connection, _: object, __: object) -> None:
    """Let the pool replace a connection that died while nobody used it.

    The server says nothing on an idle connection but its goodbye; asking it would cost a round trip
    for every transaction.
    """
    here = select.poll()
    if not connection.closed:
        here.register(connection.fileno(), select.POLLIN)
    if connection.closed or here.poll(0):
        raise exc.DisconnectionError("the server has closed it")


_BUSY: Final = "another transaction holds what it needs; it is tried again"
_LINE: Final = (
    "check the server, that it has this database and user, and `database` in central.toml"
)
_DAMAGED: Final = "the database is damaged; restore the backup"

# By SQLSTATE, else by its class, the first two characters.
_ADVICE: Final[Mapping[str, str]] = {
    "08": _LINE,
    "25006": "the server is read-only, a standby perhaps; name the primary in `database`",
    "28": "check the user, ~/.pgpass and the server's pg_hba.conf",
    "3D": "create the database: createdb --encoding UTF8 --template template0",
    "42501": "the user lacks a right; make it the owner of the database",
    "53": "the server lacks something; see its log",
    "53100": "the server's disk is full; free some space on it",
    "53200": "the server has no memory left; see its log",
    "53300": "the server has no connection left; end other clients or raise max_connections",
    "55": _BUSY,
    "57": "the server ends or starts; it is tried again",
    "57014": f"it took longer than {STATEMENT_S} s; see what else the server does",
    "58": "the server's disk reports errors; check it",
    "XX": "the server reports a fault of its own; see its log",
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}
_CONTENDED: Final = frozenset({"40001", "40P01"})  # serialization failure, deadlock
_OTHER_TABLES: Final = frozenset({"42P01", "42703"})  # a table, a column is not there
_REJECTED: Final = frozenset({"21", "22", "23", "54"})  # cardinality, value, constraint, too long


def understood(error: exc.SQLAlchemyError, shown: str) -> StoreError:
    """Return what SQLAlchemy's `error` means to us."""
    original = getattr(error, "orig", None) or error
    state = getattr(original, "sqlstate", None) or ""
    # The server adds what it was doing in further lines; the first says what is wrong.
    said = f"{shown}: {(str(original).strip().splitlines() or [''])[0]}"
    if state in _CONTENDED:
        return Contended(f"{said}: {_BUSY}")
    if state in _OTHER_TABLES:
        return WrongSchema(f"{said}: the tables were changed by another version; install it")
    if state[:2] in _REJECTED:
        return StoreRejected(said)
    advice = _ADVICE.get(state) or _ADVICE.get(state[:2])
    if advice is not None:
        return StoreUnavailable(f"{said}: {advice}")
    if isinstance(error, exc.OperationalError | exc.InterfaceError):
        return StoreUnavailable(f"{said}: {_LINE}")
    if isinstance(error, exc.TimeoutError):
        return StoreUnavailable(f"{said}: every connection is in use; try again")
    return StoreRejected(said)
