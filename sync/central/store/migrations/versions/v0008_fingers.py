"""Whose finger is under which user, by the word of the kiosk that enrolled it."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_TEXT: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the table; no entry from before this version tells of a finger."""
    op.create_table(
        "finger",
        *(sa.Column(name, _TEXT, nullable=False) for name in ("user", "kiosk", "person")),
        sa.Column("is_gone", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("user"),
    )
