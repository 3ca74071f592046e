"""Claims that a device may use, and devices that ask for a person's approval."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_TEXT: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables; who was admitted before this version stays admitted."""
    op.create_table(
        "claim",
        *_texts("id", "kiosk", "unit", "made_by", "device"),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        *_numbers("made_at", "expires_at", "wrong"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "asking",
        *_texts("ticket", "commitment", "nonce", "name", "software", "address"),
        *_texts("step", "number", "kiosk", "unit"),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        *_numbers("asked_at", "seen_at"),
        sa.PrimaryKeyConstraint("ticket"),
    )


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, _TEXT, nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]
