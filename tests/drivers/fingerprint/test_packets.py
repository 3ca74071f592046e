"""The codec of R30x frames: recorded ones byte for byte, and whatever a line may do to them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.fingerprint.packets import ADDRESS, GAP_S, Frame, Frames, Pid, encode

# Recorded from real modules, published in FPM's pull request 25.
RECORDED = {
    "EF 01 FF FF FF FF 01 00 07 13 00 00 00 00 00 1B": Frame(Pid.COMMAND, b"\x13\0\0\0\0"),
    "EF 01 FF FF FF FF 07 00 03 00 00 0A": Frame(Pid.ACK, b"\0"),
    "EF 01 FF FF FF FF 01 00 03 0F 00 13": Frame(Pid.COMMAND, b"\x0f"),
    "EF 01 FF FF FF FF 07 00 13 00 00 04 00 00 00 C8 00 03 FF FF FF FF 00 02 00 06 04 ED": Frame(
        Pid.ACK, bytes.fromhex("00 0004 0000 00C8 0003 FFFFFFFF 0002 0006")
    ),
    "EF 01 FF FF FF FF 01 00 03 01 00 05": Frame(Pid.COMMAND, b"\x01"),
    "EF 01 FF FF FF FF 07 00 07 00 00 01 00 60 00 6F": Frame(Pid.ACK, b"\0\0\x01\0\x60"),
    "EF 01 FF FF FF FF 07 00 07 09 01 EE 00 00 01 06": Frame(Pid.ACK, b"\x09\x01\xee\0\0"),
    "EF 01 FF FF FF FF 01 00 04 08 01 00 0E": Frame(Pid.COMMAND, b"\x08\x01"),
}
OK = encode(Frame(Pid.ACK, b"\0"))

frames = st.builds(Frame, st.sampled_from(Pid), st.binary(min_size=1, max_size=256))
noise = st.binary(max_size=40) | st.sampled_from(
    [b"\x55", b"\0\x55", b"\xef", b"\xef\x01", b"\xef\x01\xff\xff\xff\xff\x07", b"\xef\x01" * 9]
)


def fed(parser: Frames, octets: bytes, cuts: list[int]) -> list[Frame]:
    edges = [0, *sorted(cut % (len(octets) + 1) for cut in cuts), len(octets)]
    return [one for start, end in pairwise(edges) for one in parser.feed(octets[start:end], 0.0)]


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda text: text[18:35])
def test_recorded_frames_both_ways(recorded: str) -> None:
    octets = bytes.fromhex(recorded)
    assert Frames().feed(octets, 0.0) == [RECORDED[recorded]]
    assert encode(RECORDED[recorded]) == octets


def test_the_recorded_last_packet_of_a_template_and_its_broken_neighbours() -> None:
    """Adafruit's issue 64: zeros with a right checksum after packets that lost bytes."""
    last = encode(Frame(Pid.END, bytes(128)))
    assert last[-2:] == bytes.fromhex("008A")
    whole = encode(Frame(Pid.DATA, bytes(range(128))))
    for lost in range(len(whole)):
        parser = Frames()
        cut = whole[:lost] + whole[lost + 1 :]
        assert parser.feed(cut + last + OK, 0.0) == [
            Frame(Pid.END, bytes(128)),
            Frame(Pid.ACK, b"\0"),
        ]
        assert parser.dropped == len(cut)


@given(st.lists(frames, max_size=6), st.lists(st.integers(0, 4096), max_size=30))
def test_any_split_gives_the_same_frames(sent: list[Frame], cuts: list[int]) -> None:
    parser = Frames()
    assert fed(parser, b"".join(map(encode, sent)), cuts) == sent
    assert (parser.frames, parser.dropped, parser.bad_checksums) == (len(sent), 0, 0)


@given(st.lists(frames | noise, max_size=8), st.lists(st.integers(0, 4096), max_size=30))
def test_noise_is_split_like_anything_else(parts: list[Frame | bytes], cuts: list[int]) -> None:
    octets = b"".join(encode(one) if isinstance(one, Frame) else one for one in parts)
    at_once, in_pieces = Frames(), Frames()
    assert fed(in_pieces, octets, cuts) == at_once.feed(octets, 0.0)
    assert in_pieces.feed(b"", 1.0) == at_once.feed(b"", 1.0)
    assert in_pieces.dropped == at_once.dropped


@given(st.lists(st.tuples(noise, frames), max_size=6))
def test_frames_are_found_between_noise(parts: list[tuple[bytes, Frame]]) -> None:
    """What noise seems to begin is over after a gap, and gives free what it enclosed."""
    parser = Frames()
    octets = b"".join(dirt + encode(frame) for dirt, frame in parts)
    found = parser.feed(octets, 0.0) + parser.feed(b"", GAP_S + 0.01)
    assert found == [frame for _, frame in parts]
    assert parser.dropped == sum(len(dirt) for dirt, _ in parts)


@given(frames, st.integers(0, 300), st.integers(1, 255))
def test_a_flipped_byte_never_gives_another_frame(frame: Frame, at: int, flip: int) -> None:
    octets = bytearray(encode(frame))
    octets[at % len(octets)] ^= flip
    parser = Frames()
    assert parser.feed(bytes(octets) + OK, 0.0) + parser.feed(b"", 1.0) == [Frame(Pid.ACK, b"\0")]


@pytest.mark.parametrize(
    ("at", "wrong"),
    [(2, b"\xfe"), (5, b"\0"), (6, b"\x03"), (6, b"\0"), (7, b"\x02"), (8, b"\x02"), (8, b"\0")],
)
def test_what_cannot_be_a_frame_costs_one_byte(at: int, wrong: bytes) -> None:
    broken = OK[:at] + wrong + OK[at + 1 :]
    parser = Frames()
    assert parser.feed(broken + OK, 0.0) == [Frame(Pid.ACK, b"\0")]
    assert parser.dropped == len(broken)


def test_a_bad_checksum_is_counted() -> None:
    parser = Frames()
    assert parser.feed(OK[:-1] + b"\x0b", 0.0) == []
    assert (parser.bad_checksums, parser.frames) == (1, 0)


def test_the_start_of_a_frame_inside_data() -> None:
    inside = Frame(Pid.DATA, OK + OK[:7])
    assert Frames().feed(encode(inside) + OK, 0.0) == [inside, Frame(Pid.ACK, b"\0")]


def test_the_longest_frame_and_one_longer() -> None:
    longest = Frame(Pid.DATA, bytes(256))
    assert encode(longest)[7:9] == b"\x01\x02"
    assert Frames().feed(encode(longest), 0.0) == [longest]
    with pytest.raises(ValueError, match="1 to 256"):
        Frame(Pid.DATA, bytes(257))
    with pytest.raises(ValueError, match="1 to 256"):
        Frame(Pid.ACK, b"")


def test_a_gap_ends_an_unfinished_frame() -> None:
    parser = Frames()
    assert parser.feed(OK[:8], 5.0) == []
    assert parser.feed(OK[8:], 5.0 + GAP_S / 2) == [Frame(Pid.ACK, b"\0")]
    assert parser.feed(OK[:8], 6.0) == []
    assert parser.feed(OK[8:] + OK, 6.0 + GAP_S + 0.01) == [Frame(Pid.ACK, b"\0")]
    assert parser.dropped == len(OK)


def test_another_address_is_another_module() -> None:
    mine, theirs = Frames(0x12345678), encode(Frame(Pid.ACK, b"\x09"), ADDRESS)
    ours = encode(Frame(Pid.ACK, b"\0"), 0x12345678)
    assert mine.feed(theirs + ours, 0.0) == [Frame(Pid.ACK, b"\0")]


def test_what_is_forgotten_does_not_spoil_what_follows() -> None:
    parser = Frames()
    parser.feed(OK[:9], 0.0)
    parser.forget()
    assert parser.feed(OK, 0.0) == [Frame(Pid.ACK, b"\0")]
    assert parser.dropped == 9
