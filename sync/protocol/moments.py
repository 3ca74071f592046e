"""When it really was: a stamp read in the light of everything that is known of its kiosk's clock.

Pure, for both ends: no I/O, no clock. A stamp stays as it was written; what is said here is derived
and may be said better when more is known. docs/TIME.md tells the same in words.

Theory. Within one boot only an offset is unknown: CLOCK_BOOTTIME runs on whatever is done to the
wall clock, at most `DRIFT_PPM` wrong. So every **witness** of a boot (a `clock` entry, a stamp that
the kernel vouched for) says something about every moment of it:

    utc(up) = witness.utc + (up - witness.up)    +- witness.error + DRIFT_PPM of the distance

and the truth lies where all witnesses of the boot agree. Boots of one epoch follow one another. So
a boot that never saw the truth lies between its neighbours, whose lengths and its own bound it:

    earliest = end of the boot before, at the earliest + up
    latest   = begin of the boot after, at the latest - (last up of this boot - up)

Where witnesses contradict each other, the kernel's (NTP) outweigh what the kiosk was told by a
receipt or by a technician, in the same boot and between boots. Among equals the interval
is widened until it holds what each of them says. Either way the moment is `doubted`: a person is to
look. A lie that nothing contradicts cannot be seen.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import groupby
from typing import Final, NamedTuple

from msgspec import Struct, structs

from sync.protocol.entry import HISTORY, Anchor, Clock, Entry, Gap, Presence, Stamp

DRIFT_PPM: Final = 100
"""Most that CLOCK_BOOTTIME runs fast or slow, parts per million; a Pi's crystal keeps within 50."""

SYNCED_LEAST_MS: Final = 500
"""Least error of a clock that the kernel calls synchronised. systemd-timesyncd tells the kernel 0
after every answer, and slews what is less than 400 ms away instead of setting it."""

NEVER_BEFORE_MS: Final = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1000
"""Nothing was recorded before this software existed: a clock that says so says nothing."""


SWORN_MOST: Final = 400
"""Most `clock` entries of one boot that are kept in mind, the first and the last of them; one is
written a day. What is left out can only make a moment less certain."""


class Known(StrEnum):
    """How a moment is known."""

    SYNCED = "synced"  # the kernel vouched for the clock when it was written
    ANCHORED = "anchored"  # the same boot saw the truth at another moment
    BOUNDED = "bounded"  # only what came before it and after it is known
    UNKNOWN = "unknown"  # it has no bound on one side, or on both


class Moment(Struct, frozen=True):
    """A time that lies in [earliest, latest], milliseconds UTC; None where there is no bound.

    Attributes:
        doubted: witnesses contradict each other about it.
    """

    earliest: int | None
    latest: int | None
    how: Known
    doubted: bool = False

    @property
    def utc(self) -> int | None:
        """Return the middle; None without two bounds."""
        if self.earliest is None or self.latest is None:
            return None
        return (self.earliest + self.latest) // 2

    @property
    def error(self) -> int | None:
        """Return how far the truth may be from `utc`, milliseconds; None without two bounds."""
        if self.earliest is None or self.latest is None:
            return None
        return (self.latest - self.earliest + 1) // 2

    @property
    def is_known(self) -> bool:
        """Whether the boot itself saw the truth, and nothing contradicts it."""
        return self.how in (Known.SYNCED, Known.ANCHORED) and not self.doubted


class Witness(Struct, frozen=True):
    """In its boot, at `up` it was `utc`, give or take `error`; all in milliseconds."""

    up: int
    utc: int
    error: int
    anchor: Anchor

    def span(self, up: int) -> "Span":
        """Return what this witness says of another moment of its boot."""
        utc, error = self.utc + up - self.up, self.error + drifted(up - self.up)
        return Span(utc - error, utc + error)

    @property
    def is_plausible(self) -> bool:
        """Whether it can be true at all."""
        return self.utc + self.error >= NEVER_BEFORE_MS


class Boot(Struct, frozen=True):
    """What a kiosk's entries say of one boot.

    Attributes:
        last_up: the latest moment of which there is an entry, milliseconds since the boot.
        rescued: its first entry was taken over from a damaged or foreign file: nothing is known of
            what came right before it.
        apart: it is the first of an epoch. Nothing proves that it came after those of another: a
            new card's first words may overtake an old card's last ones.
    """

    boot: str
    last_up: int
    witnesses: Sequence[Witness] = ()
    rescued: bool = False
    apart: bool = False


def by_epoch(found: Iterable[tuple[str, Boot]]) -> list[Boot]:
    """Return boots that come as (the epoch in which each was first seen, boot), set apart."""
    boots, before = list[Boot](), None
    for epoch, boot in found:
        boots.append(structs.replace(boot, apart=epoch != before))
        before = epoch
    return boots


class Span(NamedTuple):
    """An interval, both ends in it; empty where `low` > `high`."""

    low: int
    high: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing lies in it."""
        return self.low > self.high


class _Heard(NamedTuple):
    """What the witnesses of one boot say of one moment; `span` is None if there are none."""

    span: Span | None
    doubted: bool


class _Between(NamedTuple):
    """A boot did not begin before `low` and its last entry is not after `high`; None: unknown."""

    low: int | None
    high: int | None

    def at(self, up: int, last_up: int) -> "_Between":
        """Return the same for the moment `up` of a boot whose last entry is at `last_up`."""
        return _Between(
            None if self.low is None else self.low + _lasted(up),
            None if self.high is None else self.high - _lasted(last_up - up),
        )


def drifted(distance_ms: int) -> int:
    """Return by how much a boot's clock may have drifted over `distance_ms`, rounded up."""
    return -(-abs(distance_ms) * DRIFT_PPM // 1_000_000)


def vouched(at: Stamp) -> Witness | None:
    """Return the witness that a stamp is by itself: if the kernel called its clock synchronised."""
    if not at.synced:
        return None
    return Witness(at.up, at.wall, max(at.error or 0, SYNCED_LEAST_MS), Anchor.NTP)


def sworn(said: Clock) -> Witness:
    """Return the witness that a `clock` entry is."""
    least = SYNCED_LEAST_MS if said.anchor is Anchor.NTP else 0
    return Witness(said.at.up, said.utc, max(said.error, least), said.anchor)


class Timeline:
    """A kiosk's boots in their order, and the time of every stamp of theirs."""

    def __init__(self, boots: Sequence[Boot]) -> None:
        # What a boot was told is believed only where the kernel's witnesses leave room for it.
        by_kernel = [_kernel_only(boot) for boot in boots]
        hard = _between(by_kernel)
        self._boots: dict[str, Boot] = {}
        self._disbelieved: set[str] = set()
        for boot, sure in zip(boots, by_kernel, strict=True):
            told = None if sure.witnesses else _hear(boot.witnesses, boot.last_up).span
            if told is None or _leaves_room(hard[boot.boot].at(boot.last_up, boot.last_up), told):
                self._boots[boot.boot] = boot
            else:
                self._boots[boot.boot] = sure
                self._disbelieved.add(boot.boot)
        self._between = _between(list(self._boots.values()))

    def moment(self, at: Stamp) -> Moment:
        """Return when the entry was written that is stamped `at`."""
        boot = self._boots.get(at.boot) or Boot(at.boot, at.up)
        own = vouched(at)
        heard = _hear([*boot.witnesses, own] if own else boot.witnesses, at.up)
        around = self._between.get(at.boot, _Between(None, None)).at(at.up, boot.last_up)
        doubted = heard.doubted or at.boot in self._disbelieved
        if heard.span is None:
            return _bounded(around, doubted)
        span = Span(_highest(heard.span.low, around.low), _lowest(heard.span.high, around.high))
        how = Known.SYNCED if own is not None else Known.ANCHORED
        if span.is_empty:
            return _widened(heard.span, around, how)
        return Moment(span.low, span.high, how, doubted)


def _widened(span: Span, around: _Between, how: Known) -> Moment:
    """Return the moment for which both a boot and its neighbours are to be right."""
    low, high = around
    if low is not None and high is not None:
        low, high = min(low, high), max(low, high)
    return Moment(
        None if low is None else min(span.low, low),
        None if high is None else max(span.high, high),
        how,
        doubted=True,
    )


def _bounded(around: _Between, doubted: bool) -> Moment:
    """Return the moment of which only the neighbours know."""
    low, high = around
    if low is None or high is None:
        return Moment(low, high, Known.UNKNOWN, doubted)
    return Moment(min(low, high), max(low, high), Known.BOUNDED, doubted or low > high)


def _hear(witnesses: Iterable[Witness], up: int) -> _Heard:
    """Return what the witnesses of a boot say together of its moment `up`."""
    kernel, told, doubted = [], [], False
    for one in witnesses:
        if not one.is_plausible:
            doubted = True
        elif one.anchor is Anchor.NTP:
            kernel.append(one.span(up))
        else:
            told.append(one.span(up))
    if not kernel:
        return _agreed(told, doubted)
    agreed = _agreed(kernel, doubted)
    narrowed = _meet([*kernel, *told])
    if told and narrowed.is_empty:
        return _Heard(agreed.span, doubted=True)
    return _Heard(narrowed, doubted) if told else agreed


def _agreed(spans: Sequence[Span], doubted: bool) -> _Heard:
    """Return where equal witnesses agree; if they do not, all that any of them says."""
    if not spans:
        return _Heard(None, doubted)
    met = _meet(spans)
    return _Heard(_hull(spans), doubted=True) if met.is_empty else _Heard(met, doubted)


def _between(boots: Sequence[Boot]) -> Mapping[str, _Between]:
    """Return, by boot, what its neighbours in their order leave to it."""
    lows: dict[str, int | None] = {}
    ended: int | None = None  # every boot so far had ended then
    for boot in boots:
        if boot.apart:
            ended = None
        lows[boot.boot] = began = None if boot.rescued else ended
        if began is not None:
            ended = _highest(began + _lasted(boot.last_up), ended)
        if (span := _hear(boot.witnesses, boot.last_up).span) is not None:
            ended = _highest(span.low, ended)
    found: dict[str, _Between] = {}
    begins: int | None = None  # no boot from here on had begun then
    for boot in reversed(boots):
        found[boot.boot] = _Between(lows[boot.boot], begins)
        if boot.apart:
            begins = None
            continue
        if boot.rescued:
            continue
        if begins is not None:
            begins -= _lasted(boot.last_up)
        if (span := _hear(boot.witnesses, 0).span) is not None:
            begins = _lowest(span.high, begins)
    return found


def _leaves_room(between: _Between, span: Span) -> bool:
    low, high = between
    return (low is None or span.high >= low) and (high is None or span.low <= high)


def _kernel_only(boot: Boot) -> Boot:
    sure = [one for one in boot.witnesses if one.anchor is Anchor.NTP and one.is_plausible]
    return structs.replace(boot, witnesses=sure)


def _lasted(up_ms: int) -> int:
    """Return how much time passed at the least while CLOCK_BOOTTIME went on by `up_ms`."""
    return max(0, up_ms - drifted(up_ms))


def _meet(spans: Sequence[Span]) -> Span:
    return Span(max(one.low for one in spans), min(one.high for one in spans))


def _hull(spans: Sequence[Span]) -> Span:
    return Span(min(one.low for one in spans), max(one.high for one in spans))


def _highest(low: int, other: int | None) -> int:
    return low if other is None else max(low, other)


def _lowest(high: int, other: int | None) -> int:
    return high if other is None else min(high, other)


_RESCUING: Final = frozenset({"journal", "entry", HISTORY})
"""What a gap is of that older entries may follow."""


class Gathered(Struct):
    """One boot so far. Of the stamps that the kernel vouched for the first and the last are kept:
    what is between them is known from these, from its own stamp and from the `clock` entries.
    """

    last_up: int
    rescued: bool
    sworn: list[Witness] = []
    first: Witness | None = None
    last: Witness | None = None

    def boot(self, name: str) -> Boot:
        """Return it as a boot of that name."""
        seen = [one for one in (self.first, self.last) if one is not None]
        return Boot(name, self.last_up, [*self.sworn, *seen], self.rescued)


class Boots:
    """Gathers a kiosk's boots from its entries, taken in the order of their epochs and places.

    Attributes:
        gathered: what is known so far, by boot, in their order.
        rescue: the boot whose entry said that what follows is older; "" outside of that.
    """

    def __init__(self, gathered: Iterable[tuple[str, Gathered]] = (), rescue: str = "") -> None:
        self.gathered = dict(gathered)
        self.rescue = rescue

    def take(self, said: Entry) -> None:
        """Take in the next entry."""
        at = said.at
        if isinstance(said, Gap) and said.what in _RESCUING:
            # It stands before the older entries that were rescued, so it orders nothing.
            self.rescue = at.boot
            return
        if at.boot == self.rescue:
            self.rescue = ""
        one = self.gathered.get(at.boot)
        if one is None:
            one = self.gathered[at.boot] = Gathered(at.up, self.rescue != "")
        one.last_up = max(one.last_up, at.up)
        if isinstance(said, Clock):
            one.sworn.append(sworn(said))
            del one.sworn[SWORN_MOST // 2 : len(one.sworn) - SWORN_MOST // 2]
        elif (own := vouched(at)) is not None:
            one.first, one.last = one.first or own, own

    def boots(self) -> list[Boot]:
        """Return the boots in their order."""
        return [one.boot(name) for name, one in self.gathered.items()]


def telling(entries: Iterable[tuple[int, Entry]]) -> list[tuple[int, Entry]]:
    """Return those of an epoch's consecutive (seq, entry) from which `Boots` learns all of them.

    Of a boot, presences tell only when they were written. Of those that follow each other, the
    first, the first and the last that the kernel vouched for, and the latest tell the others.
    """
    kept: list[tuple[int, Entry]] = []
    for (_, is_presence), run in groupby(entries, key=_boot_and_presence):
        if not is_presence:
            kept += run
            continue
        alike = list(run)
        synced = [one for one in alike if one[1].at.synced]
        latest = max(alike, key=lambda one: one[1].at.up)
        few = {one[0]: one for one in (alike[0], latest, *synced[:1], *synced[-1:])}
        kept += [few[seq] for seq in sorted(few)]
    return kept


def _boot_and_presence(one: tuple[int, Entry]) -> tuple[str, bool]:
    said = one[1]
    return said.at.boot, isinstance(said, Presence)
