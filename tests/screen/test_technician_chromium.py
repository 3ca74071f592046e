"""The technician's page in real Chromium, and over real HTTP what a stranger may try."""

import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page
from screen_browser import AXE, chromium, until, violations
from screen_stage import source, status
from technician_stage import SIZES, TROUBLES, Workshop, entered, in_order, in_trouble, opened

from kiosk.screen.serve import CONNECTIONS_MOST
from sync.passwords import MAX_FAILURES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    with Workshop(tmp_path_factory.mktemp("technician")) as one:
        yield one


@pytest.fixture(autouse=True)
def order(stage: Workshop) -> None:
    stage.status, stage.troubles = in_order(), []
    stage.asked.clear()


def is_too_wide(page: Page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > innerWidth")


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_whoever_sees_badly_or_uses_a_phone_can_work_with_it(
    stage: Workshop, browser: Browser, size: str, scheme: str
) -> None:
    page = opened(stage, browser, size, scheme)
    try:
        assert violations(page) == []
        assert not is_too_wide(page)
    finally:
        page.close()
    stage.status, stage.troubles = in_trouble(), TROUBLES
    page = entered(stage, browser, size, scheme)
    try:
        assert violations(page) == []
        assert not is_too_wide(page)
    finally:
        page.close()


def test_what_changes_comes_by_itself_and_what_is_typed_or_marked_stays(
    stage: Workshop, browser: Browser
) -> None:
    stage.status = status(sources=[source("lobi", "no answer; check the cable"), source("gudang")])
    page = entered(stage, browser)
    try:
        page.select_option("[name=source]", "gudang")
        page.fill("[type=datetime-local]", "2026-11-24T07:28")
        page.evaluate(
            """() => getSelection().selectAllChildren(
                document.querySelector("[data-key='Terminal lobi'] .advice"))"""
        )
        stage.status = status(
            sources=[source("lobi", "no answer; check the cable"), source("gudang", "it went away")]
        )
        until(page, "document.body.innerText.includes('it went away')")
        assert page.input_value("[name=source]") == "gudang"
        assert page.input_value("[type=datetime-local]") == "2026-11-24T07:28"
        assert page.evaluate("String(getSelection())") == "no answer; check the cable"
        stage.status = status(sources=[source("lobi"), source("gudang")])
        until(page, "document.getElementById('whole').innerText.includes('baik')")
        page.click("button[value=read]")
        page.wait_for_selector(".told[role=status]")
        assert stage.asked == [("read", {"source": "gudang", "by": "rudi"})]
    finally:
        page.close()


def test_what_is_old_is_said_to_be_old(stage: Workshop, browser: Browser) -> None:
    page = entered(stage, browser)
    try:
        stage.stop_daemon()
        until(page, "!document.getElementById('stale').hidden")
        assert not AXE.exists() or violations(page) == []
        stage.start_daemon()
        until(page, "document.getElementById('stale').hidden")
    finally:
        if not stage.is_daemon_up:
            stage.start_daemon()
        page.close()


def test_whose_time_is_over_sees_the_door_and_sends_nothing_again(
    stage: Workshop, browser: Browser
) -> None:
    stage.them.add({"name": "budi", "by": "admin", "password": "rahasia-juga"})
    page = opened(stage, browser)
    try:
        page.fill("[name=name]", "budi")
        page.fill("[name=password]", "rahasia-juga")
        page.click("button[type=submit]")
        page.click("button[value=test]")
        page.wait_for_selector(".told[role=status]")
        stage.them.end({"name": "budi", "by": "admin"})
        page.wait_for_selector("[name=password]")
        assert [name for name, _ in stage.asked] == ["test"]
    finally:
        page.close()


# Over HTTP, from this machine.


def test_a_guesser_waits_wherever_they_say_they_come_from(stage: Workshop) -> None:
    with httpx.Client(base_url=stage.at, trust_env=False, timeout=20) as client:

        def guess(n: int) -> int:
            headers = {"Origin": stage.at.rstrip("/"), "X-Forwarded-For": f"10.0.0.{n}"}
            form = {"name": "guessed", "password": f"password-{n}"}
            return client.post("/login", data=form, headers=headers).status_code

        assert [guess(n) for n in range(MAX_FAILURES)] == [401] * MAX_FAILURES
        assert guess(MAX_FAILURES) == 429


def test_who_opens_connections_and_says_nothing_keeps_nobody_out(stage: Workshop) -> None:
    silent = [socket.create_connection(("127.0.0.1", stage.port)) for _ in range(300)]
    try:
        assert httpx.get(stage.address, trust_env=False, timeout=10).status_code == 200
        hung_up = 0
        until_s = time.monotonic() + 10
        for one in silent[CONNECTIONS_MOST:]:
            one.settimeout(max(0.1, until_s - time.monotonic()))
            try:
                hung_up += one.recv(1) == b""
            except ConnectionResetError:
                hung_up += 1
        assert hung_up >= len(silent) - CONNECTIONS_MOST - 8  # a browser had some before
    finally:
        for one in silent:
            one.close()
