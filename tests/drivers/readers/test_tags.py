"""Frames of 125 kHz readers: real ones, noise, and any way of cutting them."""

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from drivers.readers.tags import BROKEN_OFF_S, Spoilt, Tag, Tags

# The example of the ID-12LA's data sheet: tag 62 E3 08 6C ED, checksum 08.
ID12 = b"\x0262E3086CED08\r\n\x03"
RDM = b"\x020C00A1B2C3DC\x03"  # 0C ^ 00 ^ A1 ^ B2 ^ C3 = DC


def heard(*pieces: bytes, apart_s: float = 0.0) -> list[Tag | Spoilt]:
    tags = Tags()
    return [one for n, piece in enumerate(pieces) for one in tags.feed(piece, n * apart_s)]


def frame(number: int, is_id: bool = False) -> bytes:
    five = number.to_bytes(5, "big")
    checksum = 0
    for octet in five:
        checksum ^= octet
    return b"\x02%s%02X%s\x03" % (five.hex().upper().encode(), checksum, b"\r\n" * is_id)


def numbers(said: Iterable[Tag | Spoilt]) -> list[int]:
    return [one.number for one in said if isinstance(one, Tag)]


def test_a_frame_of_each_kind() -> None:
    assert heard(ID12) == [Tag(0x62E3086CED, b"62E3086CED08")]
    assert heard(RDM) == [Tag(0x0C00A1B2C3, b"0C00A1B2C3DC")]
    assert heard(RDM.lower()) == [Tag(0x0C00A1B2C3, b"0c00a1b2c3dc")]


def test_a_sum_is_no_checksum() -> None:
    """Sketches that add instead of XOR are about: 0C + 00 + A1 + B2 + C3 = 0x222."""
    (said,) = heard(b"\x020C00A1B2C322\x03")
    assert isinstance(said, Spoilt)
    assert "checksum" in said.why


def test_a_frame_behind_a_frame_that_was_cut_is_not_lost() -> None:
    assert numbers(heard(b"\x020C00A1" + RDM)) == [0x0C00A1B2C3]
    assert numbers(heard(b"\x02\x02" + RDM)) == [0x0C00A1B2C3]
    assert numbers(heard(b"0C00A1B2C3DC\x03" + RDM)) == [0x0C00A1B2C3]
    assert numbers(heard(ID12[:14] + RDM)) == [0x0C00A1B2C3]


def test_noise_is_told_once_between_two_frames() -> None:
    said = heard(bytes(range(0x20, 0xFF)) * 20, RDM, b"xyz")
    assert [type(one) for one in said] == [Spoilt, Tag, Spoilt]


def test_what_goes_on_after_a_pause_is_another_frame() -> None:
    """Half of one tag and half of another, whose checksum happens to hold, are nobody's."""
    half, rest = RDM[:7], RDM[7:]
    assert numbers(heard(half, rest)) == [0x0C00A1B2C3]
    said = heard(half, rest, apart_s=BROKEN_OFF_S * 1.01)
    assert numbers(said) == []
    assert said[0] == Spoilt("a frame broke off")


@given(
    st.lists(st.tuples(st.integers(0, 2**40 - 1), st.booleans()), max_size=5),
    st.lists(st.integers(0, 100), max_size=12),
)
def test_any_way_of_cutting_frames_gives_the_same(
    sent: list[tuple[int, bool]], cuts: list[int]
) -> None:
    stream = b"".join(frame(*one) for one in sent)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(edges)]
    assert heard(*pieces) == heard(stream)
    assert numbers(heard(stream)) == [number for number, _ in sent]


@given(st.binary(max_size=200), st.integers(0, 2**40 - 1))
def test_after_any_noise_the_second_frame_is_read(noise: bytes, number: int) -> None:
    """The first may be eaten: a lost ETX makes it the end of what came before."""
    assert numbers(heard(noise, frame(number) * 2))[-1] == number


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_nothing_is_kept_for_ever(pieces: list[bytes]) -> None:
    tags = Tags()
    for piece in pieces:
        list(tags.feed(piece, 0.0))
        assert len(tags._held) <= 16
