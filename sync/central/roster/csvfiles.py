"""Tables in CSV files: UTF-8, with commas or, as Indonesian spreadsheets write them, semicolons."""

import csv
import io
from collections.abc import Iterable, Sequence

from sync.central.roster.table import Source, Table, Unreadable, is_empty

ENDING = ".csv"


def read(source: Source) -> Table:
    """Return the table in a file. Raises Unreadable."""
    is_csv = source.name.casefold().endswith(ENDING)
    name = source.name[: -len(ENDING)] if is_csv else source.name
    try:
        text = source.content.decode("utf-8-sig")
        lines = text.splitlines(keepends=True)
        header = lines[0] if lines else ""
        delimiter = ";" if header.count(";") > header.count(",") else ","
        rows, reader = (
            [],
            csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True),
        )
        begins = 1
        for cells in reader:
            if not is_empty(cells):
                rows.append((begins, cells))
            begins = reader.line_num + 1
    except (UnicodeDecodeError, csv.Error) as error:
        raise Unreadable(
            f"{source.name}: not a CSV file in UTF-8: {error}; save it as `CSV UTF-8`"
        ) from error
    return Table(name, rows)


def write(rows: Iterable[Sequence[str]]) -> bytes:
    """Return a CSV file; a spreadsheet knows by its first bytes that it is UTF-8."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode("utf-8-sig")
