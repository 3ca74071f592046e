"""How far each source was read completely, where rows of a terminal may be missing, and presences
by their time. Not filled: the entries that are held are from before kiosks said when nobody watched
a terminal, and prove nobody's absence.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_TEXT: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ODD: Final = (
    "utc IS NULL OR drift IS NULL OR {} OR abs(drift) >= 43200000 OR abs(wall - utc) >= 172800000"
)
_ELSEWHERE: Final = "{} AND kiosk != first_kiosk"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "covered",
        sa.Column("kiosk", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("said", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("kiosk", "source", "number"),
    )
    op.create_table(
        "gapped",
        sa.Column("kiosk", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("epoch", _TEXT, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("said", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("kiosk", "source", "epoch", "seq"),
    )
    op.create_index("presence_by_utc", "presence", ["utc"], postgresql_using="brin")
    # SQLite takes a partial index only where its words are the question's own.
    op.create_index(
        "presence_odd",
        "presence",
        ["received_at"],
        sqlite_where=sa.text(_ODD.format("synced = 0")),
        postgresql_where=sa.text(_ODD.format("NOT synced")),
    )
    op.create_index(
        "presence_elsewhere",
        "presence",
        ["first_kiosk", "first_epoch", "first_seq"],
        sqlite_where=sa.text(_ELSEWHERE.format("again = 1")),
        postgresql_where=sa.text(_ELSEWHERE.format("again")),
    )
