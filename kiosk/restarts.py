"""How rarely the process may ask to be restarted because its sources hang."""

import logging
import time
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

EVERY_S: Final = 3600.0
"""Seldom enough that a terminal which hangs every reader does not keep the others from working."""


class Restarts:
    """Remembers the last restart in a file, by boot and by seconds since boot: no clock can lie."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def allow(self) -> bool:
        """Return whether a restart is due now, and if so remember it."""
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        up_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        try:
            last_boot, _, last_up_s = self._file.read_text().partition(" ")
            if last_boot == boot and up_s - float(last_up_s) < EVERY_S:
                return False
        except (OSError, ValueError):
            pass  # never restarted, or not readable: then once is allowed
        try:
            self._file.write_text(f"{boot} {up_s:.0f}")
        except OSError as error:
            log.warning("%s: %s: no restart without remembering it", self._file, error)
            return False
        return True
