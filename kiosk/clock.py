"""Now, and how far it may be trusted. The only place that asks the machine for the time of day.

A Raspberry Pi has no clock of its own: after a power cut it wakes somewhere in the past until the
network tells it better. So every reading carries what can be known about it: the kernel's word on
whether its clock is synchronised, and a second clock (CLOCK_BOOTTIME) that nobody can step.
"""

import ctypes
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from sync.protocol.entry import Stamp

_STA_UNSYNC: Final = 0x0040
"""adjtimex(2) status bit: the kernel's clock is not synchronised."""

_TIME_ERROR: Final = 5
"""adjtimex(2) return value: clock not synchronised."""


class Clock(Protocol):
    """What the kiosk asks for the time. Tests inject one of their own."""

    def stamp(self) -> Stamp:
        """Return now, with its quality."""

    def now(self) -> datetime:
        """Return now as an aware UTC datetime."""


class _Timex(ctypes.Structure):
    """struct timex of <sys/timex.h>, as far as we read it; the kernel fills the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),  # microseconds
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


class SystemClock:
    """The machine's clock, read only; it is never set from here.

    `floor` (milliseconds UTC) is the last time known to have been. Until the kernel calls its clock
    synchronised, a clock below it is lifted to it and runs on from there; the truth ends the lift.
    """

    def __init__(self, floor: int = 0) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")
        self._floor = floor
        self._floor_up = _up_ms()

    def stamp(self) -> Stamp:
        """Return now, with its quality."""
        synced, error_ms = self._kernel()
        up = _up_ms()
        wall = time.time_ns() // 1_000_000
        if not synced:
            wall = max(wall, self._floor + up - self._floor_up)
        return Stamp(
            wall=wall,
            up=up,
            boot=self._boot,
            synced=synced,
            error=error_ms if synced else None,
        )

    def now(self) -> datetime:
        """Return now as an aware UTC datetime."""
        return datetime.fromtimestamp(self.stamp().wall / 1e3, UTC)

    def _kernel(self) -> tuple[bool, int]:
        """Return whether the kernel calls its clock synchronised, and its error bound in ms."""
        timex = _Timex(modes=0)
        verdict = self._libc.adjtimex(ctypes.byref(timex))
        synced = verdict not in (-1, _TIME_ERROR) and not timex.status & _STA_UNSYNC
        return synced, timex.maxerror // 1000


def _up_ms() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
