"""The walk along one epoch's chain: hash by hash from the exact bodies, over what is lost. Pure.

    genesis -> 1 -> 2 -> ... -> 17   lost 18 to 20, anchor   -> 21 -> ... -> through, head

Every row must be what its hash says; the linked ones must be the one way from the genesis to the
end of the prefix. After a place that does not hold, the walk goes on from what stands there, so
that what is wrong behind it is found as well.
"""

from collections.abc import Sequence

from sync.central.audit.verdict import Verdict
from sync.central.store.evidence import EpochRow, LostRange, Row
from sync.protocol import chain


class Walk:
    """Give it the rows in order, then `end` it."""

    def __init__(self, at: EpochRow, lost: Sequence[LostRange], verdict: Verdict) -> None:
        self._at = at
        self._lost = {one.first: one for one in lost}
        self._ranges = lost
        self._verdict = verdict
        self._seq, self._head = 0, at.genesis
        verdict.through = at.through

    def step(self, row: Row) -> None:
        """Look at the next row."""
        verdict = self._verdict
        verdict.entries += 1
        if chain.link(row.prev, row.body) != row.hash:
            verdict.fault(row.seq, "it is not what its hash says")
        if row.linked:
            self._step_linked(row)
        elif row.seq > self._at.through:
            verdict.islands += 1
        else:
            verdict.branches += 1

    def _step_linked(self, row: Row) -> None:
        verdict = self._verdict
        self._pass_lost()
        if row.seq <= self._seq:
            verdict.fault(row.seq, "the prefix has another entry at this place")
            return
        if row.seq > self._at.through:
            verdict.fault(row.seq, f"it is linked, and the prefix ends at {self._at.through}")
        if row.seq > self._seq + 1:
            self._missing(row.seq - 1)
        elif row.prev != self._head:
            verdict.fault(row.seq, f"it does not follow entry {self._seq}")
        self._seq, self._head = row.seq, row.hash

    def _pass_lost(self) -> None:
        """Go on behind a lost range that begins here."""
        while (one := self._lost.pop(self._seq + 1, None)) is not None:
            if one.last < one.first:
                self._verdict.fault(one.first, f"a lost range ends at {one.last}")
                return
            self._verdict.lost += one.last - one.first + 1
            self._seq, self._head = one.last, one.anchor

    def _missing(self, last: int) -> None:
        first = self._seq + 1
        which = f"entries {first} to {last} are" if last > first else f"entry {first} is"
        self._verdict.fault(first, f"{which} missing from the prefix")

    def end(self) -> None:
        """All rows were given: is this where the prefix ends?"""
        at, verdict = self._at, self._verdict
        self._pass_lost()
        if self._seq < at.through:
            self._missing(at.through)
        elif self._seq == at.through and self._head != at.head:
            verdict.fault(at.through, "the prefix does not end with the head that the epoch has")
        elif self._seq > at.through and not verdict.faults:
            verdict.fault(self._seq, f"a lost range ends behind the prefix's end {at.through}")
        for one in self._lost.values():
            verdict.fault(one.first, f"entries {one.first} to {one.last} are called lost, but held")
