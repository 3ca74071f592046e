"""One cell: what a person or a spreadsheet put into it, as a value, and back. Pure.

Spreadsheets spoil what they show: a NIP of 18 digits becomes a number of 15, a text that begins
with `=` becomes a program. The first is refused with what to do; the second never leaves here.
"""

import re
import unicodedata
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from sync.central.roster.forms import Unfit, clock, minutes
from sync.central.roster.layout import Column, Kind

Cell = str | int | float | bool | date | datetime | time | timedelta | None
"""What a table has in a cell; a CSV file has texts only."""

_RUNS: Final = "=+-@＝＋－＠"
"""With these a cell begins that some spreadsheet would run."""

_GUARD: Final = "'"
"""Before such a text in what is written; taken away again when it is read."""

_EXACT: Final = 10**15
"""From here on a spreadsheet's numbers have lost digits."""

NONE: Final = "-"
"""What stands in a cell for None, where an empty one says something else."""

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of signs that make two ids of what looks like one."""

_SPOILT: Final = re.compile(r"\d([.,]\d+)?[Ee]\+\d+")
_BY_DAY: Final = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})")
_MOST: Final = 10**9
_MIDNIGHT: Final = re.compile(r"[T ]00:00(:00(\.0+)?)?")
_FIRST: Final = date(1900, 1, 1)
_LAST: Final = date(2200, 1, 1)


def read(column: Column, cell: Cell) -> Any:
    """Return what the cell says; NODEFAULT where it says nothing and must. Raises Unfit."""
    if isinstance(cell, str):
        cell = cell.strip()
    if cell is None or cell == "":
        return column.default
    if cell == NONE and column.may_be_none:
        return None
    match column.kind:
        case Kind.DAY:
            return _day(cell)
        case Kind.CLOCK:
            return _clock(cell)
        case Kind.NUMBER:
            return _number(cell)
    said = _text(column, cell)
    if column.choices and said not in column.choices:
        raise Unfit(f"{said!r} is none of: {', '.join(column.choices)}")
    return column.form.read(said) if column.form else column.word(said)


def write(column: Column, value: Any) -> str:
    """Return the text that reads as `value`, and that no spreadsheet runs."""
    said = plain(column, value)
    is_ours = value is None or column.kind in (Kind.DAY, Kind.CLOCK, Kind.NUMBER)
    return said if is_ours else guarded(said)


def plain(column: Column, value: Any) -> str:
    """Return the text for people that says `value`."""
    if value is None:
        return NONE if column.may_be_none else ""
    match column.kind:
        case Kind.DAY:
            return str(value.isoformat())
        case Kind.CLOCK:
            return clock(value)
    return column.form.write(value) if column.form else str(value)


def guarded(text: str) -> str:
    """Return the text as a spreadsheet leaves it alone."""
    return _GUARD + text if text.startswith((*_RUNS, _GUARD)) else text


def _unguarded(text: str) -> str:
    is_guarded = text[:1] == _GUARD and text[1:2] and text[1] in _RUNS + _GUARD
    return text[1:] if is_guarded else text


def _text(column: Column, cell: Cell) -> str:
    match cell:
        case bool():
            raise Unfit(f"{str(cell).upper()} is a truth value; format the column as text")
        case int() | float():
            said = _digits(cell)
        case str():
            said = _unguarded(cell)
            if column.kind is Kind.ID and _SPOILT.fullmatch(said):
                raise Unfit(f"{said} has lost its last digits; {_AS_TEXT}")
        case _:
            raise Unfit(f"{cell} is a date or a time; {_AS_TEXT}")
    if column.kind is Kind.ID and _SPACED.fullmatch(said):
        said = said.replace(" ", "")  # a NIP as it is often written: 19850315 201001 1 007
    for sign in said:
        if unicodedata.category(sign) in _UNSEEN:
            raise Unfit(f"the sign U+{ord(sign):04X} in {said!r} cannot be seen; take it out")
    if len(said) > column.longest:
        raise Unfit(f"{len(said)} characters; at most {column.longest} are kept")
    return said


_SPACED: Final = re.compile(r"\d+(?: \d+)+")
_AS_TEXT: Final = "format the column as text and enter it again"


def _digits(number: int | float) -> str:
    if number != number or abs(number) >= _EXACT:  # a NaN is not itself
        raise Unfit(f"{number} is a number that has lost digits beyond the 15th; {_AS_TEXT}")
    if number != int(number):
        raise Unfit(f"{number} is a number with decimals; {_AS_TEXT}")
    return str(int(number))


def _day(cell: Cell) -> date:
    match cell:
        case datetime():
            if cell.time() != time():
                raise Unfit(f"{cell} is more than a day; write {cell.date()}")
            said = cell.date()
        case date():
            said = cell
        case str():
            said = _written_day(cell)
        case _:
            raise Unfit(f"{cell} is no date; format the column as a date, or write 2026-02-28")
    if not _FIRST <= said < _LAST:
        raise Unfit(f"{said} is in no year of ours; write one like 2026-02-28")
    return said


def _written_day(text: str) -> date:
    try:
        return date.fromisoformat(_MIDNIGHT.sub("", text) if len(text) > 10 else text)
    except ValueError:
        pass
    meant = _BY_DAY.fullmatch(text)
    if meant:
        try:
            said = date(int(meant[3]), int(meant[2]), int(meant[1]))
        except ValueError:
            pass
        else:
            raise Unfit(f"{text} may begin with the day or the month; write {said} if it is that")
    raise Unfit(f"{text} is no date; write one like 2026-02-28")


def _clock(cell: Cell) -> int:
    match cell:
        case time():
            said = cell.isoformat()
        case timedelta():
            hours, seconds = divmod(int(cell.total_seconds()), 3600)
            said = f"{hours}:{seconds // 60:02}:{seconds % 60:02}"
        case datetime():
            raise Unfit(f"{cell} is more than a time of day; {_AS_TEXT}, like 32:00")
        case _:
            said = str(cell)
    return minutes(said)


def _number(cell: Cell) -> int:
    try:
        if isinstance(cell, str | int | float) and not isinstance(cell, bool):
            said = int(cell)
            if isinstance(cell, str) or said == cell:
                return _small(said)
    except (ValueError, OverflowError):
        pass
    raise Unfit(f"{cell} is no whole number; write one like 15")


def _small(number: int) -> int:
    if abs(number) > _MOST:
        raise Unfit(f"{number} is beyond all that is counted here, {_MOST}")
    return number
