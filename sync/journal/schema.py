"""The tables of a journal file, and how an older file becomes a newer one.

Migrations only go forward. Each runs in one transaction and raises `user_version` by one; a file
from every version is kept among the tests.
"""

import sqlite3
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Final

from sync.journal.errors import READ_ERRORS, Damaged, Foreign, Newer, understood

APPLICATION_ID: Final = 0x50525345
"""`PRSE` in the database header: this file is a journal of ours."""

_VERSIONS_AHEAD_MOST: Final = 50
"""A version further ahead than this is no newer software's but a rotten number."""

_SQLITE: Final = b"SQLite format 3\0"
_HEADER_BYTES: Final = 100
_MARK: Final = slice(68, 72)  # where a database's header has its application id

PAGE_BYTES: Final = 512
"""Small pages spare the SD card: a live commit writes 0.3 KB less than with 1024 bytes and 1.4 KB
less than with 2048, at the same speed; a bulk append is 13 % slower than with 1024.
"""

CHECKPOINT_PAGES: Final = 4000
"""How many pages stand in the log (2 MB) before they go into the file: pages that many commits
change then go there once."""

TIGHT_PAGES: Final = 200
"""The same once the ballast is spent: a long log would take the room that the file needs."""

BUSY_S: Final = 10.0
"""How long a commit waits for another process's, seconds."""

MIGRATIONS: Final = (
    # 1. An entry whose body was destroyed keeps the body's digest, so that the chain verifies.
    """
    CREATE TABLE entry (
        seq INTEGER PRIMARY KEY,
        body BLOB,
        hash BLOB NOT NULL,
        digest BLOB,
        CHECK ((body IS NULL) <> (digest IS NULL))
    ) STRICT;
    CREATE TABLE origin (
        key BLOB PRIMARY KEY,
        seq INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE position (
        source TEXT PRIMARY KEY,
        value BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE epoch (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        kiosk TEXT NOT NULL,
        epoch TEXT NOT NULL,
        number INTEGER NOT NULL,
        key BLOB NOT NULL,
        first INTEGER NOT NULL DEFAULT 1,
        anchor BLOB NOT NULL,
        cursor INTEGER NOT NULL DEFAULT 0,
        indexed INTEGER NOT NULL DEFAULT 0,
        closed INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    """,
    # 2. Retention: time is counted by central's receipts (retention.py), and an origin whose entry
    # is gone remembers which terminal's log may still show it.
    """
    ALTER TABLE origin ADD COLUMN terminal TEXT;
    ALTER TABLE epoch ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE epoch ADD COLUMN counted INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE mark (
        through INTEGER PRIMARY KEY,
        counted INTEGER NOT NULL
    ) STRICT;
    """,
)


class Closed(IntEnum):
    """What `epoch.closed` says. Numbers in files: they never change."""

    NO = 0  # it takes entries
    ENDED = 1  # it takes none: central holds another history; its own is still to be taken over
    SETTLED = 2  # it takes none, and its successor has what this one cannot deliver
    REPLACED = 3  # it was ended, and its successor has everything that it holds


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Return a connection to the existing file at `path`, to be used by one thread at a time."""
    mode = "ro" if read_only else "rw"
    db = None
    try:
        db = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode={mode}",
            uri=True,
            timeout=BUSY_S,
            isolation_level=None,  # transactions are written out where they matter
            check_same_thread=False,
        )
        if not read_only:
            db.execute("PRAGMA synchronous = FULL")
            db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            # What is destroyed must be gone, and a row that moves leaves copies of itself in pages
            # that are freed long before. Appending frees nothing: live commits do not pay.
            db.execute("PRAGMA secure_delete = ON")
    except READ_ERRORS as error:
        if db is not None:
            db.close()
        raise understood(error, path) from error
    return db


def prepare(path: Path) -> None:
    """Make an empty journal file at `path`: page size and WAL are decided once, for its life."""
    try:
        db = sqlite3.connect(path, isolation_level=None)
        try:
            db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
        finally:
            db.close()
    except READ_ERRORS as error:
        raise understood(error, path) from error


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Bring the file to the newest version.

    Raises Foreign if it is no journal, Newer if it is newer than this; it is then left untouched.
    """
    check(db, path)
    for version, statements in enumerate(MIGRATIONS, start=1):
        if version <= _number(db, "user_version"):
            continue
        try:
            db.executescript(f"BEGIN IMMEDIATE;{statements}PRAGMA user_version = {version};COMMIT;")
        except READ_ERRORS as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise understood(error, path) from error


def check(db: sqlite3.Connection, path: Path) -> None:
    """Raises Foreign if the file is no journal of ours, Newer if we do not know its version."""
    try:
        application, version = _number(db, "application_id"), _number(db, "user_version")
    except READ_ERRORS as error:
        raise understood(error, path) from error
    if application != APPLICATION_ID:
        raise Foreign(f"{path}: not a journal (application id {application:#x}); move it away")
    if version > len(MIGRATIONS) + _VERSIONS_AHEAD_MOST:
        raise Damaged(path, f"it says that it is of version {version}")
    if version > len(MIGRATIONS):
        raise Newer(
            f"{path}: written by a newer version (schema {version}, this one knows "
            f"{len(MIGRATIONS)}); install the newer version again"
        )


def is_marked(path: Path) -> bool:
    """Return whether the file begins as a journal of ours does. Raises OSError."""
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    return header.startswith(_SQLITE) and header[_MARK] == APPLICATION_ID.to_bytes(4, "big")


def check_tables(db: sqlite3.Connection, path: Path) -> None:
    """Raises Damaged if a table of the newest version is not what the migrations made."""
    try:
        found = dict(db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'"))
    except READ_ERRORS as error:
        raise understood(error, path) from error
    for name, sql in _made().items():
        if found.get(name) != sql:
            raise Damaged(path, f"table {name} is not what it was made as")


@cache
def _made() -> dict[str, str]:
    db = sqlite3.connect(":memory:")
    try:
        for statements in MIGRATIONS:
            db.executescript(statements)
        return dict(db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'"))
    finally:
        db.close()


def _number(db: sqlite3.Connection, pragma: str) -> int:
    return int(db.execute(f"PRAGMA {pragma}").fetchone()[0])
