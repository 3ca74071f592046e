"""Central's own journal: what people decided here, chained like what kiosks record.

It is the kiosk's journal code, in central's data directory, under central's key. Whoever decides
holds it for that moment only: `run` does not, and two commands wait for each other. How far it
reached is noted in the database, in the transaction of what was decided, so that neither can be
set back without the other telling. Centrals that share a database have a journal each.
"""

import os
import pwd
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from sync.central.errors import JournalTrouble
from sync.central.exits import Refused
from sync.central.store import Transaction
from sync.journal import names
from sync.journal.commit import Draft
from sync.journal.epochs import Epochs
from sync.journal.errors import InUse, JournalError
from sync.journal.reader import Life, Reader
from sync.protocol import entry
from sync.protocol.entry import Decision, Stamp
from sync.protocol.errors import Malformed
from sync.protocol.identity import PublicKey
from sync.protocol.nighthead import End

WAIT_S: Final = 5.0
"""How long a decision waits for another one that is being written, seconds."""

_LOOK_S: Final = 0.02


class Decided(NamedTuple):
    """A decision and its place; `said` is None where this version cannot read it."""

    epoch: str
    seq: int
    said: Decision | None


class Decisions:
    """The journal in `directory`, of a name and under a key. Opened only while it is used.

    `is_alone`: no other central uses the database, and has a journal of that name elsewhere.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        key: PublicKey,
        stamp: Callable[[], Stamp],
        *,
        is_alone: bool,
    ) -> None:
        self.directory = directory
        self.name = name
        self.is_alone = is_alone
        self._key = key
        self._stamp = stamp

    def decide(
        self,
        tx: Transaction,
        action: str,
        subject: str,
        *,
        reason: str = "",
        detail: Mapping[str, str] | None = None,
        actor: str = "",
    ) -> None:
        """Record a decision before what it says is committed by `tx`; call it last.

        Where the commit fails, a decision stands in the journal that had no effect. `actor` is who
        runs the command, where nobody is named.

        Raises:
            Refused: it cannot be said, or a kiosk has the journal's name.
            JournalTrouble: it cannot be written.
        """
        if tx.registry.knows(self.name):
            raise Refused(f"kiosk {self.name!r} has the name of central's own journal; "
                          "change audit.journal")  # fmt: skip
        said = Decision(
            at=self._stamp(),
            actor=actor or who(),
            action=action,
            subject=subject,
            reason=reason,
            detail=dict(detail or {}),
        )
        try:
            body = entry.encode(said)
        except Malformed as error:
            raise Refused(f"{action}: {error}; give a shorter reason") from error
        tx.nights.note_end(self._append(body))

    def _append(self, body: bytes) -> End:
        """Write a body; return the journal's end. Raises JournalTrouble."""
        with self._held() as epochs:
            epochs.take_over(self._stamp)
            live = epochs.live
            live.append([Draft(body)])
            span = live.span()
            return End(self.name, live.life.epoch, span.last, span.head.hex())

    @contextmanager
    def _held(self) -> Iterator[Epochs]:
        """Hold the journal, after whoever holds it now. Raises JournalTrouble."""
        patience = time.monotonic() + WAIT_S
        with self._understood():
            while True:
                epochs = Epochs(self.directory, self.name, self._key.der)
                try:
                    epochs.open()
                    break
                except InUse:
                    epochs.close()
                    if time.monotonic() > patience:
                        raise
                time.sleep(_LOOK_S)
            try:
                yield epochs
            finally:
                epochs.close()

    @contextmanager
    def _understood(self) -> Iterator[None]:
        try:
            yield
        except JournalError as error:
            raise JournalTrouble(f"central's own journal: {error}") from error

    # Reading.

    def readers(self) -> Iterator[tuple[Reader, Life]]:
        """Yield each epoch opened for reading, oldest first. Raises JournalTrouble."""
        for path in names.files(self.directory):
            reader = Reader(path)
            with self._understood():
                life = reader.open()
                try:
                    yield reader, life
                finally:
                    reader.close()

    def ends(self) -> list[End]:
        """Return how far every epoch reaches. Raises JournalTrouble."""
        found = []
        for reader, life in self.readers():
            span = reader.span()
            found.append(End(life.kiosk, life.epoch, span.last, span.head.hex()))
        return found

    def read(self) -> Iterator[Decided]:
        """Yield every decision, oldest first. Raises JournalTrouble."""
        for reader, life in self.readers():
            for row in reader.rows(1):
                try:
                    said = entry.decode(row.body or b"")
                except Malformed:
                    said = None
                yield Decided(life.epoch, row.seq, said if isinstance(said, Decision) else None)


def who() -> str:
    """Return who runs this command: by the system, not by what the environment says.

    Of root, sudo knows who it was before.
    """
    user = os.getuid()
    if user == 0 and os.environ.get("SUDO_USER"):
        return os.environ["SUDO_USER"]
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:  # a container's user may have no name
        return f"uid {user}"
