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

import errno
import fcntl
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import IO, Final

from sync.journal import names, schema, takeover, wal
from sync.journal.durable import make_directory, sync_directory
from sync.journal.errors import (
    Damaged,
    Foreign,
    InUse,
    JournalError,
    StorageFailed,
    StorageFull,
    refused,
)
from sync.journal.journal import Journal
from sync.journal.names import DAMAGED, SALVAGED, UNBEGUN, beside
from sync.journal.reader import Life, Reader
from sync.journal.room import Ballast
from sync.journal.salvage import Wreck, is_rotten, keep
from sync.journal.takeover import Salvaged, Stamper, Wrecked

CHECKED_AT_START: Final = 20_000
"""So many of the newest entries are proved at every start (60 ms); `kiosk/upkeep.py` does the rest
while the kiosk works already."""

_VIEW: Final = f"view{UNBEGUN}"
_SUSPECTS: Final = "suspects"


class Epochs:
    """The journal directory of one kiosk. Held by one process at a time.

    Attributes:
        journals: all that could be opened, oldest first; the last one is alive.
        ballast: the room that a full disk's last commits are given.
        waiting: files for whose rescue there was no room; the next start tries again.
    """

    def __init__(
        self,
        directory: Path,
        kiosk: str,
        key: bytes,
        # 64 random bits: two cards of one kiosk never share an epoch's name.
        fresh_name: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self.directory = directory
        self.journals: list[Journal] = []
        self.ballast = Ballast(directory / "ballast")
        self.waiting: list[Path] = []
        self._kiosk = kiosk
        self._key = key
        self._fresh_name = fresh_name
        self._held: IO[bytes] | None = None
        self._wrecks: dict[Path, Wrecked] = {}  # by the names that the files had
        self._reasons: dict[Path, str] = {}  # why a file was set aside at this start
        self._not_kept: set[Path] = set()  # what was kept of these did not hold either

    @property
    def live(self) -> Journal:
        """Return the journal that takes entries."""
        return self.journals[-1]

    def earlier_position(self, source: str) -> bytes | None:
        """Return what was last committed as the position of `source` before the live epoch."""
        earlier = (one.reader.position(source) for one in reversed(self.journals[:-1]))
        return next((position for position in earlier if position is not None), None)

    def open(self) -> None:
        """Open every epoch, set aside and salvage damaged ones; begin one if none is alive.

        On a full disk the ballast is given up for it. `take_over` must follow before anything is
        appended.

        Raises:
            InUse: another process holds the directory.
            Foreign: a file is another kiosk's, or newer than this software.
            JournalError: the medium refuses.
        """
        try:
            self._open()
        except StorageFull:
            if not self.ballast.drop():
                raise
            self._open()

    def _open(self) -> None:
        try:
            self._hold()
            for leftover in self.directory.glob(f"*{UNBEGUN}*"):
                leftover.unlink()
            suspects = self._suspects()
            for path in names.files(self.directory):
                self._check(path, suspected=path.name in suspects)
            self._salvage()
            (self.directory / _SUSPECTS).unlink(missing_ok=True)
            while not self._open_all():
                self._salvage()
            if not self.journals or self.live.reader.closed() is not schema.Closed.NO:
                self._begin(1 + max(map(names.number, self._ever()), default=0))
            self.live.probe()
        except OSError as error:
            self.close()
            raise refused(error, self.directory) from error
        except JournalError:
            self.close()
            raise

    def take_over(self, stamp: Stamper) -> list[Salvaged]:
        """Bring into the live epoch what no older one can deliver; return what was salvaged.

        That is what was rescued from damaged files, with a `gap` entry that says so, and all of
        an epoch whose history central contradicted (a copied or restored card).

        Raises JournalError; what is not finished is done at the next start.
        """
        ended = [
            journal
            for journal in self.journals[:-1]
            if journal.reader.closed() is schema.Closed.ENDED
        ]
        if not self._wrecks and not ended:
            return []
        live, view = self.live, self.directory / _VIEW
        # What an older epoch was known to have is not to be believed until it is asked anew.
        try:
            live.unknow()
        except StorageFull:
            self.waiting += self._wrecks
            return []
        done, finished, settled = [], [], []
        for path, wrecked in self._wrecks.items():
            with self._or_later(path):
                done.append(takeover.from_wreck(live, wrecked, view, stamp))
                finished.append(path)
        for journal in ended:
            with self._or_later(journal.path):
                takeover.from_ended(live, journal, stamp)
                settled.append(journal)
        with suppress(StorageFull):  # then a punch that is read again is recorded again: no loss
            for journal in self.journals[:-1]:
                takeover.know_all(live, journal)
        try:
            with suppress(StorageFull):  # then they are taken over once more, which is harmless
                for journal in settled:
                    journal.settle()
            for path in finished:
                names.move(path, DAMAGED, _free_suffix(path))
        except OSError as error:
            raise StorageFailed(f"{self.directory}: {error.strerror}; check the disk") from error
        self._wrecks = {}
        return done

    @contextmanager
    def _or_later(self, path: Path) -> Iterator[None]:
        """Leave the rescue of `path` to the next start where there is no room for it."""
        try:
            yield
        except StorageFull:
            self.waiting.append(path)

    def adopt(self, bodies: Iterable[bytes], stamp: Stamper, reason: str) -> int:
        """Record entries of another medium anew; return how many were not known.

        Raises JournalError; doing it again is harmless.
        """
        return takeover.from_elsewhere(self.live, bodies, stamp, reason)

    def succeed(self) -> None:
        """Close the live epoch, which goes on elsewhere, and begin one that knows its punches.

        Raises JournalError, OSError.
        """
        self.live.end(schema.Closed.SETTLED)
        self._begin(1 + max(map(names.number, self._ever())))
        for journal in self.journals[:-1]:
            takeover.know_all(self.live, journal)

    def suspect(self, path: Path) -> None:
        """Have a file set aside and salvaged at the next start: damage was seen in it.

        Raises StorageFailed.
        """
        try:
            with (self.directory / _SUSPECTS).open("a") as listed:
                listed.write(path.name + "\n")
                listed.flush()
                os.fsync(listed.fileno())
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
        make_directory(self.directory)
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

    def _check(self, path: Path, *, suspected: bool) -> None:
        """Set a damaged file aside, before anything that writes has opened it. Raises Foreign."""
        try:
            try:
                marked = schema.is_marked(path)
                log = wal.read(beside(path, "-wal"), schema.PAGE_BYTES)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                raise Damaged(path, "a part of it cannot be read; the disk is failing") from error
            if not marked:
                raise Damaged(path, "it does not begin as a journal does")
            if log is not None and not log.intact:
                raise Damaged(path, "its write-ahead log is broken before its end")
            self._read_through(path, whole=suspected)
            if suspected:  # whatever it was that could not be read, it is not to happen again
                raise Damaged(path, "damage was seen in it while it was in use")
        except Damaged as damage:
            self._set_aside(damage)

    def _read_through(self, path: Path, *, whole: bool) -> None:
        """Read a file as far as is due. Raises Damaged, Foreign."""
        reader = Reader(path)
        life = reader.open()
        try:
            if (life.epoch, life.number) != names.read(path) or is_rotten(life.key, self._key):
                raise Damaged(path, f"it says that it is epoch {life.number}, {life.epoch}")
            span = reader.span()
            if life.kiosk != self._kiosk and (span.first > 1 or span.anchor == life.genesis):
                raise Foreign(
                    f"{path}: the journal of kiosk {life.kiosk!r}, "
                    f"but this one is {self._kiosk!r}; check `kiosk` in the settings"
                )
            # A contradiction by central may be damage of ours.
            whole = whole or reader.closed() is schema.Closed.ENDED
            reader.verify(0 if whole else span.last - CHECKED_AT_START)
            if whole:
                reader.check_tables()
        finally:
            reader.close()

    def _set_aside(self, damage: Damaged) -> None:
        """Put a damaged file where nothing opens it. Raises OSError."""
        path = damage.path
        self._reasons[path] = str(damage)
        if beside(path, DAMAGED).exists():
            names.remove(path)  # it was made from that one
            self._not_kept.add(path)
        else:
            names.move(path, "", DAMAGED)

    def _open_all(self) -> bool:
        """Open every file; return whether all could be, else one has been set aside."""
        for path in names.files(self.directory):
            journal = Journal(path, self.ballast)
            try:
                journal.open()
            except Damaged as damage:  # in what only writing touches
                for opened in self.journals:
                    opened.close()
                self.journals = []
                self._set_aside(damage)
                return False
            span = journal.span()
            if span.last < span.first and journal.reader.closed() >= schema.Closed.SETTLED:
                # Retention has let go of all of it, and its successor knows its origins.
                journal.close()
                names.remove(path)
            else:
                self.journals.append(journal)
        return True

    def _begin(self, number: int) -> None:
        epoch = self._fresh_name()
        path = names.make(self.directory, number, epoch)
        # Made under another name: a power cut in between leaves nothing that looks like an epoch.
        draft = path.with_suffix(UNBEGUN)
        Journal.make(draft, Life(self._kiosk, epoch, number, self._key))
        draft.rename(path)
        sync_directory(self.directory)
        journal = Journal(path, self.ballast)
        journal.open()
        self.journals.append(journal)

    def _ever(self) -> Iterable[Path]:
        """Return every file that an epoch ever had here, set aside ones too."""
        return filter(names.is_epochs, self.directory.iterdir())

    # Salvage.

    def _salvage(self) -> None:
        """Find what stands in every damaged file, and put it where the file was."""
        for path in names.damaged(self.directory):
            if path not in self._wrecks or path in self._not_kept:
                with self._or_later(path):
                    self._wrecks[path] = self._keep_what_stands(path)

    def _keep_what_stands(self, path: Path) -> Wrecked:
        """Put the run in which the cursor stands where the damaged file was.

        Raises Foreign, JournalError, OSError.
        """
        made = path.exists()  # by a start that did not get to the end
        if not made:
            names.move(path, "", DAMAGED)  # the log, where a power cut came between
        damaged = beside(path, DAMAGED)
        epoch, number = names.read(path)
        born = Life(self._kiosk, epoch, number, self._key)
        self.ballast.drop()  # what follows needs room; it is laid again by and by
        with Wreck(damaged, self.directory / _VIEW, born) as wreck:
            found = wreck.find_most()
            if found.life.kiosk != self._kiosk:
                raise Foreign(f"{damaged}: the journal of kiosk {found.life.kiosk!r}; move it away")
            kept = None if path in self._not_kept else found.kept
            if kept is not None and not made:
                draft = path.with_suffix(UNBEGUN)
                try:
                    keep(draft, found, kept, wreck.bodies(kept))
                except StorageFull:
                    names.remove(draft)
                    raise
                draft.rename(path)
                sync_directory(self.directory)
        return Wrecked(damaged, found, kept, self._reasons.get(path, f"{path}: damaged"))


def _free_suffix(path: Path) -> str:
    """Return under which suffix a salvaged file is kept: no former one is overwritten."""
    suffixes = (f"{SALVAGED}{'' if n == 1 else f'-{n}'}" for n in count(1))
    return next(suffix for suffix in suffixes if not beside(path, suffix).exists())
