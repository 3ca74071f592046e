"""What can go wrong with a journal, cut by what its owner does about it.

JournalError
|-- StorageFull     no room: nothing was recorded, the terminal keeps the punch; free space
|-- StorageFailed   the medium refuses (I/O error, read-only): replace or remount it
|-- InUse           somebody else holds the file or the directory: stop the other one
|-- Foreign         a file, but not this kiosk's: nothing is touched
|   `-- Newer       of a newer version: install that again
`-- Damaged         the file contradicts its own chain, or cannot be read: set aside and salvaged
"""

import errno
import sqlite3
from pathlib import Path
from typing import Final


class JournalError(Exception):
    """A journal cannot do what was asked. Nothing was acknowledged that is not on disk."""


class StorageFull(JournalError):
    """There is no room on the medium."""


class StorageFailed(JournalError):
    """The medium refuses to read or write."""


class InUse(JournalError):
    """Another process holds it."""


class Foreign(JournalError):
    """It is not ours to open."""


class Newer(Foreign):
    """A newer version has written it."""


class Damaged(JournalError):
    """What is in the file is not what was written.

    Attributes:
        path: the file.
        seq: the first entry at which the chain does not hold; None where no chain could be read.
    """

    def __init__(self, path: Path, what: str, seq: int | None = None) -> None:
        super().__init__(f"{path}: {what}")
        self.path = path
        self.seq = seq


_EXTENDED: Final[dict[int, tuple[type[JournalError], str]]] = {
    # A full disk refuses even the shared memory of the WAL, and SQLite calls that an I/O error.
    sqlite3.SQLITE_IOERR_SHMSIZE: (StorageFull, "the disk is full; free some space on it"),
    # What cannot be read back is damage to this file; the medium may still take another one.
    sqlite3.SQLITE_IOERR_READ: (Damaged, "a part of the file cannot be read; the disk is failing"),
    sqlite3.SQLITE_IOERR_SHORT_READ: (Damaged, "the file was cut short"),
    sqlite3.SQLITE_IOERR_CORRUPTFS: (Damaged, "the file system is damaged"),
}


def refused(error: OSError, place: Path) -> JournalError:
    """Return what an operating system's `error` about files at `place` means to us."""
    if error.errno == errno.ENOSPC:
        return StorageFull(f"{place}: the disk is full; free some space on it")
    return StorageFailed(f"{place}: {error.strerror}; check the disk and the owner")


READ_ERRORS: Final = (sqlite3.Error, UnicodeDecodeError)
"""What reading a damaged file may raise; see `understood`."""

_PRIMARY: Final = 0xFF  # an extended result code's low byte is the primary one

_MEANING: Final[dict[int, tuple[type[JournalError], str]]] = {
    sqlite3.SQLITE_FULL: (StorageFull, "the disk is full; free some space on it"),
    sqlite3.SQLITE_IOERR: (StorageFailed, "the disk reports errors; replace it"),
    sqlite3.SQLITE_READONLY: (StorageFailed, "it cannot be written; is it mounted read-only?"),
    sqlite3.SQLITE_CANTOPEN: (StorageFailed, "it cannot be opened; check the path and its owner"),
    sqlite3.SQLITE_PERM: (StorageFailed, "access is denied; check the owner"),
    sqlite3.SQLITE_BUSY: (InUse, "another process holds it; stop the other one"),
    sqlite3.SQLITE_LOCKED: (InUse, "another connection holds it"),
    # Our statements are right: tables or texts are no longer what they were.
    sqlite3.SQLITE_ERROR: (Damaged, "the file does not read as it was written"),
    sqlite3.SQLITE_CORRUPT: (Damaged, "the file is damaged"),
    sqlite3.SQLITE_NOTADB: (Damaged, "the file is not a database"),
}


def understood(error: sqlite3.Error | UnicodeDecodeError, path: Path) -> JournalError:
    """Return what SQLite's `error` about the file at `path` means to us.

    A UnicodeDecodeError is Python's about a message of SQLite's that quotes a damaged schema.
    """
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    kind, advice = (
        _EXTENDED.get(code) or _MEANING.get(code & _PRIMARY) or (StorageFailed, "unexpected")
    )
    if isinstance(error, sqlite3.ProgrammingError):  # ours: nothing is wrong with the file
        kind, advice = StorageFailed, "it is not open"
    if kind is Damaged:
        return Damaged(path, f"{error}: {advice}")
    return kind(f"{path}: {error}: {advice}")
