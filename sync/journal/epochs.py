"""The epochs of one kiosk: a directory of journal files, the newest of which is alive.

    epoch-0001-3f9c2a77d1e04b58.db     closed, still delivered if need be
    epoch-0002-91be07c55d3a4f21.db     alive

A new card has no files, so it begins epoch 1 under a new name; reading every terminal anew fills it
and central counts each punch once. A damaged file is set aside untouched and a new epoch begun.
"""

import fcntl
import os
import re
import secrets
from pathlib import Path
from typing import IO, Final

from sync.journal.errors import Damaged, Foreign, InUse, JournalError, StorageFailed
from sync.journal.journal import Journal
from sync.journal.reader import Life

_FILE: Final = re.compile(r"^epoch-(\d{4,})-([0-9a-f]{16})\.db$")
_SET_ASIDE: Final = ".damaged"
_UNBEGUN: Final = ".begun"


class Epochs:
    """The journal directory of one kiosk. Held by one process at a time.

    Attributes:
        journals: all that could be opened, oldest first; the last one is alive.
        damaged: what had to be set aside at this start, as errors.
    """

    def __init__(self, directory: Path, kiosk: str, key: bytes) -> None:
        self.directory = directory
        self.journals: list[Journal] = []
        self.damaged: list[Damaged] = []
        self._kiosk = kiosk
        self._key = key
        self._held: IO[bytes] | None = None

    @property
    def live(self) -> Journal:
        """Return the journal that takes entries."""
        return self.journals[-1]

    def open(self) -> None:
        """Open every epoch; begin one if none is alive.

        Raises:
            InUse: another process holds the directory.
            Foreign: a file is another kiosk's, or newer than this software.
            JournalError: the medium refuses.
        """
        try:
            self._hold()
            for leftover in self.directory.glob(f"epoch-*{_UNBEGUN}*"):
                leftover.unlink()
            found = files(self.directory)
            for path in found:
                self._open_one(path)
            if not self.journals or self.live.path != found[-1] or self.live.reader.closed():
                self._begin(_number(found[-1]) + 1 if found else 1)
        except OSError as error:
            self.close()
            raise StorageFailed(
                f"{self.directory}: {error.strerror}; check the disk and the owner"
            ) from error
        except JournalError:
            self.close()
            raise

    def _hold(self) -> None:
        """Take hold of the directory, so that no second daemon does."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._held = (self.directory / "lock").open("ab")
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InUse(f"{self.directory}: another kiosk daemon is using it; stop it") from error

    def _open_one(self, path: Path) -> None:
        journal = Journal(path)
        try:
            journal.open()
        except Damaged as damage:
            self._set_aside(path)
            self.damaged.append(damage)
            return
        self.journals.append(journal)
        if journal.life.kiosk != self._kiosk:
            raise Foreign(
                f"{path}: the journal of kiosk {journal.life.kiosk!r}, "
                f"but this one is {self._kiosk!r}; check `kiosk` in the settings"
            )

    def _set_aside(self, path: Path) -> None:
        """Rename a damaged file and what SQLite keeps beside it: kept whole, never opened."""
        for suffix in ("-wal", "-shm", ""):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.rename(path.with_name(path.name + _SET_ASIDE + suffix))
        sync_directory(self.directory)

    def _begin(self, number: int) -> None:
        epoch = secrets.token_hex(8)  # 64 random bits: two cards of one kiosk never share a name
        path = self.directory / f"epoch-{number:04d}-{epoch}.db"
        # Made under another name: a power cut in between leaves nothing that looks like an epoch.
        draft = path.with_suffix(_UNBEGUN)
        Journal.make(draft, Life(self._kiosk, epoch, number, self._key))
        draft.rename(path)
        sync_directory(self.directory)
        journal = Journal(path)
        journal.open()
        self.journals.append(journal)

    def close(self) -> None:
        """Close every file and let go of the directory; may be called twice."""
        for journal in self.journals:
            journal.close()
        self.journals = []
        if self._held is not None:
            self._held.close()
            self._held = None


def files(directory: Path) -> list[Path]:
    """Return the epochs' files in `directory`, oldest first; none if there is no such place."""
    if not directory.is_dir():
        return []
    return sorted((path for path in directory.iterdir() if _FILE.match(path.name)), key=_number)


def _number(path: Path) -> int:
    """Return the how-many-th epoch a file is."""
    return int(path.name.split("-")[1])


def sync_directory(directory: Path) -> None:
    """Make the directory's own entries durable: a new name is on disk only after this."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
