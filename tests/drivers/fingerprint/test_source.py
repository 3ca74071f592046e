"""The source: who laid a finger on it, once a visit; what it is opened with; when it gives up."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from fakemodule import Clock, FakeModule, FakeSlots, Lost, ack
from msgspec import structs

from drivers.base import Credential, LeftAtOnce, Method, Punch, Reading
from drivers.errors import Refused, TimedOut, Unreachable
from drivers.fingerprint.codes import Code, Op
from drivers.fingerprint.identity import PAGE, written
from drivers.fingerprint.opening import STUCK_S
from drivers.fingerprint.source import GIVEN_UP_S, FingerSource
from drivers.fingers import Compared, KnowsFingers
from drivers.options import FingerModule
from drivers.pending import COVER_EVERY_S
from drivers.prompt import Prompt
from drivers.registry import Around, build
from drivers.store import Secret

NOON = datetime(2026, 11, 27, 5, 0, tzinfo=UTC)  # 12.00 in Jakarta
OPTIONS = FingerModule(name="pintu", port="/dev/serial0")


class Stand:
    """A source at a fake module, and what it said."""

    def __init__(self, options: FingerModule = OPTIONS) -> None:
        self.clock = Clock()
        self.fake = FakeModule(self.clock)
        self.fake.library = {3: "budi", 5: "siti"}
        self.fake.notepad = {PAGE: written(bytes(16))}
        self.slots = FakeSlots()
        self.prompts: list[Prompt] = []
        self.told_s: list[float] = []
        self.source = FingerSource(
            options,
            lambda: NOON + timedelta(seconds=self.clock.at_s - 1_000),
            self.slots,
            self._tell,
            lambda port, baud, where: self.fake,
            self.clock,
        )

    def _tell(self, name: str, prompt: Prompt) -> None:
        assert name == "pintu"
        self.prompts.append(prompt)
        self.told_s.append(self.clock.at_s)

    def open(self) -> str:
        return self.source.open(None, lambda: None).serial

    def run(self, for_s: float) -> list[Punch]:
        """Read for so long, as the daemon does; return the punches."""
        until_s, punches = self.clock.at_s + for_s, []
        while self.clock.at_s < until_s:
            reading = self.source.read(min(1.0, until_s - self.clock.at_s))
            if reading is not None:
                punches += reading.punches
                self.source.confirm(reading)
        return punches

    def visit(self, finger: str | None, for_s: float = 1.0) -> list[Punch]:
        """Lay a finger down, lift it; return what it made."""
        self.fake.finger = finger
        punches = self.run(for_s)
        self.fake.finger = None
        return punches + self.run(0.5)


@pytest.fixture
def stand() -> Stand:
    made = Stand()
    made.open()
    made.run(0.2)
    return made


def raw(punch: Punch) -> dict[str, int]:
    told: dict[str, int] = msgspec.json.decode(punch.raw)
    return told


def test_it_is_what_it_says(stand: Stand) -> None:
    assert isinstance(stand.source, KnowsFingers)
    assert isinstance(stand.source, LeftAtOnce)
    assert stand.source.left_at_once
    made = build(OPTIONS, lambda: NOON, around=Around(slots=stand.slots))
    assert isinstance(made, FingerSource)
    with pytest.raises(ValueError, match="source pintu: nobody knows who is in which slot"):
        build(OPTIONS, lambda: NOON)


# Punches.


def test_one_visit_is_one_punch(stand: Stand) -> None:
    [punch] = stand.visit("budi", 20.0)
    assert punch.terminal == stand.slots.compared[0][0]
    assert (punch.credential, punch.user) == (Credential.FINGER_SLOT, "u3")
    assert (punch.method, punch.time) == (Method.FINGERPRINT, "2026-11-27T12:00:00")
    assert raw(punch).keys() == {"slot", "score", "retries", "ms"}
    assert (raw(punch)["slot"], raw(punch)["score"], raw(punch)["retries"]) == (3, 100, 0)
    assert [one.user for one in stand.visit("budi") + stand.visit("siti")] == ["u3", "u5"]


def test_a_finger_that_was_named_is_not_read_again_while_it_stays(stand: Stand) -> None:
    stand.fake.finger = "budi"
    assert len(stand.run(1.0)) == 1
    stand.fake.said.clear()
    stand.fake.feature = Code.TOO_DRY
    assert stand.run(5.0) == []
    assert set(stand.fake.ops) == {Op.GEN_IMG}
    assert stand.prompts == []


def test_one_picture_without_a_finger_is_no_lifting(stand: Stand) -> None:
    stand.fake.finger = "budi"
    assert len(stand.run(0.5)) == 1
    for _ in range(3):
        stand.fake.will(Op.GEN_IMG, ack(Code.NO_FINGER), ack(Code.OK))
        assert stand.run(0.5) == []
    stand.fake.will(Op.GEN_IMG, ack(Code.NO_FINGER), ack(Code.NO_FINGER))
    assert len(stand.run(0.5)) == 1


def test_no_picture_is_taken_between_features_and_search(stand: Stand) -> None:
    stand.visit("budi")
    stand.visit("nobody")
    ops = stand.fake.ops
    for at, op in enumerate(ops):
        if op is Op.IMG_2_TZ:
            assert ops[at + 1] is Op.SEARCH


def test_a_finger_that_is_read_badly_is_tried_again_where_it_lies(stand: Stand) -> None:
    stand.fake.finger, stand.fake.feature = "budi", Code.TOO_DRY
    assert stand.run(3.0) == []
    assert set(stand.prompts) == {Prompt.TOO_DRY}
    gaps = [b - a for a, b in zip(stand.told_s, stand.told_s[1:], strict=False)]
    assert gaps
    assert min(gaps) >= 1.0
    stand.fake.feature = Code.TOO_FEW_POINTS
    stand.run(0.2)
    stand.fake.feature, stand.fake.image = Code.OK, Code.IMAGE_FAILED
    stand.run(0.2)
    stand.fake.image = Code.OK
    [punch] = stand.run(0.5)
    assert raw(punch)["retries"] > 3
    assert raw(punch)["ms"] > 3000
    assert stand.prompts[-2:] == [Prompt.CENTRE_FINGER, Prompt.AGAIN]


def test_a_picture_that_the_module_lost_is_taken_again(stand: Stand) -> None:
    stand.fake.will(Op.IMG_2_TZ, ack(Code.NO_IMAGE))
    assert [one.user for one in stand.visit("budi")] == ["u3"]
    assert stand.prompts == []


def test_a_punch_is_told_until_it_is_on_disk(stand: Stand) -> None:
    stand.fake.finger = "budi"
    [first] = [one for _ in range(3) if (one := stand.source.read(0.5))][:1]
    assert stand.source.read(0.0) == first
    stand.source.close()
    stand.open()
    again = stand.source.read(0.0)
    assert again is not None
    assert again.punches == first.punches
    stand.source.confirm(again)
    assert stand.run(1.0) == []


# Strangers.


def test_who_gives_up_is_one_stranger(stand: Stand) -> None:
    assert stand.visit("nobody") == []
    assert stand.visit("nobody") == []
    assert stand.prompts == [Prompt.AGAIN, Prompt.FAILED]
    assert stand.run(GIVEN_UP_S - 2.0) == []
    [punch] = stand.run(3.0)
    assert punch.user.startswith("?")
    assert len(punch.user) == 17
    assert punch.time == "2026-11-27T12:00:00"  # when they came
    assert "slot" not in raw(punch)
    assert stand.run(60.0) == []
    stand.visit("nobody")
    [other] = stand.run(GIVEN_UP_S + 1)
    assert other.user != punch.user


def touch(stand: Stand, finger: str) -> list[Punch]:
    """Lay a finger down for no longer than one search takes."""
    looked = stand.fake.ops.count(Op.SEARCH)
    stand.fake.finger, punches = finger, []
    while stand.fake.ops.count(Op.SEARCH) == looked:
        punches += stand.run(0.01)
    stand.fake.finger = None
    return punches + stand.run(0.5)


def test_who_only_touches_it_and_gives_up_is_a_stranger_too(stand: Stand) -> None:
    """Somebody was there: nobody may say that nobody came."""
    assert touch(stand, "nobody") == []
    assert stand.fake.ops.count(Op.SEARCH) == 1
    assert stand.prompts == [Prompt.AGAIN]
    [punch] = stand.run(GIVEN_UP_S + 2.0)
    assert punch.user.startswith("?")


def test_who_touches_it_too_shortly_and_then_well_leaves_no_stranger(stand: Stand) -> None:
    assert touch(stand, "nobody") == []
    assert [one.user for one in stand.visit("budi")] == ["u3"]
    assert stand.run(GIVEN_UP_S + 2.0) == []


def test_who_is_known_at_the_second_try_leaves_no_stranger(stand: Stand) -> None:
    stand.visit("nobody")
    assert [one.user for one in stand.visit("budi")] == ["u3"]
    assert stand.run(60.0) == []


def test_the_time_to_try_again_begins_when_the_finger_is_lifted(stand: Stand) -> None:
    assert stand.visit("nobody", GIVEN_UP_S + 5) == []
    assert stand.run(GIVEN_UP_S - 2) == []
    assert len(stand.run(4.0)) == 1


def test_who_is_at_it_again_has_not_given_up(stand: Stand) -> None:
    stand.visit("nobody")
    stand.run(GIVEN_UP_S - 2)
    stand.fake.finger, stand.fake.feature = "budi", Code.TOO_DRY
    assert stand.run(10) == []
    stand.fake.feature = Code.OK
    assert [one.user for one in stand.run(1.0)] == ["u3"]
    stand.fake.finger = None
    assert stand.run(60) == []


def test_a_stranger_survives_a_module_that_dies(stand: Stand) -> None:
    serial = stand.slots.compared[0][0]
    stand.fake.finger = "nobody"
    stand.run(1.0)
    stand.source.close()
    stand.fake.finger = None
    stand.fake.notepad.clear()  # another module is there now
    assert stand.open() != serial
    [punch] = stand.run(GIVEN_UP_S + 2)
    assert punch.terminal == serial


@pytest.mark.parametrize("slot", [4, 19, 20, 0xFFFF])
def test_a_finger_in_an_empty_slot_is_nobody(stand: Stand, slot: int) -> None:
    stand.fake.will(Op.SEARCH, ack(0, slot.to_bytes(2, "big") + b"\0\x60"))
    stand.fake.finger = "budi"
    readings = [one for _ in range(4) if (one := stand.source.read(0.3))]
    [punch] = readings[0].punches
    assert punch.user.startswith("?")
    assert raw(punch)["slot"] == slot
    assert any("which is empty" in said for said in readings[0].warnings or ())


def test_a_slot_that_was_filled_meanwhile_is_somebody(stand: Stand) -> None:
    stand.fake.library[9] = "tuti"
    assert [one.user for one in stand.visit("tuti")] == ["u9"]


# Coverage.


def covered(stand: Stand, for_s: float) -> list[Reading]:
    until_s, found = stand.clock.at_s + for_s, []
    while stand.clock.at_s < until_s:
        reading = stand.source.read(1.0)
        if reading is not None:
            stand.source.confirm(reading)
            if reading.tail is not None:
                found.append(reading)
    return found


def test_that_nobody_came_is_told_now_and_then() -> None:
    stand = Stand()
    stand.open()
    first, second = covered(stand, COVER_EVERY_S + 10)
    assert first.tail is not None
    assert (first.tail.through, first.tail.records) == ("2026-11-27T12:00:00", 0)
    assert first.position is not None
    assert second.tail is not None
    assert second.tail.through == "2026-11-27T12:15:00"


def test_where_the_line_loses_much_silence_proves_nothing() -> None:
    stand = Stand()
    stand.open()
    assert len(covered(stand, 5)) == 1
    until_s, told = stand.clock.at_s + COVER_EVERY_S, []
    while not told and stand.clock.at_s < until_s:
        stand.fake.will(Op.GEN_IMG, Lost())  # of a dozen answers one
        reading = stand.source.read(1.0)
        if reading is not None:
            stand.source.confirm(reading)
            told += [reading] if reading.lost or reading.tail else []
    [one] = told
    assert one.tail is None
    assert one.lost is not None
    assert (one.lost.since, one.lost.until) == ("2026-11-27T12:00:00", "2026-11-27T12:15:00")
    assert "who was quick may have been missed" in one.lost.reason
    # The next quarter of an hour is good again, and proved.
    [after] = covered(stand, COVER_EVERY_S + 10)
    assert after.tail is not None


def test_it_is_not_told_while_somebody_may_become_a_stranger() -> None:
    stand = Stand()
    stand.fake.finger = "nobody"
    stand.open()
    assert covered(stand, COVER_EVERY_S) == []  # it lies there
    stand.fake.finger = None
    assert covered(stand, GIVEN_UP_S - 1) == []
    assert len(covered(stand, 5)) == 1


def test_what_lies_there_for_ever_is_told_and_bothers_nobody(stand: Stand) -> None:
    stand.fake.finger, stand.fake.feature = "dirt", Code.TOO_MESSY
    stand.run(STUCK_S + 2)
    stand.prompts.clear()
    stand.run(60)
    assert stand.prompts == []
    stand.fake.finger = None
    reading = stand.source.read(1.0)
    assert reading is not None
    assert reading.warnings == ()


def test_the_stuck_glass_is_a_warning(stand: Stand) -> None:
    stand.fake.finger, stand.fake.feature = "dirt", Code.TOO_MESSY
    told = [
        one.warnings
        for _ in range(int(STUCK_S) + 3)
        if (one := stand.source.read(1.0)) and one.warnings
    ]
    assert len(told) == 1
    assert "clean it" in told[0][0]


def test_a_print_that_was_left_on_the_glass_stops_nothing(stand: Stand) -> None:
    """Some modules answer GEN_IMG by 15 then: no image, though something is there."""
    stand.fake.finger, stand.fake.image = "dirt", Code.NO_IMAGE
    assert stand.run(10.0) == []
    stand.fake.image = Code.OK
    assert [one.user for one in stand.visit("budi")] == ["u3"]


# Opening.


def test_the_first_reading_says_what_a_technician_should_know() -> None:
    stand = Stand()
    stand.fake.at_baud = 9_600
    stand.slots.says = Compared(remove=(5,), warnings=("slot 3 is nobody's",))
    serial = stand.open()
    assert stand.slots.compared == [(serial, frozenset({3, 5}))]
    assert stand.slots.emptied == [5]
    assert stand.fake.library == {3: "budi"}
    reading = stand.source.read(0.0)
    assert reading is not None
    assert reading.warnings == (
        "the module answers at 9600 baud, not at 57600: set baud = 9600",
        "slot 3 is nobody's",
    )
    assert stand.source.read(0.0) is None


def test_what_was_removed_is_warned_of_no_more(stand: Stand) -> None:
    stand.slots.says = Compared(warnings=("slot 3 is nobody's",))
    stand.open()
    reading = stand.source.read(1.0)
    assert reading is not None
    assert reading.warnings == ("slot 3 is nobody's",)
    stand.slots.says = Compared()
    stand.source.remove(3)
    later = [one for _ in range(3) if (one := stand.source.read(1.0)) is not None]
    assert [one.warnings for one in later if one.warnings is not None] == [()]


def test_a_module_that_works_has_no_warnings(stand: Stand) -> None:
    stand.open()
    reading = stand.source.read(0.0)
    assert reading is not None
    assert reading.warnings == ()


def test_another_module_says_so_at_every_open(stand: Stand) -> None:
    mine = stand.slots.compared[0][0]
    assert stand.open() == mine
    stand.fake.notepad.clear()
    identity = stand.source.open(None, lambda: None)
    assert identity.serial != mine
    assert not identity.has_clock
    assert identity.model == "zfm20/20"
    [punch] = stand.visit("budi")
    assert punch.terminal == identity.serial


@pytest.mark.parametrize(("has", "writes"), [(3, 1), (4, 0)])
def test_security_is_set_only_where_it_is_another(has: int, writes: int) -> None:
    stand = Stand(structs.replace(OPTIONS, security=4))
    stand.fake.security = has
    stand.open()
    assert stand.fake.ops.count(Op.SET_SYS_PARA) == writes
    assert stand.source.module().security == 4


def test_security_that_does_not_take_is_said() -> None:
    stand = Stand(structs.replace(OPTIONS, security=4))
    stand.fake.will(Op.SET_SYS_PARA, ack(0))
    stand.open()
    reading = stand.source.read(0.0)
    assert reading is not None
    assert reading.warnings == ("security = 4 was set and the module still tells 3: "
                                "power it off once",)  # fmt: skip


def test_a_module_that_falls_silent_is_given_up_within_seconds(stand: Stand) -> None:
    stand.fake.write = lambda octets: None  # type: ignore[method-assign]
    began_s = stand.clock.at_s
    with pytest.raises(TimedOut, match=r"source pintu \(/dev/serial0\): .* was not answered"):
        stand.run(20)
    assert stand.clock.at_s - began_s < 7


def test_a_port_that_is_gone_leaves_nothing_open(stand: Stand) -> None:
    stand.fake.is_gone = True
    with pytest.raises(Unreachable):
        stand.run(1)
    stand.source.close()
    stand.source.close()
    with pytest.raises(Unreachable):
        stand.open()
    assert not stand.fake.is_open
    with pytest.raises(TimedOut, match="not open"):
        stand.source.read(0.0)
    stand.fake.is_gone = False
    stand.open()
    assert [one.user for one in stand.visit("budi")] == ["u3"]


def test_a_finger_that_lies_there_while_the_module_is_opened_anew_is_one_visit(
    stand: Stand,
) -> None:
    stand.fake.finger = "budi"
    assert len(stand.run(1.0)) == 1
    stand.open()
    assert stand.run(1.0) == []
    stand.source.close()
    stand.clock.at_s += 60  # who lies there now may be somebody else
    stand.open()
    assert len(stand.run(1.0)) == 1


@pytest.mark.parametrize("lost", ["module", "picture", "lifting"])
def test_somebody_else_who_was_quick_while_nobody_looked_is_another_visit(
    stand: Stand, lost: str
) -> None:
    stand.fake.finger = "budi"
    assert [one.user for one in stand.run(1.0)] == ["u3"]
    stand.fake.finger = "siti"
    if lost == "module":
        stand.source.close()
        stand.clock.at_s += 3.0
        stand.open()
    elif lost == "picture":
        stand.fake.will(Op.GEN_IMG, b"")
    else:
        stand.fake.will(Op.GEN_IMG, ack(Code.NO_FINGER))  # once, and the second one was lost
    assert [one.user for one in stand.run(3.0)] == ["u5"]
    assert stand.visit("siti", 3.0) == []


def test_a_punch_has_the_time_of_its_picture_however_long_the_search_takes(stand: Stand) -> None:
    stand.fake.will(Op.SEARCH, b"")
    stand.fake.finger = "budi"
    [punch] = stand.run(5.0)
    assert punch.time == "2026-11-27T12:00:00"


def test_the_same_finger_read_badly_after_nobody_looked_is_no_stranger(stand: Stand) -> None:
    stand.fake.finger = "budi"
    assert len(stand.run(1.0)) == 1
    stand.fake.will(Op.GEN_IMG, b"")
    stand.fake.will(Op.IMG_2_TZ, ack(Code.TOO_DRY))
    stand.fake.will(Op.SEARCH, *[ack(Code.NOT_FOUND)] * 2)
    assert stand.visit("budi", 3.0) == []
    assert stand.run(GIVEN_UP_S + 1) == []
    assert not stand.prompts


def test_it_is_called_off_within_a_quarter_of_a_second() -> None:
    class CalledOff(TimedOut):
        pass

    stopping: list[float] = []

    def beat() -> None:
        if stopping:
            raise CalledOff("asked to stop")

    stand = Stand()
    stand.source.open(None, beat)
    stand.run(0.3)
    stand.fake.write = lambda octets: stopping.append(stand.clock.at_s)  # type: ignore[method-assign]
    with pytest.raises(CalledOff):
        stand.run(3)
    assert stand.clock.at_s - stopping[0] < 0.25
    stand.source.close()
    assert not stand.fake.is_open


# The light.


def lit(stand: Stand) -> list[bytes]:
    return [one.content[1:] for one in stand.fake.said if one.content[0] == Op.AURA_LED_CONFIG][
        1:
    ]  # the first one is a question


@pytest.fixture
def ring() -> Stand:
    made = Stand()
    made.fake.lacks = {Op.READ_PROD_INFO}
    made.open()
    made.run(0.2)
    return made


def test_green_comes_only_once_the_punch_is_on_disk(ring: Stand) -> None:
    ring.fake.finger = "budi"
    reading = None
    while reading is None:
        reading = ring.source.read(0.5)
    assert lit(ring) == []
    ring.source.confirm(reading)
    assert lit(ring) == [bytes((2, 100, 4, 1))]


def test_red_comes_at_once_and_for_a_stranger_nothing_more(ring: Stand) -> None:
    ring.visit("nobody")
    assert lit(ring) == [bytes((2, 25, 1, 2))]
    assert len(ring.run(GIVEN_UP_S + 2)) == 1
    assert len(lit(ring)) == 1


def test_the_ring_is_told_nothing_before_its_effect_is_over(ring: Stand) -> None:
    times: list[float] = []
    does = ring.fake._aura_led_config

    def noting(args: bytes) -> bytes:
        times.append(ring.clock.at_s)
        return does(args)

    ring.fake._aura_led_config = noting  # type: ignore[method-assign]
    ring.fake.finger = "nobody"
    ring.run(0.3)
    ring.fake.finger = None
    ring.run(0.15)
    ring.fake.finger = "budi"
    ring.run(2.0)
    red, green = times
    assert green - red >= 0.5


def test_a_light_that_does_not_answer_costs_no_punch(ring: Stand) -> None:
    ring.fake.will(Op.AURA_LED_CONFIG, *[b""] * 10)
    assert [one.user for one in ring.visit("budi", 3.0)] == ["u3"]
    assert [one.user for one in ring.visit("siti", 3.0)] == ["u5"]


def test_a_back_light_goes_on_and_off_again(stand: Stand) -> None:
    stand.fake.lacks -= {Op.LED_OFF}
    stand.open()
    stand.fake.said.clear()
    stand.visit("budi", 2.0)
    assert [op for op in stand.fake.ops if op in (Op.LED_ON, Op.LED_OFF)] == [Op.LED_ON, Op.LED_OFF]


# Templates.


def test_a_template_goes_to_another_slot_and_is_read_back(stand: Stand) -> None:
    template = stand.source.template(3)
    assert template == Secret(b"budi")
    assert "budi" not in repr(template)
    stand.source.keep(7, template)
    assert stand.source.occupied() == {3, 5, 7}
    assert [one.user for one in stand.visit("budi")] == ["u3"]
    stand.source.remove(7)
    assert stand.source.occupied() == {3, 5}


def test_a_template_is_not_written_over_another(stand: Stand) -> None:
    with pytest.raises(Refused, match="slot 3 is in use already"):
        stand.source.keep(3, Secret(b"siti"))
    with pytest.raises(Refused, match="slot 7 is empty"):
        stand.source.template(7)


def test_a_template_that_did_not_arrive_leaves_the_slot_empty(stand: Stand) -> None:
    stand.fake.buffers[1] = "somebody else"
    stand.fake.will(Op.DOWN_CHAR, ack(0))
    hear: Callable[..., None] = stand.fake._hear
    stand.fake._hear = (  # type: ignore[method-assign]
        lambda frame: hear(frame) if frame.pid == 1 else None
    )
    with pytest.raises(Refused, match="slot 7 does not have what was written"):
        stand.source.keep(7, Secret(b"budi"))
    assert stand.fake.library == {3: "budi", 5: "siti"}
