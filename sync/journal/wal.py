"""SQLite's write-ahead log, read without SQLite: is there damage that SQLite takes for a power cut?

SQLite ends its reading at the first frame whose checksum fails, which after a power cut is right:
that frame was never synced. But a bit that flips later in a frame that *was* synced silently takes
with it every commit after it. Since each commit is synced before the next one begins, a cut leaves
broken at most the frames of one transaction: two commits behind a broken frame are damage.

Source: sqlite.org/fileformat2.html, section 4. All numbers big-endian; the magic says in which
order the checksum reads its words.

    header   magic 4, version 4, page size 4, checkpoint 4, salt 8, checksum 8
    frame    page number 4, pages in the database after a commit or 0: 4, salt 8, checksum 8, page
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

HEADER_BYTES: Final = 32
FRAME_BYTES: Final = 24
"""Length of a frame's header; the page follows it."""

_LITTLE: Final = 0x377F0682
_MAGIC: Final = {_LITTLE: "<", 0x377F0683: ">"}
_VERSION: Final = 3007000

_CRASH_COMMITS: Final = 1
"""Most commits that a crash may leave behind a broken frame: those of the one under way."""


class Frame(Struct, frozen=True):
    """One page as it was written. `holds` says whether its checksum does."""

    page_number: int
    commit: int
    page: bytes
    holds: bool


class Wal(Struct, frozen=True):
    """The frames of the log's present life, in order; `order` is `<` or `>`."""

    header: bytes
    order: str
    frames: list[Frame]

    @property
    def intact(self) -> bool:
        """Whether everything in it is what was written, or what a crash may leave."""
        broken = next((at for at, one in enumerate(self.frames) if not one.holds), None)
        if broken is None:
            return True
        return sum(one.commit > 0 for one in self.frames[broken + 1 :]) <= _CRASH_COMMITS

    def mended(self) -> bytes:
        """Return the log with checksums that fit whatever stands in it.

        SQLite then reads every frame, also a damaged one: the hash chain tells what is true.
        """
        sums = _checksum(self.order, self.header[:24], (0, 0))
        out = [self.header[:24], struct.pack(">II", *sums)]
        for one in self.frames:
            head = struct.pack(">II", one.page_number, one.commit)
            sums = _checksum(self.order, head + one.page, sums)
            out += (head, self.header[16:24], struct.pack(">II", *sums), one.page)
        return b"".join(out)


def read(path: Path, page_bytes: int) -> Wal | None:
    """Return the log at `path` of a database with pages of `page_bytes`; None where there is none.

    Raises OSError.
    """
    content = path.read_bytes() if path.exists() else b""
    if len(content) < HEADER_BYTES + FRAME_BYTES + page_bytes:
        return None
    header = content[:HEADER_BYTES]
    order = _MAGIC.get(int.from_bytes(header[:4], "big"), "<")
    told = struct.unpack(">II", header[24:])
    holds = told == _checksum(order, header[:24], (0, 0))
    if not holds:  # then SQLite sees no log at all; the first frame knows which life it is of
        salt = content[HEADER_BYTES + 8 : HEADER_BYTES + 16]
        header = struct.pack(">IIII", _LITTLE, _VERSION, page_bytes, 0) + salt + bytes(8)
        order = "<"
    return Wal(header, order, list(_frames(content, header, order, page_bytes, holds)))


def _frames(
    content: bytes, header: bytes, order: str, page_bytes: int, whole: bool
) -> Iterator[Frame]:
    """Yield the frames that carry the header's salt, or lie before one that does."""
    salt = header[16:24]
    step = FRAME_BYTES + page_bytes
    starts = range(HEADER_BYTES, len(content) - step + 1, step)
    # Frames of an earlier life of the file keep their old salt and stand behind the present ones.
    present = [at for at in starts if content[at + 8 : at + 16] == salt]
    sums = _checksum(order, header[:24], (0, 0))
    for at in range(HEADER_BYTES, present[-1] + 1 if present else 0, step):
        number, commit = struct.unpack(">II", content[at : at + 8])
        page = content[at + FRAME_BYTES : at + step]
        sums = _checksum(order, content[at : at + 8] + page, sums)
        told = struct.unpack(">II", content[at + 16 : at + 24])
        whole = whole and content[at + 8 : at + 16] == salt and told == sums
        yield Frame(number, commit, page, whole)


def _checksum(order: str, words: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    """Return SQLite's cumulative checksum over `words`, a multiple of eight bytes."""
    first, second = sums
    for even, odd in struct.iter_unpack(f"{order}II", words):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
