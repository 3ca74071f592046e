"""What happened to the files of a directory, in order, and its replay onto a disk that forgets."""

from enum import Enum, auto
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from disk import Cut, Directory, Disk, File, Names, Resize, Write


class What(Enum):
    """What happened."""

    MAKE = auto()  # a file came to be at `path`, numbered
    WRITE = auto()
    RESIZE = auto()
    SYNC = auto()
    MKDIR = auto()
    REMOVE = auto()
    RENAME = auto()
    SYNC_NAMES = auto()
    PLACE = auto()  # a file has this content and is safe, whoever did it
    MARK = auto()  # the scenario says something: asked, or acknowledged


class Event(NamedTuple):
    """One thing that happened."""

    what: What
    file: int = 0
    path: str = ""
    new: str = ""
    offset: int = 0
    content: bytes = b""
    mark: Any = None


class Tape:
    """Everything that happened below `directory`, in order.

    Attributes:
        obey: whether syncs are recorded; False plays a disk that lies.
        start: how many events were over before the first power cut can come.
    """

    def __init__(self, directory: Path, *, obey: bool = True) -> None:
        self.directory = directory.resolve()
        self.events: list[Event] = []
        self.obey = obey
        self.start = 0
        self._numbers: dict[str, int] = {}
        self._made = 0

    def inside(self, path: str | Path) -> str | None:
        """Return the path as seen from the recorded directory, None if it is elsewhere."""
        path = Path(path).absolute()
        return "/" + str(path.relative_to(self.directory)) if self._holds(path) else None

    def _holds(self, path: Path) -> bool:
        return path != self.directory and path.is_relative_to(self.directory)

    def put(self, what: What, **more: Any) -> None:
        self.events.append(Event(what, **more))

    def mark(self, mark: object) -> None:
        """Let the scenario say what it was told."""
        self.put(What.MARK, mark=mark)

    def open(self, path: str) -> int:
        """Return the number of the file at `path`, made now if there was none."""
        if path not in self._numbers:
            self._made += 1
            self._numbers[path] = self._made
            self.put(What.MAKE, file=self._made, path=path)
        return self._numbers[path]

    def sync(self, file: int) -> None:
        if self.obey:
            self.put(What.SYNC, file=file)

    def sync_names(self, path: str) -> None:
        if self.obey:
            self.put(What.SYNC_NAMES, path=path)

    def rename(self, old: str, new: str) -> None:
        if old in self._numbers:
            self._numbers[new] = self._numbers.pop(old)
            self.put(What.RENAME, path=old, new=new)

    def remove(self, path: str) -> None:
        if self._numbers.pop(path, None) is not None:
            self.put(What.REMOVE, path=path)

    def place(self, file: Path, content: bytes) -> None:
        """Let a file have this content, safe at once: the medium's doing, not a program's."""
        file.write_bytes(content)
        path = self.inside(file)
        assert path is not None
        if path not in self._numbers:
            self._made += 1
            self._numbers[path] = self._made
        self.put(What.PLACE, file=self._numbers[path], path=path, content=content)

    def begin(self) -> None:
        """Say that what happened so far was long ago: no power cut comes before this."""
        self.start = len(self.events)

    def count(self, what: What) -> int:
        return sum(event.what is what for event in self.events)


class Replay:
    """A tape played onto a disk, event by event, with the marks passed so far."""

    def __init__(self, names: Names) -> None:
        self.disk = Disk(names)
        self.marks: list[Any] = []
        self._files: dict[int, File] = {}

    def play(self, event: Event) -> None:
        disk = self.disk
        match event.what:
            case What.MAKE:
                self._files[event.file] = File()
                disk.put(event.path, self._files[event.file])
            case What.WRITE:
                self._files[event.file].change(Write(event.offset, event.content))
            case What.RESIZE:
                self._files[event.file].change(Resize(event.offset))
            case What.PLACE:
                self._files[event.file] = disk.place(event.path, event.content)
            case What.SYNC:
                disk.sync(self._files[event.file])
            case What.MKDIR:
                disk.put(event.path, Directory())
            case What.REMOVE:
                disk.remove(event.path)
            case What.RENAME:
                disk.rename(event.path, event.new)
            case What.SYNC_NAMES:
                disk.sync(disk.directory(event.path))
            case What.MARK:
                self.marks.append(event.mark)

    def crash(self, cut: Cut, random: Random, to: Path) -> None:
        """Put what a power cut would leave now into `to`."""
        self.disk.after(cut, random).write_out(to)
