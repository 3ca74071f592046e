"""Central's pages in real Chromium: nothing that axe-core finds, nothing wider than the screen,
what is live comes by itself, and nothing is asked of anybody else.
"""

from collections.abc import Iterator
from datetime import date

import httpx
import pytest
from pages import served
from pictures_central import PAGES, SIZES
from playwright.sync_api import Browser, Page, Request
from screen_browser import AXE, chromium
from stand import year

from sync.central.store import Store

pytestmark = pytest.mark.slow

FIRST, LAST = date(2026, 11, 23), date(2026, 11, 26)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A city that has punched for three days and a half, and somebody who is logged in."""
    home = tmp_path_factory.mktemp("central")
    year.fill(home / "central.db", FIRST, LAST)
    store = Store(home / "central.db")
    store.open()
    try:
        with served(store, home / "journal") as browser:
            yield browser
    finally:
        store.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


def opened(browser: Browser, site: httpx.Client, path: str, size: str, scheme: str) -> Page:
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    address = str(site.base_url)
    page.context.add_cookies(
        [{"name": name, "value": value, "url": address} for name, value in site.cookies.items()]
    )
    page.goto(address + path, wait_until="load")
    return page


def violations(page: Page) -> list[str]:
    """Return what axe-core finds; it is given the page by the debugger, not by the page."""
    page.evaluate(AXE.read_text() + "; undefined")
    found = page.evaluate("() => axe.run({resultTypes: ['violations'], preload: false})")
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


@pytest.mark.parametrize(("size", "scheme"), [("desk", "light"), ("phone", "dark")])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_for_everybody_and_fits(
    site: httpx.Client, browser: Browser, name: str, size: str, scheme: str
) -> None:
    page = opened(browser, site, PAGES[name], size, scheme)
    try:
        # What arrives afterwards is part of it.
        page.wait_for_timeout(300)
        assert violations(page) == []
        wide = page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{wide} px wider than the screen"
    finally:
        page.context.close()


def test_no_page_asks_anything_of_anybody_else(site: httpx.Client, browser: Browser) -> None:
    page = opened(browser, site, "/alarms", "desk", "light")
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("request", note)
    for path in PAGES.values():
        page.goto(str(site.base_url) + path, wait_until="load")
    page.context.close()
    assert asked
    assert all(one.startswith(str(site.base_url)) for one in asked)


def test_the_city_s_figures_come_by_themselves(site: httpx.Client, browser: Browser) -> None:
    page = opened(browser, site, "/", "desk", "light")
    page.wait_for_function("() => !document.body.innerText.includes('edang dihitung')")
    assert page.locator("tbody tr").count() >= year.UNITS
    page.context.close()
