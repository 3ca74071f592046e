"""Entries as a day at a terminal makes them."""

import os
import time
from collections.abc import Iterable
from itertools import islice

from sync.journal.journal import Draft, Journal
from sync.protocol import entry

STAFF = 55
PAGE = 500  # entries that share a commit, as in kiosk/collect.py


def draft(n: int) -> Draft:
    """Return the n-th entry: what a live punch at a 40-byte terminal makes. No two are one punch.

    The terminal's seconds pass one by one, through months of 28 days and for 99 years.
    """
    minutes, second = divmod(n, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    months, day = divmod(days, 28)
    year, month = divmod(months, 12)
    one = entry.Presence(
        at=entry.Stamp(wall=time.time_ns() // 1_000_000, up=n, boot="0" * 32, synced=True, error=5),
        source="lobi",
        terminal="CEXA180860012",
        credential="terminal_user",
        user=str(1001 + n % STAFF),
        time=f"{2000 + year}-{month + 1:02}-{day + 1:02}T{hour:02}:{minute:02}:{second:02}",
        zone="Asia/Jakarta",
        mark=entry.Mark.KNOWN,
        method="fingerprint",
        drift=-1200,
        person=f"19800101{n % STAFF:010}",
        roster=1,
        raw=os.urandom(4).hex() * 10,
    )
    return Draft(entry.encode(one), one.origin)


def fill(journal: Journal, numbers: Iterable[int]) -> None:
    """Append those entries as a backlog is read, in pages."""
    drafts = map(draft, numbers)
    while page := list(islice(drafts, PAGE)):
        journal.append(page)
