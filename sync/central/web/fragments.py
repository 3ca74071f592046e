"""A live part of a page: a browser is sent its HTML again when it has changed, by events.

event: part   the part as HTML
event: over   the log-in ended

Shared work is not done here: what is looked at hangs on the board, however many browsers look.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from sync.central.bell import Bell
from sync.central.errors import StoreError
from sync.central.roles import EVERY, Visitor
from sync.central.web.site import Site, Sorry

EVERY_S: Final = 2.0
"""A part is sent at most this often."""

SOON_S: Final = 1.0
"""So soon it is looked again for what was still being judged, and after news that were none."""

PULSE_S: Final = 10.0
"""Without news it is looked this often, and something is sent: proxies close a silent stream."""

AWAY: Final = ": the database is away\n\n"
"""What is sent while nothing can be looked up: the stream goes on when it is back."""

_RETRY: Final = "retry: 3000\n\n"  # milliseconds until a browser reconnects


class Part(Struct, frozen=True):
    """A part as it is now, "" for nothing yet; `pending`: there will be more of it soon."""

    html: str
    pending: bool


Draw = Callable[[Visitor], Part]
"""Returns what somebody may see now. May raise Sorry: nothing of it any more."""


def stream(site: Site, request: Request, draw: Draw) -> Response:
    """Return the stream of a part, for as long as whoever brings `request` is logged in."""
    visitor = site.door.welcome(request, active=False)
    if visitor is None:
        return PlainTextResponse("log in first\n", 401)
    if visitor.role not in EVERY:
        return PlainTextResponse("not this account's\n", 403)
    try:
        draw(visitor)
    except Sorry as sorry:
        return PlainTextResponse(f"{sorry}\n", sorry.status)
    return streamed(request, _run(site, request, draw))


def streamed(request: Request, events: AsyncIterator[str]) -> Response:
    """Return the answer that sends these events; to HEAD none, or it would never end."""
    kind, headers = "text/event-stream", {"X-Accel-Buffering": "no"}
    if request.method == "HEAD":
        return Response(media_type=kind, headers=headers)
    return StreamingResponse(events, media_type=kind, headers=headers)


async def _run(site: Site, request: Request, draw: Draw) -> AsyncIterator[str]:
    """Yield the stream until the log-in or central ends."""

    def look() -> Part | None:
        with site.store.reading() as tx:
            visitor = site.door.visitor(tx, request)
        try:
            return None if visitor is None else draw(visitor)
        except Sorry:
            return None

    yield _RETRY
    said, bell = "", site.bell
    rung = bell.listen()
    loop = asyncio.get_running_loop()
    try:
        while not bell.closed:
            rung.clear()
            try:
                part = await run_in_threadpool(look)
            except StoreError:  # what was sent stays there, and says of when it is
                yield AWAY
                await _wait(rung, PULSE_S)
                continue
            if part is None:
                yield "event: over\ndata:\n\n"
                return
            is_news = part.html not in ("", said)
            yield _event("part", part.html) if is_news else ": still here\n\n"
            said = part.html or said
            not_before = loop.time() + (EVERY_S if is_news else SOON_S)
            await _wait(rung, SOON_S if part.pending else PULSE_S)
            await _rest(bell, rung, not_before)
    finally:
        bell.leave(rung)


async def _rest(bell: Bell, rung: asyncio.Event, not_before: float) -> None:
    """Wait until then, whatever is rung, but for central's end."""
    loop = asyncio.get_running_loop()
    while not bell.closed and (rest_s := not_before - loop.time()) > 0:
        rung.clear()
        await _wait(rung, rest_s)


async def _wait(rung: asyncio.Event, limit_s: float) -> None:
    try:
        await asyncio.wait_for(rung.wait(), limit_s)
    except TimeoutError:
        return


def _event(name: str, html: str) -> str:
    """Return one event; whatever breaks a line in `html` breaks a line of its own."""
    lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip())
    return f"event: {name}\n{lines}\n"
