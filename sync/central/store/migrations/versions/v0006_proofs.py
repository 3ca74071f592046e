"""How far each source was read completely, where rows of a terminal may be missing, and presences
by their time. Filled from the entries that are held, for they say it all.
"""

import json
from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_TEXT: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_LATEST_KEPT: Final = 8
_ODD: Final = sa.text(
    "utc IS NULL OR drift IS NULL OR NOT synced OR abs(drift) >= 43200000"
    " OR abs(wall - utc) >= 172800000"
)


def upgrade() -> None:
    """Add the tables, and fill them."""
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
    op.create_index(
        "presence_odd", "presence", ["received_at"], sqlite_where=_ODD, postgresql_where=_ODD
    )
    _fill()


def _fill() -> None:
    connection = op.get_bind()
    sqlite = connection.dialect.name == "sqlite"
    found = "instr(body, :word)" if sqlite else "position(:word IN body)"
    runs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    # The order of a kiosk's record: of its epochs as they began, then of their entries.
    asked = sa.text(
        "SELECT entry.kiosk, entry.epoch, seq, body, received_at FROM entry JOIN epoch"  # noqa: S608
        " ON entry.kiosk = epoch.kiosk AND entry.epoch = epoch.epoch"
        f" WHERE linked AND readable AND ({found} > 0 OR {found.replace(':word', ':other')} > 0)"
        " ORDER BY entry.kiosk, began_at, number, entry.epoch, seq"
    )
    words = {"word": b'"kind":"coverage"', "other": b'"kind":"gap"'}
    for kiosk, epoch, seq, body, received_at in connection.execute(asked, words).all():
        said = json.loads(bytes(body))
        if said.get("kind") == "coverage":
            _read(
                runs.setdefault((kiosk, said["source"]), []), kiosk, epoch, seq, said, received_at
            )
        elif said.get("kind") == "gap" and said.get("what") == "terminal":
            _gap(connection, kiosk, epoch, seq, said, received_at)
    table = sa.table(
        "covered", *(sa.column(name) for name in ("kiosk", "source", "number", "said"))
    )
    for (kiosk, source), found_runs in runs.items():
        for run in found_runs:
            row = {"kiosk": kiosk, "source": source, "number": run["number"]}
            connection.execute(table.insert().values(**row, said=json.dumps(run).encode()))


def _read(
    runs: list[dict[str, Any]],
    kiosk: str,
    epoch: str,
    seq: int,
    said: dict[str, Any],
    received_at: int,
) -> None:
    read = {
        "through": said["through"],
        "zone": said["zone"],
        "drift": said.get("drift"),
        "at": said["at"],
        "received_at": received_at,
    }
    if not runs or runs[-1]["terminal"] != said["terminal"]:
        run = {
            "kiosk": kiosk,
            "source": said["source"],
            "number": len(runs) + 1,
            "terminal": said["terminal"],
            "first": read,
            "latest": [],
        }
        runs.append(run)
    latest = [*runs[-1]["latest"], read][-_LATEST_KEPT:]
    runs[-1] |= {"epoch": epoch, "seq": seq, "latest": latest}


def _gap(
    connection: sa.Connection,
    kiosk: str,
    epoch: str,
    seq: int,
    said: dict[str, Any],
    received_at: int,
) -> None:
    names = ("kiosk", "source", "epoch", "seq", "said")
    gapped = {
        "type": "gap",
        "kiosk": kiosk,
        "source": said.get("source", ""),
        "since": said.get("since", ""),
        "until": said.get("until", ""),
        "at": said["at"],
        "received_at": received_at,
    }
    row = {"kiosk": kiosk, "source": gapped["source"], "epoch": epoch, "seq": seq}
    table = sa.table("gapped", *(sa.column(name) for name in names))
    connection.execute(table.insert().values(**row, said=json.dumps(gapped).encode()))
