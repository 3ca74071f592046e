"""`kiosk journal sql`: the journal asked in SQL, and exported as CSV or JSON."""

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from kiosk.cli.exits import Exit, Refused
from kiosk.journalviews import ABOUT, QueryError, Views
from sync.keyfile import write_durably

TABLE_MOST: Final = 200
"""So many rows a table for a person has."""

WIDEST: Final = 48
"""So wide a column of it is at most, characters."""


def run(
    paths: Sequence[Path],
    query: str,
    form: str,
    *,
    within_s: float = 60.0,
    lists: bool = False,
    out: Path | None = None,
) -> int:
    """Answer a query, or list what can be asked. Raises Refused, JournalError."""
    with Views(paths, within_s) as views:
        if lists:
            sys.stdout.write(_listed(views))
            return Exit.OK
        if views.left_out:
            sys.stderr.write(
                f"{len(views.left_out)} older epochs are not asked: {views.left_out[0].name} to "
                f"{views.left_out[-1].name}\n"
            )
        try:
            rows = views.ask(query)
            if out is None:
                for text in _formatted(rows, form):
                    sys.stdout.write(text)
                return Exit.OK
            written = "".join(_formatted(rows, "csv" if form == "table" else form)).encode()
        except QueryError as error:
            raise Refused(str(error), Exit.USAGE) from error
    try:
        write_durably(out, written)
    except OSError as error:
        raise Refused(f"{out}: {error.strerror}; name another with --out", Exit.STORAGE) from error
    sys.stdout.write(f"{out}: {len(written)} bytes; it says who was where: keep it as such\n")
    return Exit.OK


def _listed(views: Views) -> str:
    lines = []
    for name, columns in views.columns().items():
        lines += [f"{name:<12} {ABOUT[name]}", f"{'':<12} {', '.join(columns)}", ""]
    return "\n".join(lines)


def _formatted(rows: Iterator[dict[str, Any]], form: str) -> Iterator[str]:
    match form:
        case "json":
            return (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        case "csv":
            return _as_csv(rows)
    return _as_table(rows)


def _as_csv(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    first = True
    for row in rows:
        line = io.StringIO()
        writer = csv.DictWriter(line, row)
        if first:
            writer.writeheader()
        writer.writerow(row)
        first = False
        yield line.getvalue()


def _as_table(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    shown = [row for row, _ in zip(rows, range(TABLE_MOST), strict=False)]
    more = next(rows, None) is not None
    if not shown:
        yield "no rows\n"
        return
    lines = [list(shown[0]), *([_cell(one) for one in row.values()] for row in shown)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        yield "  ".join(cells).rstrip() + "\n"
    if more:
        yield f"... and more: --format csv --out FILE has all, or ask for less than {TABLE_MOST}\n"


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= WIDEST else text[: WIDEST - 3] + "..."
