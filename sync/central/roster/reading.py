"""Tables into rows: headers, cells, what is missing and what stands there twice. Pure.

Everything that is wrong is found in one go: who corrects a workbook wants the whole list.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import NODEFAULT, Struct

from sync.central.roster import cells
from sync.central.roster.cells import Cell
from sync.central.roster.forms import Unfit
from sync.central.roster.layout import SHEETS, Column, Key, Row, Sheet
from sync.central.roster.table import Table

LEFT_OUT = "#"
"""A sheet or a column whose name begins so is for people only."""

HEADER = 1

BEYOND = "stands behind the last column; a text with a comma in it must stand in quotes"
"""Else `Budi Santoso, S.H.` would lose his title, and what comes after it move one column on."""


class Fault(Struct, frozen=True, order=True):
    """What is wrong, and where; `column` is "" for the whole row, `row` 0 for the whole sheet."""

    sheet: str
    row: int
    column: str
    words: str

    def __str__(self) -> str:
        where = self.sheet + (f" row {self.row}" if self.row else "")
        return f"{where}{f', `{self.column}`' if self.column else ''}: {self.words}"


class Written(Struct, frozen=True):
    """A row of a file: its number, and what its cells say by field."""

    number: int
    values: Mapping[str, Any]


class Read(Struct, frozen=True):
    """A sheet of a file, as far as it could be read: its rows by key."""

    sheet: Sheet
    rows: Mapping[Key, Written]

    def row(self, key: Key, held: Row | None) -> Row:
        """Return the row as it will be; what the file has no column for stays as it is held."""
        said = self.rows[key].values
        kept = {} if held is None else {n: getattr(held, n) for n in held.__struct_fields__}
        return self.sheet.row(**{**kept, **said})


def read(tables: Sequence[Table]) -> tuple[dict[str, Read], list[Fault]]:
    """Return the sheets of a file by their names, and what is wrong with them."""
    found: dict[str, Read] = {}
    faults: list[Fault] = []
    for table in tables:
        name = table.name.strip().casefold()
        if name.startswith(LEFT_OUT):
            continue
        sheet = SHEETS.get(name)
        if sheet is None:
            words = f"no such sheet; there are {', '.join(SHEETS)}. Begin the name with # for notes"
            faults.append(Fault(table.name, 0, "", words))
        elif name in found:
            faults.append(Fault(name, 0, "", "the sheet is there twice"))
        else:
            found[name] = _read(sheet, table, faults)
    return found, faults


def _read(sheet: Sheet, table: Table, faults: list[Fault]) -> Read:
    places = _header(sheet, table, faults)
    rows: dict[Key, Written] = {}
    if places is None:
        return Read(sheet, rows)
    width = len(table.rows[0][1])
    for number, row in table.rows[1:]:
        beyond = next((cell for cell in row[width:] if cell not in (None, "")), None)
        if beyond is not None:
            faults.append(Fault(sheet.name, number, "", f"{str(beyond)!r} {BEYOND}"))
            continue
        values = _values(sheet, places, number, row, faults)
        if values is None:
            continue
        key = tuple(values.get(name, sheet.column(name).default) for name in sheet.key)
        before = rows.setdefault(key, Written(number, values))
        if before.number != number:
            names = ", ".join(sheet.column(name).name for name in sheet.key)
            faults.append(Fault(sheet.name, number, "", f"has the {names} of row {before.number}"))
    return Read(sheet, rows)


def _header(sheet: Sheet, table: Table, faults: list[Fault]) -> list[tuple[int, Column]] | None:
    """Return which column stands where; None where rows cannot be read."""
    if not table.rows:
        words = f"empty; its first row must be {', '.join(one.name for one in sheet.columns)}"
        faults.append(Fault(sheet.name, 0, "", words))
        return None
    number, header = table.rows[0]
    known = {one.name: one for one in sheet.columns}
    places: list[tuple[int, Column]] = []
    wrong = len(faults)
    for place, cell in enumerate(header):
        title = str(cell or "").strip().casefold()
        if title.startswith(LEFT_OUT) or (not title and not _is_used(table, place)):
            continue
        if title not in known:
            words = f"no such column; there are {', '.join(known)}"
            faults.append(Fault(sheet.name, number, str(cell or ""), words))
        elif any(column is known[title] for _, column in places):
            faults.append(Fault(sheet.name, number, title, "the column is there twice"))
        else:
            places.append((place, known[title]))
    present = [column for _, column in places]
    for column in sheet.columns:
        if column.default is NODEFAULT and column not in present:
            faults.append(Fault(sheet.name, number, column.name, "the column is missing"))
    return places if len(faults) == wrong else None


def _is_used(table: Table, place: int) -> bool:
    return any(place < len(row) and row[place] not in (None, "") for _, row in table.rows[1:])


def _values(
    sheet: Sheet,
    places: Sequence[tuple[int, Column]],
    number: int,
    row: Sequence[Cell],
    faults: list[Fault],
) -> dict[str, Any] | None:
    """Return what a row says; None where something of it is wrong."""
    values: dict[str, Any] = {}
    wrong = len(faults)
    for place, column in places:
        try:
            value = cells.read(column, row[place] if place < len(row) else None)
        except Unfit as unfit:
            faults.append(Fault(sheet.name, number, column.name, str(unfit)))
            continue
        if value is NODEFAULT:
            faults.append(Fault(sheet.name, number, column.name, "must not be empty"))
        values[column.field] = value
    return values if len(faults) == wrong else None
