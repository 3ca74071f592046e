"""The kiosk has returned to this release from a newer one: what that recorded is taken up.

The newer release's journal lies aside as it was left (kiosk/release/copies.py), ours is a copy from
before it. This release may not know the newer tables; the chain it knows, for that never changes:
an entry that follows by its hash from what we have is as it was recorded. All such entries are
recorded anew, under a name of their own: central may have the copy's epoch from the newer release
already, beyond the copy's end, and counts what it has once.

The vault came back as it was, too: whoever was forgotten since is dead by those entries' word, so
the vault is to ask the journal as if it had never told it anything.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from kiosk.faces.telling import asked_anew
from kiosk.media import House
from kiosk.release.copies import OF
from sync.journal import names
from sync.journal.durable import sync_directory
from sync.journal.errors import Damaged, StorageFull, refused
from sync.journal.reader import Life, Row, follows
from sync.protocol.entry import Stamp

log: Final = logging.getLogger(__name__)

TAKEN: Final = ".taken"
"""What is taken up is kept, under this suffix, for people."""


def take_up(house: House, stamp: Callable[[], Stamp]) -> None:
    """Record anew what a newer release has left; again is harmless. Raises JournalError.

    Where there is no room for it, the next start does it: punches are recorded meanwhile.
    """
    data = house.place.data
    try:
        for aside in not_taken(data):
            if _take_up(house, aside, stamp):
                aside.rename(aside.with_name(aside.name + TAKEN))
                sync_directory(data)
    except OSError as error:
        raise refused(error, data) from error


def not_taken(data: Path) -> list[Path]:
    """Return the journals of newer releases that were not taken up yet. Raises OSError."""
    return [one for one in sorted(data.glob(f"journal{OF}*")) if one.suffix != TAKEN]


def _take_up(house: House, aside: Path, stamp: Callable[[], Stamp]) -> bool:
    """Take up one journal; return False where there is no room for all of it."""
    epochs = house.epochs
    left = names.files(aside)
    if epochs.live.life.epoch in {names.read(path)[0] for path in left}:
        epochs.succeed()
    reason = f"returned from release {aside.name.partition(OF)[2]}"
    try:
        taken = epochs.adopt(_bodies(house, left), stamp, reason)
        epochs.live.append([], asked_anew())
    except StorageFull as error:
        log.error("%s; free some space and restart: what %s holds waits for it", error, aside)
        return False
    log.warning("%s: %d entries of it are recorded anew", reason, taken)
    return True


def _bodies(house: House, left: list[Path]) -> Iterator[bytes]:
    """Yield what the files have and we do not, oldest first, each entry proved."""
    ours = {journal.life.epoch: journal for journal in house.epochs.journals}
    for path in left:
        epoch, number = names.read(path)
        journal = ours.get(epoch)
        if journal is not None:
            after = journal.span().last
            head = journal.hash_at(after)
        else:
            life = Life(house.place.settings.kiosk, epoch, number, house.key.public.der)
            after, head = 0, life.genesis
        if head is None:  # our copy is empty behind an anchor: nothing to follow from
            log.error("%s: it does not follow from the copy; it is kept, for a person", path)
            continue
        try:
            yield from _proved(path, after, head)
        except (Damaged, sqlite3.Error) as error:
            log.error("%s: from there on nothing is proved; it is kept, for a person", error)


def _proved(path: Path, after: int, head: bytes) -> Iterator[bytes]:
    """Yield the bodies behind entry `after`. Raises Damaged, sqlite3.Error."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)) as db:
        after, head = _let_go(db, after, head)
        rows = db.execute(
            "SELECT seq, body, hash, digest FROM entry WHERE seq > ? ORDER BY seq", (after,)
        )
        for seq, body, digest, standing in rows:
            head = follows(path, after, head, Row(seq, body, digest, standing))
            after = seq
            if body is not None:
                yield body


def _let_go(db: sqlite3.Connection, after: int, head: bytes) -> tuple[int, bytes]:
    """Return behind which entry a file begins, with its hash, where that is later than `after`.

    Central has had for long what the newer release let go of in between; what follows it may not
    wait for that. Raises sqlite3.Error: the file does not say.
    """
    row = db.execute("SELECT first, anchor FROM epoch").fetchone()
    match row:
        case (int(first), bytes(anchor)) if first - 1 > after:
            return first - 1, anchor
    return after, head
