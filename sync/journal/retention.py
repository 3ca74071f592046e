"""Retention: how long a journal keeps what central has, and how it lets go of it.

Time is counted by the clock in central's signed receipts and by nothing else: a kiosk that wakes in
1970 or in 2036 lets go of nothing early. Once a day of that clock a mark is made: "up to here
central had it when so much time was counted". A step of central's own clock counts as at most a
month; one backward takes back what was counted.

    receipt   through 40, day 1       mark (40, 0 days)
    receipt   through 95, day 2       mark (95, 1 day)
    ...
    receipt   day 92                  91 days are counted: entries up to 95 are 90 days old

Entries go from the front, in order: the hash of the last one gone stays as the chain's anchor.
Every function works inside the caller's transaction.
"""

import sqlite3
from contextlib import suppress
from typing import Final

from sync.protocol import entry
from sync.protocol.errors import Malformed

DAY_MS: Final = 86_400_000

STEP_MOST_MS: Final = 31 * DAY_MS
"""Most that one step of central's clock counts: a kiosk may well be offline for a month."""

FORGET_PAGE: Final = 5000
"""Origins that are looked at in one transaction."""

PAGE: Final = 500
"""Entries that go in one transaction: an append never waits for longer than one of these."""


def is_news(told: int, utc: int) -> bool:
    """Return whether a receipt at `utc` is a day away from the last one counted, at `told`."""
    return abs(utc - told) >= DAY_MS


def count(db: sqlite3.Connection, through: int, utc: int) -> None:
    """Count the time up to `utc`, central's clock in milliseconds, and mark what it has by then."""
    counted, told = db.execute("SELECT counted, told FROM epoch").fetchone()
    if told:
        counted = max(0, counted + max(-STEP_MOST_MS, min(utc - told, STEP_MOST_MS)))
    # An older mark at the same place stays: it knows since when central has had it.
    db.execute("INSERT OR IGNORE INTO mark VALUES (?, ?)", (through, counted))
    db.execute("UPDATE epoch SET counted = ?, told = ?", (counted, utc))


def take_back(db: sqlite3.Connection, through: int) -> None:
    """Forget that central had anything after `through`: it was restored from a backup."""
    db.execute("DELETE FROM mark WHERE through > ?", (through,))


def due(db: sqlite3.Connection, days: int) -> int:
    """Return up to which entry central has had everything for `days` counted days; 0 for none."""
    (through,) = db.execute(
        "SELECT coalesce(max(mark.through), 0) FROM mark, epoch"
        " WHERE mark.counted <= epoch.counted - ?",
        (days * DAY_MS,),
    ).fetchone()
    return int(through)


def prune_page(db: sqlite3.Connection, through: int) -> int:
    """Let go of the first entries up to `through`, a page of them at most; return how many.

    Their origins stay, with the terminal whose log may show them again.
    """
    rows = db.execute(
        "SELECT seq, body, hash FROM entry WHERE seq <= ? ORDER BY seq LIMIT ?", (through, PAGE)
    ).fetchall()
    if not rows:
        return 0
    last, _, anchor = rows[-1]
    shown = []
    for _, body, _ in rows:
        with suppress(Malformed):
            if body is not None and isinstance(said := entry.decode(body), entry.Presence):
                shown.append((said.terminal, said.origin))
    db.executemany("UPDATE origin SET terminal = ? WHERE key = ?", shown)
    db.execute("DELETE FROM entry WHERE seq <= ?", (last,))
    db.execute("DELETE FROM mark WHERE through < ?", (last,))
    db.execute("UPDATE epoch SET first = ?, anchor = ?", (last + 1, anchor))
    return len(rows)


def marked(db: sqlite3.Connection) -> int:
    """Return up to where marks say that central has everything; 0 without any."""
    (through,) = db.execute("SELECT coalesce(max(through), 0) FROM mark").fetchone()
    return int(through)


def forget_origins(
    db: sqlite3.Connection, terminal: str, shown: frozenset[bytes], after: bytes
) -> tuple[bytes, int]:
    """Drop the origins of `terminal` whose entries are gone and which its log no longer shows.

    `shown` are the origins of a complete read of it. Looks at a page of the keys behind `after`;
    returns the last one looked at, b"" at the end, and how many were dropped.
    """
    page = db.execute(
        "SELECT key, terminal FROM origin WHERE key > ? ORDER BY key LIMIT ?",
        (after, FORGET_PAGE),
    ).fetchall()
    stale = [(key,) for key, whose in page if whose == terminal and key not in shown]
    db.executemany("DELETE FROM origin WHERE key = ?", stale)
    return page[-1][0] if len(page) == FORGET_PAGE else b"", len(stale)


def destroy(db: sqlite3.Connection, seq: int, digest: bytes) -> None:
    """Destroy a body: `digest` stays in its place, and no copy of it in the file's free space."""
    db.execute("UPDATE entry SET body = NULL, digest = ? WHERE seq = ?", (digest, seq))
