"""Whatever is held is exported, and imported again without a change: in both kinds of file."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sync.central.roster import csvfiles, verbs, xlsx
from sync.central.roster.changes import changes
from sync.central.roster.layout import SHEETS, Column, Kind, Sheet, State
from sync.central.roster.reading import read
from sync.central.roster.table import Source
from sync.worktime.rules import Demand, Hours, Step, Window

SEEN = st.characters(exclude_categories=("C", "Zl", "Zp"))
WORDS = st.text(alphabet=SEEN, max_size=20).map(str.strip)
CODES = st.text(alphabet="PSM1é", min_size=1, max_size=3)
DAYS = st.dates(date(1950, 1, 1), date(2150, 1, 1))
MINUTES = st.integers(0, 2880)
COUNTS = st.integers(-(10**6), 10**6)
MAYBE = st.none() | COUNTS
WINDOWS = st.builds(
    Window, before_min=COUNTS, after_min=COUNTS, arrive_until_min=COUNTS, leave_from_min=COUNTS
) | st.just(Window())  # fmt: skip

FORMS: Mapping[str, st.SearchStrategy[Any]] = {
    "window": WINDOWS,
    "hours": st.lists(
        st.builds(
            Hours,
            days=st.lists(st.integers(1, 7), min_size=1, max_size=7),
            start=MINUTES,
            end=MINUTES,
            break_min=COUNTS,
            flex_min=COUNTS,
            window=WINDOWS,
        ),
        min_size=1,
        max_size=3,
    ),
    "late": st.lists(st.builds(Step, from_min=COUNTS, code=CODES), max_size=4),
    "early": st.lists(st.builds(Step, from_min=COUNTS, code=CODES), max_size=4),
    "cycle": st.lists(st.lists(CODES, max_size=2), min_size=1, max_size=9),
    "days": st.lists(st.none() | st.lists(CODES, max_size=2), min_size=1, max_size=9),
    "demands": st.dictionaries(CODES, st.sampled_from(Demand), max_size=2),
}


def values(column: Column) -> st.SearchStrategy[Any]:
    """Return any value that a column may have once it was taken in."""
    match column.kind:
        case Kind.FORM:
            return FORMS[column.field]
        case Kind.WORD:
            return st.sampled_from([column.word(one) for one in column.choices])
        case Kind.DAY:
            return DAYS if column.default is not None else st.none() | DAYS
        case Kind.CLOCK:
            return MINUTES
        case Kind.NUMBER:
            return MAYBE if column.may_be_none else COUNTS
    return WORDS.filter(bool) if column.default != "" else WORDS


@st.composite
def states(draw: st.DrawFn) -> State:
    state = {}
    for name, sheet in SHEETS.items():
        rows = draw(st.lists(row(sheet), max_size=3, unique_by=sheet.key_of))
        held = [msgspec.json.decode(msgspec.json.encode(one), type=sheet.row) for one in rows]
        state[name] = {sheet.key_of(one): one for one in held}  # as a database gives it
    return state


def row(sheet: Sheet) -> st.SearchStrategy[Any]:
    fields = {column.field: values(column) for column in sheet.columns}
    return st.builds(sheet.row, **fields)


def in_csv(written: Mapping[str, Sequence[Sequence[str]]]):
    return [
        csvfiles.read(Source(f"{name}.csv", csvfiles.write(rows))) for name, rows in written.items()
    ]


def in_workbook(written: Mapping[str, Sequence[Sequence[str]]]):
    return xlsx.read(Source("roster.xlsx", xlsx.write(written)))


QUICK = [Phase.explicit, Phase.reuse, Phase.generate]
"""Making so large a state small again takes minutes."""


@given(states())
@settings(max_examples=50, deadline=None, phases=QUICK)
def test_csv_files_say_all_of_it(state):
    found, faults = read(in_csv(verbs.sheets(state)))
    assert faults == []
    assert changes(found, state, replaces=True) == []


@given(states())
@settings(max_examples=15, deadline=None, phases=QUICK)
def test_a_workbook_says_all_of_it(state):
    found, faults = read(in_workbook(verbs.sheets(state)))
    assert faults == []
    assert changes(found, state, replaces=True) == []
