"""Accounts and their sessions, and who looked at whom."""

from collections.abc import Collection, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select, update

from sync.central.roles import Role
from sync.central.store import tables
from sync.central.store.rows import insert_new
from sync.passwords import Secret


class Account(Struct, frozen=True, kw_only=True):
    """Who may log in.

    Attributes:
        units: those that a UNIT account sees; empty for the others.
        ended_at: since when nobody may, ms UTC; 0 while one may.
    """

    name: str
    secret: Secret
    role: Role = Role.ADMIN
    units: Collection[str] = ()
    ended_at: int = 0


class Session(Struct, frozen=True):
    """A log-in that is still good, as long as `seen_at` is not too long ago."""

    account: str
    role: Role
    units: Collection[str]
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
        row = {**_values(account), "created_at": now}
        if not insert_new(self._connection, tables.account, row):
            return False
        self._put_units(account)
        return True

    def set_account(self, account: Account, now: int) -> None:
        """Add an account or change it; whoever was logged in by it must log in again."""
        if not self.add_account(account, now):
            c = tables.account.c
            self._connection.execute(
                update(tables.account).where(c.name == account.name).values(_values(account))
            )
            self._put_units(account)
            self.end_sessions(account.name)

    def _put_units(self, account: Account) -> None:
        table = tables.account_unit
        self._connection.execute(delete(table).where(table.c.account == account.name))
        rows = [{"account": account.name, "unit": unit} for unit in sorted(set(account.units))]
        if rows:
            self._connection.execute(insert(table), rows)

    def account(self, name: str) -> Account | None:
        """Return the account of that name, also one that has ended."""
        return next(iter(self._accounts(tables.account.c.name == name)), None)

    def accounts(self) -> list[Account]:
        """Return every account, also those that have ended, by name."""
        return self._accounts()

    def _accounts(self, *which: Any) -> list[Account]:
        c = tables.account.c
        rows = self._connection.execute(select(tables.account).where(*which).order_by(c.name))
        return [
            Account(
                name=row.name,
                secret=Secret(row.salt, row.verifier, row.cost),
                role=Role(row.role),
                units=self._units(row.name),
                ended_at=row.ended_at,
            )
            for row in rows.all()
        ]

    def _units(self, account: str) -> Collection[str]:
        c = tables.account_unit.c
        asked = select(c.unit).where(c.account == account).order_by(c.unit)
        return tuple(self._connection.scalars(asked))

    def has_accounts(self) -> bool:
        """Return whether anybody can log in."""
        c = tables.account.c
        return self._connection.scalar(select(c.name).where(c.ended_at == 0).limit(1)) is not None

    # Sessions.

    def begin_session(self, token_hash: bytes, account: str, now: int, oldest: int) -> None:
        """Keep a new log-in, and forget those not seen since `oldest`."""
        table = tables.session
        self._connection.execute(delete(table).where(table.c.seen_at < oldest))
        row = {"token_hash": token_hash, "account": account, "created_at": now, "seen_at": now}
        insert_new(self._connection, table, row)

    def session(self, token_hash: bytes) -> Session | None:
        """Return the log-in with that token, None where there is none or its account ended."""
        session, account = tables.session.c, tables.account.c
        found = self._connection.execute(
            select(session.account, account.role, session.created_at, session.seen_at)
            .join_from(tables.session, tables.account, session.account == account.name)
            .where(session.token_hash == token_hash, account.ended_at == 0)
        ).one_or_none()
        if found is None:
            return None
        name, role, created_at, seen_at = found
        return Session(name, Role(role), self._units(name), created_at, seen_at)

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

    def end_sessions(self, account: str) -> None:
        """Whoever is logged in by an account must log in again."""
        table = tables.session
        self._connection.execute(delete(table).where(table.c.account == account))

    # Programs.

    def add_token(self, token_hash: bytes, account: str, label: str, now: int) -> None:
        """Let a program read in the name of an account; `label` says which program."""
        row = {"token_hash": token_hash, "account": account, "label": label, "created_at": now}
        self._connection.execute(insert(tables.api_token), row)

    def token(self, token_hash: bytes) -> Session | None:
        """Return in whose name a program reads; None for nobody's, or an account that ended."""
        token, account = tables.api_token.c, tables.account.c
        found = self._connection.execute(
            select(token.account, account.role, token.created_at)
            .join_from(tables.api_token, tables.account, token.account == account.name)
            .where(token.token_hash == token_hash, account.ended_at == 0)
        ).one_or_none()
        if found is None:
            return None
        name, role, created_at = found
        return Session(name, Role(role), self._units(name), created_at, created_at)

    def end_tokens(self, account: str) -> None:
        """No program reads any more in the name of an account."""
        table = tables.api_token
        self._connection.execute(delete(table).where(table.c.account == account))

    # Who looked.

    def note_look(self, look: Look) -> None:
        """Add a line to the access log."""
        values = {name: getattr(look, name) for name in Look.__struct_fields__}
        self._connection.execute(tables.access_log.insert().values(values))

    def looks(self, limit: int, account: str = "", viewed: str = "") -> Sequence[Look]:
        """Return the newest lines of the access log: of an account, of what has a text in it."""
        c = tables.access_log.c
        asked = select(c.at, c.account, c.address, c.viewed).order_by(c.id.desc()).limit(limit)
        if account:
            asked = asked.where(c.account == account)
        if viewed:
            asked = asked.where(c.viewed.contains(viewed, autoescape=True))
        return [Look(*row) for row in self._connection.execute(asked)]


def _values(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "salt": account.secret.salt,
        "verifier": account.secret.verifier,
        "cost": account.secret.cost,
        "role": account.role.value,
        "ended_at": account.ended_at,
    }
