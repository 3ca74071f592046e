"""Debian's Chromium, as a kiosk would run it but for its window."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"

AXE = Path(__file__).parents[2] / ".peers" / "node" / "node_modules" / "axe-core" / "axe.min.js"

SIZES = {
    "7-inch": (800, 480),
    "7-inch-wide": (1024, 600),
    "24-inch": (1920, 1080),
    "7-inch-upright": (480, 800),
    "24-inch-upright": (1080, 1920),
}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run one."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        try:
            yield browser
        finally:
            browser.close()


def opened(browser: Browser, address: str, size: str = "7-inch") -> Page:
    """Open the page at rest, in one of `SIZES`."""
    page = browser.new_page()
    turn(page, size)
    page.goto(address)
    until(page, "document.getElementById('away').hidden")
    return page


def turn(page: Page, size: str) -> None:
    """Give the page another one of `SIZES`."""
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})


def until(page: Page, holds: str, within_s: float = 10.0) -> None:
    """Wait until an expression holds. Playwright's own way of that needs a weaker policy (CSP)."""
    until_s = time.monotonic() + within_s
    while not page.evaluate(f"() => Boolean({holds})"):
        assert time.monotonic() < until_s, f"within {within_s:g} s it never held that {holds}"
        page.wait_for_timeout(20)


def violations(page: Page) -> list[str]:
    """Return what axe-core finds; it is given the page by the debugger, not by the page."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text() + "; undefined")
    found = page.evaluate("() => axe.run({resultTypes: ['violations'], preload: false})")
    return [
        f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]
