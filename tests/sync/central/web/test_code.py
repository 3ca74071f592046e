"""An employee's own page: their code and nothing else; a scanner reads it, a kiosk believes it."""

import re
from typing import Any

import cv2
import numpy as np
import pytest
from scanner import scanned
from site_parts import Site
from small_town import Town
from starlette.routing import Route

from sync.central import accounts, qr
from sync.central.exits import Refused
from sync.central.roles import EVERY, Role
from sync.central.web.app import routed
from sync.central.web.code import RENEW_S, SHOWN_MOST
from sync.protocol import employeecode
from sync.protocol.employeecode import Holds, Kind


@pytest.fixture
def site(lite: Any, make_kiosk: Any) -> Site:
    Town(lite, make_kiosk)
    made = Site(lite)
    made.add_account("1", Role.EMPLOYEE)
    made.log_in(name="1")
    return made


def read(page: str) -> str:
    """Return what a scanner reads of the page's symbol: its path, drawn and decoded by OpenCV."""
    found = re.search(r'viewBox="0 0 (\d+) \1" role="img"', page)
    assert found
    size, scale = int(found[1]), 8
    picture = np.full((size, size), 255, np.uint8)
    for x, y in re.findall(r"M(\d+),(\d+)h1v1h-1z", page):
        picture[int(y), int(x)] = 0
    picture = np.kron(picture, np.ones((scale, scale), np.uint8))
    return scanned(picture)


def test_the_code_on_the_page_is_theirs_and_holds_now(site: Site, lite: Any) -> None:
    page = site.browser.get("/code")
    assert page.status_code == 200
    assert "no-store" in page.headers["cache-control"]
    assert "Ayu" in page.text
    text = read(page.text)
    code = employeecode.decode(text, [lite.authority.public])
    assert (code.person, code.kind) == ("1", Kind.ONCE)
    assert code.holds(lite.now / 1000) is Holds.NOW
    assert code.holds(lite.now / 1000 + RENEW_S) is Holds.NOW, "until the next one is shown"
    assert text not in page.text


def test_each_look_brings_another(site: Site, lite: Any) -> None:
    keys = [lite.authority.public]
    numbers = {
        employeecode.decode(read(site.browser.get(f"/code?n={n}").text), keys).number
        for n in range(SHOWN_MOST)
    }
    assert len(numbers) == SHOWN_MOST


def test_a_phone_that_lies_about_shows_nobodys_code(site: Site) -> None:
    page = site.browser.get(f"/code?n={SHOWN_MOST}").text
    assert 'role="img"' not in page
    assert "code.js" not in page
    assert 'href="/code"' in page
    for nonsense in ("x", "-1", "1e9", "٣"):
        assert site.browser.get("/code", params={"n": nonsense}).status_code == 200


def test_an_employee_sees_nothing_else(site: Site) -> None:
    """Whatever pages there are: not one name of another, and no change."""
    answer = site.browser.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/code")
    asked = 0
    for route in routed(site.site).routes:
        if not isinstance(route, Route) or route.path in ("/", "/code", "/login", "/logout"):
            continue
        path = route.path.replace("{unit:path}", "dinkes").replace("{person:path}", "2")
        path = re.sub(r"\{[^}]*:int\}", "1", path).replace("{month}", "2026-11")
        path = re.sub(r"\{[^}]*\}", "x", path)
        if path in ("/api/v1/openapi.json", "/healthz"):
            continue
        for method in (route.methods or {"GET"}) - {"HEAD"}:
            answer = site.browser.request(
                method, path, headers={"origin": "http://testserver"}, follow_redirects=False
            )
            asked += 1
            assert answer.status_code in (401, 403, 404, 405, 413), (method, path)
            for name in ("Budi", "Wayan", "Dinas"):
                assert name not in answer.text, (method, path)
    assert asked > 40


def test_nobody_else_has_a_code(site: Site) -> None:
    assert Role.EMPLOYEE not in EVERY
    site.log_in(name="admin")
    assert site.browser.get("/code").status_code == 403
    site.browser.cookies.clear()
    assert site.browser.get("/code").status_code == 303


def test_who_is_in_the_roster_no_more_has_none(site: Site) -> None:
    site.add_account("99", Role.EMPLOYEE)
    site.log_in(name="99")
    answer = site.browser.get("/code")
    assert answer.status_code == 404
    assert "tidak ada lagi di daftar pegawai" in answer.text


def test_an_employees_account_is_called_as_they_are_in_the_roster(site: Site, lite: Any) -> None:
    decided: list[str] = []

    def decide(_: Any, action: str, subject: str, **__: Any) -> None:
        decided.append(f"{action} {subject}")

    with lite.store.writing() as tx:
        accounts.set_account(tx, decide, "2", None, 1, role=Role.EMPLOYEE, replace=False)
        with pytest.raises(Refused, match="'siti' is nobody's there"):
            accounts.set_account(tx, decide, "siti", None, 1, role=Role.EMPLOYEE, replace=False)
        with pytest.raises(Refused, match="has units"):
            accounts.set_account(
                tx, decide, "3", None, 1, role=Role.EMPLOYEE, units=["dinkes"], replace=False
            )
        with pytest.raises(Refused, match="a program reads by a `reader`'s account"):
            accounts.add_token(tx, decide, "2", "SIAP", 1)
    assert decided == ["add account 2"]


def test_a_png_is_read_too() -> None:
    text = "P1:" + "ABCDEFG234567" * 13
    picture = cv2.imdecode(np.frombuffer(qr.png(text), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert scanned(picture) == text
