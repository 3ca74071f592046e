"""Accounts: who may log in, as what; and programs that read in an account's name.

Every change is a decision in central's own journal. An account is ended, never removed: what it
decided and looked at stays its own.
"""

import re
import secrets
from collections.abc import Callable, Collection
from hashlib import sha256
from typing import Final

from msgspec import structs

from sync import passwords
from sync.central.exits import Refused
from sync.central.roles import ROLES, Role
from sync.central.store import Transaction
from sync.central.store.people import Account
from sync.protocol.roster import Person

MAX_NAME: Final = 64
"""Longest name of an account, or of a program, characters."""

_TOKEN: Final = "presensi_"  # noqa: S105 - by which a token is known for one, wherever it turns up

Decide = Callable[..., None]
"""`decide(tx, action, subject, reason=, detail=)`, as of `House` and of the pages' `Site`."""


def set_account(
    tx: Transaction,
    decide: Decide,
    name: str,
    password: str | None,
    now: int,
    *,
    role: Role | None = None,
    units: Collection[str] = (),
    replace: bool,
    reason: str = "",
) -> str:
    """Add an account, or with `replace` change it; return its password, made where None is given.

    Without a `role` it keeps the one that it has; a new one is an admin's. Raises Refused.
    """
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise Refused(f"an account's name has 1 to {MAX_NAME} printable characters")
    chosen = passwords.new_password() if password is None else password
    if not passwords.MIN_LENGTH <= len(chosen) <= passwords.MAX_LENGTH:
        raise Refused(
            f"a password has {passwords.MIN_LENGTH} to {passwords.MAX_LENGTH} characters, "
            f"not {len(chosen)}"
        )
    held = tx.people.account(name)
    if role is None:
        role, units = (held.role, held.units) if held else (Role.ADMIN, ())
    if (role is Role.UNIT) != bool(units):
        raise Refused("an account of role `unit`, and no other, has units; say them by --unit")
    if role is Role.EMPLOYEE and all(one.id != name for one in tx.city.all(Person)):
        raise Refused(
            f"an employee's account is called as their id in the roster, and {name!r} is nobody's "
            "there; `roster import` first"
        )
    account = Account(name=name, secret=passwords.new_secret(chosen), role=role, units=units)
    if replace:
        if role is not Role.ADMIN:
            _keep_an_admin(tx, held)
        tx.people.set_account(account, now)
        if role is not Role.READER:  # a program reads what a reader sees, and as nobody else
            tx.people.end_tokens(name)
    elif not tx.people.add_account(account, now):
        raise Refused(f"account {name!r} is there already; `account set` changes its password")
    detail = {"role": role.value, "units": " ".join(sorted(units))}
    decide(tx, "set account" if replace else "add account", name, reason=reason, detail=detail)
    return chosen


def end_account(tx: Transaction, decide: Decide, name: str, now: int, reason: str = "") -> None:
    """Let an account log in no more, and no program read in its name. Raises Refused."""
    account = tx.people.account(name)
    if account is None or account.ended_at:
        raise Refused(f"no account {name!r} may log in; `account list` shows those that may")
    _keep_an_admin(tx, account)
    tx.people.set_account(structs.replace(account, ended_at=now), now)
    tx.people.end_tokens(name)
    decide(tx, "end account", name, reason=reason)


def _keep_an_admin(tx: Transaction, account: Account | None) -> None:
    """Raises Refused: `account` is the last admin, who is not to be one any more."""
    if account is None or account.role is not Role.ADMIN or account.ended_at:
        return
    admins = [one for one in tx.people.accounts() if one.role is Role.ADMIN and not one.ended_at]
    if len(admins) < 2:
        raise Refused(f"{account.name!r} is the last admin; add another one first")


def add_token(
    tx: Transaction, decide: Decide, name: str, label: str, now: int, reason: str = ""
) -> str:
    """Return a new token by which a program reads what an account sees. Raises Refused."""
    account = tx.people.account(name)
    if account is None or account.ended_at:
        raise Refused(f"no account {name!r}; `account add` makes one of role `reader` for it")
    if account.role is not Role.READER:
        raise Refused(f"{name!r} is {ROLES[account.role]}; a program reads by a `reader`'s account")
    if not re.fullmatch(r"[\w .:-]{1,64}", label):
        raise Refused(f"{label!r}: say which program it is in 1 to {MAX_NAME} letters and digits")
    token = _TOKEN + secrets.token_urlsafe(32)
    tx.people.add_token(sha256(token.encode()).digest(), name, label, now)
    decide(tx, "add token", name, reason=reason, detail={"program": label})
    return token


def listed(tx: Transaction) -> str:
    """Return every account in words, a line each."""
    out = []
    for one in tx.people.accounts():
        units = f"  {' '.join(one.units)}" if one.units else ""
        out.append(f"{one.name:24} {one.role:8}{units}{'  ended' if one.ended_at else ''}\n")
    return "".join(out) or "No accounts yet: presensi-central account add NAME\n"
