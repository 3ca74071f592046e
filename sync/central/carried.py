"""Carried out: central's journal of decisions, held against what the database has of them.

A decision is recorded before it is done. Where the database then refused, it stands without effect:
a note. What the database has and no decision says was done past it: a fault. Absences and paper are
rows of the roster, which imports change too: of these the proposals are compared, not the rows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct

from sync.central.decisions import Decided
from sync.central.proposals import EFFECTS
from sync.central.store import Transaction
from sync.central.store.city import Place
from sync.central.store.proposals import Kind, Proposed, Stage
from sync.central.wishes import Pointed
from sync.protocol.entry import Decision

_STEPS: Final[Mapping[str, Stage]] = {
    **dict.fromkeys(EFFECTS.values(), Stage.APPROVED),
    "refuse proposal": Stage.REFUSED,
    "withdraw proposal": Stage.WITHDRAWN,
}
_CLOSING: Final = frozenset({"close month", "issue difference"})
_SUBJECT: Final = "proposal "

_Closed = tuple[str, str]
"""`UNIT MONTH NUMBER` and the SHA-256 of line 1."""


class Held(Struct, frozen=True, kw_only=True):
    """What does not agree.

    Attributes:
        faults: the database has it, and no decision says so.
        notes: a decision says so, and the database does not have it.
        proposals, names, times, closings: how many of each agree.
    """

    faults: Sequence[str]
    notes: Sequence[str]
    proposals: int
    names: int
    times: int
    closings: int


def hold_against(tx: Transaction, decided: Iterable[Decided]) -> Held:
    """Return how the database agrees with the whole journal."""
    told = _Told(tx.proposals.every())
    for one in decided:
        told.take(one)
    faults, notes = list(told.faults()), list(told.notes)
    for word, has, says in (
        ("the name of", tx.city.identified(), told.named),
        ("the time of", tx.city.settled(), told.settled),
    ):
        faults += [
            f"{word} {' '.join(map(str, place[:3]))}: the database has {value!r}, "
            f"its last decision says {says.get(place)!r}"
            for place, value in has.items()
            if says.get(place) != value
        ]
        notes += [
            f"{word} {' '.join(map(str, place[:3]))}: decided, and not in the database"
            for place in says
            if place not in has
        ]
    closed = set(_closed(tx))
    faults += [f"{name}: no decision says so" for name, _ in sorted(closed - told.closed)]
    notes += [
        f"{name}: decided, and not in the database" for name, _ in sorted(told.closed - closed)
    ]
    return Held(
        faults=faults,
        notes=notes,
        proposals=len(told.agreed),
        names=len(told.named),
        times=len(told.settled),
        closings=len(closed & told.closed),
    )


class _Told:
    """What the decisions come to, read in order."""

    def __init__(self, proposals: Iterable[Proposed]) -> None:
        self._proposals = {one.id: one for one in proposals}
        self.agreed: set[int] = set()
        self.named: dict[Place, str] = {}
        self.settled: dict[Place, int] = {}
        self.closed: set[_Closed] = set()
        self.notes: list[str] = []

    def take(self, one: Decided) -> None:
        """Take in the next decision."""
        said = one.said
        if said is None:
            return
        if said.action in _CLOSING:
            name = f"{said.subject} {said.detail.get('number', '')}"
            self.closed.add((name, said.detail.get("sha256", "")))
        elif said.subject.startswith(_SUBJECT) and said.action in _STEPS:
            if self._agrees(said):
                self._apply(said)
            elif said.detail.get("part", "1 ").startswith("1 "):
                self.notes.append(
                    f"decision {one.epoch} {one.seq}: {said.action}, {said.subject}: without effect"
                )
        elif said.action == EFFECTS[Kind.NAME]:  # at the keyboard
            kiosk, epoch, seq = said.subject.rsplit(" ", 2)
            place = Place(kiosk, epoch, int(seq), bytes.fromhex(said.detail.get("hash", "")))
            self.named[place] = said.detail.get("person", "")

    def _agrees(self, said: Decision) -> bool:
        number = said.subject.removeprefix(_SUBJECT)
        held = self._proposals.get(int(number)) if number.isdecimal() else None
        if (
            held is None
            or held.state is not _STEPS[said.action]
            or sha256(held.body).hexdigest() != said.detail.get("sha256")
        ):
            return False
        self.agreed.add(held.id)
        return True

    def _apply(self, said: Decision) -> None:
        if said.action == EFFECTS[Kind.NAME]:
            for name, row in said.detail.items():
                if name.startswith("presence "):
                    place = msgspec.json.decode(row, type=Pointed).place
                    self.named[place] = said.detail["named"]
        elif said.action == EFFECTS[Kind.TIME]:
            place = msgspec.json.decode(said.detail["presence"], type=Pointed).place
            self.settled[place] = int(said.detail["utc"])

    def faults(self) -> Iterator[str]:
        """Yield the proposals that were decided in the database alone."""
        for one in self._proposals.values():
            if one.state is not Stage.WAITING and one.id not in self.agreed:
                yield f"proposal {one.id}: {one.state}, and no decision says so"


def _closed(tx: Transaction) -> Iterator[_Closed]:
    for latest in tx.closings.latest():
        for one in tx.closings.of(latest.unit, latest.month):
            line = one.message.partition(b"\n")[0]
            yield f"{one.unit} {one.month} {one.number}", sha256(line).hexdigest()
