"""A source's loop: read, record, confirm. In that order, always.

What a terminal says is on disk before anybody is told that it counted, and before the terminal is.
Reading the same thing again is harmless: the journal records an origin once.
"""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import copy
from datetime import datetime, timedelta
from threading import Lock
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from msgspec import Struct, structs

from drivers.base import Called, Identity, LeftAtOnce, Lost, Punch, Reading, Source, Witness
from drivers.errors import SourceError, TimedOut
from kiosk import standing
from kiosk.clock import Clock
from kiosk.drift import Drift
from kiosk.intake import Recent, Where, origin, presence
from kiosk.loans import Loans, NotLent
from kiosk.source_entries import SourceEntries
from kiosk.standing import Standing
from kiosk.watch import Watch
from sync.edge.roster import Rosters
from sync.journal.errors import JournalError
from sync.journal.journal import Draft, Journal, Position
from sync.protocol import entry
from sync.protocol.entry import Stamp

T = TypeVar("T")

PAGE: Final = 500
"""Most punches of a backlog in one commit: they share a sync, and live punches can get between."""

WAIT_S: Final = 1.0
"""How long a source may wait for a live punch before its worker looks round."""

WHOLE_EVERY_S: Final = 25 * 3600.0
"""A record that was not read as a whole for longer is, whatever the calendar says: a clock that
nobody trusts has no quiet hours."""

FORGET_EVERY_S: Final = 86_400.0
"""How often a complete log is compared with what retention has let go of: a log only loses rows
when it is full or cleared."""

HEARD_EVERY_MS: Final = 600_000
"""So often it is kept that a terminal answers of which nothing else is: a power cut then leaves so
much in doubt, and not all the time since the last punch."""

AHEAD_MOST: Final = timedelta(days=1)
"""How far ahead the clock of a terminal that is replaced may have run: an hour where it was set to
another zone, a day where to another date. A log that was brought along has rows from then."""


class Seen(Struct):
    """What a source is like now; written by its collector, read by anybody.

    Attributes:
        connected: whether the terminal is open now.
        bound_to: serial of the terminal that the source is bound to; `identity` may be another.
        drift_ms: terminal's clock minus ours, as ours is now; None if it was never measured.
        recorded, known_already: punches since this process began.
        covered: the terminal's naive clock up to which its record has been read completely.
        warnings: what a technician should know of it, though it works.
        has_clock: whether its times are its own; before it was ever open, by its kind.
    """

    connected: bool = False
    bound_to: str = ""
    identity: Identity | None = None
    drift_ms: int | None = None
    recorded: int = 0
    known_already: int = 0
    covered: str = ""
    records: int = 0
    warnings: tuple[str, ...] = ()
    has_clock: bool = True


class _CalledOff(TimedOut):
    """Nobody waits for it any more: the daemon is to stop."""


class NotReplaced(Exception):
    """The source stays bound to the terminal that it is bound to; the text says why."""


class Collector:
    """Takes what one source says into the journal.

    Attributes:
        zone: IANA zone of the terminal's clock.
        seen: what the source is like now.
    """

    def __init__(
        self,
        source: Source,
        zone: str,
        journal: Journal,
        clock: Clock,
        rosters: Rosters,
        tell: Callable[[int, entry.Presence], None],
        repeat_window: timedelta,
        earlier: bytes | None = None,
        notice_s: float = 60.0,
        holder: Callable[[str], str] = lambda _: "",
        *,
        has_clock: bool = True,
    ) -> None:
        """`earlier` is the source's standing in the epoch before this one, if there was one.

        So late, at most, the source notices that its terminal is dead: `notice_s`. `holder` says
        whose a user of the terminal is known to be, "" for not known; it must not fail.
        `has_clock`: whether a terminal of this kind has one.
        """
        self.zone = zone
        self._entries = SourceEntries(source.name, zone)
        self._source = source
        self._journal = journal
        self._clock = clock
        self._rosters = rosters
        self._tell = tell
        self._recent = Recent(repeat_window)
        self._earlier = earlier
        self._holder = holder
        self._standing = Standing()
        self._changing = Lock()  # held while the standing is changed and committed
        self._loans = Loans(source.name)
        self._punched_s = -math.inf  # `time.monotonic` of the last live punch
        self._again = False
        # `time.monotonic` when the record was last read as a whole in this visit; never where a
        # terminal keeps none.
        self._whole_s = math.inf
        self._forget_s = 0.0  # the same, from which on forgetting is due
        self._drift = Drift()
        self._watch = Watch(source.name, notice_s)
        self._tried_to_keep: Stamp | None = None
        self.seen = Seen(has_clock=has_clock)

    def run(self, stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
        """Collect until the source fails, `stopping()`, or all is to be read again.

        Raises:
            SourceError: the source cannot go on; it has been closed.
            JournalError: nothing could be recorded; the terminal was not told that it was.
        """
        source, self._again, self._whole_s = self._source, False, math.inf
        self._remember()
        try:
            # Connected only once it is known to whom: `replace` binds to that one.
            self._note(source.open(self._standing.position, self._patience(stopping, beat)))
            self._note_watch()
            self.seen.connected = True
            while not stopping() and not self._again:
                beat()
                asked = self._clock.stamp()
                reading = source.read(WAIT_S)
                if self.is_bound:
                    self._watch.answered(self._clock.stamp())
                    self._keep_watch_now_and_then()
                if reading is not None:
                    if reading.drift_ms is not None:
                        self._measured(reading.drift_ms, asked)
                    self._record(reading, beat)
                    source.confirm(reading)
                    if reading.coverage is not None:
                        self._forget(reading.punches)
                elif time.monotonic() - self._whole_s > WHOLE_EVERY_S and not self.is_called:
                    self.read_again()
                self._loans.lend(source)
            if stopping():
                self._take_last(source)
                self._keep_watch()
        except _CalledOff:
            pass
        finally:
            self._watch.ended()
            self.seen.connected = False
            source.close()
            self._loans.lend(None)

    def _take_last(self, source: Source) -> None:
        """Record what a source has heard that keeps no record: with us it would be gone."""
        if not isinstance(source, LeftAtOnce):
            return
        with suppress(SourceError):  # it is left now, whatever it says
            while (reading := source.read(0.0)) and (reading.punches or reading.events):
                self._record(reading, lambda: None)
                source.confirm(reading)

    def _patience(
        self, stopping: Callable[[], bool], beat: Callable[[], None]
    ) -> Callable[[], None]:
        """Return the source's sign of life, by which one that may be left at once is called off; a
        terminal is left as it was found, which takes as long as it takes.
        """
        if not isinstance(self._source, LeftAtOnce):
            return beat

        def on() -> None:
            beat()
            if stopping():
                raise _CalledOff(f"{self._source.name}: asked to stop")

        return on

    def read_again(self) -> None:
        """Have the terminal opened anew soon, and with that its whole record read."""
        self._again = True

    def borrow(self, do: Callable[[Source], T], within_s: float) -> T:
        """Have `do` done with the open source, between two readings; return what it returns.

        Raises:
            NotLent: no terminal is connected, or it was busy for `within_s` seconds.
            SourceError: as `do` raises it.
        """
        if not self.seen.connected:
            raise NotLent(f"{self._source.name}: no terminal is connected; see `kiosk status`")
        if self.is_called:  # it has no session to be held: the caller waits, the worker reads on
            return do(self._source)
        return self._loans.borrow(do, within_s)

    @property
    def is_called(self) -> bool:
        """Whether the terminal calls us: then there is no record to be read as a whole."""
        return isinstance(self._source, Called)

    @property
    def is_bound(self) -> bool:
        """Whether the terminal that answers is the one that the source is bound to."""
        return self._serial == self._standing.serial

    @property
    def quiet_s(self) -> float:
        """Return for how long nobody has punched, as far as was heard; seconds."""
        return time.monotonic() - self._punched_s

    def replace(self, actor: str) -> str:
        """Bind the source to the terminal that answers now; say what was done.

        What the one before it recorded since its last complete read is a gap. Any thread may call.

        Raises:
            NotReplaced: none answers, or it is the one that the source is bound to already.
            JournalError: it could not be recorded, and nothing has changed.
        """
        name = self._source.name
        with self._changing:
            before, serial = self._standing, self._serial
            if not self.seen.connected:
                raise NotReplaced(f"{name}: no terminal answers; connect the new one first")
            if serial == before.serial:
                raise NotReplaced(f"{name}: it is bound to {serial} already, which answers")
            now = self._clock.now().astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)
            here = now.isoformat(timespec="seconds")
            replaced = self._entries.replaced(self._clock.stamp(), actor, before.serial, serial)
            why = f"{before.serial} was replaced by {serial}; what it recorded last was not read"
            lost = Lost(since=before.covered, until=here, reason=why)
            gap = self._entries.gap(self._clock.stamp(), lost)
            self._keep([replaced, gap], before.replaced(serial, _latest(now, before.covered)))
        self.read_again()  # only now may its record be covered
        return f"{name} is bound to {serial}; before it was {before.serial}"

    # What stands where.

    @property
    def _serial(self) -> str:
        return self.seen.identity.serial if self.seen.identity else ""

    def _remember(self) -> None:
        """Take up where the source stands: in this epoch, or in the one before it."""
        kept = self._journal.reader.position(self._source.name)
        if kept is None:
            self._standing = standing.decode(self._earlier).inherited()
        else:
            self._standing = standing.decode(kept)
        self.seen.bound_to = self._standing.serial
        self._watch.remember(self._standing.heard, in_new_epoch=kept is None)

    def _keep_watch_now_and_then(self) -> None:
        """Remember that the terminal answers, where nothing was kept for long."""
        kept, heard = self._standing.heard, self._watch.heard
        if kept is None or heard is None or self.is_called:
            return
        tried = self._tried_to_keep or kept
        if _is_long(kept, heard) and _is_long(tried, heard):
            self._tried_to_keep = heard  # refused, it is not tried again at once
            self._keep_watch()

    def _keep_watch(self) -> None:
        """Remember that the terminal answered up to now; refused, it costs certainty only."""
        with self._changing, suppress(JournalError):
            self._keep([], structs.replace(self._standing, heard=self._watch.heard))

    def _keep(self, entries: Sequence[entry.Entry], stands: Standing) -> None:
        """Commit `entries` and where the source stands after them; the caller holds `_changing`."""
        drafts = [Draft(entry.encode(one)) for one in entries]
        self._journal.append(drafts, Position(self._source.name, standing.encode(stands)))
        self._standing = stands
        self.seen.bound_to = stands.serial

    def _note(self, identity: Identity) -> None:
        """Record which device answers under this source's name, if that is news; bind the first."""
        if identity == self.seen.identity:
            return
        told = self._entries.terminal(self._clock.stamp(), identity)
        with self._changing:
            bound_to = self._standing.serial or identity.serial
            self._keep([told], structs.replace(self._standing, serial=bound_to))
            # Known once that is on disk: where it was refused, the next visit says it again.
            self.seen.identity, self.seen.has_clock = identity, identity.has_clock
        self._drift, self.seen.drift_ms = Drift(), None if identity.has_clock else 0
        self.seen.warnings = ()
        # Of another device nothing has been read yet.
        self.seen.covered = self._standing.covered if self.is_bound else ""
        self.seen.records = self._standing.records if self.is_bound else 0

    def _note_watch(self) -> None:
        """Record for how long nobody saw whether the terminal works, where that is worth it.

        Another one under its address says nothing of it.
        """
        if not self.is_bound:
            return
        at = self._clock.stamp()
        unwatched = self._watch.regained(at, self._serial)
        if unwatched is not None:
            with self._changing:
                self._keep([unwatched], structs.replace(self._standing, heard=at))
        self._watch.answered(at)

    def _measured(self, drift_ms: int, asked: Stamp) -> None:
        """Take in the terminal's clock minus ours; record it if somebody has set its clock.

        `asked` is from before it was measured. Raises JournalError.
        """
        at = self._clock.stamp()
        before, drift = self._drift.now(at) or 0, copy(self._drift)
        if drift.measured(drift_ms, asked, at):
            was_set = self._entries.clock_was_set(at, self._serial, before, drift_ms)
            self._journal.append([Draft(entry.encode(was_set))])
        self._drift = drift  # taken in once that is on disk; refused, it is found again
        self.seen.drift_ms = drift.now(at)

    def _told_drift(self, at: Stamp) -> int | None:
        """Return what an entry at `at` says of the terminal's clock; where that is ours, it is ours
        whatever is done to it. Without a drift central knows neither when a punch was nor up to
        when silence is covered.
        """
        identity = self.seen.identity
        return 0 if identity and not identity.has_clock else self._drift.told(at)

    # What was read.

    def _record(self, reading: Reading, beat: Callable[[], None]) -> None:
        """Return once everything in `reading` is on disk."""
        punches = reading.punches
        if punches and punches[-1].witness is Witness.LIVE:
            self._punched_s = time.monotonic()
        # Coverage and position say that what came before them is complete: they come last, in one
        # commit with the last page.
        last = max(0, len(punches) - 1) // PAGE * PAGE
        for start in range(0, last, PAGE):
            beat()
            self._recorded(self._append(punches[start : start + PAGE]))
        beat()
        self._recorded(self._close(reading, punches[last:]))
        if reading.coverage is not None:
            self._whole_s = time.monotonic()
        # Of another terminal than ours nothing is covered.
        if (covered := reading.coverage or reading.tail) is not None and self.is_bound:
            self.seen.covered, self.seen.records = covered.through, covered.records
        if reading.warnings is not None:
            self.seen.warnings = tuple(reading.warnings)

    def _append(
        self,
        punches: Sequence[Punch],
        more: Sequence[entry.Entry] = (),
        position: Position | None = None,
    ) -> list[tuple[int, entry.Presence]]:
        """Commit a page of punches, and `more` behind them; return what of the punches was new."""
        at = self._clock.stamp()
        where = Where(self._source.name, self.zone, self._told_drift(at))
        # Most of a log that is read again is known: not worth an encoding each. A live punch is
        # not worth a look: the journal knows its origin, and no terminal before had it. What a
        # terminal sends by itself may be its log as well: it does not say.
        recent = self._recent.copy()
        fresh = [
            presence(
                *(punch, structs.replace(where, bound=self._is_ours(punch)), at),
                *(self._rosters.current, recent, self._holder(punch.user)),
            )
            for punch in punches
            if (punch.witness is Witness.LIVE and not self.is_called)
            or not self._is_recorded(punch)
        ]
        drafts = [Draft(entry.encode(one), entry.origin_of(one)) for one in (*fresh, *more)]
        seqs = self._journal.append(drafts, position)
        self._recent = recent  # what was refused is nothing that could be repeated
        new = [(seq, one) for seq, one in zip(seqs, fresh, strict=False) if seq is not None]
        self.seen.known_already += len(punches) - len(new)
        return new

    def _is_ours(self, punch: Punch) -> bool:
        """Return whether it is of the terminal that the source was bound to when it was made.

        What waited for the journal may be of another one than answers now.
        """
        if punch.terminal == self._serial:
            return self.is_bound
        return punch.terminal == self._standing.serial or any(
            punch.terminal == one.serial and punch.time < one.until for one in self._standing.former
        )

    def _recorded(self, new: Sequence[tuple[int, entry.Presence]]) -> None:
        """Tell everybody what is on disk now."""
        self.seen.recorded += len(new)
        for seq, one in new:
            self._tell(seq, one)

    def _is_recorded(self, punch: Punch) -> bool:
        """Return whether an entry has `punch`, as this terminal's or as one's that stood here.

        Who replaces a terminal, or its board, may bring the old log along: then the same rows
        stand under another serial.
        """
        if self._journal.records(origin(punch)):
            return True
        if not punch.time:
            return False
        return any(
            punch.time < one.until
            and self._journal.records(origin(structs.replace(punch, terminal=one.serial)))
            for one in self._standing.before(self._serial)
        )

    def _close(
        self, reading: Reading, punches: Sequence[Punch]
    ) -> list[tuple[int, entry.Presence]]:
        """Commit the last `punches` of `reading`, and what holds then; return what was new."""
        with self._changing:
            at, serial, entries = self._clock.stamp(), self._serial, self._entries
            stands = self._standing
            closing: list[entry.Entry] = [entries.event(at, serial, one) for one in reading.events]
            covered = reading.coverage or reading.tail
            if reading.position is not None:
                stands = structs.replace(stands, position=reading.position, lasting=reading.lasting)
            # Of a terminal that the source is not bound to, nothing proves who was absent.
            if self.is_bound and reading.lost is not None:
                closing.append(entries.gap(at, reading.lost))
            if self.is_bound and covered is not None:
                closing.append(entries.coverage(at, serial, covered, self._told_drift(at)))
                stands = structs.replace(
                    stands,
                    covered=covered.through,
                    records=covered.records,
                    heard=self._watch.heard,
                )
            position = None
            if closing or stands != self._standing:
                position = Position(self._source.name, standing.encode(stands))
            if not (punches or closing or position):
                return []
            new = self._append(punches, closing, position)
            self._standing = stands
            return new

    def _forget(self, log: Sequence[Punch]) -> None:
        """Once a day, let go of the origins of pruned entries that the whole `log` has no more."""
        now = time.monotonic()
        if now >= self._forget_s and self._serial:
            self._forget_s = now + FORGET_EVERY_S
            self._journal.forget_origins(self._serial, frozenset(map(origin, log)))


def _is_long(before: Stamp, now: Stamp) -> bool:
    return before.boot != now.boot or now.up - before.up >= HEARD_EVERY_MS


def _latest(now: datetime, covered: str) -> str:
    """Return a naive time that no row of a terminal replaced `now` is behind.

    `covered` is what its clock said at its last complete read: ours may be the wrong one.
    """
    with suppress(ValueError):  # never read, or no real date
        now = max(now, datetime.fromisoformat(covered))
    return (now + AHEAD_MOST).isoformat(timespec="seconds")
