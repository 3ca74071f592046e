"""Months: of a person, of a unit and of the city, as pages and as files; and to find people."""

import csv
import io
import re
from datetime import date
from urllib.parse import quote

import openpyxl
import pytest
from site_parts import Site
from small_town import DAY, Town, put

from sync.central.roles import Role
from sync.central.store import tables
from sync.central.web.links import person_link, unit_recap_link
from sync.protocol.entry import Mark
from sync.protocol.roster import Member, Person, Unit
from sync.worktime.rules import Absence, Assignment, Holiday, Reason


@pytest.fixture
def town(central, make_kiosk):
    made = Town(central, make_kiosk)
    made.evening()
    return made


@pytest.fixture
def site(town, central):
    made = Site(central)
    made.add_account("kes", Role.UNIT, "dinkes")
    made.add_account("baca", Role.READER)
    return made


def day(page: str, iso: str) -> str:
    """Return a day's row of a person's month, without tags."""
    [row] = re.findall(f'<tr id="d{iso}".*?</tr>', page, re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", row).split())


# A person's month.


def test_a_persons_month_says_each_day_and_each_punch(site):
    site.log_in()
    page = site.browser.get("/people/2?month=2026-11").text
    late = day(page, "2026-11-24")
    for words in ("24 Selasa", "kantor 07.30–16.00", "07.41 terlambat 11 menit · TL1",
                  "15.29 pulang sebelum waktunya 30 menit · PSW1", "2 presensi",
                  "07.41.30 WIB masuk · pintu (k-dinkes) · sidik jari", " detik bukti",
                  "bukti k-dinkes e-dinkes 3"):  # fmt: skip
        assert words in late, (words, late)
    assert day(page, "2026-11-20") == "20 Jumat hari libur: Hari Contoh"
    assert day(page, "2026-11-22") == "22 Minggu tidak ada jadwal"
    assert "belum mulai" in day(page, "2026-11-26")
    assert "Dinas Kesehatan" in page
    assert "November 2026" in page
    assert "/people/2?month=2026-10" in page
    assert "/absences/new?person=2" in page


def test_an_absence_stands_with_its_reason(site):
    site.log_in()
    assert "sakit sakit · SK-7" in day(site.browser.get("/people/3").text, "2026-11-24")


def test_of_whom_a_unit_had_for_some_days_it_sees_those(site, central):
    put(central, [
        ("people", [Person(id="7", name="Gede")]),
        ("members", [
            Member(person="7", unit="dlh", until=date(2026, 11, 9)),
            Member(person="7", unit="dinkes", since=date(2026, 11, 10)),
        ]),
        ("absences", [Absence(person="7", reason=Reason.SICK, reference="SK-rahasia",
                              since=date(2026, 11, 9), until=date(2026, 11, 9))]),
    ])  # fmt: skip
    site.log_in(name="kes")
    page = site.browser.get("/people/7?month=2026-11").text
    assert re.findall(r'id="d2026-11-(\d\d)"', page)[0] == "10"
    assert "SK-rahasia" not in page
    assert "Dinas Lingkungan" not in page
    assert site.browser.get("/people/7?month=2026-10").status_code == 404
    site.log_in()
    assert "SK-rahasia" in site.browser.get("/people/7?month=2026-11").text


def test_whom_one_may_not_see_is_as_if_not_there(site):
    site.log_in(name="kes")
    for path in ("/people/9", "/people/nobody", "/units/dlh/recap", "/units/dlh/recap.csv",
                 "/units/dlh/duties.xlsx", "/units/x/recap"):  # fmt: skip
        assert site.browser.get(path).status_code == 404, path


@pytest.mark.parametrize("month", ["x", "2026-13", "2026-1", "0000-01", "9999-12", "2026-11-01"])
def test_a_month_is_asked_for_strictly(site, month):
    site.log_in()
    for path in (
        "/people/2",
        "/recap",
        "/units/dinkes/recap",
        "/units/dinkes/recap.csv",
        "/events/recap",
    ):
        answer = site.browser.get(path, params={"month": month})
        assert (answer.status_code, "bukan bulan" in answer.text) == (400, True), path


# To find people.


def found(page: str) -> list[str]:
    return re.findall(r'<a href="/people/[^"]*"><b>([^<]*)</b>', page)


def test_people_are_found_by_name_and_number_within_ones_scope(site):
    site.log_in()
    assert found(site.browser.get("/people").text) == []
    assert found(site.browser.get("/people?q=aY").text) == ["Ayu", "Wayan"]
    assert found(site.browser.get("/people?q=9").text) == ["Wayan"]
    assert "Tidak ada pegawai" in site.browser.get("/people?q=zzz").text
    site.log_in(name="kes")
    assert found(site.browser.get("/people").text) == ["Ayu", "Budi", "Citra", "Dewi", "Eka"]
    assert found(site.browser.get("/people?q=ay").text) == ["Ayu"]


def test_no_more_are_listed_than_a_person_reads(site, central):
    put(central, [("people", [Person(id=f"x{n}", name=f"Made {n:03}") for n in range(60)])])
    site.log_in()
    page = site.browser.get("/people?q=made").text
    assert len(found(page)) == 50
    assert "Hanya 50 yang pertama" in page


# A unit's month, and the city's.


def test_a_units_month_has_a_line_per_person_and_their_sum(site):
    site.log_in(name="kes")
    page = site.browser.get("/units/dinkes/recap?month=2026-11").text
    names = re.findall(r'<th scope="row">(?:<a [^>]*>)?([^<]+)', page)
    assert names == ["Ayu", "Budi", "Citra", "Dewi", "Eka", "Jumlah"]
    [budi] = re.findall(r">Budi</a>.*?</tr>", page, re.DOTALL)
    cells = dict(re.findall(r'data-of="([^"]+)"[^>]*>(.*?)</td>', budi))
    assert cells["Terlambat"] == "1<i> · 11 mnt</i>"
    assert cells["PSW"] == "1<i> · 30 mnt</i>"
    assert (cells["TL1"], cells["PSW1"]) == ("1", "1")


def test_the_files_say_the_same_and_no_spreadsheet_runs_them(site, central):
    put(central, [("people", [Person(id="2", name='=HYPERLINK("http://x")')])])
    site.log_in()
    answer = site.browser.get("/units/dinkes/recap.csv?month=2026-11")
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    budi = next(row for row in rows if row["NIP"] == "2")
    assert budi["nama"].startswith("'=")
    assert (budi["menit terlambat"], budi["TL1"], budi["PSW1"]) == ("11", "1", "1")
    assert rows[-1]["nama"] == "jumlah"
    assert rows[-1]["sakit"] == "1"
    assert rows[-1]["tanpa keterangan"] == str(
        sum(int(row["tanpa keterangan"]) for row in rows[:-1])
    )
    book = openpyxl.load_workbook(
        io.BytesIO(site.browser.get("/units/dinkes/duties.xlsx?month=2026-11").content)
    )
    listed = list(book.worksheets[0].values)
    assert listed[0][:4] == ("day", "unit", "person", "name")
    [late] = [row for row in listed if row[0] == "2026-11-24" and row[2] == "2"]
    assert late[9:11] == ("11", "TL1")


def test_the_citys_month_comes_unit_by_unit(site):
    site.log_in(name="baca")

    def enough(said):
        return "sedang dihitung" not in said.rpartition("event: part")[2] and "Semua unit" in said

    part = site.stream("/events/recap?month=2026-11", enough).rpartition("event: part")[2]
    assert re.findall(r'<th scope="row"><a [^>]*>([^<]+)', part) == [
        "Dinas Kesehatan", "Dinas Lingkungan",
    ]  # fmt: skip
    page = site.browser.get("/recap?month=2026-11").text
    assert "sedang dihitung" not in page


def test_a_closed_month_leads_to_what_was_frozen(site, central):
    with central.store.writing() as tx:
        tx.people._connection.execute(
            tables.closing.insert().values(
                unit="dinkes", month="2026-11", number=0, message=b"", actor="x", made_at=1
            )
        )
    site.log_in()
    assert (
        '"/closings/dinkes/2026-11"' in site.browser.get("/units/dinkes/recap?month=2026-11").text
    )
    assert '"/closings/dinkes/2026-11"' in site.browser.get("/recap?month=2026-11").text
    assert "/closings/dinkes/" not in site.browser.get("/units/dinkes/recap?month=2026-10").text


def test_strangers_at_the_units_kiosks_are_counted(site, town):
    town.punch("dinkes", "77", "08:00:00", person=None, mark=Mark.STRANGER)
    town.punch("dinkes", "77", "08:10:00", person=None, mark=Mark.STRANGER)
    town.send("dinkes")
    site.log_in()
    page = site.browser.get("/units/dinkes/recap?month=2026-11").text
    assert "2 presensi tidak dikenal" in page
    assert "tidak dikenal" not in site.browser.get("/units/dinkes/recap?month=2026-10").text


def test_what_was_decided_is_seen_at_once(site, central):

    site.log_in()
    assert "cuti tahunan" not in site.browser.get("/units/dinkes/recap?month=2026-11").text.lower()
    put(
        central,
        [("absences", [Absence(person="4", reason=Reason.ANNUAL_LEAVE, since=DAY, until=DAY)])],
    )
    assert "cuti tahunan" in site.browser.get("/units/dinkes/recap?month=2026-11").text.lower()


def test_rules_that_cannot_be_are_said(site, central):
    put(central, [("assignments", [Assignment(plan="x", person="1", group="2")])])
    site.log_in()
    for path in ("/units/dinkes", "/people/2", "/units/dinkes/recap", "/units/dinkes/recap.csv"):
        assert "Aturan jam kerja tidak dapat dipakai" in site.browser.get(path).text, path


HOSTILE = "<script>alert(1)</script>/.. X: y?&#'\""


def test_hostile_ids_and_names_stay_text_in_pages_and_file_names(site, central):
    put(central, [
        ("units", [Unit(id=HOSTILE, name=HOSTILE)]),
        ("people", [Person(id=HOSTILE, name=HOSTILE)]),
        ("members", [Member(person=HOSTILE, unit=HOSTILE)]),
        ("holidays", [Holiday(calendar=HOSTILE, name=HOSTILE, since=DAY, until=DAY)]),
        ("assignments", [Assignment(plan="kantor", calendar=HOSTILE, unit=HOSTILE)]),
        ("absences", [Absence(person=HOSTILE, reason=Reason.SICK, reference=HOSTILE, since=DAY)]),
    ])  # fmt: skip
    site.log_in()
    person = person_link(HOSTILE, "2026-11")
    unit = unit_recap_link(HOSTILE, "2026-11")
    for path in (person, unit, "/recap?month=2026-11", "/people?q=" + quote(HOSTILE)):
        answer = site.browser.get(path)
        assert answer.status_code == 200, path
        assert "<script>alert" not in answer.text
    assert "hari libur: &lt;script&gt;" in site.browser.get(person).text
    answer = site.browser.get(unit_recap_link(HOSTILE, "2026-11", "recap.csv"))
    assert answer.status_code == 200
    named = answer.headers["content-disposition"].removeprefix("attachment; filename*=UTF-8''")
    assert re.fullmatch(r"[\w.%~-]+", named)
