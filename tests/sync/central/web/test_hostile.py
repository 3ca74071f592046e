"""What a hostile browser sends: it is answered, never with a bug, and it leaves its trace."""

import asyncio
import threading
from typing import Any

import httpx
import pytest
from site_parts import ORIGIN, PASSWORD, Site, Wire
from small_town import Town
from starlette.applications import Starlette
from starlette.routing import Route

from sync import passwords
from sync.central import accounts
from sync.central.exits import Refused
from sync.central.roles import Role
from sync.central.settings import Web
from sync.central.web import login
from sync.central.web.app import app
from sync.central.web.asked import MAX_ADDRESS, Asked
from sync.central.web.site import Site as WebSite
from sync.shield import Shield

PAGES = (
    "/", "/units/{}", "/units/{}/recap", "/units/{}/recap.csv", "/units/{}/events",
    "/people/{}", "/people?q={}", "/presences?terminal={}", "/presences?person={}&mark={}",
    "/looks?account={}&viewed={}", "/recap?month={}", "/units/dinkes?day={}",
    "/units/dinkes?sort={}", "/api/v1/units/{}/days/{}", "/api/v1/presences?after={}",
    "/{}", "/static/{}", "/login?next={}",
)  # fmt: skip

ODD = (
    "", "..%2F..%2Fetc%2Fpasswd", "%00", "x%00y", "%ff%fe", "%ED%A0%80", "'%22%3E%3Cscript%3E",
    "%D9%A1", "2026-02-29", "2026-11-3%D9%A1", "9" * 30, "%0d%0aSet-Cookie:x=1", "%zz", "a" * 900,
    "%5C", "%23", ";a=b",
)  # fmt: skip


@pytest.fixture
def site(lite: Any, make_kiosk: Any) -> Site:
    Town(lite, make_kiosk).morning()
    return Site(lite)


def raw(path: str, **more: Any) -> httpx.URL:
    """Return an address as it is, with nothing put right."""
    before, _, query = path.partition("?")
    target = before.encode() + (b"?" + query.encode() if query else b"")
    return httpx.URL(scheme="http", host="testserver", raw_path=target, **more)


def test_no_address_finds_a_bug_and_every_answer_is_shielded(site: Site) -> None:
    site.log_in()
    for page in PAGES:
        for odd in ODD:
            path = page.replace("{}", odd)
            answer = site.browser.get(raw(path))
            assert answer.status_code in (200, 303, 307, 400, 401, 404, 414), (path, answer.text)
            assert "default-src 'none'" in answer.headers["content-security-policy"], path
            assert answer.headers["x-content-type-options"] == "nosniff"
            if not path.startswith("/static/"):
                assert answer.headers["cache-control"] == "no-store", path
            assert "Traceback" not in answer.text
            assert "set-cookie" not in answer.headers
            assert "://" not in answer.headers.get("location", ""), path


def test_no_database_is_asked_for_what_it_cannot_have(central: Any) -> None:
    site = Site(central)
    site.log_in()
    for path in ("/presences?person=%00", "/looks?account=x%00", "/people?q=%00", "/people/%00"):
        assert site.browser.get(raw(path)).status_code == 400, path
    for path in ("/presences?person=%ED%A0%80", "/looks?viewed=%ff", "/people?q=%ff"):
        assert site.browser.get(raw(path)).status_code == 200, path
    assert site.log_in(name="admin\0").status_code == 401


def test_what_is_looked_at_stands_whole_in_the_log(site: Site) -> None:
    site.log_in()
    tail = f"/people?x={'y' * 600}&q=Ayu"
    assert site.browser.get(tail).status_code == 200
    assert site.browser.get("/people/a%3Fb%23c").status_code == 404
    site.browser.get("/people/2", headers={"host": "h/other?x#"})
    assert [one.split(" ", 1)[1] for one in site.looks()] == [
        tail,
        "/people/a%3Fb%23c",
        "/people/2",
    ]
    long = site.browser.get("/people?q=Ayu&x=" + "y" * MAX_ADDRESS)
    assert (long.status_code, len(site.looks())) == (414, 3)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "POST"])
def test_odd_methods_change_nothing(site: Site, method: str) -> None:
    site.log_in()
    for path in ("/", "/units/dinkes", "/accounts", "/people/2", "/api/v1/units"):
        answer = site.browser.request(method, path)
        assert answer.status_code < 500, (method, path)
        assert "content-security-policy" in answer.headers


def test_a_head_of_a_stream_ends(site: Site) -> None:
    site.log_in()
    for path in ("/events", "/events/city", "/units/dinkes/events", "/units/dinkes/recap/events"):
        answer = site.browser.head(path)
        assert (answer.status_code, answer.content) == (200, b""), path
        assert answer.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize("origin", ["http://[", "null", "", "http://testserver.evil", "testserver"])
def test_a_form_of_no_address_is_refused(site: Site, origin: str) -> None:
    answer = site.log_in(headers={"origin": origin})
    assert answer.status_code == 403


def test_a_form_with_half_a_character_or_a_nul_is_refused(site: Site) -> None:
    assert site.log_in(name="admin\0").status_code == 401
    multipart = (
        b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n\\ud800\r\n'
        b'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\nx\r\n--b--\r\n'
    )
    kind = "multipart/form-data; charset=unicode_escape; boundary=b"
    answer = site.browser.post(
        "/login", content=multipart, headers={**ORIGIN, "content-type": kind}
    )
    assert answer.status_code in (400, 401)
    site.log_in()
    form = {"do": "add", "name": "siti\0", "role": "reader", "reason": "a\0bcdef"}
    assert site.browser.post("/accounts", data=form, headers=ORIGIN).status_code == 400


def test_a_bug_of_ours_says_nothing_and_is_shielded() -> None:
    def fail(_: Any) -> None:
        raise ValueError("secret")

    wrapped = Shield(Asked(Starlette(routes=[Route("/", fail)])))

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(wrapped, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport) as browser:
            return await browser.get("http://testserver/")

    answer = asyncio.run(ask())
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "content-security-policy" in answer.headers


def test_the_cookie_is_kept_from_others(lite: Any) -> None:
    site = Site(lite)
    given = [lite.store, lite.bell, Web(https=True), lite.clock, site.site.line,
             lite.decisions, lite.authority]  # fmt: skip
    site.app = app(WebSite(*given))
    site.browser = httpx.Client(transport=Wire(site.app), base_url="https://testserver")
    site.browser.cookies.set("presensi", "of-an-attacker", domain="testserver")
    answer = site.log_in(headers={"origin": "https://testserver"})
    said = answer.headers["set-cookie"].lower()
    for word in ("secure", "httponly", "samesite=strict", "path=/"):
        assert word in said
    assert "domain" not in said
    assert "of-an-attacker" not in said  # no session that somebody chose for another
    assert answer.headers["location"] == "/"


def test_of_two_cookies_one_counts_and_neither_is_a_bug(site: Site) -> None:
    site.log_in()
    good = site.browser.cookies["presensi"]
    for cookie in (f"presensi=x; presensi={good}", f"presensi={good}; presensi=x", "presensi", "="):
        answer = httpx.Client(transport=Wire(site.app), base_url="http://testserver").get(
            "/people", headers={"cookie": cookie}
        )
        assert answer.status_code in (200, 303), cookie


def test_many_guesses_at_once_are_no_more_than_may_fail(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them pass the first question: they are asked again when they were weighed."""
    many = 12
    together = threading.Barrier(many)

    def weighed(secret: Any, password: str) -> bool:
        together.wait(10)  # nobody is answered before all were let in
        return passwords.fits(secret, password)

    monkeypatch.setattr(login, "fits", weighed)
    lock, answers = threading.Lock(), list[int]()
    door = site.site.door

    class Asking:
        class client:
            host = "10.0.0.1"

    def guess(password: str) -> None:
        request = Asking()
        status = door._enter(request, "admin", password).status_code  # type: ignore[arg-type]
        with lock:
            answers.append(status)

    monkeypatch.setattr(door, "_ask", lambda _, __, status: httpx.Response(status))
    guesses = [threading.Thread(target=guess, args=(f"x{number}",)) for number in range(many)]
    for one in guesses:
        one.start()
    for one in guesses:
        one.join(20)
    assert sorted(answers)[:1] == [401]
    assert answers.count(401) <= passwords.MAX_FAILURES
    assert answers.count(429) == many - answers.count(401)


def test_the_last_admin_stays_one(site: Site, lite: Any) -> None:
    site.log_in()
    form = {"do": "set", "name": "admin", "role": "reader", "reason": "by mistake"}
    answer = site.browser.post("/accounts", data=form, headers=ORIGIN)
    assert answer.status_code == 400
    assert "last admin" in answer.text
    assert site.browser.get("/accounts").status_code == 200
    with lite.store.writing() as tx:
        accounts.set_account(tx, lambda *_, **__: None, "dua", None, 1, replace=False)
        accounts.set_account(
            tx, lambda *_, **__: None, "admin", None, 1, role=Role.READER, replace=True
        )
        with pytest.raises(Refused):
            accounts.set_account(
                tx, lambda *_, **__: None, "dua", None, 1, role=Role.READER, replace=True
            )


def test_who_is_logged_in_with_a_wrong_password_is_still_the_same(site: Site) -> None:
    site.log_in()
    assert site.log_in("wrong").status_code == 401
    assert site.browser.get("/people").status_code == 200
    assert site.log_in(PASSWORD).status_code == 303
