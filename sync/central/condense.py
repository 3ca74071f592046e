"""Readings that the next one makes needless: of a terminal that is read again and again, only the
last of those that say the same is worth a row. Pure.
"""

from collections.abc import Sequence
from typing import Final

from sync.protocol.entry import Coverage, Entry, Gap, Terminal, Unwatched

STEADY_MS: Final = 2_000
"""A terminal's clock that is measured to have moved by less has not been set."""

Linked = Sequence[tuple[int, Entry]]
"""(seq, what it says), in the order of the record."""


def condensed(linked: Linked) -> Linked:
    """Return `linked` without the readings after which another of the same terminal says as much.

    What is said of the source in between, and a clock that was set, keep the one before it.
    """
    behind: dict[str, Coverage] = {}  # by source: the reading that follows, with nothing between
    kept: list[tuple[int, Entry]] = []
    for seq, said in reversed(linked):
        if isinstance(said, Coverage):
            after = behind.get(said.source)
            behind[said.source] = said
            if after is not None and _says_as_much(after, said):
                continue
        elif isinstance(said, Gap | Terminal | Unwatched):
            behind.pop(said.source, None)
        kept.append((seq, said))
    kept.reverse()
    return kept


def _says_as_much(after: Coverage, before: Coverage) -> bool:
    if after.terminal != before.terminal or after.at.boot != before.at.boot:
        return False
    if after.drift is None or before.drift is None:
        return after.drift is before.drift
    return abs(after.drift - before.drift) <= STEADY_MS
