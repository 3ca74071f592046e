"""Accounts and their sessions, and who looked at whom."""

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import Connection, delete, select, update

from sync.central.store import tables
from sync.central.store.rows import insert_new


class Account(Struct, frozen=True):
    """Who may log in. `cost` is scrypt's n, kept so that it can be raised for new ones."""

    name: str
    salt: bytes
    verifier: bytes
    cost: int


class Session(Struct, frozen=True):
    """A log-in that is still good, as long as `seen_at` is not too long ago."""

    account: str
    created_at: int
    seen_at: int


class Look(Struct, frozen=True):
    """An account looked at personal data: when (ms UTC), who, from where, at what."""

    at: int
    account: str
    address: str
    viewed: str


class People:
    """Accounts, sessions and the access log, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_account(self, account: Account, now: int) -> bool:
        """Add an account; return whether it is new. An existing one is left as it is."""
        values = {name: getattr(account, name) for name in Account.__struct_fields__}
        return insert_new(self._connection, tables.account, {**values, "created_at": now})

    def set_account(self, account: Account, now: int) -> None:
        """Add an account or give it a new password; whoever was logged in must log in again."""
        if not self.add_account(account, now):
            values = {name: getattr(account, name) for name in Account.__struct_fields__}
            c = tables.account.c
            self._connection.execute(
                update(tables.account).where(c.name == account.name).values(values)
            )
            session = tables.session
            self._connection.execute(delete(session).where(session.c.account == account.name))

    def account(self, name: str) -> Account | None:
        """Return the account of that name."""
        c = tables.account.c
        found = self._connection.execute(
            select(c.name, c.salt, c.verifier, c.cost).where(c.name == name)
        ).one_or_none()
        return None if found is None else Account(*found)

    def has_accounts(self) -> bool:
        """Return whether anybody can log in."""
        return self._connection.scalar(select(tables.account.c.name).limit(1)) is not None

    # Sessions.

    def begin_session(self, token_hash: bytes, account: str, now: int, oldest: int) -> None:
        """Keep a new log-in, and forget those not seen since `oldest`."""
        table = tables.session
        self._connection.execute(delete(table).where(table.c.seen_at < oldest))
        row = {"token_hash": token_hash, "account": account, "created_at": now, "seen_at": now}
        insert_new(self._connection, table, row)

    def session(self, token_hash: bytes) -> Session | None:
        """Return the log-in with that token."""
        c = tables.session.c
        found = self._connection.execute(
            select(c.account, c.created_at, c.seen_at).where(c.token_hash == token_hash)
        ).one_or_none()
        return None if found is None else Session(*found)

    def touch_session(self, token_hash: bytes, now: int) -> None:
        """The person did something: the idle time begins anew."""
        table = tables.session
        self._connection.execute(
            update(table).where(table.c.token_hash == token_hash).values(seen_at=now)
        )

    def end_session(self, token_hash: bytes) -> None:
        """Forget a log-in."""
        table = tables.session
        self._connection.execute(delete(table).where(table.c.token_hash == token_hash))

    # Who looked.

    def note_look(self, look: Look) -> None:
        """Add a line to the access log."""
        values = {name: getattr(look, name) for name in Look.__struct_fields__}
        self._connection.execute(tables.access_log.insert().values(values))

    def looks(self, limit: int) -> Sequence[Look]:
        """Return the newest lines of the access log."""
        c = tables.access_log.c
        rows = self._connection.execute(
            select(c.at, c.account, c.address, c.viewed).order_by(c.id.desc()).limit(limit)
        )
        return [Look(*row) for row in rows]
