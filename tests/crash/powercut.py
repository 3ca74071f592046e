"""A file system in memory that can lose its power: what was not synced is gone.

    python tests/crash/powercut.py DIRECTORY [--names strict]

It is mounted on DIRECTORY (FUSE, through mfusepy) and takes one command a line on stdin, JSON like
`{"do": "cut", "kept": 0, "seed": 1}`, each answered with one line on stdout:

    cut      the power goes: from now on every call fails with EIO; `kept` percent of the unsynced
             changes survive
    power    the power is back: mounted anew; end whoever has files open before. Without a cut
             before, nothing is lost
    limit    `bytes` is what the files may have together; null lifts the limit
    size     answers with what they have
    read only   with `on`, every change is refused, also of files that are open, as a kernel does
                with a medium that has failed
    obey     with `syncs` false, every sync is ignored from now on: a disk that lies

The rules are disk.py's. SQLite's shared memory works as on any file system: the kernel keeps the
mapped pages. Locks are the kernel's too.
"""

import argparse
import errno
import json
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random
from typing import Any

os.environ.setdefault("FUSE_LIBRARY_NAME", "fuse3")

import mfusepy
from disk import Cut, Directory, Disk, File, Names, Resize, Write

BLOCK_BYTES = 512
ROOMY_BYTES = 1 << 30
"""What statvfs says where there is no limit."""


class PowerCutFiles(mfusepy.Operations):  # type: ignore[misc]
    """The calls of a file system, on a `Disk`."""

    use_ns = True

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self._calls = threading.RLock()
        self.mounted = threading.Event()
        self.dead = False
        self.obey = True
        self.limit: int | None = None
        self.read_only = False
        self._open: dict[int, File] = {}
        self._handles = 0

    def init(self, path: str) -> None:
        self.mounted.set()

    # Looking

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        with self._powered():
            node = self._node(path, fh)
            size = len(node.now) if isinstance(node, File) else 0
            return {
                "st_mode": node.mode, "st_size": size, "st_nlink": 1,
                "st_uid": os.getuid(), "st_gid": os.getgid(),
                "st_blocks": -(-size // 512), "st_blksize": 4096,
                "st_atime": 0, "st_mtime": 0, "st_ctime": 0,
            }  # fmt: skip

    def readdir(self, path: str, fh: int) -> list[str]:
        with self._powered():
            return [".", "..", *self.disk.directory(path).now]

    def statfs(self, path: str) -> dict[str, int]:
        with self._powered():
            total = ROOMY_BYTES if self.limit is None else self.limit
            free = max(0, total - self.disk.size()) // BLOCK_BYTES
            return {
                "f_bsize": BLOCK_BYTES, "f_frsize": BLOCK_BYTES,
                "f_blocks": total // BLOCK_BYTES, "f_bfree": free, "f_bavail": free,
            }  # fmt: skip

    # Files

    def create(self, path: str, mode: int, flags: int) -> int:
        with self._writable():
            file = File(mode=stat.S_IFREG | mode)
            self.disk.put(path, file)
            return self._handle(file)

    def mknod(self, path: str, mode: int, dev: int) -> int:
        with self._writable():
            self.disk.put(path, File(mode=mode))
            return 0

    def open(self, path: str, flags: int) -> int:
        with self._powered():
            return self._handle(self._file(path, None))

    def release(self, path: str, fh: int) -> int:
        with self._calls:
            self._open.pop(fh, None)
            return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        with self._powered():
            return bytes(self._file(path, fh).now[offset : offset + size])

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        with self._writable():
            file = self._file(path, fh)
            self._room(offset + len(data) - len(file.now))
            file.change(Write(offset, bytes(data)))
            return len(data)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        with self._writable():
            file = self._file(path, fh)
            self._room(length - len(file.now))
            file.change(Resize(length))
            return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        with self._powered():
            if self.obey:
                self.disk.sync(self._file(path, fh))
            return 0

    # Names

    def mkdir(self, path: str, mode: int) -> int:
        with self._writable():
            self.disk.put(path, Directory(stat.S_IFDIR | mode))
            return 0

    def rmdir(self, path: str) -> int:
        return self.unlink(path)

    def unlink(self, path: str) -> int:
        with self._writable():
            self.disk.remove(path)
            return 0

    def rename(self, old: str, new: str) -> int:
        with self._writable():
            self.disk.rename(old, new)
            return 0

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        with self._powered():
            if self.obey:
                self.disk.sync(self.disk.directory(path))
            return 0

    def chmod(self, path: str, mode: int) -> int:
        with self._writable():
            node = self.disk.find(path)
            node.mode = stat.S_IFMT(node.mode) | stat.S_IMODE(mode)
            return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        return 0

    def utimens(self, path: str, times: Any = None) -> int:
        return 0

    # Below the calls

    def _powered(self) -> threading.RLock:
        """Return the lock to hold. Raises OSError (EIO) when there is no power."""
        if self.dead:
            raise OSError(errno.EIO, "the power is gone")
        return self._calls

    def _writable(self) -> threading.RLock:
        """Return the lock to hold for a change. Raises OSError."""
        if self.read_only:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return self._powered()

    def _handle(self, file: File) -> int:
        self._handles += 1
        self._open[self._handles] = file
        return self._handles

    def _node(self, path: str | None, fh: int | None) -> File | Directory:
        # A file that was unlinked while open has no name any more, but its handle.
        file = self._open.get(fh) if fh else None
        return file or self.disk.find(path or "/")

    def _file(self, path: str | None, fh: int | None) -> File:
        node = self._node(path, fh)
        if isinstance(node, Directory):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        return node

    def _room(self, growth: int) -> None:
        if self.limit is not None and growth > 0 and self.disk.size() + growth > self.limit:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def cut(self, cut: Cut, random: Random) -> None:
        """Lose the power, between two calls."""
        with self._calls:
            self.dead = True
            self.disk = self.disk.after(cut, random)


class PowerCut:
    """The program: one thread serves the files, the other takes commands."""

    def __init__(self, place: Path, names: Names) -> None:
        self._place = place
        self._files = PowerCutFiles(Disk(names))
        self._ended = False

    def run(self) -> None:
        threading.Thread(target=self._take_commands, daemon=True).start()
        while not self._ended:
            mfusepy.FUSE(self._files, str(self._place), foreground=True, nothreads=True)

    def _take_commands(self) -> None:
        self._files.mounted.wait()
        self._say({"mounted": str(self._place)})
        for line in sys.stdin:
            command = json.loads(line)
            self._say({"done": command["do"]} | self._obey(command))
        self._ended = True
        self._unmount()

    def _obey(self, command: dict[str, Any]) -> dict[str, Any]:
        files = self._files
        match command["do"]:
            case "cut":
                files.cut(Cut(command["kept"]), Random(command["seed"]))
            case "power":
                self._files = PowerCutFiles(files.disk)
                self._files.obey = files.obey
                self._unmount()
                self._files.mounted.wait()
            case "limit":
                files.limit = command["bytes"]
            case "read only":
                files.read_only = command["on"]
            case "size":
                return {"bytes": files.disk.size()}
            case "obey":
                files.obey = command["syncs"]
            case other:
                raise ValueError(f"no such command: {other}")
        return {}

    def _unmount(self) -> None:
        """Unmount; whoever was just killed may need a moment to let go."""
        until = time.monotonic() + 5
        command = ["fusermount3", "-u", str(self._place)]
        while subprocess.run(command, capture_output=True).returncode:
            if time.monotonic() > until:
                raise RuntimeError(f"{self._place}: somebody still has files open on it")
            time.sleep(0.01)

    def _say(self, answer: dict[str, Any]) -> None:
        print(json.dumps(answer), flush=True)


def main() -> None:
    """Mount and serve until stdin ends."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--names", type=Names, default=Names.STRICT)
    words = parser.parse_args()
    PowerCut(words.directory, words.names).run()


if __name__ == "__main__":
    main()
