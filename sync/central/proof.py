"""Proof: of which time it is known that nobody punched unseen, and of which that nobody could.

Made of what kiosks recorded of their terminals, in true time. Whatever is not known for certain is
not proved: a reading begins to prove at the latest moment at which it can have been written, and
ends at the earliest at which it can have begun.

While nobody watched a terminal, each punch that it recorded itself shows that it was alive: what is
left of an outage is between these. A gap is different: a terminal that lost rows was alive.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final, NamedTuple

from msgspec import structs

from sync.central.derive import utc, zone_named
from sync.central.store.proofs import Blind, Gapped, Read, Run
from sync.central.times import History, Punched, Told
from sync.protocol.moments import Moment
from sync.worktime.book import Place
from sync.worktime.evidence import Stretch

_LONG_AGO: Final = 0


class Proof(NamedTuple):
    """What is proved of sources.

    Attributes:
        begun: the local day on which each of them was first read completely, at the earliest; of
            those of which it is known.
    """

    coverage: list[Stretch]
    outages: list[Stretch]
    begun: dict[Place, date]


class Unseen(NamedTuple):
    """Nobody watched a kiosk's terminal from `begin` to `until`, ms UTC."""

    kiosk: str
    terminal: str
    begin: int
    until: int


Signs = Callable[[Unseen], Iterable[int]]
"""Returns when the terminal recorded something itself in that time, ms UTC, in any order."""


def no_signs(_: Unseen) -> Iterable[int]:
    """Return that it is not known whether it did."""
    return ()


def prove(
    runs: Iterable[Run],
    holes: Iterable[Gapped | Blind],
    history: Callable[[str, Collection[str]], History],
    signs: Signs = no_signs,
) -> Proof:
    """Return what is proved; `signs` of life split outages."""
    runs, holes = list(runs), list(holes)
    terminals: defaultdict[str, set[str]] = defaultdict(set)
    for one in (*runs, *holes):
        terminals[one.kiosk].add(one.terminal)
    told = {kiosk: Told(history(kiosk, names)) for kiosk, names in terminals.items()}
    coverage = [one for run in runs for one in _covered(run, told[run.kiosk])]
    outages = list[Stretch]()
    for hole in holes:
        out = _out(hole, told[hole.kiosk])
        if isinstance(hole, Blind):
            unseen = Unseen(hole.kiosk, hole.watched, out.begin, out.until)
            outages += _between(sorted(signs(unseen)), out)
        else:
            outages.append(out)
    return Proof(coverage, outages, _begun(runs, told))


def _begun(runs: Iterable[Run], told: Mapping[str, Told]) -> dict[Place, date]:
    """Return on which day each source was first read; runs are in order at their sources."""
    first = {(run.kiosk, run.source): run for run in reversed(list(runs))}
    found = {}
    for place, run in first.items():
        at = told[run.kiosk].written(run.first.at, run.first.received_at).earliest
        zone = zone_named(run.first.zone)
        if at is not None and zone is not None:
            found[place] = datetime.fromtimestamp(at / 1000, zone).date()
    return found


def _covered(run: Run, told: Told) -> Iterator[Stretch]:
    begin = told.written(run.first.at, run.first.received_at).latest
    throughs = [_through(run, read, told) for read in run.latest]
    until = max((one for one in throughs if one is not None), default=None)
    if begin is not None and until is not None and begin < until:
        yield Stretch(kiosk=run.kiosk, source=run.source, begin=begin, until=until)


def _through(of: Run | Gapped | Blind, read: Read, told: Told) -> int | None:
    """Return up to when a reading certainly proves; None for not at all."""
    return _shown(of, read.through, read.zone, read, told).earliest


def _shown(
    of: Run | Gapped | Blind, text: str, zone: str, said: Read | Gapped, told: Told
) -> Moment:
    """Return when a terminal's clock showed `text`, told by the kiosk with what it `said`."""
    punched = Punched(
        kiosk=of.kiosk,
        terminal=of.terminal,
        utc=utc(text, zone),
        at=said.at,
        drift=said.drift if isinstance(said, Read) else None,
        received_at=said.received_at,
    )
    return told.moment(punched)


def _out(hole: Gapped | Blind, told: Told) -> Stretch:
    """Return from when, at the earliest, until when, at the latest, nothing is known."""
    begin, until = _gap(hole, told) if isinstance(hole, Gapped) else _blind(hole, told)
    if begin is None:  # not known: but what was read before that is read
        read = hole.after
        begin = _LONG_AGO if read is None else _through(hole, read, told) or _LONG_AGO
    return Stretch(kiosk=hole.kiosk, source=hole.source, begin=begin, until=until)


def _between(signs: Sequence[int], out: Stretch) -> Iterator[Stretch]:
    """Yield what is left of an outage between signs of life, which are in order."""
    begin = out.begin
    for at in signs[bisect_left(signs, begin) : bisect_right(signs, out.until)]:
        yield structs.replace(out, begin=begin, until=at)
        begin = at + 1
    yield structs.replace(out, begin=begin)


def _gap(gap: Gapped, told: Told) -> tuple[int | None, int]:
    zone = "" if gap.after is None else gap.after.zone
    noticed = told.written(gap.at, gap.received_at).latest
    begin = _shown(gap, gap.since, zone, gap, told).earliest
    return begin, _shown(gap, gap.until, zone, gap, told).latest or noticed or gap.received_at


def _blind(blind: Blind, told: Told) -> tuple[int | None, int]:
    since = told.written(blind.since, blind.received_at).earliest
    until = told.written(blind.at, blind.received_at).latest
    begin = None if since is None else since - blind.before
    return begin, blind.received_at if until is None else until
