"""Frames to every open page. Lives in the event loop; only `hear` may be called by other threads.

A page is known by a token that it alone is told: who asks "did my punch count?" is answered there
and nowhere else. Whose presences are shown is what the next scan says, never what a request says.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec
from msgspec import Struct

from kiosk.health import Status
from kiosk.local import Receipted, Recorded
from kiosk.mine import Mine
from kiosk.prompts import Prompted
from kiosk.screen.compose import SCAN_WITHIN_S, Composer, identifies
from kiosk.screen.feed import Seen
from kiosk.screen.frames import Away, Frame, Now, OwnFrame
from kiosk.screen.pace import Pace

PAGES_MOST: Final = 8
"""Most pages open at once; one more closes the oldest."""

BEHIND_MOST: Final = 64
"""A page that is so many frames behind is closed; it comes back by itself."""


class Hello(Struct, frozen=True, tag_field="frame", tag="hello"):
    """The first frame of a page: by which token it is known."""

    token: str


class _Page:
    """One open page, and what it is still to be sent."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(16)
        self.frames: asyncio.Queue[Frame | Hello | None] = asyncio.Queue()

    def put(self, frame: Frame | Hello) -> None:
        if self.frames.qsize() < BEHIND_MOST:
            self.frames.put_nowait(frame)
        else:
            self.close()

    def close(self) -> None:
        self.frames.put_nowait(None)


class Hub:
    """Knows the pages. `find` returns a person's own presences and may block."""

    def __init__(self, composer: Composer, find: Callable[[str], Mine | None]) -> None:
        self._composer = composer
        self._find = find
        self._pace = Pace()
        self._pages: dict[str, _Page] = {}
        self._asking: dict[str, asyncio.TimerHandle] = {}
        self._status: Status | None = None
        self._latest: Now | Away = Away()
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    # What the daemon says.

    def begin(self) -> None:
        """Take in from now on, in the loop that runs."""
        self._loop = asyncio.get_running_loop()

    def hear(self, seen: Seen) -> None:
        """Take in what the daemon said; any thread may call."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._take_in, seen)

    def _take_in(self, seen: Seen) -> None:
        match seen:
            case Status():
                self._status = seen
                self._show_rest(self._composer.now(seen))
            case Away():
                self._status = None
                self._show_rest(seen)
            case Recorded():
                self._recorded(seen)
            case Prompted():
                self._show(self._composer.prompt(seen))
            case Receipted():
                pass  # how many are waiting is in the status

    def _show_rest(self, frame: Now | Away) -> None:
        self._latest = frame
        self._show(frame)

    def _recorded(self, event: Recorded) -> None:
        result = self._composer.result(event, self._status)
        if result is None:
            return
        now = asyncio.get_running_loop().time()
        shown = self._pace.offer(result, now)
        if shown is not None:
            self._show(shown)
        self._await_turn()
        if self._asking and identifies(event):
            self._answer(str(event.presence.person))

    def _await_turn(self) -> None:
        """Have whoever waits shown when it is their turn."""
        if self._pace.due is not None and self._turn is None:
            self._turn = asyncio.get_running_loop().call_at(self._pace.due, self._next)

    def _next(self) -> None:
        self._turn = None
        shown = self._pace.take(asyncio.get_running_loop().time())
        if shown is not None:
            self._show(shown)
        self._await_turn()

    def _show(self, frame: Frame) -> None:
        for page in self._pages.values():
            page.put(frame)

    # Pages.

    async def frames(self) -> AsyncIterator[bytes]:
        """Yield a new page's frames, as JSON, until it is closed."""
        page = _Page()
        if len(self._pages) >= PAGES_MOST:
            next(iter(self._pages.values())).close()
        self._pages[page.token] = page
        page.put(Hello(page.token))
        page.put(self._latest)
        try:
            while (frame := await page.frames.get()) is not None:
                yield msgspec.json.encode(frame)
        finally:
            self._pages.pop(page.token, None)
            self._forget(page.token)

    def close(self) -> None:
        """Close every page: what serves them is to end."""
        for page in self._pages.values():
            page.close()

    # Did my punch count?

    def ask(self, token: str) -> bool:
        """Show whoever scans next their own presences, on the page of this token.

        Return whether there is such a page.
        """
        page = self._pages.get(token)
        if page is None:
            return False
        self._forget(token)
        loop = asyncio.get_running_loop()
        self._asking[token] = loop.call_later(SCAN_WITHIN_S, self._nobody, token)
        page.put(self._composer.scan())
        return True

    def leave(self, token: str) -> None:
        """Forget that this page asked."""
        self._forget(token)

    def _forget(self, token: str) -> None:
        asked = self._asking.pop(token, None)
        if asked is not None:
            asked.cancel()

    def _nobody(self, token: str) -> None:
        self._asking.pop(token, None)
        self._put(token, self._composer.nobody())

    def _answer(self, person: str) -> None:
        """Answer every page that asks; one scan answers once."""
        tokens = list(self._asking)
        for token in tokens:
            self._forget(token)
        task = asyncio.create_task(self._look_up(person, tokens))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look_up(self, person: str, tokens: list[str]) -> None:
        mine = await asyncio.to_thread(self._find, person)
        frame = self._composer.not_read() if mine is None else self._composer.own(mine)
        for token in tokens:
            self._put(token, frame)

    def _put(self, token: str, frame: OwnFrame) -> None:
        page = self._pages.get(token)
        if page is not None:
            page.put(frame)
