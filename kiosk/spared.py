"""A small file in the data directory with a spare on the second medium, of which the latest holds.

Who may log in, whose PINs there are: what must still be known when the first card fails. Whoever
changes it says so in the journal first. Its content is JSON; a wrong one is never quoted, for it
may hold secrets.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Generic, TypeVar

import msgspec
from msgspec import Struct

from kiosk.local import CannotDo
from sync.journal.errors import JournalError
from sync.keyfile import write_durably

log: Final = logging.getLogger(__name__)


class Edition(Struct, frozen=True):
    """What a file holds. Of two the one of the higher edition holds."""

    edition: int


K = TypeVar("K", bound=Edition)


class Spared(Generic[K]):
    """One file and its spares. The caller sees to it that one thread changes it at a time."""

    def __init__(self, files: Sequence[Path], nothing: K, lost: str, behind: str) -> None:
        """`files` are the file and its spares, which hold `nothing` where they are not there.

        `lost` says what to do where none can be read, `behind` what becomes of it where a spare
        cannot be written.
        """
        self._files = tuple(files)
        self._nothing = nothing
        self._lost = lost
        self._behind = behind

    def held(self) -> K:
        """Return what the latest of the files holds. Raises CannotDo."""
        found: list[K] = []
        wrong: list[str] = []
        for file in self._files:
            try:
                found.append(msgspec.json.decode(file.read_bytes(), type=type(self._nothing)))
            except FileNotFoundError:
                continue
            except OSError as error:
                wrong.append(f"{file}: {error.strerror}")
            except msgspec.DecodeError:
                wrong.append(f"{file}: not what a kiosk writes")
        if wrong and not found:
            raise CannotDo(f"{'; '.join(wrong)}; {self._lost}")
        return max(found, key=lambda one: one.edition, default=self._nothing)

    def change(self, to: K, record: Callable[[str], None]) -> None:
        """Record a change, then make it. Raises CannotDo, JournalError: nothing has changed.

        `record` is called with "", and with " failed" where that was too much.
        """
        record("")
        try:
            self._write(to, self._files[0])
        except OSError as error:
            with suppress(JournalError):  # full as well: what was recorded is then more than is so
                record(" failed")
            raise CannotDo(
                f"{self._files[0]}: {error.strerror}; nothing has changed. Free some space there, "
                "or look at the medium, and do it again"
            ) from error
        self._spare(to, self._files[1:])

    def bring_along(self) -> None:
        """Have each medium hold what the latest file says: one of them may be new."""
        with suppress(CannotDo):  # whoever wants something of it is told
            held = self.held()
            if held.edition:
                self._spare(held, self._files)

    def _write(self, kept: K, file: Path) -> None:
        write_durably(file, msgspec.json.format(msgspec.json.encode(kept), indent=1))

    def _spare(self, kept: K, files: Sequence[Path]) -> None:
        for file in files:
            try:
                self._write(kept, file)
            except OSError as error:  # another medium has it; that one's trouble is its own
                log.warning(
                    "%s: %s; if the kiosk has to go on with that medium, %s. Mend it and start the "
                    "kiosk anew",
                    *(file, error.strerror, self._behind),
                )
