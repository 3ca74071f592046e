"""Which module it is: by its own serial, or by a token in its notepad."""

import pytest
from fakemodule import Clock, FakeModule, ack
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import Garbled, Refused
from drivers.fingerprint.codes import Op
from drivers.fingerprint.identity import PAGE, read, serial_of, written
from drivers.fingerprint.line import Line
from drivers.fingerprint.link import Link
from drivers.fingerprint.module import Product, R30x
from drivers.fingerprint.packets import ADDRESS

WHERE = "source pintu (fp0)"
TOKEN = bytes(range(16))


@pytest.fixture
def fake() -> FakeModule:
    return FakeModule(Clock())


def introduced(fake: FakeModule) -> R30x:
    link = Link(Line(fake, ADDRESS, lambda: None, fake.clock), WHERE, 0)
    link.open()
    module = R30x(link, WHERE)
    module.introduce()
    return module


def test_a_module_with_a_serial_is_known_by_it(fake: FakeModule) -> None:
    module = introduced(fake)
    module.product = Product(
        model="R503 v2", serial=b"\x01\x02\xff", hardware="1.0", template_bytes=768
    )
    assert serial_of(module, WHERE) == "R503v2-0102ff"
    assert fake.notepad == {}


def test_another_one_by_the_token_that_was_left_in_it(fake: FakeModule) -> None:
    first = serial_of(introduced(fake), WHERE, lambda size: TOKEN[:size])
    assert first == "FPM-000102030405060708090a0b0c0d0e0f"
    assert serial_of(introduced(fake), WHERE) == first  # drawn once
    assert set(fake.notepad) == {PAGE}
    other = FakeModule(Clock())
    assert serial_of(introduced(other), WHERE) != first


@pytest.mark.parametrize("fault", [b"", ack(1), ack(0)[:-1]], ids=["silence", "01", "spoilt"])
def test_a_bad_moment_makes_no_new_identity(fake: FakeModule, fault: bytes) -> None:
    first = serial_of(introduced(fake), WHERE)
    module = introduced(fake)
    fake.will(Op.READ_NOTEPAD, fault, fault)
    assert serial_of(module, WHERE) == first


def test_a_page_that_is_not_the_one_that_was_asked_for_makes_none_either(fake: FakeModule) -> None:
    first = serial_of(introduced(fake), WHERE)
    module = introduced(fake)
    for by_s in (0.003, 0.007):  # answers to what was asked long before
        fake.noise(ack(0, bytes(32)), by_s)
    assert serial_of(module, WHERE) == first
    fake.notepad[PAGE] = bytes(32)
    fake.will(Op.READ_NOTEPAD, ack(0, bytes(32)), ack(0, b"x" * 32))
    with pytest.raises(Garbled, match="reads differently each time"):
        serial_of(module, WHERE)
    assert Op.WRITE_NOTEPAD not in fake.ops[fake.ops.index(Op.WRITE_NOTEPAD) + 1 :]


def test_a_module_with_neither_is_refused(fake: FakeModule) -> None:
    fake.lacks |= {Op.READ_NOTEPAD}
    with pytest.raises(Refused, match="no serial, and no notepad"):
        serial_of(introduced(fake), WHERE)


def test_a_notepad_that_keeps_nothing_is_refused(fake: FakeModule) -> None:
    module = introduced(fake)
    fake.will(Op.WRITE_NOTEPAD, ack(0))
    with pytest.raises(Refused, match="does not keep what is written"):
        serial_of(module, WHERE)


@given(st.binary(min_size=16, max_size=16), st.integers(0, 8 * 25 - 1))
def test_a_token_is_whole_or_none(token: bytes, bit: int) -> None:
    page = written(token)
    assert len(page) == 32
    assert read(page) == token
    flipped = bytearray(page)
    flipped[bit // 8] ^= 1 << bit % 8
    assert read(bytes(flipped)) is None


@pytest.mark.parametrize("page", [bytes(32), b"\xff" * 32, b"somebody else's notes".ljust(32)])
def test_what_is_no_token(page: bytes) -> None:
    assert read(page) is None
