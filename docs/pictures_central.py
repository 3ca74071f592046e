"""Pictures of central's pages: a city of 2,404 people after five weeks, at noon.

Filled through central's own desk (bench/stand/year.py), served and looked at by Chromium.
"""

import tempfile
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from enrolling_device import Device
from pages import served
from screen_browser import chromium, until
from stand import year

from sync.central.store import Store
from sync.protocol.enrolment import ASK_PATH, Asked, decode

PICTURES = Path(__file__).parent / "pictures"

FIRST, LAST = date(2026, 10, 19), date(2026, 11, 26)
MONTH = "2026-11"
PERSON = year.who(5)

SIZES = {"desk": (1280, 900), "phone": (390, 844)}

PAGES = {
    "today": "/",
    "unit": "/units/unit-05",
    "person": f"/people/{PERSON}?month={MONTH}",
    "recap": f"/units/unit-05/recap?month={MONTH}",
    "city-recap": f"/recap?month={MONTH}",
    "people": "/people?q=siti",
    "review": "/review",
    "strangers": "/strangers?days=31",
    "times": "/times",
    "pairs": f"/pairs?month={MONTH}",
    "proposals": "/proposals",
    "absence": f"/absences/new?person={PERSON}&day=2026-11-25",
    "paper": f"/papers/new?person={PERSON}&day=2026-11-25",
    "papers": "/papers",
    "closings": "/closings?month=2026-10",
    "presences": "/presences",
    "alarms": "/alarms",
    "accounts": "/accounts",
    "kiosks": "/kiosks",
    "looks": "/looks",
}
"""What there is to see."""

CHOSEN = [("today", "desk"), ("unit", "desk"), ("unit", "phone"), ("person", "desk"),
          ("recap", "desk"), ("strangers", "desk"), ("kiosks", "desk")]  # fmt: skip
"""What README and docs show."""


def make(to: Path | None, pages: Sequence[str], sizes: Sequence[str]) -> Iterator[Path]:
    """Make the pictures and yield their paths."""
    if to is None:
        wanted, to = CHOSEN, PICTURES
    else:
        wanted = [(page, size) for page in pages or PAGES for size in sizes or SIZES]
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        year.fill(home / "central.db", FIRST, LAST)
        store = Store(home / "central.db")
        store.open()
        try:
            with served(store, home / "journal") as browser, chromium() as eyes:
                _wait_at(browser)
                yield from _pictures(to, wanted, browser, eyes)
        finally:
            store.close()


def _wait_at(browser) -> None:
    """Let a device ask to be let in."""
    device = Device("kiosk-puskesmas-01")
    asked = decode(browser.post(ASK_PATH, content=device.asking()).content, Asked)
    browser.post(f"{ASK_PATH}/{asked.ticket}", content=device.revealing())


def _pictures(to: Path, wanted: Sequence[tuple[str, str]], browser, eyes) -> Iterator[Path]:
    for page, size in wanted:
        width, height = SIZES[size]
        seen = eyes.new_page(viewport={"width": width, "height": height})
        cookies = [
            {"name": name, "value": value, "url": str(browser.base_url)}
            for name, value in browser.cookies.items()
        ]
        seen.context.add_cookies(cookies)
        seen.goto(str(browser.base_url) + PAGES[page], wait_until="load")
        until(seen, "!document.body.innerText.includes('edang dihitung')", 60.0)  # it comes live
        seen.wait_for_timeout(300)
        path = to / f"central-{page}-{size}.png"
        seen.screenshot(path=path)
        yield path
        seen.context.close()
