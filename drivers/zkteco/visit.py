"""One visit to a terminal: the whole log, then live events, then the log again when it must be.

A visit holds from `open` to `close`. It registers for events before it reads the log, so that
nothing falls between, and owes the terminal an acknowledgement for each event it has handed out.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import structs

from drivers.base import Coverage, Credential, Lost, Punch, Reading, Witness
from drivers.errors import Garbled
from drivers.options import ZkTerminal
from drivers.zkteco import times
from drivers.zkteco.dialogue import Dialogue, Sizes, Table
from drivers.zkteco.lastread import LastRead, Memory
from drivers.zkteco.live import LiveRow, decode_event
from drivers.zkteco.log import Log, LogPunches, decode_log
from drivers.zkteco.records import decode_users
from drivers.zkteco.tail import Tail
from drivers.zkteco.tally import BLIND_CHECKS, Tally, Verdict
from drivers.zkteco.warnings import warnings

SETTLE_S = 1.0
"""How long after a doubtful count it is compared again: an event may still be on its way."""

LAST_TICKS = times.ticks(2099, 12, 31)
"""Until when the end of a log is asked for: a clock may have run ahead."""

TOLD_ROWS = 1000
"""How many of the newest rows are known again when their events come late."""

STEP_LEAST_S = 2.0
"""A terminal's clock that has moved by more than this against our monotonic one, drift apart, was
set: it shows whole seconds, and its answer takes its time."""

DRIFT_MOST = 1e-4
"""Most that a terminal's clock runs fast or slow: 8.6 seconds a day."""

_DAY_S = 86_400


class Visit:
    """What holds from one `open` to its `close`."""

    def __init__(
        self,
        dialogue: Dialogue,
        serial: str,
        zone: ZoneInfo,
        options: ZkTerminal,
        now: Callable[[], datetime],
        where: str,
        memory: Memory,
    ) -> None:
        """`now` is the kiosk's clock; `memory` what earlier visits have read."""
        self.dialogue = dialogue
        self._memory = memory
        self._serial = serial
        self._zone = zone
        self._check_s = options.check_s
        self._now = now
        self._where = where
        self._registered = False
        self._tally: Tally | None = None
        self._tail: Tail | None = None
        self._check_at = 0.0
        # The terminal's clock minus `time.monotonic`, and when that was measured; none of ours can
        # move it. None where the terminal's date is impossible.
        self._ahead_s: tuple[float, float] | None = None
        self._clock_moved = False
        self._believe_at = 0.0  # a clock that always moves must not have the log read all day
        self._told: set[tuple[str, str]] = set()  # user and time of what was read or heard
        self._heard: list[list[LiveRow]] = []
        self._somebody = False  # whether anybody was heard in this visit
        self._unconfirmed: list[tuple[Reading, int]] = []

    def read(self, wait_s: float) -> Reading | None:
        """See `ZkSource.read`."""
        until = time.monotonic() + wait_s
        if self._tally is None:
            return self._complete()
        while not self._heard:
            if time.monotonic() >= self._check_at and self._must_read_again(self._tally):
                return self._end() or self._complete()
            self.dialogue.listen(time.monotonic() if self._heard else min(until, self._check_at))
            self._take_events()
            if not self._heard and time.monotonic() >= until:
                return None
        return self._live()

    def confirm(self, reading: Reading) -> None:
        """See `ZkSource.confirm`."""
        owed = sum(packets for given, packets in self._unconfirmed if given is reading)
        self._unconfirmed = [item for item in self._unconfirmed if item[0] is not reading]
        self.dialogue.acknowledge(owed)

    def _whole(self) -> Reading:
        """Read the complete log, with events registered first so that nothing falls between."""
        clock, drift_ms = self._clock()
        if not self._registered:
            self.dialogue.register()
            self._registered = True
        agreed = None if self._tally is None else self._tally.agreed
        somebody = self._somebody
        before = self.dialogue.sizes()
        table = self.dialogue.table(Table.LOG)
        after = self.dialogue.sizes()
        rows = self._decode(table, before, after, clock)
        self._take_events()
        self._tally = Tally(before, after, len(rows), self._unlisted(rows))
        self._check_at = time.monotonic() + self._check_s
        punches, through = LogPunches(rows, self._serial), times.text(clock)
        if not self._tally.complete:
            return Reading(punches=punches, drift_ms=drift_ms)
        if not rows and agreed is None and self._is_withheld(somebody):
            withheld = LastRead(serial=self._serial, through=through, records=0, withheld=True)
            return Reading(
                punches=punches,
                drift_ms=drift_ms,
                position=self._memory.after(withheld),
                lasting=True,
            )
        return Reading(
            punches=punches,
            coverage=Coverage(through=through, records=len(rows)),
            lost=self._lost(rows, through, agreed),
            drift_ms=drift_ms,
            position=self._memory.after(LastRead.of(self._serial, through, len(rows), rows)),
            lasting=True,
        )

    def _is_withheld(self, somebody: bool) -> bool:
        """Return whether a log without a row is none: `somebody` had punched before it was asked.

        Access-control firmware shows such a log. It is no proof that nobody came.
        """
        last = self._memory.of(self._serial)
        if last is None or last.records == 0:
            return somebody or (last is not None and last.withheld)
        return False  # it had rows, and was cleared

    def _lost(self, rows: Log, through: str, agreed: int | None) -> Lost | None:
        """Return what may have vanished since the last complete read.

        `agreed` is what the terminal itself counted when that was last looked at in this visit.
        """
        last = self._memory.of(self._serial)
        if last is None:
            return None
        if last.records == 0 and agreed is not None and len(rows) < agreed:
            # Nothing was read that could be missed, and it had counted what is gone now.
            reason = f"its log was cleared: it had counted {agreed} rows, {len(rows)} are there"
            return Lost(since=last.through, until=through, reason=reason)
        return last.lost(rows, through)

    def _complete(self) -> Reading:
        """Read the complete log, remember its end, and say what a technician should know."""
        reading = self._whole()
        sizes, log, coverage = self.dialogue.sizes(), reading.punches, reading.coverage
        self._take_events()
        self._tail = None
        if coverage and coverage.records == sizes.records and isinstance(log, LogPunches):
            self._tail = Tail(log.log, times.ticks_of(coverage.through), sizes.records)
        last = self._memory.of(self._serial)
        withheld = last is not None and last.withheld
        said = warnings(sizes, self.dialogue.state(), withheld=withheld)
        return structs.replace(reading, warnings=said)

    def _end(self) -> Reading | None:
        """Read only the end of the log; None where that would not prove that it is all that is new.

        A range read by itself is never coverage, see `tail`.
        """
        tail, before = self._tail, self.dialogue.sizes()
        if tail is None or not tail.worth(before.records):
            return None
        clock, drift_ms = self._clock()
        table = self.dialogue.log_between(tail.since, LAST_TICKS)
        if table is None:
            self._tail = None  # this firmware has no ranges: not asked again in this visit
            return None
        after = self.dialogue.sizes()
        if before.records is None or after.records != before.records:
            return None
        rows = tail.continued(table, before.records)
        if rows is None:
            return None
        self._take_events()
        self._tally = Tally(before, after, before.records, self._unlisted(rows))
        self._check_at = time.monotonic() + self._check_s
        self._tail = Tail(rows, clock, before.records, not_before=tail.since)
        through = times.text(clock)
        last = LastRead.of(self._serial, through, before.records, rows)
        return Reading(
            punches=LogPunches(rows, self._serial),
            tail=Coverage(through=through, records=before.records),
            drift_ms=drift_ms,
            position=self._memory.after(last),
            lasting=True,
        )

    def _live(self) -> Reading:
        """Return the punches heard so far; they are owed an acknowledgement from now on."""
        packets, self._heard = self._heard, []
        reading = Reading(
            punches=[
                Punch(
                    terminal=self._serial,
                    credential=Credential.TERMINAL_USER,
                    user=row.user,
                    time=row.time,
                    method=row.method,
                    state=row.state,
                    witness=Witness.LIVE,
                    raw=row.raw,
                )
                for packet in packets
                for row in packet
            ]
        )
        self._unconfirmed.append((reading, len(packets)))
        return reading

    def _must_read_again(self, tally: Tally) -> bool:
        """Compare counts and clocks; that also proves that the terminal is still there."""
        sizes = self.dialogue.sizes()
        self._take_events()
        if self._clock_was_set():
            self._clock_moved = True
        if self._clock_moved and time.monotonic() >= self._believe_at:
            self._believe_at = time.monotonic() + BLIND_CHECKS * self._check_s
            return True
        verdict = tally.compare(sizes)
        wait_s = min(SETTLE_S, self._check_s) if verdict is Verdict.DOUBTFUL else self._check_s
        self._check_at = time.monotonic() + wait_s
        return verdict is Verdict.READ_AGAIN

    def _take_events(self) -> None:
        """Read what the terminal pushed. An unreadable event is not counted as heard, so that the
        counts differ and the log, which can be read, is."""
        while self.dialogue.events:
            rows = decode_event(self.dialogue.events.popleft())
            self._heard.append(rows)
            self._somebody = True
            if self._tally is not None:
                # The same second twice is one event told twice, or two punches: the count knows.
                fresh = {(row.user, row.time) for row in rows if row.user} - self._told
                self._told |= fresh
                self._tally.heard(len(fresh))

    def _unlisted(self, rows: Log) -> int:
        """Return how many events heard are not in the log just read; remember what is told."""
        heard = {(row.user, row.time) for packet in self._heard for row in packet if row.user}
        self._told = heard | {(row.user, row.time) for row in rows[-TOLD_ROWS:]}
        if not heard:
            return 0
        return len(heard - {(row.user, row.time) for row in rows})

    def _clock_was_set(self) -> bool:
        """Return whether somebody has moved the terminal's clock since it was last looked at.

        Punches of before the set may then come with a later time than those after it: only the
        whole log tells.
        """
        before, after = self._ahead_s, _ahead(self.dialogue.clock())
        self._ahead_s = after
        if before is None or after is None:
            return False
        (expected, since), (found, here) = before, after
        return abs(found - expected) > STEP_LEAST_S + (here - since) * DRIFT_MOST

    def _clock(self) -> tuple[int, int | None]:
        """Return the terminal's ticks, and its clock minus ours in ms.

        The terminal shows whole seconds, so it reads up to one second slow; half the exchange is
        taken as the answer's way. None where the terminal's date is impossible.
        """
        asked = self._now()
        clock = self.dialogue.clock()
        self._ahead_s, self._clock_moved = _ahead(clock), False
        answered = self._now()
        wall = times.wall_clock(clock)
        if wall is None:
            return clock, None
        drift = wall.replace(tzinfo=self._zone) - (asked + (answered - asked) / 2)
        return clock, round(drift / timedelta(milliseconds=1))

    def _decode(self, table: bytes, before: Sizes, after: Sizes, clock: int) -> Log:
        here = self._now().astimezone(self._zone)
        ours = times.ticks(here.year, here.month, here.day, here.hour, here.minute, here.second)
        latest = max(clock, ours) + _DAY_S
        try:
            log = decode_log(table, (before.records, after.records), latest, self._slots)
        except Garbled as fault:
            raise Garbled(f"{self._where}: {fault.args[0]}", hint=fault.hint) from fault
        last = self._memory.of(self._serial)
        if last is None or not log.layout.by_slot:
            return log
        return log.with_slots_called(last.called_before(log.slots))

    def _slots(self) -> Mapping[int, str]:
        """Return user id by slot, for the logs of old units that name only the slot."""
        count = self.dialogue.sizes().users
        return decode_users(self.dialogue.table(Table.USERS), count)


def _ahead(clock: int) -> tuple[float, float] | None:
    """Return a terminal's clock minus `time.monotonic`, and the latter; seconds."""
    wall, here = times.wall_clock(clock), time.monotonic()
    if wall is None:
        return None
    return wall.replace(tzinfo=UTC).timestamp() - here, here
