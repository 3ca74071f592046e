"""Today: the city and a unit's day, as pages and as streams, by a real judge over real entries."""

import re

import pytest
from site_parts import Site
from small_town import Town, at, put

from sync.central.roles import Role
from sync.protocol.roster import Member, Person, Unit
from sync.worktime.rules import Assignment


@pytest.fixture
def town(central, make_kiosk):
    return Town(central, make_kiosk)


@pytest.fixture
def site(town, central):
    made = Site(central)
    made.add_account("kes", Role.UNIT, "dinkes")
    made.add_account("dua", Role.UNIT, "dinkes", "dlh")
    made.add_account("baca", Role.READER)
    return made


def groups(page: str) -> dict[str, list[str]]:
    """Return who stands in which group of a unit's day."""
    found = {}
    for name, body in re.findall(r'<tbody class="(\w+)">(.*?)</tbody>', page, re.DOTALL):
        found[name] = re.findall(r'<th scope="row"><a [^>]*>([^<]*)</a>', body)
    return found


def test_in_the_morning_who_came_and_who_is_expected(site, town):
    town.morning()
    site.log_in(name="kes")
    page = site.browser.get("/units/dinkes").text
    assert groups(page) == {
        "late": ["Budi"],
        "expected": ["Dewi"],
        "excused": ["Citra"],
        "here": ["Ayu"],
    }
    for words in ("Selasa, 24 November 2026", "hari ini", "07.21", "07.41",
                  "terlambat 11 menit · TL1", "sakit · SK-7",
                  "Tanpa jadwal (1):", "terbaca sampai 07.44 (1 menit lalu)", "50,0 %",
                  "/absences/new?person=4&amp;day=2026-11-24"):  # fmt: skip
        assert words in page, words
    assert "tanpa keterangan" not in page


def test_before_the_day_begins_nobody_is_looked_for(site, town, central):
    town.read("dinkes", at("05:00:00"))
    site.log_in(name="kes")
    page = site.browser.get("/units/dinkes").text
    assert groups(page) == {"excused": ["Citra"], "coming": ["Ayu", "Budi", "Dewi"]}
    assert "0 dari 1 yang sudah dinas" in page
    site.log_in(name="dua")

    def enough(said):
        return "sedang" not in last(said) and "Semua unit" in said

    part = last(site.stream("/events/city", enough))
    assert re.findall(r'data-of="Belum mulai">(\d+)<', part) == ["3", "1", "4"]
    assert re.findall(r'data-of="Belum ada presensi">(.)<', part) == ["–", "–", "0"]


def test_in_the_evening_who_was_missing_comes_first(site, town):
    town.evening()
    site.log_in()
    page = site.browser.get("/units/dinkes").text
    assert list(groups(page).items()) == [
        ("missing", ["Dewi"]),
        ("late", ["Budi"]),
        ("excused", ["Citra"]),
        ("here", ["Ayu"]),
    ]
    assert "pulang sebelum waktunya 30 menit · PSW1" in page


def test_a_day_may_be_sorted_by_name_as_well(site, town):
    town.evening()
    site.log_in()
    page = site.browser.get("/units/dinkes?sort=name").text
    rows = re.findall(r'<tr class="(\w+)">\s*<th scope="row"><a [^>]*>(\w+)', page)
    assert rows == [("here", "Ayu"), ("late", "Budi"), ("excused", "Citra"), ("missing", "Dewi")]
    assert 'data-events="/units/dinkes/events?sort=name"' in page
    assert "/units/dinkes?day=2026-11-23&amp;sort=name" in page
    came = site.stream("/units/dinkes/events?sort=name", lambda said: "event: part" in said)
    assert 'class="group"' not in came


def test_what_was_not_read_is_not_said_to_be_missing(site, town, central):
    town.morning()
    central.now = at("23:40:00")
    site.log_in()
    page = site.browser.get("/units/dinkes").text
    assert groups(page)["open"] == ["Dewi"]
    assert "belum lengkap" in page
    assert "terbaca sampai 07.44 (15 jam lalu)" in page
    assert 'class="behind"' in page
    assert "menunggu pembacaan pintu (k-dinkes)" in page


def test_of_a_day_that_is_read_to_its_end_nothing_is_awaited(site, town, central):
    town.evening()
    central.now += 3 * 86_400_000
    site.log_in()
    page = site.browser.get("/units/dinkes?day=2026-11-24").text
    assert "terbaca sampai 23.30 (24 Nov) (3 hari lalu)" in page
    assert 'class="behind"' not in page
    assert 'class="behind"' in site.browser.get("/units/dinkes?day=2026-11-26").text


def test_another_day_is_asked_for_strictly(site, town):
    town.morning()
    site.log_in()
    page = site.browser.get("/units/dinkes?day=2026-11-23").text
    assert "Senin, 23 November 2026" in page
    assert "/units/dinkes?day=2026-11-22" in page
    free = site.browser.get("/units/dinkes?day=2026-11-20").text
    assert "Tidak ada yang dinas pada hari ini" in free
    for odd in (
        "x",
        "2026-13-01",
        "2026-11-31",
        "20261124",
        "0001-01-01",
        "9999-12-31",
        "٢٠٢٦-١١-٢٤",
    ):
        answer = site.browser.get("/units/dinkes", params={"day": odd})
        assert (answer.status_code, "bukan tanggal" in answer.text) == (400, True), odd
        assert site.browser.get("/units/dinkes/events", params={"day": odd}).status_code == 400


def test_a_unit_admin_sees_no_other_unit(site, town):
    town.morning()
    site.log_in(name="kes")
    for path in ("/units/dlh", "/units/dlh/events", "/units/nowhere", "/units/a/b/c"):
        assert site.browser.get(path).status_code == 404, path
    answer = site.browser.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/units/dinkes")


def test_the_city_has_a_line_per_unit_and_their_sum(site, town):
    town.morning()
    site.log_in(name="dua")
    rung = site.stream(
        "/events/city", lambda said: "Semua unit" in said and "sedang" not in last(said)
    )
    part = last(rung)
    lines = re.findall(r'<th scope="row">(?:<a [^>]*>)?([^<]+)', part)
    assert lines == ["Dinas Kesehatan", "Dinas Lingkungan", "Semua unit"]
    cells = re.findall(r'data-of="([^"]+)"[^>]*>(?:<span>)?([^<]*)', part)
    assert cells[:7] == [
        ("Hadir", "2"), ("%", "50,0 %"), ("Terlambat", "1"), ("Tanpa keterangan", "–"),
        ("Belum ada presensi", "1"), ("Belum dapat dinilai", "–"), ("Berhalangan", "1 sakit"),
    ]  # fmt: skip
    page = site.browser.get("/").text
    assert "sedang dihitung" not in page
    assert "40,0 %" in page  # two of five on duty


def last(stream: str) -> str:
    """Return the latest part that a stream brought."""
    return stream.rpartition("event: part")[2]


def test_a_reader_proposes_nothing(site, town):
    town.morning()
    site.log_in(name="baca")
    assert "/absences/new" not in site.browser.get("/units/dinkes").text


def test_a_punch_comes_to_the_page_by_itself(site, town):
    town.morning()
    site.log_in()
    sent = []

    def enough(said):
        if "event: part" in said and not sent:
            sent.append(True)
            town.punch("dinkes", "4", "07:44:50")
            town.send("dinkes")
        # How late she is is not said yet: what was read ends before.
        if "Dewi" in groups(last(said)).get("here", []) and len(sent) == 1:
            sent.append(True)
            town.read("dinkes", at("07:46:00"))
        return "Dewi" in groups(last(said)).get("late", [])

    came = site.stream("/units/dinkes/events", enough)
    assert groups(last(came))["late"] == ["Dewi", "Budi"]
    assert site.looks()[-1] == "admin /units/dinkes/events"


def test_time_alone_makes_something_of_who_is_expected(site, town, central):
    town.evening()
    central.now = at("07:45:00")
    site.log_in()
    assert groups(site.browser.get("/units/dinkes").text)["expected"] == ["Dewi"]
    central.now = at("23:45:00")
    site.log_in()
    assert groups(site.browser.get("/units/dinkes").text)["expected"] == ["Dewi"]  # it hangs there
    site.seconds += 31
    assert groups(site.browser.get("/units/dinkes").text)["missing"] == ["Dewi"]


def test_a_stream_ends_with_the_log_in(site, town, central):
    town.morning()
    site.log_in()
    over = []

    def enough(said):
        if "event: part" in said and not over:
            over.append(True)
            central.now += 31 * 60_000
            central.bell.ring()
        return False

    assert "event: over" in site.stream("/units/dinkes/events", enough)
    assert site.browser.get("/units/dinkes/events").status_code == 401


def test_hostile_ids_and_names_stay_text(site, town, central):
    hostile = "<script>alert(1)</script>/../?&#'\""
    put(central, [
        ("units", [Unit(id=hostile, name=hostile)]),
        ("people", [Person(id=hostile, name=hostile)]),
        ("members", [Member(person=hostile, unit=hostile)]),
        ("assignments", [Assignment(plan="kantor", unit=hostile)]),
    ])  # fmt: skip
    site.log_in()
    site.browser.get("/")
    [href] = [
        one for one in re.findall(r'href="(/units/[^"]*)"', site.browser.get("/").text)
        if "script" in one
    ]  # fmt: skip
    answer = site.browser.get(href)
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert" in answer.text
    [events] = re.findall(r'data-events="([^"]*)"', answer.text)
    came = site.stream(events, lambda said: "event: part" in said)
    assert "<script>alert" not in came
