"""The page: who gets in, what is shown and to whom it is logged, and the live stream."""

from datetime import date

import pytest
from site_parts import ORIGIN, PASSWORD, Site

from sync import passwords
from sync.central.store import tables
from sync.protocol import entry
from sync.protocol.roster import Member, Person, Unit


@pytest.fixture
def site(central):
    return Site(central)


def ids(stream: str) -> list[int]:
    return [int(line[4:]) for line in stream.splitlines() if line.startswith("id: ")]


# Who gets in.


def test_nothing_is_shown_without_a_log_in(site):
    for path in ("/", "/presences", "/alarms", "/presences?person=1"):
        answer = site.browser.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert site.browser.get("/events").status_code == 401
    assert site.looks() == []


def test_log_in_shows_the_page_and_log_out_ends_it(site):
    answer = site.log_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert site.browser.get("/presences").status_code == 200
    token = site.browser.cookies["presensi"]
    assert site.browser.post("/logout", headers={**ORIGIN, "content-length": "0"}).is_redirect
    site.browser.cookies.set("presensi", token)
    assert site.browser.get("/presences").status_code == 303


def test_the_token_itself_is_not_kept(site, central):
    site.log_in()
    token = site.browser.cookies["presensi"]
    with central.store.reading() as tx:
        rows = [
            row
            for table in tables.metadata.sorted_tables
            for row in tx.people._connection.execute(table.select())
        ]
    kept = b"".join(
        value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row
    )
    assert b"admin" in kept
    assert token.encode() not in kept
    assert PASSWORD.encode() not in kept


@pytest.mark.parametrize(("name", "password"), [("admin", "x"), ("nobody", PASSWORD), ("", "")])
def test_a_wrong_name_and_a_wrong_password_look_the_same(site, name, password):
    answer = site.log_in(password, name)
    assert answer.status_code == 401
    assert "Nama atau kata sandi salah." in answer.text


def test_guessing_is_slowed_down(site):
    for _ in range(passwords.MAX_FAILURES):
        assert site.log_in("wrong").status_code == 401
    answer = site.log_in()
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "10"
    site.seconds += 11
    assert site.log_in("wrong").status_code == 401
    site.seconds += 11
    assert site.log_in().status_code == 429  # the wait has doubled
    site.seconds += 10
    assert site.log_in().status_code == 303


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": "http://evil"}, {"origin": "null"}, {"origin": "http://testserver.evil"}],
)
def test_a_form_of_another_site_is_refused(site, headers):
    assert site.log_in(headers=headers).status_code == 403
    site.log_in()
    assert site.browser.post("/logout", headers=headers).status_code == 403
    assert site.browser.get("/presences").status_code == 200


def test_a_form_without_end_is_refused(site):
    assert site.log_in("x" * 5000).status_code == 413


def test_an_idle_log_in_ends(site, central):
    site.log_in()
    for _ in range(3):
        central.now += 29 * 60_000
        assert site.browser.get("/presences").status_code == 200
    central.now += 31 * 60_000
    assert site.browser.get("/presences").status_code == 303
    assert site.browser.get("/events").status_code == 401


def test_a_forged_cookie_is_nobodys(site):
    site.browser.cookies.set("presensi", "x" * 5000)
    assert site.browser.get("/presences").status_code == 303


# What is shown.


def test_a_presence_is_shown_in_words_and_the_look_is_logged(site, central, kiosk):
    with central.store.writing() as tx:
        tx.city.put([
            Person(id="P1", name="Ni Luh Ayu"),
            Unit(id="A", name="Dinas Awal"),
            Unit(id="C", name="Dinas Contoh"),
            Unit(id="L", name="Dinas Lanjut"),
            Member(person="P1", unit="A", until=date(2026, 11, 23)),
            Member(person="P1", unit="C", since=date(2026, 11, 24), until=date(2026, 11, 24)),
            Member(person="P1", unit="L", since=date(2026, 11, 25)),
        ])  # fmt: skip
    kiosk.punch(method="fingerprint", state="in")
    kiosk.punch(user="9", person=None, mark=entry.Mark.STRANGER, zone="Asia/Makassar")
    kiosk.punch(state="out")
    central.hello(kiosk)
    central.batch(kiosk, 1)
    site.log_in()
    page = site.browser.get("/presences").text
    assert "Dinas Awal" not in page
    assert "Dinas Lanjut" not in page
    for words in ("07.28.41", "WIB", "WITA", "Ni Luh Ayu", "Dinas Contoh", "sidik jari", "masuk",
                  "tidak dikenal", "ID 9", "sudah tercatat", "Sel 24 Nov 2026"):  # fmt: skip
        assert words in page
    assert page.index("sudah tercatat") < page.index("ID 9") < page.rindex("Ni Luh Ayu")
    site.browser.get("/presences?person=P1")
    site.browser.get("/alarms")
    assert site.looks() == ["admin /presences", "admin /presences?person=P1", "admin /alarms"]


def test_filters_narrow_the_page(site, central, kiosk):
    kiosk.punch(user="1", terminal="A1")
    kiosk.punch(user="2", terminal="B2")
    kiosk.punch(user="3", terminal="B2", person=None, mark=entry.Mark.STRANGER)
    central.hello(kiosk)
    central.batch(kiosk, 1)
    site.log_in()

    def count(query):
        return site.browser.get(f"/presences?{query}").text.count("<tr class=")

    counts = {query: count(query) for query in ("", "terminal=B2", "person=P1", "mark=stranger")}
    assert counts == {"": 3, "terminal=B2": 2, "person=P1": 1, "mark=stranger": 1}
    assert count("terminal=B2&person=P1") == 0
    assert count("terminal='; drop table presence; --") == 0


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def test_hostile_names_stay_text(site, central, kiosk):
    with central.store.writing() as tx:
        tx.city.put([
            Person(id="P1", name=HOSTILE),
            Unit(id="A", name=HOSTILE),
            Member(person="P1", unit="A"),
        ])  # fmt: skip
    kiosk.punch(source=HOSTILE, terminal=HOSTILE, method=HOSTILE, state=HOSTILE)
    kiosk.punch(user=HOSTILE, person=None, mark=entry.Mark.STRANGER, time=HOSTILE, zone=HOSTILE)
    kiosk.punch(user="3", person=HOSTILE + "\n\ndata: x\nid: 99")
    central.hello(kiosk, software=HOSTILE)
    central.batch(kiosk, 1)
    site.log_in()
    pages = [site.browser.get(path).text for path in ("/presences", "/alarms")]
    pages.append(
        site.browser.get("/presences", params={"terminal": HOSTILE, "person": HOSTILE}).text
    )
    pages.append(site.stream("/events?after=0", lambda said: len(ids(said)) == 3))
    for page in pages:
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert 'onerror=alert(1)"' not in page
    assert ids(pages[-1]) == [1, 2, 3]


def test_the_browser_may_load_nothing_from_elsewhere(site):
    answer = site.browser.get("/login")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    for path in ("/static/central.css", "/static/central.js", "/static/icon.svg"):
        answer = site.browser.get(path)
        assert answer.status_code == 200
        assert "https://" not in answer.text.replace("http://www.w3.org", "")
    assert site.browser.get("/static/../web.py").status_code == 404


def test_alarms_and_who_waits_are_listed(site, central, kiosk, make_kiosk):
    kiosk.punches(4)
    central.hello(kiosk, 3)
    central.hello(make_kiosk("baru"))
    site.log_in()
    page = site.browser.get("/alarms").text
    assert "Catatan hilang" in page
    assert "baru" in page


def test_health_needs_no_log_in_and_tells_the_truth(site, central):
    answer = site.browser.get("/healthz")
    assert answer.json() == {"ok": True, "db": True, "line": "up"}
    central.store.close()
    answer = site.browser.get("/healthz")
    assert (answer.status_code, answer.json()["db"]) == (503, False)
    site.browser.cookies.set("presensi", "x")
    assert site.browser.get("/presences").status_code == 503


# The live stream.


def test_a_stream_goes_on_where_the_browser_was(site, central, kiosk):
    kiosk.punches(5)
    central.hello(kiosk)
    central.batch(kiosk, 1)
    site.log_in()

    def enough(said):
        return 5 in ids(said)

    assert ids(site.stream("/events?after=2", enough)) == [3, 4, 5]
    assert ids(site.stream("/events?after=2", enough, {"last-event-id": "4"})) == [5]
    assert ids(site.stream("/events?after=0&terminal=CKPG1", enough)) == [1, 2, 3, 4, 5]
    assert site.looks()[-1] == "admin /events?after=0&terminal=CKPG1"


def test_a_stream_longer_than_a_page_skips_nothing(site, central, kiosk):
    kiosk.punches(450)
    central.hello(kiosk)
    central.batch(kiosk, 1)
    site.log_in()
    came = site.stream("/events?after=0", lambda said: 450 in ids(said))
    assert ids(came) == list(range(1, 451))


def test_what_arrives_meanwhile_follows_by_itself(site, central, kiosk):
    kiosk.punches(1)
    central.hello(kiosk)
    central.batch(kiosk, 1)
    site.log_in()
    sent = []

    def enough(said):
        if ids(said) and not sent:
            kiosk.punches(1, start=1)
            sent.append(central.batch(kiosk, 2))
        return 2 in ids(said) and said.count("event: kiosks") > 1

    came = site.stream("/events?after=0", enough)
    assert ids(came) == [1, 2]


def test_a_stream_ends_with_the_log_in_and_with_central(site, central):
    site.log_in()
    central.now += 29 * 60_000
    over = []

    def enough(said):
        if "kiosks" in said and not over:
            over.append(True)
            central.now += 31 * 60_000
            central.bell.ring()
        return False

    assert "event: over" in site.stream("/events", enough)
    central.now -= 31 * 60_000

    def end(said):
        if "kiosks" in said:
            central.bell.close()
        return False

    assert "event: over" not in site.stream("/events", end)


@pytest.mark.parametrize("after", ["", "-1", "x", "9" * 30, "99", "1.5", "٣"])
def test_an_odd_place_means_now(site, central, kiosk, after):
    kiosk.punches(1)
    central.hello(kiosk)
    central.batch(kiosk, 1)
    site.log_in()
    sent = []

    def enough(said):
        if "kiosks" in said and not sent:
            kiosk.punches(1, start=1)
            sent.append(central.batch(kiosk, 2))
        return 2 in ids(said)

    assert ids(site.stream("/events?after=" + after.replace("٣", "%D9%A3"), enough)) == [2]


def test_the_page_and_the_stream_say_when_it_really_was_and_keep_what_was_said(
    site, central, kiosk
):
    hour, boot = 3_600_000, "d" * 32
    wall = central.now = 1_795_478_400_000  # Tue 24 Nov 2026 07:00 in Jakarta, but for the truth
    at = entry.Stamp(wall=wall, up=hour, boot=boot, synced=False)
    central.admit(kiosk)
    kiosk.punch(at=at, time="2026-11-24T07:00:00", drift=0)
    later = entry.Stamp(wall=wall, up=2 * hour, boot=boot, synced=False)
    kiosk.add(entry.Clock(at=later, utc=wall - hour, error=9, anchor=entry.Anchor.TECHNICIAN))
    central.hello(kiosk)
    site.log_in()
    central.batch(kiosk, 1, 1)
    assert "jam kiosk belum pasti" in site.browser.get("/presences").text
    central.batch(kiosk, 2, 2)
    page = site.browser.get("/presences").text
    for said in (page, site.stream("/events?after=0", lambda came: "event: presence" in came)):
        assert "<b>07.00.00</b>" in said
        assert "sebenarnya 0" in said
        assert "detik" in said
        assert "jam kiosk belum pasti" not in said
    kiosk.add(entry.Clock(at=later, utc=wall + hour, error=9, anchor=entry.Anchor.RECEIPT))
    central.batch(kiosk, 3, 3)
    assert "jam diragukan" in site.browser.get("/presences").text
