"""Frames to every open page. Lives in the event loop; only `hear` may be called by other threads.

A page is known by a token that it alone is told: who asks "did my punch count?" is answered there
and nowhere else. Whose presences are shown is what the next scan says, never what a request says.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct, structs

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


STALE_MS: Final = 6_000
"""A page that is opened is not shown how the kiosk was so long ago; `screen.js` greys it then."""


class Hello(Struct, frozen=True, tag_field="frame", tag="hello"):
    """The first frame of a page: by which token it is known."""

    token: str


class _Page:
    """One open page, and what it is still to be sent."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(16)
        self.frames: asyncio.Queue[Frame | Hello | None] = asyncio.Queue()

    def put(self, frame: Frame | Hello) -> bool:
        """Have a frame sent; return False where too many wait already."""
        if self.frames.qsize() >= BEHIND_MOST:
            return False
        self.frames.put_nowait(frame)
        return True

    def close(self) -> None:
        """Send what waits, and no more."""
        self.frames.put_nowait(None)


class _Asking(NamedTuple):
    """A page that asked: when that was, ms UTC by the daemon's clock, and what ends it."""

    since: int
    timer: asyncio.TimerHandle


class Hub:
    """Knows the pages. `find` returns a person's own presences and may block."""

    def __init__(self, composer: Composer, find: Callable[[str], Mine | None]) -> None:
        self._composer = composer
        self._find = find
        self._pace = Pace()
        self._pages: dict[str, _Page] = {}
        self._asking: dict[str, _Asking] = {}
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._status: Status | None = None
        self._heard_s = 0.0  # when the status came, by the loop's clock
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
                self._status, self._heard_s = seen, asyncio.get_running_loop().time()
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
        self._answer(event)

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
        for page in list(self._pages.values()):
            self._send(page, frame)

    def _send(self, page: _Page, frame: Frame) -> None:
        if not page.put(frame):
            self._drop(page)

    def _age_ms(self) -> int:
        """Return how long ago the status came."""
        return round((asyncio.get_running_loop().time() - self._heard_s) * 1000)

    # Pages.

    async def frames(self) -> AsyncIterator[bytes]:
        """Yield a new page's frames, as JSON, until it is closed."""
        page = _Page()
        if len(self._pages) >= PAGES_MOST:
            self._drop(next(iter(self._pages.values())))
        self._pages[page.token] = page
        page.put(Hello(page.token))
        page.put(self._rest_now())
        try:
            while (frame := await page.frames.get()) is not None:
                yield msgspec.json.encode(frame)
        finally:
            self._drop(page)

    def _rest_now(self) -> Now | Away:
        """Return what a page shows at rest, its clock as it is by now; away if that is old news."""
        if isinstance(self._latest, Away):
            return self._latest
        age_ms = self._age_ms()
        if age_ms > STALE_MS:
            return Away()
        return structs.replace(self._latest, utc=self._latest.utc + age_ms)

    def _drop(self, page: _Page) -> None:
        """Forget a page at once: one that takes nothing may hang in a send for long."""
        self._pages.pop(page.token, None)
        self._forget(page.token)
        page.close()

    def close(self) -> None:
        """Close every page: what serves them is to end."""
        for page in list(self._pages.values()):
            self._drop(page)

    # Did my punch count?

    def ask(self, token: str) -> bool:
        """Show whoever scans next their own presences, on the page of this token.

        Return whether there is such a page, and a daemon that hears of scans.
        """
        page = self._pages.get(token)
        if page is None or self._status is None:
            return False
        self._forget(token)
        since = self._status.clock.utc + self._age_ms()
        timer = asyncio.get_running_loop().call_later(SCAN_WITHIN_S, self._nobody, token)
        self._asking[token] = _Asking(since, timer)
        self._send(page, self._composer.scan())
        return True

    def leave(self, token: str) -> None:
        """Forget that this page asked."""
        self._forget(token)

    def _forget(self, token: str) -> None:
        # Whoever left, or asked anew, is not shown what is being looked up for the one before.
        self._looking.pop(token, None)
        asked = self._asking.pop(token, None)
        if asked is not None:
            asked.timer.cancel()

    def _nobody(self, token: str) -> None:
        self._asking.pop(token, None)
        self._put(token, self._composer.nobody())

    def _answer(self, event: Recorded) -> None:
        """Answer every page that asked before this presence was made; one scan answers once."""
        asked = list(self._asking.items())
        tokens = [token for token, one in asked if identifies(event, one.since)]
        for token in tokens:
            self._forget(token)
        if tokens:
            task = asyncio.create_task(self._look_up(str(event.presence.person)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            self._looking.update(dict.fromkeys(tokens, task))

    async def _look_up(self, person: str) -> None:
        mine = await asyncio.to_thread(self._find, person)
        frame = self._composer.not_read() if mine is None else self._composer.own(mine)
        task = asyncio.current_task()
        for token in [token for token, one in self._looking.items() if one is task]:
            del self._looking[token]
            self._put(token, frame)

    def _put(self, token: str, frame: OwnFrame) -> None:
        page = self._pages.get(token)
        if page is not None:
            self._send(page, frame)
