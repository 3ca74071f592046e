"""The vault's file: its tables, how it is opened, and what SQLite's errors about it mean.

A rollback journal, which is gone after each commit, and no WAL, which would keep for days what was
destroyed in the file. `synchronous = EXTRA`: a commit returns when the journal's name is gone for
good, so no power cut brings back what was erased. Temporary tables stay in memory.
"""

import os
import sqlite3
from pathlib import Path
from typing import Final

from sync.journal.durable import make_directory, sync_directory
from sync.journal.errors import READ_ERRORS, Damaged, refused, understood

FILE: Final = "vault.sqlite"

APPLICATION_ID: Final = 0x50525356
"""`PRSV` in the database header: this file is a vault of ours."""

BUSY_S: Final = 10.0
"""How long a change waits for another process's, seconds."""

MIGRATIONS: Final = (
    # 1. `vault.key` is the fingerprint of the key that everything rests under, "" before the first
    # record. `unwashed` says that pages may still hold what was erased. A tombstone kills every
    # generation up to its own. `told` waits to become entries of the journal.
    """
    CREATE TABLE vault (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        id TEXT NOT NULL,
        key TEXT NOT NULL DEFAULT '',
        version INTEGER NOT NULL DEFAULT 0,
        unwashed INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE enrolment (
        person TEXT PRIMARY KEY,
        generation INTEGER NOT NULL,
        model TEXT NOT NULL,
        about BLOB NOT NULL
    ) STRICT;
    CREATE TABLE record (
        id TEXT PRIMARY KEY,
        person TEXT NOT NULL REFERENCES enrolment(person),
        kind TEXT NOT NULL,
        until INTEGER NOT NULL DEFAULT 0,
        sealed BLOB NOT NULL
    ) STRICT;
    CREATE INDEX record_of ON record(person);
    CREATE TABLE tombstone (
        person TEXT PRIMARY KEY,
        generation INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE erasure (
        id TEXT PRIMARY KEY,
        body BLOB NOT NULL,
        is_open INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE told (
        n INTEGER PRIMARY KEY AUTOINCREMENT,
        body BLOB NOT NULL
    ) STRICT;
    """,
)


class VaultError(Exception):
    """The vault cannot do what was asked, and has not: the text says why and what to do.

    It keeps nobody from punching; without the vault nobody is known by face.
    """


def meant(error: sqlite3.Error | UnicodeDecodeError, path: Path) -> VaultError:
    """Return what SQLite's `error` about the vault at `path` means to us."""
    what = understood(error, path)
    return damaged(path, f"{error}") if isinstance(what, Damaged) else VaultError(str(what))


def damaged(path: Path, what: str) -> VaultError:
    """Return what is to be said and done of a file that is not what was written."""
    return VaultError(
        f"{path}: {what}: the file is damaged. Move it away and restore the last backup with both "
        "officers' shares (kiosk vault restore); who was forgotten stays forgotten by the word of "
        "the journal and of the second medium"
    )


def connect(path: Path, vault_id: str) -> sqlite3.Connection:
    """Return a connection to the vault at `path`, made with `vault_id` where there is none.

    Used by one thread at a time. Raises VaultError.
    """
    db = None
    try:
        make_directory(path.parent)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # SQLite's own would be readable
        db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        sync_directory(path.parent)
        for pragma in (
            "synchronous = EXTRA", "secure_delete = ON", "temp_store = MEMORY", "foreign_keys = ON"
        ):  # fmt: skip
            db.execute(f"PRAGMA {pragma}")
        _migrate(db, path, vault_id)
    except OSError as error:
        raise VaultError(str(refused(error, path))) from error
    except (*READ_ERRORS, VaultError) as error:
        if db is not None:
            db.close()
        raise error if isinstance(error, VaultError) else meant(error, path) from error
    return db


def _migrate(db: sqlite3.Connection, path: Path, vault_id: str) -> None:
    """Bring the file to the newest version. Raises VaultError, sqlite3.Error."""
    application, version = _number(db, "application_id"), _number(db, "user_version")
    tables = int(db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    if application != APPLICATION_ID and (application or tables):
        raise VaultError(
            f"{path}: not a vault (application id {application:#x}, expected "
            f"{APPLICATION_ID:#x}); move it away"
        )
    if version > len(MIGRATIONS):
        raise VaultError(
            f"{path}: written by a newer version (schema {version}, this one knows "
            f"{len(MIGRATIONS)}); install the newer version again"
        )
    for number, statements in enumerate(MIGRATIONS, start=1):
        if number <= version:
            continue
        made = f"{_FIRST} (1, '{vault_id}');" if number == 1 else ""
        try:
            db.executescript(
                f"BEGIN IMMEDIATE;{statements}{made}PRAGMA user_version = {number};"
                f"PRAGMA application_id = {APPLICATION_ID};COMMIT;"
            )
        except sqlite3.Error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


_FIRST: Final = "INSERT INTO vault (one, id) VALUES"


def _number(db: sqlite3.Connection, pragma: str) -> int:
    return int(db.execute(f"PRAGMA {pragma}").fetchone()[0])
