"""What the vault did, told to the journal: each once, and in the order in which it was done.

The vault commits what it did together with the words for it; here they become audit entries, in one
commit with how far it has come (a position of the journal). A power cut in between leaves the words
in the vault, and the next start tells them; a cut after it leaves the position, and nobody tells
them twice.

Words are numbered, and the numbers never fall. Where the journal has come further than the vault,
the file is an older copy of the vault: another one from now on, which tells everything, and in
which whoever was forgotten is dead by the journal's word.
"""

import threading
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from kiosk.devices import Did
from kiosk.faces.vault import Vault
from sync.journal.journal import Position
from sync.protocol.entry import Stamp

POSITION: Final = ".vault"
"""Under this name, which no source may have, stands how far the vault's words have been told."""

PAGE: Final = 100


def asked_anew() -> Position:
    """Return the position with which the journal knows no vault: the next one asks who is dead."""
    return Position(POSITION, msgspec.json.encode(_Come("", 0)))


class Here(Protocol):
    """What is needed of the kiosk around it."""

    def stamp(self) -> Stamp:
        """Return the time, and how far it may be trusted."""

    def keep(self, position: Position, did: Sequence[Did] = ()) -> None:
        """Commit what was done together with what is to be remembered. Raises JournalError."""

    def recall(self, name: str) -> bytes | None:
        """Return what was kept under the position's name. Raises JournalError."""

    def record(self, actor: str, action: str, detail: dict[str, str]) -> None:
        """Write an audit entry. Raises JournalError."""


class _Come(Struct, frozen=True):
    """How far it has come, in which vault."""

    vault: str
    n: int


class Telling:
    """Tells the journal. Any thread."""

    def __init__(self, vault: Vault, here: Here) -> None:
        self._vault = vault
        self._here = here
        self._telling = threading.Lock()

    def look(self) -> bool:
        """Return whether the vault is an older copy of itself; it has another name then.

        Raises VaultError, JournalError.
        """
        is_older = self._come(self._vault.id) > self._vault.counted()
        if is_older:
            self._vault.rename()  # lasting: cut short here, it is new to the journal all the same
        return is_older

    def is_new(self) -> bool:
        """Return whether this vault has never told this journal anything.

        Then somebody may be dead by the journal's word. Raises VaultError, JournalError.
        """
        kept = self._here.recall(POSITION)
        return kept is None or msgspec.json.decode(kept, type=_Come).vault != self._vault.id

    def begin(self) -> None:
        """Have the journal remember this vault. Raises VaultError, JournalError."""
        if self.is_new():
            come = msgspec.json.encode(_Come(self._vault.id, 0))
            self._here.keep(Position(POSITION, come))

    def tell(self) -> int:
        """Tell what is untold; return how much it was. Raises VaultError, JournalError."""
        with self._telling:
            untold = self._vault.untold()
            if not untold:
                return 0
            vault = self._vault.id
            come = self._come(vault)
            fresh = [(n, tell) for n, tell in untold if n > come]
            for start in range(0, len(fresh), PAGE):
                page = fresh[start : start + PAGE]
                come = page[-1][0]
                position = Position(POSITION, msgspec.json.encode(_Come(vault, come)))
                self._here.keep(
                    position, [Did(one.actor, one.action, one.detail) for _, one in page]
                )
            self._vault.told(untold[-1][0])
            return len(fresh)

    def _come(self, vault: str) -> int:
        kept = self._here.recall(POSITION)
        if kept is None:
            return 0
        come = msgspec.json.decode(kept, type=_Come)
        return come.n if come.vault == vault else 0
