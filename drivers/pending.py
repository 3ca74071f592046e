"""The punches of a source that keeps no record: dated by the kiosk's clock, kept until on disk.

A camera, a finger module or a reader says once who came, and forgets it. So it is kept here until
the journal has taken it, also while the source is opened anew. No I/O but the clock that is given.
"""

import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from drivers.base import Coverage, Credential, Event, Lost, Method, Punch, Reading
from drivers.ordinals import Ordinals

COVER_EVERY_S: Final = 900.0
"""So often it is recorded that a source has watched all the time."""


class Pending:
    """What one source has seen and the journal has not yet taken.

    Attributes:
        seen: punches since it was opened.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        zone: str,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now` is the kiosk's clock, aware UTC; `zone` the IANA zone of the punches' times.

        `now_s` says when it is time for what is recorded now and then.
        """
        self._now = now
        self._now_s = now_s
        self._zone = ZoneInfo(zone)
        self._ordinals = Ordinals(None, timedelta())
        self._has_begun = False
        self._waiting: deque[Punch | Event] = deque()
        self._due_s = 0.0  # by `now_s`: from when on it is to be said that it has watched
        self._since = ""  # up to when that has been said
        self.seen = 0

    def begin(self, position: bytes | None) -> None:
        """The source is opened, with what `watched` had committed last; what waits stays.

        Opened anew, what was given out since says more than what was committed: a clock that is set
        back meanwhile brings no second again as if it had not been.
        """
        if not self._has_begun:
            self._ordinals = Ordinals(position, timedelta(seconds=2 * COVER_EVERY_S))
            self._has_begun = True
        self._due_s, self.seen = 0.0, 0
        self._since = self._since or self.here()

    def add(
        self,
        terminal: str,
        credential: Credential,
        user: str,
        method: Method,
        raw: bytes,
        ago_s: float = 0.0,
    ) -> Punch:
        """Take in that somebody came `ago_s` seconds ago; return it as a punch."""
        time_here = self.here(ago_s)
        punch = Punch(
            terminal=terminal,
            credential=credential,
            user=user,
            time=time_here,
            ordinal=self._ordinals.of(user, time_here),
            method=method,
            raw=raw,
        )
        self.seen += 1
        self._waiting.append(punch)
        return punch

    def note(self, action: str, detail: dict[str, str]) -> None:
        """Take in what an auditor will ask about: an `Event` of now."""
        self._waiting.append(Event(action=action, time=self.here(), detail=detail))

    def reading(self) -> Reading | None:
        """Return what came first, again until it is confirmed; None where nothing waits."""
        if not self._waiting:
            return None
        first = self._waiting[0]
        if isinstance(first, Event):
            return Reading(punches=(), events=(first,))
        return Reading(punches=(first,))

    def confirm(self, reading: Reading) -> bool:
        """Let go of what is on disk; return whether that was anything that waited."""
        told = (*reading.punches, *reading.events)
        if self._waiting and any(one is self._waiting[0] for one in told):
            self._waiting.popleft()
            return True
        return False

    @property
    def is_due(self) -> bool:
        """Whether it is time to record that it has watched; not before all that waits is told."""
        return not self._waiting and self._now_s() >= self._due_s

    def watched(self, *, proves: bool, lost: str = "") -> Reading:
        """Return that everything up to now has been told.

        `proves`: it watched and would have seen, so that silence means that nobody came. `lost`
        says why somebody may have come since this was said last and not been seen.
        """
        self._due_s = self._now_s() + COVER_EVERY_S
        here, since = self.here(), self._since
        self._since = here
        return Reading(
            punches=(),
            tail=Coverage(through=here, records=self.seen) if proves and not lost else None,
            lost=Lost(since=since, until=here, reason=lost) if lost else None,
            position=self._ordinals.position(here),
            lasting=True,
        )

    def here(self, ago_s: float = 0.0) -> str:
        """Return what the kiosk's clock says now of `ago_s` seconds ago: naive, in the zone."""
        at = self._now() - timedelta(seconds=max(0.0, ago_s))
        return at.astimezone(self._zone).replace(tzinfo=None).isoformat(timespec="seconds")
