"""Frames to pages, and who is shown whose presences."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
from screen_stage import MORNING, recorded, status

from drivers.prompt import Prompt
from kiosk.duty import Told
from kiosk.mine import Mine
from kiosk.prompts import Prompted
from kiosk.screen import hub as hubs
from kiosk.screen.compose import Composer
from kiosk.screen.frames import Away
from kiosk.screen.hub import PAGES_MOST, Hub
from kiosk.settings import Screen
from sync.protocol.entry import Mark

WITHIN_S = 5.0


class Open:
    """An open page, and what it is sent."""

    def __init__(self, hub: Hub) -> None:
        self._frames: AsyncIterator[bytes] = hub.frames()
        self.token = ""

    async def next(self, kind: str) -> dict[str, Any]:
        """Return the next frame of a kind."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                frame = msgspec.json.decode(await anext(self._frames))
                self.token = frame.get("token", self.token)
                if frame["frame"] == kind:
                    return frame

    async def close(self) -> None:
        await self._frames.aclose()  # type: ignore[attr-defined]


def played(play: Callable[[Hub], Awaitable[None]], find: Callable[[str], Mine | None]) -> None:
    async def run() -> None:
        hub = Hub(Composer(Screen(), "k1", "Asia/Jakarta"), find)
        hub.begin()
        await play(hub)

    asyncio.run(run())


def of(person: str) -> Mine:
    return Mine(person, f"name of {person}", [])


def nobodys(person: str) -> Mine | None:
    raise AssertionError(f"{person} was asked for")


def test_a_page_is_told_how_it_is_and_then_what_happens() -> None:
    async def play(hub: Hub) -> None:
        page = Open(hub)
        await page.next("away")
        hub.hear(status())
        await page.next("now")
        hub.hear(recorded())
        assert (await page.next("result"))["tone"] == "good"
        hub.hear(Prompted("jari", Prompt.CARD))
        assert (await page.next("prompt"))["shape"] == "card"
        hub.hear(Away())
        await page.next("away")
        late = Open(hub)
        await late.next("away")  # and not the result: that person has gone
        await page.close()
        await late.close()

    played(play, nobodys)


def test_old_rows_are_not_shown() -> None:
    async def play(hub: Hub) -> None:
        page = Open(hub)
        await page.next("away")
        hub.hear(recorded(name="old", is_fresh=False))
        hub.hear(recorded(name="new"))
        assert (await page.next("result"))["cards"]["id"]["name"] == "new"
        await page.close()

    played(play, nobodys)


def test_the_next_scan_says_whose_presences_are_shown_and_on_that_page_only() -> None:
    async def play(hub: Hub) -> None:
        hub.hear(status())
        page, other = Open(hub), Open(hub)
        await page.next("now")
        await other.next("now")
        assert hub.ask(page.token)
        assert (await page.next("mine"))["is_question"]
        hub.hear(recorded(person="siti"))
        frame = await page.next("mine")
        assert frame["sheets"]["id"]["title"] == "name of siti"
        hub.hear(recorded(person="agus"))  # who comes next has not asked
        hub.hear(Away())
        seen = [msgspec.json.decode(await anext(other._frames))["frame"] for _ in range(2)]
        assert "mine" not in seen
        assert page.token != other.token
        await page.close()
        await other.close()

    played(play, of)


@pytest.mark.parametrize(
    "event",
    [
        recorded(None, "", mark=Mark.STRANGER, person=None),
        recorded(None, is_fresh=False),
        recorded(Told(side="masuk", needs="second")),
    ],
)
def test_what_does_not_show_who_it_is_opens_nothing(event) -> None:
    async def play(hub: Hub) -> None:
        hub.hear(status())
        page = Open(hub)
        await page.next("now")
        hub.ask(page.token)
        hub.hear(event)
        await page.next("mine")
        await asyncio.sleep(0)  # it was taken in
        hub.hear(Away())
        await page.next("away")
        await page.close()

    played(play, nobodys)


def test_a_token_that_no_page_has_opens_nothing() -> None:
    async def play(hub: Hub) -> None:
        hub.hear(status())
        assert not hub.ask("guessed")
        assert not hub.ask("")
        hub.hear(recorded())
        await asyncio.sleep(0)
        page = Open(hub)
        await page.next("now")
        hub.ask(page.token)
        hub.leave(page.token)
        hub.hear(recorded())
        await page.next("result")
        await page.close()
        assert not hub.ask(page.token)

    played(play, nobodys)


def test_where_nobody_scans_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "SCAN_WITHIN_S", 0.05)

    async def play(hub: Hub) -> None:
        hub.hear(status())
        page = Open(hub)
        await page.next("now")
        hub.ask(page.token)
        assert (await page.next("mine"))["is_question"]
        assert not (await page.next("mine"))["is_question"]
        hub.hear(recorded())  # too late
        await page.next("result")
        await page.close()

    played(play, nobodys)


def test_where_the_daemon_does_not_answer_it_says_so() -> None:
    async def play(hub: Hub) -> None:
        hub.hear(status())
        page = Open(hub)
        await page.next("now")
        hub.ask(page.token)
        await page.next("mine")
        hub.hear(recorded())
        assert (await page.next("mine"))["sheets"]["en"]["title"] == "It could not be read"
        await page.close()

    played(play, lambda _: None)


def test_one_page_too_many_closes_the_oldest() -> None:
    async def play(hub: Hub) -> None:
        pages = [Open(hub) for _ in range(PAGES_MOST + 1)]
        for page in pages:
            await page.next("away")
        with pytest.raises(StopAsyncIteration):
            await pages[0].next("now")
        hub.hear(status())
        for page in pages[1:]:
            await page.next("now")
            await page.close()

    played(play, nobodys)


def test_a_page_that_takes_nothing_is_closed() -> None:
    async def play(hub: Hub) -> None:
        page = Open(hub)
        await page.next("away")
        for _ in range(hubs.BEHIND_MOST + 2):
            hub.hear(status())
        await asyncio.sleep(0.05)
        with pytest.raises(StopAsyncIteration):
            await page.next("result")

    played(play, nobodys)


def test_a_page_that_hangs_is_forgotten_and_others_are_not_turned_away_for_it() -> None:
    async def play(hub: Hub) -> None:
        stuck = [Open(hub) for _ in range(3 * PAGES_MOST)]
        for page in stuck:  # each takes its first frame, and nothing after that
            await page.next("hello")
        assert len(hub._pages) == PAGES_MOST
        for _ in range(3 * hubs.BEHIND_MOST):
            hub.hear(status())
        await asyncio.sleep(0.05)
        assert not hub._pages
        for page in stuck:
            await page.close()

    played(play, nobodys)


def test_a_page_that_is_opened_later_has_the_clock_as_it_is_by_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def play(hub: Hub) -> None:
        said = status()
        hub.hear(said)
        await asyncio.sleep(0.3)
        page = Open(hub)
        now = await page.next("now")
        assert 300 <= now["utc"] - said.clock.utc < 3000
        await page.close()
        monkeypatch.setattr(hubs, "STALE_MS", 200)
        page = Open(hub)
        await page.next("away")  # so long ago: nobody knows how it is now
        await page.close()

    played(play, nobodys)


def test_a_row_from_before_the_question_opens_nothing() -> None:
    async def play(hub: Hub) -> None:
        hub.hear(status(clock__utc=MORNING))
        page = Open(hub)
        await page.next("now")
        hub.ask(page.token)
        hub.hear(recorded(person="somebody else", made=MORNING - 60_000))
        await page.next("result")
        hub.hear(Away())
        await page.next("away")
        assert not hub.ask(page.token), "no scan can be heard of"
        await page.close()

    played(play, nobodys)


@pytest.mark.parametrize("asks_anew", [False, True])
def test_who_comes_after_one_that_left_is_not_shown_what_was_looked_up_for_them(
    asks_anew: bool,
) -> None:
    found, looked = threading.Event(), threading.Event()

    def slow(person: str) -> Mine:
        looked.set()
        found.wait(WITHIN_S)
        return of(person)

    async def play(hub: Hub) -> None:
        hub.hear(status())
        page = Open(hub)
        await page.next("now")
        hub.ask(page.token)
        hub.hear(recorded(person="siti"))
        await page.next("result")
        assert await asyncio.to_thread(looked.wait, WITHIN_S)
        hub.leave(page.token)
        if asks_anew:
            hub.ask(page.token)
        found.set()
        await asyncio.gather(*hub._tasks)
        hub.hear(Away())
        seen = []
        while (frame := msgspec.json.decode(await anext(page._frames)))["frame"] != "away":
            seen.append(frame)
        assert all(one.get("is_question") for one in seen)
        await page.close()

    played(play, slow)
