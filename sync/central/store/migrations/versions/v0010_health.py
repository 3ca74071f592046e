"""What each kiosk says of itself."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_TEXT: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the columns; no kiosk has said anything yet."""
    op.add_column("kiosk_state", sa.Column("health", _TEXT, nullable=False, server_default=""))
    op.add_column(
        "kiosk_state", sa.Column("health_at", sa.BigInteger(), nullable=False, server_default="0")
    )
