"""What a module is taken for, by what it answers, and what its commands say."""

import pytest
from fakemodule import Clock, FakeModule, Lost, ack

from drivers.errors import Garbled, NotOffered, Refused, TimedOut
from drivers.fingerprint.codes import Code, Kind, Meaning, Op, meaning
from drivers.fingerprint.line import Line
from drivers.fingerprint.link import Link
from drivers.fingerprint.module import Hit, R30x
from drivers.fingerprint.packets import ADDRESS
from drivers.fingerprint.profiles import PROFILES, Evidence, profile_of
from drivers.prompt import Prompt

WHERE = "source pintu (fp0)"
PRODUCT = (
    b"R503".ljust(16, b"\0") + b"B001" + bytes.fromhex("0102030405060708") + b"\x01\x04"
    b"FPC1234\0" + bytes.fromhex("00C0 00C0 0600 00C8")
)  # fmt: skip


@pytest.fixture
def fake() -> FakeModule:
    return FakeModule(Clock())


def introduced(fake: FakeModule) -> R30x:
    link = Link(Line(fake, ADDRESS, lambda: None, fake.clock), WHERE, 0)
    link.open()
    module = R30x(link, WHERE)
    module.introduce()
    return module


# What it is.


@pytest.mark.parametrize("unknown", [ack(1), ack(0xFC), None, b""], ids=repr)
def test_a_plain_module_however_it_says_no(fake: FakeModule, unknown: bytes | None) -> None:
    fake.unknown = unknown
    module = introduced(fake)
    assert module.product is None
    assert not module.has_ring
    assert not module.has_backlight
    assert module.parameters.capacity == 20
    assert module.profile.name == ("r551" if unknown is None else "zfm20")
    assert module.model == f"{module.profile.name}/20"
    assert module.look().kind is Kind.IDLE


def test_a_module_that_tells_all(fake: FakeModule) -> None:
    fake.lacks, fake.product = set(), PRODUCT
    module = introduced(fake)
    assert (module.model, module.firmware) == ("R503/1536", "FW 7")
    assert module.product is not None
    assert module.product.serial == bytes.fromhex("0102030405060708")
    assert module.profile.name == "r503-1.2.2"
    assert (module.has_ring, module.has_backlight) == (True, False)
    fake.lacks = {Op.GET_FW_VER}
    assert introduced(fake).firmware == "1.4"


def test_a_module_that_does_not_tell_its_parameters(fake: FakeModule) -> None:
    fake.lacks |= {Op.READ_SYS_PARA}
    fake.unknown = b""
    began_s = fake.clock.at_s
    module = introduced(fake)
    module.occupied()
    assert fake.clock.at_s - began_s < 4.0  # people wait
    assert module.profile.name == "r308"
    assert (module.parameters.capacity, module.parameters.security) == (500, None)
    fake.will(Op.GEN_IMG, b"")
    assert module.look().kind is Kind.IDLE
    with pytest.raises(NotOffered, match="does not tell its security"):
        module.set_security(4)


@pytest.mark.parametrize("fault", [b"", ack(1), ack(0)[:-1]], ids=["silence", "01", "spoilt"])
def test_one_bad_moment_does_not_make_it_another_module(fake: FakeModule, fault: bytes) -> None:
    fake.lacks, fake.product = set(), PRODUCT
    for op in Op:
        fake.will(op, fault)
    module = introduced(fake)
    assert (module.model, module.firmware, module.has_ring) == ("R503/1536", "FW 7", True)
    assert module.profile.name == "r503-1.2.2"


def test_impossible_parameters_are_no_module(fake: FakeModule) -> None:
    fake.capacity = 0
    with pytest.raises(Garbled, match="tells 0 and 2"):
        introduced(fake)


def test_each_profile_is_found_by_what_it_says_of_itself() -> None:
    for profile in PROFILES:
        seen = Evidence(
            offered=profile.offers | {Op.READ_SYS_PARA} - profile.lacks,
            echoes=bool(profile.echoes),
            capacity=max(profile.least, 1),
        )
        assert profile_of(seen) is profile


@pytest.mark.parametrize("blank", [bytes(8), b"\xff" * 8])
def test_a_blank_serial_is_none(fake: FakeModule, blank: bytes) -> None:
    fake.lacks, fake.product = set(), PRODUCT[:20] + blank + PRODUCT[28:]
    module = introduced(fake)
    assert module.product is not None
    assert module.product.serial == b""


# What codes mean.


def test_what_a_code_means() -> None:
    assert meaning(Code.OK) == Meaning(Kind.OK) == meaning(Code.ALIVE)
    assert meaning(Code(0x09)).kind is meaning(Code(0x08)).kind is Kind.NO_MATCH
    assert meaning(Code(0x02)).kind is Kind.IDLE
    assert meaning(Code(0x04)) == Meaning(Kind.RETRY, Prompt.TOO_DRY)
    assert meaning(Code(0x05)) == Meaning(Kind.RETRY, Prompt.TOO_WET)
    assert meaning(Code(0x07)) == Meaning(Kind.RETRY, Prompt.CENTRE_FINGER)
    assert meaning(Code(0x06)) == meaning(Code(0x0A)) == Meaning(Kind.RETRY, Prompt.AGAIN)
    assert meaning(Code(0x35)).kind is Kind.DEVICE
    assert Code(0x35).name == "UNKNOWN_35"
    with pytest.raises(ValueError, match="256"):
        Code(256)


@pytest.mark.parametrize(
    ("code", "error", "says"),
    [
        (0x01, Garbled, "RECEIVE_ERROR .*cable"),
        (0x0B, NotOffered, "OUT_OF_RANGE"),
        (0x13, Refused, "WRONG_PASSWORD .*password"),
        (0x1F, Refused, "LIBRARY_FULL .*have left"),
        (0x18, Refused, "FLASH_ERROR .*replace it"),
        (0x29, Refused, "SENSOR_ERROR .*Clean it"),
        (0xFC, NotOffered, "UNSUPPORTED"),
        (0x35, Refused, "UNKNOWN_35"),
        (0x15, Refused, "NO_IMAGE"),
    ],
)
def test_whatever_is_no_result_is_an_error(
    fake: FakeModule, code: int, error: type[Exception], says: str
) -> None:
    module = introduced(fake)
    fake.will(Op.SEARCH, *[ack(code)] * 2)
    with pytest.raises(error, match=f"SEARCH was answered {says}"):
        module.search(1)


# A finger.


def test_a_search_goes_over_all_slots_and_a_miss_says_nothing(fake: FakeModule) -> None:
    fake.capacity = 300
    fake.library, fake.finger = {299: "budi"}, "budi"
    module = introduced(fake)
    assert module.look().kind is Kind.OK
    assert module.extract(1).kind is Kind.OK
    assert module.search(1) == Hit(299, 100)
    assert fake.said[-1].content == bytes.fromhex("04 01 0000 012C")  # so many, and not up to
    fake.buffers[1] = "nobody"
    assert module.search(1) is None
    fake.will(Op.SEARCH, ack(0x09), ack(0x24))
    assert module.search(1) is None
    assert module.search(1) is None


def test_a_match_that_fails_may_come_without_a_score(fake: FakeModule) -> None:
    module = introduced(fake)
    fake.will(Op.MATCH, ack(0x08), ack(0x08, b"\0\0"), ack(0, b"\0\x60"))
    assert [module.match() for _ in range(3)] == [None, None, 96]


# Slots.


@pytest.mark.parametrize("library", [{0}, {1}, {0, 19}, {7, 8, 9}, {18, 19}, {1, 3, 5}, set()])
@pytest.mark.parametrize("first_bit", [0, 1])
def test_slots_are_counted_from_0_however_the_module_does(
    fake: FakeModule, library: set[int], first_bit: int
) -> None:
    fake.library, fake.first_bit = dict.fromkeys(library, "budi"), first_bit
    assert introduced(fake).occupied() == library


def test_slots_beyond_the_first_page(fake: FakeModule) -> None:
    fake.capacity, fake.library = 1000, dict.fromkeys((0, 255, 256, 999), "budi")
    assert introduced(fake).occupied() == {0, 255, 256, 999}


def test_without_an_index_table_slots_are_looked_into(fake: FakeModule) -> None:
    fake.lacks |= {Op.READ_INDEX_TABLE}
    fake.library = dict.fromkeys((0, 5, 19), "budi")
    assert introduced(fake).occupied() == {0, 5, 19}


def test_a_slot_is_seen_to_be_empty(fake: FakeModule) -> None:
    fake.library = {3: "budi", 4: "siti"}
    module = introduced(fake)
    module.remove(3)
    module.remove(3)
    assert fake.library == {4: "siti"}
    assert fake.ops.count(Op.DELETE_CHAR) == 1
    fake.will(Op.DELETE_CHAR, Lost())
    module.remove(4)
    assert fake.library == {}


def test_a_slot_that_stays_full_is_said(fake: FakeModule) -> None:
    fake.library = {3: "budi"}
    module = introduced(fake)
    fake.will(Op.DELETE_CHAR, ack(0), ack(0))
    with pytest.raises(Refused, match="slot 3 was emptied and is still in use"):
        module.remove(3)


def test_an_unanswered_store_is_looked_after(fake: FakeModule) -> None:
    fake.buffers[1] = "budi"
    module = introduced(fake)
    fake.will(Op.STORE, Lost(), b"")
    module.store(3)
    assert fake.library == {3: "budi"}
    with pytest.raises(TimedOut, match="STORE was not answered"):
        module.store(4)
    assert fake.ops.count(Op.STORE) == 2


# Templates.


def test_a_spoilt_template_is_asked_for_once_more(fake: FakeModule) -> None:
    fake.buffers[1] = "a template"
    module = introduced(fake)
    fake.will(Op.UP_CHAR, ack(0) + b"\xef\x01\xff\xff\xff\xff\x02\0\x09")
    assert module.upload() == b"a template"
    fake.will(Op.UP_CHAR, ack(0), ack(0))
    with pytest.raises(Garbled, match="after 0 bytes"):
        module.upload()


def test_a_notepads_page_is_written_whole(fake: FakeModule) -> None:
    module = introduced(fake)
    module.write_notepad(3, b"x" * 32)
    assert module.notepad(3) == b"x" * 32
    with pytest.raises(ValueError, match="32 bytes, not 2"):
        module.write_notepad(3, b"xx")
