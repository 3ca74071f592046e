"""A day at a finger module, in seconds: noise, lost bytes, power cycles, the cable pulled out.

People come and go for 24 hours, among them some whom nobody knows. Each true visit gives exactly
one punch, under the right slot and at the right time, and nothing else gives any.
"""

import random
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from msgspec import Struct
from simline import SimLine, Timeline

from drivers.base import Punch
from drivers.errors import SourceError
from drivers.fingerprint.source import FingerSource
from drivers.fingers import Compared
from drivers.options import FingerModule
from drivers.sim.r30xfaults import Fault, Rule
from drivers.sim.r30xfinger import Finger
from drivers.sim.r30xprofile import PROFILES
from drivers.sim.r30xunit import Unit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

MIDNIGHT = datetime(2026, 11, 26, 17, 0, tzinfo=UTC)  # in Jakarta
HERE = datetime(2026, 11, 27)  # noqa: DTZ001 - the same, as a punch has it
DAY_S = 86_400.0
PEOPLE = tuple(f"person{n}" for n in range(40))
STRANGERS = ("stranger0", "stranger1")

NOISE_EVERY_S = 240.0
POWER_EVERY_S = 2_700.0
PLUG_EVERY_S = 3_600.0
OUT_S = 25.0
CLEAR_S = 90.0
"""So long before and after a visit power and plug are left alone: who finds no module waits."""

LOSSES = (
    Rule(Fault.DROP, chance=0.004),
    Rule(Fault.FLIP, chance=0.004),
    Rule(Fault.INSERT, chance=0.004),
    Rule(Fault.DUPLICATE, chance=0.004),
    Rule(Fault.LOST_COMMAND, chance=0.002),
    Rule(Fault.DAMAGED_COMMAND, chance=0.002),
    Rule(Fault.READY_BYTE, chance=0.002),
    Rule(Fault.GLITCH, chance=0.002),
    Rule(Fault.LATE_ACK, chance=0.001),
    Rule(Fault.SPLIT, chance=0.5),
)


class Visit(Struct):
    """Somebody lays a finger down from then to then."""

    person: str
    from_s: float
    until_s: float


class Slots:
    """Slot n is person n's."""

    def user(self, serial: str, slot: int) -> str:
        return PEOPLE[slot]

    def compare(self, serial: str, there: object) -> Compared:
        return Compared()

    def removed(self, serial: str, slot: int) -> None:
        raise AssertionError("nothing was to be removed")


def visits_of(day: random.Random, start_s: float) -> list[Visit]:
    """Return 160 visits, at least five minutes apart: each lasts until a person would look up."""
    begin = sorted(day.sample(range(int(DAY_S / 300) - 1), 160))
    made = []
    for n, at in enumerate(begin):
        from_s = start_s + 300.0 * at + 150.0 + day.uniform(-20, 20)
        who = day.choice(STRANGERS) if n % 20 == 19 else day.choice(PEOPLE)
        # A command that is lost costs its deadline of three seconds, and a question after it.
        made.append(Visit(who, from_s, from_s + day.uniform(9.0, 11.0)))
    return made


def trouble(
    day: random.Random, clock: Timeline, line: SimLine, visits: list[Visit], start_s: float
) -> int:
    """Have power and cable fail all day but where somebody comes; return how often they do."""

    def is_clear(at_s: float) -> bool:
        return all(not v.from_s - CLEAR_S < at_s < v.until_s + CLEAR_S for v in visits)

    times = 0
    for every_s in (POWER_EVERY_S, PLUG_EVERY_S):
        at_s = start_s
        while (at_s := at_s + day.expovariate(1 / every_s)) < start_s + DAY_S - CLEAR_S:
            if not is_clear(at_s):
                continue
            times += 1
            if every_s == POWER_EVERY_S:
                clock.at(at_s, line.power_cycle)
            else:
                clock.at(at_s, partial(setattr, line, "cut_after", day.randint(1, 40)))
                clock.at(at_s + day.uniform(3.0, OUT_S), line.replug)
    at_s = start_s
    while (at_s := at_s + day.expovariate(1 / NOISE_EVERY_S)) < start_s + DAY_S:
        clock.at(at_s, partial(line.noise, day.randbytes(day.randint(1, 30))))
    return times


@pytest.mark.parametrize("profile", ["r307"])
def test_each_true_visit_of_a_day_gives_one_punch_and_nothing_else_does(profile: str) -> None:
    day, clock = random.Random(2026), Timeline()
    start_s = clock()
    unit = Unit(PROFILES[profile], rules=LOSSES, realistic=True)
    for slot, person in enumerate(PEOPLE):
        unit.enrolled(slot, person)
    line = SimLine(unit, clock)
    source = FingerSource(
        FingerModule(name="pintu", port="/dev/serial0"),
        lambda: MIDNIGHT + timedelta(seconds=clock() - start_s),
        Slots(),
        lambda name, prompt: None,
        lambda port, baud, where: line,
        clock,
    )
    visits = visits_of(day, start_s)
    for one in visits:
        clock.at(one.from_s, partial(unit.glass.place, Finger(one.person)))
        clock.at(one.until_s, unit.glass.lift)
    cuts = trouble(day, clock, line, visits, start_s)

    punches: list[Punch] = []
    opened = 0
    while clock() < start_s + DAY_S:
        try:
            source.open(None, lambda: None)
            opened += 1
            while clock() < start_s + DAY_S:
                reading = source.read(1.0)
                if reading is not None:
                    punches += reading.punches
                    source.confirm(reading)
        except SourceError:
            source.close()
            clock.pass_until(clock() + 1.0)  # as its worker does

    assert cuts > 20
    assert opened > 10
    assert all(unit.faults.done[rule.fault] for rule in LOSSES)
    named = [one for one in punches if not one.user.startswith("?")]
    true = [one for one in visits if one.person in PEOPLE]
    assert [one.user for one in named] == [one.person for one in true]
    for punch, visit in zip(named, true, strict=True):
        at_s = start_s + (datetime.fromisoformat(punch.time) - HERE).total_seconds()
        assert visit.from_s - 1 <= at_s <= visit.until_s + 1
    strangers = [one for one in punches if one.user.startswith("?")]
    assert len(strangers) == len(visits) - len(true)
