"""The simulator's codec: real frames both ways, and any split of the bytes gives the same ones."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sim.r30xwire import BROADCAST, MOST_LENGTH, Damaged, Frame, Frames, Pid, encode
from tests.drivers.fingerprint import frames as real

made = st.builds(
    Frame,
    st.integers(0, 0xFFFFFFFF),
    st.sampled_from(Pid),
    st.binary(min_size=1, max_size=MOST_LENGTH - 2),
)
noise = st.binary(max_size=12).filter(lambda octets: b"\xef" not in octets)


@pytest.mark.parametrize(("octets", "pid", "content"), real.FPM_25)
def test_real_frames_both_ways(octets: bytes, pid: int, content: bytes) -> None:
    frame = Frame(BROADCAST, Pid(pid), content)
    assert encode(frame) == octets
    assert Frames().feed(octets) == [frame]


def test_data_that_lost_bytes_end_in_nothing_and_the_next_frame_is_found() -> None:
    stream = Frames()
    assert stream.feed(real.ADAFRUIT_29) == [Frame(BROADCAST, Pid.ACK, b"\0")]
    assert stream.unfinished
    assert stream.give_up() == []
    assert stream.feed(real.VFY_PWD_ACK) == [Frame(BROADCAST, Pid.ACK, b"\0")]


def test_frames_that_lost_bytes_are_damaged_and_the_last_one_is_whole() -> None:
    *damaged, last = Frames().feed(real.ADAFRUIT_64)
    assert last == Frame(BROADCAST, Pid.LAST, bytes(128))
    assert all(isinstance(one, Damaged) for one in damaged)
    assert damaged


@given(st.lists(st.one_of(made.map(encode), noise), max_size=6), st.data())
def test_any_split_gives_the_same_frames(parts: list[bytes], data: st.DataObject) -> None:
    octets = b"".join(parts)
    cuts = data.draw(st.lists(st.integers(0, len(octets)), max_size=8))
    at_once, in_pieces = Frames(), Frames()
    pieces = [octets[a:b] for a, b in pairwise([0, *sorted(cuts), len(octets)])]
    found = [frame for piece in pieces for frame in in_pieces.feed(piece)]
    assert found == at_once.feed(octets)
    assert in_pieces.give_up() == at_once.give_up()


@given(made, noise, made)
def test_noise_costs_no_frame(first: Frame, between: bytes, second: Frame) -> None:
    octets = between + encode(first) + between + encode(second)
    assert Frames().feed(octets) == [first, second]


@given(made, st.data())
def test_a_flipped_bit_never_gives_that_frame(frame: Frame, data: st.DataObject) -> None:
    octets = bytearray(encode(frame))
    bit = data.draw(st.integers(0, 8 * len(octets) - 1))
    octets[bit // 8] ^= 1 << bit % 8
    stream = Frames()
    assert frame not in [*stream.feed(bytes(octets)), *stream.give_up()]


@given(st.binary(max_size=600))
def test_any_bytes_end(octets: bytes) -> None:
    stream = Frames()
    stream.feed(octets)
    stream.give_up()
    assert not stream.unfinished
