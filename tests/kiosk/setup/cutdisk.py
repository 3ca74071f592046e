"""A disk whose power fails at a chosen step, and that keeps what was synced, or everything."""

from pathlib import Path

from kiosk.setup.disk import Disk


class Cut(BaseException):
    """The power failed. Nothing may catch it but the test."""


class CutDisk(Disk):
    """Fails at step `at` (from 1), in the middle of what it does; never with 0.

    Directories are real; what is durable of them is kept beside, as ids of files and their content.
    """

    def __init__(self, roots: list[Path], at: int = 0) -> None:
        super().__init__()
        self._at = at
        self.steps = 0
        self._roots = roots
        self._live: dict[Path, int] = {}
        self._content: dict[int, bytes] = {}
        for root in roots:
            for path in root.rglob("*"):
                if path.is_file():
                    self._live[path] = len(self._content)
                    self._content[self._live[path]] = path.read_bytes()
        self._named = dict(self._live)
        self._next = len(self._content)

    def lose(self) -> None:
        """Leave of the disk only what was synced."""
        for root in self._roots:
            for path in root.rglob("*"):
                if path.is_file():
                    path.unlink()
        for path, number in self._named.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._content.get(number, b""))

    def _step(self) -> bool:
        """Return whether the power fails in this step."""
        self.steps += 1
        return self.steps == self._at

    def make_directory(self, path: Path) -> None:
        if not path.is_dir() and self._step():
            raise Cut
        path.mkdir(parents=True, exist_ok=True)

    def create(self, path: Path, content: bytes, mode: int) -> None:
        fails = self._step()
        super().create(path, content[: len(content) // 2] if fails else content, mode)
        self._live[path] = self._next
        self._next += 1
        if fails:
            raise Cut

    def overwrite(self, path: Path, content: bytes) -> None:
        fails = self._step()
        # A sector is whole or not there.
        half = max(len(content) // 2, min(512, len(content)))
        super().overwrite(path, content[:half] if fails else content)
        if path not in self._live:
            self._live[path] = self._next
            self._next += 1
        if fails:
            raise Cut

    def cut(self, path: Path, length: int) -> None:
        if self._step():
            raise Cut
        super().cut(path, length)

    def sync(self, path: Path) -> None:
        if self._step():
            raise Cut
        self._content[self._live[path]] = path.read_bytes()

    def rename(self, old: Path, new: Path) -> None:
        if self._step():
            raise Cut
        super().rename(old, new)
        self._live[new] = self._live.pop(old)

    def remove(self, path: Path) -> None:
        if self._step():
            raise Cut
        super().remove(path)
        self._live.pop(path, None)

    def remove_directory(self, path: Path) -> None:
        if self._step():
            raise Cut
        super().remove_directory(path)

    def blank(self, path: Path) -> None:
        if self._step():
            path.write_bytes(b"\0" * (path.stat().st_size // 2))
            raise Cut
        super().blank(path)
        if path in self._live:
            self._content[self._live[path]] = path.read_bytes()

    def sync_directory(self, directory: Path) -> None:
        if self._step():
            raise Cut
        here = {path for path in (*self._named, *self._live) if path.parent == directory}
        for path in here:
            if path in self._live:
                self._named[path] = self._live[path]
            else:
                self._named.pop(path, None)
