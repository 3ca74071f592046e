"""The databases as they were before a migration, and their return.

Nothing is thrown away by either. What a newer release has written goes aside, under its version's
name; the release that is returned to takes up from there what nobody else has (kiosk/returned.py).

    data/before-0.3.0/journal, vault.sqlite    copies, made before 0.3.0 began
    data/journal-of-0.3.0, vault-of-0.3.0      what 0.3.0 left
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from kiosk.faces import vaultfile
from kiosk.release.errors import Failed
from sync.journal.durable import sync_directory
from sync.journal.names import is_epochs

BEFORE: Final = "before-"
OF: Final = "-of-"
_BEGUN: Final = ".begun"

_JOURNAL: Final = "journal"
_VAULT: Final = vaultfile.FILE


def make(data: Path, version: str) -> str:
    """Copy what `version` may migrate, while nobody has it open; return the copies' directory.

    Raises Failed: there is no room, or the disk refuses; nothing is left of it.
    """
    place, draft = data / f"{BEFORE}{version}", data / f"{BEFORE}{version}{_BEGUN}"
    try:
        for old in (place, draft):
            if old.exists():
                shutil.rmtree(old)
        files = list(_files(data))
        size, found = sum(one.stat().st_size for one in files), os.statvfs(data)
        if found.f_bavail * found.f_frsize < size * 1.2:
            raise Failed(
                f"{data}: the copy of the journal needs {size * 1.2 / 1e6:.0f} MB; free some space"
            )
        _directory(draft, data)
        _directory(draft / _JOURNAL, data / _JOURNAL)
        for one in files:
            to = draft / one.relative_to(data)
            if one.name == _VAULT:
                _copy_vault(one, to)
            else:
                shutil.copyfile(one, to)
            _own(to, one)
            _sync(to)
        sync_directory(draft / _JOURNAL)
        sync_directory(draft)
        draft.rename(place)
        sync_directory(data)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise Failed(f"{error.filename or data}: {error.strerror}; look at the disk") from error
    return f"{place}"


def restore(data: Path, version: str) -> None:
    """Put the copies where they were; what `version` has written goes aside.

    Every step may have been done already. Raises Failed.
    """
    copies = data / f"{BEFORE}{version}"
    try:
        _swap(copies / _JOURNAL, data / _JOURNAL, data / f"{_JOURNAL}{OF}{version}")
        if (copies / _VAULT).exists():
            aside = data / f"vault{OF}{version}"
            if not aside.exists():
                _directory(aside, data)
            beside = data / f"{_VAULT}-journal"
            if beside.exists():  # of the newer file; beside the older one it would destroy that
                beside.rename(_free(aside / beside.name))
                sync_directory(data)
            _swap(copies / _VAULT, data / _VAULT, aside / _VAULT)
        sync_directory(data)
    except OSError as error:
        raise Failed(f"{error.filename or data}: {error.strerror}; look at the disk") from error


def _swap(copy: Path, place: Path, aside: Path) -> None:
    """Move what is at `place` aside and the copy there, unless that is done already."""
    if not copy.exists():
        return
    if place.exists():
        place.rename(_free(aside))
        sync_directory(place.parent)
    copy.rename(place)


def _free(path: Path) -> Path:
    """Return a name like `path` that nothing has: what was set aside before is not overwritten."""
    names = [path, *(path.with_name(f"{path.name}.{n}") for n in range(1, 1000))]
    return next(name for name in names if not name.exists())


def prune(data: Path, keep: str) -> None:
    """Remove the copies of earlier changes, all but those made before `keep`. Raises OSError."""
    for one in data.glob(f"{BEFORE}*"):
        if one.name not in (f"{BEFORE}{keep}", f"{BEFORE}{keep}{_BEGUN}"):
            shutil.rmtree(one)


def forget(data: Path, person: str) -> None:
    """Destroy what is known of somebody by face in every copy of the vault, and wash it out.

    Again is harmless. Raises VaultError: it may be there still.
    """
    there = (*data.glob(f"{BEFORE}*/{_VAULT}"), *data.glob(f"vault{OF}*/{_VAULT}"))
    for path in sorted(one for one in there if one.stat().st_size):
        try:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as db:
                db.execute("PRAGMA secure_delete = ON")
                with db:
                    gone = db.execute("DELETE FROM record WHERE person = ?", (person,)).rowcount
                    db.execute("DELETE FROM enrolment WHERE person = ?", (person,))
                if gone:
                    db.execute("VACUUM")
        except sqlite3.Error as error:
            raise vaultfile.VaultError(
                f"{path}: {error}; remove {path.parent}, if nobody is to return to that release"
            ) from error


def _files(data: Path) -> Iterator[Path]:
    journal = data / _JOURNAL
    if journal.is_dir():
        # `-shm` is made anew by whoever opens the file; locks, ballast and lists are of no use.
        yield from (
            one for one in sorted(journal.iterdir())
            if is_epochs(one) and not one.name.endswith("-shm")
        )  # fmt: skip
        yield from (one for one in [journal / "suspects"] if one.exists())
    yield from (one for one in [data / _VAULT] if one.exists())


def _copy_vault(vault: Path, to: Path) -> None:
    """Copy a vault as SQLite reads it: what a cut left half done in it is undone. Raises Failed."""
    try:
        with (
            closing(sqlite3.connect(f"{vault.as_uri()}?mode=rw", uri=True)) as one,
            closing(sqlite3.connect(to)) as other,
        ):
            one.backup(other)
    except sqlite3.Error as error:
        raise Failed(f"{vault}: {error}; kiosk doctor says more") from error


def _directory(made: Path, like: Path) -> None:
    made.mkdir()
    if like.exists():
        _own(made, like)


def _own(made: Path, like: Path) -> None:
    """Give a copy its original's owner and rights."""
    found = like.stat()
    os.chown(made, found.st_uid, found.st_gid, follow_symlinks=False)
    made.chmod(found.st_mode & 0o7777)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
