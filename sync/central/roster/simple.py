"""The simple file: one CSV file with the columns person, name and perhaps unit, without days.

It says where people are, not since when: whoever had another unit without days has this one
now, and a unit that nobody knows is made, called what it is named.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from sync.central.roster.cells import Cell
from sync.central.roster.changes import Change
from sync.central.roster.layout import PEOPLE, State
from sync.central.roster.reading import BEYOND, Fault, Read
from sync.central.roster.table import Table
from sync.protocol.roster import Member

COLUMNS: Final = ("person", "name", "unit")


def is_simple(table: Table) -> bool:
    """Return whether the file's header says nothing more than these columns."""
    header = set(_header(table)) - {""}
    is_sheet = table.name.casefold() == PEOPLE and "unit" not in header
    return set(COLUMNS[:2]) <= header <= set(COLUMNS) and not is_sheet


def faults(table: Table) -> list[Fault]:
    """Return what of the file would be lost: columns named twice, cells that are in none."""
    header = _header(table)
    number = table.rows[0][0]
    twice = [name for name in COLUMNS if header.count(name) > 1]
    found = [Fault(table.name, number, name, "the column is there twice") for name in twice]
    for at, row in table.rows[1:]:
        lost = [
            cell
            for place, cell in enumerate(row)
            if cell not in (None, "") and not (place < len(header) and header[place])
        ]
        found += [Fault(table.name, at, "", f"{str(lost[0])!r} {BEYOND}")] if lost else []
    return found


def expanded(table: Table, held: State) -> list[Table]:
    """Return the sheets that say the same, each row under its number."""
    header = _header(table)
    units, place = _units(held), header.index("unit") if "unit" in header else None
    people: list[tuple[int, Sequence[Cell]]] = []
    members: list[tuple[int, Sequence[Cell]]] = []
    made: dict[str, int] = {}
    for number, row in table.rows[1:]:
        cells = dict(zip(header, row, strict=False))
        people.append((number, [cells.get(name) for name in COLUMNS[:2]]))
        unit = str(cells.get("unit") or "").strip() if place is not None else ""
        if unit:
            if unit not in units:
                made.setdefault(unit, number)
            members.append((number, [cells.get("person"), units.get(unit, unit)]))
    first = table.rows[0][0]
    return [
        Table("units", [(first, ["unit", "name"]), *((n, [one, one]) for one, n in made.items())]),
        Table(PEOPLE, [(first, COLUMNS[:2]), *people]),
        Table("members", [(first, ["person", "unit"]), *members]),
    ]


def moved(read: Mapping[str, Read], held: State) -> list[Change]:
    """Return the memberships without days that give way to those of the file."""
    now = {key[0]: key[1] for key in read["members"].rows}
    return [
        Change("members", key, row, None)
        for key, row in held["members"].items()
        if isinstance(row, Member)
        and row.since is None
        and row.until is None
        and now.get(row.person, row.unit) != row.unit
    ]


def _header(table: Table) -> list[str]:
    return [str(cell or "").strip().casefold() for cell in table.rows[0][1]] if table.rows else []


def _units(held: State) -> dict[str, str]:
    """Return the ids of units by what people call them: the id, or a name that only one has."""
    by_name: dict[str, list[str]] = {}
    for key, row in held["units"].items():
        by_name.setdefault(str(getattr(row, "name", "")), []).append(key[0])
    names = {name: ids[0] for name, ids in by_name.items() if len(ids) == 1}
    return names | {key[0]: key[0] for key in held["units"]}
