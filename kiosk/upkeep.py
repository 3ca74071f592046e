"""The journal's upkeep: what must be done to it now and then, whatever the terminals do.

    every half minute   how full is the disk: alarm, ballast, and at the last letting go early
    every half minute   are both media well, where there are two
    every hour          let go of what retention no longer asks for
    at start, daily     prove every entry there is, a page at a time

All of it runs on the monotonic clock: a wall clock that jumps can neither stall nor hurry it. Only
the day's head is bound to the calendar, and is signed by a job of `kiosk/jobs.py`.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from kiosk.clock import Clock
from sync.journal.epochs import Epochs
from sync.journal.errors import Damaged, StorageFull
from sync.journal.journal import Draft, Position
from sync.journal.mirror import Mirror
from sync.journal.reader import Reader
from sync.journal.room import Level, usage
from sync.protocol import dayhead, entry
from sync.protocol.identity import PrivateKey

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 30.0
RETAIN_EVERY_S: Final = 3600.0
PROVE_EVERY_S: Final = 86_400.0

PROVE_PAGE: Final = 1000
PROVE_PAUSE_S: Final = 0.2
"""A page of 1,000 entries costs 3 ms: proving is 2 % of a core, and 100,000 take 20 seconds."""

_TURN_S: Final = 1.0

_HEAD_POSITION: Final = ".head"
"""Under this name, which no source may have, stands the day of the last signed head."""


class Kept(Struct):
    """How the journal's medium is; written by the upkeep, read by anybody.

    Attributes:
        used_percent: of the medium, as `df` counts, pages free inside the journal being free.
        ballast: whether the last reserve is there.
        trouble: what is wrong with one of two media; "" for nothing.
        proved: entries whose place in the chain was proved since the daemon started.
    """

    level: Level = Level.FINE
    used_percent: float = 0.0
    free_bytes: int = 0
    ballast: bool = False
    trouble: str = ""
    proved: int = 0


class Media(Struct, frozen=True):
    """The second medium, if there is one, and why the first one is not in use, else ""."""

    mirror: Mirror | None = None
    failed: str = ""


class Upkeep:
    """Keeps the journals of one kiosk in order. `on_damage` is told which file must be salvaged."""

    def __init__(
        self,
        epochs: Epochs,
        clock: Clock,
        key: PrivateKey,
        zone: str,
        retention_days: int,
        on_damage: Callable[[Damaged], None],
        media: Media = Media(),  # noqa: B008 - frozen
    ) -> None:
        self._epochs = epochs
        self._clock = clock
        self._key = key
        self._zone = ZoneInfo(zone)
        self._retention_days = retention_days
        self._on_damage = on_damage
        self._media = media
        self._said = Level.FINE
        self._said_trouble = ""
        self.kept = Kept()

    def run(self, stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
        """Do what is due until `stopping()`. Raises JournalError, OSError."""
        pause = threading.Event()
        look_s = retain_s = prove_s = time.monotonic()
        proving: Iterator[None] | None = None
        while not stopping():
            beat()
            now = time.monotonic()
            if now >= look_s:
                look_s = now + LOOK_EVERY_S
                self.look_at_disk()
                self.look_at_media()
            if now >= retain_s:
                retain_s = now + RETAIN_EVERY_S
                self.retain()
            if now >= prove_s:
                prove_s = now + PROVE_EVERY_S
                proving = self.prove()
            if proving is not None and next(proving, _END) is _END:
                proving = None
            pause.wait(_TURN_S if proving is None else PROVE_PAUSE_S)

    def look_at_disk(self) -> None:
        """Measure, act on the level, say so where it has changed. Raises JournalError, OSError."""
        epochs = self._epochs
        self._measure()
        if self.kept.level is Level.CRITICAL:
            with suppress(StorageFull):  # too late: the next commit spends the ballast for it
                for journal in epochs.journals:
                    journal.prune(journal.cursor)
            self._measure()
        if self.kept.level < Level.CRITICAL:
            epochs.ballast.lay()
        self.kept.ballast = epochs.ballast.laid
        if self.kept.level is not self._said:
            self._say_level(self._said)
            self._said = self.kept.level

    def _measure(self) -> None:
        reusable = sum(one.reader.reusable_bytes() for one in self._epochs.journals[-1:])
        found = usage(self._epochs.directory, reusable)
        self.kept.level = Level.of(found.percent, self.kept.level)
        self.kept.used_percent = round(found.percent, 1)
        self.kept.free_bytes = found.free_bytes

    def _say_level(self, before: Level) -> None:
        kept = self.kept
        said = {
            "level": kept.level.name.lower(),
            "before": before.name.lower(),
            "used": f"{kept.used_percent:g} %",
            "free": f"{kept.free_bytes // 1_000_000} MB",
            "ballast": "laid" if kept.ballast else "spent",
        }
        told = entry.Audit(at=self._clock.stamp(), actor="kiosk", action="disk", detail=said)
        self._epochs.live.append([Draft(entry.encode(told))])
        log.log(
            logging.WARNING if kept.level > before else logging.INFO,
            "disk %s: %s used, %s free; %s",
            said["level"],
            said["used"],
            said["free"],
            ADVICE[kept.level],
        )

    def look_at_media(self) -> None:
        """Begin the mirror anew where that is due, and record what is wrong with a medium, once.

        Raises JournalError.
        """
        live, copies = self._epochs.live, self._media.mirror
        if copies is not None:
            shorter = copies.is_long and live.cursor == live.tip
            if copies.error or shorter or live.mirror_lags:
                live.mirror(copies)
        self.kept.trouble = self._media.failed or (copies.error if copies is not None else "")
        if self.kept.trouble != self._said_trouble:
            said = {"trouble": self.kept.trouble or "none any more"}
            told = entry.Audit(at=self._clock.stamp(), actor="kiosk", action="medium", detail=said)
            live.append([Draft(entry.encode(told))])
            log.warning("medium: %s", said["trouble"])
            self._said_trouble = self.kept.trouble

    def sign_head(self) -> None:
        """Record the signed head of the journal, once for each day of the office.

        The caller knows that the clock can say what day it is. Raises JournalError.
        """
        live, at = self._epochs.live, self._clock.stamp()
        span = live.span()
        if span.last < span.first:
            return
        day = datetime.fromtimestamp(at.wall / 1000, UTC).astimezone(self._zone).date().isoformat()
        if live.reader.position(_HEAD_POSITION) == day.encode():
            return
        head = dayhead.DayHead(
            kiosk=live.life.kiosk,
            epoch=live.life.epoch,
            seq=span.last,
            head=span.head.hex(),
            day=day,
            utc=at.wall,
            key=self._key.public.fingerprint,
        )
        signed = dayhead.encode(head, self._key).decode()
        told = entry.Audit(
            at=at, actor="kiosk", action=dayhead.ACTION, detail={"day": day, "signed": signed}
        )
        live.append([Draft(entry.encode(told))], Position(_HEAD_POSITION, day.encode()))

    def retain(self) -> None:
        """Let go of what retention no longer asks for. Raises JournalError."""
        for journal in self._epochs.journals:
            gone = journal.retain(self._retention_days)
            if gone:
                log.info("%s: let go of %d entries after retention", journal.path.name, gone)

    def prove(self) -> Iterator[None]:
        """Prove every entry, yielding after each page."""
        self.kept.proved = 0
        for journal in list(self._epochs.journals):
            after = 0
            reader = Reader(journal.path)  # of its own: nobody is to wait for what takes long
            try:
                reader.open()
                while (span := reader.verify(after, PROVE_PAGE)).last >= span.first:
                    self.kept.proved += span.last - span.first + 1
                    after = span.last
                    yield
                reader.check_tables()
            except Damaged as damage:
                self._on_damage(damage)
            finally:
                reader.close()


ADVICE: Final = {
    Level.FINE: "there is room",
    Level.FILLING: "look what fills it: `df -h`, `du -xh / | sort -h | tail`",
    Level.LOW: "make room this week: old logs and files that are not the kiosk's",
    Level.CRITICAL: "make room now; entries that central has are let go of early",
}
"""What a technician should do at each level."""

_END: Final = object()
