"""The same medium as `ledgers.ModelCard`, with the real journal on it: SQLite files."""

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from sync.journal.epochs import Epochs
from sync.journal.journal import Journal
from sync.protocol.entry import Stamp


class RealJournal:
    """`Journal`, and the look into it that the promises need."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    def bodies(self) -> Iterator[tuple[int, bytes | None, bytes]]:
        for row in self._journal.reader.rows(1):
            yield row.seq, row.body, row.hash


class RealCard:
    """A directory on a medium that survives `kill -9`; the crash lab has proved the rest."""

    _numbers = count()

    def __init__(self, home: Path, kiosk: str, key: bytes, fresh_name: Callable[[], str]) -> None:
        self.kiosk = kiosk
        self.key = key
        self.fresh_name = fresh_name
        self.journals: list[Any] = []
        self._home = home
        self._directory = home / f"card-{next(self._numbers)}"
        self._epochs: Epochs | None = None

    def open(self) -> None:
        epochs = Epochs(self._directory, self.kiosk, self.key, self.fresh_name)
        epochs.open()
        self._epochs = epochs
        self.journals = [RealJournal(one) for one in epochs.journals]

    def take_over(self, stamp: Callable[[], Stamp]) -> None:
        assert self._epochs is not None
        self._epochs.take_over(stamp)

    @property
    def live(self) -> Any:
        return self.journals[-1]

    def stop(self) -> None:
        if self._epochs is not None:
            self._epochs.close()
        self._epochs, self.journals = None, []

    def cut(self) -> None:
        """Go on with the files as they are now, before anything is closed."""
        if self._epochs is None:
            return
        left = self._home / f"card-{next(self._numbers)}"
        shutil.copytree(self._directory, left)
        self.stop()
        shutil.rmtree(self._directory)
        self._directory = left

    def copy(self) -> "RealCard":
        other = RealCard(self._home, self.kiosk, self.key, self.fresh_name)
        if self._directory.exists():
            shutil.copytree(self._directory, other._directory)
        return other

    def destroy(self) -> None:
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)
