"""The carrier: brings kiosks their rosters, beside the intake and never in its way.

    hello accepted, receipt said -> waits here, the latest of each kiosk -> its pages, one kiosk's
    at a time, in a thread of their own -> said on the line by the intake's thread

Whatever is wrong with a roster (a row that nobody can read, one too large for any kiosk, a database
that refuses) is logged and tried again later: receipts go out all the same. No more than one
kiosk's pages are in memory, however many kiosks come back at once.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Final, Protocol

from sync.central.downlink import LOOK_EVERY_S, Downlink
from sync.central.errors import StoreError

RETRY_S: Final = 60.0
"""So long after a failure a kiosk's roster is made again, seconds."""

SLOWEST_BYTES_S: Final = 4000
"""A line that brings less is none. Until so many bytes a second have brought a roster, a kiosk that
says hello again still waits for a receipt behind its pages: the same pages again would keep the
next receipts from it as well, and so on.
"""

log: Final = logging.getLogger(__name__)

Pages = Sequence[bytes]


class Mouth(Protocol):
    """Says to kiosks what was made for them. `sync.central.intake.Intake` is one."""

    def say_roster(self, kiosk: str, parts: Pages) -> None: ...
    def ask_again(self, kiosk: str) -> None: ...


class Carrier:
    """One connection's. `turn` and `greeted` are for one thread; `wake` is called from another."""

    def __init__(
        self,
        downlink: Downlink,
        kiosks: Callable[[], Iterable[str]],
        wake: Callable[[], None],
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        """`kiosks` returns those that are admitted now."""
        self._downlink = downlink
        self._kiosks = kiosks
        self._wake = wake
        self._look_every_s = look_every_s
        self._look_s = 0.0
        self._making = ThreadPoolExecutor(1, "roster")
        self._waiting: dict[str, bytes] = {}
        self._later: dict[str, tuple[float, bytes]] = {}
        self._has: dict[str, int] = {}  # the version of each kiosk's latest hello
        self._said: dict[str, tuple[int, float]] = {}  # to which version, and when it is there
        self._telling: tuple[str, bytes, Future[Pages]] | None = None
        self._looking: Future[Sequence[str]] | None = None

    def __enter__(self) -> "Carrier":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._making.shutdown(cancel_futures=True)  # the next connection's has the same downlink

    def greeted(self, kiosk: str, hello: bytes, version: int) -> None:
        """Note an accepted hello of who has `version`; only the latest of a kiosk is answered."""
        self._later.pop(kiosk, None)
        self._waiting.pop(kiosk, None)
        self._has[kiosk] = version
        had, there_s = self._said.get(kiosk, (-1, 0.0))
        if had == version and there_s > time.monotonic():
            self._later[kiosk] = there_s, hello
        else:
            self._waiting[kiosk] = hello

    def turn(self, mouth: Mouth) -> None:
        """Say what is made, and have the next made. Raises LineError."""
        now = time.monotonic()
        self._say(mouth, now)
        for kiosk in [one for one, (due_s, _) in self._later.items() if due_s <= now]:
            self._waiting.setdefault(kiosk, self._later.pop(kiosk)[1])
        if self._telling is None and self._waiting:
            kiosk = next(iter(self._waiting))
            hello = self._waiting.pop(kiosk)
            self._telling = kiosk, hello, self._making.submit(self._answer, kiosk, hello)
            self._telling[2].add_done_callback(lambda _: self._wake())
        if self._looking is None and now >= self._look_s:
            self._look_s = now + self._look_every_s
            self._looking = self._making.submit(self._outdated)

    def _say(self, mouth: Mouth, now: float) -> None:
        if self._telling is not None and self._telling[2].done():
            kiosk, hello, made = self._telling
            self._telling = None
            if (error := made.exception()) is None:
                parts = made.result()
                mouth.say_roster(kiosk, parts)
                if parts:
                    there_s = now + sum(map(len, parts)) / SLOWEST_BYTES_S
                    self._said[kiosk] = self._has[kiosk], there_s
            else:
                log.error("no roster for kiosk %s, tried again later: %s", kiosk, _named(error))
                self._later[kiosk] = now + RETRY_S, hello
        if self._looking is not None and self._looking.done():
            found, self._looking = self._looking, None
            if (error := found.exception()) is None:
                for kiosk in found.result():
                    mouth.ask_again(kiosk)
            else:
                log.error("whose roster has changed cannot be said: %s", _named(error))
                self._look_s = now + max(self._look_every_s, RETRY_S)

    def _answer(self, kiosk: str, hello: bytes) -> Pages:
        try:
            return self._downlink.answer(hello)
        except StoreError:
            raise  # the database's trouble, and soon over
        except Exception as error:
            self._downlink.complain(kiosk, error)
            raise

    def _outdated(self) -> Sequence[str]:
        return self._downlink.outdated(self._kiosks())


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
