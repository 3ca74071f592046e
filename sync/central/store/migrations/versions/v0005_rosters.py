"""Which versions of a roster each kiosk was told, and which it works on."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_TEXT: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the table and the column."""
    op.add_column(
        "kiosk_state", sa.Column("roster", sa.BigInteger, nullable=False, server_default="0")
    )
    op.create_table(
        "roster_issue",
        sa.Column("kiosk", _TEXT, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("pages", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("kiosk", "version"),
    )
