"""Where releases are, which one holds, and what is on trial: files and links, each change whole.

After a power cut there is the old link or the new one, the old word or the new one.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, TypeVar

import msgspec
from msgspec import Struct

from kiosk.release.errors import Failed, NotNow
from kiosk.release.release import Version
from kiosk.release.trial import Ended, Trial
from sync.journal.durable import make_directory, sync_directory
from sync.keyfile import write_durably
from sync.protocol.errors import Malformed

PLACE: Final = Path("/opt/presensi-kiosk")

BEGUN: Final = ".begun"
"""What a release is called that is being unpacked."""

_AGAIN_S: Final = 0.1

T = TypeVar("T", bound=Struct)


class Releases:
    """The releases of one kiosk, below `place`."""

    def __init__(self, place: Path = PLACE) -> None:
        self.place = place
        self._trial = place / "trial.json"
        self._ended = place / "trial-ended.json"

    def tree(self, version: str) -> Path:
        """Return a release's directory, whether it is there or not."""
        return self.place / "releases" / version

    def installed(self) -> list[str]:
        """Return the versions of whole releases, the oldest first."""
        there = self.place / "releases"
        names = [one.name for one in there.iterdir()] if there.is_dir() else []
        return [str(version) for version in sorted(_versions(names))]

    @property
    def current(self) -> str:
        """Return the release that holds; "" for none."""
        return self._target("current")

    @property
    def earlier(self) -> str:
        """Return the release before it; "" for none."""
        return self._target("earlier")

    def _target(self, name: str) -> str:
        try:
            return (self.place / name).readlink().name
        except OSError:
            return ""

    def point(self, name: str, version: str) -> None:
        """Have `current` or `earlier` mean a release, by one rename. Raises Failed."""
        draft = self.place / f".{name}"
        try:
            draft.unlink(missing_ok=True)
            draft.symlink_to(Path("releases") / version)
            draft.replace(self.place / name)
            sync_directory(self.place)
        except OSError as error:
            raise _failed(error, self.place / name) from error

    @contextmanager
    def held(self, patience_s: float) -> Iterator[None]:
        """Keep everybody else from changing anything meanwhile; a death lets go of it.

        Raises NotNow where somebody is at it for longer than `patience_s`, Failed.
        """
        until_s = time.monotonic() + patience_s
        try:
            lock = (self.place / "lock").open("ab")
        except OSError as error:
            raise _failed(error, self.place) from error
        with lock:
            while not _taken(lock):
                if time.monotonic() >= until_s:
                    raise NotNow(
                        "another kiosk release is at work, or presensi-trial.service; try again "
                        "when it has ended"
                    )
                time.sleep(_AGAIN_S)
            yield

    # What is being unpacked.

    def draft(self, version: str, size: int) -> Path:
        """Return an empty directory for a release of `size` bytes. Raises Failed."""
        draft = self.tree(version).with_name(version + BEGUN)
        try:
            make_directory(draft.parent)
            self.sweep()
            found = os.statvfs(draft.parent)
            free = found.f_bavail * found.f_frsize
            if free < size * 1.2:
                raise Failed(
                    f"{draft.parent}: the release needs {size * 1.2 / 1e6:.0f} MB and "
                    f"{free / 1e6:.0f} are free; free some space on the disk"
                )
            draft.mkdir()
        except OSError as error:
            raise _failed(error, draft) from error
        return draft

    def finish(self, version: str) -> None:
        """Give a whole draft its release's name. Raises Failed."""
        tree = self.tree(version)
        try:
            tree.with_name(version + BEGUN).rename(tree)
            sync_directory(tree.parent)
        except OSError as error:
            raise _failed(error, tree) from error

    def sweep(self) -> None:
        """Remove what was not finished. Raises OSError."""
        for one in (self.place / "releases").glob(f"*{BEGUN}"):
            shutil.rmtree(one)

    def prune(self) -> list[str]:
        """Remove releases that neither hold nor are returned to; return them. Raises Failed."""
        gone = [one for one in self.installed() if one not in (self.current, self.earlier)]
        for version in gone:
            tree = self.tree(version)
            try:
                doomed = tree.with_name(version + BEGUN)  # half of a release is none
                tree.rename(doomed)
                shutil.rmtree(doomed)
            except OSError as error:
                raise _failed(error, tree) from error
        return gone

    # What is on trial.

    def trial(self) -> Trial | None:
        """Return what is on trial. Raises Failed if the file says nothing that can be read."""
        return _read(self._trial, Trial)

    def remember(self, trial: Trial) -> None:
        """Have a trial on disk. Raises Failed."""
        _write(self._trial, trial)

    def ended(self) -> Ended | None:
        """Return how the last trial ended. Raises Failed."""
        return _read(self._ended, Ended)

    def end(self, ended: Ended | None) -> None:
        """There is no trial any more; `ended` says how, None that nothing was changed.

        Raises Failed.
        """
        if ended is not None:
            _write(self._ended, ended)
        try:
            self._trial.unlink(missing_ok=True)
            sync_directory(self.place)
        except OSError as error:
            raise _failed(error, self._trial) from error


def _taken(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _versions(names: list[str]) -> Iterator[Version]:
    for name in names:
        try:
            yield Version.read(name)
        except Malformed:
            continue


def _read(path: Path, form: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=form)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _failed(error, path) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Failed(f"{path}: {error}; remove it and look which release holds") from error


def _write(path: Path, said: Struct) -> None:
    try:
        write_durably(path, msgspec.json.encode(said) + b"\n", 0o644)
    except OSError as error:
        raise _failed(error, path) from error


def _failed(error: OSError, path: Path) -> Failed:
    return Failed(f"{error.filename or path}: {error.strerror or error}; are you root?")
