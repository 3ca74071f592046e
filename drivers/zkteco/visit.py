"""One visit to a terminal: the whole log, then live events, then the log again when it must be.

A visit holds from `open` to `close`. It registers for events before it reads the log, so that
nothing falls between, and owes the terminal an acknowledgement for each event it has handed out.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import structs

from drivers.base import Coverage, Credential, Punch, Reading, Witness
from drivers.errors import Garbled
from drivers.options import ZkTerminal
from drivers.zkteco import times
from drivers.zkteco.dialogue import Dialogue, Sizes, Table
from drivers.zkteco.live import LiveRow, decode_event
from drivers.zkteco.log import Log, LogPunches, decode_log
from drivers.zkteco.records import LogRow, decode_users
from drivers.zkteco.tail import Tail
from drivers.zkteco.tally import Tally, Verdict
from drivers.zkteco.warnings import warnings

SETTLE_S = 1.0
"""How long after a doubtful count it is compared again: an event may still be on its way."""

LAST_TICKS = times.ticks(2099, 12, 31)
"""Until when the end of a log is asked for: a clock may have run ahead."""

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
    ) -> None:
        self.dialogue = dialogue
        self._serial = serial
        self._zone = zone
        self._check_s = options.check_s
        self._now = now
        self._where = where
        self._registered = False
        self._tally: Tally | None = None
        self._tail: Tail | None = None
        self._check_at = 0.0
        self._heard: list[list[LiveRow]] = []
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
        before = self.dialogue.sizes()
        table = self.dialogue.table(Table.LOG)
        after = self.dialogue.sizes()
        rows = self._decode(table, before, after, clock)
        self._take_events()
        self._tally = Tally(before, after, len(rows), self._unlisted(rows))
        self._check_at = time.monotonic() + self._check_s
        coverage = Coverage(through=times.text(clock), records=len(rows))
        return Reading(
            punches=LogPunches(rows, self._serial),
            coverage=coverage if self._tally.complete else None,
            drift_ms=drift_ms,
        )

    def _complete(self) -> Reading:
        """Read the complete log, remember its end, and say what a technician should know."""
        reading = self._whole()
        sizes, log, coverage = self.dialogue.sizes(), reading.punches, reading.coverage
        self._take_events()
        self._tail = None
        if coverage and coverage.records == sizes.records and isinstance(log, LogPunches):
            self._tail = Tail(log.log, times.ticks_of(coverage.through), sizes.records)
        return structs.replace(reading, warnings=warnings(sizes, self.dialogue.state()))

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
        return Reading(
            punches=LogPunches(rows, self._serial),
            tail=Coverage(through=times.text(clock), records=before.records),
            drift_ms=drift_ms,
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
        """Compare counts; the exchange also proves that the terminal is still there."""
        sizes = self.dialogue.sizes()
        self._take_events()
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
            if self._tally is not None:
                self._tally.heard(sum(row.user != "" for row in rows))

    def _unlisted(self, rows: Iterable[LogRow]) -> int:
        """Return how many events heard are not in the log just read."""
        if not self._heard:
            return 0
        listed = {(row.user, row.time) for row in rows}
        return sum(
            row.user != "" and (row.user, row.time) not in listed
            for packet in self._heard
            for row in packet
        )

    def _clock(self) -> tuple[int, int | None]:
        """Return the terminal's ticks, and its clock minus ours in ms.

        The terminal shows whole seconds, so it reads up to one second slow; half the exchange is
        taken as the answer's way. None where the terminal's date is impossible.
        """
        asked = self._now()
        clock = self.dialogue.clock()
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
            return decode_log(table, (before.records, after.records), latest, self._slots)
        except Garbled as fault:
            raise Garbled(f"{self._where}: {fault.args[0]}", hint=fault.hint) from fault

    def _slots(self) -> Mapping[int, str]:
        """Return user id by slot, for the logs of old units that name only the slot."""
        count = self.dialogue.sizes().users
        return decode_users(self.dialogue.table(Table.USERS), count)
