"""The city: units, memberships, credentials, grants, posts, rules; which credential a punch was by.

Every driver until now said `terminal_user`. A person's unit becomes a membership without dates,
of a unit that is called what it is named. Which terminals were replaced, the entries say.
"""

import json
from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_TEXT: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_REPLACED: Final = "terminal replaced"


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, _TEXT, nullable=False) for name in names]


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False)


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, nullable=False)


def _key(*names: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*names)


def upgrade() -> None:
    """Add the column and the tables, and fill them from what is held."""
    op.add_column(
        "presence",
        sa.Column("credential", _TEXT, nullable=False, server_default="terminal_user"),
    )
    _create_city()
    _create_words()
    _move_units()
    _find_bindings()


def _create_city() -> None:
    op.create_table("unit", *_texts("id", "name", "zone"), _key("id"))
    op.create_table(
        "member", *_texts("person", "unit", "since", "until"), _key("person", "unit", "since")
    )
    op.create_table(
        "post", *_texts("kiosk", "unit", "since", "until"), _key("kiosk", "unit", "since")
    )
    op.create_table(
        "known",
        *_texts("unit", "credential", "user", "since", "until", "person"),
        _key("unit", "credential", "user", "since"),
    )
    op.create_table(
        "granted",
        *_texts("person", "unit", "allows", "since", "until", "user", "reference"),
        _key("person", "unit", "allows", "since"),
    )
    op.create_table("rule", *_texts("kind", "key"), _bytes("body"), _key("kind", "key"))


def _create_words() -> None:
    op.create_table(
        "identified",
        *_texts("kiosk", "epoch"),
        _number("seq"),
        _bytes("hash"),
        *_texts("person", "actor"),
        _number("at"),
        _key("kiosk", "epoch", "seq", "hash"),
    )
    op.create_table(
        "document",
        _bytes("sha256"),
        *_texts("name"),
        _bytes("content"),
        _number("kept_at"),
        _key("sha256"),
    )
    op.create_table(
        "binding",
        *_texts("kiosk", "epoch"),
        _number("seq"),
        *_texts("source", "before", "after"),
        _key("kiosk", "epoch", "seq"),
    )
    op.create_table("rising", *_texts("name"), _number("value"), _key("name"))


def _move_units() -> None:
    op.execute(
        "INSERT INTO unit (id, name, zone)"
        " SELECT DISTINCT unit, unit, 'Asia/Jakarta' FROM person WHERE unit <> ''"
    )
    op.execute(
        "INSERT INTO member (person, unit, since, until)"
        " SELECT person, unit, '', '' FROM person WHERE unit <> ''"
    )
    op.drop_column("person", "unit")


def _find_bindings() -> None:
    connection = op.get_bind()
    sqlite = connection.dialect.name == "sqlite"
    found = "instr(body, :word)" if sqlite else "position(:word IN body)"
    rows = connection.execute(
        sa.text(
            "SELECT kiosk, epoch, seq, body FROM entry"  # noqa: S608 - words of our own
            f" WHERE linked AND readable AND {found} > 0"
        ),
        {"word": _REPLACED.encode()},
    ).all()
    binding = sa.table(
        "binding", *(sa.column(name) for name in ("kiosk", "epoch", "seq", *_DETAIL))
    )
    for kiosk, epoch, seq, body in rows:
        said = json.loads(bytes(body))
        if (said.get("kind"), said.get("action")) == ("audit", _REPLACED):
            detail = {name: said.get("detail", {}).get(name, "") for name in _DETAIL}
            detail = {name: text.replace("\0", "\ufffd") for name, text in detail.items()}
            connection.execute(binding.insert().values(kiosk=kiosk, epoch=epoch, seq=seq, **detail))


_DETAIL: Final = ("source", "before", "after")
