"""The same database as `shelf.ModelStore`, with the real store on a SQLite file."""

import shutil
import sqlite3
from contextlib import AbstractContextManager, closing
from itertools import count
from pathlib import Path
from typing import Any

from sync.central.store import Store
from sync.central.store.registry import KioskKey
from sync.protocol import entry
from sync.protocol.errors import Malformed


class RealStore:
    """`Store`, its backups, and the look into it that the promises need."""

    _numbers = count()

    def __init__(self, home: Path) -> None:
        self._path = home / "central.db"
        self._store = Store(self._path)
        self._store.open()

    def writing(self) -> AbstractContextManager[Any]:
        return self._store.writing()

    def admit(self, key: KioskKey) -> None:
        with self._store.writing() as tx:
            tx.registry.admit(key)

    def back_up(self) -> Path:
        to = self._path.with_name(f"backup-{next(self._numbers)}.db")
        with closing(sqlite3.connect(self._path)) as db, closing(sqlite3.connect(to)) as copy:
            db.backup(copy)
        return to

    def restore(self, backup: Path) -> None:
        self._store.close()
        for part in self._path.parent.glob(self._path.name + "*"):
            part.unlink()
        shutil.copy(backup, self._path)
        self._store.open()

    def _asked(self, statement: str, *values: object) -> list[Any]:
        with closing(sqlite3.connect(self._path)) as db:
            return db.execute(statement, values).fetchall()

    def lines(self) -> dict[tuple[str, str], tuple[int, bytes]]:
        rows = self._asked("SELECT kiosk, epoch, through, head FROM epoch")
        return {(kiosk, epoch): (through, head) for kiosk, epoch, through, head in rows}

    def in_order(self, kiosk: str) -> list[tuple[str, str]]:
        rows = self._asked(
            "SELECT kiosk, epoch FROM epoch WHERE kiosk = ? ORDER BY began_at, number", kiosk
        )
        return [(kiosk, epoch) for kiosk, epoch in rows]

    def linked(self, place: tuple[str, str]) -> dict[int, tuple[bytes, bytes]]:
        rows = self._asked(
            "SELECT seq, body, hash FROM entry WHERE kiosk = ? AND epoch = ? AND linked", *place
        )
        return {seq: (body, hash_) for seq, body, hash_ in rows}

    def counted(self) -> dict[bytes, int]:
        counts: dict[bytes, int] = {}
        for (body,) in self._asked(
            "SELECT entry.body FROM presence JOIN entry USING (kiosk, epoch, seq, hash)"
            " WHERE NOT again"
        ):
            try:
                said = entry.decode(body)
            except Malformed:
                continue
            assert isinstance(said, entry.Presence)
            counts[said.origin] = counts.get(said.origin, 0) + 1
        return counts

    def lost(self) -> list[tuple[str, str, int, int]]:
        return sorted(self._asked("SELECT kiosk, epoch, first, last FROM lost"))

    def alarms(self) -> set[tuple[str, str, str]]:
        return set(self._asked("SELECT kind, kiosk, subject FROM alarm"))

    def situations(self) -> set[str]:
        return set()

    def close(self) -> None:
        self._store.close()
