"""What a journal's files are called, and how they change their names.

epoch-NUMBER-EPOCH.db    with `-wal` and `-shm` beside it, which are part of it
"""

import re
from pathlib import Path
from typing import Final

from sync.journal.durable import sync_directory

DAMAGED: Final = ".damaged"
"""Set aside, its salvage not finished."""

SALVAGED: Final = ".salvaged"
"""Set aside, its salvage finished; kept for people."""

UNBEGUN: Final = ".begun"
"""Being made: swept away at the next start. `.begun` becomes `.db` by one rename."""

_FILE: Final = re.compile(r"^epoch-(\d{4,})-([0-9a-f]{16})\.db$")
_PARTS: Final = ("", "-wal", "-shm")


def make(directory: Path, number: int, epoch: str) -> Path:
    """Return the path of an epoch's file."""
    return directory / f"epoch-{number:04d}-{epoch}.db"


def files(directory: Path) -> list[Path]:
    """Return the epochs' files in `directory`, oldest first; none if there is no such place."""
    if not directory.is_dir():
        return []
    return sorted((path for path in directory.iterdir() if _FILE.match(path.name)), key=number)


def is_epochs(path: Path) -> bool:
    """Return whether a file is or was an epoch's, whatever became of it."""
    return re.match(r"epoch-\d{4,}-[0-9a-f]{16}\.", path.name) is not None


def damaged(directory: Path) -> list[Path]:
    """Return the files whose salvage is not finished, by the names they had, oldest first."""
    aside = (path.with_suffix("") for path in directory.glob(f"epoch-*.db{DAMAGED}"))
    return sorted((path for path in aside if _FILE.match(path.name)), key=number)


def read(path: Path) -> tuple[str, int]:
    """Return which epoch a file is by its name, and the how-many-th."""
    _, number, epoch = path.stem.split("-")
    return epoch, int(number)


def number(path: Path) -> int:
    """Return the how-many-th epoch a file is, whatever became of it."""
    return int(path.name.split("-")[1])


def beside(path: Path, suffix: str) -> Path:
    """Return the path whose name is that of `path` and `suffix`."""
    return path.with_name(path.name + suffix)


def move(path: Path, before: str, after: str) -> None:
    """Rename a file and its parts from suffix `before` to `after`. Raises OSError.

    The file goes first, so that a power cut in between leaves no database without its log. What is
    not there is passed over.
    """
    for part in _PARTS:
        old = beside(path, before + part)
        if old.exists():
            old.rename(beside(path, after + part))
            sync_directory(path.parent)


def remove(path: Path) -> None:
    """Remove a file and its parts, the file last. Raises OSError."""
    for part in reversed(_PARTS):
        beside(path, part).unlink(missing_ok=True)
    sync_directory(path.parent)
