"""What is needed to say when people really punched: boots, drifts, each presence's full stamp.

Presences from before have no boot: they are shown as they came.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TEXT: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the columns and tables."""
    op.add_column("presence", sa.Column("up", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("presence", sa.Column("boot", _TEXT, nullable=False, server_default=""))
    op.add_column("presence", sa.Column("error", sa.BigInteger))
    op.create_table(
        "boot",
        sa.Column("kiosk", _TEXT, nullable=False),
        sa.Column("boot", _TEXT, nullable=False),
        sa.Column("epoch", _TEXT, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("gathered", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("kiosk", "boot"),
        sa.ForeignKeyConstraint(["kiosk", "epoch"], ["epoch.kiosk", "epoch.epoch"]),
    )
    op.create_table(
        "rescue",
        sa.Column("kiosk", _TEXT, nullable=False),
        sa.Column("boot", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("kiosk"),
    )
    op.create_table(
        "drift",
        sa.Column("kiosk", _TEXT, nullable=False),
        sa.Column("terminal", _TEXT, nullable=False),
        sa.Column("epoch", _TEXT, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("measured", sa.LargeBinary, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("kiosk", "terminal", "epoch", "seq"),
        sa.ForeignKeyConstraint(["kiosk", "epoch"], ["epoch.kiosk", "epoch.epoch"]),
    )
