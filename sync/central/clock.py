"""Central's clock: the only place here that asks what time it is."""

import time

from sync.machine import Machine
from sync.protocol.entry import Stamp


def now_ms() -> int:
    """Return milliseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


def stamp() -> Stamp:
    """Return now, as an entry says it."""
    said = Machine()()
    error = said.error if said.synced else None
    return Stamp(wall=said.wall, up=said.up, boot=said.boot, synced=said.synced, error=error)
