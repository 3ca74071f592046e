"""Which key speaks for which kiosk, and what central knows of itself."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, Select, bindparam, delete, func, select, update

from sync.central.store import tables
from sync.central.store.rows import insert_new, upsert

MAX_WAITING: Final = 200
"""Kiosks that may wait for admission at once; anybody who reaches the broker can ask."""


class Status(StrEnum):
    """What a registered key may do."""

    ADMITTED = "admitted"
    RETIRED = "retired"  # signs nothing new; epochs that began under it are still delivered


class Fact(StrEnum):
    """What central keeps about itself."""

    EPOCH = "epoch"  # named in commands; a restored central takes a new one
    KEY = "key"  # fingerprint of the key that signs receipts


class KioskKey(Struct, frozen=True, kw_only=True):
    """A registered key. `der` is its SubjectPublicKeyInfo."""

    fingerprint: str
    kiosk: str
    der: bytes
    status: Status
    admitted_at: int
    admitted_by: str


class Waiting(Struct, frozen=True):
    """Somebody who said hello under a key that nobody admitted. Nothing of it is verified."""

    kiosk: str
    fingerprint: str
    first_at: int
    last_at: int


class Registry:
    """The admitted keys, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def admit(self, key: KioskKey) -> bool:
        """Register a key; return whether it is now `key.kiosk`'s. Nobody's key changes hands."""
        insert_new(
            self._connection,
            tables.kiosk_key,
            {name: getattr(key, name) for name in KioskKey.__struct_fields__},
        )
        # What is known of a kiosk has a row from now on, which `Standing.hold` can lock.
        insert_new(self._connection, tables.kiosk_state, {"kiosk": key.kiosk, "online": False})
        waiting = tables.waiting
        self._connection.execute(delete(waiting).where(waiting.c.fingerprint == key.fingerprint))
        held = self.key(key.fingerprint)
        return held is not None and held.kiosk == key.kiosk and held.status is Status.ADMITTED

    def retire(self, fingerprint: str) -> None:
        """Let a key sign nothing new; there is no way back."""
        key = tables.kiosk_key
        self._connection.execute(
            update(key).where(key.c.fingerprint == fingerprint).values(status=Status.RETIRED.value)
        )

    def key(self, fingerprint: str) -> KioskKey | None:
        """Return the registered key with that fingerprint."""
        found = self._found(_KEY, fingerprint=fingerprint)
        return found[0] if found else None

    def keys(self) -> Sequence[KioskKey]:
        """Return every registered key, by kiosk."""
        return self._found(_KEYS)

    def _found(self, asked: Select[Any], **words: str) -> list[KioskKey]:
        rows = self._connection.execute(asked, words)
        return [KioskKey(**{**row._mapping, "status": Status(row.status)}) for row in rows]

    def knows(self, kiosk: str) -> bool:
        """Return whether any key of `kiosk` was ever admitted."""
        c = tables.kiosk_key.c
        return self._connection.scalar(select(c.kiosk).where(c.kiosk == kiosk).limit(1)) is not None

    def put_on_list(self, kiosk: str, fingerprint: str, now: int) -> None:
        """Let a kiosk wait for admission, while there is room."""
        table = tables.waiting
        row = {"kiosk": kiosk, "fingerprint": fingerprint, "first_at": now, "last_at": now}
        upsert(self._connection, table, row, {"last_at": now})
        count = self._connection.scalar(select(func.count()).select_from(table)) or 0
        if count > MAX_WAITING:
            oldest = select(table.c.last_at).order_by(table.c.last_at.desc())
            limit = self._connection.scalar(oldest.offset(MAX_WAITING).limit(1))
            self._connection.execute(delete(table).where(table.c.last_at <= limit))

    def waiting(self) -> Sequence[Waiting]:
        """Return who waits for admission, the latest first."""
        c = tables.waiting.c
        rows = self._connection.execute(
            select(c.kiosk, c.fingerprint, c.first_at, c.last_at).order_by(c.last_at.desc())
        )
        return [Waiting(*row) for row in rows]

    def fact(self, name: Fact) -> str:
        """Return what is kept under `name`, "" if nothing."""
        c = tables.about.c
        return self._connection.scalar(select(c.value).where(c.name == name.value)) or ""

    def replace(self, name: Fact, value: str) -> None:
        """Keep `value` under `name` from now on."""
        c = tables.about.c
        self._connection.execute(
            update(tables.about).where(c.name == name.value).values(value=value)
        )

    def keep(self, name: Fact, value: str) -> None:
        """Keep `value` under `name`, once and for all."""
        insert_new(self._connection, tables.about, {"name": name.value, "value": value})


_key: Final = tables.kiosk_key.c

# Made once, as in `ledger`.
_KEYS: Final = select(*(_key[name] for name in KioskKey.__struct_fields__)).order_by(
    _key.kiosk, _key.admitted_at
)
_KEY: Final = _KEYS.where(_key.fingerprint == bindparam("fingerprint"))
