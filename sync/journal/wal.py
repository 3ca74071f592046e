"""SQLite's write-ahead log, read without SQLite: is there damage that SQLite takes for a power cut?

SQLite ends its reading at the first frame whose checksum fails, which after a power cut is right:
that frame was never synced. But a bit that flips later in a frame that *was* synced silently takes
with it every commit after it. What a cut may leave, and what therefore is no damage:

    a broken frame with at most one commit behind it: each commit is synced before the next begins
    frames of the next life of the log, before or behind its header: the log is begun anew only
    when all of it is in the database already

Source: sqlite.org/fileformat2.html, section 4. All numbers big-endian; the magic says in which
order the checksum reads its words. A log that is begun anew has the first salt of the one before
plus one, and a new second salt.

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

_ROTTEN_MOST: Final = 3
"""Most bits by which a salt may differ and still be the same; those of two lives differ in 16."""

_CRASH_COMMITS: Final = 1
"""Most commits that a crash may leave behind a broken frame: those of the one under way."""


class Frame(Struct, frozen=True):
    """One page as it was written.

    Attributes:
        ours: whether it is of the log's present life: a cut may leave frames of the one before
            between those of the last transaction.
        holds: whether its checksum does, and those of all before it.
    """

    page_number: int
    commit: int
    page: bytes
    ours: bool
    holds: bool


class Wal(Struct, frozen=True):
    """The frames of the log's present life, in order; `order` is `<` or `>`.

    `begun_anew` says that it was about to be begun anew: then the database has all of it.
    """

    header: bytes
    order: str
    frames: list[Frame]
    begun_anew: bool

    @property
    def intact(self) -> bool:
        """Whether everything in it is what was written, or what a crash may leave."""
        broken = next((at for at, one in enumerate(self.frames) if not one.holds), None)
        if broken is None or self.begun_anew:
            return True
        behind = self.frames[broken + 1 :]
        return sum(one.ours and one.commit > 0 for one in behind) <= _CRASH_COMMITS

    def mended(self) -> bytes:
        """Return the log with checksums that fit whatever stands in it.

        SQLite then reads every frame, also a damaged one: the hash chain tells what is true.
        """
        sums = _checksum(self.order, self.header[:24], (0, 0))
        out = [self.header[:24], struct.pack(">II", *sums)]
        for one in self.frames:
            if not one.ours or not one.page_number:  # at page 0 SQLite would end its reading
                continue
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
    salts = {
        content[at + 8 : at + 16]
        for at in range(HEADER_BYTES, len(content) - page_bytes, FRAME_BYTES + page_bytes)
    }
    order = _MAGIC.get(int.from_bytes(header[:4], "big"), "<")
    holds = header[24:] == struct.pack(">II", *_checksum(order, header[:24], (0, 0)))
    begun_anew = any(_follows(header[16:24], salt) for salt in salts)
    if not holds:  # then SQLite sees no log at all; the first frame knows which life it is of
        salt = content[HEADER_BYTES + 8 : HEADER_BYTES + 16]
        begun_anew = _is_torn(header, salt, order)
        header = struct.pack(">IIII", _LITTLE, _VERSION, page_bytes, 0) + salt + bytes(8)
        order = "<"
    frames = list(_frames(content, header, order, page_bytes, holds))
    return Wal(header, order, frames, begun_anew)


def _follows(salt: bytes, later: bytes) -> bool:
    """Return whether `later` are the salts of the life after that with `salt`."""
    first, then = (int.from_bytes(one[:4], "big") for one in (salt, later))
    return then == (first + 1) & 0xFFFFFFFF and salt[4:] != later[4:]


def _is_torn(header: bytes, salt: bytes, order: str) -> bool:
    """Return whether a header that does not hold is one that a cut tore over that of `salt`."""
    if _follows(salt, header[16:24]):
        return True
    checkpoint = int.from_bytes(header[12:16], "big") - 1
    before = header[:12] + struct.pack(">I", checkpoint & 0xFFFFFFFF) + salt
    return header[24:] == struct.pack(">II", *_checksum(order, before, (0, 0)))


def _frames(
    content: bytes, header: bytes, order: str, page_bytes: int, whole: bool
) -> Iterator[Frame]:
    """Yield the frames up to the last one that is of the present life."""
    salt = header[16:24]
    step = FRAME_BYTES + page_bytes
    starts = range(HEADER_BYTES, len(content) - step + 1, step)
    # Frames of an earlier life of the file keep their old salt and stand behind the present ones.
    ours = [at for at in starts if _is_nearly(content[at + 8 : at + 16], salt)]
    sums = _checksum(order, header[:24], (0, 0))
    for at in range(HEADER_BYTES, ours[-1] + 1 if ours else 0, step):
        told_salt = content[at + 8 : at + 16]
        number, commit = struct.unpack(">II", content[at : at + 8])
        page = content[at + FRAME_BYTES : at + step]
        sums = _checksum(order, content[at : at + 8] + page, sums)
        told = struct.unpack(">II", content[at + 16 : at + 24])
        whole = whole and told_salt == salt and told == sums
        yield Frame(number, commit, page, _is_nearly(told_salt, salt), whole)


def _is_nearly(salt: bytes, other: bytes) -> bool:
    """Return whether the salts are the same but for a few rotten bits."""
    return (int.from_bytes(salt, "big") ^ int.from_bytes(other, "big")).bit_count() <= _ROTTEN_MOST


def _checksum(order: str, words: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    """Return SQLite's cumulative checksum over `words`, a multiple of eight bytes."""
    first, second = sums
    for even, odd in struct.iter_unpack(f"{order}II", words):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
