"""The source at simulated modules on a line and in a time of the test's own: nobody waits.

What only a real port shows is in `test_against_simulator.py`.
"""

from datetime import UTC, datetime
from functools import partial

import pytest
from fakemodule import FakeSlots
from simline import SimLine, Timeline

from drivers.base import Identity, Punch
from drivers.errors import SourceError
from drivers.fingerprint.source import FingerSource
from drivers.options import FingerModule
from drivers.sim.r30xfaults import Fault, Rule
from drivers.sim.r30xfinger import Finger
from drivers.sim.r30xflash import Register
from drivers.sim.r30xprofile import PROFILES
from drivers.sim.r30xunit import Unit

NOON = datetime(2026, 11, 27, 5, 0, tzinfo=UTC)
VISIT_S, PAUSE_S = 20.0, 10.0
"""How long a finger lies there and then does not: longer than a line takes that loses commands."""

ALWAYS = (Fault.READY_BYTE, Fault.GLITCH, Fault.ECHO, Fault.SPLIT, Fault.BYTES)
SOMETIMES = (
    *(Fault.LOST_COMMAND, Fault.DAMAGED_COMMAND, Fault.DROP, Fault.FLIP, Fault.INSERT),
    *(Fault.DUPLICATE, Fault.NO_ACK, Fault.FOREIGN_ADDRESS, Fault.OVERSIZE),
)


class Desk:
    """A source, a module without a port, and a clock that both go by."""

    def __init__(self, profile: str, seed: int = 1) -> None:
        self.clock = Timeline()
        self.unit = Unit(PROFILES[profile], realistic=True, seed=seed)
        self.unit.enrolled(3, "budi")
        self.unit.enrolled(4, "siti")
        self.line = SimLine(self.unit, self.clock)
        self.warnings: tuple[str, ...] = ()
        self.source = FingerSource(
            FingerModule(name="pintu", port="/dev/serial0"),
            lambda: NOON,
            FakeSlots(),
            lambda *_: None,
            lambda port, baud, where: self._at(baud),
            self.clock,
        )

    def _at(self, baud: int) -> SimLine:
        self.line.baud = baud
        return self.line

    def open(self) -> Identity:
        return self.source.open(None, lambda: None)

    def until(self, at_s: float) -> list[Punch]:
        """Work as the worker does until then; return who came."""
        punches: list[Punch] = []
        is_open = False
        while self.clock() < at_s:
            try:
                if not is_open:
                    self.open()
                    is_open = True
                reading = self.source.read(0.5)
                if reading is not None:
                    punches += reading.punches
                    self.warnings = tuple(reading.warnings or self.warnings)
                    self.source.confirm(reading)
            except SourceError:
                self.source.close()
                is_open = False
                self.clock.pass_until(self.clock() + 1.0)
        return punches


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("fault", [*ALWAYS, *SOMETIMES])
def test_each_person_is_one_punch_whatever_the_line_does(fault: Fault, seed: int) -> None:
    desk = Desk("r503-1.2.2", seed)
    desk.until(desk.clock() + PAUSE_S)
    desk.unit.spoil([Rule(fault, chance=1.0 if fault in ALWAYS else 0.04)])
    began_s, people = desk.clock(), ("budi", "siti") * 4
    for n, whose in enumerate(people):
        from_s = began_s + n * (VISIT_S + PAUSE_S)
        desk.clock.at(from_s, partial(desk.unit.glass.place, Finger(whose)))
        desk.clock.at(from_s + VISIT_S, desk.unit.glass.lift)
    punches = desk.until(began_s + len(people) * (VISIT_S + PAUSE_S))
    assert [punch.user for punch in punches] == ["u3", "u4"] * 4
    assert desk.unit.faults.done[fault]


@pytest.mark.parametrize("units", [1, 2, 4, 12])
def test_a_module_at_another_speed_is_found_and_told(units: int) -> None:
    desk = Desk("r307")
    desk.unit.flash.set(Register.SPEED, units)
    desk.line.power_cycle()  # only then it goes by that
    desk.until(desk.clock() + PAUSE_S)
    assert desk.warnings == (
        f"the module answers at {9600 * units} baud, not at 57600: set baud = {9600 * units}",
    )


@pytest.mark.parametrize("profile", PROFILES)
def test_the_same_module_is_the_same_after_a_power_cycle(profile: str) -> None:
    desk = Desk(profile)
    before = desk.open()
    desk.source.close()
    desk.line.power_cycle()
    assert desk.open() == before
