"""The employee's screen in real Chromium: every state, in every size, in both languages.

The two-metre rule: what somebody must know at once (`.head`, `.time`) is written at 12 % of the
screen's shorter side or larger. On a 7-inch screen (86 mm high) that is a letter of 10 mm, 13
minutes of arc for a capital at two metres: twice what a healthy eye needs.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page
from screen_browser import SIZES, chromium, opened, turn, violations
from screen_stage import Stage
from screen_states import CHANGED, STATES, back, bring, settled

pytestmark = pytest.mark.slow

TWO_METRES = 0.12
TOUCH_PX = 64
EXTREMES = ("7-inch", "24-inch-upright")
"""The smallest lying and the largest upright: contrast does not depend on the size."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture(scope="module", params=["id", "en"])
def stage(request, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A screen whose results stay until a test has looked at them."""
    more = f'language = "{request.param}"\nresult_s = 10.0'
    with Stage(tmp_path_factory.mktemp("screen"), more) as one:
        yield one


def overflows(page: Page) -> list[str]:
    """Return what of the visible text or shapes is outside of the screen, or cut off."""
    return page.evaluate(
        """() => [...document.querySelectorAll('h1, h2, p, b, button, li, svg, span')]
            .filter(e => e.id !== 'spoken' && e.checkVisibility() && e.getClientRects().length)
            .filter(e => {
                const r = e.getBoundingClientRect();
                const row = e.closest('li')?.getBoundingClientRect();
                return r.left < -1 || r.top < -1 || r.right > (row?.right ?? innerWidth) + 1
                    || r.bottom > (row?.bottom ?? innerHeight) + 1;
            })
            .map(e => `${e.tagName} ${e.id} ${e.className.baseVal ?? e.className}`)"""
    )


def overlaps(page: Page) -> list[str]:
    """Return which parts of the page at rest lie over each other."""
    return page.evaluate(
        """() => {
            const parts = ['header', '#greeting', '#clock', '#date', '#trust', '#invite',
                '#notices', 'footer']
                .map(s => document.querySelector(s))
                .filter(e => e.checkVisibility() && e.getBoundingClientRect().height);
            return parts.slice(1).map((e, n) => [parts[n], e])
                .filter(([a, b]) =>
                    a.getBoundingClientRect().bottom > b.getBoundingClientRect().top + 2)
                .map(([a, b]) => `${a.id || a.tagName} over ${b.id || b.tagName}`);
        }"""
    )


@pytest.fixture(scope="module")
def looked_at(stage: Stage, browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """One page, and all that it complains about."""
    complaints: list[str] = []
    page = opened(browser, stage.address)
    page.on("console", lambda said: complaints.append(_said(said)))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page, complaints
    page.close()


@pytest.mark.parametrize("state", sorted(STATES, key=lambda state: state in CHANGED))
def test_every_state_fits_is_read_from_two_metres_and_is_accessible(
    stage: Stage, looked_at: tuple[Page, list[str]], state: str
) -> None:
    page, complaints = looked_at
    wrong: list[tuple[str, object]] = []
    turn(page, "7-inch")
    try:
        bring(state, stage, page)
        for size in SIZES:
            turn(page, size)
            settled(page)
            wrong += [(size, one) for one in (*overflows(page), *overlaps(page), *small(page))]
            if size in EXTREMES:
                wrong += [(size, one) for one in violations(page)]
    finally:
        back(stage, page)
    assert wrong == []
    # Which the browser says of a stream that ended with the page.
    assert [one for one in complaints if "/events" not in one] == []


def small(page: Page) -> list[str]:
    """Return what is too small to be read, or to be touched."""
    return page.evaluate(
        """([part, px]) => {
            const seen = e => e.checkVisibility() && e.textContent;
            const size = e => parseFloat(getComputedStyle(e).fontSize);
            const least = part * Math.min(innerWidth, innerHeight) - 0.01;
            const read = [...document.querySelectorAll('.head, .time')]
                .filter(e => seen(e) && size(e) < least)
                .map(e => `${e.className} at ${size(e)} px`);
            const touched = [...document.querySelectorAll('button')].filter(seen)
                .map(e => [e, e.getBoundingClientRect()])
                .filter(([, r]) => Math.min(r.width, r.height) < px)
                .map(([e, r]) => `button ${e.id} of ${r.width} x ${r.height} px`);
            return [...read, ...touched];
        }""",
        [TWO_METRES, TOUCH_PX],
    )


def _said(message: ConsoleMessage) -> str:
    return f"{message.type}: {message.text}"
