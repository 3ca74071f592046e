"""Now, and how far it may be trusted. The only place here that asks for the time of day.

The machine (`sync/machine.py`) gives readings: its wall clock, the kernel's word on whether that is
synchronised, and a second clock (CLOCK_BOOTTIME) that nobody can step. What to believe of them is
`kiosk/truth.py`. Nothing here sets the machine's clock.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Protocol

from msgspec import Struct

from kiosk.truth import Answer, Claim, Memory, Trust, Truth
from sync.machine import Machine, Reading
from sync.protocol.entry import Anchor, Stamp
from sync.protocol.moments import Witness

TELL_MOST_MS: Final = 5000
"""A clock that may be further off is told to nobody who goes by it: a terminal would be set."""


class Clock(Protocol):
    """What the kiosk asks for the time. Tests inject one of their own."""

    def stamp(self) -> Stamp:
        """Return now, with its quality."""

    def now(self) -> datetime:
        """Return now as an aware UTC datetime."""


class Belief(Struct, frozen=True, kw_only=True):
    """What the clock says of itself at one moment; milliseconds.

    Attributes:
        error: None where nobody knows.
        anchor: who gave the fix that it goes by; None without one.
        may_show_lateness: whether anybody may be told that they are late.
        trouble: what contradicts it, and the next step; "" for nothing.
        recorded: the fixes of this boot that the journal has, the latest last.
    """

    trust: Trust
    at: Stamp
    error: int | None
    anchor: Anchor | None
    may_show_lateness: bool
    trouble: str
    recorded: list[Witness]


class TrustedClock:
    """The kiosk's clock. Safe for several threads."""

    def __init__(
        self,
        memory: Memory = Memory(),  # noqa: B008 - frozen
        machine: Callable[[], Reading] | None = None,
    ) -> None:
        self._machine = machine or Machine()
        self._truth = Truth(memory)
        self._lock = threading.Lock()

    def stamp(self) -> Stamp:
        """Return now, with its quality."""
        with self._lock:
            return self._truth.stamp(self._look())

    def now(self) -> datetime:
        """Return now as an aware UTC datetime."""
        return datetime.fromtimestamp(self.stamp().wall / 1e3, UTC)

    def sure(self) -> datetime | None:
        """Return now, where others may set their clocks by it: it is hardly off; else None."""
        belief = self.belief()
        if not belief.may_show_lateness or belief.error is None or belief.error > TELL_MOST_MS:
            return None
        return datetime.fromtimestamp(belief.at.wall / 1e3, UTC)

    def belief(self) -> Belief:
        """Return what is believed now, and how firmly."""
        with self._lock:
            truth, reading = self._truth, self._look()
            return Belief(
                trust=truth.trust,
                at=truth.stamp(reading),
                error=truth.error(reading.up),
                anchor=None if truth.fix is None else truth.fix.anchor,
                may_show_lateness=truth.may_show_lateness(reading.up),
                trouble=truth.trouble,
                recorded=truth.recorded,
            )

    def goes_by(self) -> tuple[Witness | None, bool]:
        """Return the fix that the belief rests on, and whether it is doubted."""
        with self._lock:
            self._look()
            return self._truth.fix, self._truth.trust is Trust.DOUBTED

    def told(self, utc: int, error: int, anchor: Anchor, sure: bool = False) -> Answer:
        """Judge what time it is now by somebody's word; see `Truth.told`."""
        with self._lock:
            return self._truth.told(self._look().up, utc, error, anchor, sure)

    def claim(self, claim: Claim) -> None:
        """Have `claim` recorded: it is due until it is."""
        with self._lock:
            self._truth.claims.append(claim)

    def due(self) -> Claim | None:
        """Return what is to be recorded next; `recorded` ends it."""
        with self._lock:
            self._look()
            if self._truth.claims:
                return self._truth.claims[0]
            fix = self._truth.due()
            return None if fix is None else Claim(fix=fix)

    def recorded(self, claim: Claim) -> None:
        """Note that `claim` is in the journal."""
        with self._lock:
            if claim.fix is not None:
                self._truth.remember(claim.fix)
            if self._truth.claims and self._truth.claims[0] is claim:
                self._truth.claims.popleft()

    def _look(self) -> Reading:
        reading = self._machine()
        self._truth.observe(reading)
        return reading
