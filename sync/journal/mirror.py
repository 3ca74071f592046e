"""The mirror: what central does not have yet, a second time, on a second medium.

One file for every epoch that is not wholly delivered, `undelivered-EPOCH.log`:

    line 1    {"kiosk", "epoch", "number", "key", "anchor"}: whose, and the hash before line 2
    then      SEQ HASH BODY, one line an entry, as it stands in the journal

It is only ever appended to and synced, and begun anew when most of it has been delivered. What is
in it proves itself by the chain; a last line that was torn proves nothing and is passed over.
"""

import errno
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from sync.journal.durable import make_directory, sync_directory
from sync.journal.reader import Life
from sync.protocol import chain

ANEW_FROM_BYTES: Final = 4 * 1024 * 1024
"""A file of this size is begun anew once what it has was delivered: some 7,000 entries."""

_FILES: Final = "undelivered-*.log"

Mirrored = tuple[int, bytes, bytes]
"""(seq, body, hash), as they go into the journal."""


class _Heading(Struct, frozen=True):
    kiosk: str
    epoch: str
    number: int
    key: bytes
    anchor: bytes


class Mirror:
    """The second medium's directory. Safe for threads. Nothing here raises.

    Attributes:
        error: why it is not working; "" while it is. That keeps no punch from being recorded: when
            the mirror is written, the first medium has it already.
    """

    def __init__(self, directory: Path) -> None:
        self.error = ""
        self._directory = directory
        self._lock = threading.Lock()
        self._file: FileIO | None = None
        self._size = 0

    @property
    def is_long(self) -> bool:
        """Whether it is worth beginning anew."""
        return self._size >= ANEW_FROM_BYTES

    def prepare(self, life: Life, anchor: bytes, rows: Iterable[Mirrored]) -> bool:
        """Write `rows`, what central lacks of an epoch, to a file that does not count yet.

        Returns whether all of it could be written; `begin` may follow only then.
        """
        try:
            make_directory(self._directory)
            with self._draft(life).open("wb") as file:
                said = _Heading(life.kiosk, life.epoch, life.number, life.key, anchor)
                file.write(msgspec.json.encode(said) + b"\n")
                file.writelines(map(_line, rows))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            with suppress(OSError):
                self._draft(life).unlink(missing_ok=True)
            self._failed(error)
            return False
        return True

    def begin(self, life: Life, rest: Iterable[Mirrored]) -> None:
        """Make the prepared file and `rest` the epoch's, and the one that `write` goes on with."""
        with self._lock:
            self._close()
            path, draft = self._path(life), self._draft(life)
            file = None
            try:
                file = FileIO(draft, "r+b")
                file.seek(0, os.SEEK_END)
                _write(file, b"".join(map(_line, rest)))
                os.fsync(file.fileno())
                draft.rename(path)
                sync_directory(self._directory)
                self._file, self._size, self.error = file, file.tell(), ""
            except OSError as error:
                if file is not None:
                    file.close()
                self._failed(error)

    def write(self, rows: Iterable[Mirrored]) -> None:
        """Put entries on the second medium; returns after the sync."""
        with self._lock:
            if self._file is None:
                return
            try:
                lines = b"".join(map(_line, rows))
                _write(self._file, lines)
                os.fdatasync(self._file.fileno())
                self._size += len(lines)
            except OSError as error:
                self._close()
                self._failed(error)

    def close(self) -> None:
        """Close the file; it stays. May be called twice."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None

    def _failed(self, error: OSError) -> None:
        self.error = f"{self._directory}: {error.strerror}; check the second medium"

    def _path(self, life: Life) -> Path:
        return self._directory / f"undelivered-{life.epoch}.log"

    def _draft(self, life: Life) -> Path:
        return self._directory / f"undelivered-{life.epoch}.begun"


def files(directory: Path) -> dict[str, Path]:
    """Return the mirror's files by epoch; none if there is no such place. Raises OSError."""
    return {path.stem.partition("-")[2]: path for path in sorted(directory.glob(_FILES))}


def whose(path: Path) -> str:
    """Return which kiosk's a mirror's file is; "" where it does not say. Raises OSError."""
    with path.open("rb") as file:
        try:
            return msgspec.json.decode(file.readline(), type=_Heading).kiosk
        except msgspec.MsgspecError:
            return ""


def read(path: Path) -> Iterator[bytes]:
    """Yield the bodies in a mirror's file, as far as they prove themselves. Raises OSError."""
    with path.open("rb") as file:
        try:
            head = msgspec.json.decode(file.readline(), type=_Heading).anchor
        except msgspec.MsgspecError:
            return
        for line in file:
            _, told, body = (*line.rstrip(b"\n").split(b" ", 2), b"", b"")[:3]
            head = chain.link(head, body)
            if told != head.hex().encode() or not line.endswith(b"\n"):
                return
            yield body


def _write(file: FileIO, lines: bytes) -> None:
    """Write all of `lines`. Raises OSError: half a line would hide all that follow it."""
    if file.write(lines) != len(lines):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _line(row: Mirrored) -> bytes:
    seq, body, hash_ = row
    return b"%d %s %s\n" % (seq, hash_.hex().encode(), body)
