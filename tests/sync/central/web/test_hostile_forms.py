"""Whatever stands in a form or an address: an answer that says so, never a fault of ours."""

import pytest
from site_parts import ORIGIN, Site
from small_town import DAY, Town, at, put

from sync.central.roles import Role
from sync.central.store.proposals import Stage
from sync.worktime.rules import Absence, Reason

# What these ask of a database the stores' own tests ask of both kinds.
pytestmark = pytest.mark.parametrize("make_database", ["sqlite"], indirect=True)

HOSTILE = (
    "\0", "a\0bcdef", "'; DROP TABLE proposal; --", "=HYPERLINK(\"http://x\")", "\u202eabcdef",
    "😀" * 60, "9" * 40, "-1", "1e9", "²", "2026-11-24\n", "99:99", "48:01", "\ud7ff\ufffd" * 3,
)  # fmt: skip
FORMS = {
    "/absences/new": {
        "person": "4", "word": "sakit", "since": str(DAY), "until": str(DAY), "key": "",
        "reference": "", "reason": "surat dokter", "gone": "",
    },
    "/papers/new": {
        "person": "4", "day": str(DAY), "number": "", "arrival": "07:25", "departure": "16:05",
        "reference": "", "reason": "alat mati pagi", "gone": "",
    },
    "/strangers": {
        "kiosk": "k-dinkes", "credential": "terminal_user", "user": "917", "days": "7",
        "person": "4", "presence": "", "reason": "melihat sendiri", "sure": "yes",
    },
    "/times": {"presence": "1 00 e k", "day": str(DAY), "clock": "08:30", "reason": "CCTV pintu"},
    "/pairs": {
        "unit": "dinkes", "month": "2026-11", "person": "4", "other": "5", "reason": "suami istri",
    },
    "/closings": {
        "unit": "dinkes", "month": "2026-10", "what": "close", "reason": "rekap bulan",
        "despite": "belum lengkap", "seen": "",
    },
    "/proposals/1": {"answer": "refuse", "reason": "tidak benar", "seen": ""},
    "/papers": {"name": "x.csv", "content": "cGVyc29uCg==", "reason": "daftar kertas"},
}  # fmt: skip


@pytest.fixture
def site(central, make_kiosk):
    Town(central, make_kiosk).evening()
    central.now = at("08:00:00", DAY.replace(day=28))
    made = Site(central)
    made.add_account("petugas", Role.OFFICER)
    made.add_account("unit", Role.UNIT, "dinkes")
    assert made.log_in(name="petugas").status_code == 303
    return made


@pytest.mark.parametrize("path", FORMS)
def test_a_field_of_anything(site, path):
    for step in ("look", "do"):
        for field in FORMS[path]:
            for value in HOSTILE:
                form = {**FORMS[path], "step": step, field: value}
                answer = site.browser.post(path, data=form, headers=ORIGIN)
                assert answer.status_code in (200, 303, 400, 404), (field, value, answer.text[:300])


@pytest.mark.parametrize(
    "path",
    ["/closings/%00/2026-11", "/closings/%00/2026-11.csv", "/closings/a%2F..%2Fb/2026-11.xlsx",
     "/closings?month=%00", "/pairs?unit=%00", "/pairs?unit=dinkes&month=%00",
     "/strangers?kiosk=%00&credential=%00&user=%00", "/absences/new?person=%00&row=%00",
     "/papers/new?person=4&day=%00", "/papers/new?person=%00",
     "/closings/dinkes/2026-11.csv?number=%00"],
)  # fmt: skip
def test_an_address_of_anything(site, path):
    assert site.browser.get(path).status_code in (200, 400, 404)


@pytest.mark.parametrize("sign", ["\0", "\x08", "\x1b", "\u202e", "\u200b", "\uffff"])
def test_what_nobody_sees_is_not_written_down(site, sign):
    """No workbook takes it; and it makes of one word another."""
    for path, field in (("/absences/new", "reference"), ("/papers/new", "reason")):
        form = {**FORMS[path], "step": "do", field: f"surat{sign}nomor 5"}
        answer = site.browser.post(path, data=form, headers=ORIGIN)
        assert answer.status_code == 400
        assert "tidak terlihat" in answer.text or sign == "\0"  # no form with that gets so far
    form = {**FORMS["/absences/new"], "step": "do", "reference": "=1+1\t@x é ✓"}
    assert site.browser.post("/absences/new", data=form, headers=ORIGIN).status_code == 303
    close = FORMS["/closings"]
    assert site.browser.post("/closings", data=close, headers=ORIGIN).status_code == 303
    assert site.browser.get("/closings/dinkes/2026-10.xlsx").status_code == 200


def test_an_absence_without_end_is_the_citys(site):
    """It speaks of days on which the person may be another unit's."""
    row = Absence(person="4", reason=Reason.SICK, since=DAY)
    put(site.central, [("absences", [row])])
    form = {**FORMS["/absences/new"], "step": "do", "key": f"{DAY}|sakit"}
    site.browser.cookies.clear()
    site.log_in(name="unit")
    for more in ({"gone": "yes"}, {"word": "izin"}):
        answer = site.browser.post("/absences/new", data={**form, **more}, headers=ORIGIN)
        assert answer.status_code == 400
        assert "petugas kota" in answer.text
    with site.central.store.reading() as tx:
        assert tx.proposals.listed(list(Stage)) == []
    site.browser.cookies.clear()
    site.log_in(name="petugas")
    ended = site.browser.post("/absences/new", data=form, headers=ORIGIN)
    assert ended.status_code == 303
