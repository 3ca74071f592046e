"""When a presence can have been: what its terminal's clock says, held against when it was read.

Pure. A terminal that forgot the time says any, and nobody may have measured it meanwhile. But a
live event was just made; and a row that a complete reading did not have was made after that began.
Where the clock's word lies far outside of that, either may be the truth: a row may also be old and
have been lost on its way to central. Then both are told, and both are for the person. But terminals
that call (PUSH) say `live` of a backlog too: of a live event that is of the last weeks by its word
both are doubted. No backlog is older than that: the terminal forgot the time.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final, NamedTuple

from sync.central.derive import zone_named
from sync.central.store.city import Place
from sync.central.store.punches import Seen
from sync.central.times import History, ReadAt, Told
from sync.protocol.moments import Moment

LIVE_MS: Final = 5 * 60_000
"""So long, at most, a live event takes from its terminal into the journal."""

READ_MS: Final = 3_600_000
"""So long, at most, a reading takes before its coverage is written."""

FAR_MS: Final = 3_600_000
"""A clock's word that is nearer to when it can have been is believed."""

BACKLOG_MS: Final = 31 * 86_400_000
"""So old, at most, is what a terminal sends late as if it were live."""

WIDE_MS: Final = 86_400_000
"""Of a span that is wider nobody knows the day: then it is the one that the terminal said, or that
of its end where the terminal said none, or is not believed."""

FOREVER_MS: Final = 10 * 365 * 86_400_000


class Span(NamedTuple):
    """From `earliest` to `latest`, both included, ms UTC; `day` is the local date of it.

    None for the one that the terminal said. `is_only`: there is no other one of that presence;
    `doubted`: the other one is as likely.
    """

    earliest: int
    latest: int
    day: date | None
    is_only: bool = True
    doubted: bool = False


NOTHING_SETTLED: Final[Mapping[Place, int]] = {}

Readings = Callable[[str, Collection[str]], Mapping[str, Sequence[ReadAt]]]
"""Returns the readings of a kiosk's terminals, by serial, in the order of the record."""


def spans(
    seen: Sequence[Seen],
    history: Callable[[str, Collection[str]], History],
    readings: Readings,
    settled: Mapping[Place, int] = NOTHING_SETTLED,
) -> list[list[Span]]:
    """Return when each presence can have been: one span, or two that exclude each other.

    Of those of `settled` a person said when they were: then they were, to the millisecond.
    """
    needed: defaultdict[str, set[str]] = defaultdict(set)
    for one in seen:
        if one.punched.needs_history or one.punched.utc is None:
            needed[one.punched.kiosk].add(one.punched.terminal)
    told = {kiosk: Told(history(kiosk, terminals)) for kiosk, terminals in needed.items()}
    read = {kiosk: readings(kiosk, terminals) for kiosk, terminals in needed.items()}
    alone = Told(History())
    found = []
    for one in seen:
        kiosk = one.punched.kiosk
        utc = settled.get(one.sighted.place)
        if utc is not None:
            found.append([_dated(one, utc, utc)])
        elif one.punched.needs_history or one.punched.utc is None:
            found.append(_held_against(one, told[kiosk], read[kiosk]))
        else:
            found.append([_span(one, alone.moment(one.punched))])
    return found


def _held_against(one: Seen, told: Told, read: Mapping[str, Sequence[ReadAt]]) -> list[Span]:
    written = told.written(one.punched.at, one.punched.received_at)
    latest = one.punched.received_at if written.latest is None else written.latest
    if one.punched.utc is None:
        said = _dated(one, latest - FOREVER_MS, latest)
    else:
        said = _span(one, told.moment(one.punched))
    first = _first(one, told, written, read.get(one.punched.terminal, ()))
    if first is None or first > latest:
        return [said]
    if said.latest >= first - FAR_MS:
        # It agrees; where it leaves much open, the reading may know better.
        both = max(said.earliest, first), min(said.latest, latest)
        is_said = one.punched.utc is not None
        return [_dated(one, *both, is_said=is_said) if both[0] <= both[1] else said]
    doubted = one.is_live and latest - said.latest <= BACKLOG_MS
    return [
        span._replace(is_only=False, doubted=doubted) for span in (said, _dated(one, first, latest))
    ]


def _first(one: Seen, told: Told, written: Moment, readings: Sequence[ReadAt]) -> int | None:
    """Return the earliest moment at which a presence can have been made by when it was read."""
    before = bisect_left(readings, (one.sighted.life, one.sighted.place.seq))
    if not before:
        return None  # nothing was read completely before it: it may be of any age
    if one.is_live:
        return None if written.earliest is None else written.earliest - LIVE_MS
    last = readings[before - 1]
    began = told.written(last.at, last.received_at).earliest
    return None if began is None else began - READ_MS


def _span(one: Seen, when: Moment) -> Span:
    """Return a moment with two bounds: nothing comes here before it was."""
    latest = one.punched.received_at if when.latest is None else when.latest
    earliest = latest - FOREVER_MS if when.earliest is None else min(when.earliest, latest)
    return _dated(one, earliest, latest, is_said=True)


def _dated(one: Seen, earliest: int, latest: int, *, is_said: bool = False) -> Span:
    zone, is_wide = zone_named(one.zone), latest - earliest > WIDE_MS
    if zone is None or (is_wide and is_said):
        return Span(earliest, latest, None)
    when = latest / 1000 if is_wide else (earliest + latest) / 2000
    return Span(earliest, latest, datetime.fromtimestamp(when, UTC).astimezone(zone).date())
