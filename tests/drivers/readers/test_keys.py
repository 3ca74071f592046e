"""A keypad: entries, and what never leaves it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.readers.keys import Keypad, Typed, Unusable


def typed(keys: bytes) -> list[Typed | Unusable]:
    return list(Keypad(10).feed(keys, 0.0))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (b"17*2468#", [("17", "2468")]),
        (b"1\r\n7\r\n*2468\r\n#\r\n", [("17", "2468")]),
        (b"17*2468#18*1357#", [("17", "2468"), ("18", "1357")]),
        (b"99\x1b17*2468#", [("17", "2468")]),
        (b"17*99\x0817*2468#", [("17", "2468")]),
        (b"17*99\x7f", []),
        (b"#", []),
        (b"*", []),
    ],
)
def test_an_entry(keys: bytes, said: list[tuple[str, str]]) -> None:
    assert [(one.user, one.pin) for one in typed(keys) if isinstance(one, Typed)] == said
    assert not any(isinstance(one, Unusable) for one in typed(keys))


@pytest.mark.parametrize(
    "keys",
    [b"17#", b"17*#", b"*1#", b"17**", b"17*2*", b"A", b"\xff", b"1" * 25, b"1*" + b"2" * 17],
)
def test_what_is_no_entry_is_said_without_what_was_typed(keys: bytes) -> None:
    said = typed(keys)
    assert [type(one) for one in said] == [Unusable] or keys == b"*1#"
    assert not any(digit in repr(said) for digit in "17")


def test_after_what_is_no_entry_one_begins_anew() -> None:
    (bad, good) = typed(b"17#17*2468#")
    assert isinstance(bad, Unusable)
    assert isinstance(good, Typed)


def test_who_walks_away_leaves_nothing() -> None:
    pad = Keypad(10)
    assert list(pad.feed(b"17*24", 0.0)) == []
    assert list(pad.feed(b"68#", 9.9)) != []
    assert list(pad.feed(b"17*24", 20.0)) == []
    said = list(pad.feed(b"68#", 30.0))
    assert [type(one) for one in said] == [Unusable], "the next one's keys are not added"


def test_a_pin_stands_in_no_representation() -> None:
    pad = Keypad(10)
    (one,) = pad.feed(b"17*24681357#", 0.0)
    assert isinstance(one, Typed)
    assert one.pin == "24681357"
    for shown in (repr(one), str(one), f"{one}", repr([one]), repr(pad)):
        assert "24681357" not in shown


@given(st.binary(max_size=40), st.lists(st.integers(0, 40)))
def test_any_way_of_cutting_gives_the_same(keys: bytes, cuts: list[int]) -> None:
    pad, edges = Keypad(10), [0, *sorted(cuts), len(keys)]
    pieces = [keys[a:b] for a, b in pairwise(edges)]
    assert [one for p in pieces for one in pad.feed(p, 0.0)] == typed(keys)
