"""Workbooks as people make them: numbers, dates, times, formulas, and files that are bombs."""

import io
import random
import zipfile
from contextlib import suppress
from datetime import date, datetime, time
from pathlib import Path

import openpyxl
import pytest

from sync.central.roster import xlsx
from sync.central.roster.reading import read
from sync.central.roster.table import Source, Unreadable


def workbook(**sheets) -> Source:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return Source("roster.xlsx", out.getvalue())


def test_dates_times_and_small_numbers_are_what_they_look_like():
    found, faults = read(xlsx.read(workbook(
        Members=[["Person", "unit", "since", "until"],
                 [17, "A", date(2026, 2, 28), datetime(2026, 3, 1)]],  # noqa: DTZ001
        shifts=[["code", "start", "end"], [None, None, None], ["P", time(7, 30), "14.00"]],
    )))  # fmt: skip
    assert faults == []
    [member] = found["members"].rows
    assert found["members"].row(member, None).until == date(2026, 3, 1)
    assert member == ("17", "A", date(2026, 2, 28))
    [shift] = found["shifts"].rows.values()
    assert (shift.number, shift.values["start"], shift.values["end"]) == (3, 450, 840)


def test_a_nip_that_became_a_number_is_refused_in_its_cell():
    rows = [["person", "name"], ["198503152010011007", "Budi"], [198503152010011007, "Siti"]]
    _, faults = read(xlsx.read(workbook(people=rows)))
    [fault] = faults
    assert (fault.sheet, fault.row, fault.column) == ("people", 3, "person")
    assert "format the column as text" in fault.words


@pytest.mark.parametrize("cell", ["=A1", "#REF!"])
def test_what_is_computed_is_not_guessed(cell):
    with pytest.raises(Unreadable, match="people B2"):
        xlsx.read(workbook(people=[["person", "name"], ["1", cell]]))


def test_what_is_written_is_text_and_no_formula():
    written = xlsx.write({"people": [["person", "name"], ["198503152010011007", "'=1+1"]]})
    [sheet] = openpyxl.load_workbook(io.BytesIO(written)).worksheets
    cells = [sheet["A2"], sheet["B2"]]
    assert [(one.value, one.data_type, one.number_format) for one in cells] == [
        ("198503152010011007", "s", "@"), ("'=1+1", "s", "@"),
    ]  # fmt: skip


def test_a_bomb_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(xlsx, "MOST_UNPACKED_BYTES", 1000)
    with pytest.raises(Unreadable, match="no roster is that large"):
        xlsx.read(workbook(people=[["person", "name"]]))


def test_entities_are_not_expanded(tmp_path: Path):
    good = zipfile.ZipFile(io.BytesIO(workbook(people=[["person", "name"]]).content))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as bad:
        for one in good.namelist():
            body = good.read(one)
            if one == "xl/workbook.xml":
                body = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + body.replace(b"people", b"&a;")
            bad.writestr(one, body)
    with pytest.raises(Unreadable, match="not a workbook"):
        xlsx.read(Source("roster.xlsx", out.getvalue()))


@pytest.mark.parametrize("cut", [0.3, 0.7, 0.99])
def test_half_a_workbook_is_none(cut):
    content = workbook(people=[["person", "name"], ["1", "Budi"]]).content
    with pytest.raises(Unreadable, match="not a workbook"):
        xlsx.read(Source("roster.xlsx", content[: int(len(content) * cut)]))


def test_a_workbook_with_any_byte_wrong_is_read_or_refused():
    content = workbook(people=[["person", "name"], *([str(n), f"Nama {n}"] for n in range(50))])
    rnd = random.Random(1)
    for _ in range(400):
        spoilt = bytearray(content.content)
        for _ in range(rnd.randint(1, 4)):
            spoilt[rnd.randrange(len(spoilt))] = rnd.randrange(256)
        with suppress(Unreadable):
            xlsx.read(Source("roster.xlsx", bytes(spoilt)))
