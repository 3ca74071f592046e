"""Questions and answers: whose answer it is, what may be asked again, and when it is given up."""

import struct
from collections.abc import Callable
from itertools import pairwise

import pytest
from fakemodule import Clock, FakeModule, Late, Lost, ack
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import Garbled, Misconfigured, Refused, TimedOut, Unreachable
from drivers.fingerprint.answers import LOOK_S, SLOW_S, Answer, Fence, Unanswered
from drivers.fingerprint.codes import Code, Kind, Op
from drivers.fingerprint.line import SLICE_S, Line
from drivers.fingerprint.link import Link
from drivers.fingerprint.packets import ADDRESS, Frame, Pid, encode

FENCE = Fence(Op.READ_SYS_PARA, 16)


@pytest.fixture
def fake() -> FakeModule:
    return FakeModule(Clock())


def linked(fake: FakeModule, beat: Callable[[], None] = lambda: None, password: int = 0) -> Link:
    return Link(Line(fake, ADDRESS, beat, fake.clock), "source pintu (fp0)", password)


def opened(fake: FakeModule, beat: Callable[[], None] = lambda: None) -> Link:
    link = linked(fake, beat)
    assert link.open() == ""
    link.fence = FENCE
    return link


# Finding the module.


def test_nothing_but_the_first_command_is_written_before_a_module_answers(
    fake: FakeModule,
) -> None:
    fake.at_baud = 0
    written: list[bytes] = []
    fake.write = written.append  # type: ignore[method-assign]
    with pytest.raises(Unreachable, match=r"none of 5 speeds.*enable_uart=1"):
        linked(fake).open()
    assert set(written) == {encode(Frame(Pid.COMMAND, b"\x13\0\0\0\0"))}


@pytest.mark.parametrize("baud", [115_200, 38_400, 19_200, 9_600])
def test_a_module_at_another_speed_is_found_and_said(fake: FakeModule, baud: int) -> None:
    fake.at_baud = baud
    assert f"set baud = {baud}" in linked(fake).open()
    assert fake.baud == baud


def test_a_module_that_starts_slowly_is_not_looked_for_elsewhere(fake: FakeModule) -> None:
    fake.will(Op.VFY_PWD, b"", b"\0\x55", b"")
    assert linked(fake).open() == ""


def test_noise_at_a_speed_is_no_module(fake: FakeModule) -> None:
    fake.at_baud = 0
    speeds: list[int] = []

    def write(octets: bytes) -> None:
        speeds.append(fake.baud)
        fake.noise(ack(Code.OK)[:-1] + b"\x0b" + ack(Code.OK, address=1))

    fake.write = write  # type: ignore[method-assign]
    with pytest.raises(Garbled, match=r"no frame of its address.*console"):
        linked(fake).open()
    assert set(speeds) == {57_600, 115_200, 38_400, 19_200, 9_600}


def test_our_own_echo_is_no_module(fake: FakeModule) -> None:
    fake.write = fake.noise  # type: ignore[method-assign]
    with pytest.raises(Garbled, match=r"only our own commands came back.*TX and RX"):
        linked(fake).open()


def test_an_adapter_that_echoes_does_no_harm(fake: FakeModule) -> None:
    write = fake.write

    def echoing(octets: bytes) -> None:
        fake.noise(octets)
        write(octets)

    fake.write = echoing  # type: ignore[method-assign]
    link = opened(fake)
    fake.will(Op.GEN_IMG, Late(0.8))
    assert link.ask(Op.GEN_IMG).code is Code.NO_FINGER
    assert not link.echoes


def test_a_wrong_password_is_refused(fake: FakeModule) -> None:
    fake.password = 7
    with pytest.raises(Refused, match=r"another password.*none can be read out"):
        linked(fake).open()
    assert linked(fake, password=7).open() == ""


def test_another_address_is_named_where_the_module_says_so(fake: FakeModule) -> None:
    fake.will(Op.VFY_PWD, ack(Code.WRONG_ADDRESS))
    with pytest.raises(Misconfigured, match="another address than ours"):
        linked(fake).open()


def test_an_answer_to_what_was_asked_before_us_is_no_answer_to_the_password(
    fake: FakeModule,
) -> None:
    fake.will(Op.VFY_PWD, ack(Code.NO_FINGER) + ack(Code.WRONG_PASSWORD))
    with pytest.raises(Refused, match="another password"):
        linked(fake).open()


# Asking again.


def test_a_comm_error_is_answered_by_asking_once_more(fake: FakeModule) -> None:
    link = opened(fake)
    fake.will(Op.GEN_IMG, ack(Code.RECEIVE_ERROR))
    assert link.ask(Op.GEN_IMG).code is Code.NO_FINGER
    fake.will(Op.GEN_IMG, *[ack(Code.RECEIVE_ERROR)] * 2)
    assert link.ask(Op.GEN_IMG).meaning.kind is Kind.COMM


def test_what_does_harm_twice_is_asked_once(fake: FakeModule) -> None:
    link = opened(fake)
    fake.will(Op.STORE, ack(Code.RECEIVE_ERROR))
    assert link.ask(Op.STORE, b"\x01\0\x05", may_repeat=False).code is Code.RECEIVE_ERROR
    fake.buffers[1] = "siti"
    fake.will(Op.STORE, Lost())
    with pytest.raises(Unanswered, match="STORE was not answered"):
        link.ask(Op.STORE, b"\x01\0\x05", may_repeat=False)
    assert fake.ops.count(Op.STORE) == 2


def test_a_spoilt_answer_is_asked_for_again_long_before_its_deadline(fake: FakeModule) -> None:
    link = opened(fake)
    began_s = fake.clock.at_s
    fake.will(Op.GEN_IMG, ack(Code.OK)[:-1])
    assert link.ask(Op.GEN_IMG, within_s=SLOW_S).code is Code.NO_FINGER
    assert fake.clock.at_s - began_s < 1.0


def test_three_commands_in_a_row_without_an_answer_are_a_silent_module(fake: FakeModule) -> None:
    link = opened(fake)
    fake.will(Op.GEN_IMG, b"", b"")
    assert link.ask(Op.GEN_IMG).code is Code.NO_FINGER  # what came between has been answered
    fake.write = lambda octets: None  # type: ignore[method-assign]
    began_s = fake.clock.at_s
    with pytest.raises(TimedOut, match=r"was not answered .*5 unheard.*power and cable"):
        link.ask(Op.GEN_IMG, within_s=SLOW_S)
    assert fake.clock.at_s - began_s < 6.0


def test_a_late_answer_is_not_taken_for_the_next_one(fake: FakeModule) -> None:
    link = opened(fake)
    fake.library = {3: "budi"}
    fake.finger = "budi"
    fake.will(Op.GEN_IMG, Late(1.2))  # OK, when nobody waits any more
    assert link.ask(Op.GEN_IMG).code is Code.OK
    fake.finger = None
    fake.will(Op.GEN_IMG, Late(1.5))
    assert link.ask(Op.GEN_IMG).code is Code.NO_FINGER
    assert link.ask(Op.IMG_2_TZ, b"\x01").code is Code.OK
    assert link.line.strays


@pytest.mark.parametrize("when", ["before", "at once"])
def test_what_came_before_a_question_is_no_answer_to_it(fake: FakeModule, when: str) -> None:
    link = opened(fake)
    if when == "before":
        fake.noise(ack(Code.OK))
    else:
        fake.will(Op.GEN_IMG, ack(Code.NO_FINGER) + ack(Code.OK))
        assert link.ask(Op.GEN_IMG).code is Code.NO_FINGER
    assert link.ask(Op.GEN_IMG).code is Code.NO_FINGER


@pytest.mark.parametrize("pid", [Pid.COMMAND, Pid.DATA, Pid.END])
def test_only_an_acknowledgement_is_an_answer(fake: FakeModule, pid: Pid) -> None:
    """Another command's echo may begin as a code does, and data by anything."""
    link = opened(fake)
    for code in (Code.OK, Code.RECEIVE_ERROR, Code.NOT_FOUND):
        fake.will(Op.GEN_IMG, encode(Frame(pid, bytes((code, 1)))) + ack(Code.NO_FINGER))
        assert link.ask(Op.GEN_IMG).code is Code.NO_FINGER


def test_a_fence_that_is_late_is_no_answer_either(fake: FakeModule) -> None:
    link = opened(fake)
    fake.will(Op.GEN_IMG, b"")
    fake.will(Op.READ_SYS_PARA, Late(1.5), Late(1.5))
    assert link.ask(Op.GEN_IMG).code is Code.NO_FINGER  # and not the second fence's OK
    assert link.ask(Op.GEN_IMG).code is Code.NO_FINGER


def test_a_late_fence_is_no_answer_to_the_question_that_it_asks(fake: FakeModule) -> None:
    """An index table's pages look alike: the first, late, must not be taken for the second."""
    link = opened(fake)
    link.fence = Fence(Op.READ_INDEX_TABLE, 32, b"\0")
    fake.library = {3: "budi"}
    fake.will(Op.READ_INDEX_TABLE, b"", Late(1.3), Late(0.5))
    answer = link.ask(Op.READ_INDEX_TABLE, b"\1", size=32)
    assert answer == Answer(Code.OK, bytes(32))


@given(
    st.lists(
        st.tuples(
            st.integers(0, 15),
            st.sampled_from(["ok", "late", "lost", "silent", "spoilt", "noise"]),
            st.floats(0.0, 4.0),
        ),
        max_size=12,
    )
)
def test_an_answer_is_never_that_to_another_question(
    asked: list[tuple[int, str, float]],
) -> None:
    fake = FakeModule(Clock())
    fake.notepad = {page: bytes((page,)) * 32 for page in range(16)}
    link = opened(fake)
    for page, fault, by_s in asked:
        match fault:
            case "late":
                fake.will(Op.READ_NOTEPAD, Late(by_s))
            case "lost":
                fake.will(Op.READ_NOTEPAD, Lost())
            case "silent":
                fake.will(Op.READ_NOTEPAD, b"")
            case "spoilt":
                fake.will(Op.READ_NOTEPAD, ack(Code.OK, bytes(32))[:-3])
            case "noise":
                fake.noise(b"\xef\x01\xff\x55", 0.001)
        try:
            answer = link.ask(Op.READ_NOTEPAD, bytes((page,)), size=32)
        except TimedOut:
            return  # its worker opens it anew
        assert answer == Answer(Code.OK, bytes((page,)) * 32)


def test_a_module_that_was_without_power_is_shown_the_password_and_asked_again(
    fake: FakeModule,
) -> None:
    fake.password, fake.buffers[1] = 7, "siti"
    link = linked(fake, password=7)
    link.open()
    link.fence = FENCE
    for op, args in ((Op.GEN_IMG, b""), (Op.STORE, b"\x01\0\x05")):
        fake.verified = False
        assert link.ask(op, args, may_repeat=False).code in (Code.NO_FINGER, Code.OK)
    assert fake.library == {5: "siti"}
    fake.password, fake.verified = 8, False
    with pytest.raises(Refused, match="another password"):
        link.ask(Op.GEN_IMG)


# What a module may not know.


@pytest.mark.parametrize(
    "unknown", [ack(Code.RECEIVE_ERROR), ack(Code.UNSUPPORTED), None, b""], ids=repr
)
def test_what_a_module_does_not_know_is_not_offered(
    fake: FakeModule, unknown: bytes | None
) -> None:
    fake.unknown = unknown
    link = opened(fake)
    for _ in range(5):
        assert link.learn(Op.READ_PROD_INFO, size=46, tries=3) is None
    assert link.ask(Op.GEN_IMG).code is Code.NO_FINGER
    assert link.echoes == (unknown is None)


def test_a_probe_is_not_lost_to_one_bad_moment(fake: FakeModule) -> None:
    link = opened(fake)
    fake.will(Op.READ_NOTEPAD, b"", ack(Code.RECEIVE_ERROR))
    answer = link.learn(Op.READ_NOTEPAD, b"\0", size=32, tries=3)
    assert answer is not None
    assert answer.is_ok


SPOILT = ack(Code.OK, bytes(46))[:-1] + b"\x55"


@pytest.mark.parametrize(
    "answers",
    [
        [b"", ack(Code.RECEIVE_ERROR)] * 5,
        [SPOILT] * 9,
        [ack(Code.RECEIVE_ERROR), SPOILT] * 5,
        [ack(Code.OK, bytes(16))] * 9,
    ],
    ids=["sometimes silent", "spoilt", "sometimes spoilt", "another's"],
)
def test_a_bad_line_is_no_sign_that_something_is_not_offered(
    fake: FakeModule, answers: list[bytes]
) -> None:
    link = opened(fake)
    fake.will(Op.READ_PROD_INFO, *answers)
    with pytest.raises(Garbled, match=r"READ_PROD_INFO was answered neither well nor .*cable"):
        link.learn(Op.READ_PROD_INFO, size=46, tries=3)


def test_silence_is_believed_of_a_module_that_answers_what_is_asked_in_between(
    fake: FakeModule,
) -> None:
    link = opened(fake)
    fake.unknown = b""
    fake.will(Op.READ_SYS_PARA, b"")  # once it did not
    assert link.learn(Op.READ_PROD_INFO, size=46, tries=3) is None
    assert fake.ops.count(Op.READ_PROD_INFO) == 4


def test_a_crackle_at_each_answer_hides_nothing(fake: FakeModule) -> None:
    link = opened(fake)
    fake.will(Op.READ_PROD_INFO, *[b"\0" + ack(Code.RECEIVE_ERROR)] * 3)
    assert link.learn(Op.READ_PROD_INFO, size=46, tries=3) is None


def test_the_last_try_gets_all_the_time_that_there_is(fake: FakeModule) -> None:
    """A module slower than it should be is slow, and not dead."""
    link = opened(fake)
    fake.will(Op.GEN_IMG, *[Late(1.6)] * 3)
    assert link.ask(Op.GEN_IMG, within_s=LOOK_S).code is Code.NO_FINGER


def test_two_lost_commands_cost_no_more_than_two_deadlines(fake: FakeModule) -> None:
    link = opened(fake)
    fake.will(Op.GEN_IMG, b"", b"")
    began_s = fake.clock.at_s
    assert link.ask(Op.GEN_IMG, within_s=LOOK_S).code is Code.NO_FINGER
    assert fake.clock.at_s - began_s < 2 * LOOK_S + 0.1


# Being called off.


def test_signs_of_life_come_four_times_a_second(fake: FakeModule) -> None:
    beats: list[float] = []
    link = opened(fake, lambda: beats.append(fake.clock.at_s))
    fake.write = lambda octets: None  # type: ignore[method-assign]
    beats.clear()
    with pytest.raises(TimedOut):
        link.ask(Op.SEARCH, within_s=SLOW_S)
    assert max(b - a for a, b in pairwise(beats)) <= SLICE_S + 1e-9


def test_a_pending_command_is_called_off(fake: FakeModule) -> None:
    class CalledOff(Exception):
        pass

    stopping: list[bool] = []

    def beat() -> None:
        if stopping:
            raise CalledOff

    link = opened(fake, beat)
    fake.script = lambda: stopping.append(True)
    fake.will(Op.GEN_IMG, Late(0.4))
    began_s = fake.clock.at_s
    with pytest.raises(CalledOff):
        link.ask(Op.GEN_IMG, within_s=SLOW_S)
    assert fake.clock.at_s - began_s <= SLICE_S
    with link.line.undisturbed(0.5):
        assert link.ask(Op.DELETE_CHAR, struct.pack(">HH", 3, 1)).is_ok
    fake.will(Op.DELETE_CHAR, b"")
    with pytest.raises(CalledOff), link.line.undisturbed(0.5):
        link.ask(Op.DELETE_CHAR, struct.pack(">HH", 3, 1))


# Transfers.


def packets(*parts: bytes, end: bool = True) -> bytes:
    pids = [Pid.DATA] * (len(parts) - 1) + [Pid.END if end else Pid.DATA]
    frames = [encode(Frame(pid, part)) for pid, part in zip(pids, parts, strict=True)]
    return ack(Code.OK) + b"".join(frames)


def test_a_transfer_ends_at_its_last_packet_whatever_its_length(fake: FakeModule) -> None:
    link = opened(fake)
    fake.will(Op.UP_CHAR, packets(bytes(128), b"\xef\x01" * 64, b"tail"))
    link.ask(Op.UP_CHAR, b"\x01")
    assert link.receive() == bytes(128) + b"\xef\x01" * 64 + b"tail"


@pytest.mark.parametrize(
    "sent",
    [
        packets(bytes(128), bytes(9))[:-20] + b"\x55",
        packets(bytes(8), b"middle", bytes(9)).replace(b"middle", b"midle"),
        packets(bytes(8), end=False),
        ack(Code.OK),
    ],
    ids=["the last packet lost bytes", "another one did", "no last packet", "no data"],
)
def test_a_spoilt_transfer_is_none(fake: FakeModule, sent: bytes) -> None:
    link = opened(fake)
    fake.will(Op.UP_CHAR, sent)
    link.ask(Op.UP_CHAR, b"\x01")
    with pytest.raises(Garbled, match="broke off or was spoilt after"):
        link.receive()
    assert link.ask(Op.GEN_IMG).code is Code.NO_FINGER


def test_a_transfer_without_end_is_given_up(fake: FakeModule) -> None:
    link = opened(fake)
    fake.will(Op.UP_CHAR, packets(*[bytes(256)] * 300, end=False))
    link.ask(Op.UP_CHAR, b"\x01")
    with pytest.raises(Garbled):
        link.receive()


def test_data_goes_out_in_packets_of_the_modules_size(fake: FakeModule) -> None:
    link = opened(fake)
    link.send(b"a" * 64 + b"b", 32)
    sizes = [(one.pid, len(one.content)) for one in fake.said[-3:]]
    assert sizes == [(Pid.DATA, 32), (Pid.DATA, 32), (Pid.END, 1)]


def test_what_a_line_loses_is_counted(fake: FakeModule) -> None:
    link = opened(fake)
    for _ in range(40):
        link.ask(Op.GEN_IMG)
    assert link.lost == 0
    for spoilt in (ack(Code.OK)[:-1] + b"\0", Lost()):
        fake.will(Op.GEN_IMG, spoilt)
        link.ask(Op.GEN_IMG)
    assert link.line.spoilt == link.line.counts["bad checksums"] == 1
    assert link.lost >= 2
    assert link.line.heard > 40
