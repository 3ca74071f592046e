"""What pages decide: absences, paper, names; at once or by a second account, always recorded."""

import json
import re
from datetime import timedelta

import msgspec
import pytest
from site_parts import ORIGIN, PASSWORD, Site
from small_town import DAY, Town, at

from sync.central.carried import Held, hold_against
from sync.central.errors import JournalTrouble
from sync.central.judging import judged
from sync.central.proposals import Rule, propose
from sync.central.roles import Role, Visitor
from sync.central.rulings import Paper
from sync.central.settings import Approval
from sync.central.store.city import Place
from sync.central.store.proposals import Kind, Stage
from sync.central.web.deciding import journal
from sync.central.wishes import AbsenceBody, body_of
from sync.worktime.rules import Absence, Reason

LATER = "2026-11-25"


@pytest.fixture
def town(central, make_kiosk):
    made = Town(central, make_kiosk)
    made.evening()
    central.now = at("08:00:00", DAY + timedelta(days=1))
    return made


@pytest.fixture
def site(central, town):
    made = Site(central)
    made.add_account("petugas", Role.OFFICER)
    made.add_account("unit", Role.UNIT, "dinkes")
    made.add_account("lain", Role.UNIT, "dlh")
    made.add_account("pembaca", Role.READER)
    return made


def as_(site, name: str):
    site.browser.cookies.clear()
    assert site.log_in(name=name).status_code == 303
    return site


def post(site, path: str, **form):
    return site.browser.post(path, data=form, headers=ORIGIN)


def word(site, person: str, day=DAY) -> str:
    with site.central.store.reading() as tx:
        city = site.site.cities.current(tx)
        for record in judged(tx, city, day, day, site.central.now):
            if record.person == person:
                return record.duties[0].word
    return ""


def city(site):
    with site.central.store.reading() as tx:
        return site.site.cities.current(tx)


def proposals(site):
    with site.central.store.reading() as tx:
        return tx.proposals.listed(list(Stage))


def decisions(site):
    return [one.said for one in site.central.decisions.read() if one.said]


ABSENCE = {
    "person": "4",
    "word": "dinas luar",
    "since": str(DAY),
    "until": str(DAY),
    "reference": "ST 9",
    "reason": "surat tugas menyusul",
}
PAPER = {
    "person": "4",
    "day": str(DAY),
    "arrival": "07:25",
    "departure": "16:05",
    "reference": "Daftar 4",
    "reason": "alat mati pagi itu",
}


# Absences.


def test_an_absence_takes_effect_at_once_and_stands_in_the_journal(site):
    as_(site, "unit")
    assert word(site, "4") == "tanpa keterangan"
    looked = post(site, "/absences/new", step="look", **ABSENCE)
    assert looked.status_code == 200
    assert "tanpa keterangan" in looked.text
    assert "<b>dinas luar" in looked.text
    assert word(site, "4") == "tanpa keterangan"  # looking changes nothing
    assert proposals(site) == []
    done = post(site, "/absences/new", step="do", **ABSENCE)
    assert done.status_code == 303, done.text
    assert word(site, "4") == "dinas luar"
    [one] = proposals(site)
    assert (one.state, one.author, one.decided_by) == (Stage.APPROVED, "unit", "unit")
    proposed, effect = decisions(site)
    assert (proposed.action, effect.action) == ("propose absence", "change absence")
    assert effect.actor == "account unit"
    assert effect.reason == ABSENCE["reason"]
    after = json.loads(effect.detail["after"])
    assert after == {
        "person": "4",
        "reason": "dinas luar",
        "reference": "ST 9",
        "since": str(DAY),
        "until": str(DAY),
    }
    page = site.browser.get(done.headers["location"])
    assert "Dewi" in page.text


def test_an_absence_is_changed_and_taken_back_by_further_decisions(site):
    as_(site, "unit")
    post(site, "/absences/new", step="do", **ABSENCE)
    key = f"{DAY}|dinas luar"
    page = site.browser.get("/absences/new", params={"person": "4", "row": key})
    assert 'value="ST 9"' in page.text
    changed = {**ABSENCE, "word": "sakit", "key": key}
    assert post(site, "/absences/new", step="do", **changed).status_code == 303
    assert word(site, "4") == "sakit"
    again = post(site, "/absences/new", step="do", **changed)
    assert again.status_code == 404  # the row is not there any more
    gone = {**ABSENCE, "word": "sakit", "key": f"{DAY}|sakit", "gone": "yes"}
    assert post(site, "/absences/new", step="do", **gone).status_code == 303
    assert word(site, "4") == "tanpa keterangan"
    effects = [one for one in decisions(site) if one.action == "change absence"]
    assert [sorted(one.detail.keys() & {"before", "after"}) for one in effects] == [
        ["after"],
        ["after", "before"],
        ["before"],
    ]


@pytest.mark.parametrize(
    ("over", "status"),
    [
        ({"reason": "ya"}, 400),
        ({"reason": ""}, 400),
        ({"until": "2026-11-23"}, 400),
        ({"since": "24/11/2026"}, 400),
        ({"since": "", "until": ""}, 400),
        ({"word": "malas"}, 400),
        ({"person": "9"}, 404),  # of another unit
        ({"person": "77"}, 404),
        ({"key": "x|y"}, 404),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(site, over, status):
    as_(site, "unit")
    answer = post(site, "/absences/new", step="do", **{**ABSENCE, **over})
    assert answer.status_code == status, answer.text
    assert proposals(site) == []
    assert decisions(site) == []


def test_overlapping_absences_are_said_before(site):
    as_(site, "unit")
    over = {**ABSENCE, "person": "3"}
    page = post(site, "/absences/new", step="look", **over)
    assert "Bertumpang tindih" in page.text
    assert "SK-7" in page.text


def test_a_reader_decides_nothing_and_a_unit_sees_its_own(site):
    as_(site, "pembaca")
    assert post(site, "/absences/new", step="do", **ABSENCE).status_code == 403
    assert site.browser.get("/absences/new").status_code == 403
    as_(site, "lain")
    asked = {"person": "4", "day": str(DAY)}
    assert site.browser.get("/absences/new", params=asked).status_code == 404
    assert site.browser.get("/papers/new", params=asked).status_code == 404
    assert post(site, "/absences/new", step="do", **ABSENCE).status_code == 404
    as_(site, "unit")
    post(site, "/absences/new", step="do", **ABSENCE)
    [one] = proposals(site)
    as_(site, "lain")
    assert site.browser.get(f"/proposals/{one.id}").status_code == 404
    assert "Dewi" not in site.browser.get("/proposals").text


# Paper, and the second account.


def test_paper_waits_for_another_account(site):
    as_(site, "unit")
    looked = post(site, "/papers/new", step="look", **PAPER)
    assert "07.25 (kertas)" in looked.text
    assert "Usulkan" in looked.text
    assert post(site, "/papers/new", step="do", **PAPER).status_code == 303
    assert word(site, "4") == "tanpa keterangan"
    [one] = proposals(site)
    path = f"/proposals/{one.id}"
    assert one.state is Stage.WAITING
    assert "Tarik kembali" in site.browser.get(path).text
    assert post(site, path, answer="approve").status_code == 400
    assert word(site, "4") == "tanpa keterangan"
    as_(site, "petugas")
    assert "perlu persetujuan Anda" in site.browser.get("/proposals").text
    page = site.browser.get(path)
    assert "07.25 (kertas)" in page.text
    assert "Tarik kembali" not in page.text
    assert post(site, path, answer="approve").status_code == 303
    assert word(site, "4") == "hadir"
    month = site.browser.get("/people/4?month=2026-11")
    assert month.status_code == 200
    assert "Daftar 4" in month.text
    assert "07.25 · kertas" in month.text
    said = [(one.action, one.actor) for one in decisions(site)]
    assert said == [
        ("propose paper", "account unit"),
        ("approve proposal", "account petugas"),
        ("take in papers", "account petugas"),
    ]
    assert post(site, path, answer="approve").status_code == 400  # it is decided
    assert len(decisions(site)) == 3


def test_nobody_approves_their_own(site):
    as_(site, "petugas")
    post(site, "/papers/new", step="do", **PAPER)
    [one] = proposals(site)
    answer = post(site, f"/proposals/{one.id}", answer="approve")
    assert answer.status_code == 400
    assert "akun lain" in answer.text
    assert word(site, "4") == "tanpa keterangan"
    as_(site, "admin")
    assert post(site, f"/proposals/{one.id}", answer="approve").status_code == 303
    assert word(site, "4") == "hadir"


def test_refusing_needs_a_reason_and_withdrawing_its_author(site):
    as_(site, "unit")
    post(site, "/papers/new", step="do", **PAPER)
    post(site, "/papers/new", step="do", **{**PAPER, "person": "2"})
    other, one = proposals(site)
    as_(site, "petugas")
    assert post(site, f"/proposals/{one.id}", answer="refuse").status_code == 400
    assert post(site, f"/proposals/{one.id}", answer="withdraw").status_code == 400
    refused = post(site, f"/proposals/{one.id}", answer="refuse", reason="daftar tak terbaca")
    assert refused.status_code == 303
    as_(site, "unit")
    assert "daftar tak terbaca" in site.browser.get(f"/proposals/{one.id}").text
    assert post(site, f"/proposals/{other.id}", answer="withdraw").status_code == 303
    assert {one.state for one in proposals(site)} == {Stage.REFUSED, Stage.WITHDRAWN}
    assert word(site, "4") == "tanpa keterangan"
    assert [one.action for one in decisions(site)][-2:] == ["refuse proposal", "withdraw proposal"]


def test_what_changed_in_between_is_seen_when_it_is_approved(site):
    as_(site, "unit")
    post(site, "/papers/new", step="do", **PAPER)
    post(site, "/papers/new", step="do", **{**PAPER, "arrival": "07:20"})
    second, first = proposals(site)
    as_(site, "petugas")
    assert post(site, f"/proposals/{second.id}", answer="approve").status_code == 303
    answer = post(site, f"/proposals/{first.id}", answer="approve")
    assert answer.status_code == 400
    assert "sudah berubah" in answer.text
    assert site.browser.get(f"/proposals/{first.id}").status_code == 200
    [kept] = city(site).rulings.papers["4"]
    assert kept.arrival == 440


@pytest.mark.parametrize(
    "over",
    [
        {"arrival": "", "departure": ""},
        {"arrival": "7.5"},
        {"arrival": "16:10"},
        {"day": LATER[:-2] + "30"},
        {"reason": "x"},
    ],
)
def test_paper_that_cannot_be_is_refused(site, over):
    as_(site, "unit")
    assert post(site, "/papers/new", step="do", **{**PAPER, **over}).status_code == 400
    assert proposals(site) == []


def test_a_line_of_paper_is_changed_and_taken_back(site):
    as_(site, "unit")
    post(site, "/papers/new", step="do", **PAPER)
    as_(site, "petugas")
    post(site, f"/proposals/{proposals(site)[0].id}", answer="approve")
    as_(site, "unit")
    page = site.browser.get("/papers/new", params={"person": "4", "day": str(DAY)})
    assert "number=1" in page.text
    post(site, "/papers/new", step="do", **{**PAPER, "number": "1", "gone": "yes"})
    as_(site, "petugas")
    assert post(site, f"/proposals/{proposals(site)[0].id}", answer="approve").status_code == 303
    assert word(site, "4") == "tanpa keterangan"


# A file.

CSV = (
    "person,unit,day,arrival,departure,reference\n"
    f"4,dinkes,{DAY},07:25,16:05,Daftar 4\n"
    f"2,dinkes,{DAY},07:10,,Daftar 4\n"
)


def upload(site, content: str | bytes, name: str = "kertas.csv", **form):
    return site.browser.post(
        "/papers",
        data={"step": "look", **form},
        files={"file": (name, content)},
        headers=ORIGIN,
    )


def hidden(page) -> dict[str, str]:
    return dict(re.findall(r'name="(name|content)" value="([^"]*)"', page.text))


def test_a_file_is_looked_through_and_then_one_proposal(site, central):
    as_(site, "unit")
    looked = upload(site, CSV)
    assert looked.status_code == 200, looked.text
    assert "2 baris baru" in looked.text
    assert "07.25 (kertas)" in looked.text
    assert "terlambat" in looked.text or "TL1" in looked.text
    assert proposals(site) == []
    done = post(site, "/papers", step="do", reason="alat mati pagi itu", **hidden(looked))
    assert done.status_code == 303, done.text
    [one] = proposals(site)
    body = body_of(one)
    assert len(body.rows) == 2
    with central.store.reading() as tx:
        assert tx.city.document(bytes.fromhex(body.sha256)) == CSV.encode()
    as_(site, "petugas")
    assert post(site, f"/proposals/{one.id}", answer="approve").status_code == 303
    assert word(site, "4") == "hadir"
    proposed = decisions(site)[0]
    assert proposed.detail["file sha256"] == body.sha256
    assert json.loads(proposed.detail["row 1"])["after"]["person"] in ("2", "4")
    as_(site, "unit")
    assert "tidak mengubah apa pun" in upload(site, CSV).text


def test_every_mistake_is_shown_with_its_cell(site):
    as_(site, "unit")
    content = (
        "person,unit,day,arrival,departure\n"
        f"4,dinkes,{DAY},7 pagi,16:05\n"
        "2,dinkes,24/11/2026,07:25,\n"
    )
    page = upload(site, content)
    assert page.status_code == 400
    assert "7 pagi is no time of day" in page.text
    assert "24/11/2026 may begin" in page.text
    assert hidden(page) == {}
    nobody = upload(site, f"person,unit,day,arrival\n9,dlh,{DAY},07:25\nx,dlh,{DAY},07:25\n")
    assert nobody.text.count("nobody of your units") == 2
    assert "Wayan" not in nobody.text
    assert upload(site, "", "x.csv").status_code == 400
    assert upload(site, b"\xff\xfe", "x.csv").status_code == 400
    assert upload(site, "%PDF", "x.pdf").status_code == 400
    assert upload(site, CSV, "x.xlsx").status_code == 400


def test_a_file_of_other_sheets_is_refused(site):
    as_(site, "petugas")
    page = upload(site, "person,name\n4,Lain\n", "people.csv")
    assert page.status_code == 400
    assert city(site).people["4"].name == "Dewi"


def test_a_long_file_is_named_row_by_row_in_several_entries(site):
    as_(site, "petugas")
    rows = "".join(
        f"4,dinkes,{DAY - timedelta(days=n)},07:25,16:00,Daftar {'x' * 200}\n" for n in range(40)
    )
    looked = upload(site, "person,unit,day,arrival,departure,reference\n" + rows)
    assert looked.status_code == 200, looked.text
    post(site, "/papers", step="do", reason="buku piket sebulan", **hidden(looked))
    parts = decisions(site)
    assert len(parts) > 2
    names = {name for one in parts for name in one.detail if name.startswith("row ")}
    assert names == {f"row {n}" for n in range(1, 41)}
    assert parts[0].detail["part"] == f"1 of {len(parts)}"


# Strangers.


@pytest.fixture
def strange(site, town):
    for clock in ("07:15:00", "16:01:00"):
        town.punch("dinkes", "917", clock, mark="stranger", person=None)
    town.read("dinkes", at("23:50:00"))
    site.central.now = at("08:00:00", DAY + timedelta(days=1))
    return as_(site, "unit")


GROUP = {"kiosk": "k-dinkes", "credential": "terminal_user", "user": "917", "days": "7"}


def test_strangers_are_grouped_and_named_all_at_once(strange):
    page = strange.browser.get("/strangers")
    assert "ID 917" in page.text
    assert "2 kali sejak" in page.text
    detail = strange.browser.get("/strangers", params={**GROUP, "q": "dew"})
    assert "Dewi" in detail.text
    assert detail.text.count('name="presence"') == 2
    form = {**GROUP, "person": "4", "reason": "ID baru, belum didaftarkan", "back": "list"}
    done = post(strange, "/strangers", **form)
    assert done.headers["location"] == "/strangers?days=7"
    assert word(strange, "4") == "hadir"
    assert "ID 917" not in strange.browser.get("/strangers").text
    effect = decisions(strange)[-1]
    assert effect.action == "name stranger"
    assert effect.detail["named"] == "4"
    assert json.loads(effect.detail["presence 2"])["kiosk"] == "k-dinkes"


def test_one_of_a_group_is_named_and_another_name_warns(strange):
    detail = strange.browser.get("/strangers", params=GROUP)
    first, second = re.findall(r'name="presence" value="([^"]*)"', detail.text)
    form = {**GROUP, "reason": "melihat sendiri", "person": "4", "presence": first}
    assert post(strange, "/strangers", **form).status_code == 303
    other = {**form, "person": "5", "presence": second}
    warned = post(strange, "/strangers", **other)
    assert warned.status_code == 200
    assert "pernah dinamai Dewi" in warned.text
    assert len(proposals(strange)) == 1
    assert post(strange, "/strangers", **other, sure="yes").status_code == 303
    assert len(proposals(strange)) == 2


def test_a_name_can_be_corrected_later(strange):
    form = {**GROUP, "reason": "melihat sendiri", "person": "-"}
    post(strange, "/strangers", **form)
    detail = strange.browser.get("/strangers", params=GROUP)
    assert "sudah dinamai bukan pegawai kami" in detail.text
    marked = re.findall(r'name="presence" value="([^"]*)"', detail.text)
    form = {**GROUP, "reason": "ternyata pegawai", "person": "4", "presence": marked}
    assert post(strange, "/strangers", **form).status_code == 303
    assert word(strange, "4") == "hadir"


def test_a_unit_sees_only_the_strangers_of_its_kiosks_and_names_its_people(strange):
    form = {**GROUP, "reason": "melihat sendiri", "person": "9"}
    assert post(strange, "/strangers", **form).status_code == 404
    assert "Wayan" not in strange.browser.get("/strangers", params={**GROUP, "q": "way"}).text
    as_(strange, "lain")
    assert "917" not in strange.browser.get("/strangers").text
    assert strange.browser.get("/strangers", params=GROUP).status_code == 404
    assert post(strange, "/strangers", **{**form, "person": "9"}).status_code == 404
    as_(strange, "petugas")
    assert post(strange, "/strangers", **form).status_code == 303


def test_naming_needs_a_reason_a_name_and_sane_days(strange):
    assert post(strange, "/strangers", **GROUP, person="4", reason="").status_code == 400
    assert post(strange, "/strangers", **GROUP, reason="melihat sendiri").status_code == 400
    for days in ("0", "32", "x", "-1", "1" * 30, "²"):
        assert strange.browser.get("/strangers", params={"days": days}).status_code == 400


def test_a_stranger_whose_kiosk_knew_somebody_else_is_found_too(strange, town):
    """The kiosk's roster was old: what it knew, central does not."""
    town.punch("dinkes", "55", "12:00:00", person="lama")
    town.read("dinkes", at("23:55:00"))
    assert "ID 55" in strange.browser.get("/strangers").text


def test_every_look_and_every_decision_is_logged(strange):
    strange.browser.get("/strangers", params=GROUP)
    assert any("unit /strangers?kiosk=k-dinkes" in one for one in strange.looks())


@pytest.mark.parametrize("path", ["/proposals/999", f"/proposals/{10**30}", "/proposals/x"])
def test_no_such_proposal(site, path):
    as_(site, "petugas")
    assert site.browser.get(path).status_code == 404


def test_a_password_is_not_all(site):
    assert PASSWORD
    for path in ("/proposals", "/strangers", "/papers", "/papers/new", "/absences/new"):
        site.browser.cookies.clear()
        assert site.browser.get(path).headers["location"] == "/login"


# The rule, the journal, and hostile words.


def test_the_rule_says_what_needs_a_second_account(site):
    site.site.approval = Approval(second=(Kind.ABSENCE,))
    as_(site, "unit")
    post(site, "/papers/new", step="do", **PAPER)
    assert word(site, "4") == "hadir"
    over = {**ABSENCE, "person": "2"}
    post(site, "/absences/new", step="do", **over)
    assert [one.state for one in proposals(site)] == [Stage.WAITING, Stage.APPROVED]


def test_the_journal_alone_tells_what_was_done(strange):
    """Fold its effects; what comes out is what the database has."""
    site = strange
    post(site, "/absences/new", step="do", **ABSENCE)
    changed = {**ABSENCE, "word": "sakit", "key": f"{DAY}|dinas luar"}
    post(site, "/absences/new", step="do", **changed)
    post(site, "/strangers", **GROUP, person="5", reason="melihat sendiri")
    looked = upload(site, CSV)
    post(site, "/papers", step="do", reason="alat mati pagi itu", **hidden(looked))
    post(site, "/papers/new", step="do", **{**PAPER, "person": "1"})
    as_(site, "petugas")
    for one in proposals(site):
        if one.state is Stage.WAITING:
            assert post(site, f"/proposals/{one.id}", answer="approve").status_code == 303
    absences: set[bytes] = set()
    papers: set[bytes] = set()
    named: dict[Place, str] = {}
    for said in decisions(site):
        if said.action == "change absence":
            absences -= {said.detail.get("before", "").encode()}
            absences |= {said.detail["after"].encode()} if "after" in said.detail else set()
        if said.action == "take in papers":
            for name, row in said.detail.items():
                if name.startswith("row "):
                    papers.add(msgspec.json.encode(json.loads(row)["after"], order="sorted"))
        if said.action == "name stranger":
            for name, row in said.detail.items():
                if name.startswith("presence "):
                    told = json.loads(row)
                    place = (told["kiosk"], told["epoch"], told["seq"])
                    named[Place(*place, bytes.fromhex(told["hash"]))] = said.detail["named"]
    held = city(site)

    def rows(of, kind):
        found = [row for rows in of.values() for row in rows]
        assert all(isinstance(row, kind) for row in found)
        return {msgspec.json.encode(msgspec.to_builtins(row), order="sorted") for row in found}

    begun = {one for one in rows(held.rulings.absences, Absence) if b"SK-7" in one}
    ours = {msgspec.json.encode(json.loads(one), order="sorted") for one in absences}
    assert rows(held.rulings.absences, Absence) == ours | begun
    assert rows(held.rulings.papers, Paper) == papers
    assert held.identified == named


def test_where_the_journal_cannot_be_written_nothing_is_decided(site):
    class Full:
        def decide(self, *_, **__):
            raise JournalTrouble("central's own journal: no space is left")

    as_(site, "unit")
    site.site.decisions = Full()
    answer = post(site, "/absences/new", step="do", **ABSENCE)
    assert answer.status_code == 503
    assert "no space is left" in answer.text
    assert proposals(site) == []
    assert word(site, "4") == "tanpa keterangan"


def test_hostile_words_are_shown_as_they_are(site, town):
    user = '9"><script>alert(1)</script>&'
    town.punch("dinkes", user, "07:15:00", mark="stranger", person=None)
    town.read("dinkes", at("23:50:00"))
    site.central.now = at("08:00:00", DAY + timedelta(days=1))
    as_(site, "unit")
    page = site.browser.get("/strangers").text
    assert "<script>alert" not in page
    link = re.search(r'href="(/strangers\?days=7&amp;kiosk[^"]*)"', page).group(1)
    detail = site.browser.get(link.replace("&amp;", "&"))
    assert detail.status_code == 200
    assert "<script>alert" not in detail.text
    form = {**GROUP, "user": user, "person": "4", "reason": "<script>alert(2)</script>"}
    done = post(site, "/strangers", **form)
    assert done.status_code == 303
    assert "<script>alert" not in site.browser.get(done.headers["location"]).text
    assert "<script>alert" not in site.browser.get("/proposals").text


@pytest.mark.parametrize("field", ["person", "reference", "reason", "word"])
def test_a_field_without_end_is_refused(site, field):
    as_(site, "unit")
    answer = post(site, "/absences/new", step="do", **{**ABSENCE, field: "x" * 5000})
    assert answer.status_code == 400
    assert proposals(site) == []


# The journal held against the database.


def held(site):
    with site.central.store.reading() as tx:
        return hold_against(tx, site.central.decisions.read())


def test_every_part_of_a_long_name_says_whom(strange, town):
    site = strange
    for number in range(40):
        town.punch("dinkes", "917", f"12:{number:02}:00", mark="stranger", person=None)
    town.read("dinkes", at("23:55:00"))
    assert post(site, "/strangers", **GROUP, person="4", reason="ID baru").status_code == 303
    parts = [one for one in decisions(site) if one.action == "name stranger"]
    assert len(parts) > 2
    assert {one.detail["named"] for one in parts} == {"4"}
    assert (held(site).faults, held(site).notes, held(site).names) == ([], [], 42)


def test_what_the_database_has_and_no_decision_says_is_found(strange):
    site = strange
    post(site, "/strangers", **GROUP, person="4", reason="ID baru")
    post(site, "/papers/new", step="do", **PAPER)
    post(site, "/papers/new", step="do", **{**PAPER, "person": "2"})
    as_(site, "petugas")
    assert post(site, "/proposals/2", answer="approve").status_code == 303
    assert post(site, "/proposals/3", answer="refuse", reason="tidak benar").status_code == 303
    assert held(site) == Held(faults=[], notes=[], proposals=3, names=2, times=0, closings=0)
    [place, other] = city(site).identified
    with site.central.store.writing() as tx:
        tx.city.identify(place, "5", "nobody", 1)
        tx.city.settle(other, 1, "nobody", 1)
        again = tx.proposals.one(3)
        tx.proposals.add(msgspec.structs.replace(again, id=0))
    assert len(held(site).faults) == 3


class Torn(Exception):
    """The disk is full, at COMMIT."""


def test_a_decision_that_the_database_refused_at_commit_is_told(site):
    """It stands in the journal; the number of its proposal is given again."""
    as_(site, "unit")
    body = AbsenceBody(after=Absence(person="4", reason=Reason.SICK, since=DAY, until=DAY))
    visitor = Visitor("unit", Role.UNIT, ("dinkes",), b"", "")

    def refused_at_commit() -> None:
        with site.central.store.writing() as tx:
            tx.city.lock()
            rule, decide = Rule((), site.central.now), journal(site.site, tx, visitor)
            propose(tx, city(site), body, visitor, "surat dokter", rule, decide)
            raise Torn

    with pytest.raises(Torn):
        refused_at_commit()
    assert word(site, "4") == "tanpa keterangan"
    [note] = held(site).notes
    assert "change absence, proposal 1: without effect" in note
    assert post(site, "/absences/new", step="do", **ABSENCE).status_code == 303
    found = held(site)
    assert (found.faults, found.notes, found.proposals) == ([], [note], 1)


# Of a camera.

EVIDENCE = {
    "verdict": "ambiguous",
    "model": "sface:0ba9fbfa01b5",
    "score": 0.58,
    "margin": 0.02,
    "frames": 6,
    "candidates": ["5", "4", "no such person"],
}
FACE = {"kiosk": "k-dinkes", "credential": "face", "days": "7"}


@pytest.fixture
def faces(site, town):
    for user, raw in (("?00000001", EVIDENCE), ("?00000002", {"verdict": "not_live"}), ("?3", 7)):
        town.punch(
            *("dinkes", user, "07:15:00"),
            mark="stranger",
            person=None,
            credential="face",
            raw=json.dumps(raw).encode().hex(),
        )
    town.read("dinkes", at("23:50:00"))
    return as_(site, "petugas")


def test_whom_a_camera_nearly_named_is_offered_and_never_named_by_itself(faces):
    one = faces.browser.get("/strangers", params={**FACE, "user": "?00000001"}).text
    assert "dua orang terlalu mirip; kemiripan 0.58, jarak ke orang berikutnya 0.02" in one
    assert one.index('value="5"') < one.index('value="4"'), "the nearest first"
    assert "no such person" not in one
    form = {**FACE, "user": "?00000001", "person": "5", "reason": "melihat sendiri"}
    assert post(faces, "/strangers", **form).status_code == 303
    again = faces.browser.get("/strangers", params={**FACE, "user": "?00000002"}).text
    assert "tidak menengok seperti diminta" in again, "each visit is named alone"


def test_evidence_that_cannot_be_read_says_nothing(faces):
    one = faces.browser.get("/strangers", params={**FACE, "user": "?3"})
    assert one.status_code == 200
    assert "kemiripan" not in one.text


def test_a_unit_sees_no_candidate_of_another(faces, town):
    town.kiosks["dinkes"].punch(
        user="?00000009",
        time=f"{DAY}T07:15:00",
        at=town.stamp(at("07:15:02")),
        terminal="T-dinkes",
        person=None,
        mark="stranger",
        credential="face",
        raw=json.dumps({**EVIDENCE, "candidates": ["5", "9"]}).encode().hex(),
    )
    town.read("dinkes", at("23:55:00"))
    seen = as_(faces, "unit").browser.get("/strangers", params={**FACE, "user": "?00000009"}).text
    assert 'value="5"' in seen
    assert 'value="9"' not in seen
