"""An employee's code in real Chromium on a phone: a scanner reads what is on the glass, in the dark
as well, and another code comes by itself.
"""

import threading
import time
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
import uvicorn
from playwright.sync_api import Browser, Page
from scanner import scanned
from screen_browser import AXE, chromium
from site_parts import PASSWORD, Site
from small_town import Town

from sync.central.roles import Role
from sync.protocol import employeecode
from sync.protocol.employeecode import EmployeeCode

pytestmark = pytest.mark.slow


@pytest.fixture
def address(lite: Any, make_kiosk: Any) -> Iterator[str]:
    """The pages on loopback, with an account of Ayu's."""
    Town(lite, make_kiosk)
    site = Site(lite)
    site.add_account("1", Role.EMPLOYEE)
    config = uvicorn.Config(site.app, port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


def logged_in(browser: Browser, address: str, scheme: Any) -> Page:
    page = browser.new_page(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page.goto(f"{address}/login")
    page.fill("input[name=name]", "1")
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(f"{address}/code")
    return page


def shown(page: Page, lite: Any) -> EmployeeCode:
    shot = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    return employeecode.decode(scanned(shot), [lite.authority.public])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_scanner_reads_the_glass(browser: Browser, address: str, lite: Any, scheme: str) -> None:
    page = logged_in(browser, address, scheme)
    try:
        assert shown(page, lite).person == "1"
        page.evaluate(AXE.read_text() + "; undefined")
        found = page.evaluate("() => axe.run({resultTypes: ['violations'], preload: false})")
        assert [one["id"] for one in found["violations"]] == []
        wide = page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0
    finally:
        page.context.close()


def test_another_code_comes_by_itself(
    browser: Browser, address: str, lite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.central.web.code.RENEW_S", 1)
    page = logged_in(browser, address, "light")
    try:
        first = shown(page, lite)
        page.wait_for_url(f"{address}/code?n=2")
        assert shown(page, lite).number != first.number
    finally:
        page.context.close()
