"""Names that survive a power cut: a new or renamed file is on disk only with its directory."""

import os
from contextlib import suppress
from pathlib import Path


def sync_directory(directory: Path) -> None:
    """Make the directory's own entries durable. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(directory: Path) -> None:
    """Make a directory that survives a power cut, and those above it that are missing.

    Raises OSError.
    """
    missing = [directory, *directory.parents]
    missing = missing[: next(n for n, one in enumerate(missing) if one.is_dir())]
    for one in reversed(missing):
        one.mkdir(exist_ok=True)
        sync_directory(one.parent)
    if not missing:  # whoever made it may have been killed before he synced it
        with suppress(PermissionError):
            sync_directory(directory.parent)
