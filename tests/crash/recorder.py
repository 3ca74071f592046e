"""Records every write and sync that SQLite and Python make below a directory.

    tape = Tape(directory)
    with recording(tape):
        ...                        # the real journal code, on stdlib sqlite3

A VFS of apsw becomes SQLite's default one, so that the stdlib's sqlite3 writes through it without
knowing. That holds only where both stand on one library: under Debian's Python with Debian's
python3-apsw. Names are made and synced with `os`: mkdir, rename, replace, unlink and fsync of a
directory are recorded as well. What else Python writes below the directory is not.
"""

import contextlib
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
from tape import Tape, What

VFS_NAME = "recorder"
BASE = "unix"
"""SQLite's own VFS, which does the work."""


class _RecordedFile(apsw.VFSFile):  # type: ignore[misc]
    """A file of SQLite's own VFS, written and synced through the tape."""

    def __init__(self, tape: Tape, path: str, name: object, flags: list[int]) -> None:
        super().__init__(BASE, name, flags)
        self._tape = tape
        self._file = tape.open(path)
        self._parent = str(Path(path).parent)
        # SQLite's unix VFS syncs the directory with the first sync of a log that it may have made;
        # it does so below us, out of sight.
        logs = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL
        self._new_log = bool(flags[0] & logs and flags[0] & apsw.SQLITE_OPEN_CREATE)

    def excepthook(self, *error: Any) -> None:
        _said_to_sqlite(*error)

    def xWrite(self, content: bytes, offset: int) -> None:
        super().xWrite(content, offset)
        self._tape.put(What.WRITE, file=self._file, offset=offset, content=bytes(content))

    def xTruncate(self, size: int) -> None:
        super().xTruncate(size)
        self._tape.put(What.RESIZE, file=self._file, offset=size)

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        self._tape.sync(self._file)
        if self._new_log:
            self._new_log = False
            self._tape.sync_names(self._parent)


class _RecordingVfs(apsw.VFS):  # type: ignore[misc]
    """SQLite's default VFS while it is registered; files elsewhere pass straight through."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        super().__init__(VFS_NAME, BASE, makedefault=True)

    def excepthook(self, *error: Any) -> None:
        _said_to_sqlite(*error)

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        plain = name.filename() if isinstance(name, apsw.URIFilename) else name
        path = None if plain is None else self._tape.inside(plain)
        if path is None:
            return apsw.VFSFile(BASE, name, flags)
        return _RecordedFile(self._tape, path, name, flags)

    def xDelete(self, name: str, sync_names: bool) -> None:
        super().xDelete(name, sync_names)
        path = self._tape.inside(name)
        if path is not None:
            self._tape.remove(path)
            if sync_names:
                self._tape.sync_names(str(Path(path).parent))


def _said_to_sqlite(kind: type[BaseException], error: BaseException, trace: object) -> None:
    """Stay silent about an error of SQLite's own VFS: it has its code and deals with it."""
    if not isinstance(error, apsw.Error):
        sys.__excepthook__(kind, error, trace)  # type: ignore[arg-type]


@contextlib.contextmanager
def recording(tape: Tape) -> Iterator[None]:
    """Record on `tape` what is done inside the `with`; every connection must be closed in it."""
    vfs = _RecordingVfs(tape)
    try:
        with _recorded_names(tape):
            yield
    finally:
        vfs.unregister()


@contextlib.contextmanager
def _recorded_names(tape: Tape) -> Iterator[None]:
    """Let the functions of `os` that change or sync names tell the tape; pathlib uses them too."""
    real = {name: getattr(os, name) for name in ("mkdir", "rename", "replace", "unlink", "fsync")}

    def mkdir(path: Any, *mode: Any, **more: Any) -> None:
        real["mkdir"](path, *mode, **more)
        if (inside := tape.inside(path)) is not None:
            tape.put(What.MKDIR, path=inside)

    def moving(name: str) -> Callable[..., None]:
        def move(old: Any, new: Any, **more: Any) -> None:
            real[name](old, new, **more)
            source, target = tape.inside(old), tape.inside(new)
            if source is not None and target is not None:
                tape.rename(source, target)

        return move

    def unlink(path: Any, **more: Any) -> None:
        real["unlink"](path, **more)
        if (inside := tape.inside(path)) is not None:
            tape.remove(inside)

    def fsync(descriptor: int) -> None:
        real["fsync"](descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.is_dir() and path.is_relative_to(tape.directory):
            tape.sync_names("/" + str(path.relative_to(tape.directory)).removeprefix("."))

    doubles = {
        "mkdir": mkdir, "rename": moving("rename"), "replace": moving("replace"),
        "unlink": unlink, "fsync": fsync,
    }  # fmt: skip
    for name, double in doubles.items():
        setattr(os, name, double)
    try:
        yield
    finally:
        for name, function in real.items():
            setattr(os, name, function)


def one_sqlite() -> dict[str, str]:
    """Return the one SQLite under apsw and sqlite3. Raises RuntimeError if they differ."""
    question = "SELECT sqlite_version() || ' ' || sqlite_source_id()"
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        [ours] = db.execute(question).fetchone()
    [[theirs]] = apsw.Connection(":memory:").cursor().execute(question).fetchall()
    if ours != theirs or apsw.sqlitelibversion() != sqlite3.sqlite_version:
        raise RuntimeError(
            f"sqlite3 stands on {ours}, apsw on {theirs}: nothing would be recorded; "
            "use the distribution's Python with the distribution's python3-apsw"
        )
    version, source = ours.split(" ", 1)
    return {"version": version, "source": source}
