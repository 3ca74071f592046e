"""Our own central's ingest on SQLite, without a line: to be compared with what others make."""

from pathlib import Path
from typing import Any

from sync.central.inbox import Answer, Inbox
from sync.central.ingest import Ingest
from sync.central.store import Store, tables
from sync.central.store.registry import KioskKey, Status
from sync.protocol.identity import PrivateKey, PublicKey


class Ours:
    """Takes in messages one by one. Its clock counts them; `key` is for who signs its receipts."""

    def __init__(self, path: Path) -> None:
        self.key = PrivateKey.generate()
        self._now = 0
        self._inbox = Inbox(Ingest(self.key.public.fingerprint, self._clock), self._clock)
        self._store = Store(path)
        self._store.open()

    def _clock(self) -> int:
        return self._now

    def close(self) -> None:
        """Close the database."""
        self._store.close()

    def admit(self, kiosk: str, key: PublicKey) -> None:
        """Admit a kiosk's key."""
        with self._store.writing() as tx:
            tx.registry.admit(
                KioskKey(
                    fingerprint=key.fingerprint,
                    kiosk=kiosk,
                    der=key.der,
                    status=Status.ADMITTED,
                    admitted_at=self._now,
                    admitted_by="bench",
                )
            )

    def hear(self, topic: str, payload: bytes, encoding: str) -> Answer:
        """Take in a message, commit, and return the answer."""
        self._now += 1
        with self._store.writing() as tx:
            return self._inbox.receive(tx, topic, payload, encoding)

    def presences(self, columns: list[str]) -> list[dict[str, Any]]:
        """Return the rows in order of arrival; hashes in hexadecimal."""
        found = self._rows(tables.presence.select().order_by(tables.presence.c.id))
        return [{name: _shown(one[name]) for name in columns} for one in found]

    def readable(self) -> list[bool]:
        """Return of every entry held whether it could be read."""
        return [one["readable"] for one in self._rows(tables.entry.select())]

    def _rows(self, query: Any) -> list[Any]:
        with self._store.writing() as tx:
            return list(tx.ledger._connection.execute(query).mappings())


def _shown(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
