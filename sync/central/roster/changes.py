"""What a file would change, row by row, in words and in figures. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from msgspec import Struct

from sync.central.roster import cells
from sync.central.roster.layout import PEOPLE, SHEETS, Column, Key, Row, Sheet, State
from sync.central.roster.reading import Read

_NAMED: Final = frozenset({"person", "other"})


class Change(Struct, frozen=True):
    """A row that is added (`before` is None), changed, or removed (`after` is None)."""

    sheet: str
    key: Key
    before: Row | None
    after: Row | None

    @property
    def sign(self) -> str:
        """Return its sign: +, ~ or -."""
        if self.before is None:
            return "+"
        return "-" if self.after is None else "~"


def changes(read: Mapping[str, Read], held: State, *, replaces: bool) -> list[Change]:
    """Return what the sheets of a file change; what they do not name goes if they replace."""
    found = []
    for name in SHEETS:
        if name not in read:
            continue
        of, rows = read[name], held[name]
        for key in of.rows:
            before = rows.get(key)
            after = of.row(key, before)
            if before is None or _differing(of.sheet, before, after):
                found.append(Change(name, key, before, after))
        if replaces:
            found += [
                Change(name, key, row, None) for key, row in rows.items() if key not in of.rows
            ]
    return found


def _differing(sheet: Sheet, one: Row, other: Row) -> list[Column]:
    """Return the columns in which two rows say different things."""
    if one == other:
        return []
    return [
        column
        for column in sheet.columns
        # In the same cell: a tuple of the one is a list of the other.
        if cells.plain(column, getattr(one, column.field))
        != cells.plain(column, getattr(other, column.field))
    ]


def after(held: State, changed: Iterable[Change]) -> State:
    """Return the rows as they will be."""
    rows = {name: dict(of) for name, of in held.items()}
    for one in changed:
        if one.after is None:
            del rows[one.sheet][one.key]
        else:
            rows[one.sheet][one.key] = one.after
    return rows


def counts(changed: Sequence[Change]) -> dict[str, str]:
    """Return how many rows of each sheet are added, changed and removed: `+2 ~1 -0`."""
    signs: dict[str, list[str]] = {}
    for one in changed:
        signs.setdefault(one.sheet, []).append(one.sign)
    return {
        name: " ".join(f"{sign}{signs[name].count(sign)}" for sign in "+~-")
        for name in SHEETS
        if name in signs
    }


class Words:
    """Rows in words; people by their names as well."""

    def __init__(self, *states: State) -> None:
        self._names = {
            key[0]: getattr(row, "name", "")
            for state in states
            for key, row in state[PEOPLE].items()
        }

    def of(self, change: Change) -> str:
        """Return a change in one line."""
        sheet = SHEETS[change.sheet]
        if change.before is None or change.after is None:
            row = change.after or change.before
            said = "" if row is None else self.row(sheet, row)
        else:
            said = f"{self._key(sheet, change.before)}: "
            said += self._differences(sheet, change.before, change.after)
        return f"{change.sign} {sheet.name} {said}"

    def row(self, sheet: Sheet, row: Row) -> str:
        """Return a whole row in one line."""
        key = [name for name in sheet.key if name != "since"]
        others = [one.field for one in sheet.columns if one.field not in key]  # the days are last
        return self._fields(sheet, row, [*key, *others])

    def _key(self, sheet: Sheet, row: Row) -> str:
        return self._fields(sheet, row, sheet.key)

    def _fields(self, sheet: Sheet, row: Row, fields: Iterable[str]) -> str:
        said = []
        for field in fields:
            value = getattr(row, field)
            if value is None or value == "" or value == sheet.column(field).default:
                continue
            text = self._value(sheet, field, value)
            said.append(f"{field} {text}" if isinstance(value, date) else text)
        return " ".join(said)

    def _value(self, sheet: Sheet, field: str, value: Any) -> str:
        if field in _NAMED and value in self._names:
            return f"{value} {self._names[value]}"
        return cells.plain(sheet.column(field), value)

    def _differences(self, sheet: Sheet, before: Row, after: Row) -> str:
        cell = self._cell
        return ", ".join(
            f"{one.name} {cell(sheet, one, before)} -> {cell(sheet, one, after)}"
            for one in _differing(sheet, before, after)
        )

    def _cell(self, sheet: Sheet, column: Column, row: Row) -> str:
        return self._value(sheet, column.field, getattr(row, column.field)) or "open"
