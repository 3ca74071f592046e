"""What a kiosk was asked and what it acknowledged: the words in which a scenario speaks.

A scenario marks every request before it is made and every acknowledgement once it has it. Up to
any moment of a tape, the marks say what must be there after a power cut; the whole run's marks say
what may be there.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from sync.journal.commit import Draft, Position


class Began(NamedTuple):
    """An epoch was opened; its name was shown to somebody."""

    epoch: str


class Asked(NamedTuple):
    """`append` was called."""

    epoch: str
    drafts: tuple[Draft, ...]
    position: Position | None


class Acknowledged(NamedTuple):
    """`append` returned."""

    epoch: str
    drafts: tuple[Draft, ...]
    seqs: tuple[int | None, ...]
    position: Position | None


class Committed(NamedTuple):
    """A commit got through; with it the epoch's last entry is `last`."""

    epoch: str
    last: int


class Receipted(NamedTuple):
    """Central's receipt through entry `through` was about to be told to the journal.

    `bodies` are what central has by it: some may be copies of what an earlier epoch's file held.
    """

    epoch: str
    through: int
    bodies: frozenset[bytes] = frozenset()


class LettingGo(NamedTuple):
    """The entries up to `through` were about to be let go of."""

    epoch: str
    through: int


class LetGo(NamedTuple):
    """They are gone, said the journal."""

    epoch: str
    through: int


class Destroying(NamedTuple):
    """The body of entry `seq` was about to be destroyed."""

    epoch: str
    seq: int


class Destroyed(NamedTuple):
    """It is, said the journal."""

    epoch: str
    seq: int


class Ended(NamedTuple):
    """An epoch was about to be ended, with entries that central lacks."""

    epoch: str


class Rotted(NamedTuple):
    """The medium did damage to an epoch's file; `bodies` are beyond proof from now on."""

    epoch: str
    bodies: frozenset[bytes]


Mark = (
    Began | Asked | Acknowledged | Committed | Receipted
    | LettingGo | LetGo | Destroying | Destroyed | Ended | Rotted
)  # fmt: skip


class Promises:
    """The sum of some marks.

    Attributes:
        epochs: all that were ever begun.
        entries: body by (epoch, seq), acknowledged.
        seq_of: the acknowledged (epoch, seq) by origin, the last one.
        bodies: every body ever offered.
        ends: by epoch, the seqs at which a commit ended.
        punches: every draft with an origin that was ever offered, in order, by origin.
        positions: every position offered, oldest first, by (epoch, source).
        position: how many of `positions` are acknowledged.
        position_ends: by (epoch, source, value), the last entry committed together with it.
        receipted: the highest receipt by epoch.
        letting_go, let_go: up to where entries may be gone, and must be, by epoch.
        destroying, destroyed: whose bodies may be gone, and must be.
        ended: epochs that take no more entries.
        rotted: epochs in whose files the medium did damage.
        beyond_proof: bodies that were damaged.
        with_central: bodies that a receipt speaks of, in whichever epoch it had them.
    """

    def __init__(self, marks: Iterable[Mark]) -> None:
        self.epochs: set[str] = set()
        self.entries: dict[tuple[str, int], bytes] = {}
        self.seq_of: dict[bytes, tuple[str, int]] = {}
        self.bodies: set[bytes] = set()
        self.ends: dict[str, set[int]] = defaultdict(lambda: {0})
        self.punches: dict[bytes, Draft] = {}
        self.positions: dict[tuple[str, str], list[bytes]] = defaultdict(list)
        self.position: dict[tuple[str, str], int] = defaultdict(int)
        self.position_ends: dict[tuple[str, str, bytes], int] = {}
        self.receipted: dict[str, int] = defaultdict(int)
        self.letting_go: dict[str, int] = defaultdict(int)
        self.let_go: dict[str, int] = defaultdict(int)
        self.destroying: set[tuple[str, int]] = set()
        self.destroyed: set[tuple[str, int]] = set()
        self.ended: set[str] = set()
        self.rotted: set[str] = set()
        self.beyond_proof: set[bytes] = set()
        self.with_central: set[bytes] = set()
        for mark in marks:
            self._add(mark)

    def _add(self, mark: Mark) -> None:
        match mark:
            case Began(epoch):
                self.epochs.add(epoch)
            case Asked(epoch, drafts, position):
                self._offered(epoch, drafts, position)
            case Acknowledged(epoch, drafts, seqs, position):
                self._acknowledged(epoch, drafts, seqs, position)
            case Committed(epoch, last):
                self.ends[epoch].add(last)
            case Receipted(epoch, through, bodies):
                self.receipted[epoch] = max(self.receipted[epoch], through)
                self.with_central |= bodies
            case LettingGo(epoch, through):
                self.letting_go[epoch] = max(self.letting_go[epoch], through)
            case LetGo(epoch, through):
                self.let_go[epoch] = max(self.let_go[epoch], through)
            case Destroying(epoch, seq):
                self.destroying.add((epoch, seq))
            case Destroyed(epoch, seq):
                self.destroyed.add((epoch, seq))
            case Ended(epoch):
                self.ended.add(epoch)
            case Rotted(epoch, bodies):
                self.rotted.add(epoch)
                self.beyond_proof |= bodies

    def _offered(self, epoch: str, drafts: Iterable[Draft], position: Position | None) -> None:
        for draft in drafts:
            self.bodies.add(draft.body)
            if draft.origin is not None:
                self.punches.setdefault(draft.origin, draft)
        if position is not None:
            self.positions[epoch, position.source].append(position.value)

    def _acknowledged(
        self,
        epoch: str,
        drafts: Iterable[Draft],
        seqs: Iterable[int | None],
        position: Position | None,
    ) -> None:
        last = 0
        for seq, draft in zip(seqs, drafts, strict=True):
            if seq is None:
                continue
            last = max(last, seq)
            self.entries[epoch, seq] = draft.body
            if draft.origin is not None:
                self.seq_of[draft.origin] = epoch, seq
        if position is not None:
            place = epoch, position.source
            at = self.positions[place].index(position.value) + 1
            self.position[place] = max(self.position[place], at)
            self.position_ends[*place, position.value] = last
