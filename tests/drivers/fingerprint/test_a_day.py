"""A day at a bad line: each true punch once, and no false one."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from fakemodule import FakeSlots
from simline import SimLine, Timeline

from drivers.base import Punch
from drivers.errors import SourceError
from drivers.fingerprint.source import GIVEN_UP_S, FingerSource
from drivers.options import FingerModule
from drivers.sim.r30xfaults import Fault, Rule
from drivers.sim.r30xfinger import Finger, Quality
from drivers.sim.r30xprofile import PROFILES
from drivers.sim.r30xunit import Unit

pytestmark = pytest.mark.slow

DAY_S = 86_400.0
EVERY_S = 300.0
MIDNIGHT = datetime(2026, 11, 26, 17, 0, tzinfo=UTC)
PEOPLE = {3: "budi", 4: "siti", 9: "agus"}

RULES = (
    Rule(Fault.DROP, chance=0.004),
    Rule(Fault.FLIP, chance=0.004),
    Rule(Fault.INSERT, chance=0.004),
    Rule(Fault.DUPLICATE, chance=0.004),
    Rule(Fault.NO_ACK, chance=0.003),
    Rule(Fault.LATE_ACK, chance=0.003),
    Rule(Fault.LOST_COMMAND, chance=0.003),
    Rule(Fault.DAMAGED_COMMAND, chance=0.003),
    Rule(Fault.FOREIGN_ADDRESS, chance=0.002),
    Rule(Fault.OVERSIZE, chance=0.002),
    Rule(Fault.READY_BYTE, chance=0.01),
    Rule(Fault.GLITCH, chance=0.01),
    Rule(Fault.ECHO, chance=0.005),
    Rule(Fault.SPLIT, chance=0.2),
    Rule(Fault.BYTES, chance=0.05),
    Rule(Fault.DELAY, chance=0.02, delay_s=1.5),
    Rule(Fault.SILENCE, chance=0.0001),
)


class Day:
    """A source at a simulated module, worked as its worker does."""

    def __init__(self, profile: str, seed: int) -> None:
        self.random = Random(seed)
        self.clock = Timeline()
        self.began_s = self.clock.at_s
        self.unit = Unit(PROFILES[profile], seed=seed, realistic=True)
        self.line = SimLine(self.unit, self.clock)
        for slot, whose in PEOPLE.items():
            self.unit.enrolled(slot, whose)
        self.unit.spoil(RULES, seed)
        self.punches: list[Punch] = []
        self.errors: list[SourceError] = []
        self.silent_s = 0.0
        self.is_open = False
        self.source = FingerSource(
            FingerModule(name="pintu", port="/dev/serial0"),
            lambda: MIDNIGHT + timedelta(seconds=self.clock.at_s - self.began_s),
            FakeSlots(),
            lambda *_: None,
            lambda port, baud, where: self.line,
            self.clock,
        )

    def work(self, for_s: float) -> list[Punch]:
        """Work for so long; return what came."""
        before, until_s = len(self.punches), self.clock.at_s + for_s
        while self.clock.at_s < until_s:
            self._step()
        return self.punches[before:]

    def work_until_punched(self, most_s: float) -> list[Punch]:
        before, until_s = len(self.punches), self.clock.at_s + most_s
        while self.clock.at_s < until_s and len(self.punches) == before:
            self._step()
        return self.punches[before:]

    def _step(self) -> None:
        try:
            if not self.is_open:
                self.source.open(None, lambda: None)
                self.is_open = True
            reading = self.source.read(1.0)
            if reading is not None:
                self.punches += reading.punches
                self.source.confirm(reading)
        except SourceError as error:
            self.errors.append(error)
            self.source.close()
            self.is_open = False
            self.clock.pass_until(self.clock.at_s + 1.0)
            if len(self.errors) % 3 == 0:
                self.line.power_cycle()  # a technician


@pytest.mark.parametrize("profile", ["r308", "r503-1.2.2"])
def test_a_day(profile: str) -> None:
    day = Day(profile, seed=len(profile))
    people = strangers = 0
    while day.clock.at_s - day.began_s < DAY_S:
        slot, whose = day.random.choice([*PEOPLE.items(), (-1, "a stranger")])
        if day.random.random() < 0.2:
            day.unit.glass.place(Finger(whose, day.random.choice(list(Quality))))
            day.work(day.random.uniform(0.2, 3.0))
            day.unit.glass.lift()
            day.work(GIVEN_UP_S + 60)
            continue  # whoever lifts too soon may have been read or not
        before = len(day.punches)
        day.unit.glass.place(Finger(whose))
        came = day.work_until_punched(120.0) if slot >= 0 else day.work(8.0)
        came += day.work(day.random.uniform(0.0, 5.0))
        day.unit.glass.lift()
        came += day.work(GIVEN_UP_S + 30.0)
        assert came == day.punches[before:]
        if slot >= 0:
            assert [one.user for one in came] == [f"u{slot}"], day.errors[-3:]
            people += 1
        else:
            assert all(one.user.startswith("?") for one in came), came
            assert len(came) <= 1  # none where the module was dead all the while
            strangers += len(came) - 1
        if day.random.random() < 0.1:
            day.line.power_cycle()
        if day.random.random() < 0.1:
            day.line.unplug()
            day.work(5.0)
            day.line.replug()
        day.work(day.random.uniform(0.0, EVERY_S))
    assert people > 100
    assert strangers > -10
    assert len({one.terminal for one in day.punches}) == 1
    origins = [(one.terminal, one.user, one.time, one.ordinal) for one in day.punches]
    assert len(set(origins)) == len(origins)
