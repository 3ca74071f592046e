"""Keys, epochs, entries and what is derived from them; alarms, accounts, names."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TEXT: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_RISING: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, _TEXT, nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _bytes(*names: str) -> list[sa.Column[bytes]]:
    return [sa.Column(name, sa.LargeBinary, nullable=False) for name in names]


def _flags(*names: str) -> list[sa.Column[bool]]:
    return [sa.Column(name, sa.Boolean, nullable=False) for name in names]


def _id() -> sa.Column[int]:
    return sa.Column("id", _RISING, primary_key=True, autoincrement=True)


def _key(*names: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*names)


def _in_epoch() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["kiosk", "epoch"], ["epoch.kiosk", "epoch.epoch"])


def upgrade() -> None:
    """Make the first tables."""
    op.create_table("about", *_texts("name", "value"), _key("name"))
    op.create_table(
        "kiosk_key",
        *_texts("fingerprint", "kiosk"),
        *_bytes("der"),
        *_texts("status"),
        *_numbers("admitted_at"),
        *_texts("admitted_by"),
        _key("fingerprint"),
    )
    op.create_index("kiosk_key_by_kiosk", "kiosk_key", ["kiosk"])
    op.create_table(
        "waiting",
        *_texts("kiosk", "fingerprint"),
        *_numbers("first_at", "last_at"),
        _key("kiosk", "fingerprint"),
    )
    _create_records()
    _create_standing()
    _create_people()


def _create_records() -> None:
    op.create_table(
        "epoch",
        *_texts("kiosk", "epoch"),
        *_numbers("number"),
        *_texts("born"),
        *_bytes("genesis"),
        *_numbers("through"),
        *_bytes("head"),
        *_numbers("began_at"),
        *_texts("hello_nonce", "hello_boot"),
        *_numbers("hello_up", "first", "last"),
        _key("kiosk", "epoch"),
    )
    op.create_table(
        "entry",
        *_texts("kiosk", "epoch"),
        *_numbers("seq"),
        *_bytes("hash", "prev", "body"),
        *_flags("linked", "readable"),
        *_numbers("received_at"),
        _key("kiosk", "epoch", "seq", "hash"),
        *([_in_epoch()] if op.get_context().dialect.name == "sqlite" else []),
    )
    op.create_table(
        "presence",
        _id(),
        *_texts("kiosk", "epoch"),
        *_numbers("seq"),
        *_bytes("hash"),
        *_texts("source", "terminal", "user", "time", "zone"),
        sa.Column("utc", sa.BigInteger),
        sa.Column("person", _TEXT),
        *_texts("mark", "method", "state", "witness"),
        sa.Column("drift", sa.BigInteger),
        *_numbers("wall"),
        *_flags("synced", "again"),
        *_texts("first_kiosk", "first_epoch"),
        *_numbers("first_seq", "received_at"),
        sa.UniqueConstraint("kiosk", "epoch", "seq", "hash"),
    )
    op.create_index("presence_by_terminal", "presence", ["terminal", "id"])
    op.create_index("presence_by_person", "presence", ["person", "id"])
    op.create_table(
        "origin",
        *_bytes("origin"),
        *_texts("kiosk", "epoch"),
        *_numbers("seq"),
        *_bytes("hash"),
        _key("origin"),
    )
    op.create_table(
        "lost",
        *_texts("kiosk", "epoch"),
        *_numbers("first", "last"),
        *_bytes("anchor"),
        *_numbers("noticed_at"),
        _key("kiosk", "epoch", "first"),
        _in_epoch(),
    )


def _create_standing() -> None:
    op.create_table(
        "coverage",
        *_texts("kiosk", "source"),
        *_numbers("number"),
        *_texts("epoch"),
        *_numbers("seq"),
        *_texts("terminal", "through", "zone"),
        *_numbers("records"),
        _key("kiosk", "source"),
    )
    op.create_table(
        "terminal",
        *_texts("kiosk", "source"),
        *_numbers("number"),
        *_texts("epoch"),
        *_numbers("seq"),
        *_texts("serial", "model", "firmware", "platform"),
        _key("kiosk", "source"),
    )
    op.create_table(
        "alarm",
        *_texts("kind", "kiosk", "subject", "detail"),
        *_numbers("count", "first_at", "last_at"),
        _key("kind", "kiosk", "subject"),
    )
    op.create_table(
        "quarantine", _id(), *_bytes("raw"), *_numbers("size"), *_texts("reason", "topic"),
        *_numbers("at"),
    )  # fmt: skip
    op.create_table(
        "kiosk_state",
        *_texts("kiosk"),
        *_flags("online"),
        *_texts("boot"),
        *_numbers("connection", "since_at"),
        *_texts("software"),
        *_numbers("hello_at", "receipt_at"),
        _key("kiosk"),
    )


def _create_people() -> None:
    op.create_table(
        "account",
        *_texts("name"),
        *_bytes("salt", "verifier"),
        *_numbers("cost", "created_at"),
        _key("name"),
    )
    op.create_table(
        "session",
        *_bytes("token_hash"),
        *_texts("account"),
        *_numbers("created_at", "seen_at"),
        _key("token_hash"),
        sa.ForeignKeyConstraint(["account"], ["account.name"]),
    )
    op.create_table("access_log", _id(), *_numbers("at"), *_texts("account", "address", "viewed"))
    op.create_table("person", *_texts("person", "name", "unit"), _key("person"))
