"""What is left after a crash, held against what was promised.

The journal is opened by the real start of the real code, read, and gone on with: everything that
was ever offered is offered again, as a terminal's log is read again, and one new punch is made.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct, field
from promises import Promises
from stage import AT, KEY, KIOSK, punch

from sync.journal.epochs import Epochs
from sync.journal.errors import JournalError
from sync.journal.journal import Journal
from sync.journal.reader import Row
from sync.journal.schema import Closed
from sync.protocol import chain, entry

NEVER_MADE = punch(999_999_999)
"""The one punch that no scenario makes."""

Place = tuple[str, int]


class Verdict(Struct):
    """What was found wrong; all empty is a pass.

    Attributes:
        lost: acknowledged and gone.
        doubled: recorded twice.
        wrong: any other broken promise.
        repeated: entries that are no punches, taken over twice by a start that was cut short. They
            say the same twice and count for nobody, so a state passes with them.
    """

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    repeated: int = 0

    def __bool__(self) -> bool:
        return not (self.lost or self.doubled or self.wrong)


def _said(body: bytes | None) -> str:
    """Return what a body says, short enough for a line."""
    if body is None:
        return "nothing"
    said = entry.decode(body)
    return f"the punch of {said.user}" if isinstance(said, entry.Presence) else repr(body[-60:])


def judge(directory: Path, promised: Promises, whole: Promises) -> Verdict:
    """Return what is wrong with what a crash left in `directory`.

    `promised` is what had been acknowledged by then, `whole` what the run went on to ask.
    """
    verdict = Verdict()
    epochs = Epochs(directory, KIOSK, KEY)
    try:
        epochs.open()
    except JournalError as error:
        verdict.wrong.append(f"it does not start: {error}")
        verdict.lost += [f"entry {seq} of {epoch}" for epoch, seq in promised.entries]
        return verdict
    try:
        for one in epochs.journals:
            # A salvaged epoch is another file than the one that was asked.
            if one.life.epoch in whole.epochs and one.life.epoch not in promised.rotted:
                _judge_epoch(verdict, one, promised, whole)
        salvaged = epochs.take_over(lambda: AT)
        if not promised.rotted:
            verdict.wrong += [f"taken for damaged: {one.reason}" for one in salvaged]
        _judge_entries(verdict, epochs.journals, promised, whole)
        _go_on(verdict, epochs, promised, whole)
    except JournalError as error:
        verdict.wrong.append(f"it does not go on: {error}")
    finally:
        epochs.close()
    return verdict


def _judge_epoch(verdict: Verdict, one: Journal, promised: Promises, whole: Promises) -> None:
    """The chain holds, nothing is half committed, and positions and cursor are honest."""
    name = one.life.epoch
    try:
        span = one.reader.verify()
    except JournalError as error:
        verdict.wrong.append(f"{name}: {error}")
        return
    head = span.anchor
    for row in one.reader.rows(1):
        standing = row.digest if row.body is None else chain.digest(row.body)
        head = chain.join(head, standing or b"")
    if head != span.head:
        verdict.wrong.append(f"{name}: its head is not the hash of its entries")
    if span.last not in whole.ends[name]:
        verdict.wrong.append(f"{name}: it ends at {span.last}, in the middle of a commit")
    if span.first <= promised.let_go[name]:
        verdict.wrong.append(f"{name}: entry {span.first} was let go of and is back")
    for (epoch, source), offered in whole.positions.items():
        if epoch != name:
            continue
        value = one.reader.position(source)
        at = 0 if value is None else offered.index(value) + 1
        if at < promised.position[epoch, source]:
            verdict.lost.append(f"{name}: position {value!r} of {source} is an older one")
        if value is not None and span.last < whole.position_ends.get((epoch, source, value), 0):
            verdict.wrong.append(f"{name}: position {value!r} without its punches")
    # One that was taken over counts as done up to its end.
    taken_over = one.reader.closed() is Closed.REPLACED and one.cursor == span.last
    if one.cursor > promised.receipted[name] and not taken_over:
        verdict.wrong.append(f"{name}: the cursor {one.cursor} is ahead of every receipt")


def _judge_entries(
    verdict: Verdict, journals: Sequence[Journal], promised: Promises, whole: Promises
) -> None:
    """Every acknowledged entry is there as it was; what else is there was truly asked for."""
    there = {(one.life.epoch, row.seq): row for one in journals for row in one.reader.rows(1)}
    bodies = {row.body for row in there.values()}
    for place, body in promised.entries.items():
        row = there.get(place)
        if row is not None and row.body == body:
            if place in promised.destroyed:
                verdict.wrong.append(f"entry {place}: it was destroyed and is back")
        elif not _may_be_gone(place, body, row, bodies, promised):
            verdict.lost.append(
                f"entry {place}, {_said(body)}: {'gone' if row is None else _said(row.body)}"
            )
    for place, row in there.items():
        if row.body is None:
            if place not in promised.destroying:
                verdict.wrong.append(f"entry {place}: nobody destroyed it")
        elif row.body not in whole.bodies and not (
            (promised.rotted or promised.ended) and isinstance(entry.decode(row.body), entry.Gap)
        ):
            verdict.wrong.append(f"entry {place}: nobody asked for {_said(row.body)}")


def _may_be_gone(
    place: Place, body: bytes, row: Row | None, bodies: set[bytes | None], promised: Promises
) -> bool:
    """Return whether an acknowledged entry may be missing from its place."""
    epoch, seq = place
    if place in promised.destroying and row is not None and row.digest == chain.digest(body):
        return True
    receipted = seq <= promised.receipted[epoch]
    if epoch in promised.rotted:
        with_central = receipted or body in promised.with_central
        return with_central or body in bodies or body in promised.beyond_proof
    return row is None and receipted and seq <= promised.letting_go[epoch]


def _go_on(verdict: Verdict, epochs: Epochs, promised: Promises, whole: Promises) -> None:
    """Reading every terminal again records what is missing, once; the next punch is recorded."""
    live = epochs.live
    offered = [*whole.punches.values(), NEVER_MADE]
    seqs = live.append(offered)
    for draft, seq in zip(offered, seqs, strict=True):
        place = promised.seq_of.get(draft.origin or b"")
        if seq is None or place is None:
            continue
        # Of a damaged file, what central has is not carried on, and what is beyond proof cannot be.
        rotted = place[0] in promised.rotted
        if not rotted or not (
            draft.body in promised.beyond_proof
            or draft.body in promised.with_central
            or place[1] <= promised.receipted[place[0]]
        ):
            verdict.doubled.append(f"{_said(draft.body)}: recorded, and again as entry {seq}")
    if seqs[-1] is None:
        verdict.wrong.append("a new punch is not recorded")
    if live.append(offered) != [None] * len(offered):
        verdict.doubled.append("a punch that was just recorded is recorded again")
    found: Counter[bytes] = Counter()
    said_already: set[bytes] = set()
    for row in live.reader.rows(1):
        said = None if row.body is None else entry.decode(row.body)
        if isinstance(said, entry.Presence):
            found[said.origin] += 1
        elif row.body is not None:
            verdict.repeated += row.body in said_already
            said_already.add(row.body)
    verdict.doubled += [f"{origin.hex()}: {n} times" for origin, n in found.items() if n > 1]
    try:
        live.reader.verify()
    except JournalError as error:
        verdict.wrong.append(f"after going on: {error}")
