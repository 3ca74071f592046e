"""A line that stays one answer behind: each answer comes when the next question has been asked.

Found by the stateful model: the answer to a question about the module's state was taken for that of
a search, and whoever is in the slot of that number was named.
"""

from datetime import UTC, datetime

import pytest
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

NOON = datetime(2026, 11, 27, 5, 0, tzinfo=UTC)


class Slots:
    """A slot map that takes whatever is there."""

    def user(self, serial: str, slot: int) -> str:
        return str(slot)

    def compare(self, serial: str, there: object) -> Compared:
        return Compared()

    def removed(self, serial: str, slot: int) -> None:
        raise AssertionError("nothing was to be removed")


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_nobody_is_named_by_another_questions_answer(profile: str) -> None:
    clock = Timeline()
    unit = Unit(PROFILES[profile], realistic=True)
    for slot in range(16):  # a module's state, as a number, is one of them
        unit.enrolled(slot, "siti")
    line = SimLine(unit, clock)
    source = FingerSource(
        FingerModule(name="pintu", port="/dev/serial0"),
        lambda: NOON,
        Slots(),
        lambda name, prompt: None,
        lambda port, baud, where: line,
        clock,
    )
    source.open(None, lambda: None)
    unit.spoil([Rule(Fault.LATE_ACK)])
    named: list[Punch] = []
    for n in range(4):
        unit.glass.place(Finger("nobody"))
        for _ in range(8):
            try:
                reading = source.read(1.0)
            except SourceError:
                source.close()
                break
            if reading is not None:
                named += [one for one in reading.punches if not one.user.startswith("?")]
                source.confirm(reading)
        unit.glass.lift()
        clock.pass_until(clock() + 10.0)
        try:
            source.open(None, lambda: None)
        except SourceError:
            clock.pass_until(clock() + n)
    assert named == []
