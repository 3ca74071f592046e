"""The live stream: presences as they arrive, by server-sent events, none skipped on reconnect.

event: presence   one row as HTML; its id is where a reconnecting browser goes on
event: kiosks     the strip of kiosks as HTML, when it changed
event: over       the log-in ended
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

from jinja2 import Environment
from msgspec import Struct
from starlette.concurrency import run_in_threadpool

from sync.central.bell import Bell
from sync.central.errors import StoreError
from sync.central.present import card, really, row
from sync.central.settings import Web
from sync.central.store import Store, Transaction
from sync.central.store.pages import Filter
from sync.central.web.fragments import AWAY

PAGE: Final = 200
"""Presences taken from the store at once."""

PULSE_S: Final = 15.0
"""Without news, something is sent this often: proxies close a silent stream."""

STRIP_EVERY_S: Final = 1.0
"""The strip of kiosks is sent at most this often."""

_RETRY: Final = "retry: 2000\n\n"  # milliseconds until a browser reconnects


class _Turn(Struct, frozen=True):
    """One look at the store. `over` where the log-in ended."""

    after: int
    presences: str
    strip: str
    more: bool
    over: bool


class Stream:
    """One browser's stream, from `after` on. `is_open` says whether its log-in still holds."""

    def __init__(
        self,
        store: Store,
        bell: Bell,
        web: Web,
        templates: Environment,
        which: Filter,
        after: int,
        is_open: Callable[[Transaction], bool],
    ) -> None:
        self._store = store
        self._bell = bell
        self._zone = web.zone
        self._templates = templates
        self._which = which
        self._after = after
        self._is_open = is_open

    async def run(self) -> AsyncIterator[str]:
        """Yield the stream until the log-in or central ends."""
        yield _RETRY
        said, strip_due_s = "", 0.0
        event = self._bell.listen()
        try:
            while not self._bell.closed:
                event.clear()
                try:
                    turn = await run_in_threadpool(self._look)
                except StoreError:  # it goes on with the same place when the database is back
                    yield AWAY
                    await asyncio.sleep(STRIP_EVERY_S)
                    continue
                if turn.over:
                    yield "event: over\ndata:\n\n"
                    return
                self._after = turn.after
                if turn.presences:
                    yield turn.presences
                strip_is_new = turn.strip != said
                if strip_is_new and time.monotonic() >= strip_due_s:
                    yield _event("kiosks", turn.strip)
                    said, strip_is_new = turn.strip, False
                    strip_due_s = time.monotonic() + STRIP_EVERY_S
                if turn.more:
                    continue
                try:
                    limit_s = STRIP_EVERY_S if strip_is_new else PULSE_S
                    await asyncio.wait_for(event.wait(), limit_s)
                except TimeoutError:
                    yield ": still here\n\n"
        finally:
            self._bell.leave(event)

    def _look(self) -> _Turn:
        with self._store.reading() as tx:
            if not self._is_open(tx):
                return _Turn(self._after, "", "", more=False, over=True)
            found = tx.pages.after(self._after, self._which, PAGE)
            times = really(found, tx.times.history, tx.city.settled())
            kiosks = tx.pages.kiosks()
        one = self._templates.get_template("_row.html")
        presences = "".join(
            _event("presence", one.render(row=row(shown, when, self._zone)), shown.id)
            for shown, when in zip(found, times, strict=True)
        )
        strip = self._templates.get_template("_kiosks.html").render(
            kiosks=[card(line, self._zone) for line in kiosks]
        )
        after = found[-1].id if found else self._after
        return _Turn(after, presences, strip, more=len(found) == PAGE, over=False)


def _event(name: str, html: str, id_: int | None = None) -> str:
    """Return one event; whatever breaks a line in `html` breaks a line of its own."""
    lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip())
    at = "" if id_ is None else f"id: {id_}\n"
    return f"event: {name}\n{at}{lines}\n"
