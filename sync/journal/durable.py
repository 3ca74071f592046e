"""Names that survive a power cut: a new or renamed file is on disk only with its directory."""

import os
from pathlib import Path


def sync_directory(directory: Path) -> None:
    """Make the directory's own entries durable. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
