"""Histories of a slot map and its module: cut off, killed, full, removed, restarted, in any order.

The model is whose finger each finger really is, and whom the kiosk has said to know. Whatever
happens, nobody's punch is ever another's; and once both ends are up, whoever was said to be known
is, and whoever was said to be removed is not.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import date
from types import SimpleNamespace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from drivers.errors import SourceError, TimedOut
from kiosk.fingers.enrolment import Fingers
from kiosk.fingers.modules import Modules
from kiosk.fingers.slots import SlotMap
from kiosk.local import CannotDo
from sync.edge.roster import Adopted, Rosters
from sync.journal.errors import JournalError, StorageFull
from sync.protocol.roster import Person, Roster
from tests.kiosk.finger_parts import FakeModule

TODAY = date(2026, 11, 24)
PEOPLE = ("siti", "budi", "tono")
FINGERS = [f"{who}:{n}" for who in PEOPLE for n in (1, 2)]
STEPS = ("", "store", "prove", "remove")


class Killed(BaseException):
    """The process is gone."""


class Memory:
    """The journal as far as the map needs it: a commit is there, or it is not."""

    utc_ms = 1

    def __init__(self) -> None:
        self.kept: bytes | None = None
        self.refuses = 0  # after so many commits it is full once; 0 for never
        self.dies = 0  # after so many commits the process is killed behind one; 0 for never

    def keep(self, position: Any, did: Any = ()) -> None:
        self.refuses = max(0, self.refuses - 1) if self.refuses != 1 else self._refuse()
        self.kept = position.value
        if self.dies:
            self.dies -= 1
            if not self.dies:
                raise Killed

    def _refuse(self) -> int:
        self.refuses = 0
        raise StorageFull("the disk is full")

    def recall(self, name: str) -> bytes | None:
        return self.kept


class Borrowed:
    """A collector that lends its module at once, and opens it anew where a loan failed."""

    def __init__(self, module: FakeModule) -> None:
        self.module = module
        self.is_bound = True
        self.seen = SimpleNamespace(bound_to=module.serial)

    def borrow(self, do: Callable[[Any], Any], within_s: float) -> Any:
        try:
            return do(self.module)
        except SourceError:
            self.module.fails = lambda _: None
            self.module.open(None, lambda: None)
            raise


class Histories(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.memory = Memory()
        self.library: dict[int, str] = {}
        self.known: set[str] = set()  # fingers that the kiosk has said to know
        self.gone: set[str] = set()  # fingers whose people it has said to have removed
        self.start()

    def start(self) -> None:
        people = [Person(id=one, name=one) for one in PEOPLE]
        self.rosters = Rosters(Adopted(Roster(version=1, people=people)))
        self.slots = SlotMap(self.memory, self.rosters, lambda: TODAY)
        self.module = FakeModule(self.slots)
        self.module.library = self.library
        self.fingers = Fingers(
            self.slots,
            Modules({"jari": Borrowed(self.module)}, ["jari"]),  # type: ignore[dict-item]
            self.rosters,
            lambda _: None,
        )
        self.module.open(None, lambda: None)

    def live(self, do: Callable[[], None], step: str, refuses: int, dies: int) -> None:
        """Do it with what goes wrong; killed, the kiosk starts again."""
        deadly = dies < 0

        def fail(at: str) -> None:
            if at == step:
                self.module.fails = lambda _: None
                raise Killed if deadly else TimedOut("silent")

        self.module.fails = fail
        self.memory.refuses, self.memory.dies = refuses, max(0, dies)
        try:
            with suppress(CannotDo, JournalError):
                do()
        except Killed:
            self.memory.refuses = self.memory.dies = 0
            self.start()
        self.module.fails = lambda _: None
        self.memory.refuses = self.memory.dies = 0

    @rule(
        finger=st.sampled_from(FINGERS),
        step=st.sampled_from(STEPS),
        refuses=st.integers(0, 4),
        dies=st.integers(-1, 4),
    )
    def enrol(self, finger: str, step: str, refuses: int, dies: int) -> None:
        who = finger.partition(":")[0]
        self.module.there = finger
        self.gone.discard(finger)  # begun, it may be known whatever is said of it
        said = {"person": who, "notice": "1", "basis": "public-task", "by": "rudi"}

        def do() -> None:
            self.fingers.enrol(said)
            self.known.add(finger)

        self.live(do, step, refuses, dies)

    @rule(
        who=st.sampled_from(PEOPLE),
        step=st.sampled_from(STEPS),
        refuses=st.integers(0, 4),
        dies=st.integers(-1, 4),
    )
    def remove(self, who: str, step: str, refuses: int, dies: int) -> None:
        theirs = {one for one in FINGERS if one.startswith(who)}
        # Begun, it may have been done whatever is said of it.
        self.known -= theirs

        def do() -> None:
            self.fingers.remove({"person": who, "by": "rudi"})
            self.gone |= theirs

        self.live(do, step, refuses, dies)

    @rule()
    def restart(self) -> None:
        self.start()

    def person(self, slot: int) -> str | None:
        user = self.slots.user(self.module.serial, slot)
        return self.rosters.current.person("finger_slot", user, TODAY)

    @invariant()
    def nobodys_punch_is_anothers(self) -> None:
        for slot, finger in self.library.items():
            assert self.person(slot) in (None, finger.partition(":")[0])

    @invariant()
    def what_was_said_holds(self) -> None:
        self.module.open(None, lambda: None)
        found = {finger for slot, finger in self.library.items() if self.person(slot)}
        assert self.known <= found
        assert not self.gone & found
        assert set(self.slots.of(self.module.serial)) <= set(self.library)


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
