"""How the employee's screen behaves in real Chromium, as it is delivered."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from screen_browser import chromium, opened, until
from screen_stage import MORNING, Stage, recorded, status
from screen_states import answered, heard, mine

from kiosk.duty import Told
from kiosk.screen.pace import LEAST_S
from sync.protocol.entry import Mark

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture
def brisk(tmp_path: Path) -> Iterator[Stage]:
    """A screen as it is delivered."""
    with Stage(tmp_path) as one:
        yield one


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
