"""The world of `terminal_world`, and what else befalls an office.

Another terminal under the address, with or without the old one's log, and a technician who says
that it is the successor; entries that retention lets go of; a new epoch; a full disk; a line that
breaks in the middle of a packet; a kiosk's clock that is set; a terminal's that runs fast.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from msgspec import field

from drivers.errors import SourceError, TimedOut
from drivers.sim.faults import Faults
from drivers.sim.zkterminal import Terminal
from drivers.sim.zkwire import Code
from drivers.zkteco.link import Link
from kiosk.collect import Collector, NotReplaced
from sync.journal.errors import JournalError, StorageFull
from sync.journal.journal import Draft, Position
from sync.protocol import entry
from tests.kiosk.terminal_world import BEGIN, ZONE, ListJournal, MemoryLink, Punched, World

TERMINALS_MOST = 4


class PunchedAt(Punched):
    """A punch, and the terminals in whose logs it stands or stood, the latest last."""

    where: list[str] = field(default_factory=list)

    @property
    def keys(self) -> list[tuple[str, str, str, int]]:
        """What it may be called in an entry."""
        return [(serial, self.user, self.time, self.ordinal) for serial in self.where]


class FullJournal(ListJournal):
    """A journal on a disk that is full now and then, and that lets go of its oldest entries."""

    def __init__(self, second: Callable[[], int], dice: random.Random) -> None:
        super().__init__(second)
        self.refuses = dice.choice([0.0, 0.02, 0.1])
        self._dice = dice
        self._pruned: dict[bytes, str] = {}
        self._through = 0

    def append(self, drafts: Sequence[Draft], position: Position | None = None) -> list[int | None]:
        if (drafts or position) and self._dice.random() < self.refuses:
            raise StorageFull("no room")
        return super().append(drafts, position)

    def prune(self) -> None:
        """Let go of all but the newest entries; their origins stay."""
        until = max(self._through, len(self.entries) - self._dice.randint(0, 20))
        for written in self.entries[self._through : until]:
            if isinstance(written.said, entry.Presence):
                self._pruned[written.said.origin] = written.said.terminal
        self._through = until

    def forget_origins(self, terminal: str, shown: frozenset[bytes]) -> int:
        stale = [
            one for one, whose in self._pruned.items() if whose == terminal and one not in shown
        ]
        for one in stale:
            del self._pruned[one]
            self._origins.discard(one)
        return len(stale)

    def begin_anew(self) -> bytes | None:
        """Begin a new epoch, which knows what is recorded; return where the source stood."""
        return self._positions.pop("lobi", None)


class TornLink(MemoryLink):
    """A line that may break in the middle of an answer."""

    _torn = False

    def send(self, octets: bytes, deadline: float) -> None:
        before = len(self._arrived)
        super().send(octets, deadline)
        if not self._world._rests and self._world.dice.random() < 0.01:
            del self._arrived[self._world.dice.randint(before, len(self._arrived)) :]
            self._torn = True

    def receive(self, deadline: float) -> bytes | None:
        taken = super().receive(deadline)
        if self._torn and not taken:
            raise TimedOut("the world has torn the line")
        return taken


class WiderWorld(World):
    """One history, drawn from a seed."""

    punches: list[PunchedAt]  # type: ignore[assignment]
    journal: FullJournal

    def __init__(self, seed: int) -> None:
        self._earlier: bytes | None = None
        self._set_by_s = 0
        self._runs_fast = 0.0
        super().__init__(seed)
        self._runs_fast = self.dice.choice([0.0, 1e-4, -1e-4, 1e-3])
        self.journal = FullJournal(lambda: self.second, self.dice)
        self.collector = self._collector()
        self._terminals = {self.terminal.serial: self.terminal}
        self._scrapped: set[str] = set()
        self._bindings: list[tuple[int, str]] = []
        self._told: list[tuple[str, str, int]] = []  # terminal, what its clock showed, when

    def _connect(self, *_: object) -> Link:
        return TornLink(self)

    def _collector(self) -> Collector:
        collector = super()._collector()
        collector._earlier = self._earlier
        return collector

    # Clocks.

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.second + self._set_by_s)

    def shown(self) -> datetime:
        gained = int(self.second * self._runs_fast)
        true = BEGIN + timedelta(seconds=self.second + gained)
        return true.astimezone(ZONE).replace(tzinfo=None) + self._ahead

    def asked(self, code: int) -> None:
        super().asked(code)
        if code == Code.GET_TIME:
            self._told.append((self.terminal.serial, self.terminal.now().isoformat(), self.second))

    def began_at(self, terminal: str, through: str, before: int) -> int:
        """As `began`, of one terminal."""
        said = (terminal, through)
        return max(at for *told, at in self._told if tuple(told) == said and at <= before)

    # What can happen.

    def act(self) -> None:
        wider = [self.swap, self.replace, self.new_epoch, self.journal.prune, self.step]
        if self.dice.random() >= 0.15:
            super().act()
            return
        act = self.dice.choice(wider)
        self.trace.append(f"{self.second:7} {act.__name__}")
        act()

    def step(self) -> None:
        """Set the kiosk's clock."""
        self._set_by_s += self.dice.choice([-3600, -5, 5, 3600, 86_400])

    def new_epoch(self) -> None:
        self.cut()
        self._earlier = self.journal.begin_anew()
        self.collector = self._collector()

    def swap(self) -> None:
        """Another terminal answers from now on: one of before, or a new one."""
        self.cut()
        old = self.terminal
        there = [one for one in self._terminals if one not in {old.serial, *self._scrapped}]
        if there and self.dice.random() < 0.7:
            self.terminal = self._terminals[self.dice.choice(there)]
        elif len(self._terminals) < TERMINALS_MOST:
            self.terminal = self._new_terminal(old)
        self.trace.append(f"        {self.terminal.serial}")

    def _new_terminal(self, old: Terminal) -> Terminal:
        new = Terminal(
            self._people,
            serial=f"SIM{len(self._terminals) + 1}",
            profile=old.profile,
            faults=Faults(),
            comm_key=None,
            clock=self.shown,
            flash=None,
        )
        new.announce = self._announce
        if self.bound_to == old.serial and self.dice.random() < 0.5:  # with the old one's log
            new.records = list(old.records)
            self._scrapped.add(old.serial)
            for one in self.punches:
                if one.where[-1] == old.serial and not one.gone:
                    one.where.append(new.serial)
        self._terminals[new.serial] = new
        return new

    def replace(self) -> None:
        with suppress(NotReplaced, JournalError):
            self.trace.append(f"        {self.collector.replace('rudi')}")
            self._bindings.append((self.second, self.bound_to))

    def punch(self, times: int = 1) -> None:
        self.second += 1
        who, time = self.dice.choice(self._people).user_id, self.terminal.now().isoformat()
        if any((one.user, one.time) == (who, time) for one in self.punches):
            return
        self.punches += [
            PunchedAt(self.second, who, time, n + 1, where=[self.terminal.serial])
            for n in range(times)
        ]
        self.terminal.punch([who] * times, 1, 0, one_packet=self.dice.random() < 0.3)
        self._note_gone()
        self.second += 1

    def _note_gone(self) -> None:
        there = Counter((row.user_id, row.time.isoformat()) for row in self.terminal.records)
        for one in self.punches:
            if one.where[-1] == self.terminal.serial:
                one.gone = one.gone or there[one.user, one.time] == 0

    # Who is bound.

    @property
    def bound_to(self) -> str:
        return self.collector.seen.bound_to

    def is_bound_since(self, terminal: str, second: int, until: int) -> bool:
        """Return whether the source was bound to `terminal` from `second` to `until`."""
        before = [serial for at, serial in self._bindings if at <= second]
        between = [serial for at, serial in self._bindings if second < at <= until]
        first = before[-1:] or [serial for _, serial in self._bindings[:1]]
        return all(serial == terminal for serial in (*first, *between))

    def _collect(self, stopping: Callable[[], bool]) -> bool:
        told = False

        def asked() -> bool:
            nonlocal told
            told = stopping()
            return told

        if self._rests:
            self.journal.refuses = 0.0
        try:
            self.collector.run(asked, lambda: None)
        except (SourceError, JournalError):
            self.second += 5  # its worker waits, then opens it anew
        if not self._bindings and self.bound_to:
            self._bindings.append((0, self.bound_to))
        return told
