"""Durable steps on a disk, one by one.

Every set-up goes through here, so that a test can cut the power after each step, and lose what was
not synced. On FAT (the boot partition) nothing has an owner or a mode: files there are written in
place.
"""

import os
from pathlib import Path
from typing import Final

from sync.journal.durable import make_directory, sync_directory

_BLANK_BYTES: Final = 1 << 20


class Disk:
    """The machine's disks. `owner` is who files are given to when root makes them; None for us.

    All methods raise OSError.
    """

    def __init__(self, owner: tuple[int, int] | None = None) -> None:
        self._owner = owner

    def replace(self, path: Path, content: bytes, mode: int = 0o640) -> None:
        """Put `content` at `path`: after a power cut there is the old file or the new one."""
        if self.read(path) == content:
            return
        self.make_directory(path.parent)
        draft = path.with_name(f".{path.name}.new")  # one name: a cut leaves no litter behind
        self.create(draft, content, mode)
        self.sync(draft)
        self.rename(draft, path)
        self.sync_directory(path.parent)

    def read(self, path: Path, most: int = 1 << 20) -> bytes | None:
        """Return at most `most` bytes of a file; None where there is none."""
        try:
            with path.open("rb") as file:
                return file.read(most)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def names(self, directory: Path) -> list[str]:
        """Return what is in a directory."""
        return sorted(one.name for one in directory.iterdir())

    def make_directory(self, path: Path) -> None:
        """Make a directory, and those above it, durably."""
        if path.is_dir():
            return
        missing = [one for one in (path, *path.parents) if not one.exists()]
        make_directory(path)
        for one in missing:
            self._give(one)

    def create(self, path: Path, content: bytes, mode: int) -> None:
        """Write a file anew; it is not on disk yet."""
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
        self._give(path)

    def overwrite(self, path: Path, content: bytes) -> None:
        """Write over a file from its beginning; what was longer stays behind it."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)

    def cut(self, path: Path, length: int) -> None:
        """Shorten a file to `length` bytes."""
        os.truncate(path, length)

    def sync(self, path: Path) -> None:
        """Make a file's content durable."""
        descriptor = os.open(path, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, old: Path, new: Path) -> None:
        """Give a file another name, in place of whatever has it."""
        old.replace(new)

    def remove(self, path: Path) -> None:
        """Remove a file, if there is one."""
        path.unlink(missing_ok=True)

    def remove_directory(self, path: Path) -> None:
        """Remove an empty directory."""
        path.rmdir()

    def blank(self, path: Path) -> None:
        """Write zeros over the whole of a file, durably. Flash may keep what was there before."""
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "wb") as file:
            left = os.fstat(file.fileno()).st_size
            while left > 0:
                left -= file.write(bytes(min(left, _BLANK_BYTES)))
            file.flush()
            os.fsync(file.fileno())

    def sync_directory(self, directory: Path) -> None:
        """Make a directory's names durable."""
        sync_directory(directory)

    def _give(self, path: Path) -> None:
        if self._owner is not None:
            os.chown(path, *self._owner, follow_symlinks=False)
