"""A terminal, the people in front of it and the kiosk that reads it, as one world without sockets.

Real are the driver (source, visit, dialogue, session, codec), the collector, and the simulated
terminal's inside. The link between them is bytes in memory; the journal is a list that records an
origin once. Time is the world's: nobody waits for it.

The terminal's rows get lost, its clock is set, its line breaks, in any order that a seed gives.
What must hold afterwards is in `test_terminal_log.py`.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from msgspec import Struct, structs

from drivers.errors import TimedOut
from drivers.options import ZkTerminal
from drivers.sim.faults import Faults
from drivers.sim.people import Person
from drivers.sim.zkprofile import PROFILES, Profile
from drivers.sim.zkrecords import Record
from drivers.sim.zksession import Session
from drivers.sim.zksession import Transport as SimTransport
from drivers.sim.zkterminal import Terminal
from drivers.sim.zkwire import Code, TcpStream, encode, frame
from drivers.zkteco.link import Link
from drivers.zkteco.source import ZkSource
from kiosk.collect import WHOLE_EVERY_S, Collector
from sync.edge.roster import Rosters
from sync.journal.journal import Draft, Position
from sync.protocol import entry

ZONE = ZoneInfo("Asia/Jakarta")
BEGIN = datetime(2026, 11, 2, 0, 0, tzinfo=UTC)


def give_time(patch: pytest.MonkeyPatch, world: "World") -> None:
    """Give a world's time to whoever looks at a clock: nobody waits for a real one."""
    clock = SimpleNamespace(monotonic=world.monotonic)
    patch.setattr("drivers.zkteco.visit.time", clock)
    patch.setattr("kiosk.collect.time", clock)
    patch.setattr("kiosk.collect.WAIT_S", 0.0)


class Punched(Struct):
    """A punch as it truly happened: the world's second, and what the terminal wrote of it.

    `gone` says that the terminal's log has lost the row.
    """

    second: int
    user: str
    time: str
    ordinal: int
    gone: bool = False

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.user, self.time, self.ordinal


class Written(Struct):
    """An entry, and the world's second in which it was recorded."""

    second: int
    said: entry.Entry


class ListJournal:
    """What a collector needs of a journal."""

    def __init__(self, second: Callable[[], int]) -> None:
        self.entries: list[Written] = []
        self._origins: set[bytes] = set()
        self._positions: dict[str, bytes] = {}
        self._second = second
        self.reader = SimpleNamespace(position=self._positions.get)

    def append(self, drafts: Sequence[Draft], position: Position | None = None) -> list[int | None]:
        seqs: list[int | None] = []
        for draft in drafts:
            if draft.origin is not None and draft.origin in self._origins:
                seqs.append(None)
                continue
            if draft.origin is not None:
                self._origins.add(draft.origin)
            self.entries.append(Written(self._second(), entry.decode(draft.body)))
            seqs.append(len(self.entries))
        if position is not None:
            self._positions[position.source] = position.value
        return seqs

    def records(self, origin: bytes) -> bool:
        return origin in self._origins

    def forget_origins(self, terminal: str, shown: frozenset[bytes]) -> int:
        return 0


class MemoryLink(Link):
    """The bytes between the driver and the simulated terminal's session."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._stream = TcpStream()
        self._session = Session(world.terminal, world.dice.randint(1, 60_000), SimTransport.TCP)
        self._arrived = bytearray()
        self._cut = False
        world.link = self

    def send(self, octets: bytes, deadline: float) -> None:
        for packet in self._stream.feed(octets):
            self._world.asked(packet.code)
            if self._cut:
                raise TimedOut("the world has cut the line")
            for answer in self._session.receive(packet).packets:
                self._arrived += frame(encode(answer))

    def receive(self, deadline: float) -> bytes | None:
        if self._cut:
            raise TimedOut("the world has cut the line")
        taken, self._arrived = bytes(self._arrived), bytearray()
        return taken or None

    def push(self, records: Sequence[Record], one_packet: bool) -> None:
        for packet in self._session.events(records, one_packet=one_packet).packets:
            if self._world.dice.random() >= self._world.events_lost:
                self._arrived += frame(encode(packet))

    def cut(self) -> None:
        self._cut = True

    def close(self) -> None:
        self._world.link = None


class World:
    """One history, drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.second = 0
        self.punches: list[Punched] = []
        self._asked: list[tuple[str, int]] = []  # the terminal's clock, and when it was asked
        self.trace: list[str] = []
        self.link: MemoryLink | None = None
        self.events_lost = self.dice.choice([0.0, 0.2, 1.0])
        self.loses_rows = self.dice.random() < 0.5
        self._rests = False
        self._ahead = timedelta(seconds=self.dice.randint(-7200, 7200))
        self._people = [Person(str(1001 + n), f"Orang {n}", uid=n + 1) for n in range(5)]
        self.terminal = Terminal(
            self._people,
            serial="SIM1",
            profile=self._profile(),
            faults=Faults(no_records_counted=self.dice.random() < 0.1),
            comm_key=None,
            clock=self.shown,
            flash=None,
        )
        self.terminal.announce = self._announce
        self.journal = ListJournal(lambda: self.second)
        self.collector = self._collector()

    def _profile(self) -> Profile:
        profile = self.dice.choice([one for one in PROFILES.values() if not one.refuses])
        if self.loses_rows and self.dice.random() < 0.3:
            return structs.replace(profile, record_capacity=12)  # and overwrites the oldest
        return profile

    def _collector(self) -> Collector:
        options = ZkTerminal(name="lobi", host="lobi", check_s=60.0)
        source = ZkSource(options, self.now, connect=self._connect)
        return Collector(
            source,
            "Asia/Jakarta",
            self.journal,  # type: ignore[arg-type]  # all that a collector asks of one
            self,
            Rosters(),
            lambda *_: None,
            timedelta(seconds=120),
        )

    def _connect(self, *_: object) -> Link:
        return MemoryLink(self)

    # Clocks.

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.second)

    def monotonic(self) -> float:
        return float(self.second)

    def stamp(self) -> entry.Stamp:
        wall = round(self.now().timestamp() * 1000)
        return entry.Stamp(wall=wall, up=self.second * 1000, boot="b" * 32, synced=True)

    def shown(self) -> datetime:
        """Return the terminal's naive clock."""
        return self.now().astimezone(ZONE).replace(tzinfo=None) + self._ahead

    # What can happen.

    def asked(self, code: int) -> None:
        """Between any two packets somebody may punch."""
        if not self._rests and self.dice.random() < 0.02:
            self.punch()
        if code == Code.GET_TIME:
            self._asked.append((self.terminal.now().isoformat(), self.second))

    def began(self, through: str, before: int) -> int:
        """Return the second in which the terminal last said `through` before second `before`."""
        return max(second for said, second in self._asked if said == through and second <= before)

    def act(self) -> None:
        """Let one thing happen."""
        acts: list[tuple[int, Callable[[], None]]] = [
            (30, self.pass_time),
            (30, self.punch),
            (4, self.punch_twice),
            (4, self.set_clock),
            (3 if self.loses_rows else 0, self.clear),
            (4 if self.loses_rows else 0, self.run_over),
            (5, self.cut),
            (3, self.restart),
            (2, self.collector.read_again),
        ]
        weights = [weight for weight, _ in acts]
        [(_, act)] = self.dice.choices(acts, weights)
        self.trace.append(f"{self.second:7} {act.__name__}")
        act()

    def pass_time(self) -> None:
        self.second += self.dice.choice([1, 5, 61, 61, 600, 40_000])

    def punch(self, times: int = 1) -> None:
        """Somebody punches, in a second that the terminal has not shown to them before."""
        self.second += 1
        who, time = self.dice.choice(self._people).user_id, self.terminal.now().isoformat()
        if any((one.user, one.time) == (who, time) for one in self.punches):
            return  # its clock was set back over this very second
        self.punches += [Punched(self.second, who, time, n + 1) for n in range(times)]
        self.terminal.punch([who] * times, 1, 0, one_packet=self.dice.random() < 0.3)
        self._note_gone()
        self.second += 1

    def punch_twice(self) -> None:
        self.punch(times=2)

    def set_clock(self) -> None:
        self._ahead += timedelta(seconds=self.dice.choice([-3600, -60, 60, 3600, 86_400]))

    def clear(self) -> None:
        self.terminal.clear_log()
        self._note_gone()

    def run_over(self) -> None:
        """The log is full: its oldest rows make room. Whole seconds: an ordinal keeps its place."""
        keep = self.dice.randint(0, len(self.terminal.records))
        while 0 < keep < len(self.terminal.records) and self._same_second(keep):
            keep -= 1
        self.terminal.records = self.terminal.records[len(self.terminal.records) - keep :]
        self._note_gone()

    def _note_gone(self) -> None:
        there = Counter((row.user_id, row.time.isoformat()) for row in self.terminal.records)
        for one in self.punches:
            one.gone = one.gone or there[one.user, one.time] == 0

    def _same_second(self, keep: int) -> bool:
        records = self.terminal.records
        return records[-keep].time == records[-keep - 1].time

    def cut(self) -> None:
        if self.link is not None:
            self.link.cut()

    def restart(self) -> None:
        """The daemon dies and begins again with what its journal has."""
        self.cut()
        self.collector = self._collector()

    def _announce(self, records: Sequence[Record], one_packet: bool) -> None:
        if self.link is not None:
            self.link.push(records, one_packet)

    # Running.

    def run(self, steps: int) -> Iterator[str]:
        """Let `steps` things happen while the collector works, then let it come to rest.

        Yields `minutes` when nothing has happened for a while and nothing opened the terminal anew:
        what was missed must have been noticed. Then `day`, when another day has passed.
        """
        rest = [60] * 40 + [0, WHOLE_EVERY_S + 60] + [60] * 5

        def stopping() -> bool:
            nonlocal steps
            if steps:
                steps -= 1
                self.act()
                return False
            self._rests = True
            if not rest:
                return True
            self.second += int(rest[0])
            return rest.pop(0) == 0

        for when in ("minutes", "day"):
            while not self._collect(stopping):
                pass
            yield when

    def _collect(self, stopping: Callable[[], bool]) -> bool:
        """Run the collector once; return whether it was told to stop."""
        told = False

        def asked() -> bool:
            nonlocal told
            told = stopping()
            return told

        try:
            self.collector.run(asked, lambda: None)
        except TimedOut:
            self.second += 5  # its worker waits, then opens it anew
        return told
