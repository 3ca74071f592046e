"""A driver at a simulated module, on a line and in a time of the test's own: no thread, no waiting.

Bytes arrive when the module's pauses and its speed let them, on a clock that jumps to what comes
next; whole days pass in seconds, and each run is the same.
"""

import heapq
from collections import deque
from collections.abc import Callable
from itertools import count

from drivers.errors import Unreachable
from drivers.sim.r30xfaults import Piece
from drivers.sim.r30xunit import Unit


class Timeline:
    """A clock in seconds, and what happens when."""

    def __init__(self, at_s: float = 1_000.0) -> None:
        self.at_s = at_s
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = count()

    def __call__(self) -> float:
        return self.at_s

    def at(self, when_s: float, do: Callable[[], object]) -> None:
        """Have something happen then."""
        heapq.heappush(self._events, (when_s, next(self._numbers), do))

    @property
    def next_s(self) -> float:
        """Return when something happens next."""
        return self._events[0][0] if self._events else float("inf")

    def pass_until(self, when_s: float) -> None:
        """Let time pass, and happen what is due."""
        while self._events and self._events[0][0] <= when_s:
            due_s, _, do = heapq.heappop(self._events)
            self.at_s = max(self.at_s, due_s)
            do()
        self.at_s = max(self.at_s, when_s)


class SimLine:
    """What the driver takes for its serial port; the unit is at its other end."""

    def __init__(self, unit: Unit, clock: Timeline) -> None:
        self.unit = unit
        self.baud = 57_600
        self.plugged = True
        self.cut_after: int | None = None  # bytes that still arrive, then it is unplugged
        self._clock = clock
        self._opened = False
        self._on_the_way: deque[tuple[float, bytes]] = deque()
        self._arrived = bytearray()
        unit.switch(True, clock())
        unit.tick(clock())

    # What people do to it

    def unplug(self) -> None:
        self.plugged, self.cut_after = False, None
        self._on_the_way.clear()
        self.unit.switch(False, self._clock())

    def replug(self) -> None:
        if not self.plugged:
            self.plugged = True
            self.unit.switch(True, self._clock())

    def power_cycle(self) -> None:
        self._on_the_way.clear()
        self.unit.switch(True, self._clock())

    def noise(self, octets: bytes) -> None:
        """Have bytes arrive that nobody has sent."""
        self._send([Piece(octets)])

    # drivers.fingerprint.link.Port

    def open(self) -> None:
        self._check()
        self._opened = True
        self.discard()

    def close(self) -> None:
        self._opened = False

    def write(self, octets: bytes) -> None:
        self._check()
        self._clock.pass_until(self._clock() + 10 * len(octets) / self.baud)
        self._check()
        self._send(self.unit.hear(octets, self.baud, self._clock()))

    def read(self, most: int, wait_s: float) -> bytes:
        until_s = self._clock() + wait_s
        while True:
            self._check()
            self._send(self.unit.tick(self._clock()))
            self._arrive()
            self._check()
            if self._arrived or self._clock() >= until_s:
                break
            self._clock.pass_until(min(until_s, self._clock.next_s, self._next_s()))
        got = bytes(self._arrived[:most])
        del self._arrived[:most]
        return got

    def discard(self) -> None:
        self._arrive()
        self._arrived.clear()

    def _next_s(self) -> float:
        """Return when something comes from the unit next."""
        due_s = [self._on_the_way[0][0]] if self._on_the_way else []
        if self.unit.due_s is not None:
            due_s.append(self.unit.due_s)
        return min(due_s, default=float("inf"))

    def _check(self) -> None:
        if not self.plugged:
            self._opened = False
            raise Unreachable("the port is gone")

    def _send(self, pieces: list[Piece]) -> None:
        last_s = self._on_the_way[-1][0] if self._on_the_way else self._clock()
        for piece in pieces:
            last_s = max(last_s, self._clock()) + piece.wait_s
            self._on_the_way.append((last_s, piece.octets))

    def _arrive(self) -> None:
        while self._on_the_way and self._on_the_way[0][0] <= self._clock():
            _, octets = self._on_the_way.popleft()
            if self.cut_after is not None:
                octets = octets[: self.cut_after]
                self.cut_after -= len(octets)
            if self._opened:
                self._arrived += octets
            if self.cut_after == 0:
                self.unplug()
