"""A source's loop: read, record, confirm. In that order, always.

What a terminal says is on disk before anybody is told that it counted, and before the terminal is.
Reading the same thing again is harmless: the journal records an origin once.
"""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from msgspec import Struct

from drivers.base import Coverage, Identity, Punch, Reading, Source
from kiosk.clock import Clock
from kiosk.intake import Recent, Where, origin, presence
from sync.edge.roster import Adopted
from sync.journal.journal import Draft, Journal, Position
from sync.protocol import entry
from sync.protocol.entry import Stamp
from sync.protocol.moments import drifted

PAGE: Final = 500
"""Most punches of a backlog in one commit: they share a sync, and live punches can get between."""

WAIT_S: Final = 1.0
"""How long a source may wait for a live punch before its worker looks round."""

STEP_LEAST_MS: Final = 2000
"""A terminal's clock that differs by more than this from what drift explains was set. It shows
whole seconds, and its answer takes its time."""

FORGET_EVERY_S: Final = 86_400.0
"""How often a complete log is compared with what retention has let go of: a log only loses rows
when it is full or cleared."""


class Seen(Struct):
    """What a source is like now; written by its collector, read by anybody.

    Attributes:
        connected: whether the terminal is open now.
        drift_ms: terminal's clock minus ours, as ours is now; None if it was never measured.
        recorded, known_already: punches since this process began.
        covered: the terminal's naive clock up to which its record has been read completely.
        warnings: what a technician should know of it, though it works.
    """

    connected: bool = False
    identity: Identity | None = None
    drift_ms: int | None = None
    recorded: int = 0
    known_already: int = 0
    covered: str = ""
    records: int = 0
    warnings: tuple[str, ...] = ()


class Collector:
    """Takes what one source says into the journal."""

    def __init__(
        self,
        source: Source,
        zone: str,
        journal: Journal,
        clock: Clock,
        roster: Adopted,
        tell: Callable[[int, entry.Presence], None],
        repeat_window: timedelta,
    ) -> None:
        self._source = source
        self._zone = zone
        self._journal = journal
        self._clock = clock
        self._roster = roster
        self._tell = tell
        self._recent = Recent(repeat_window)
        self._again = False
        # The terminal's clock minus CLOCK_BOOTTIME, and when that was measured, by the latter: no
        # step of our own clock can move it.
        self._ahead: tuple[int, int] | None = None
        self._forget_s = 0.0  # `time.monotonic` from which on it is due
        self.seen = Seen()

    def run(self, stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
        """Collect until the source fails, `stopping()`, or all is to be read again.

        Raises:
            SourceError: the source cannot go on; it has been closed.
            JournalError: nothing could be recorded; the terminal was not told that it was.
        """
        source, self._again = self._source, False
        try:
            identity = source.open(self._journal.reader.position(source.name), beat)
            self.seen.connected = True
            self._note(identity)
            while not stopping() and not self._again:
                beat()
                asked = self._clock.stamp()
                reading = source.read(WAIT_S)
                if reading is not None:
                    if reading.drift_ms is not None:
                        self._measured(reading.drift_ms, asked)
                    self._record(reading, beat)
                    source.confirm(reading)
                    if reading.coverage is not None:
                        self._forget(reading.punches)
        finally:
            self.seen.connected = False
            source.close()

    def read_again(self) -> None:
        """Have the terminal opened anew soon, and with that its whole record read."""
        self._again = True

    def _measured(self, drift_ms: int, asked: Stamp) -> None:
        """Take in the terminal's clock minus ours; record it if somebody has set its clock.

        `asked` is from before it was measured. Raises JournalError.
        """
        at = self._clock.stamp()
        if abs((at.wall - at.up) - (asked.wall - asked.up)) > STEP_LEAST_MS:
            return  # ours was set meanwhile: nobody knows against which of the two it was measured
        ahead = drift_ms + at.wall - at.up
        if self._ahead is not None:
            expected, since_up = self._ahead
            if abs(ahead - expected) > STEP_LEAST_MS + drifted(at.up - since_up):
                self._journal.append([Draft(entry.encode(self._was_set(at, drift_ms)))])
        self._ahead = ahead, at.up

    def _was_set(self, at: Stamp, drift_ms: int) -> entry.Audit:
        before = self._drift(at) or 0
        return entry.Audit(
            at=at,
            actor="kiosk",
            action="terminal clock",
            detail={
                "source": self._source.name,
                "terminal": self._serial,
                "before": f"{before / 1000:+.1f} s",
                "after": f"{drift_ms / 1000:+.1f} s",
            },
        )

    def _drift(self, at: Stamp) -> int | None:
        """Return the terminal's clock minus ours as ours is at `at`, and show it.

        None where it was measured too long ago: nothing says how far the clock has drifted since.
        """
        if self._ahead is None:
            return None
        ahead, measured_up = self._ahead
        self.seen.drift_ms = ahead - (at.wall - at.up)
        return self.seen.drift_ms if at.up - measured_up <= entry.DRIFT_AGE_MOST_MS else None

    def _record(self, reading: Reading, beat: Callable[[], None]) -> None:
        """Return once everything in `reading` is on disk."""
        punches = reading.punches
        for start in range(0, len(punches), PAGE):
            beat()
            self._record_punches(punches[start : start + PAGE])
        # Coverage and position say that what came before them is complete: they come last.
        closing: list[Draft] = []
        coverage = reading.coverage or reading.tail
        if coverage is not None:
            if coverage.records < self.seen.records:
                closing.append(Draft(entry.encode(self._shrunk(coverage))))
            closing.append(Draft(entry.encode(self._coverage(coverage))))
        position = (
            None if reading.position is None else Position(self._source.name, reading.position)
        )
        if closing or position is not None:
            self._journal.append(closing, position)
        if coverage is not None:
            self.seen.covered = coverage.through
            self.seen.records = coverage.records
        if reading.warnings is not None:
            self.seen.warnings = tuple(reading.warnings)

    def _record_punches(self, punches: Sequence[Punch]) -> None:
        at = self._clock.stamp()
        where = Where(self._source.name, self._zone, self._drift(at))
        # Most of a log that is read again is known: not worth an encoding each. The journal
        # decides; this only looks, and a live punch is not worth a look.
        fresh = [
            presence(punch, where, at, self._roster, self._recent)
            for punch in punches
            if len(punches) == 1 or not self._journal.records(origin(punch))
        ]
        seqs = self._journal.append([Draft(entry.encode(one), one.origin) for one in fresh])
        for seq, one in zip(seqs, fresh, strict=True):
            if seq is not None:
                self.seen.recorded += 1
                self._tell(seq, one)
        self.seen.known_already += len(punches) - sum(seq is not None for seq in seqs)

    def _forget(self, log: Sequence[Punch]) -> None:
        """Once a day, let go of the origins of pruned entries that the whole `log` has no more."""
        now = time.monotonic()
        if now >= self._forget_s and self._serial:
            self._forget_s = now + FORGET_EVERY_S
            self._journal.forget_origins(self._serial, frozenset(map(origin, log)))

    def _coverage(self, coverage: Coverage) -> entry.Coverage:
        at = self._clock.stamp()
        return entry.Coverage(
            at=at,
            source=self._source.name,
            terminal=self._serial,
            through=coverage.through,
            zone=self._zone,
            records=coverage.records,
            drift=self._drift(at),
        )

    def _shrunk(self, coverage: Coverage) -> entry.Gap:
        """Return that rows vanished from the terminal: what was never read of them is lost."""
        return entry.Gap(
            at=self._clock.stamp(),
            what="terminal",
            source=self._source.name,
            since=self.seen.covered,
            until=coverage.through,
            reason=f"its log shrank from {self.seen.records} to {coverage.records} rows",
        )

    @property
    def _serial(self) -> str:
        return self.seen.identity.serial if self.seen.identity else ""

    def _note(self, identity: Identity) -> None:
        """Record which device answers under this source's name, if that is news."""
        if identity == self.seen.identity:
            return
        self.seen.identity = identity
        self.seen.records, self.seen.covered = 0, ""  # of another device, or of none yet
        self.seen.warnings = ()
        self.seen.drift_ms = self._ahead = None
        told = entry.Terminal(
            at=self._clock.stamp(),
            source=self._source.name,
            serial=identity.serial,
            model=identity.model,
            firmware=identity.firmware,
            platform=identity.platform,
        )
        self._journal.append([Draft(entry.encode(told))])
