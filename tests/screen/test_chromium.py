"""The employee's screen in real Chromium: every state, in every size, in both languages.

The two-metre rule: what somebody must know at once (`.head`, `.time`) is written at 12 % of the
screen's shorter side or larger. On a 7-inch screen (86 mm high) that is a letter of 10 mm, 13
minutes of arc for a capital at two metres: twice what a healthy eye needs.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page
from screen_browser import AXE, SIZES, chromium, opened, turn, until
from screen_stage import MORNING, Stage, recorded, status
from screen_states import CHANGED, STATES, answered, back, bring, heard, mine, settled

from kiosk.duty import Told
from kiosk.screen.pace import LEAST_S
from sync.protocol.entry import Mark

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


@pytest.fixture
def brisk(tmp_path: Path) -> Iterator[Stage]:
    """A screen as it is delivered."""
    with Stage(tmp_path) as one:
        yield one


def overflows(page: Page) -> list[str]:
    """Return what of the visible text or shapes is outside of the screen, or cut off."""
    return page.evaluate(
        """() => [...document.querySelectorAll('h1, h2, p, b, button, li, svg, span')]
            .filter(e => e.id !== 'spoken' && e.checkVisibility() && e.getClientRects().length)
            .filter(e => {
                const r = e.getBoundingClientRect();
                return r.left < -1 || r.top < -1 || r.right > innerWidth + 1
                    || r.bottom > innerHeight + 1;
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


def smallest(page: Page, selector: str) -> float:
    """Return the smallest writing among these, as a part of the screen's shorter side."""
    return page.evaluate(
        """(selector) => Math.min(...[...document.querySelectorAll(selector)]
            .filter(e => e.checkVisibility() && e.textContent)
            .map(e => parseFloat(getComputedStyle(e).fontSize)))
            / Math.min(innerWidth, innerHeight)""",
        selector,
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
    found = []
    for layer in ("#result", "#prompt"):
        if page.locator(layer).is_visible():
            part = smallest(page, f"{layer} .head, {layer} .time")
            found += [] if part >= TWO_METRES - 1e-6 else [f"{layer} at {part:.3f}"]
    for button in page.locator("button:visible").all():
        box = button.bounding_box()
        if box is None or min(box["height"], box["width"]) < TOUCH_PX:
            found.append(f"button {button.inner_text()} {box}")
    return found


def _said(message: ConsoleMessage) -> str:
    return f"{message.type}: {message.text}"


def violations(page: Page) -> list[str]:
    """Return what axe-core finds; it is given the page by the debugger, not by the page."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text() + "; undefined")
    found = page.evaluate("() => axe.run({resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def test_the_next_person_interrupts_and_the_screen_rests_again(
    brisk: Stage, browser: Browser
) -> None:
    page = opened(browser, brisk.address)
    brisk.tell(recorded(name="Siti"))
    page.wait_for_selector("#result[data-tone=good]")
    page.wait_for_timeout(1000 * LEAST_S)
    brisk.tell(recorded(None, "", mark=Mark.STRANGER, person=None))
    page.wait_for_selector("#result[data-tone=bad]")
    assert page.inner_text("#result .head") == "Tidak dikenal"
    assert page.locator("#result .name").text_content() == ""
    began = page.evaluate("performance.now()")
    page.wait_for_selector("#result", state="hidden", timeout=4000)
    assert page.evaluate("performance.now()") - began > 1500
    page.close()


def test_a_crowd_is_counted(brisk: Stage, browser: Browser) -> None:
    page = opened(browser, brisk.address)
    for n in range(5):
        brisk.tell(recorded(name=f"Pegawai {n}"))
    page.wait_for_selector(".folded:not(:empty)")
    assert page.inner_text(".folded") == "+3 presensi lain tersimpan"
    assert page.inner_text("#result .name") == "Pegawai 4"
    page.close()


def test_a_touch_changes_the_language_and_it_comes_back(brisk: Stage, browser: Browser) -> None:
    page = opened(browser, brisk.address)
    page.clock.install()
    page.reload()
    until(page, "document.getElementById('away').hidden")
    page.click("#switch")
    assert page.inner_text("#ask") == "Did my punch count?"
    assert page.get_attribute("html", "lang") == "en"
    assert page.inner_text("#time") == "07:28"
    page.clock.run_for(29_000)
    assert page.get_attribute("html", "lang") == "en"
    page.clock.run_for(2_000)
    assert page.get_attribute("html", "lang") == "id"
    assert page.inner_text("#ask") == "Apakah presensi saya tercatat?"
    page.close()


def test_the_clock_is_the_daemons_and_counts_on(brisk: Stage, browser: Browser) -> None:
    """Whatever the browser thinks the time is."""
    page = opened(browser, brisk.address)
    heard(page)
    shown = page.evaluate("[now.utc + performance.now() - now.heard]")[0]
    assert abs(shown - brisk.status.clock.utc) < 500
    assert page.inner_text("#time") == "07.28"
    first = page.inner_text("#seconds")
    until(page, f"document.getElementById('seconds').textContent !== '{first}'", 2)
    assert page.inner_text("#zone") == "WIB"
    page.close()


def test_at_midnight_the_date_changes_with_the_clock(brisk: Stage, browser: Browser) -> None:
    page = opened(browser, brisk.address)
    midnight = MORNING - MORNING % 86_400_000 + 17 * 3_600_000
    brisk.status = status(clock__utc=midnight - 4000)
    heard(page)
    assert page.inner_text("#date") == "Selasa, 24 November 2026"
    until(page, "document.getElementById('time').textContent === '00.00'")
    assert page.inner_text("#date") == "Rabu, 25 November 2026"
    page.close()


def test_a_clock_that_hears_nothing_is_grey_and_says_so(brisk: Stage, browser: Browser) -> None:
    page = opened(browser, brisk.address)
    assert "unsure" not in (page.get_attribute("body", "class") or "")
    os.kill(brisk.pid, signal.SIGSTOP)  # it hangs: the connection stays
    try:
        until(page, "document.body.classList.contains('unsure')", 12)
        assert page.inner_text("#trust-word").startswith("Jam belum pasti")
        assert page.inner_text("#invite") == "Layar tidak menerima kabar dari alat"
    finally:
        os.kill(brisk.pid, signal.SIGCONT)
    until(page, "!document.body.classList.contains('unsure')")
    page.close()


def test_a_restart_of_the_daemon_is_survived(brisk: Stage, browser: Browser) -> None:
    page = opened(browser, brisk.address)
    brisk.stop_daemon()
    page.wait_for_selector("#away:not([hidden])")
    assert page.inner_text("#away-head") == "Alat sedang dimulai"
    brisk.start_daemon()
    page.wait_for_selector("#away", state="hidden")
    brisk.tell(recorded())
    page.wait_for_selector("#result:not([hidden])")
    page.close()


def test_did_my_punch_count(brisk: Stage, browser: Browser) -> None:
    page, other = opened(browser, brisk.address), opened(browser, brisk.address)
    answered(brisk, page)
    assert page.locator("#mine-lines li").count() == 10
    first = page.locator("#mine-lines li").first.inner_text().split("\n")
    assert first == ["07.28", "Masuk", "Sel 24 Nov", "masih di alat ini", "3f9c2a·1042"]
    assert page.locator("#mine-lines li.has").count() == 9
    assert other.locator("#mine").is_hidden()
    page.click("#close")
    page.wait_for_selector("#mine", state="hidden")
    brisk.tell(recorded())  # who comes next has not asked
    page.wait_for_selector("#result:not([hidden])")
    assert page.locator("#mine").is_hidden()
    page.close()
    other.close()


def test_a_name_is_text(brisk: Stage, browser: Browser) -> None:
    page = opened(browser, brisk.address)
    name = "<img src=x onerror=alert(1)>"
    brisk.owns(mine(name=name))
    brisk.tell(recorded(name=name))
    page.wait_for_selector("#result:not([hidden])")
    assert page.inner_text("#result .name") == name
    assert page.locator("img").count() == 0
    page.close()


def test_a_result_is_read_aloud_and_heard(brisk: Stage, browser: Browser) -> None:
    page = opened(browser, brisk.address)
    page.evaluate(
        """() => {
            window.heard = [];
            const start = OscillatorNode.prototype.start;
            OscillatorNode.prototype.start = function (at) {
                window.heard.push(this.frequency.value);
                return start.call(this, at);
            };
        }"""
    )
    until(page, "sound.state === 'running'")
    brisk.tell(recorded(Told(side="masuk", minutes=11, code="TL1")))
    page.wait_for_selector("#result[data-tone=late]")
    assert "Siti Rahmawati. Masuk. 07.28. terlambat 11" in page.inner_text("#spoken")
    assert len(page.evaluate("heard")) == 2
    page.wait_for_timeout(1000 * LEAST_S)
    brisk.tell(recorded())
    page.wait_for_selector("#result[data-tone=good]")
    assert len(page.evaluate("heard")) == 3
    page.close()


def test_who_wants_no_motion_gets_none(brisk: Stage, browser: Browser) -> None:
    page = opened(browser, brisk.address)
    page.emulate_media(reduced_motion="reduce")
    brisk.tell(recorded())
    page.wait_for_selector("#result:not([hidden])")
    assert page.evaluate("document.getAnimations().length") == 0
    page.close()


def test_the_pointer_goes_where_nobody_points(brisk: Stage, browser: Browser) -> None:
    page = opened(browser, brisk.address)
    cursor = "getComputedStyle(document.body).cursor"
    assert page.evaluate(cursor) == "none"
    page.mouse.move(100, 100)
    assert page.evaluate(cursor) != "none"
    until(page, f"{cursor} === 'none'")
    page.close()
