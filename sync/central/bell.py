"""The bell: rung after a COMMIT that may have brought presences, heard by every open page."""

import asyncio
import threading
from contextlib import suppress


class Bell:
    """Rung from any thread, awaited in an event loop. What it announces stands in the store."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._closed = False

    @property
    def closed(self) -> bool:
        """Return whether central is ending: nothing will be announced any more."""
        return self._closed

    def listen(self) -> asyncio.Event:
        """Return an event that the next ring will set; give it back with `leave`."""
        event = asyncio.Event()
        with self._lock:
            self._waiting[event] = asyncio.get_running_loop()
            if self._closed:
                event.set()
        return event

    def leave(self, event: asyncio.Event) -> None:
        """Listen no longer."""
        with self._lock:
            self._waiting.pop(event, None)

    def ring(self) -> None:
        """Wake everybody who listens."""
        with self._lock:
            for event, loop in self._waiting.items():
                with suppress(RuntimeError):  # that loop has ended, and its page with it
                    loop.call_soon_threadsafe(event.set)

    def close(self) -> None:
        """Central is ending: wake everybody for the last time."""
        self._closed = True
        self.ring()
