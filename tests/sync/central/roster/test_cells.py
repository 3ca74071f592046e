"""One cell: what spreadsheets and people put there, and what is made of it."""

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import NODEFAULT

from sync.central.roster import cells, csvfiles
from sync.central.roster.forms import Unfit
from sync.central.roster.layout import SHEETS
from sync.central.roster.reading import read
from sync.central.roster.table import Source, Table, Unreadable

NIP = SHEETS["people"].column("id")
NAME = SHEETS["people"].column("name")
SINCE = SHEETS["members"].column("since")
START = SHEETS["shifts"].column("start")
GRACE = SHEETS["regulations"].column("grace_min")
JOIN = SHEETS["regulations"].column("join_gap_min")
HOURS = SHEETS["weeks"].column("hours")
DAYS = SHEETS["tables"].column("days")
CYCLE = SHEETS["rotations"].column("cycle")


@pytest.mark.parametrize(
    ("column", "cell", "meant"),
    [
        (NIP, " 198503152010011007 ", "198503152010011007"),
        (NIP, 17, "17"),
        (NIP, 17.0, "17"),
        (NAME, "'=SUM(A1)", "=SUM(A1)"),
        (NAME, "'Aisyah", "'Aisyah"),
        (NAME, "''Aisyah", "'Aisyah"),
        (NAME, "=SUM(A1)", "=SUM(A1)"),
        (SINCE, "2026-02-28", date(2026, 2, 28)),
        (SINCE, "2026-02-28 00:00:00", date(2026, 2, 28)),
        (SINCE, datetime(2026, 2, 28), date(2026, 2, 28)),  # noqa: DTZ001 - as workbooks have it
        (SINCE, date(2026, 2, 28), date(2026, 2, 28)),
        (SINCE, "", None),
        (SINCE, None, None),
        (START, "07.30", 450),
        (START, "7:30", 450),
        (START, "07:30:00", 450),
        (START, "32:00", 1920),
        (START, time(7, 30), 450),
        (START, timedelta(hours=32), 1920),
        (GRACE, "", 0),
        (GRACE, 15.0, 15),
        (GRACE, "15", 15),
        (JOIN, "", 0),
        (JOIN, "-", None),
        (DAYS, "P, -, ., P+S,*", (("P",), (), None, ("P", "S"), ("*",))),
    ],
)
def test_what_is_meant(column, cell, meant):
    assert cells.read(column, cell) == meant


@pytest.mark.parametrize(
    ("column", "cell", "words"),
    [
        (NIP, 1.98503152010011e17, "lost digits beyond the 15th; format the column as text"),
        (NIP, 198503152010011000, "lost digits beyond the 15th; format the column as text"),
        (NIP, float("nan"), "lost digits"),
        (NIP, float("inf"), "lost digits"),
        (NIP, "1,98503E+17", "lost its last digits; format the column as text"),
        (NIP, 17.5, "decimals"),
        (NIP, True, "truth value"),
        (NIP, date(2026, 1, 1), "date or a time; format the column as text"),
        (NIP, "1" * 257, "257 characters; at most 256"),
        (NIP, "1\x002", r"U\+0000"),
        (NIP, "a\u2028b", r"U\+2028"),
        (NAME, "x" * 257, "at most 256"),
        (SINCE, "31/02/2026", "31/02/2026 is no date; write one like 2026-02-28"),
        (SINCE, "28/02/2026", "write 2026-02-28 if it is that"),
        (SINCE, "2026-13-01", "no date"),
        (SINCE, "20260228x", "no date"),
        (SINCE, 46081, "format the column as a date"),
        (SINCE, datetime(2026, 2, 28, 7), "more than a day; write 2026-02-28"),  # noqa: DTZ001
        (SINCE, "0026-01-01", "no year of ours"),
        (START, "24:60", "no time of day"),
        (START, "49:00", "no time of day"),
        (START, time(7, 30, 15), "no time of day"),
        (START, 0.3125, "no time of day"),
        (START, datetime(1900, 1, 1, 8), "format the column as text"),  # noqa: DTZ001
        (GRACE, "a few", "no whole number"),
        (GRACE, 1.5, "no whole number"),
        (GRACE, "9" * 40, "beyond all"),
        (HOURS, "1-5", "no time of day"),
        (HOURS, "1-5 07:30-16:00 break", "no number of minutes"),
        (HOURS, "1-5 07:30-16:00 break 30 break 60", "none of"),
        (CYCLE, "P, .", "this is the pattern"),
        (DAYS, "P,,S", "'' is no day"),
    ],
)
def test_what_is_refused_and_what_to_do(column, cell, words):
    with pytest.raises(Unfit, match=words):
        cells.read(column, cell)


@given(st.text(alphabet=st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=64))
def test_no_text_that_is_written_is_run_by_a_spreadsheet_and_all_of_them_come_back(text):
    written = cells.write(NAME, text)
    assert written[0] not in "=+-@＝＋－＠"
    assert cells.read(NAME, written) == text


# Whatever stands there.

CELLS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.from_regex(r"\A[-+=@']?[0-9./:;+*, -]{0,12}\Z")
    | st.dates()
    | st.datetimes()
    | st.times()
    | st.timedeltas()
)
COLUMNS = [column for sheet in SHEETS.values() for column in sheet.columns]


@given(st.sampled_from(COLUMNS), CELLS)
@settings(max_examples=1500, deadline=None)
def test_a_cell_has_a_value_that_comes_back_or_is_refused_in_words(column, cell):
    try:
        value = cells.read(column, cell)
    except Unfit:
        return
    if value is not NODEFAULT:
        assert cells.plain(column, cells.read(column, cells.write(column, value))) == cells.plain(
            column, value
        )


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_file_is_a_table_or_refused_in_words(content):
    try:
        table = csvfiles.read(Source("people.csv", content))
    except Unreadable:
        return
    found, faults = read([table])
    assert found["people"].rows or faults or len(table.rows) == 1


@given(st.lists(st.lists(CELLS, max_size=4), max_size=5), st.sampled_from(sorted(SHEETS)))
@settings(max_examples=300, deadline=None)
def test_any_table_is_read_or_its_faults_are_said(rows, name):
    header = [column.name for column in SHEETS[name].columns]
    numbered = [(n, row) for n, row in enumerate([header, *rows], 1)]
    found, faults = read([Table(name, numbered)])
    assert len(found[name].rows) + len({one.row for one in faults}) == len(rows)


def test_what_cannot_be_seen_makes_no_second_person():
    for sign in "\u200b\ufeff\u200e\u00ad":
        with pytest.raises(Unfit, match="cannot be seen"):
            cells.read(NIP, f"1985{sign}0315")
    with pytest.raises(Unfit, match="last digits"):
        cells.read(NIP, "1.98503e+17")


@pytest.mark.parametrize("sign", "=+-@＝＋－＠")
def test_nothing_that_a_spreadsheet_runs_is_written(sign):
    text = f"{sign}HYPERLINK(1)"
    assert cells.write(NAME, text) == f"'{text}"
    assert cells.read(NAME, f"'{text}") == text
