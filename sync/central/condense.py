"""Readings that those around them make needless: of a terminal that is read again and again, only
the first and the last of those that say the same are worth a row. Pure.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from sync.protocol.entry import Coverage, Entry, Gap, Terminal, Unwatched

STEADY_MS: Final = 2_000
"""A terminal's clock that is measured to have moved by less has not been set."""

Linked = Sequence[tuple[int, Entry]]
"""(seq, what it says), in the order of the record."""


def condensed(linked: Linked) -> Linked:
    """Return `linked` without the readings between two of the same terminal that say as much.

    What is said of the source in between, and a clock that was set, keep those on either side. The
    first stays as well as the last: from it on the terminal is known to have been read.
    """
    needless = _beside_alike(linked) & _beside_alike(reversed(linked))
    return [one for one in linked if one[0] not in needless]


def _beside_alike(linked: Iterable[tuple[int, Entry]]) -> set[int]:
    """Return the seqs of readings right before which, in this order, another said as much."""
    beside: dict[str, Coverage] = {}  # by source: with nothing said of it since
    found = set()
    for seq, said in linked:
        if isinstance(said, Coverage):
            other = beside.get(said.source)
            beside[said.source] = said
            if other is not None and _says_as_much(other, said):
                found.add(seq)
        elif isinstance(said, Gap | Terminal | Unwatched):
            beside.pop(said.source, None)
    return found


def _says_as_much(one: Coverage, other: Coverage) -> bool:
    if one.terminal != other.terminal or one.at.boot != other.at.boot:
        return False
    if one.drift is None or other.drift is None:
        return one.drift is other.drift
    return abs(one.drift - other.drift) <= STEADY_MS
