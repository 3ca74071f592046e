"""What the daemon tells, as it tells it: one thread that watches its socket and never gives up.

The status is asked for again and again, but no more than every `STATUS_EVERY_S`, and at once after
the daemon was away. It also says by its silence: a page that hears nothing greys its clock.
"""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from kiosk.health import Status
from kiosk.local import Alive, Happening, NoDaemon, ask
from kiosk.mine import Mine
from kiosk.screen.frames import Away

STATUS_EVERY_S: Final = 2.0
"""How old what the page shows at rest may be."""

SILENT_S: Final = 3.0
"""The daemon says twice a second that it is alive: one that is silent for so long hangs."""

AGAIN_S: Final = 0.5
"""How long after the daemon was found away it is tried again."""

Seen = Happening | Status | Away

_told: Final[msgspec.json.Decoder[Happening | Alive]] = msgspec.json.Decoder(Happening | Alive)


class Feed:
    """Tells what the daemon at one of `sockets` says, the first that answers."""

    def __init__(self, sockets: Sequence[Path], tell: Callable[[Seen], None]) -> None:
        self._sockets = sockets
        self._tell = tell
        self._stop = threading.Event()
        self._asked_s = 0.0

    def run(self) -> None:
        """Watch until `stop`."""
        while not self._stop.is_set():
            for socket in self._sockets:
                try:
                    self._watch(socket)
                except NoDaemon:
                    continue  # it may work on the other medium
            if not self._stop.is_set():
                self._tell(Away())
                self._stop.wait(AGAIN_S)

    def stop(self) -> None:
        """End soon. Any thread may call."""
        self._stop.set()

    def mine(self, person: str) -> Mine | None:
        """Return a person's own presences; None where the daemon does not say."""
        for socket in self._sockets:
            try:
                line = next(ask(socket, "mine", said={"person": person}), b"")
                return msgspec.json.decode(line, type=Mine)
            except (NoDaemon, msgspec.DecodeError):
                continue
        return None

    def _watch(self, socket: Path) -> None:
        """Tell what this daemon says until it hangs up. Raises NoDaemon.

        It is watched before it is asked how it is: a punch in between would be shown to nobody.
        """
        self._asked_s = float("-inf")
        for line in ask(socket, "watch", SILENT_S):
            if self._stop.is_set():
                return
            try:
                event = _told.decode(line)
            except msgspec.DecodeError:  # of a later version: nothing that this page could show
                event = Alive()
            if time.monotonic() - self._asked_s >= STATUS_EVERY_S:
                self._ask(socket)
            if not isinstance(event, Alive):
                self._tell(event)

    def _ask(self, socket: Path) -> None:
        """Tell how the daemon is, if it says so.

        It may turn away whoever asks, for a moment: it is there as long as it can be watched, and
        a page that does not hear how it is greys its clock.
        """
        self._asked_s = time.monotonic()
        try:
            status = msgspec.json.decode(next(ask(socket, "status", SILENT_S), b""), type=Status)
        except (NoDaemon, msgspec.DecodeError):
            return
        self._tell(status)
