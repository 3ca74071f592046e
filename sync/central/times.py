"""When people really punched, for central: from what kiosks said of their clocks and terminals.

Pure. What the kiosks said is kept by the store (`store/times.py`) for the linked prefix; here it
becomes a moment for each presence. The presence itself stays as it came.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct, structs

from sync.protocol.drifts import UNKNOWN_AGE_MS, Measure, Series, measured
from sync.protocol.entry import Stamp
from sync.protocol.moments import Boot, Known, Moment, Timeline

CENTRAL_ERROR_MS = 1000
"""How far central's own clock may be off: nothing that it has was written later than that."""

NOTHING = Moment(None, None, Known.UNKNOWN)


class Punched(Struct, frozen=True, kw_only=True, gc=False):
    """What of a presence its time depends on.

    Attributes:
        utc: the terminal's own time, its drift not taken out; None where it is no time.
        at: when the kiosk wrote it.
        drift: terminal's clock minus the kiosk's as `at` shows it; None if never measured.
        received_at: central's clock when it came.
    """

    kiosk: str
    terminal: str
    utc: int | None
    at: Stamp
    drift: int | None
    received_at: int

    @property
    def needs_history(self) -> bool:
        """Whether its own words do not suffice: its clock was not vouched for, or it is old."""
        if self.utc is None:
            return False
        return not self.at.synced or abs(self.at.wall - self.utc) > UNKNOWN_AGE_MS


class Drifted(Struct, frozen=True, kw_only=True):
    """A terminal's clock minus the kiosk's, as measured for an entry stamped `at`."""

    drift: int
    at: Stamp
    received_at: int


class ReadAt(NamedTuple):
    """A complete reading's place in the record of its kiosk, and when it was written."""

    life: int
    seq: int
    at: Stamp
    received_at: int


class History(Struct, frozen=True):
    """What is known of one kiosk's boots, and of the terminals that it reads, by serial."""

    boots: Sequence[Boot] = ()
    drifts: Mapping[str, Sequence[Drifted]] = {}


class Told:
    """One kiosk's history, made ready to be asked."""

    def __init__(self, history: History) -> None:
        self._timeline = Timeline(history.boots)
        self._drifts = history.drifts
        self._series: dict[str, Series] = {}

    def moment(self, one: Punched) -> Moment:
        """Return when the punch really was."""
        if one.utc is None:
            return NOTHING
        written = self.written(one.at, one.received_at)
        moment = self._of(one.terminal).moment(one.utc, written)
        if moment.how is not Known.UNKNOWN or one.drift is None:
            return moment
        own = measured(one.drift, one.at, written, UNKNOWN_AGE_MS)
        return Series([] if own is None else [own]).moment(one.utc, written)

    def _of(self, terminal: str) -> Series:
        if terminal not in self._series:
            measures: list[Measure] = []
            for one in self._drifts.get(terminal, ()):
                written = self.written(one.at, one.received_at)
                measure = measured(one.drift, one.at, written)
                if measure is not None:
                    measures.append(measure)
            self._series[terminal] = Series(measures)
        return self._series[terminal]

    def written(self, at: Stamp, received_at: int) -> Moment:
        """Return when an entry was written: by its kiosk's clock, and not after it came here."""
        moment = self._timeline.moment(at)
        if moment.how in (Known.SYNCED, Known.ANCHORED):
            return moment
        latest = received_at + CENTRAL_ERROR_MS
        if moment.latest is not None:
            latest = min(latest, moment.latest)
        if moment.earliest is None:
            return structs.replace(moment, latest=latest)
        doubted = moment.doubted or latest < moment.earliest
        low, high = min(moment.earliest, latest), max(moment.earliest, latest)
        return Moment(low, high, Known.BOUNDED, doubted)


def moments(
    punches: Sequence[Punched], history: Callable[[str, Collection[str]], History]
) -> list[Moment]:
    """Return when each of `punches` really was.

    `history` is asked for a kiosk's boots and some of its terminals, where a punch needs it.
    """
    needed: defaultdict[str, set[str]] = defaultdict(set)
    for one in punches:
        if one.needs_history:
            needed[one.kiosk].add(one.terminal)
    told = {kiosk: Told(history(kiosk, terminals)) for kiosk, terminals in needed.items()}
    alone = Told(History())
    return [(told[one.kiosk] if one.needs_history else alone).moment(one) for one in punches]
