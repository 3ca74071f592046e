"""Driver and simulated module against a dictionary, with everything going wrong that can.

The dictionary is what a kiosk's slot map would be. Whatever happens on the line, nobody is ever
taken for somebody else, no visit counts twice, and once all is well again and the module has been
opened anew, its library is the dictionary.
"""

import os
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec import Struct
from simline import SimLine, Timeline

from drivers.base import Punch
from drivers.errors import Misconfigured, Refused, SourceError
from drivers.fingerprint.source import FingerSource
from drivers.fingerprint.visits import FORGOTTEN_S
from drivers.fingers import Compared, Duplicate, Stored
from drivers.options import FingerModule
from drivers.prompt import Prompt
from drivers.sim.r30xfaults import Fault, Rule
from drivers.sim.r30xfinger import Finger
from drivers.sim.r30xprofile import PROFILES
from drivers.sim.r30xunit import Unit

NOON = datetime(2026, 11, 27, 5, 0, tzinfo=UTC)
HERE = datetime(2026, 11, 27, 12, 0)  # noqa: DTZ001 - noon as a punch has it, in Jakarta
SLOTS = range(6)
PEOPLE = ("siti", "budi", "made", "ketut")
MINIMUM = 50
WITHIN_S = 30.0

spoilt = st.builds(
    Rule,
    st.sampled_from(Fault),
    times=st.one_of(st.none(), st.integers(1, 4)),
    chance=st.sampled_from([0.03, 0.2, 1.0]),
    delay_s=st.sampled_from([0.05, 0.4, 1.5]),
)

HISTORIES = os.environ.get("FINGER_HISTORIES", "")
"""So many others than those of every day: FINGER_HISTORIES=5000 pytest -k many_histories."""


class Map:
    """The kiosk's slot map (`drivers.fingers.Slots`), as a dictionary."""

    def __init__(self) -> None:
        self.known: dict[int, str] = {}

    def user(self, serial: str, slot: int) -> str:
        return f"{serial}/{slot}"

    def compare(self, serial: str, there: Collection[int]) -> Compared:
        return Compared(remove=tuple(sorted(set(there) - set(self.known))))

    def removed(self, serial: str, slot: int) -> None:
        assert slot not in self.known


class Seen(Struct):
    """A finger that was laid down.

    Attributes:
        slots: those that had it.
        until_s: when it was lifted.
        named: whether it has been told.
    """

    person: str
    from_s: float
    slots: list[int]
    until_s: float = float("inf")
    named: bool = False


class LibraryIsADictionary(RuleBasedStateMachine):
    """What people, a technician and the line do, in any order."""

    @initialize(
        profile=st.sampled_from(sorted(PROFILES)),
        seed=st.integers(0, 1000),
        password=st.sampled_from([0, 7]),
    )
    def begin(self, profile: str, seed: int, password: int) -> None:
        self.clock = Timeline()
        self.unit = Unit(PROFILES[profile], seed=seed, realistic=True)
        self.line = SimLine(self.unit, self.clock)
        self.map = Map()
        for slot, person in enumerate(PEOPLE[:2]):
            self.unit.enrolled(slot, person)
            self.map.known[slot] = person
        self.spoilt = False
        self.serial = ""
        self.is_open = False
        if password:  # it wants to see it again whenever it was without power
            self.unit.give_password(password)
        options = FingerModule(name="pintu", port="/dev/serial0", password=password)
        self.began_s = self.clock()
        self.visits: list[Seen] = []
        self.told = 0  # punches
        self.source = FingerSource(
            options,
            lambda: NOON + timedelta(seconds=self.clock() - self.began_s),
            self.map,
            lambda name, prompt: None,
            lambda port, baud, where: self.line,
            self.clock,
        )
        self.open()

    # Its worker and a technician

    def open(self) -> bool:
        """Open it as its worker does, as often as it takes while nothing else happens."""
        for _ in range(3):
            try:
                serial = self.source.open(None, lambda: None).serial
                assert self.serial in ("", serial), "another module"
                self.serial = serial
            except (Refused, Misconfigured) as error:
                # There is nothing that the module would not do: to say so misleads.
                raise AssertionError("it is told that the module cannot") from error
            except SourceError:
                self.source.close()
                self.is_open = False
                self.clock.pass_until(self.clock() + 1.0)
            else:
                self.is_open = True
                return True
        assert self.spoilt, "nothing was wrong, and it did not open"
        return False

    def attempt(self, do: Callable[[], Any]) -> Any:
        """Do something with an open source; None where it failed, and was closed then."""
        if not self.is_open and not self.open():
            return None
        try:
            return do()
        except SourceError:
            assert self.spoilt, "nothing was wrong, and it failed"
            self.source.close()
            self.is_open = False
            return None

    def mend(self) -> None:
        """All is well again: no fault, plugged, with power, opened anew."""
        self.clock.pass_until(self.clock() + 60.0)  # what was to happen has
        self.unit.glass.lift()
        self.unit.spoil([])
        self.line.cut_after = None
        self.line.replug()
        self.line.power_cycle()
        self.source.close()
        self.clock.pass_until(self.clock() + 60.0)  # whoever was not found has given up
        assert self.open_mended()

    def open_mended(self) -> bool:
        self.spoilt = False
        opened = self.open()
        self.read(2.0)
        return opened

    def read(self, for_s: float) -> None:
        """Read for so long, as the daemon does, opening anew where it must."""
        until_s = self.clock() + for_s
        while self.clock() < until_s:
            before_s = self.clock()
            reading = self.attempt(lambda: self.source.read(min(1.0, until_s - self.clock())))
            if reading is not None:
                for punch in reading.punches:
                    self.check(punch)
                self.attempt(partial(self.source.confirm, reading))
            elif self.clock() == before_s:
                self.clock.pass_until(before_s + 0.5)

    # What goes wrong

    @rule(
        rules=st.lists(spoilt, min_size=1, max_size=3),
        seed=st.integers(0, 1000),
        powered_s=st.floats(1.0, 40.0),
    )
    def spoil(self, rules: list[Rule], seed: int, powered_s: float) -> None:
        """From now on it goes wrong; who finds it silent takes its power for a moment, later."""
        self.unit.spoil(rules, seed)
        self.clock.at(self.clock() + powered_s, self.line.power_cycle)
        self.spoilt = True

    @rule(after=st.integers(1, 400), for_s=st.floats(0.1, 20.0))
    def unplug(self, after: int, for_s: float) -> None:
        """It is pulled out at some byte, and plugged in again later."""

        def replug() -> None:
            self.line.replug()
            self.line.cut_after = None

        self.line.cut_after = after
        self.clock.at(self.clock() + for_s, replug)
        self.spoilt = True

    @rule()
    def power_cycle(self) -> None:
        self.spoilt = True  # what is asked at this moment is not answered
        self.line.power_cycle()

    @rule(octets=st.binary(min_size=1, max_size=20))
    def noise(self, octets: bytes) -> None:
        self.spoilt = True
        self.line.noise(octets)

    @rule()
    def all_is_well(self) -> None:
        self.mend()
        self.there_is_what_is_known()
        assert self.source.occupied() == set(self.map.known)

    # What people do

    @rule(
        person=st.sampled_from(PEOPLE),
        slot=st.sampled_from(SLOTS),
        rules=st.lists(spoilt, max_size=1),
        after_s=st.floats(0.0, 8.0),
    )
    def enrol(self, person: str, slot: int, rules: list[Rule], after_s: float) -> None:
        def ask(prompt: Prompt, step: int, of: int) -> None:
            if prompt is Prompt.PLACE_FINGER:
                self.unit.glass.place(Finger(person))
            elif prompt in (Prompt.LIFT_FINGER, Prompt.AGAIN, Prompt.OTHER_FINGER):
                self.unit.glass.lift()

        if slot in self.map.known:
            return
        if rules:  # in the middle of it
            self.spoilt = True
            self.clock.at(self.clock() + after_s, lambda: self.unit.spoil(rules))
            self.clock.at(self.clock() + WITHIN_S, self.line.power_cycle)
        done = self.attempt(lambda: self.source.enrol(ask, WITHIN_S, slot, MINIMUM))
        self.unit.glass.lift()
        match done:
            case Stored(stored, score):
                assert stored == slot
                assert score >= MINIMUM
                assert person not in self.map.known.values()
                self.map.known[slot] = person
            case Duplicate(found):
                assert self.map.known.get(found) == person
            case _:
                assert self.spoilt

    @precondition(lambda self: len(self.map.known) > 1)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        slot = data.draw(st.sampled_from(sorted(self.map.known)))
        del self.map.known[slot]  # from now on it is to be emptied, whenever that can be done
        self.attempt(lambda: self.source.remove(slot))

    @precondition(lambda self: self.map.known)
    @rule(data=st.data(), slot=st.sampled_from(SLOTS))
    def copy(self, data: st.DataObject, slot: int) -> None:
        """Take a template out and write it into another slot."""
        taken = data.draw(st.sampled_from(sorted(self.map.known)))
        if slot in self.map.known:
            return
        template = self.attempt(lambda: self.source.template(taken))
        if template is None:
            return
        kept = self.attempt(lambda: self.source.keep(slot, template) or True)
        if kept:
            self.map.known[slot] = self.map.known[taken]

    @rule(
        person=st.sampled_from((*PEOPLE, "nobody")),
        for_s=st.sampled_from([1.5, 4.0, 12.0]),
        rules=st.lists(spoilt, max_size=2),
    )
    def visit(self, person: str, for_s: float, rules: list[Rule]) -> None:
        """Lay a finger down, lift it, wait until a stranger would have been told."""
        self.read(1.0)
        if rules:
            self.spoil(rules, 1, for_s / 2)
        well, told = not self.spoilt, self.told
        if not well:
            # One that lies there longer than the module is away may be taken for the next one.
            for_s = min(for_s, FORGOTTEN_S - 1)
        slots = [slot for slot, names in self.unit.library.items() if names == (person,)]
        visit = Seen(person, self.clock(), slots)
        self.visits.append(visit)
        self.unit.glass.place(Finger(person))
        self.read(for_s)
        self.unit.glass.lift()
        visit.until_s = self.clock()
        self.read(20.0)
        if well:
            assert visit.named == (person in self.map.known.values())
            assert self.told == told + 1

    def check(self, punch: Punch) -> None:
        """See that a punch is of a visit that was, and has none yet; it may be told much later."""
        self.told += 1
        if punch.user.startswith("?"):
            return
        serial, _, slot = punch.user.rpartition("/")
        assert serial == self.serial
        assert msgspec.json.decode(punch.raw)["slot"] == int(slot)
        at_s = self.began_s + (datetime.fromisoformat(punch.time) - HERE).total_seconds()
        [visit] = [one for one in self.visits if one.from_s - 1 <= at_s <= one.until_s + 1]
        assert int(slot) in visit.slots, f"{visit.person} was there, slot {slot} was named"
        assert not visit.named, "one visit, two punches"
        visit.named = True

    @invariant()
    def there_is_what_is_known(self) -> None:
        """What is known is there, always; what is there and not known, only until it is mended."""
        if not hasattr(self, "map"):
            return
        there = {slot: names[0] for slot, names in self.unit.library.items()}
        assert self.map.known.items() <= there.items()
        if not self.spoilt and self.is_open:
            assert there == self.map.known

    def teardown(self) -> None:
        if hasattr(self, "map"):
            self.mend()
            self.there_is_what_is_known()


def test_a_few_histories() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        LibraryIsADictionary,
        settings=settings(
            max_examples=25,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_many_histories() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        LibraryIsADictionary,
        settings=settings(
            max_examples=int(HISTORIES or 250),
            stateful_step_count=20,
            deadline=None,
            derandomize=not HISTORIES,
            suppress_health_check=list(HealthCheck),
        ),
    )
