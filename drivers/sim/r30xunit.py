"""A simulated finger module with its power, its start and its faults: bytes in, bytes out, no port.

Time is given and never waited for: what leaves has the pause before it written beside. So the same
unit is at a port in real time (fingerprint.py) and at a line in a test's time.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from drivers.sim.r30xfaults import Faults, Piece, Rule
from drivers.sim.r30xfinger import Glass, Print, read, written
from drivers.sim.r30xflash import Flash
from drivers.sim.r30xmodule import Module
from drivers.sim.r30xprofile import Profile
from drivers.sim.r30xtimings import pause_s
from drivers.sim.r30xwire import READY, Damaged, Frame, Frames

GAP_S: Final = 0.25
"""A frame is given up when none of its bytes came for so long."""

SPEED_UNIT: Final = 9600

REMEMBERED_REQUESTS: Final = 100_000


class Unit:
    """One module, from its glass to its two wires. Not thread-safe but for `glass`.

    Attributes:
        flash: what it keeps without power.
        glass: what lies on it.
        requests: the first bytes of the commands that arrived whole, oldest first.
        faults: what goes wrong.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        serial: str = "SIM00001",
        rules: Sequence[Rule] = (),
        seed: int = 1,
        realistic: bool = False,
        start_s: float | None = None,
    ) -> None:
        """Describe a unit without power.

        Args:
            realistic: it takes its time, and its bytes come as its speed lets them.
            start_s: how long it takes to start; None is its model's with `realistic`, else none.
        """
        self.flash = Flash(profile, serial)
        self.glass = Glass()
        self.faults = Faults(rules, seed)
        self.requests: deque[int] = deque(maxlen=REMEMBERED_REQUESTS)
        self._profile = profile
        self._module = Module(profile, self.flash, self.glass, seed)
        self._seed = seed
        self._realistic = realistic
        usual_s = profile.start_s if realistic else 0.0
        self._start_s = usual_s if start_s is None else start_s
        self._frames = Frames()
        self._heard_s = 0.0  # when bytes came last
        self._ready_s: float | None = None  # when its start is over; None once it is
        self._powered = False
        self._asleep = False

    # What people do to it

    def switch(self, on: bool, now_s: float) -> None:
        """Take its power, or give it: what was going on is over."""
        self._powered, self._asleep = on, False
        self._frames.forget()
        self.faults.power_up()
        self._module.power_up()
        self._ready_s = now_s + self._start_s if on else None

    def spoil(self, rules: Sequence[Rule], seed: int | None = None) -> None:
        """Let things go wrong from now on as these rules say, and no others; a silence stays."""
        silenced = self.faults.silenced
        self.faults = Faults(rules, self._seed if seed is None else seed)
        self.faults.silenced = silenced

    def touched(self) -> list[Piece]:
        """Something lies on it now: one that is asleep wakes, and says so."""
        if not self._asleep:
            return []
        self._asleep = False
        return [Piece(READY)]

    def enrolled(self, page: int, identity: str) -> None:
        """Have a finger in its library, by no command."""
        self.flash.library[page] = written(Print((identity,)), self._profile.template_bytes)

    def give_password(self, password: int) -> None:
        """Have it ask for a password, which nobody has shown it since."""
        self.flash.password = password
        self._module.commands.forget_password()

    def break_sensor(self, broken: bool) -> None:
        """Let its sensor fail, or work again."""
        self._module.commands.broken = broken

    # What can be seen of it

    @property
    def library(self) -> dict[int, tuple[str, ...]]:
        """Return whose finger is in which page."""
        kept = {page: read(octets) for page, octets in sorted(self.flash.library.items())}
        return {page: made.identities for page, made in kept.items() if made is not None}

    @property
    def light(self) -> bytes:
        """Return the content of the last AURA_LED_CONFIG."""
        return self._module.commands.light

    @property
    def speed(self) -> int:
        """Return its speed in bits a second."""
        return self._module.commands.parameters.speed * SPEED_UNIT

    @property
    def due_s(self) -> float | None:
        """Return when it does something by itself; None where it only waits."""
        if self._ready_s is not None:
            return self._ready_s
        return self._heard_s + GAP_S if self._frames.unfinished else None

    # Its wires

    def hear(self, octets: bytes, speed: int | None, now_s: float) -> list[Piece]:
        """Return what it says to bytes that came at so many bits a second; None is its own."""
        said = self.tick(now_s)
        if not self._powered or self._ready_s is not None or self._asleep or not octets:
            return said
        if speed is not None and speed != self.speed:
            return said  # noise, to it
        self._heard_s = now_s
        return said + self._answer(self._frames.feed(octets), now_s)

    def tick(self, now_s: float) -> list[Piece]:
        """Return what it says because time has passed."""
        if self._ready_s is not None and now_s >= self._ready_s:
            self._ready_s = None
            return [Piece(READY)] if self._profile.ready_byte else []
        if self._frames.unfinished and now_s - self._heard_s >= GAP_S:
            return self._answer(self._frames.give_up(), now_s)
        return []

    def _answer(self, frames: Iterable[Frame | Damaged], now_s: float) -> list[Piece]:
        pieces: list[Piece] = []
        for said in frames:
            heard = self.faults.hears(said)
            if heard is None:
                continue
            finger, speed = self.glass.there is not None, self.speed
            answer = self._module.take(heard)
            if answer.op is not None:
                self.requests.append(answer.op)
            leaving = self.faults.says(answer, heard)
            if self._realistic and answer.op is not None:
                thinks_s = pause_s(answer.op, finger, len(self.flash.library))
                leaving = _paced(leaving, thinks_s, speed)
            pieces += leaving
            self._asleep = answer.sleeps
            if answer.resets:
                self.switch(True, now_s)
                pieces += self.tick(now_s)
        return pieces


def _paced(pieces: list[Piece], thinks_s: float, speed: int) -> list[Piece]:
    """Return pieces as they leave when each byte takes its time; the first after thinking."""
    paced, before_s = [], thinks_s
    for one in pieces:
        before_s += 10 * len(one.octets) / speed
        paced.append(replace(one, wait_s=one.wait_s + before_s))
        before_s = 0.0
    return paced
