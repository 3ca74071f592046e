"""Taking over: what no older epoch can deliver any more is recorded anew in the live one.

Byte for byte, `at` included, so that an entry says what it said. Doing it again after a power cut
is harmless: a presence that is known is not recorded again, and other entries lose nothing by
standing twice.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from msgspec import Struct

from sync.journal.journal import Draft, Journal
from sync.journal.reader import Life
from sync.journal.salvage import Found, Run, Wreck
from sync.journal.schema import Closed
from sync.protocol import entry
from sync.protocol.errors import Malformed

PAGE: Final = 200
"""Entries in one commit."""

T = TypeVar("T")
Stamper = Callable[[], entry.Stamp]


class Salvaged(Struct, frozen=True):
    """What became of a damaged file.

    Attributes:
        reason: what was wrong with it, and which one it was.
        kept: entries that go on under its name.
        taken_over: entries recorded anew in the live epoch.
        unproved: entries kept for a person to look at.
    """

    reason: str
    kept: int
    taken_over: int
    unproved: int


class Wrecked(Struct, frozen=True):
    """A damaged file at `path`, what was found in it, and the run that goes on under its name."""

    path: Path
    found: Found
    kept: Run | None
    reason: str


def from_wreck(live: Journal, wrecked: Wrecked, view: Path, stamp: Stamper) -> Salvaged:
    """Record what central may lack of a damaged file, behind a `gap` entry that says so.

    `view` is as for `Wreck`. Raises JournalError.
    """
    found, kept = wrecked.found, wrecked.kept
    life = found.life
    _append_gap(live, stamp, wrecked.reason, since=f"{life.epoch} {found.broken}")
    taken = unproved = 0
    with Wreck(wrecked.path, view, life, found.mended) as wreck:
        for page in _pages(wreck.rescued(found, kept)):
            good = [_as_it_was(one.body) for one in page if one.proved]
            bad = [_kept_aside(life, one.seq, one.body, stamp()) for one in page if not one.proved]
            live.append(good + bad)
            taken += len(good)
            unproved += len(bad)
    return Salvaged(wrecked.reason, kept.last - kept.first + 1 if kept else 0, taken, unproved)


def from_ended(live: Journal, ended: Journal, stamp: Stamper) -> None:
    """Record anew all that an ended epoch holds: central will not take it under that name.

    All of it, for the cursor proves nothing any more: central may have been restored from a backup
    since, and have been given the copy's history in the place of ours. What central has after all
    it counts once.

    Raises JournalError.
    """
    epoch, place = ended.life.epoch, ended.span().first
    reason = (
        f"central holds another history of epoch {epoch}, or gave up some that this card holds: "
        "was it copied or restored?"
    )
    _append_gap(live, stamp, reason, since=f"{epoch} {place}", what=entry.HISTORY)
    for page in _pages(ended.reader.rows(place)):
        live.append([_as_it_was(row.body) for row in page if row.body is not None])
        for row in page:
            if row.body is None:
                there = f"{epoch} {row.seq}"
                why = "its body was destroyed after its retention: only central may have it"
                _append_gap(live, stamp, why, since=there, until=there, what=entry.HISTORY)


def from_elsewhere(live: Journal, bodies: Iterable[bytes], stamp: Stamper, reason: str) -> int:
    """Record entries of another medium, behind a `gap` entry; return how many were not known.

    With nothing new nothing is recorded. Raises JournalError.
    """
    taken = 0
    drafts = map(_as_it_was, bodies)
    fresh = (one for one in drafts if one.origin is None or not live.records(one.origin))
    for page in _pages(fresh):
        if not taken:
            _append_gap(live, stamp, reason)
        taken += sum(seq is not None for seq in live.append(page))
    return taken


def know_all(live: Journal, older: Journal) -> None:
    """Have the live epoch know every punch that an older one has.

    What that has let go of, central has: unless it holds another history. Then only the terminal
    may have it, and it is to be read again. Raises JournalError.
    """
    another = older.reader.closed() in (Closed.ENDED, Closed.REPLACED)
    live.know(older.origins(let_go=not another))
    live.know(_origins(row.body for row in older.reader.rows(1)))


def _append_gap(
    live: Journal,
    stamp: Stamper,
    reason: str,
    *,
    since: str = "",
    until: str = "",
    what: str = "journal",
) -> None:
    gap = entry.Gap(at=stamp(), what=what, reason=reason, since=since, until=until)
    live.append([Draft(entry.encode(gap))])


def _as_it_was(body: bytes) -> Draft:
    return Draft(body, next(_origins([body]), None))


def _kept_aside(life: Life, seq: int, body: bytes, at: entry.Stamp) -> Draft:
    """Return the draft that keeps a body which nothing proves, for a person to look at."""
    raw, raw_sha256 = entry.keep_raw(body)
    place = f"{life.epoch} {seq}"
    gap = entry.Gap(
        at=at,
        what="entry",
        reason="its hash does not prove it",
        since=place,
        until=place,
        raw=raw,
        raw_sha256=raw_sha256,
    )
    return Draft(entry.encode(gap))


def _origins(bodies: Iterable[bytes | None]) -> Iterator[bytes]:
    """Yield the origins of those of `bodies` that have one."""
    for body in bodies:
        with suppress(Malformed):
            if body is not None and (origin := entry.origin_of(entry.decode(body))) is not None:
                yield origin


def _pages(things: Iterable[T]) -> Iterator[list[T]]:
    remaining = iter(things)
    while page := list(islice(remaining, PAGE)):
        yield page
