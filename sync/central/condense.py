"""Readings that those around them make needless: of a terminal that is read again and again, the
first and the last of those that say the same are worth a row. Pure.
"""

from collections.abc import Sequence
from typing import Final

from sync.protocol.entry import Coverage, Entry, Gap, Stamp, Terminal, Unwatched

STEADY_MS: Final = 2_000
"""A terminal's clock that is measured to have moved by less has not been set."""

Linked = Sequence[tuple[int, Entry]]
"""(seq, what it says), in the order of the record."""


def condensed(linked: Linked) -> Linked:
    """Return `linked` without the readings that stand between two of the same terminal's.

    What is said of the source in between, and a clock that was set, keep those beside it.
    """
    kept = list[tuple[int, Entry]]()
    streaks: dict[str, tuple[int, Coverage, bool]] = {}  # by source: where in `kept`, its last
    for seq, said in linked:
        if isinstance(said, Coverage):
            place, before, is_first = streaks.get(said.source, (0, None, True))
            if before is None or not _says_as_much(before, said):
                streaks[said.source] = len(kept), said, True
            elif is_first:
                streaks[said.source] = len(kept), said, False
            else:
                streaks[said.source] = place, said, False
                kept[place] = seq, said
                continue
        elif isinstance(said, Gap | Terminal | Unwatched):
            streaks.pop(said.source, None)
        kept.append((seq, said))
    return sorted(kept, key=lambda one: one[0])


def _says_as_much(before: Coverage, after: Coverage) -> bool:
    return before.terminal == after.terminal and is_steady(
        (before.at, before.drift), (after.at, after.drift)
    )


def is_steady(one: tuple[Stamp, int | None], other: tuple[Stamp, int | None]) -> bool:
    """Return whether two readings of a terminal (when, its drift) say the same of its clock."""
    (at, drift), (later, moved) = one, other
    if at.boot != later.boot or at.synced != later.synced:
        return False
    if drift is None or moved is None:
        return drift is moved
    return abs(drift - moved) <= STEADY_MS
