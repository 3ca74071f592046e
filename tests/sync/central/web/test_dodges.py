"""What somebody may try: a closed month changed unseen, the second account dodged, another unit's
people reached. Each of these went through once.
"""

import io
import re
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier

import httpx
import openpyxl
import pytest
from msgspec import structs
from site_parts import ORIGIN, PASSWORD, Site, Wire
from small_town import DAY, Town, at, put

from sync.central import proposals, strangers
from sync.central.decisions import Decisions
from sync.central.exits import Refused
from sync.central.house import House
from sync.central.intake import LineState
from sync.central.judging import judged
from sync.central.roles import Role, Visitor
from sync.central.roster import state
from sync.central.roster.changes import Change
from sync.central.roster.layout import SHEETS
from sync.central.rulings import is_paper
from sync.central.settings import Approval, Web
from sync.central.store.city import Place, Post
from sync.central.store.proposals import Kind, Proposed, Stage
from sync.central.touched import closed_among, touched
from sync.central.web.app import app
from sync.central.web.site import Site as WebSite
from sync.central.wishes import NameBody, Pointed, TimeBody
from sync.protocol import entry
from sync.protocol.roster import Allowed, Grant, Member

# What these ask of a database the stores' own tests ask of both kinds.
pytestmark = pytest.mark.parametrize("make_database", ["sqlite"], indirect=True)

CLOSE = {
    "month": "2026-11",
    "what": "close",
    "reason": "rekap November",
    "despite": "alat lama belum terbaca",
}
DECEMBER = date(2026, 12, 4)
STAMP = entry.Stamp(wall=at("08:00:00"), up=1000, boot="b" * 32, synced=True)
LOST = "d" * 32  # a boot that nobody vouched for


@pytest.fixture
def town(central, make_kiosk):
    made = Town(central, make_kiosk)
    made.evening()
    central.now = at("08:00:00", DECEMBER)
    return made


@pytest.fixture
def site(central, town):
    made = Site(central)
    made.add_account("petugas", Role.OFFICER)
    made.add_account("unit", Role.UNIT, "dinkes")
    made.add_account("lain", Role.UNIT, "dlh")
    return as_(made, "petugas")


def as_(site, name: str):
    site.browser.cookies.clear()
    assert site.log_in(name=name).status_code == 303
    return site


def post(site, path: str, **form):
    return site.browser.post(path, data=form, headers=ORIGIN)


def close(site, unit: str = "dinkes") -> None:
    answer = post(site, "/closings", unit=unit, **CLOSE)
    assert answer.status_code == 303, answer.text


def listed(site) -> list[Proposed]:
    with site.central.store.reading() as tx:
        return tx.proposals.listed(list(Stage))


def city(site):
    with site.central.store.reading() as tx:
        return site.site.cities.current(tx)


def word(site, person: str, day=DAY) -> str:
    with site.central.store.reading() as tx:
        for record in judged(tx, site.site.cities.current(tx), day, day, site.central.now):
            if record.person == person:
                return record.duties[0].word
    raise AssertionError(person)


def decisions(site):
    return [one.said for one in site.central.decisions.read() if one.said]


GROUP = {"kiosk": "k-dinkes", "credential": "terminal_user", "user": "917", "days": "31"}
NAME = {**GROUP, "person": "4", "reason": "melihat sendiri", "sure": "yes"}
PAPER = {
    "person": "4",
    "day": str(DAY),
    "arrival": "07:25",
    "departure": "16:05",
    "reason": "alat mati pagi itu",
}


def strange(town, time: str, moment: int, **more) -> None:
    """Let a punch of nobody's be recorded at a moment, whatever its terminal's clock says."""
    fields = {"mark": "stranger", "person": None, "method": "fingerprint", "drift": 0, **more}
    at_ = fields.pop("at", town.stamp(moment))
    terminal = fields.pop("terminal", "T-lain")
    town.kiosks["dinkes"].punch(user="917", time=time, at=at_, terminal=terminal, **fields)
    town.send("dinkes")


# A closed month.


def test_a_name_is_held_against_the_day_that_it_was_not_that_of_a_wrong_clock(site, town):
    ahead = timedelta(days=8) // timedelta(milliseconds=1)
    strange(town, "2026-12-02T07:20:00", at("07:20:02"), drift=ahead)
    close(site)
    assert word(site, "4") == "tanpa keterangan"
    as_(site, "unit")
    assert post(site, "/strangers", **NAME).status_code == 303
    assert listed(site)[0].state is Stage.WAITING
    assert word(site, "4") == "tanpa keterangan"  # it would be here, and that is to be approved


def test_a_name_of_what_has_no_date_is_of_every_month_that_it_can_be_of(site, town):
    strange(town, "2026-02-31T07:20:00", at("07:20:02"), mark="unreadable")
    close(site)
    assert post(site, "/strangers", **NAME).status_code == 303
    assert listed(site)[0].state is Stage.WAITING


def test_who_loses_a_doubt_is_concerned_as_well(site, town):
    """Wayan, a guest of the office under Dewi's number: while it may be his, he is not absent."""
    grant = Grant(person="9", unit="dinkes", allows=Allowed.GUEST, user="917", since=DAY)
    put(site.central, [("grants", [grant])])
    strange(town, f"{DAY}T07:20:00", at("07:20:02"), terminal="T-dinkes", mark="taken")
    close(site, "dlh")
    assert post(site, "/strangers", **NAME).status_code == 303
    [one] = listed(site)
    assert one.state is Stage.WAITING
    page = site.browser.get(f"/proposals/{one.id}").text
    assert "Wayan" in page  # who approves sees what it does to him


def test_at_the_keyboard_a_name_says_which_closed_months_it_may_change(site, town):
    strange(town, f"{DAY}T07:20:00", at("07:20:02"), terminal="T-dinkes")
    close(site)
    kiosk, central = town.kiosks["dinkes"], site.central
    house = House(None, central.store, central.authority, central.decisions)
    said = strangers.name(house, kiosk.name, kiosk.epoch, len(kiosk.bodies), "4", "saksi mata")
    assert "look at: dinkes 2026-11 is closed" in said
    assert decisions(site)[-1].detail["closed"] == "dinkes 2026-11"
    assert "Sejak ditutup 1 perubahan" in site.browser.get("/closings/dinkes/2026-11").text


def lost_place(site, town, zone: str = "Asia/Jakarta") -> Place:
    """Dewi punched in a boot whose clock nobody knows."""
    unsure = structs.replace(town.stamp(at("08:30:00")), boot=LOST, synced=False, up=600_000)
    town.kiosks["dinkes"].punch(
        user="4", time=f"{DAY}T08:30:00", at=unsure, terminal="T-belakang", person="4", drift=0,
        method="fingerprint", zone=zone,
    )  # fmt: skip
    town.send("dinkes")
    kiosk = town.kiosks["dinkes"]
    seq = len(kiosk.bodies)
    return Place(kiosk.name, kiosk.epoch, seq, kiosk.hash_at(seq))


def time_body(place: Place, utc: int, **more) -> TimeBody:
    pointed = Pointed(place.kiosk, place.epoch, place.seq, place.hash.hex(), day=DAY)
    return TimeBody(presence=pointed, person="4", utc=utc, earliest=utc, latest=utc, **more)


def test_a_time_is_of_its_local_day_and_of_all_between_what_was_known(site, town):
    place = lost_place(site, town)
    first = at("00:30:00", date(2026, 12, 1))  # in UTC it is November still
    with site.central.store.reading() as tx:
        asked = touched(tx, city(site), time_body(place, first))
    months = {("dinkes", f"2026-{number:02}") for number in range(1, 13)}
    assert ("dinkes", "2026-12") in closed_among(months, asked)
    assert {month for _, month in closed_among(months, asked)} >= {"2026-11", "2026-12"}


def test_a_name_of_several_is_of_all_their_days(site, town):
    place = lost_place(site, town)
    pointed = Pointed(place.kiosk, place.epoch, place.seq, place.hash.hex())
    with site.central.store.reading() as tx:
        asked = touched(tx, city(site), NameBody(person="4", presences=[pointed]))
    assert any(one.since <= DAY <= one.until for one in asked)


def test_a_signature_after_midnight_is_of_the_next_month_too(site):
    last = date(2026, 11, 30)
    form = {**PAPER, "day": str(last), "arrival": "", "departure": "24:30"}
    site.site.approval = Approval(second=())
    looked = post(site, "/papers/new", step="do", **form)
    assert looked.status_code == 303
    with site.central.store.reading() as tx:
        body = proposals.body_of(listed(site)[0])
        days = touched(tx, city(site), body)
    assert max(one.until for one in days) >= date(2026, 12, 1)


# The second account.


def test_two_times_of_one_punch_are_not_both_approved_unseen(site, town):
    place = lost_place(site, town)
    town.read("dinkes", at("23:55:00"))
    site.central.now = at("08:00:00", DECEMBER)
    key = f"{place.seq} {place.hash.hex()} {place.epoch} {place.kiosk}"
    form = {"presence": key, "day": str(DAY), "reason": "rekaman CCTV"}
    as_(site, "unit")
    for clock in ("08:20", "08:25"):
        assert post(site, "/times", **form, clock=clock).status_code == 303
    as_(site, "petugas")
    second, first = listed(site)
    assert post(site, f"/proposals/{first.id}", answer="approve").status_code == 303
    answer = post(site, f"/proposals/{second.id}", answer="approve")
    assert answer.status_code == 400
    assert "ditetapkan lain" in answer.text
    assert city(site).settled == {place: at("08:20:00")}
    as_(site, "unit")  # seen again, it may be
    assert post(site, "/times", **form, clock="08:25").status_code == 303
    as_(site, "petugas")
    third = listed(site)[0]
    assert post(site, f"/proposals/{third.id}", answer="approve").status_code == 303
    assert city(site).settled == {place: at("08:25:00")}
    assert decisions(site)[-1].detail["settled before"] == str(at("08:20:00"))


def test_a_time_of_what_is_somebody_elses_by_now_is_looked_at_again(site, town):
    place = lost_place(site, town)
    site.central.now = at("08:00:00", DECEMBER)
    key = f"{place.seq} {place.hash.hex()} {place.epoch} {place.kiosk}"
    form = {"presence": key, "day": str(DAY), "clock": "08:20", "reason": "rekaman CCTV"}
    as_(site, "unit")
    assert post(site, "/times", **form).status_code == 303
    with site.central.store.writing() as tx:
        tx.city.lock()
        tx.city.identify(place, "5", "test", site.central.now)
        tx.city.rise()
    as_(site, "petugas")
    answer = post(site, "/proposals/1", answer="approve")
    assert answer.status_code == 400
    assert "milik orang lain" in answer.text
    assert city(site).settled == {}


def test_who_lost_their_role_meanwhile_approves_nothing(site):
    as_(site, "unit")
    post(site, "/papers/new", step="do", **PAPER)
    [one] = listed(site)
    was = Visitor("petugas", Role.OFFICER, (), b"", "")
    with site.central.store.reading() as tx:
        account = tx.people.account("petugas")

    def approve() -> None:
        with site.central.store.writing() as tx:
            tx.city.lock()
            proposals.approve(tx, city(site), one, was, "", site.central.now, lambda *_: None)

    for less in (
        structs.replace(account, role=Role.READER),
        structs.replace(account, role=Role.UNIT, units=("dlh",)),
        structs.replace(account, ended_at=1),
    ):
        with site.central.store.writing() as tx:
            tx.people.set_account(less, site.central.now)
        with pytest.raises(Refused, match="diubah atau diakhiri"):
            approve()
    with site.central.store.writing() as tx:
        tx.people.set_account(account, site.central.now)
    approve()


def remove(site, name: str, row) -> None:
    with site.central.store.writing() as tx:
        tx.city.lock()
        state.apply(tx, [Change(name, SHEETS[name].key_of(row), row, None)])
        tx.city.rise()


@pytest.mark.parametrize("gone", ["people", "members", "units"])
def test_a_proposal_about_what_is_no_more_is_shown_and_not_approved(site, gone):
    held = city(site)
    as_(site, "unit")
    post(site, "/papers/new", step="do", **PAPER)
    row = {"people": held.people["4"], "members": held.memberships["4"][0],
           "units": held.units["dinkes"]}[gone]  # fmt: skip
    remove(site, gone, row)
    as_(site, "petugas")
    for path in ("/proposals", "/proposals/1", "/review"):
        assert site.browser.get(path).status_code == 200, path
    answer = post(site, "/proposals/1", answer="approve")
    if gone == "units":  # the membership stands, and its days are judged by nobody
        assert answer.status_code == 303
    else:
        assert answer.status_code == 400
        assert "4" not in city(site).rulings.papers
        assert post(site, "/proposals/1", answer="refuse", reason="sudah pindah").status_code == 303


def test_what_was_withdrawn_or_refused_is_not_approved(site):
    for answer, name in (("withdraw", "unit"), ("refuse", "petugas")):
        as_(site, "unit")
        post(site, "/papers/new", step="do", **PAPER)
        number = listed(site)[0].id
        as_(site, name)
        form = {"answer": answer, "reason": "salah tanggal"}
        assert post(site, f"/proposals/{number}", **form).status_code == 303
        as_(site, "petugas")
        assert post(site, f"/proposals/{number}", answer="approve").status_code == 400
    assert "4" not in city(site).rulings.papers
    assert not [one for one in decisions(site) if one.action == "take in papers"]


def test_who_lost_their_role_while_a_month_was_judged_closes_nothing(site):
    central = site.central

    class Slow:
        """Judging and signing take a while; meanwhile an admin makes a reader of the officer."""

        public = central.authority.public

        def sign_closing(self, *said):
            with central.store.writing() as tx:
                account = tx.people.account("petugas")
                tx.people.set_account(structs.replace(account, role=Role.READER), central.now)
            return central.authority.sign_closing(*said)

    site.site.authority = Slow()
    answer = post(site, "/closings", unit="dinkes", **CLOSE)
    assert answer.status_code == 400
    assert "diubah atau diakhiri" in answer.text
    with central.store.reading() as tx:
        assert tx.closings.of("dinkes", "2026-11") == []
    assert decisions(site) == []


def test_a_button_pressed_twice_proposes_once(site):
    as_(site, "unit")
    first = post(site, "/papers/new", step="do", **PAPER)
    again = post(site, "/papers/new", step="do", **PAPER)
    assert first.headers["location"] == again.headers["location"]
    assert len(listed(site)) == 1
    assert len(decisions(site)) == 1
    other = post(site, "/papers/new", step="do", **{**PAPER, "reason": "alasan yang lain"})
    assert other.status_code == 400
    assert "sudah menunggu" in other.text


def test_the_same_signature_is_taken_in_once(site):
    site.site.approval = Approval(second=())
    as_(site, "unit")
    assert post(site, "/papers/new", step="do", **PAPER).status_code == 303
    again = post(site, "/papers/new", step="do", **PAPER)
    assert again.status_code == 400
    assert "sudah ada" in again.text
    assert len(city(site).rulings.papers["4"]) == 1


def test_a_name_that_it_has_already_is_no_decision(site, town):
    strange(town, f"{DAY}T07:20:00", at("07:20:02"), terminal="T-dinkes")
    as_(site, "unit")
    assert post(site, "/strangers", **NAME).status_code == 303
    detail = site.browser.get("/strangers", params=GROUP).text
    marked = re.findall(r'name="presence" value="([^"]*)"', detail)
    assert post(site, "/strangers", **NAME, presence=marked).status_code == 400
    assert len(listed(site)) == 1


def test_a_decision_says_which_rule_held_and_who_proposed(site):
    as_(site, "unit")
    post(site, "/papers/new", step="do", **PAPER)
    as_(site, "petugas")
    post(site, "/proposals/1", answer="approve")
    proposed, _, effect = decisions(site)
    assert proposed.detail["second"] == "paper, time"
    assert (effect.detail["author"], effect.detail["approved by"]) == ("unit", "petugas")
    site.site.approval = Approval(second=(Kind.NAME,))
    as_(site, "unit")
    post(site, "/papers/new", step="do", **{**PAPER, "person": "1"})
    assert [one.detail["second"] for one in decisions(site)[-2:]] == ["name", "name"]


def test_two_who_approve_at_once_at_two_centrals_have_one_effect(site, tmp_path):
    as_(site, "unit")
    post(site, "/papers/new", step="do", **PAPER)
    [one] = listed(site)
    central, together = site.central, Barrier(2)
    key = central.authority.public
    journals = [
        central.decisions,
        Decisions(tmp_path / "other", "central", key, lambda: STAMP, is_alone=False),
    ]

    def approve(name: str, journal: Decisions) -> int:
        line = lambda: LineState.UP  # noqa: E731 - as a central has it
        web = WebSite(
            central.store, central.bell, Web(), central.clock, line, journal, central.authority
        )
        browser = httpx.Client(transport=Wire(app(web)), base_url="http://testserver")
        form = {"name": name, "password": PASSWORD}
        assert browser.post("/login", data=form, headers=ORIGIN).status_code == 303
        together.wait(20)
        form = {"answer": "approve"}
        return browser.post(f"/proposals/{one.id}", data=form, headers=ORIGIN).status_code

    with ThreadPoolExecutor(2) as both:
        found = sorted(both.map(approve, ("petugas", "admin"), journals))
    assert found == [303, 400]
    assert len(city(site).rulings.papers["4"]) == 1
    said = [each.said.action for journal in journals for each in journal.read()]
    assert sorted(said) == ["approve proposal", "propose paper", "take in papers"]


@pytest.mark.parametrize(
    ("zone", "hours"), [("Asia/Jakarta", 7), ("Asia/Makassar", 8), ("Asia/Jayapura", 9)]
)
def test_a_time_is_said_in_the_zone_of_its_terminal(site, town, zone, hours):
    place = lost_place(site, town, zone=zone)
    site.central.now = at("08:00:00", DECEMBER)
    key = f"{place.seq} {place.hash.hex()} {place.epoch} {place.kiosk}"
    site.site.approval = Approval(second=())
    form = {"presence": key, "day": str(DAY), "reason": "rekaman CCTV"}
    for clock, minutes in (("08:20", 500), ("32:00", 1920)):
        assert post(site, "/times", **form, clock=clock).status_code == 303
        body = proposals.body_of(listed(site)[0])
        midnight = at("00:00:00") + 7 * 3_600_000
        assert body.utc == midnight + minutes * 60_000 - hours * 3_600_000
        post(site, f"/proposals/{listed(site)[0].id}", answer="withdraw")


# Another unit's.


def test_a_unit_does_not_take_another_units_punch(site, town):
    strange(town, f"{DAY}T07:20:00", at("07:20:02"), terminal="T-dinkes")
    assert post(site, "/strangers", **{**NAME, "person": "9"}).status_code == 303
    as_(site, "unit")
    detail = site.browser.get("/strangers", params=GROUP).text
    assert "orang dari unit lain" in detail
    marked = re.findall(r'name="presence" value="([^"]*)"', detail)
    for person in ("4", "-"):
        answer = post(site, "/strangers", **{**NAME, "person": person}, presence=marked)
        assert answer.status_code == 400
        assert "Wayan" not in answer.text
    assert len(listed(site)) == 1


def test_a_unit_gives_no_line_of_another_unit(site):
    put(site.central, [("members", [Member(person="4", unit="dlh", since=DAY)])])
    as_(site, "unit")
    content = f"person,unit,day,arrival\n4,dlh,{DAY},07:25\n"
    page = upload(site, content)
    assert page.status_code == 400
    assert "none of your units" in page.text


def upload(site, content: str | bytes, name: str = "kertas.csv"):
    return site.browser.post(
        "/papers", data={"step": "look"}, files={"file": (name, content)}, headers=ORIGIN
    )


def test_nobody_signs_before_the_time(site):
    site.central.now = at("10:00:00")
    as_(site, "unit")
    answer = post(site, "/papers/new", step="look", **PAPER)  # leaves at 16:05
    assert answer.status_code == 400
    assert "belum tiba" in answer.text
    page = upload(site, f"person,unit,day,arrival,departure\n4,dinkes,{DAY},07:25,16:05\n")
    assert page.status_code == 400
    assert "still to come" in page.text
    assert upload(site, f"person,unit,day,arrival\n4,dinkes,{DAY},07:25\n").status_code == 200


def test_a_small_workbook_that_unpacks_to_anything_is_not_read(site):
    out = io.BytesIO()
    book = openpyxl.Workbook()
    book.save(out)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/sharedStrings2.xml", b" " * (64 << 20))
    assert len(out.getvalue()) < 256 << 10
    page = upload(site, out.getvalue(), "bom.xlsx")
    assert page.status_code == 400
    assert "unpacks to" in page.text


@pytest.mark.parametrize("length", ["104857600", "9" * 30, "x", "-1"])
def test_an_upload_without_end_is_refused_before_it_is_read(site, length):
    headers = {**ORIGIN, "content-type": "multipart/form-data; boundary=x"}
    headers |= {"content-length": length}
    answer = site.browser.post("/papers", content=b"x", headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "path",
    ["/papers", "/papers/new", "/absences/new", "/strangers", "/times", "/pairs", "/closings",
     "/proposals/1"],
)  # fmt: skip
def test_another_sites_form_is_refused(site, path):
    answer = site.browser.post(path, data={}, headers={"origin": "http://evil.example"})
    assert answer.status_code == 403


def test_a_units_own_proposals_are_found_behind_many_of_others(site):
    as_(site, "unit")
    post(site, "/papers/new", step="do", **PAPER)
    [one] = listed(site)
    with site.central.store.writing() as tx:
        for state in (Stage.WAITING, Stage.REFUSED):
            for _ in range(600):
                tx.proposals.add(
                    structs.replace(one, id=0, person="9", unit="dlh", author="lain", state=state)
                )
    page = site.browser.get("/proposals").text
    assert 'href="/proposals/1"' in page
    assert 'href="/proposals/2"' not in page
    post(site, "/proposals/1", answer="withdraw")
    assert 'href="/proposals/1"' in site.browser.get("/proposals").text


# Closed months.


def test_a_closed_month_of_a_unit_that_is_no_more_is_still_there(site):
    close(site)
    remove(site, "units", city(site).units["dinkes"])
    answer = site.browser.get("/closings/dinkes/2026-11")
    assert answer.status_code == 200, answer.text
    assert site.browser.get("/closings/dinkes/2026-11.csv").status_code == 200
    as_(site, "lain")
    assert site.browser.get("/closings/dinkes/2026-11").status_code == 404


def test_the_sums_stand_beside_the_rows_that_they_are_of(site):
    close(site)
    as_(site, "unit")
    form = {"person": "4", "word": "sakit", "since": str(DAY), "until": str(DAY)}
    post(site, "/absences/new", step="do", **form, reason="surat dokter menyusul")
    as_(site, "petugas")
    post(site, "/proposals/1", answer="approve", seen="dinkes 2026-11")
    page = site.browser.get("/closings/dinkes/2026-11").text
    seen = page.partition('name="seen" value="')[2].partition('"')[0]
    issue = {"unit": "dinkes", "month": "2026-11", "what": "issue", "reason": "surat sakit"}
    assert post(site, "/closings", **issue, seen=seen).status_code == 303

    def sheets(query: str) -> list[str]:
        content = site.browser.get(f"/closings/dinkes/2026-11.xlsx{query}").content
        return openpyxl.load_workbook(io.BytesIO(content)).sheetnames

    assert sheets("") == ["rekap", "pegawai"]
    assert sheets("?number=1") == ["rekap"]


# Names that look like something else.


def test_a_kiosk_called_paper_is_no_paper(site, central, make_kiosk):
    assert is_paper(f"paper x {DAY} 1 in")
    assert not is_paper("paper 0123456789abcdef 12")
    kiosk = make_kiosk("paper", "e-paper")
    central.admit(kiosk)
    put(central, [("posts", [Post(kiosk="paper", unit="dinkes")])])
    stamp = entry.Stamp(wall=at("07:20:02"), up=1000, boot="f" * 32, synced=True)
    kiosk.punch(user="4", time=f"{DAY}T07:20:00", at=stamp, terminal="T-p", person="4", drift=0)
    central.hello(kiosk)
    central.batch(kiosk, 1)
    page = site.browser.get("/people/4?month=2026-11")
    assert page.status_code == 200
    assert "07.20" in page.text
