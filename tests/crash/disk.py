"""A disk that forgets: what is written to it is safe only once it was synced.

Both halves of the lab stand on it: the recorder replays a tape of writes into one (states.py), the
power-cut file system keeps its files in one (powercut.py). What a power cut leaves:

    of a file        what was synced; of the writes and truncates since then none, a random half or
                     all, in order, the last of them whole or torn
    of a directory   the names at its last sync, and the first few of their changes since then (a
                     file system keeps names in a journal, so they survive in order)

Under `Names.STRICT`, POSIX to the letter, only a directory's own sync makes its names safe. Under
`Names.JOURNALLED`, as on ext4, any sync also makes every earlier change of a name safe.
Not modelled: a controller that lies about syncs, and bits that rot (test_damage.py has those).
"""

import errno
import os
from enum import Enum
from pathlib import Path, PurePosixPath
from random import Random
from typing import NamedTuple

SECTOR_BYTES = 512
"""What a disk writes whole or not at all."""


class Names(Enum):
    """When a name in a directory is safe."""

    STRICT = "strict"
    JOURNALLED = "journalled"


class Tear(Enum):
    """Where the last surviving write of each file ends too early."""

    NOWHERE = "whole"
    SECTOR = "sector"
    ANYWHERE = "anywhere"


class Cut(NamedTuple):
    """A power cut: how many percent of the unsynced changes survive, and where the last is torn."""

    kept: int
    tear: Tear = Tear.NOWHERE

    def __str__(self) -> str:
        return f"{self.kept} % kept, last write {self.tear.value}"


CUTS = (
    Cut(0), Cut(50), Cut(100),
    Cut(50, Tear.SECTOR), Cut(50, Tear.ANYWHERE), Cut(100, Tear.SECTOR), Cut(100, Tear.ANYWHERE),
)  # fmt: skip


class Write(NamedTuple):
    """Bytes written at a place."""

    offset: int
    content: bytes

    def apply(self, to: bytearray) -> None:
        if len(to) < self.offset:
            to.extend(bytes(self.offset - len(to)))  # a hole reads as zeros
        to[self.offset : self.offset + len(self.content)] = self.content

    def torn(self, tear: Tear, random: Random) -> "Write":
        """Return what is left of it; a write too small to be torn there stays whole."""
        end = self.offset + len(self.content)
        places = range(self.offset + 1, end)
        if tear is Tear.SECTOR:
            first = (self.offset // SECTOR_BYTES + 1) * SECTOR_BYTES
            places = range(first, end, SECTOR_BYTES)
        if tear is Tear.NOWHERE or not places:
            return self
        return Write(self.offset, self.content[: random.choice(places) - self.offset])


class Resize(NamedTuple):
    """A file cut short, or made longer with zeros."""

    size: int

    def apply(self, to: bytearray) -> None:
        del to[self.size :]
        to.extend(bytes(self.size - len(to)))

    def torn(self, tear: Tear, random: Random) -> "Resize":
        return self


class File:
    """What stands in a file now, what of it is safe, and what happened to it since."""

    def __init__(self, content: bytes = b"", mode: int = 0o100644) -> None:
        self.now = bytearray(content)
        self.safe = bytearray(content)
        self.unsynced: list[Write | Resize] = []
        self.mode = mode

    def change(self, change: Write | Resize) -> None:
        change.apply(self.now)
        self.unsynced.append(change)

    def sync(self) -> None:
        for change in self.unsynced:
            change.apply(self.safe)
        self.unsynced.clear()

    def after(self, cut: Cut, random: Random) -> "File":
        """Return the file as a power cut leaves it."""
        kept = [one for one in self.unsynced if _survives(cut, random)]
        if kept:
            kept[-1] = kept[-1].torn(cut.tear, random)
        left = File(self.safe, self.mode)
        for change in kept:
            change.apply(left.safe)
        left.now[:] = left.safe
        return left


class Rename(NamedTuple):
    """A change of a directory: the name `gone` goes (if given), `name` comes (if given)."""

    gone: str
    name: str = ""
    node: "File | Directory | None" = None

    def apply(self, to: "dict[str, File | Directory]") -> None:
        to.pop(self.gone, None)
        if self.node is not None:
            to[self.name] = self.node


class Directory:
    """The names in a directory now, those that are safe, and what happened to them since."""

    def __init__(self, mode: int = 0o040755) -> None:
        self.now: dict[str, File | Directory] = {}
        self.safe: dict[str, File | Directory] = {}
        self.unsynced: list[Rename] = []
        self.mode = mode

    def change(self, change: Rename) -> None:
        change.apply(self.now)
        self.unsynced.append(change)

    def sync(self) -> None:
        for change in self.unsynced:
            change.apply(self.safe)
        self.unsynced.clear()

    def after(self, cut: Cut, random: Random) -> "Directory":
        """Return the directory, and all below it, as a power cut leaves it."""
        number = len(self.unsynced)
        kept = {0: 0, 100: number}.get(cut.kept, random.randint(0, number))
        names = dict(self.safe)
        for change in self.unsynced[:kept]:
            change.apply(names)
        left = Directory(self.mode)
        left.safe = {name: node.after(cut, random) for name, node in sorted(names.items())}
        left.now = dict(left.safe)
        return left


class Disk:
    """A tree of files and directories. Paths are absolute, "/" its root; errors are OSError's."""

    def __init__(self, names: Names, root: Directory | None = None) -> None:
        self.names = names
        self.root = root or Directory()

    def find(self, path: str) -> File | Directory:
        node: File | Directory = self.root
        for name in PurePosixPath(path).parts[1:]:
            if not isinstance(node, Directory) or name not in node.now:
                raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            node = node.now[name]
        return node

    def directory(self, path: str) -> Directory:
        node = self.find(path)
        if not isinstance(node, Directory):
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        return node

    def put(self, path: str, node: File | Directory) -> None:
        """Give `node` a name."""
        place = PurePosixPath(path)
        self.directory(str(place.parent)).change(Rename("", place.name, node))

    def place(self, path: str, content: bytes) -> File:
        """Let a file stand there, whole and safe, as something that was always so; return it."""
        names = PurePosixPath(path).parts[1:]
        node = self.root
        for name in names[:-1]:
            node.sync()
            below = node.now[name]
            assert isinstance(below, Directory)
            node = below
        node.sync()
        found = node.now.get(names[-1], File())
        assert isinstance(found, File)
        node.now[names[-1]] = node.safe[names[-1]] = found
        found.now[:] = found.safe[:] = content
        found.unsynced.clear()
        return found

    def remove(self, path: str) -> None:
        node, place = self.find(path), PurePosixPath(path)
        if isinstance(node, Directory) and node.now:
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), path)
        self.directory(str(place.parent)).change(Rename(place.name))

    def rename(self, old: str, new: str) -> None:
        source, target = PurePosixPath(old), PurePosixPath(new)
        if source.parent != target.parent:
            raise OSError(errno.EXDEV, "moved to another directory: not modelled", new)
        node = self.find(old)
        self.directory(str(source.parent)).change(Rename(source.name, target.name, node))

    def sync(self, node: File | Directory) -> None:
        """Make a file's content, or a directory's names, safe."""
        node.sync()
        if self.names is Names.JOURNALLED:
            for directory in self._directories(self.root):
                directory.sync()

    def after(self, cut: Cut, random: Random) -> "Disk":
        """Return the disk as it is found once power is back."""
        return Disk(self.names, self.root.after(cut, random))

    def write_out(self, to: Path) -> None:
        """Put everything into the directory `to` of this machine."""
        _write_out(self.root, to)

    def size(self) -> int:
        """Return how many bytes all files have together."""
        return sum(
            len(node.now)
            for directory in self._directories(self.root)
            for node in directory.now.values()
            if isinstance(node, File)
        )

    def _directories(self, top: Directory) -> list[Directory]:
        found = [top]
        for node in list(top.now.values()):
            if isinstance(node, Directory):
                found += self._directories(node)
        return found


def _survives(cut: Cut, random: Random) -> bool:
    return cut.kept == 100 or (cut.kept > 0 and random.randrange(100) < cut.kept)


def _write_out(directory: Directory, to: Path) -> None:
    to.mkdir(exist_ok=True)
    for name, node in directory.now.items():
        if isinstance(node, Directory):
            _write_out(node, to / name)
        else:
            (to / name).write_bytes(node.now)
