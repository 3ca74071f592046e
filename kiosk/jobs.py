"""Calendar work: what is done at an hour of the day, by the office's own clock. APScheduler's door.

Theory. APScheduler's schedulers sleep until a time on the wall. Measured with 3.11 on a clock that
is stepped: an hour back and nothing runs for that hour; ten years forward and it works through
every missed run, for a minute of a whole core. So of APScheduler only the triggers are used: they
say *when*, given a now. Whether that has come is asked on monotonic time, turn by turn, of a
clock that is known to be trusted:

    the clock is not trusted      nothing is armed
    it is trusted, or it stepped  everything is armed anew from the time that it is now
    a job's time has come         it runs once, however much was missed, and is armed from now

A job that says so also runs whenever it is armed: it may have been missed, and it must not mind
running twice. A job that fails is tried again at the next turn; its worker's back-off paces that.
Everything that is not bound to an hour runs on monotonic time elsewhere (`kiosk/upkeep.py`).
"""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from msgspec import Struct

from kiosk.clock import Belief
from kiosk.truth import Trust

STEP: Final = timedelta(seconds=30)
"""A clock that went on by so much more or less than CLOCK_BOOTTIME was stepped."""

ERROR_MOST_MS: Final = 600_000
"""A clock that may be further off does not say what hour it is."""

LOOK_EVERY_S: Final = 10.0
_TURN_S: Final = 1.0


class Job(Struct, frozen=True, kw_only=True):
    """Something to do every day at `hour`:`minute` in `zone`.

    Attributes:
        catch_up: run it whenever it is armed, too.
    """

    name: str
    hour: int
    minute: int
    zone: str
    do: Callable[[], None]
    catch_up: bool = False


class _Trigger(Protocol):
    """What is used of an APScheduler trigger."""

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None: ...


class Calendar:
    """Runs `jobs` at their hours. `belief` is what the clock says of itself."""

    def __init__(self, jobs: Sequence[Job], belief: Callable[[], Belief]) -> None:
        self._jobs = jobs
        self._belief = belief
        self._triggers: list[_Trigger] = []
        self._last: tuple[datetime, int] | None = None
        self._due: list[datetime | None] = []

    def run(self, stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
        """Look now and then until `stopping()`. Raises whatever a job raises."""
        # Not at once: a start has better things to do, and the clock's truth is recorded first.
        pause, look_s = threading.Event(), time.monotonic() + LOOK_EVERY_S
        while not stopping():
            beat()
            if time.monotonic() >= look_s:
                look_s = time.monotonic() + LOOK_EVERY_S
                self.turn()
            pause.wait(_TURN_S)

    @property
    def due(self) -> dict[str, datetime | None]:
        """Return when each job runs next; nothing while the clock is not trusted."""
        return {job.name: due for job, due in zip(self._jobs, self._due, strict=False)}

    def turn(self) -> None:
        """Do what is due now. Raises whatever a job raises; it is tried again at the next turn."""
        belief = self._belief()
        if not _says_the_hour(belief):
            self._last, self._due = None, []
            return
        now, up = datetime.fromtimestamp(belief.at.wall / 1000, UTC), belief.at.up
        if self._last is None or self._stepped(now, up):
            self._last = None  # until all of it is done
            self._arm(now)
        for place, due in enumerate(self._due):
            if due is not None and due <= now:
                self._jobs[place].do()
                self._due[place] = self._next(place, now)
        self._last = now, up

    def _stepped(self, now: datetime, up: int) -> bool:
        assert self._last is not None  # noqa: S101 - the caller has looked
        then, then_up = self._last
        return abs((now - then) - timedelta(milliseconds=up - then_up)) > STEP

    def _arm(self, now: datetime) -> None:
        if not self._triggers:
            self._triggers = [_trigger(job) for job in self._jobs]
        self._due = [self._next(place, now) for place in range(len(self._jobs))]
        for job in self._jobs:
            if job.catch_up:
                job.do()

    def _next(self, place: int, now: datetime) -> datetime | None:
        # From the next second on: a trigger says now itself where now is its time.
        later = now.astimezone(ZoneInfo(self._jobs[place].zone)) + timedelta(seconds=1)
        return self._triggers[place].get_next_fire_time(None, later)


def _says_the_hour(belief: Belief) -> bool:
    if belief.trust in (Trust.UNKNOWN, Trust.DOUBTED) or belief.error is None:
        return False
    return belief.error <= ERROR_MOST_MS


def _trigger(job: Job) -> _Trigger:
    # Late: it costs 17 ms and 1.4 MB, and a boot that never sees the truth never asks.
    from apscheduler.triggers.cron import CronTrigger

    trigger: _Trigger = CronTrigger(hour=job.hour, minute=job.minute, timezone=ZoneInfo(job.zone))
    return trigger
