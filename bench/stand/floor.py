"""The floor that durable storage is measured against; stdlib only, so that a peer can import it."""

import os
import time
from pathlib import Path


def bare(path: Path, count: int) -> float:
    """Return the seconds of one append of 4 KiB and fdatasync, of `count` to a new file."""
    with path.open("wb", buffering=0) as file:
        began = time.perf_counter()
        for _ in range(count):
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
        return (time.perf_counter() - began) / count
