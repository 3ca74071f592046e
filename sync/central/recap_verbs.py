"""What `presensi-central recap` prints, and writes."""

import re
from calendar import monthrange
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from sync.central import recap
from sync.central.city import City, load
from sync.central.clock import now_ms
from sync.central.exits import Exit, Refused, no_such_unit
from sync.central.house import House
from sync.central.judging import Record, judged
from sync.central.recap import Day
from sync.central.roster import cells, files
from sync.central.roster.table import Unreadable
from sync.worktime.faults import BadRules

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_MONTH: Final = re.compile(r"\d{4}-\d{2}")


def show(
    house: House, when: str, unit: str = "", listed: Path | None = None, *, as_json: bool = False
) -> str:
    """Return the recap of a day or a month; with `listed`, write every duty to that file.

    Raises Refused, StoreError.
    """
    first, last = _days(when)
    with house.store.reading() as tx:
        city = load(tx)
        if unit and unit not in city.units:
            raise no_such_unit(unit, city.units)
        try:
            records = judged(tx, city, first, last, now_ms(), unit)
        except BadRules as error:
            raise Refused(
                f"the rules cannot be: {error}; mend them with `roster import`"
            ) from error
    counted = recap.of_days(records, city, first, last, unit)
    if listed is not None:
        _write(listed, records, city)
    if as_json:
        said = [msgspec.to_builtins(one) | {"percent": one.percent} for one in counted]
        return msgspec.json.encode(said).decode() + "\n"
    return "".join(f"{line}\n" for one in counted for line in _lines(one, city))


def _days(when: str) -> tuple[date, date]:
    """Return the first and the last day that are meant. Raises Refused."""
    try:
        if _DAY.fullmatch(when):
            return (day := date.fromisoformat(when)), day
        if _MONTH.fullmatch(when):
            first = date.fromisoformat(f"{when}-01")
            return first, first.replace(day=monthrange(first.year, first.month)[1])
    except ValueError:
        pass
    raise Refused(f"{when!r} is no day and no month; write 2026-08-10 or 2026-08", Exit.USAGE)


def _lines(day: Day, city: City) -> Sequence[str]:
    if not day.unit:
        name = "semua unit"
    else:
        name = city.units[day.unit].name if day.unit in city.units else day.unit
    late = f", {day.late} terlambat" if day.late else ""
    early = f", {day.early} pulang sebelum waktunya" if day.early else ""
    head = (
        f"{day.day}  {name}: {day.here} dari {day.staff} hadir ({day.percent:.1f} %){late}{early}"
        + (f"; {day.free} tanpa jadwal" if day.free else "")
    )
    return [head, *(f"    {word}: {number}" for word, number in day.words.items())]


def _write(path: Path, records: Sequence[Record], city: City) -> None:
    """Write the list, one row per duty. Raises Refused."""
    table = [list(recap.COLUMNS)]
    table += [[str(row[name]) for name in recap.COLUMNS] for row in recap.rows(records, city)]
    try:
        files.write_one(path, "recap", [[cells.guarded(cell) for cell in row] for row in table])
    except Unreadable as error:
        raise Refused(str(error)) from error
