"""When a stamp may move: only where nothing that stands before it can be missing. Pure.

A terminal is handed its stamp back when it starts, and goes on from there. What it did not get
through before that place it never sends again, and it may well send a new punch before one that was
refused. So a table's stamp

    is held     when we begin: what failed while we were away is not known
    is held     once an upload of the table failed, and goes back to where it stood before any
                upload that was under way with it
    is free     once the terminal was told it anew: it sends all that comes behind it
    is old      while an upload is under way: told is where it stood before that
    stands      while two uploads are under way at once: whichever is recorded first may stand
                behind the other one

An upload whose first line never reached us is not known of: a terminal that sends two at once and
loses the first of them so has to be asked for the last days again (`session.QUERY_BACK`).

A stamp that stands where it could have moved costs a second sending, which origins make harmless.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

TABLES: Final = ("ATTLOG", "OPERLOG")
"""The tables whose stamps are handed back."""


class Stamps:
    """What is known of every table's stamp. Not safe for threads."""

    def __init__(self) -> None:
        self._free: set[str] = set()
        self._crowded: set[str] = set()
        self._under_way: Counter[str] = Counter()
        self._before: dict[str, str | None] = {}

    def tell(self, stamps: Mapping[str, str]) -> dict[str, str]:
        """Return what of `stamps` the terminal is told now; it goes on from there."""
        self._free = {table for table in TABLES if not self._under_way[table]}
        safe = {
            table: stamps.get(table) if table in self._free else self._before[table]
            for table in TABLES
        }
        return {table: at for table, at in safe.items() if at is not None}

    def enter(self, table: str, now_at: str | None) -> None:
        """Note that an upload of `table` begins, whose stamp stands at `now_at`."""
        if not self._under_way[table]:
            self._before[table] = now_at
        self._under_way[table] += 1
        if self._under_way[table] > 1:
            self._crowded.add(table)

    def leave(self, table: str, *, answered: bool) -> bool:
        """Note that it ended; return whether the stamp is to go back to `before`."""
        self._under_way[table] -= 1
        if not self._under_way[table]:
            self._crowded.discard(table)
        if answered:
            return False
        self._free.discard(table)
        return True

    def before(self, table: str) -> str | None:
        """Return where the stamp stood before the uploads that are under way; None for nowhere."""
        return self._before.get(table)

    def may_move(self, table: str) -> bool:
        """Return whether an upload of `table` that is recorded now moves the stamp."""
        return table in self._free and table not in self._crowded
