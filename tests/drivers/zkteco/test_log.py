"""A log that is decoded when it is looked at says what one decoded at once would."""

import struct
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.zkteco import times
from drivers.zkteco.log import PAGE_ROWS, Log, LogPunches
from drivers.zkteco.records import Layout, decode_rows, names_of

MORNING = times.ticks(2026, 3, 2, 7, 28)


def row(user: int, when: int) -> bytes:
    return struct.pack("<H24sBIB8x", user, str(user).encode(), 1, when, 255)


def log(*rows: bytes) -> Log:
    return Log(b"".join(rows), Layout.TFT_40, {})


LONG = log(*(row(1000 + n % 7, MORNING + n) for n in range(2 * PAGE_ROWS + 3)))


@given(st.slices(len(LONG)) | st.integers(-len(LONG), len(LONG) - 1))
def test_any_look_is_that_of_a_list(at: slice | int) -> None:
    assert LONG[at] == list(LONG)[at]


def test_it_is_as_long_as_what_it_gives() -> None:
    assert len(LONG) == len(list(LONG)) == 2 * PAGE_ROWS + 3
    assert list(log()) == []
    with pytest.raises(IndexError):
        LONG[len(LONG)]


def test_all_layouts_in_pages_are_those_in_one_go() -> None:
    octets = bytes(range(256)) * 49  # divides by 8, 16 and 49; no row is plausible, none is lost
    for layout in Layout:
        whole = octets[: len(octets) // layout.width * layout.width]
        assert list(Log(whole, layout, {7: "E7"})) == decode_rows(
            whole, layout, names_of(layout, {7: "E7"})
        )


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 5)), max_size=60))
def test_ordinals_count_the_same_user_and_second(made: list[tuple[int, int]]) -> None:
    punches = LogPunches(log(*(row(user, MORNING + when) for user, when in made)), "CEXA1")
    seen: Counter[tuple[int, int]] = Counter()
    expected = []
    for one in made:
        seen[one] += 1
        expected.append(seen[one])
    assert [punch.ordinal for punch in punches] == expected
    assert [punch.user for punch in punches] == [str(user) for user, _ in made]
    assert {punch.terminal for punch in punches} <= {"CEXA1"}
