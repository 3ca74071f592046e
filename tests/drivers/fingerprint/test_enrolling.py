"""Enrolment: whatever happens on the way, the slot has the right finger or nothing."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from fakemodule import Clock, FakeModule, FakeSlots, Lost, ack
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import Refused, SourceError, TimedOut, Unreachable
from drivers.fingerprint.codes import Code, Op
from drivers.fingerprint.source import FingerSource
from drivers.fingers import Compared, Duplicate, Stored
from drivers.options import FingerModule
from drivers.prompt import Prompt
from kiosk.screen.compose import PROMPT_STAYS_S

PLACE, LIFT, AGAIN, DONE = (
    Prompt.PLACE_FINGER,
    Prompt.LIFT_FINGER,
    Prompt.AGAIN,
    Prompt.DONE,
)
NOON = datetime(2026, 11, 27, 5, 0, tzinfo=UTC)
WITHIN_S = 60.0
SLOT = 7


class Person:
    """Does what they are told; which finger they lay down, and how, can be said for each time."""

    def __init__(self, fake: FakeModule, *fingers: str, then: str = "tuti") -> None:
        self.fake = fake
        self.fingers = list(fingers)
        self.then = then
        self.told: list[tuple[Prompt, int, int]] = []

    def __call__(self, prompt: Prompt, step: int, of: int) -> None:
        self.told.append((prompt, step, of))
        match prompt:
            case Prompt.PLACE_FINGER if self.fake.finger is None:
                self.fake.finger = self.fingers.pop(0) if self.fingers else self.then
            case Prompt.LIFT_FINGER | Prompt.AGAIN | Prompt.OTHER_FINGER:
                self.fake.finger = None

    @property
    def prompts(self) -> list[Prompt]:
        return [prompt for prompt, _, _ in self.told]


class Stand:
    def __init__(self, ring: bool = False) -> None:
        self.clock = Clock()
        self.fake = FakeModule(self.clock)
        self.fake.library = {3: "budi"}
        if ring:
            self.fake.lacks = {Op.READ_PROD_INFO}
        self.slots = FakeSlots()
        self.beat: Callable[[], None] = lambda: None
        self.source = FingerSource(
            FingerModule(name="pintu", port="/dev/serial0"),
            lambda: NOON,
            self.slots,
            lambda *_: None,
            lambda port, baud, where: self.fake,
            self.clock,
        )
        self.source.open(None, lambda: self.beat())

    def enrol(
        self, person: Callable[[Prompt, int, int], None], mine: tuple[int, ...] = ()
    ) -> Stored | Duplicate:
        return self.source.enrol(person, WITHIN_S, SLOT, 60, mine)


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_two_readings_a_comparison_and_a_proof(stand: Stand) -> None:
    person = Person(stand.fake)
    assert stand.enrol(person) == Stored(SLOT, 100)
    assert stand.fake.library == {3: "budi", SLOT: "tuti"}
    assert person.told == [
        (PLACE, 1, 3),
        (LIFT, 2, 3),
        (PLACE, 2, 3),
        (LIFT, 3, 3),
        (PLACE, 3, 3),
        (DONE, 3, 3),
    ]
    wanted = [Op.SEARCH, Op.MATCH, Op.REG_MODEL, Op.MATCH, Op.STORE, Op.SEARCH]
    assert [op for op in stand.fake.ops if op in wanted] == wanted


def test_modules_with_more_buffers_read_more_often_and_compare_each(stand: Stand) -> None:
    stand = Stand(ring=True)
    person = Person(stand.fake)
    assert stand.enrol(person) == Stored(SLOT, 100)
    assert person.prompts.count(PLACE) == 5
    assert stand.fake.ops.count(Op.MATCH) == 4
    buffers = [one.content[1] for one in stand.fake.said if one.content[0] == Op.IMG_2_TZ]
    assert buffers == [1, 2, 4, 2, 3, 2, 2, 1]


def test_the_finger_that_lies_there_afterwards_is_no_punch(stand: Stand) -> None:
    stand.enrol(Person(stand.fake))
    assert stand.fake.finger == "tuti"
    for _ in range(4):
        reading = stand.source.read(0.5)
        assert reading is None or not reading.punches
    stand.fake.finger = None
    stand.source.read(0.5)
    stand.fake.finger = "tuti"
    found = [one for _ in range(4) if (one := stand.source.read(0.5)) and one.punches]
    assert found[0].punches[0].user == f"u{SLOT}"


# Who is known already.


def test_a_finger_that_is_known_is_not_stored_again(stand: Stand) -> None:
    assert stand.enrol(Person(stand.fake, "budi")) == Duplicate(3, 100)
    assert stand.fake.library == {3: "budi"}
    assert Op.REG_MODEL not in stand.fake.ops


def test_of_the_same_person_another_finger_is_wanted(stand: Stand) -> None:
    person = Person(stand.fake, "budi", "budi", then="budi's left")
    assert stand.enrol(person, mine=(3,)) == Stored(SLOT, 100)
    assert person.prompts.count(Prompt.OTHER_FINGER) == 2
    assert stand.fake.library[SLOT] == "budi's left"


def test_a_find_in_an_empty_slot_is_no_duplicate(stand: Stand) -> None:
    stand.fake.will(Op.SEARCH, ack(0, b"\x01\xee\0\0"))
    assert stand.enrol(Person(stand.fake)) == Stored(SLOT, 100)


@pytest.mark.parametrize(("slot", "says"), [(3, "in use already"), (20, "0 to 19, not 20")])
def test_a_slot_must_be_there_and_empty(stand: Stand, slot: int, says: str) -> None:
    with pytest.raises(Refused, match=says):
        stand.source.enrol(Person(stand.fake), WITHIN_S, slot, 60)
    assert stand.fake.library == {3: "budi"}


# What people do.


@pytest.mark.parametrize("ring", [False, True])
def test_two_fingers_never_become_one_template(ring: bool) -> None:
    """Even where the module would merge them: two people would punch as one."""
    stand = Stand(ring)
    stand.fake.lenient = True
    steps = 4 if ring else 2
    for at in range(1, steps):
        fingers = ["tuti"] * at + ["agus"] + ["tuti"] * steps
        person = Person(stand.fake, *fingers)
        assert stand.enrol(person) == Stored(SLOT, 100)
        assert AGAIN in person.prompts
        assert stand.fake.library[SLOT] == "tuti"
        stand.fake.finger = None
        stand.source.remove(SLOT)


def test_fingers_that_do_not_belong_together_begin_anew_and_end(stand: Stand) -> None:
    person = Person(stand.fake, *["tuti", "agus", "agus", "agus"] * 3)
    with pytest.raises(Refused, match="did not belong to one finger, 3 times over"):
        stand.enrol(person)
    assert stand.fake.library == {3: "budi"}
    stand.fake.will(Op.REG_MODEL, ack(Code.MERGE_FAILED))
    assert stand.enrol(Person(stand.fake)) == Stored(SLOT, 100)


def test_a_poor_match_is_not_stored(stand: Stand) -> None:
    stand.fake.score = 59
    with pytest.raises(Refused, match="matches its template by 59 at most, 60 are wanted"):
        stand.enrol(Person(stand.fake))
    assert Op.STORE not in stand.fake.ops
    assert stand.fake.library == {3: "budi"}


def test_it_says_what_is_wrong_with_a_finger_once_a_second(stand: Stand) -> None:
    person = Person(stand.fake)
    times: list[float] = []

    def ask(prompt: Prompt, step: int, of: int) -> None:
        if prompt is Prompt.TOO_WET:
            times.append(stand.clock.at_s)
        if len(times) == 3:
            stand.fake.feature = Code.OK
        person(prompt, step, of)

    stand.fake.feature = Code.TOO_WET
    assert stand.enrol(ask) == Stored(SLOT, 100)
    assert len(times) == 3
    assert times[2] - times[0] >= 2.0


def test_a_prompt_is_kept_up_while_somebody_is_to_follow_it(stand: Stand) -> None:
    told: list[float] = []
    with pytest.raises(Refused, match="not read within"):
        stand.enrol(lambda prompt, step, of: told.append(stand.clock.at_s))
    assert max(later - before for before, later in pairwise(told)) < PROMPT_STAYS_S / 3
    assert stand.clock.at_s - told[-1] < PROMPT_STAYS_S / 3


@pytest.mark.parametrize("finger", [None, "tuti"], ids=["nobody came", "it is not lifted"])
def test_it_ends_in_time(stand: Stand, finger: str | None) -> None:
    stand.fake.finger = finger
    began_s = stand.clock.at_s
    with pytest.raises(Refused, match="not read within 60 s"):
        stand.enrol(lambda *_: None)
    assert WITHIN_S <= stand.clock.at_s - began_s < WITHIN_S + 1
    assert stand.fake.library == {3: "budi"}


# What goes wrong once it is stored.


def test_what_a_search_does_not_find_is_taken_out_again(stand: Stand) -> None:
    stand.fake.will(Op.SEARCH, ack(9), *[ack(9)] * 3)
    with pytest.raises(Refused, match="stored in slot 7, the finger was found nowhere"):
        stand.enrol(Person(stand.fake))
    assert stand.fake.library == {3: "budi"}


def test_what_a_search_finds_elsewhere_is_taken_out_again(stand: Stand) -> None:
    stand.fake.will(Op.SEARCH, ack(9), ack(0, b"\0\x03\0\x60"))
    with pytest.raises(Refused, match="found in slot 3"):
        stand.enrol(Person(stand.fake))
    assert stand.fake.library == {3: "budi"}


def test_one_search_that_misses_is_no_proof_against_it(stand: Stand) -> None:
    stand.fake.will(Op.SEARCH, ack(9), ack(9))
    assert stand.enrol(Person(stand.fake)) == Stored(SLOT, 100)


def test_a_store_whose_answer_was_lost_is_proven_all_the_same(stand: Stand) -> None:
    stand.fake.will(Op.STORE, Lost())
    assert stand.enrol(Person(stand.fake)) == Stored(SLOT, 100)
    assert stand.fake.ops.count(Op.STORE) == 1


class Cancelled(Exception):
    pass


@pytest.mark.parametrize("at", range(6))
def test_who_asks_may_break_it_off_at_each_step(stand: Stand, at: int) -> None:
    person = Person(stand.fake)

    def ask(prompt: Prompt, step: int, of: int) -> None:
        if len(person.told) == at:
            raise Cancelled
        person(prompt, step, of)

    with pytest.raises(Cancelled):
        stand.enrol(ask)
    assert stand.fake.library == {3: "budi"}


@pytest.mark.parametrize("after", list(Op), ids=lambda op: op.name)
def test_it_is_called_off_after_any_command(stand: Stand, after: Op) -> None:
    """Also in the middle of a store: what was written is taken out before it is left."""
    seen: list[float] = []

    class CalledOff(TimedOut):
        pass

    def beat() -> None:
        if len(stand.fake.ops) > begun and after in stand.fake.ops[begun:]:
            seen.append(stand.clock.at_s)
            raise CalledOff("asked to stop")

    begun = len(stand.fake.ops)
    stand.beat = beat
    try:
        stand.enrol(Person(stand.fake))
    except CalledOff:
        assert stand.clock.at_s - seen[0] < 1.0
        assert stand.fake.library == {3: "budi"}
    else:
        assert not seen


@pytest.mark.parametrize("at", range(12))
def test_a_module_that_dies_leaves_a_slot_that_is_known_to_be_unfinished(
    stand: Stand, at: int
) -> None:
    """Nobody can empty it then; the error says so, and the next open does it."""
    person, hear = Person(stand.fake), stand.fake.write

    def write(octets: bytes) -> None:
        hear(octets)
        if Op.STORE in stand.fake.ops and len(stand.fake.ops) >= stored_at() + at:
            stand.fake.is_gone = True

    def stored_at() -> int:
        return stand.fake.ops.index(Op.STORE) + 1

    stand.fake.write = write  # type: ignore[method-assign]
    if at > 3:  # it has been found before the module dies
        assert stand.enrol(person) == Stored(SLOT, 100)
        return
    with pytest.raises(Unreachable) as left:
        stand.enrol(person)
    assert left.value.__notes__ == [
        "slot 7 could not be emptied: source pintu (fp0): the port is gone"
    ]
    stand.source.close()
    stand.fake.write, stand.fake.is_gone = hear, False  # type: ignore[method-assign]
    stand.slots.says = Compared(remove=(SLOT,))
    stand.source.open(None, lambda: None)
    assert stand.fake.library == {3: "budi"}


FAULTS = st.sampled_from(
    [b"", ack(0)[:-1], ack(1), ack(9), ack(0x15), ack(0x18), ack(0xFC), Lost()]
)


@given(st.lists(st.tuples(st.sampled_from(list(Op)), FAULTS), max_size=6), st.booleans())
def test_whatever_the_line_does_the_slot_has_the_finger_or_nothing(
    faults: list[tuple[Op, bytes | Lost]], ring: bool
) -> None:
    stand = Stand(ring)
    for op, fault in faults:
        stand.fake.will(op, fault)
    try:
        done = stand.enrol(Person(stand.fake))
    except SourceError as error:
        is_said = any("could not be emptied" in note for note in getattr(error, "__notes__", ()))
        assert SLOT not in stand.fake.library or is_said
    else:
        assert (SLOT in stand.fake.library) == isinstance(done, Stored)
    assert stand.fake.library.get(3) == "budi"
    assert stand.fake.library.get(SLOT, "tuti") == "tuti"
