"""The simulated finger module: one answer to each command, and no change without an OK."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from drivers.sim.r30xcommands import LENGTHS
from drivers.sim.r30xfinger import Finger, Glass, Print, Quality, read, score, written
from drivers.sim.r30xflash import Flash
from drivers.sim.r30xmodule import Answer, Module
from drivers.sim.r30xprofile import PROFILES, Profile, Unknown
from drivers.sim.r30xwire import BROADCAST, Code, Damaged, Frame, Op, Pid

STREAMS = {Op.UP_CHAR, Op.UP_IMAGE, Op.READ_INF_PAGE}


class Bench:
    """A module on a table: commands as bytes, answers as frames."""

    def __init__(self, profile: Profile | str = "zfm20") -> None:
        self.profile = PROFILES[profile] if isinstance(profile, str) else profile
        self.glass = Glass()
        self.flash = Flash(self.profile, "SIM00001")
        self.module = Module(self.profile, self.flash, self.glass)

    def ask(self, op: int, *octets: int) -> Answer:
        return self.module.take(Frame(self.flash.address, Pid.COMMAND, bytes([op, *octets])))

    def says(self, op: int, *octets: int) -> Code:
        return Code(self.ask(op, *octets).frames[0].content[0])

    def said(self, op: int, *octets: int) -> bytes:
        return self.ask(op, *octets).frames[0].content

    def stream(self, op: int, *octets: int) -> bytes:
        return b"".join(one.content for one in self.ask(op, *octets).frames[1:])

    def send(self, octets: bytes) -> None:
        for at in range(0, len(octets), 128):
            pid = Pid.LAST if at + 128 >= len(octets) else Pid.MORE
            frame = Frame(self.flash.address, pid, octets[at : at + 128])
            assert self.module.take(frame).frames == ()

    def reads(self, identity: str, buffer: int, likeness: int = 100) -> None:
        self.glass.place(Finger(identity, likeness=likeness))
        assert self.says(Op.GEN_IMG) is Code.OK
        assert self.says(Op.IMG2TZ, buffer) is Code.OK
        self.glass.lift()

    def enrols(self, identity: str, page: int) -> None:
        for buffer in range(1, self.profile.buffers + 1):
            self.reads(identity, buffer)
        assert self.says(Op.REG_MODEL) is Code.OK
        assert self.says(Op.STORE, 1, page >> 8, page & 0xFF) is Code.OK


def commands(profile: Profile) -> st.SearchStrategy[bytes]:
    """Any command, with arguments that often mean something."""
    small = st.one_of(st.integers(0, 7), st.integers(0, 255))

    def arguments(op: int) -> st.SearchStrategy[bytes]:
        usual = LENGTHS.get(Op(op), 0) if op in profile.ops else 0
        length = st.one_of(st.just(usual), st.just(usual), st.integers(0, 40))
        return length.flatmap(
            lambda n: st.lists(small, min_size=n, max_size=n).map(lambda a: bytes([op, *a]))
        )

    # The others are those that it does not know.
    known = st.sampled_from(sorted(profile.ops))
    return st.one_of(known, known, known, st.integers(0, 255)).flatmap(arguments)


fingers = st.one_of(
    st.none(), st.builds(Finger, st.sampled_from(["siti", "budi"]), st.sampled_from(Quality))
)


@given(st.data(), st.sampled_from(sorted(PROFILES)))
def test_one_answer_and_no_change_without_an_ok(data: st.DataObject, name: str) -> None:
    bench = Bench(name)
    bench.enrols("siti", 3)
    for _ in range(data.draw(st.integers(1, 12))):
        finger = data.draw(fingers)
        bench.glass.lift() if finger is None else bench.glass.place(finger)
        content = data.draw(commands(bench.profile))
        before, kept = dict(bench.flash.library), bench.flash.noted(0)
        said = bench.module.take(Frame(bench.flash.address, Pid.COMMAND, content))
        if content[0] not in bench.profile.ops and bench.profile.unknown is Unknown.SILENCE:
            assert said.frames == ()
            continue
        ack, *stream = said.frames
        if content[0] not in bench.profile.ops and bench.profile.unknown is Unknown.ECHO:
            assert ack.content == content
            continue
        assert ack.pid is Pid.ACK
        assert ack.address == bench.flash.address
        ok = ack.content[0] == Code.OK
        assert [one.pid for one in stream] == [Pid.MORE] * (len(stream) - 1) + [Pid.LAST] * bool(
            stream
        )
        assert bool(stream) == (ok and content[0] in STREAMS)
        if not ok:
            assert bench.flash.library == before
            assert bench.flash.noted(0) == kept


@given(st.lists(st.sampled_from(["siti", "budi", "tono"]), min_size=1, max_size=4))
def test_templates_survive_a_power_cycle_and_buffers_do_not(names: list[str]) -> None:
    bench = Bench()
    for page, name in enumerate(names):
        bench.enrols(name, page)
    before = dict(bench.flash.library)
    bench.module.power_up()
    assert bench.flash.library == before
    assert bench.says(Op.UP_CHAR, 1) is Code.UPLOAD_FAILED
    assert bench.says(Op.UP_IMAGE) is Code.IMAGE_UPLOAD_FAILED
    assert bench.says(Op.IMG2TZ, 1) is Code.NO_IMAGE
    assert bench.says(Op.SEARCH, 1, 0, 0, 0, 162) is Code.NOT_FOUND


@given(st.binary(max_size=40), st.sampled_from([Pid.COMMAND, Pid.MORE]))
def test_a_foreign_address_is_silence(content: bytes, pid: Pid) -> None:
    bench = Bench()
    assert bench.module.take(Frame(BROADCAST - 1, pid, content or b"\x01")) == Answer()


def test_a_wrong_checksum_is_told_and_nothing_is_done() -> None:
    bench = Bench()
    bench.enrols("siti", 3)
    said = bench.module.take(Damaged(BROADCAST, Pid.COMMAND, bytes([Op.EMPTY])))
    assert [one.content for one in said.frames] == [bytes([Code.RECEIVE_ERROR])]
    assert set(bench.flash.library) == {3}


@pytest.mark.parametrize(
    ("quality", "profile", "code"),
    [
        (Quality.DRY, "r307", Code.TOO_DRY),
        (Quality.WET, "r307", Code.TOO_WET),
        (Quality.DRY, "zfm20", Code.TOO_FEW_POINTS),
        (Quality.WET, "zfm20", Code.TOO_MESSY),
        (Quality.SMUDGE, "r307", Code.TOO_MESSY),
        (Quality.PARTIAL, "r307", Code.TOO_FEW_POINTS),
    ],
)
def test_what_a_module_says_of_a_finger(quality: Quality, profile: str, code: Code) -> None:
    bench = Bench(profile)
    bench.glass.place(Finger("siti", quality))
    assert bench.says(Op.GEN_IMG) is Code.OK
    assert bench.says(Op.IMG2TZ, 1) is code


def test_an_image_that_fails_leaves_the_last_one() -> None:
    bench = Bench()
    bench.reads("siti", 1)
    bench.glass.place(Finger("budi", Quality.NONE))
    assert bench.says(Op.GEN_IMG) is Code.IMAGE_FAILED
    assert bench.says(Op.UP_IMAGE) is Code.OK


def test_an_image_between_feature_and_search_spoils_an_r503s_search() -> None:
    for profile, code in (("r503-1.2.2", Code.NOT_FOUND), ("zfm20", Code.OK)):
        bench = Bench(profile)
        bench.enrols("siti", 3)
        bench.reads("siti", 1)
        assert bench.says(Op.GEN_IMG) is Code.NO_FINGER
        assert bench.says(Op.SEARCH, 1, 0, 0, 0, 150) is code


def test_what_is_told_of_a_miss() -> None:
    for profile, told in (("r503-1.2.2", "0901ee0000"), ("r307", "0900000000")):
        bench = Bench(profile)
        bench.reads("siti", 1)
        assert bench.said(Op.SEARCH, 1, 0, 0, 0, 150).hex() == told


def test_two_fingers_do_not_match_and_only_a_lenient_lot_merges_them() -> None:
    strict = PROFILES["r307"]
    for profile, code in ((strict, Code.MERGE_FAILED), (replace(strict, lenient=True), Code.OK)):
        bench = Bench(profile)
        bench.reads("siti", 1)
        bench.reads("budi", 2)
        assert bench.said(Op.MATCH) == bytes([Code.NO_MATCH, 0, 0])
        assert bench.says(Op.REG_MODEL) is code
    assert bench.says(Op.STORE, 1, 0, 9) is Code.OK
    for name in ("siti", "budi"):
        bench.reads(name, 1)
        assert bench.said(Op.SEARCH, 1, 0, 0, 3, 0)[:3] == bytes([Code.OK, 0, 9])


def test_a_match_that_fails_may_have_no_score() -> None:
    bench = Bench("r503-1.2.2")
    bench.reads("siti", 1)
    bench.reads("budi", 2)
    assert bench.said(Op.MATCH) == bytes([Code.NO_MATCH])


def test_the_security_level_is_the_least_score() -> None:
    bench = Bench()
    bench.enrols("siti", 3)
    bench.reads("siti", 1, likeness=35)
    assert bench.says(Op.SEARCH, 1, 0, 0, 0, 162) is Code.OK
    assert bench.says(Op.SET_SYS_PARA, 5, 5) is Code.OK
    assert bench.says(Op.SEARCH, 1, 0, 0, 0, 162) is Code.NOT_FOUND


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_template_goes_to_another_module_and_a_damaged_one_does_not(profile: str) -> None:
    one, other = Bench(profile), Bench(profile)
    one.enrols("siti", 3)
    assert one.says(Op.LOAD_CHAR, 1, 0, 3) is Code.OK
    template = one.stream(Op.UP_CHAR, 1)
    assert template[:2] == b"\x03\x01"
    assert len(template) == one.profile.template_bytes
    for sent, code in ((template, Code.OK), (b"\xff" * len(template), Code.FLASH_ERROR)):
        assert other.says(Op.DOWN_CHAR, 1) is Code.OK
        other.send(sent)
        assert other.says(Op.STORE, 1, 0, 7) is code
    assert other.flash.library[7] == one.flash.library[3]


def test_a_transfer_that_is_left_off_keeps_nothing() -> None:
    bench = Bench()
    bench.enrols("siti", 3)
    bench.says(Op.DOWN_CHAR, 1)
    bench.module.take(Frame(BROADCAST, Pid.MORE, bytes(128)))
    assert bench.says(Op.STORE, 1, 0, 9) is Code.FLASH_ERROR


@pytest.mark.parametrize(
    ("profile", "first"),
    [("zfm20", b"\x21"), ("r551", b"\x42")],  # pages 0 and 5; an R551 leaves its first bit out
)
def test_the_index_table(profile: str, first: bytes) -> None:
    bench = Bench(profile)
    bench.enrols("siti", 0)
    bench.enrols("budi", 5)
    assert bench.said(Op.READ_INDEX_TABLE, 0) == b"\0" + first + bytes(31)
    assert bench.said(Op.TEMPLETE_NUM) == b"\0\0\2"


def test_a_password_is_asked_for_after_each_power_cycle() -> None:
    bench = Bench()
    assert bench.says(Op.SET_PWD, 0, 0, 0, 7) is Code.OK
    bench.module.power_up()
    assert bench.says(Op.TEMPLETE_NUM) is Code.UNVERIFIED
    assert bench.says(Op.VFY_PWD, 0, 0, 0, 8) is Code.WRONG_PASSWORD
    assert bench.says(Op.TEMPLETE_NUM) is Code.UNVERIFIED
    assert bench.says(Op.VFY_PWD, 0, 0, 0, 7) is Code.OK
    assert bench.says(Op.TEMPLETE_NUM) is Code.OK


def test_a_new_address_is_in_its_ack_already() -> None:
    bench = Bench()
    said = bench.ask(Op.SET_ADDER, 1, 2, 3, 4)
    assert said.frames[0].address == 0x01020304
    assert bench.module.take(Frame(BROADCAST, Pid.COMMAND, bytes([Op.TEMPLETE_NUM]))) == Answer()


@pytest.mark.parametrize(("profile", "now"), [("r503-1.1", 32), ("zfm20", 128)])
def test_when_a_packet_size_is_in_force(profile: str, now: int) -> None:
    bench = Bench(profile)
    bench.reads("siti", 1)
    assert bench.says(Op.SET_SYS_PARA, 6, 0) is Code.OK
    assert len(bench.ask(Op.UP_IMAGE).frames[1].content) == now
    bench.module.power_up()
    bench.reads("siti", 1)
    assert len(bench.ask(Op.UP_IMAGE).frames[1].content) == 32


@pytest.mark.parametrize(
    ("profile", "register", "value", "code"),
    [
        ("r503-1.1", 4, 3, Code.BAD_REGISTER),
        ("zfm20", 4, 3, Code.OK),
        ("zfm20", 5, 6, Code.BAD_REGISTER),
        ("zfm20", 7, 1, Code.NO_SUCH_REGISTER),
    ],
)
def test_registers(profile: str, register: int, value: int, code: Code) -> None:
    assert Bench(profile).says(Op.SET_SYS_PARA, register, value) is code


@pytest.mark.parametrize(
    ("profile", "op", "expected"),
    [
        ("zfm20", Op.READ_PROD_INFO, bytes([Code.RECEIVE_ERROR])),
        ("r503-1.2.2", Op.HI_SPEED_SEARCH, bytes([Code.UNSUPPORTED])),
        ("r551", Op.HI_SPEED_SEARCH, bytes([Op.HI_SPEED_SEARCH])),
        ("r308", Op.READ_SYS_PARA, None),
    ],
)
def test_what_an_unknown_command_gets(profile: str, op: Op, expected: bytes | None) -> None:
    frames = Bench(profile).ask(op).frames
    assert [one.content for one in frames] == ([] if expected is None else [expected])


def test_the_notepad_survives() -> None:
    bench = Bench()
    page = bytes(range(32))
    assert bench.says(Op.WRITE_NOTEPAD, 15, *page) is Code.OK
    bench.module.power_up()
    assert bench.said(Op.READ_NOTEPAD, 15) == b"\0" + page
    assert bench.says(Op.READ_NOTEPAD, 16) is Code.BAD_NOTEPAD_PAGE


@given(
    st.lists(st.text(min_size=1, max_size=10), min_size=1, max_size=2),
    st.integers(0, 100),
    st.integers(0, 0xFFFF),
    st.integers(200, 1600),
)
def test_a_print_is_read_as_it_was_written(
    names: list[str], likeness: int, reading: int, size: int
) -> None:
    made = Print(tuple(names), likeness, reading)
    octets = written(made, size)
    assert len(octets) == size
    assert read(octets) == made
    assert read(octets[:-1]) is None


@pytest.mark.parametrize("other", ["siti", "budi"])
def test_the_score_is_of_the_identity(other: str) -> None:
    points = [score(Print(("siti",)), Print((other,), reading=n)) for n in range(50)]
    assert {one > 150 for one in points} == {other == "siti"}
