"""A closed month in words, and as the files of it that a browser keeps."""

from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct
from starlette.responses import Response

from sync.central import recap
from sync.central.city import City
from sync.central.closing import Changed, Difference, Frozen, Row, Standing
from sync.central.present import moment
from sync.central.roster import cells, csvfiles, xlsx
from sync.central.web.dates import day_of, day_words
from sync.worktime.verdicts import OPEN

MOST_SHOWN: Final = 300
"""Changes and open duties that a page lists."""


class Turned(Struct, frozen=True, kw_only=True):
    """A day that is called differently, in words."""

    person: str
    name: str
    day: str
    before: str
    after: str


class Issued(Struct, frozen=True, kw_only=True):
    """One signed message of a month, in words."""

    number: int
    made: str
    actor: str
    reason: str
    digest: str
    changes: Sequence[Turned]


def unclear_words(city: City, frozen: Frozen) -> Sequence[tuple[str, str, str]]:
    """Return who has which open word on which days of the month."""
    days: dict[tuple[str, str], list[int]] = {}
    for one in frozen.unclear:
        days.setdefault((one.person, one.word), []).append(day_of(one.day).day)
    return [
        (city.name(person) or person, word, ", ".join(map(str, sorted(set(of)))))
        for (person, word), of in days.items()
    ][:MOST_SHOWN]


def issued(found: Standing, zone: ZoneInfo) -> list[Issued]:
    """Return the messages of a month."""
    return [
        Issued(
            number=one.closing.head.number,
            made=moment(one.closing.head.utc, zone),
            actor=one.content.actor.removeprefix("account "),
            reason=one.content.reason,
            digest=one.closing.digest,
            changes=[turned(each) for each in one.content.changes[:MOST_SHOWN]]
            if isinstance(one.content, Difference)
            else [],
        )
        for one in found.said
    ]


def turned(one: Changed) -> Turned:
    """Return a change in words."""
    return Turned(
        person=one.person,
        name=one.name,
        day=day_words(day_of(one.day)),
        before="; ".join(map(_row_words, one.before)) or "tidak ada tugas",
        after="; ".join(map(_row_words, one.after)) or "tidak ada tugas",
    )


_OPEN: Final = frozenset(one.value for one in OPEN)


def _row_words(row: Row) -> str:
    parts = [str(row["word"])]
    for name, at, code, verdict in (
        ("masuk", "arrival", "class", "arrival_is"),
        ("pulang", "departure", "class_out", "departure_is"),
    ):
        said = str(row[at])
        if said[:1].isdigit():
            is_open = row.get(verdict) in _OPEN
            open_ = f"({row[verdict]})" if is_open else ""
            clock = said[-5:].replace(":", ".")
            parts.append(" ".join(filter(None, (name, clock, str(row[code]), open_))))
        elif row[code]:
            parts.append(f"{name} tidak ada {row[code]}")
    if row["reference"]:
        parts.append(str(row["reference"]))
    return " · ".join(parts)


# Files.

_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_SUMS: Final = (
    *("person", "name", "duties", "here", "late", "late_min", "early", "early_min"),
    *("words", "classes"),
)


def csv_of(name: str, found: Standing) -> Response:
    """Return the rows as CSV."""
    return _file(csvfiles.write(_table(found.rows)), f"{name}.csv", "text/csv; charset=utf-8")


def book_of(name: str, found: Standing) -> Response:
    """Return the rows as a workbook; of number 0 with the people's sums, which are of no other."""
    sheets = {"rekap": _table(found.rows)}
    if len(found.said) == 1:
        sheets["pegawai"] = _people(found.frozen)
    return _file(xlsx.write(sheets), f"{name}.xlsx", _XLSX)


def _file(content: bytes, name: str, kind: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=kind, headers=headers)


def _table(rows: Sequence[Row]) -> list[list[str]]:
    table = [[cells.guarded(str(row[name])) for name in recap.COLUMNS] for row in rows]
    return [list(recap.COLUMNS), *table]


def _people(frozen: Frozen) -> list[list[str]]:
    table = []
    for one in frozen.people:
        line = []
        for name in _SUMS:
            value = getattr(one, name)
            if isinstance(value, dict):
                value = ", ".join(f"{word} {times}" for word, times in sorted(value.items()))
            line.append(cells.guarded(str(value)))
        table.append(line)
    return [list(_SUMS), *table]
