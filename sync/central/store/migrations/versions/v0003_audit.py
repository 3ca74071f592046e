"""What an audit needs: devices' signatures, heads of the night, the ends of central's journals.

Epochs from before have no signature until their next batch: what central held of them was verified
when it came, and the signature was not kept.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TEXT: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the columns and tables."""
    for column in (
        sa.Column("signed_through", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("signed", sa.LargeBinary),
    ):
        op.add_column("epoch", column)
    op.create_table(
        "signed_end",
        sa.Column("kiosk", _TEXT, nullable=False),
        sa.Column("epoch", _TEXT, nullable=False),
        sa.Column("through", sa.BigInteger, nullable=False),
        sa.Column("head", sa.LargeBinary, nullable=False),
        sa.Column("signed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("kiosk", "epoch", "through", "head"),
        sa.ForeignKeyConstraint(["kiosk", "epoch"], ["epoch.kiosk", "epoch.epoch"]),
    )
    op.create_table(
        "night",
        sa.Column("number", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("day", _TEXT, nullable=False),
        sa.Column("message", sa.LargeBinary, nullable=False),
        sa.Column("token", sa.LargeBinary),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("day"),
    )
    op.create_table(
        "night_copy",
        sa.Column("day", _TEXT, nullable=False),
        sa.Column("place", _TEXT, nullable=False),
        sa.Column("tried_at", sa.BigInteger, nullable=False),
        sa.Column("done_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("day", "place"),
    )
    op.create_table(
        "journal_end",
        sa.Column("journal", _TEXT, nullable=False),
        sa.Column("epoch", _TEXT, nullable=False),
        sa.Column("through", sa.BigInteger, nullable=False),
        sa.Column("head", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("journal", "epoch"),
    )
