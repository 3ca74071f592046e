"""The epochs of one kiosk: a directory of journal files, the newest of which is alive.

    epoch-0001-3f9c2a77d1e04b58.db            closed, still delivered if need be
    epoch-0002-91be07c55d3a4f21.db            alive
    epoch-0001-3f9c2a77d1e04b58.db.damaged    set aside, its salvage not finished
    epoch-0001-3f9c2a77d1e04b58.db.salvaged   set aside, its salvage finished; kept for people
    suspects                                  names of files in which damage was seen while running

A new card has no files, so it begins epoch 1 under a new name; reading every terminal anew fills
it and central counts each punch once. A damaged file is set aside as it is; the part of it in which
the cursor stands goes on under its name, and the rest is taken over by the epoch that is alive.
Every step can be cut by a power failure and is done again at the next start.
"""

import fcntl
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import count, islice
from pathlib import Path
from typing import IO, Final

from msgspec import Struct

from sync.journal import schema, wal
from sync.journal.durable import sync_directory
from sync.journal.errors import Damaged, Foreign, InUse, JournalError, StorageFailed
from sync.journal.journal import Draft, Journal
from sync.journal.reader import Life, Reader
from sync.journal.room import Ballast
from sync.journal.salvage import Found, Run, Wreck, beside, keep
from sync.protocol import entry
from sync.protocol.errors import Malformed

CHECKED_AT_START: Final = 20_000
"""So many of the newest entries are proved at every start (60 ms); `kiosk/upkeep.py` does the rest
while the kiosk works already."""

_FILE: Final = re.compile(r"^epoch-(\d{4,})-([0-9a-f]{16})\.db$")
_DAMAGED: Final = ".damaged"
_SALVAGED: Final = ".salvaged"
_UNBEGUN: Final = ".begun"
_VIEW: Final = "view.begun"  # swept away with what was not begun
_SUSPECTS: Final = "suspects"

_TAKEN_OVER_PAGE: Final = 200  # entries in one commit


class Salvaged(Struct, frozen=True):
    """What became of a damaged file.

    Attributes:
        reason: what was wrong with it, and which one it was.
        kept: entries that go on under its name.
        taken_over: entries recorded anew in the live epoch.
        unproved: entries kept for a person to look at.
    """

    reason: str
    kept: int
    taken_over: int
    unproved: int


class _Wrecked(Struct, frozen=True):
    path: Path
    found: Found
    kept: Run | None
    reason: str


class Epochs:
    """The journal directory of one kiosk. Held by one process at a time.

    Attributes:
        journals: all that could be opened, oldest first; the last one is alive.
        ballast: the room that a full disk's last commits are given.
    """

    def __init__(self, directory: Path, kiosk: str, key: bytes) -> None:
        self.directory = directory
        self.journals: list[Journal] = []
        self.ballast = Ballast(directory / "ballast")
        self._kiosk = kiosk
        self._key = key
        self._held: IO[bytes] | None = None
        self._wrecks: list[_Wrecked] = []
        self._reasons: dict[str, str] = {}  # why a file was set aside at this start

    @property
    def live(self) -> Journal:
        """Return the journal that takes entries."""
        return self.journals[-1]

    def open(self) -> None:
        """Open every epoch, set aside and salvage damaged ones; begin one if none is alive.

        `take_over` must follow before anything is appended.

        Raises:
            InUse: another process holds the directory.
            Foreign: a file is another kiosk's, or newer than this software.
            JournalError: the medium refuses.
        """
        try:
            self._hold()
            for leftover in self.directory.glob(f"*{_UNBEGUN}*"):
                leftover.unlink()
            suspects = self._suspects()
            for path in files(self.directory):
                self._check(path, whole=path.name in suspects)
            for path in self._set_aside_ones():
                self._keep_what_stands(path)
            (self.directory / _SUSPECTS).unlink(missing_ok=True)
            for path in files(self.directory):
                self._open_one(path)
            if not self.journals or self.live.reader.closed() is not schema.Closed.NO:
                self._begin(1 + max(map(_number, self._ever()), default=0))
            self.live.probe()
        except OSError as error:
            self.close()
            raise StorageFailed(
                f"{self.directory}: {error.strerror}; check the disk and the owner"
            ) from error
        except JournalError:
            self.close()
            raise

    def take_over(self, stamp: Callable[[], entry.Stamp]) -> list[Salvaged]:
        """Bring into the live epoch what no older one can deliver; return what was salvaged.

        That is what was rescued from damaged files, with a `gap` entry that says so, and what
        central lacks of an epoch whose history it contradicted (a copied or restored card).

        Raises JournalError; what is not finished is done at the next start.
        """
        ended = [
            journal
            for journal in self.journals[:-1]
            if journal.reader.closed() is schema.Closed.ENDED
        ]
        if not self._wrecks and not ended:
            return []
        # What an older epoch was known to have is not to be believed until it is asked anew.
        self.live.unknow()
        done = [self._take_over_wreck(wreck, stamp) for wreck in self._wrecks]
        for journal in ended:
            self._take_over_ended(journal)
        for journal in self.journals[:-1]:
            self.live.know(journal.origins())
            self.live.know(_origins(row.body for row in journal.reader.rows(1)))
        for journal in ended:
            journal.end(schema.Closed.SETTLED)
        try:
            for wreck in self._wrecks:
                _move(wreck.path, _DAMAGED, _free_suffix(wreck.path))
        except OSError as error:
            raise StorageFailed(f"{self.directory}: {error.strerror}; check the disk") from error
        self._wrecks = []
        return done

    def adopt(self, bodies: Iterable[bytes], stamp: Callable[[], entry.Stamp], reason: str) -> int:
        """Record entries of another medium anew, behind a `gap` entry that says why.

        Returns how many were not known. Raises JournalError; doing it again is harmless.
        """
        gap = entry.Gap(at=stamp(), what="journal", reason=reason)
        self.live.append([Draft(entry.encode(gap))])
        taken = 0
        remaining = iter(bodies)
        while page := list(islice(remaining, _TAKEN_OVER_PAGE)):
            seqs = self.live.append(list(map(_as_it_was, page)))
            taken += sum(seq is not None for seq in seqs)
        return taken

    def suspect(self, journal: Journal) -> None:
        """Have the whole of a file checked at the next start: damage was seen in it.

        Raises StorageFailed.
        """
        try:
            with (self.directory / _SUSPECTS).open("a") as names:
                names.write(journal.path.name + "\n")
                names.flush()
                os.fsync(names.fileno())
            sync_directory(self.directory)
        except OSError as error:
            raise StorageFailed(f"{self.directory}: {error.strerror}") from error

    def close(self) -> None:
        """Close every file and let go of the directory; may be called twice."""
        for journal in self.journals:
            journal.close()
        self.journals = []
        if self._held is not None:
            self._held.close()
            self._held = None

    # Opening.

    def _hold(self) -> None:
        """Take hold of the directory, so that no second daemon does."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._held = (self.directory / "lock").open("ab")
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InUse(f"{self.directory}: another kiosk daemon is using it; stop it") from error

    def _suspects(self) -> set[str]:
        try:
            return set((self.directory / _SUSPECTS).read_text(errors="replace").split())
        except FileNotFoundError:
            return set()

    def _check(self, path: Path, *, whole: bool) -> None:
        """Set a damaged file aside, before anything that writes has opened it. Raises Foreign."""
        try:
            if not schema.is_marked(path):
                raise Damaged(f"{path}: it does not begin as a journal does")
            log = wal.read(beside(path, "-wal"), schema.PAGE_BYTES)
            if log is not None and not log.intact:
                raise Damaged(f"{path}: its write-ahead log is broken before its end")
            self._read_through(path, whole)
        except Damaged as damage:
            self._reasons[path.name] = str(damage)
            if beside(path, _DAMAGED).exists():
                _remove(path)  # it was made from that one, and will be again
            else:
                _move(path, "", _DAMAGED)

    def _read_through(self, path: Path, whole: bool) -> None:
        """Read a file as far as is due. Raises Damaged, Foreign."""
        reader = Reader(path)
        life = reader.open()
        try:
            if (life.epoch, life.number) != _named(path):
                raise Damaged(f"{path}: it says that it is epoch {life.number}, {life.epoch}")
            span = reader.span()
            if life.kiosk != self._kiosk and (span.first > 1 or span.anchor == life.genesis):
                raise Foreign(
                    f"{path}: the journal of kiosk {life.kiosk!r}, "
                    f"but this one is {self._kiosk!r}; check `kiosk` in the settings"
                )
            reader.verify(0 if whole else span.last - CHECKED_AT_START)
            if whole:
                reader.check_index()
        finally:
            reader.close()

    def _open_one(self, path: Path) -> None:
        journal = Journal(path, self.ballast)
        journal.open()
        span = journal.span()
        if span.last < span.first and journal.reader.closed() is schema.Closed.SETTLED:
            # Retention has let go of all of it, and its successor knows its origins.
            journal.close()
            _remove(path)
            return
        self.journals.append(journal)

    def _begin(self, number: int) -> None:
        epoch = secrets.token_hex(8)  # 64 random bits: two cards of one kiosk never share a name
        path = self.directory / f"epoch-{number:04d}-{epoch}.db"
        # Made under another name: a power cut in between leaves nothing that looks like an epoch.
        draft = path.with_suffix(_UNBEGUN)
        Journal.make(draft, Life(self._kiosk, epoch, number, self._key))
        draft.rename(path)
        sync_directory(self.directory)
        self._open_one(path)

    def _ever(self) -> Iterable[Path]:
        """Return every file that an epoch ever had here, set aside ones too."""
        return (path for path in self.directory.iterdir() if path.name.startswith("epoch-"))

    # Salvage.

    def _set_aside_ones(self) -> list[Path]:
        """Return the files whose salvage is not finished, by the names they had."""
        return [
            path.with_suffix("")
            for path in sorted(self.directory.glob(f"epoch-*.db{_DAMAGED}"))
            if _FILE.match(path.stem)
        ]

    def _keep_what_stands(self, path: Path) -> None:
        """Put the run in which the cursor stands where the damaged file was.

        Raises Foreign, JournalError, OSError.
        """
        made = path.exists()  # by a start that did not get to the end
        if not made:
            _move(path, "", _DAMAGED)  # the log, where a power cut came between
        damaged = beside(path, _DAMAGED)
        epoch, number = _named(path)
        born = Life(self._kiosk, epoch, number, self._key)
        self.ballast.drop()  # what follows needs room; it is laid again by and by
        with Wreck(damaged, self.directory / _VIEW, born) as wreck:
            found = wreck.find()
            if found.life.kiosk != self._kiosk:
                raise Foreign(f"{damaged}: the journal of kiosk {found.life.kiosk!r}; move it away")
            kept = found.kept
            if kept is not None and not made:
                draft = path.with_suffix(_UNBEGUN)
                keep(draft, found, kept, wreck.bodies(kept))
                draft.rename(path)
                sync_directory(self.directory)
        reason = self._reasons.get(path.name, f"{path}: damaged")
        self._wrecks.append(_Wrecked(path, found, kept, reason))

    def _take_over_wreck(self, wreck: _Wrecked, stamp: Callable[[], entry.Stamp]) -> Salvaged:
        found = wreck.found
        gap = entry.Gap(
            at=stamp(),
            what="journal",
            reason=wreck.reason,
            since=f"{found.life.epoch} {found.broken}",
        )
        live = self.live
        live.append([Draft(entry.encode(gap))])
        taken = unproved = 0
        with Wreck(beside(wreck.path, _DAMAGED), self.directory / _VIEW, found.life) as opened:
            rescued = opened.rescued(found, wreck.kept)
            while page := list(islice(rescued, _TAKEN_OVER_PAGE)):
                bad = [one for one in page if not one.proved]
                good = [one.body for one in page if one.proved]
                live.append(
                    [
                        *map(_as_it_was, good),
                        *(_kept_aside(found.life, one.seq, one.body, stamp()) for one in bad),
                    ]
                )
                taken += len(good)
                unproved += len(bad)
        return Salvaged(
            wreck.reason,
            wreck.kept.last - wreck.kept.first + 1 if wreck.kept else 0,
            taken,
            unproved,
        )

    def _take_over_ended(self, journal: Journal) -> None:
        """Record anew what central lacks of an ended epoch; it will not take it under that name."""
        rows = journal.reader.rows(journal.cursor + 1)
        while page := list(islice(rows, _TAKEN_OVER_PAGE)):
            self.live.append([_as_it_was(row.body) for row in page if row.body is not None])


def _as_it_was(body: bytes) -> Draft:
    """Return the draft that records `body` byte for byte again."""
    return Draft(body, next(_origins([body]), None))


def _origins(bodies: Iterable[bytes | None]) -> Iterator[bytes]:
    """Yield the origins of those of `bodies` that are presences."""
    for body in bodies:
        with suppress(Malformed):
            if body is not None and isinstance(said := entry.decode(body), entry.Presence):
                yield said.origin


def _kept_aside(life: Life, seq: int, body: bytes, at: entry.Stamp) -> Draft:
    """Return the draft that keeps a body which nothing proves, for a person to look at."""
    raw, raw_sha256 = entry.keep_raw(body)
    return Draft(
        entry.encode(
            entry.Gap(
                at=at,
                what="entry",
                reason="its hash does not prove it",
                since=f"{life.epoch} {seq}",
                until=f"{life.epoch} {seq}",
                raw=raw,
                raw_sha256=raw_sha256,
            )
        )
    )


def _free_suffix(path: Path) -> str:
    """Return under which suffix a salvaged file is kept: no former one is overwritten."""
    suffixes = (f"{_SALVAGED}{'' if n == 1 else f'-{n}'}" for n in count(1))
    return next(suffix for suffix in suffixes if not beside(path, suffix).exists())


def _remove(path: Path) -> None:
    """Remove a file and what SQLite keeps beside it, the file last. Raises OSError."""
    for suffix in ("-shm", "-wal", ""):
        beside(path, suffix).unlink(missing_ok=True)
    sync_directory(path.parent)


def _move(path: Path, before: str, after: str) -> None:
    """Rename a file and what SQLite keeps beside it; the file first, so that a power cut in between
    leaves no database without its log. What is not there is passed over. Raises OSError.
    """
    for suffix in ("", "-wal", "-shm"):
        part = beside(path, before + suffix)
        if part.exists():
            part.rename(beside(path, after + suffix))
    sync_directory(path.parent)


def files(directory: Path) -> list[Path]:
    """Return the epochs' files in `directory`, oldest first; none if there is no such place."""
    if not directory.is_dir():
        return []
    return sorted((path for path in directory.iterdir() if _FILE.match(path.name)), key=_number)


def _named(path: Path) -> tuple[str, int]:
    """Return which epoch an epoch's file is by its name, and the how-many-th."""
    _, number, epoch = path.stem.split("-")
    return epoch, int(number)


def _number(path: Path) -> int:
    """Return the how-many-th epoch a file is."""
    return int(path.name.split("-")[1])
