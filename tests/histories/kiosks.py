"""A kiosk's process on its machine, with a card in it: collectors, conversation, clock."""

import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from line import Broker, Link

from drivers.base import Coverage, Credential, Identity, Punch, Reading, Witness
from kiosk import truth
from kiosk.clock import TrustedClock
from kiosk.collect import Collector
from kiosk.timekeeper import Timekeeper, remembered
from sync.edge import stick
from sync.edge.delivery import Receipted, Timing
from sync.edge.pace import Pace
from sync.edge.roster import Rosters
from sync.edge.session import Act, Say, Self, Session, StartAnew, TimeTold
from sync.journal.commit import Draft, Position
from sync.journal.errors import StorageFull
from sync.line import Verdict
from sync.protocol import entry
from sync.protocol.errors import ProtocolError

ZONE = "Asia/Jakarta"
NOBODY = Rosters()


class PowerCut(Exception):
    """The machine went dark here."""


class Machine:
    """The clocks of one computer. Its wall clock is wrong whenever the history likes."""

    def __init__(self, rng: Random, true_ms: Callable[[], int]) -> None:
        self._rng = rng
        self._true_ms = true_ms
        self.off_ms = 0
        self.synced = True
        self.boots: dict[str, int] = {}  # when each boot truly began
        self.boot()

    def boot(self) -> None:
        """Start anew: another boot id, and CLOCK_BOOTTIME from nought."""
        self._boot = f"{self._rng.getrandbits(128):032x}"
        self._booted_ms = self.boots[self._boot] = self._true_ms()

    def __call__(self) -> truth.Reading:
        """Return what the machine says now, as `kiosk.clock.Machine` does."""
        true = self._true_ms()
        return truth.Reading(
            wall=true + self.off_ms,
            up=true - self._booted_ms,
            boot=self._boot,
            synced=self.synced,
            error=1,
        )


class Terminal:
    """A unit that keeps a log of so many rows, the oldest of which make room."""

    def __init__(self, serial: str, room: int) -> None:
        self.serial = serial
        self.room = room
        self.rows: list[tuple[str, str]] = []  # user, time
        self.ever = 0

    def punch(self, user: str) -> None:
        """Let somebody punch; some do so twice within a second."""
        self.ever += 1
        time = datetime(2026, 11, 24, 7, tzinfo=UTC) + timedelta(seconds=self.ever // 2)
        self.rows = [*self.rows, (user, f"{time:%Y-%m-%dT%H:%M:%S}")][-self.room :]

    def punches(self) -> list[Punch]:
        """Return the log as a driver reads it."""
        seen: dict[tuple[str, str], int] = {}
        read = []
        for row in self.rows:
            seen[row] = seen.get(row, 0) + 1
            read.append(
                Punch(
                    terminal=self.serial,
                    credential=Credential.TERMINAL_USER,
                    user=row[0],
                    time=row[1],
                    ordinal=seen[row],
                    witness=Witness.LOG,
                )
            )
        return read


class Driver:
    """A source that reads a terminal's whole log, once for every `open`."""

    def __init__(self, terminal: Terminal) -> None:
        self.name = terminal.serial.lower()
        self._terminal = terminal
        self.unread = False

    def open(self, position: bytes | None, beat: Callable[[], None]) -> Identity:
        self.unread = True
        return Identity(serial=self._terminal.serial)

    def read(self, wait_s: float) -> Reading | None:
        self.unread = False
        punches = self._terminal.punches()
        through = punches[-1].time if punches else "2026-11-24T00:00:00"
        return Reading(punches=punches, coverage=Coverage(through=through, records=len(punches)))

    def confirm(self, reading: Reading) -> None: ...
    def close(self) -> None: ...


class Disk:
    """The live journal as the collector sees it, on a medium that may refuse or go dark."""

    def __init__(self, journal: Any) -> None:
        self._journal = journal
        self.full = False
        self.dark = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    def append(self, drafts: Sequence[Draft], position: Position | None = None) -> list[int | None]:
        if self.full and drafts:
            raise StorageFull("the disk is full")
        seqs: list[int | None] = self._journal.append(drafts, position)
        if self.dark and drafts:
            raise PowerCut  # committed, and nobody was told
        return seqs


class Spoken:
    """A journal as a conversation sees it: what that writes, the disk may refuse or go dark at."""

    def __init__(self, journal: Any, disk: Disk) -> None:
        self._journal = journal
        self._disk = disk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    def end(self) -> None:
        self._write(self._journal.end)

    def relearn(self, epoch: str, lost: str) -> bool:
        return bool(self._write(lambda: self._journal.relearn(epoch, lost)))

    def _write(self, change: Callable[[], Any]) -> Any:
        if self._disk.full:
            raise StorageFull("the disk is full")
        done = change()
        if self._disk.dark:
            raise PowerCut
        return done


class Kiosk:
    """One process: `power_on`, then whatever happens to it."""

    def __init__(
        self,
        me: Self,
        card: Any,
        machine: Machine,
        terminals: Sequence[Terminal],
        broker: Broker,
        rng: Random,
        acked: Callable[[entry.Presence], None],
        receipted: Callable[["Kiosk", Receipted], None],
        see: Callable[[str], None],
    ) -> None:
        self.me = me
        self.name = me.kiosk
        self.card = card
        self.machine = machine
        self.terminals = terminals
        self.on = False
        self.wants_restart = False
        self.link: Link | None = None
        self.session: Session | None = None
        self._broker = broker
        self._rng = rng
        self._acked = acked
        self._receipted = receipted
        self._see = see
        self._cards = 0
        self.exported = ""  # the nonce of the last stick

    # The process.

    def power_on(self) -> None:
        """Start the process."""
        self.card.open()
        self.clock = TrustedClock(remembered(self.card.journals), self.machine)
        self.card.take_over(self.clock.stamp)
        self.on, self.wants_restart = True, False
        self._pace = Pace()
        self.disk = Disk(self.card.live)
        self._timekeeper = Timekeeper(self.clock, self.disk)  # type: ignore[arg-type]
        self._collectors = [
            (driver, self._collector(driver)) for driver in map(Driver, self.terminals)
        ]

    def _collector(self, driver: Driver) -> Collector:
        return Collector(
            driver,
            ZONE,
            self.disk,  # type: ignore[arg-type]
            self.clock,
            NOBODY,
            lambda _, presence: self._acked(presence),
            timedelta(seconds=120),
        )

    def power_off(self, *, cut: bool) -> None:
        """End the process, as asked or by a power cut."""
        self.hang_up()
        if self.on:
            self.on = False
            if cut:
                self.card.cut()
            else:
                self.card.stop()

    # Recording.

    def read(self, which: int) -> None:
        """Read a terminal's whole log."""
        driver, collector = self._collectors[which]
        driver.unread = True
        try:
            collector.run(lambda: not driver.unread, lambda: None)
        except StorageFull:
            self._see("a full disk refused a reading")
        except PowerCut:
            self._see("the power was cut between a commit and its confirmation")
            self.power_off(cut=True)

    def card_punch(self, raw_bytes: int) -> bytes | None:
        """Take a punch of a reader that keeps no log; return its origin if it was recorded."""
        self._cards += 1
        raw, raw_sha256 = entry.keep_raw(b"\xa5" * raw_bytes)
        said = entry.Presence(
            at=self.clock.stamp(),
            source="pintu",
            terminal=f"R-{self.name}",
            credential="card",
            user=f"{self._rng.getrandbits(40):010x}",
            time="2026-11-24T09:00:00",
            zone=ZONE,
            mark=entry.Mark.KNOWN,
            raw=raw,
            raw_sha256=raw_sha256,
        )
        return self._record(entry.encode(said), said)

    def record(self, body: bytes) -> None:
        """Record an entry that central may not be able to read."""
        self._record(body, None)

    def _record(self, body: bytes, said: entry.Presence | None) -> bytes | None:
        origin = None if said is None else said.origin
        try:
            self.disk.append([Draft(body, origin)])
        except StorageFull:
            return None
        except PowerCut:
            self.power_off(cut=True)
            return None
        if said is not None:
            self._acked(said)
        return origin

    # The stick.

    def write_stick(self) -> bytes:
        """Return what central lacks, as a file."""
        file = io.BytesIO()
        lives = [(one.life, one.reader) for one in self.card.journals if not one.replaced]
        written = stick.export(
            file,
            self.me,
            lives,
            self.clock.stamp(),
            whole=self._rng.random() < 0.3,
            nonce=f"{self._rng.getrandbits(64):016x}",
        )
        self.exported = written.nonce
        return file.getvalue()

    def hear_stick(self, answer: bytes) -> None:
        """Take in central's answer to some stick."""
        try:
            answered = stick.hear(
                io.BytesIO(answer), self.me, self._spoken(), self.clock.stamp(), self.exported
            )
        except (StorageFull, PowerCut) as error:
            self._broke_off(error)
            return
        for journal in self.card.journals:
            through = answered.receipted.get(journal.life.epoch)
            if through is not None:
                self._see("a stick's answer moved a cursor")
                self._receipted(self, Receipted(journal.life, through))
        if answered.anew:
            self._see("a stick's answer asked for a start")
            self.wants_restart = True
            self.hang_up()

    # The line.

    def connect(self, now: float) -> None:
        """Connect to the broker and begin a conversation."""
        self.link = Link(self.name)
        self._broker.links.append(self.link)
        rng = self._rng
        self.session = Session(
            self.me,
            self._spoken(),
            self.clock.stamp,
            fresh_nonce=lambda: f"{rng.getrandbits(64):016x}",
            jitter_s=lambda: rng.random() * 10,
            timing=Timing(),
            pace=self._pace,
        )
        self._do(self.session.connected(now, self._broker.room_bytes))

    def hang_up(self) -> None:
        """Lose the connection and everything that is on its way over it."""
        if self.link is not None:
            self._broker.links.remove(self.link)
        self.link = self.session = None

    def hear(self, now: float) -> None:
        """Take the next message to us."""
        assert self.link is not None
        assert self.session is not None
        letter = self.link.down.popleft()
        try:
            acts = self.session.heard(letter.topic, letter.payload, now)
        except ProtocolError:
            self._see("a kiosk did not believe what it heard")
            return
        except (StorageFull, PowerCut) as error:
            self._broke_off(error)
            return
        self._do(acts)

    def _spoken(self) -> list[Any]:
        return [Spoken(journal, self.disk) for journal in self.card.journals]

    def _broke_off(self, error: StorageFull | PowerCut) -> None:
        """End in the middle of what central's word asks for."""
        self._see("central's word could not be carried out to its end")
        if isinstance(error, PowerCut):
            self.power_off(cut=True)
        else:
            self.hang_up()

    def said(self, now: float) -> None:
        """Have the broker take the next thing that we said."""
        assert self.link is not None
        assert self.session is not None
        verdict = self._broker.take(self.link)
        if verdict is not Verdict.TAKEN:
            self._see(f"the broker said: {verdict.value}")
            self._do(self.session.refused(now))

    def turn(self, now: float) -> None:
        """Let the clock and the uplink look round."""
        if not self.on:
            return
        try:
            self._timekeeper.record()
        except StorageFull:
            self._see("a full disk refused a fix of the clock")
        except PowerCut:
            self.power_off(cut=True)
            return
        if self.session is not None:
            self._do(self.session.grew(now, unsure=True))
        if self.session is not None:
            self._do(self.session.tick(now))

    def _do(self, acts: Sequence[Act]) -> None:
        for act in acts:
            match act:
                case Say():
                    assert self.link is not None
                    self._broker.say(self.link, act)
                case Receipted():
                    self._receipted(self, act)
                case StartAnew():
                    self._see("forked" if "another history" in act.reason else "relearned")
                    self.wants_restart = True
                    self.hang_up()
                    return
                case TimeTold():
                    self._timekeeper.on_time(act.utc, act.error)
