"""When a stamp may move: only where nothing that stands before it can be missing. Pure.

A terminal is handed its stamp back when it starts, and goes on from there. What it did not get
through before that place it never sends again, and it may well send a new punch before one that was
refused. So a table's stamp

    is held     when we begin: what failed while we were away is not known
    is held     once an upload of the table failed
    is free     once the terminal was told it anew: it sends all that comes behind it
    moves       when an upload of a free table is answered and none was under way with it: of two at
                once, whichever is recorded first may stand behind the other one

It moves behind the answer, not with the commit: a second upload may begin while the first is being
committed. So what is on disk is one upload behind, and a restart costs its second sending.

An upload whose first line never reached us is not known of: a terminal that sends two at once and
loses the first of them so has to be asked for the last days again (`session.QUERY_BACK`).

A stamp that stands where it could have moved costs a second sending, which origins make harmless.
"""

from collections import Counter
from typing import Final

TABLES: Final = ("ATTLOG", "OPERLOG")
"""The tables whose stamps are handed back."""


class Stamps:
    """What is known of every table's stamp. Not safe for threads."""

    def __init__(self) -> None:
        self._free: set[str] = set()
        self._crowded: set[str] = set()
        self._under_way: Counter[str] = Counter()

    def tell(self) -> None:
        """Note that the terminal is told where its stamps stand; it goes on from there."""
        self._free = {table for table in TABLES if not self._under_way[table]}

    def enter(self, table: str) -> None:
        """Note that an upload of `table` begins."""
        self._under_way[table] += 1
        if self._under_way[table] > 1:
            self._crowded.add(table)

    def leave(self, table: str, *, answered: bool) -> bool:
        """Note that it ended; return whether the stamp moves behind it."""
        self._under_way[table] -= 1
        alone = table not in self._crowded
        if not self._under_way[table]:
            self._crowded.discard(table)
        if not answered:
            self._free.discard(table)
        return answered and alone and table in self._free
