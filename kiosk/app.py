"""The composition root. READ FIRST: how a kiosk is put together, and nothing else.

    source -> Collector -> Journal (commit, fsync) -> confirm to the terminal
                              |-> Local: screens, `kiosk status`
                              `-> Uplink -> MQTT -> central -> receipt -> cursor

Settings become objects here, objects become workers, workers get a supervisor. Every other module
takes what it needs as an argument.
"""

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from drivers.options import KeepsUsers, SourceOptions, ZkPush, ZkTerminal
from drivers.registry import build, listen
from kiosk import VERSION
from kiosk.answers import Answers
from kiosk.approved import Approved, approve
from kiosk.backup import told
from kiosk.clock import TrustedClock
from kiosk.collect import Collector
from kiosk.devices import WRITE_S, Devices
from kiosk.duty import Duties
from kiosk.enlisting import Enlisting
from kiosk.health import PushStatus, snapshot
from kiosk.health import told as told_central
from kiosk.here import Here
from kiosk.jobs import Calendar, Job
from kiosk.knowing import Knowing
from kiosk.local import Local, Receipted, Recorded
from kiosk.media import House, bring_along, open_house
from kiosk.mine import Memory, lately
from kiosk.notify import Notifier
from kiosk.renewing import POST_S, renewer_of
from kiosk.restarts import Restarts
from kiosk.retiring import record
from kiosk.returned import take_up
from kiosk.rostered import Told, open_shelf
from kiosk.settings import Place
from kiosk.supervisor import Outcome, Supervisor
from kiosk.technicians import FILE as TECHNICIANS
from kiosk.technicians import Technicians
from kiosk.timekeeper import Timekeeper, remembered, witnessed
from kiosk.troubles import Troubles
from kiosk.upkeep import Media, Upkeep
from kiosk.worker import Task, Worker
from kiosk.wrote import sign_in, wanted
from sync import firstuse
from sync.edge.roster import Rosters
from sync.edge.session import Self
from sync.edge.uplink import Restart, Uplink
from sync.journal.errors import Damaged, JournalError, Newer, StorageFailed
from sync.journal.journal import Journal
from sync.journal.mirror import Mirror
from sync.journal.reader import Life
from sync.keyfile import load_publics
from sync.protocol import entry
from sync.protocol.identity import PublicKey

log = logging.getLogger(__name__)

COMMIT_MOST_S = 30.0
"""A commit that takes longer hangs: the watchdog is to end the process."""

PATIENCE_S = 60.0
"""Longer than any deadline inside a driver or the line: only what is truly stuck is abandoned."""

NOTICE_S = 60.0
"""So late a source that says nothing else about it notices that its terminal is dead."""

QUIET_HOUR = 2
"""In this hour of the night every terminal's whole record is read again."""


class Kiosk:
    """One kiosk, from its settings to its end."""

    def __init__(self, place: Place, troubles: Troubles | None = None) -> None:
        """`troubles` is where the log's warnings are remembered for the technician's page."""
        self._place = place
        self._troubles = troubles or Troubles()
        self._supervisor: Supervisor | None = None
        self._interrupted = False
        self._central: list[PublicKey] = []

    def run(self) -> Outcome:
        """Run until told to stop, and say why it ended.

        Raises:
            JournalError, KeyFileError, Malformed: it cannot begin; nothing was started.
        """
        firstuse.prepare()
        settings = self._place.settings
        self._central = [key for file in self._place.central for key in load_publics(file)]
        software = f"presensi-kiosk {VERSION}"
        try:
            house = open_house(self._place)
        except Newer as error:
            raise wanted(error, self._place.data, software) from error
        epochs = house.epochs
        try:
            sign_in(house.place.data, software)
            clock = TrustedClock(remembered(epochs.journals))
            for salvaged in epochs.take_over(clock.stamp):
                log.error(
                    "%s; %d entries go on under its name, %d were taken over, %d are for a person "
                    "to look at. Replace the card soon",
                    *(salvaged.reason, salvaged.kept, salvaged.taken_over, salvaged.unproved),
                )
            for path in epochs.waiting:
                log.error(
                    "%s: no room to rescue what it has; free some space and restart the kiosk",
                    path,
                )
            self._place = house.place
            take_up(house, clock.stamp)
            mirror = bring_along(house, clock.stamp)
            me = Self(settings.kiosk, house.key, self._central, software)
            self._supervisor = self._assemble(me, house, mirror, clock)
            if self._interrupted:
                return Outcome.STOPPED
            firstuse.prepare()  # of what the sources' kinds have brought along
            return self._supervisor.run()
        except Damaged as damage:  # met before anything ran: behind what a start looks at
            log.error("%s; salvaged at the next start", damage)
            epochs.suspect(damage.path)
            return Outcome.RESTART
        finally:
            epochs.close()

    def interrupt(self) -> None:
        """Stop. Takes no lock, so a signal handler may call it."""
        self._interrupted = True
        if self._supervisor is not None:
            self._supervisor.interrupt()

    def _assemble(
        self,
        me: Self,
        house: House,
        mirror: Mirror | None,
        clock: TrustedClock,
    ) -> Supervisor:
        place, epochs, live = house.place, house.epochs, house.epochs.live
        settings = place.settings
        local = Local(place.socket)
        rosters = Rosters()
        duties = Duties(settings.kiosk, rosters.current, clock.belief)
        on_adopted: list[Told] = [duties.get_ready]
        shelf = open_shelf(place.data, live, clock.stamp, rosters, on_adopted)
        duties.get_ready(rosters.current)
        duties.recall(lately(epochs))

        def recorded(seq: int, presence: entry.Presence) -> None:
            name = rosters.current.name(presence.person) if presence.person else ""
            made, is_fresh, told = duties.hear(presence)
            local.tell(Recorded(live.life.epoch, seq, presence, name, told, made, is_fresh))

        memory = Memory(epochs, duties.side, lambda person: rosters.current.name(person))

        def receipted(life: Life, through: int) -> None:
            memory.receipted(life.epoch, through, uplink.line.receipt_utc)
            local.tell(Receipted(life.epoch, through))

        listener = None if settings.push is None else listen(settings.push, clock.now, clock.sure)
        approved = Approved(place)
        sources = [*settings.sources, *approved.load()]

        here = Here(live, clock, rosters, epochs.earlier_position)
        knowing = Knowing(house, me, clock, rosters, here, local, listener)

        def collector(options: SourceOptions) -> Collector:
            return Collector(
                build(options, clock.now, clock.sure, knowing.around),
                options.timezone,
                live,
                clock,
                rosters,
                recorded,
                timedelta(seconds=settings.repeat_s),
                epochs.earlier_position(options.name),
                notice_s=_notice_s(options),
                holder=lambda user: enlisting.holder(options.name, user),
                has_clock=isinstance(options, KeepsUsers),
            )

        timekeeper = Timekeeper(clock, live)
        renewer = renewer_of(place, me, clock.sure, self._central)
        uplink = Uplink(
            *(me, place.line, epochs, clock.stamp, receipted, timekeeper.on_time),
            keeper=shelf,
            renewer=renewer,
        )

        def start_anew(why: str) -> None:
            supervisor.want(Outcome.RESTART, why)

        def damaged(damage: Damaged) -> None:
            # Only a start sets a file aside and salvages it: whoever has it open must let go.
            try:
                epochs.suspect(damage.path)
            finally:
                start_anew(f"{damage}; salvaged at the next start")

        def refused(error: JournalError) -> None:
            if isinstance(error, Damaged):
                damaged(error)
            elif isinstance(error, StorageFailed) and mirror is not None:
                start_anew(f"{error}; going on with the second medium")

        live.watch(lambda _: uplink.grew(), refused)
        upkeep = Upkeep(
            epochs,
            clock,
            me.key,
            settings.sources[0].timezone,
            settings.retention_days,
            damaged,
            Media(mirror, house.failed),
        )
        collectors = {options.name: collector(options) for options in sources}
        chosen = {one.name: one for one in sources if isinstance(one, KeepsUsers)}
        enlisting = Enlisting(collectors, chosen, rosters, here)
        on_adopted.append(lambda _: enlisting.adopted())
        facekeep, known = knowing.attend(collectors, chosen, sources, enlisting)

        calendar = Calendar(
            [
                Job(
                    name="head of the day",
                    hour=0,
                    minute=1,
                    zone=settings.sources[0].timezone,
                    do=upkeep.sign_head,
                    catch_up=True,
                ),
                *(
                    Job(
                        name=f"read {options.name} again",
                        hour=QUIET_HOUR,
                        minute=30,
                        zone=options.timezone,
                        do=collectors[options.name].read_again,
                    )
                    for options in sources
                    if isinstance(options, ZkTerminal)  # others keep no record, or send it
                ),
                Job(
                    name="compare users with the roster",
                    hour=QUIET_HOUR,
                    minute=45,  # their punches have been read: whoever is removed leaves none
                    zone=settings.sources[0].timezone,
                    do=enlisting.look_again,
                ),
            ],
            clock.belief,
        )

        def deliver(stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
            try:
                uplink.run(stopping, beat)
            except Restart as why:
                start_anew(str(why))
                raise

        def worker(name: str, task: Task, patience_s: float = PATIENCE_S) -> Worker:
            def run(stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
                try:
                    task(stopping, beat)
                except Damaged as damage:
                    damaged(damage)
                    raise

            return Worker(name, run, patience_s=patience_s)

        supervisor = Supervisor(
            [
                worker("line", deliver),
                worker("local", local.run),
                worker("upkeep", upkeep.run),
                worker("clock", timekeeper.run),
                worker("calendar", calendar.run),
                worker("users", enlisting.run, WRITE_S + PATIENCE_S),  # it waits for the others
                worker("faces", facekeep.run, WRITE_S + PATIENCE_S),
                *([] if listener is None else [worker("push", listener.run)]),
                *([] if renewer is None else [worker("certificate", renewer.run, POST_S)]),
                *(worker(name, one.run) for name, one in collectors.items()),
            ],
            Notifier(),
            pulse=lambda: not commits_hang(live),
            may_restart=Restarts(place.data / "restarted").allow,
        )

        def begin(options: ZkPush) -> None:
            one = collectors[options.name] = collector(options)
            chosen[options.name] = options
            supervisor.add(worker(options.name, one.run))

        answers = Answers(me, epochs, clock.stamp, place.data, shelf)
        devices = Devices(collectors, here)
        technicians = Technicians([one / TECHNICIANS for one in place.media], live, clock.stamp)
        technicians.bring_along()
        local.carry_out = {
            "retire": lambda said: record(live, clock.stamp, said),
            "witness": lambda said: witnessed(timekeeper, said),
            "answer": lambda said: answers.asked(said, start_anew),
            "approve": lambda said: approve(approved, live, clock.stamp, begin, said),
            "troubles": self._troubles.told,
            told.ASKED: lambda said: told.backed_up(here.record, said),
            **devices.carries_out,
            **enlisting.carries_out,
            **technicians.carries_out,
            **known,
        }
        local.mine = memory.of
        local.status = lambda: snapshot(
            me,
            clock,
            rosters.current,
            epochs,
            upkeep.kept,
            uplink,
            dict(collectors),
            list(supervisor.workers),
            None
            if listener is None
            else PushStatus(
                port=listener.port, trouble=listener.trouble, strangers=listener.strangers()
            ),
            enlisting.status(),
            facekeep.status(),
            "" if renewer is None else renewer.trouble,
        )
        uplink.health = lambda: told_central(local.status(), epochs, clock.stamp().wall)
        return supervisor


def _notice_s(options: SourceOptions) -> float:
    """Return how late, at most, a source notices that its terminal is dead."""
    return options.check_s + options.timeout_s if isinstance(options, ZkTerminal) else NOTICE_S


def commits_hang(journal: Journal) -> bool:
    """Return whether a commit has been under way for longer than any disk takes."""
    since_s = journal.busy_since_s
    return since_s is not None and time.monotonic() - since_s > COMMIT_MOST_S
