"""This machine's clocks, read only: what the kernel says of the time, and how far it may be
trusted. What to believe of it is for whoever asks (`kiosk/truth.py`). Nothing here sets a clock.
"""

import ctypes
import time
from pathlib import Path
from typing import Final

from msgspec import Struct

_STA_UNSYNC: Final = 0x0040
"""adjtimex(2) status bit: the kernel's clock is not synchronised."""

_TIME_ERROR: Final = 5
"""adjtimex(2) return value: clock not synchronised."""


class Reading(Struct, frozen=True):
    """What the machine says at one moment; milliseconds. `error` is the kernel's bound."""

    wall: int
    up: int
    boot: str
    synced: bool
    error: int = 0


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


class Machine:
    """Call it for a reading."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")

    def __call__(self) -> Reading:
        """Return what the machine says now."""
        timex = _Timex(modes=0)
        verdict = self._libc.adjtimex(ctypes.byref(timex))
        return Reading(
            wall=time.time_ns() // 1_000_000,
            up=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000,
            boot=self._boot,
            synced=verdict not in (-1, _TIME_ERROR) and not timex.status & _STA_UNSYNC,
            error=timex.maxerror // 1000,
        )
