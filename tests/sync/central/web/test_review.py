"""What needs a person: uncertain times, couples, and the page that counts."""

import re
from datetime import timedelta

import pytest
from msgspec import structs
from site_parts import ORIGIN, Site
from small_town import DAY, Town, at

from sync.central.carried import hold_against
from sync.central.judging import judged
from sync.central.roles import Role
from sync.central.settings import Approval
from sync.central.store.proposals import Stage
from sync.protocol import entry

LOST = "d" * 32  # a boot that nobody vouched for


@pytest.fixture
def town(central, make_kiosk):
    made = Town(central, make_kiosk)
    made.morning()
    return made


@pytest.fixture
def site(central, town):
    made = Site(central)
    made.add_account("petugas", Role.OFFICER)
    made.add_account("unit", Role.UNIT, "dinkes")
    made.add_account("lain", Role.UNIT, "dlh")
    return as_(made, "unit")


def as_(site, name: str):
    site.browser.cookies.clear()
    assert site.log_in(name=name).status_code == 303
    return site


def post(site, path: str, **form):
    return site.browser.post(path, data=form, headers=ORIGIN)


@pytest.fixture
def lost(site, town):
    """Dewi punched in a boot whose clock nobody knows, between 07:44 and 09:10."""
    unsure = structs.replace(town.stamp(at("08:30:00")), boot=LOST, synced=False, up=600_000)
    town.kiosks["dinkes"].punch(
        user="4",
        time=f"{DAY}T08:30:00",
        at=unsure,
        terminal="T-belakang",  # whose clock nobody measured by a good one
        person="4",
        method="fingerprint",
        drift=0,
    )
    began = at("09:05:00")
    town.stamp = lambda moment: entry.Stamp(
        wall=moment, up=moment - began, boot="e" * 32, synced=True
    )
    town.read("dinkes", at("09:10:00"))
    town.read("dinkes", at("23:30:00"))
    site.central.now = at("08:00:00", DAY + timedelta(days=1))
    return as_(site, "unit")


def judged_of(site, person: str):
    with site.central.store.reading() as tx:
        city = site.site.cities.current(tx)
        for record in judged(tx, city, DAY, DAY, site.central.now):
            if record.person == person:
                return record.duties[0]
    raise AssertionError(person)


def key(site) -> str:
    page = site.browser.get("/times").text
    return re.search(r'name="presence" value="([^"]*)"', page).group(1)


def test_an_uncertain_time_is_settled_by_two_and_the_original_stays(lost):
    page = lost.browser.get("/times").text
    assert "Dewi" in page
    assert "antara" in page
    assert "Tercatat sebelumnya" in page
    assert judged_of(lost, "4").arrival.at == at("08:30:00")  # as the screen showed
    form = {"presence": key(lost), "day": str(DAY), "clock": "08:20", "reason": "rekaman CCTV"}
    assert post(lost, "/times", **form).status_code == 303
    assert judged_of(lost, "4").arrival.at == at("08:30:00")  # as the screen showed
    as_(lost, "petugas")
    assert "08.20" in lost.browser.get("/proposals/1").text
    assert post(lost, "/proposals/1", answer="approve").status_code == 303
    assert judged_of(lost, "4").arrival.at == at("08:20:00")
    page = lost.browser.get("/times").text
    assert "Sudah ditetapkan" in page
    assert "08.30.00" in page  # what the terminal said
    said = [one.said for one in lost.central.decisions.read()]
    assert [one.action for one in said] == ["propose time", "approve proposal", "settle time"]
    assert said[-1].detail["utc"] == str(at("08:20:00"))
    with lost.central.store.reading() as tx:  # and the journal alone tells it
        held = hold_against(tx, lost.central.decisions.read())
        assert tx.city.settled()
    assert (held.faults, held.notes, held.times) == ([], [], 1)
    shown = lost.browser.get("/presences?person=4").text
    assert "08.30.00" in shown
    assert "sebenarnya 08.20.00" in shown


@pytest.mark.parametrize(
    ("over", "status"),
    [
        ({"presence": "x"}, 400),
        ({"presence": "1 00 e k"}, 404),
        ({"clock": ""}, 400),
        ({"clock": "8"}, 400),
        ({"day": "x"}, 400),
        ({"reason": ""}, 400),
        ({"day": str(DAY + timedelta(days=2))}, 400),  # later than it came
    ],
)
def test_a_time_that_cannot_be(lost, over, status):
    form = {"presence": key(lost), "day": str(DAY), "clock": "08:30", "reason": "rekaman CCTV"}
    assert post(lost, "/times", **{**form, **over}).status_code == status
    with lost.central.store.reading() as tx:
        assert tx.proposals.listed(list(Stage)) == []


def test_a_time_that_contradicts_what_is_known_waits_whatever_the_rule_says(lost):
    lost.site.approval = Approval(second=())
    form = {"presence": key(lost), "day": str(DAY), "reason": "rekaman CCTV"}
    assert post(lost, "/times", **form, clock="06:30").status_code == 303
    assert post(lost, "/times", **form, clock="08:30").status_code == 303
    with lost.central.store.reading() as tx:
        inside, outside = tx.proposals.listed(list(Stage))
    assert (inside.state, outside.state) == (Stage.APPROVED, Stage.WAITING)


def test_other_units_see_nothing_of_it(lost):
    place = key(lost)
    as_(lost, "lain")
    assert "Dewi" not in lost.browser.get("/times").text
    form = {"presence": place, "day": str(DAY), "clock": "08:30", "reason": "rekaman CCTV"}
    assert post(lost, "/times", **form).status_code == 404


def test_a_settled_time_goes_with_its_punch_to_whose_it_is(lost):
    form = {"presence": key(lost), "day": str(DAY), "clock": "08:20", "reason": "rekaman CCTV"}
    lost.site.approval = Approval(second=())
    assert post(lost, "/times", **form).status_code == 303
    [ref] = judged_of(lost, "4").arrival.refs
    [place] = city_of(lost).settled
    with lost.central.store.writing() as tx:
        tx.city.lock()
        tx.city.identify(place, "2", "test", lost.central.now)
        tx.city.rise()
    assert not judged_of(lost, "4").arrival.refs
    found = judged_of(lost, "2")
    assert ref in (*found.arrival.refs, *found.between)
    assert city_of(lost).settled == {place: at("08:20:00")}


def city_of(site):
    with site.central.store.reading() as tx:
        return site.site.cities.current(tx)


# Couples.


@pytest.fixture
def couple(site, town):
    for number in range(8):
        day = DAY - timedelta(days=number + 1)
        town.punch("dinkes", "4", "07:20:00", day)
        town.punch("dinkes", "5", "07:20:04", day)
    town.send("dinkes")
    return site


def test_a_couple_is_shown_with_its_days_and_a_note_is_kept(couple):
    page = couple.browser.get("/pairs?month=2026-11").text
    assert "Dewi" in page
    assert "Eka" in page
    assert "8 dari 8 kali" in page
    assert "23/11: 4 detik" in page
    form = {"unit": "dinkes", "month": "2026-11", "person": "4", "other": "5"}
    assert post(couple, "/pairs", **form, reason="x").status_code == 400
    done = post(couple, "/pairs", **form, reason="suami istri")
    assert done.status_code == 303
    assert "Catatan disimpan" in couple.browser.get(done.headers["location"]).text
    [said] = [one.said for one in couple.central.decisions.read()]
    assert (said.action, said.subject, said.reason) == ("note pair", "4 5 2026-11", "suami istri")


def test_another_unit_sees_no_couple_of_ours(couple):
    as_(couple, "lain")
    assert "Dewi" not in couple.browser.get("/pairs?month=2026-11").text
    assert couple.browser.get("/pairs?month=2026-11&unit=dinkes").status_code == 404
    form = {"unit": "dinkes", "month": "2026-11", "person": "4", "other": "5"}
    assert post(couple, "/pairs", **form, reason="suami istri").status_code == 404
    for month in ("2026-13", "x", "2026-1", "9999-12"):
        assert couple.browser.get(f"/pairs?month={month}").status_code == 400


# The page that counts.


def test_review_counts_what_waits(site, town):
    town.punch("dinkes", "917", "07:15:00", mark="stranger", person=None)
    town.send("dinkes")
    form = {"person": "4", "day": str(DAY), "arrival": "07:25", "reason": "daftar kertas"}
    assert post(site, "/papers/new", step="do", **form).status_code == 303
    as_(site, "petugas")
    page = site.browser.get("/review").text
    counts = re.findall(r'class="count">([^<]*)<', page)
    assert counts == ["1", "1", "…", "…", "2"]
    assert "1 menunggu persetujuan Anda" in page
    as_(site, "lain")
    page = site.browser.get("/review").text
    assert re.findall(r'class="count">([^<]*)<', page) == ["0", "0", "…", "…", "1"]
