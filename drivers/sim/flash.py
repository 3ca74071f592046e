"""A simulated terminal's flash: its serial and its log, in a file that survives kill -9.

One line of JSON per punch, appended and fsynced before the punch counts as made. A last line that
was torn by the kill is dropped, as a real terminal drops it; any other damage is an error.
"""

import os
from collections.abc import Sequence
from io import FileIO
from pathlib import Path

import msgspec
from msgspec import Struct

from drivers.sim.zkrecords import Record


class DamagedState(ValueError):
    """A state file says something that no simulated terminal wrote."""


class _Heading(Struct, forbid_unknown_fields=True):
    serial: str


class Flash:
    """The state file of one simulated terminal. Building it opens nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None

    def load(self, serial: str) -> list[Record]:
        """Return the file's log; a file that is not there yet is begun for `serial`.

        Raises DamagedState for a damaged file or another terminal's, OSError from the disk.
        """
        if not self._path.exists():
            self.rewrite(serial, ())
        content = self._path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        records = self._read(whole.splitlines(), serial)
        if len(whole) < len(content):
            # The next punch must not be glued to the torn one.
            os.truncate(self._path, len(whole))
        return records

    def append(self, record: Record) -> None:
        """Put one punch on disk; returns after the fsync."""
        file = self._open()
        file.write(msgspec.json.encode(record) + b"\n")
        os.fsync(file.fileno())

    def rewrite(self, serial: str, records: Sequence[Record]) -> None:
        """Replace the whole content (a cleared log); the old one stays until the new is on disk."""
        self.close()
        lines = [msgspec.json.encode(_Heading(serial)), *map(msgspec.json.encode, records)]
        beside = self._path.with_name(self._path.name + ".new")
        with beside.open("wb") as file:
            file.write(b"\n".join(lines) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def close(self) -> None:
        """Close the file; the next append opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> FileIO:
        if self._file is None:
            # Unbuffered: one write per line, so a kill tears at most the last one.
            self._file = FileIO(self._path, "ab")
        return self._file

    def _read(self, lines: Sequence[bytes], serial: str) -> list[Record]:
        try:
            heading = msgspec.json.decode(lines[0] if lines else b"", type=_Heading)
            records = [msgspec.json.decode(line, type=Record) for line in lines[1:]]
        except msgspec.MsgspecError as error:
            raise DamagedState(
                f"{self._path} is not a simulated terminal's state: {error}"
            ) from None
        if heading.serial != serial:
            raise DamagedState(
                f"{self._path} is the state of terminal {heading.serial}, not of {serial}; "
                "give each terminal a file of its own"
            )
        return records
