"""What the pages need: roles, proposals, what people said of times, months that are closed.

Whoever could log in until now saw everything, and does so on. SQLite finds a kiosk's presences of
some days by an index; PostgreSQL keeps ranges of time as before.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_TEXT: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_RISING: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_CARDS: Final = "credential != 'terminal_user'"
_ODD: Final = (
    "utc IS NULL OR drift IS NULL OR {} OR abs(drift) >= 43200000 OR abs(wall - utc) >= 172800000"
)


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, _TEXT, nullable=False, server_default=default)


def _number(name: str, default: str | None = None) -> sa.Column[int]:
    return sa.Column(
        name, sa.BigInteger, nullable=False, autoincrement=False, server_default=default
    )


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, nullable=False)


def upgrade() -> None:
    """Add the columns, the tables and the indexes."""
    op.add_column("account", _text("role", "admin"))
    op.add_column("account", _number("ended_at", "0"))
    op.create_table(
        "account_unit",
        _text("account"),
        _text("unit"),
        sa.PrimaryKeyConstraint("account", "unit"),
        sa.ForeignKeyConstraint(["account"], ["account.name"]),
    )
    op.create_table(
        "api_token",
        _bytes("token_hash"),
        _text("account"),
        _text("label"),
        _number("created_at"),
        sa.PrimaryKeyConstraint("token_hash"),
        sa.ForeignKeyConstraint(["account"], ["account.name"]),
    )
    op.create_table(
        "proposal",
        sa.Column("id", _RISING, primary_key=True, autoincrement=True),
        *(_text(name) for name in ("kind", "person", "unit", "author", "reason")),
        _number("made_at"),
        _bytes("body"),
        *(_text(name) for name in ("state", "decided_by", "decided_reason")),
        _number("decided_at"),
    )
    op.create_index("proposal_by_state", "proposal", ["state", "id"])
    op.create_table(
        "settled",
        _text("kiosk"),
        _text("epoch"),
        _number("seq"),
        _bytes("hash"),
        _number("utc"),
        _text("actor"),
        _number("at"),
        sa.PrimaryKeyConstraint("kiosk", "epoch", "seq", "hash"),
    )
    op.create_table(
        "closing",
        _text("unit"),
        _text("month"),
        _number("number"),
        _text("actor"),
        _number("made_at"),
        _bytes("message"),
        sa.PrimaryKeyConstraint("unit", "month", "number"),
    )
    _index_presences()


def _index_presences() -> None:
    op.drop_index("presence_by_person", "presence")
    op.create_index("presence_by_person", "presence", ["person", "utc"])
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index("presence_by_utc", "presence")
        op.create_index("presence_by_kiosk", "presence", ["kiosk", "utc"])
    op.drop_index("presence_odd", "presence")
    for name, of in (("presence_odd", "kiosk"), ("presence_odd_by_person", "person")):
        op.create_index(
            name,
            "presence",
            [of, "received_at"],
            # SQLite takes a partial index only where its words are the question's own.
            sqlite_where=sa.text(_ODD.format("synced = 0")),
            postgresql_where=sa.text(_ODD.format("NOT synced")),
        )
    op.create_index(
        "presence_by_card",
        "presence",
        ["user", "utc"],
        sqlite_where=sa.text(_CARDS),
        postgresql_where=sa.text(_CARDS),
    )
