"""A copy of an epoch's file as it is at one moment, beside the daemon that goes on writing it."""

import os
import sqlite3
from pathlib import Path

from sync.journal import schema
from sync.journal.errors import READ_ERRORS, refused, understood
from sync.journal.names import remove
from sync.journal.reader import Life, Reader, Span


def copy(path: Path, to: Path) -> tuple[Life, Span, int]:
    """Copy the epoch at `path` to the new file `to`, and prove every entry of the copy.

    All of it is of one moment; commits meanwhile wait for nothing. Returns which epoch it is, what
    the copy holds, and up to where central is known to have it.

    Raises JournalError; then there is no `to`. FileNotFoundError: retention has removed `path`.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    try:
        os.close(os.open(to, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise refused(error, to) from error
    try:
        _copy_pages(path, to)
        return _proved(to)
    except BaseException:
        remove(to)
        raise


def _copy_pages(path: Path, to: Path) -> None:
    source = schema.connect(path, read_only=True)
    try:
        target = sqlite3.connect(to, isolation_level=None)
        try:
            source.backup(target)  # all pages in one read transaction
        except READ_ERRORS as error:
            raise understood(error, path) from error
        finally:
            target.close()
    finally:
        source.close()


def _proved(path: Path) -> tuple[Life, Span, int]:
    reader = Reader(path)
    life = reader.open()
    try:
        reader.verify()
        return life, reader.span(), reader.cursor()
    finally:
        reader.close()
