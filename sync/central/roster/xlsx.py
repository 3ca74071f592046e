"""Workbooks. The only door to openpyxl."""

import io
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils.exceptions import InvalidFileException

from sync.central.roster.cells import Cell
from sync.central.roster.table import Source, Table, Unreadable, is_empty

ENDING: Final = ".xlsx"

MOST_UNPACKED_BYTES: Final = 512 * 1024 * 1024
"""A small file may unpack to anything."""

_FORMULA: Final = "f"
_ERROR: Final = "e"
_AS_TEXT: Final = "@"
_KNOWN: Final = (str, int, float, bool, datetime, date, time, timedelta)


def read(source: Source, most_unpacked_bytes: int | None = None) -> list[Table]:
    """Return the sheets of a workbook, `MOST_UNPACKED_BYTES` at most. Raises Unreadable."""
    try:
        with zipfile.ZipFile(io.BytesIO(source.content)) as packed:
            unpacked = sum(one.file_size for one in packed.infolist())
        if unpacked > (most_unpacked_bytes or MOST_UNPACKED_BYTES):
            raise Unreadable(f"{source.name}: unpacks to {unpacked} bytes: no roster is that large")
        book = load_workbook(io.BytesIO(source.content), read_only=True)
        try:
            return [_table(source.name, sheet) for sheet in book.worksheets]
        finally:
            book.close()
    except (
        zipfile.BadZipFile, zlib.error, InvalidFileException, KeyError, ValueError, TypeError,
        OSError, EOFError, RuntimeError, SyntaxError,
    ) as error:  # fmt: skip
        raise Unreadable(f"{source.name}: not a workbook (.xlsx): {error}") from error


def _table(file: str, sheet: Any) -> Table:
    sheet.reset_dimensions()  # what a file says of its size need not be true
    rows: list[tuple[int, Sequence[Cell]]] = []
    for number, cells in enumerate(sheet.iter_rows(), 1):
        found = [_cell(file, sheet.title, one) for one in cells]
        if not is_empty(found):
            rows.append((number, found))
    return Table(sheet.title, rows)


def _cell(file: str, sheet: str, cell: Any) -> Cell:
    value = cell.value
    where = f"{file}: {sheet} {getattr(cell, 'coordinate', '')}"
    if value is None:
        return None
    if cell.data_type == _FORMULA:
        raise Unreadable(f"{where} is a formula; copy the column and paste it as values")
    if cell.data_type == _ERROR:
        raise Unreadable(f"{where} says {value}; write what is meant")
    if not isinstance(value, _KNOWN):
        raise Unreadable(f"{where}: {value!r} is neither a text nor a number nor a date")
    return value


def write(sheets: Mapping[str, Iterable[Sequence[str]]]) -> bytes:
    """Return a workbook. Every cell is a text, and the columns say so: a NIP stays what it is."""
    book = Workbook(write_only=True)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        sheet.freeze_panes = "A2"
        for number, row in enumerate(rows):
            sheet.append([_text(sheet, text, is_header=not number) for text in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _text(sheet: Any, text: str, *, is_header: bool) -> Any:
    cell = WriteOnlyCell(sheet, text or None)
    if text:
        cell.data_type = "s"
    cell.number_format = _AS_TEXT
    if is_header:
        cell.font = Font(bold=True)
    return cell
