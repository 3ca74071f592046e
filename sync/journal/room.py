"""Room on the medium: how full it is, and the ballast that is thrown out last.

The file system's own numbers, as `df` shows them, with one correction: pages that the journal has
freed inside its file count as free, because entries will use them before the file grows.
"""

import errno
import os
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Final

from msgspec import Struct

BALLAST_BYTES: Final = 16 * 1024 * 1024
"""Some 2,400 live punches: what a full disk can still take after everything else has failed."""

BALLAST_SHARE: Final = 32
"""The ballast is at most this part of a medium: on a small one it must not be what fills it."""

HYSTERESIS: Final = 2.0
"""By so many percent a level must be undershot before it counts as left: no alarm flickers."""


class Level(IntEnum):
    """How full a medium is, percent, at which somebody or something must act."""

    FINE = 0
    FILLING = 70  # a person should look some time
    LOW = 85  # a person should look this week
    CRITICAL = 95  # what central has is let go of now, whatever its age

    @classmethod
    def of(cls, used: float, before: "Level") -> "Level":
        """Return the level at `used` percent, for a medium that was at `before`."""
        now = max(level for level in cls if level <= used)
        if now < before and used > before - HYSTERESIS:
            return before
        return now


class Usage(Struct, frozen=True):
    """How much of the medium is used, and how much entries may still take, bytes."""

    used_bytes: int
    free_bytes: int

    @property
    def percent(self) -> float:
        """Return the used part, as `df` counts it."""
        total = self.used_bytes + self.free_bytes
        return 100.0 * self.used_bytes / total if total else 100.0


def usage(
    directory: Path,
    reusable_bytes: int = 0,
    statvfs: Callable[[Path], os.statvfs_result] = os.statvfs,
) -> Usage:
    """Return how full the medium of `directory` is, `reusable_bytes` of it being free inside files.

    Raises OSError.
    """
    said = statvfs(directory)
    used = (said.f_blocks - said.f_bfree) * said.f_frsize
    free = said.f_bavail * said.f_frsize
    return Usage(max(0, used - reusable_bytes), free + reusable_bytes)


class Ballast:
    """A file that takes up room so that it can be given back. Building it touches nothing."""

    def __init__(self, path: Path, most_bytes: int = BALLAST_BYTES) -> None:
        self._path = path
        self._most_bytes = most_bytes

    @property
    def laid(self) -> bool:
        """Whether it is there."""
        return self._path.exists()

    def lay(self) -> bool:
        """Take up the room if it is there to spare; return whether the ballast is laid.

        Raises OSError when the medium refuses for another reason than being full.
        """
        if self.laid:
            return True
        self._path.parent.mkdir(parents=True, exist_ok=True)
        said = os.statvfs(self._path.parent)
        size = min(self._most_bytes, said.f_blocks * said.f_frsize // BALLAST_SHARE)
        if said.f_bavail * said.f_frsize < 2 * size:
            return False
        draft = self._path.with_suffix(".begun")  # half of it must not be taken for the whole
        try:
            with draft.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, size)  # blocks, not a hole
            draft.rename(self._path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            if error.errno == errno.ENOSPC:  # somebody was quicker
                return False
            raise
        return True

    def drop(self) -> bool:
        """Give the room back; return whether there was any."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
