"""Lines: what ends them, what is kept of them, what is no text."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.options import Terminator
from drivers.readers.lines import LINE_MOST_BYTES, Line, Lines


def heard(stream: bytes, terminator: Terminator = Terminator.ANY) -> list[Line]:
    return list(Lines(terminator, 200).feed(stream, 0.0))


@pytest.mark.parametrize(
    ("terminator", "stream", "texts"),
    [
        ("any", b"a\rb\nc\r\nd", ["a", "b", "c"]),
        ("any", b"\r\n\r\n\n", []),
        ("cr", b"a\r\nb\r\n", ["a", "b"]),  # the LF is a control character of the next line
        ("lf", b"a\r\nb\r\n", ["a", "b"]),
        ("crlf", b"a\rb\r\nc\n\r\n", ["ab", "c"]),
        ("idle", b"a\r\nb\r\n", []),
        ("any", b"\x00\x02 ab\x1b[c\x7f \x03\r", ["ab[c"]),
        ("any", "ké\x85y\r".encode(), ["kéy"]),
    ],
)
def test_what_ends_a_line(terminator: str, stream: bytes, texts: list[str]) -> None:
    assert [one.text for one in heard(stream, Terminator(terminator))] == texts


@pytest.mark.parametrize("terminator", Terminator)
def test_silence_ends_any_line(terminator: Terminator) -> None:
    lines = Lines(terminator, 200)
    assert list(lines.feed(b"1234", 5.0)) == []
    assert lines.is_begun
    assert list(lines.feed(b"56", 5.1)) == []
    assert list(lines.tick(5.29)) == []
    assert list(lines.tick(5.31)) == [Line("123456", b"123456")]
    assert not lines.is_begun
    assert list(lines.tick(9)) == []


def test_what_comes_after_the_silence_is_another_line() -> None:
    lines = Lines(Terminator.IDLE, 50)
    assert list(lines.feed(b"12", 1.0)) == []
    assert list(lines.feed(b"34", 1.06)) == [Line("12", b"12")]
    assert list(lines.tick(1.2)) == [Line("34", b"34")]


def test_what_is_no_text_is_a_line_all_the_same() -> None:
    assert heard(b"\xff\xfe12\r34\r") == [Line(None, b"\xff\xfe12"), Line("34", b"34")]
    assert heard(b"\xc3\r") == [Line(None, b"\xc3")], "half of a letter"


@pytest.mark.parametrize("terminator", [Terminator.ANY, Terminator.CRLF])
@pytest.mark.parametrize("more", [0, 1, 2, 100_000])
def test_a_long_line_is_one_and_bounded(terminator: Terminator, more: int) -> None:
    stream = b"x" * (LINE_MOST_BYTES + more) + b"\r\n" + b"next\r\n"
    long, after = heard(stream, terminator)
    assert long.octets == b"x" * LINE_MOST_BYTES
    assert long.is_whole == (more == 0)
    assert (long.text is None) == (more > 0)
    assert after == Line("next", b"next")


@given(st.sampled_from(Terminator), st.binary(max_size=60), st.lists(st.integers(0, 60)))
def test_any_way_of_cutting_gives_the_same_lines(
    terminator: Terminator, stream: bytes, cuts: list[int]
) -> None:
    whole, cut = Lines(terminator, 100), Lines(terminator, 100)
    edges = [0, *sorted(cuts), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(edges)]
    expected = [*whole.feed(stream, 0.0), *whole.tick(1.0)]
    assert [one for p in pieces for one in cut.feed(p, 0.0)] + list(cut.tick(1.0)) == expected
