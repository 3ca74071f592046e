"""One person's last presences with their receipts: what answers "did my punch count?".

And everybody's of the last days, for whoever has to know them after a start. The journal is read
backwards through a connection of its own, so that no commit waits; and bounded, so that somebody
who asks often, or who was never here, costs little.
"""

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from kiosk.duty import REMEMBERED, moment
from sync.journal.epochs import Epochs
from sync.journal.errors import JournalError
from sync.journal.journal import Journal
from sync.protocol import entry
from sync.protocol.errors import Malformed

SHOWN: Final = 10
"""So many presences are shown, the latest first."""

LOOKED_AT: Final = 20_000
"""So many entries are looked at, over all epochs: months of an office, 50 ms of a slow machine."""

PAGE: Final = 1000
"""So many of them in one query: a millisecond each."""

LATELY_MS: Final = 2 * 86_400_000
"""So far back `lately` looks: the longest duty, and a day."""

RECEIPTS_KEPT: Final = 4096
"""So many of this run's receipts are remembered with their time."""


log: Final = logging.getLogger(__name__)


class Own(Struct, frozen=True, kw_only=True):
    """One presence of the person who asks.

    Attributes:
        epoch, seq: its place: the receipt code.
        made: when, by our clock then, milliseconds UTC; 0 where it says no time that there is.
        side: `masuk` or `pulang` by the rules of today; "" for neither.
        is_receipted: whether central has it.
        receipted: central's clock when it said so, milliseconds UTC; 0 where that was before this
            daemon was started.
    """

    epoch: str
    seq: int
    made: int
    zone: str
    source: str
    side: str
    is_receipted: bool
    receipted: int = 0


class Mine(Struct, frozen=True, tag_field="event", tag="mine"):
    """A person's last presences, the latest first."""

    person: str
    name: str
    presences: Sequence[Own]


class _Signed(NamedTuple):
    epoch: str
    through: int
    utc: int


class Memory:
    """What this kiosk can say to one person of their presences. Safe for several threads."""

    def __init__(
        self,
        epochs: Epochs,
        side: Callable[[entry.Presence], str],
        name: Callable[[str], str],
    ) -> None:
        self._epochs = epochs
        self._side = side
        self._name = name
        self._lock = threading.Lock()
        self._signed: deque[_Signed] = deque(maxlen=RECEIPTS_KEPT)

    def receipted(self, epoch: str, through: int, utc: int) -> None:
        """Remember when central signed for everything up to `through`."""
        with self._lock:
            self._signed.append(_Signed(epoch, through, utc))

    def of(self, person: str) -> Mine:
        """Return the person's last presences. Raises JournalError."""
        found: list[Own] = []
        left = LOOKED_AT
        for journal in reversed(self._epochs.journals):
            if left <= 0 or len(found) >= SHOWN:
                break
            left = self._look(journal, person, found, left)
        return Mine(person, self._name(person), found)

    def _look(self, journal: Journal, person: str, found: list[Own], left: int) -> int:
        """Add what `journal` has to `found`; return how many entries may still be looked at."""
        wanted = msgspec.json.encode(person)  # as it stands in a body
        before = journal.span().last + 1
        while left > 0 and before > 1 and len(found) < SHOWN:
            first = max(1, before - min(PAGE, left))
            for seq, body in journal.reader.holding(wanted, first, before):
                if len(found) < SHOWN and (own := self._own(journal, seq, body, person)):
                    found.append(own)
            left -= before - first
            before = first
        return left

    def _own(self, journal: Journal, seq: int, body: bytes, person: str) -> Own | None:
        said = _presence(body)
        if said is None or said.person != person:
            return None
        epoch = journal.life.epoch
        is_receipted = seq <= journal.cursor
        return Own(
            epoch=epoch,
            seq=seq,
            made=moment(said) or 0,
            zone=said.zone,
            source=said.source,
            side=self._side(said),
            is_receipted=is_receipted,
            receipted=self._signed_at(epoch, seq) if is_receipted else 0,
        )

    def _signed_at(self, epoch: str, seq: int) -> int:
        """Return when central first signed for it; 0 where the first receipt kept is beyond it."""
        with self._lock:
            of_epoch = [one for one in self._signed if one.epoch == epoch]
        for earlier, one in zip([None, *of_epoch], of_epoch, strict=False):
            if one.through >= seq:
                return one.utc if earlier is not None else 0
        return 0


def lately(epochs: Epochs) -> list[entry.Presence]:
    """Return people's presences of the last days, the oldest first, as far as they can be read.

    Of each person no more than is remembered: a crowd of them would not leave the memory again.
    """
    found: list[entry.Presence] = []
    of: Counter[str] = Counter()
    left, since = LOOKED_AT, 0
    try:
        for journal in reversed(epochs.journals):
            before = journal.span().last + 1
            while left > 0 and before > 1:
                first = max(1, before - min(PAGE, left))
                for _, body in journal.reader.holding(b'"presence"', first, before):
                    if (said := _presence(body)) is None:
                        continue
                    since = since or said.at.wall - LATELY_MS
                    if said.at.wall < since:
                        return found[::-1]
                    if said.person is not None and of[said.person] < REMEMBERED:
                        of[said.person] += 1
                        found.append(said)
                left -= before - first
                before = first
    except JournalError as error:  # who keeps the journal says and mends it; punches go on
        log.warning("%s; who punched before this start is not known to the screen", error)
    return found[::-1]


def _presence(body: bytes) -> entry.Presence | None:
    try:
        said = entry.decode(body)
    except Malformed:  # central quarantines it; here it is nobody's
        return None
    return said if isinstance(said, entry.Presence) else None
