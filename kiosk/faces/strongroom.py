"""The vault's file, its key, and the transactions in which both are used. Not what is in it.

Opening replays what must come before anybody is told of anybody, and finishes what was erased and
not washed out yet. A key that is lost or wrong keeps nobody from forgetting: only from knowing.
"""

import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from kiosk.faces import vaultfile
from kiosk.faces.vaultfile import VaultError, damaged, meant
from kiosk.faces.vaultkey import ELSEWHERE, KeyPlace
from sync.journal.errors import READ_ERRORS
from sync.protocol.sealed import RecordKey

T = TypeVar("T", bound=Struct)

_WANTED = "SELECT CASE WHEN EXISTS (SELECT 1 FROM record) THEN key ELSE '' END FROM vault"
"""The key that is needed: while nothing rests in the vault, any will do."""


class Strongroom:
    """One vault's file in `data`, and its key. Any thread may ask.

    Attributes:
        locked: why its records cannot be read, though people can still be forgotten: the key is
            lost or another one; "" for not.
    """

    def __init__(self, data: Path, keys: KeyPlace | None = None) -> None:
        self.path = data / vaultfile.FILE
        self.locked = ""
        self._keys = keys or KeyPlace(data)
        self._key: RecordKey | None = None
        self._db: sqlite3.Connection | None = None
        self._lock = threading.RLock()

    def open(
        self, bringing: RecordKey | None = None, first: Callable[[], None] = lambda: None
    ) -> None:
        """Open the file, made where there is none; finish an erasure that was cut short.

        `bringing` is put where the key is missing, if it is the right one. `first` is done before
        anybody is told of anybody; what it raises is raised, and the vault stays closed.

        Raises VaultError. A key that is lost or wrong is no error here: see `locked`.
        """
        with self._lock:
            self._db = vaultfile.connect(self.path, secrets.token_hex(8))
            try:
                self.unlock(bringing)
                first()
                if not self.is_washed:
                    with suppress(VaultError):  # a full disk: it is tried again, and said
                        self.wash()
            except BaseException:
                self.close()
                raise

    def unlock(self, bringing: RecordKey | None = None) -> None:
        """Look for the key: somebody may have brought it. Raises VaultError for the file's sake."""
        with self._lock:
            wanted, self.locked = str(self._one(_WANTED)), ""
            try:
                self._keys.settle(wanted)
                key = self._keys.load()
                if key is None and bringing is not None and wanted in ("", bringing.fingerprint):
                    self._keys.keep(bringing)
                    key = bringing
                self._key = self._checked(key)
            except VaultError as why:
                self._key, self.locked = None, str(why)

    def close(self) -> None:
        """Close it. May be called twice."""
        with self._lock:
            if self._db is not None:
                self._db.close()
            self._db, self._key, self.locked = None, None, ""

    @property
    def is_open(self) -> bool:
        """Whether it can be asked."""
        return self._db is not None

    @property
    def id(self) -> str:
        """Return what this file is called among all vaults. Raises VaultError."""
        return str(self._one("SELECT id FROM vault"))

    @property
    def key(self) -> RecordKey:
        """Return the key in use; made now if nothing was ever kept. Raises VaultError.

        Another process may have replaced it: what would be sealed under the old one, nobody could
        read. So it is compared each time with what the file says.
        """
        with self._lock:
            if self.locked:
                raise VaultError(self.locked)
            wanted = str(self._one(_WANTED))
            if self._key is None or (wanted and self._key.fingerprint != wanted):
                self._keys.settle(wanted)
                self._key = self._checked(self._keys.load())
            if self._key is None:
                key = RecordKey.generate()
                self._keys.keep(key)  # on disk before anything rests under it
                self._key = key
            return self._key

    def _checked(self, key: RecordKey | None) -> RecordKey | None:
        """Return the key. Raises VaultError where the vault was written with another one."""
        wanted = str(self._one(_WANTED))
        if wanted and key is None:
            raise VaultError(
                f"{self.path}: its key {wanted[:16]} is lost: there is none at {self._keys.path}. "
                f"No new one is made while anything rests under it: {ELSEWHERE}"
            )
        if wanted and key is not None and key.fingerprint != wanted:
            raise VaultError(
                f"{self.path}: written with key {wanted[:16]}, but {self._keys.path} has "
                f"{key.fingerprint[:16]}: {ELSEWHERE}"
            )
        return key

    # The file.

    def wash(self) -> None:
        """Write the file anew without what was erased. Raises VaultError; `open` tries again."""
        with self._lock:
            try:
                self._connection.execute("VACUUM")
                self._connection.execute("UPDATE vault SET unwashed = 0")
            except READ_ERRORS as error:
                raise meant(error, self.path) from error

    @property
    def is_washed(self) -> bool:
        """Whether nothing that was erased is left in the file's pages. Raises VaultError."""
        return not self._one("SELECT unwashed FROM vault")

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection in a transaction, committed at the end. Raises VaultError."""
        with self._lock:
            db = self._connection
            try:
                db.execute("BEGIN IMMEDIATE")
                try:
                    yield db
                    db.execute("COMMIT")
                finally:
                    if db.in_transaction:
                        db.execute("ROLLBACK")
            except READ_ERRORS as error:
                raise meant(error, self.path) from error

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            raise VaultError(f"{self.path}: the vault is not open; `kiosk status` says why")
        return self._db

    def _all(self, statement: str, *values: object) -> list[Any]:  # rows of STRICT tables
        with self._lock:
            try:
                return self._connection.execute(statement, values).fetchall()
            except READ_ERRORS as error:
                raise meant(error, self.path) from error

    def _one(self, statement: str) -> Any:
        [(value,)] = self._all(statement)
        return value

    def _decoded(self, body: bytes, form: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=form)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise damaged(self.path, f"{form.__name__.lower()}: {error}") from error
