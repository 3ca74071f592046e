"""Proof: of which time it is known that nobody punched unseen, and of which that nobody could.

Made of what kiosks recorded of their terminals, in true time. Whatever is not known for certain is
not proved: a reading begins to prove at the latest moment at which it can have been written, and
ends at the earliest at which it can have begun.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from sync.central.derive import utc
from sync.central.store.proofs import Blind, Gapped, Read, Run
from sync.central.times import History, Punched, Told
from sync.worktime.evidence import Stretch

_LONG_AGO: Final = 0


class Proof(NamedTuple):
    """What is proved of sources."""

    coverage: list[Stretch]
    outages: list[Stretch]


def prove(
    runs: Iterable[Run],
    holes: Iterable[Gapped | Blind],
    lost: Mapping[str, int],
    history: Callable[[str, Collection[str]], History],
) -> Proof:
    """Return what is proved.

    `lost` says when central noticed that entries of a kiosk will never come: what its terminals
    still have of them it reads again, so that only a reading of after that moment proves anything.
    """
    runs, holes = list(runs), list(holes)
    terminals: defaultdict[str, set[str]] = defaultdict(set)
    for run in runs:
        terminals[run.kiosk].add(run.terminal)
    for hole in holes:
        terminals[hole.kiosk] |= set()
    told = {kiosk: Told(history(kiosk, names)) for kiosk, names in terminals.items()}
    coverage = [
        one
        for run in runs
        for one in _covered(run, told[run.kiosk], lost.get(run.kiosk, _LONG_AGO))
    ]
    last = {(run.kiosk, run.source): run for run in runs}
    outages = []
    for hole in holes:
        if isinstance(hole, Gapped):
            there = last.get((hole.kiosk, hole.source))
            outages.append(_gap(hole, there, told[hole.kiosk]))
        else:
            outages.append(_blind(hole, told[hole.kiosk]))
    return Proof(coverage, outages)


def _covered(run: Run, told: Told, noticed_at: int) -> Iterator[Stretch]:
    begin = told.written(run.first.at, run.first.received_at).latest
    throughs = [_through(run, read, told, noticed_at) for read in run.latest]
    until = max((one for one in throughs if one is not None), default=None)
    if begin is not None and until is not None and begin < until:
        yield Stretch(kiosk=run.kiosk, source=run.source, begin=begin, until=until)


def _through(run: Run, read: Read, told: Told, noticed_at: int) -> int | None:
    """Return up to when a reading certainly proves; None for not at all."""
    written = told.written(read.at, read.received_at).earliest
    if written is None or written <= noticed_at:
        return None
    return told.moment(
        Punched(
            kiosk=run.kiosk,
            terminal=run.terminal,
            utc=utc(read.through, read.zone),
            at=read.at,
            drift=read.drift,
            received_at=read.received_at,
        )
    ).earliest


def _gap(gap: Gapped, run: Run | None, told: Told) -> Stretch:
    terminal, zone = ("", "") if run is None else (run.terminal, run.first.zone)

    def when(text: str) -> tuple[int | None, int | None]:
        said = Punched(
            kiosk=gap.kiosk,
            terminal=terminal,
            utc=utc(text, zone),
            at=gap.at,
            drift=None,
            received_at=gap.received_at,
        )
        moment = told.moment(said)
        return moment.earliest, moment.latest

    begin, until = when(gap.since)[0], when(gap.until)[1]
    noticed = told.written(gap.at, gap.received_at).latest
    return Stretch(
        kiosk=gap.kiosk,
        source=gap.source,
        begin=_LONG_AGO if begin is None else begin,
        until=until or noticed or gap.received_at,
    )


def _blind(blind: Blind, told: Told) -> Stretch:
    since = told.written(blind.since, blind.received_at).earliest
    until = told.written(blind.at, blind.received_at).latest
    return Stretch(
        kiosk=blind.kiosk,
        source=blind.source,
        begin=_LONG_AGO if since is None else since - blind.before,
        until=blind.received_at if until is None else until,
    )
