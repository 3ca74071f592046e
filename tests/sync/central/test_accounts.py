"""Accounts: roles and units, what may not be, who is let out, and a program's token."""

from hashlib import sha256
from typing import Any

import pytest

from sync import passwords
from sync.central import accounts
from sync.central.exits import Refused
from sync.central.roles import Role, Visitor
from sync.passwords import fits

T0 = 1_764_000_000_000


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords.new_secret, "__defaults__", (2**4,))


class Book:
    """What was decided."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, dict[str, str]]] = []

    def __call__(self, _: Any, action: str, subject: str, **more: Any) -> None:
        self.said.append((action, subject, dict(more.get("detail") or {})))


@pytest.fixture
def book() -> Book:
    return Book()


def add(central: Any, book: Book, name: str = "siti", **more: Any) -> str:
    with central.store.writing() as tx:
        return accounts.set_account(tx, book, name, None, T0, **{"replace": False, **more})


def held(central: Any, name: str = "siti") -> Any:
    with central.store.reading() as tx:
        return tx.people.account(name)


def test_an_account_has_a_role_and_its_units(central: Any, book: Book) -> None:
    password = add(central, book, role=Role.UNIT, units=["b", "a", "a"])
    one = held(central)
    assert (one.role, tuple(one.units), one.ended_at) == (Role.UNIT, ("a", "b"), 0)
    assert fits(one.secret, password)
    assert book.said == [("add account", "siti", {"role": "unit", "units": "a a b"})]


def test_the_first_account_is_an_admin_s_and_a_changed_one_keeps_its_role(
    central: Any, book: Book
) -> None:
    add(central, book, "admin")
    assert held(central, "admin").role is Role.ADMIN
    add(central, book, role=Role.UNIT, units=["a"])
    before = held(central)
    add(central, book, replace=True)
    after = held(central)
    assert (after.role, tuple(after.units)) == (Role.UNIT, ("a",))
    assert after.secret != before.secret


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "x" * 65},
        {"name": "a\nb"},
        {"role": Role.UNIT},
        {"role": Role.OFFICER, "units": ["a"]},
    ],
)
def test_what_may_not_be_is_refused(central: Any, book: Book, wrong: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        add(central, book, **wrong)
    assert book.said == []


def test_an_account_is_not_added_twice(central: Any, book: Book) -> None:
    add(central, book)
    with pytest.raises(Refused, match="there already"):
        add(central, book)


def test_who_is_ended_is_logged_out_and_no_program_reads_by_them(central: Any, book: Book) -> None:
    add(central, book, "admin")
    add(central, book, role=Role.READER)
    with central.store.writing() as tx:
        token = accounts.add_token(tx, book, "siti", "SIAP", T0)
        tx.people.begin_session(b"h" * 32, "siti", T0, 0)
    digest = sha256(token.encode()).digest()
    with central.store.reading() as tx:
        assert tx.people.session(b"h" * 32).role is Role.READER
        assert tx.people.token(digest).account == "siti"
    with central.store.writing() as tx:
        accounts.end_account(tx, book, "siti", T0 + 1)
    with central.store.reading() as tx:
        assert tx.people.session(b"h" * 32) is None
        assert tx.people.token(digest) is None
        assert "ended" in accounts.listed(tx)
    with central.store.writing() as tx, pytest.raises(Refused):
        accounts.end_account(tx, book, "siti", T0 + 2)
    assert [action for action, *_ in book.said][-2:] == ["add token", "end account"]


def test_the_last_admin_cannot_be_ended(central: Any, book: Book) -> None:
    add(central, book, "admin")
    add(central, book, role=Role.OFFICER)
    with central.store.writing() as tx, pytest.raises(Refused, match="last admin"):
        accounts.end_account(tx, book, "admin", T0)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OFFICER])
def test_a_program_reads_by_a_reader_s_account_only(central: Any, book: Book, role: Role) -> None:
    add(central, book, role=role)
    for name in ("siti", "nobody"):
        with central.store.writing() as tx, pytest.raises(Refused):
            accounts.add_token(tx, book, name, "SIAP", T0)


def test_what_each_role_sees_and_may() -> None:
    def visitor(role: Role, *units: str) -> Visitor:
        return Visitor("x", role, units, b"", "")

    unit = visitor(Role.UNIT, "a", "b")
    assert unit.sees("a")
    assert unit.sees("c", "b")
    assert not unit.sees("c")
    assert not unit.sees()
    assert all(visitor(role).sees() for role in (Role.ADMIN, Role.OFFICER, Role.READER))
    assert [role for role in Role if visitor(role).may_decide] == [
        Role.ADMIN,
        Role.OFFICER,
        Role.UNIT,
    ]
    assert [role for role in Role if visitor(role).may_approve] == [Role.ADMIN, Role.OFFICER]
