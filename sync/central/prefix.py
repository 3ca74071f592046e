"""The contiguous, linked prefix of an epoch: how far it reaches, and what contradicts it.

    through, head   the end of the prefix; every hash before it leads to the next
    island          entries held that do not follow the prefix yet
    branch          entries held that contradict others at the same place; never linked

Everything here reads and moves rows of one epoch, whose row the caller holds locked.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct, structs

from sync.central.store.ledger import Held, Ledger, Line, SignedEnd


class Run(Struct, frozen=True):
    """Consecutive entries as they arrived: `hashes` of entry `first` and on, `prev` before it."""

    first: int
    prev: bytes
    hashes: Sequence[bytes]

    @property
    def last(self) -> int:
        """Return the last entry's seq."""
        return self.first + len(self.hashes) - 1

    def hash_at(self, seq: int) -> bytes | None:
        """Return the hash that the run gives entry `seq`; None outside of it."""
        if seq == self.first - 1:
            return self.prev
        return self.hashes[seq - self.first] if self.first <= seq <= self.last else None


def contradiction(ledger: Ledger, line: Line, run: Run, held: Sequence[Held]) -> int | None:
    """Return the first seq at which `run` and what is held say different things, if any.

    `held` are the entries held from `run.first - 1` to `run.last + 1`.
    """
    before = {one.hash for one in held if one.seq == run.first - 1}
    before |= {known} if (known := ends(ledger, line, run.first - 1)) else set()
    if before and run.prev not in before:
        return run.first - 1
    for one in held:
        ours = run.hash_at(one.seq)
        if run.first <= one.seq <= run.last and ours != one.hash:
            return one.seq
    after = {one.prev for one in held if one.seq == run.last + 1}
    if after and run.hashes[-1] not in after:
        return run.last + 1
    return None


def ends(ledger: Ledger, line: Line, seq: int) -> bytes | None:
    """Return the prefix's hash at `seq` where it is known without an entry."""
    if seq == 0:
        return line.genesis
    if seq == line.through:
        return line.head
    return ledger.lost_anchor(line, seq)


def hash_at(ledger: Ledger, line: Line, seq: int) -> bytes | None:
    """Return the prefix's hash at `seq`; None beyond it or in a lost range."""
    known = ends(ledger, line, seq)
    if known is not None:
        return known
    linked = (one.hash for one in ledger.held(line, seq, seq) if one.linked)
    return next(linked, None)


def run_on(ledger: Ledger, line: Line) -> tuple[Line, list[Held]]:
    """Return the prefix run on through stored islands by a page, and the entries it ran through.

    Both the rows and the epoch are moved. An empty list says that nothing follows any more.
    """
    through, head = line.through, line.head
    passed: list[Held] = []
    for one in ledger.page_after(line, through):
        # Where two follow the same entry, the one that arrived first is first in the page.
        if one.seq == through + 1 and one.prev == head:
            passed.append(one)
            through, head = one.seq, one.hash
    if passed:
        ledger.link(line, [(one.seq, one.hash) for one in passed])
        line = structs.replace(line, through=through, head=head)
        ledger.move(line)
    return line, passed


def note_signed(ledger: Ledger, line: Line, arrived: SignedEnd | None = None) -> Line:
    """Return the line with the furthest signature that ends within the prefix.

    `arrived` is that of the batch at hand; what ends beyond the prefix, or beside it, waits for it.
    """
    ends = ledger.take_signed_ends(line)
    if arrived is not None and arrived.through > line.signed_through:
        if arrived.through > line.through:
            ledger.keep_signed_end(line, arrived)
        else:
            ends = sorted([arrived, *ends], reverse=True)
    for end in ends:
        if end.through <= line.signed_through:
            break
        if hash_at(ledger, line, end.through) == end.head:  # else it is a branch's
            line = structs.replace(line, signed_through=end.through)
            ledger.move_signed(line, end.signed)
            break
    return line


def reach_back(ledger: Ledger, line: Line, seq: int, anchor: bytes) -> tuple[int, bytes]:
    """Return the place before the entries held that lead up to entry `seq` with hash `anchor`.

    It is (`seq`, `anchor`) itself where that entry is not held; never before the prefix's end.
    """
    for one in _backwards(ledger, line, seq):
        if one.seq < seq or seq == line.through:
            break
        if one.hash == anchor:
            seq, anchor = seq - 1, one.prev
    return seq, anchor


def _backwards(ledger: Ledger, line: Line, seq: int) -> Iterator[Held]:
    while seq > line.through and (page := ledger.page_before(line, seq)):
        yield from reversed(page)
        seq = page[0].seq - 1
