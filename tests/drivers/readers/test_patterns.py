"""A card has one text, whichever reader reads it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.options import LineReader
from drivers.readers.cards import card_of, card_of_halves
from drivers.readers.patterns import Pattern

WIEGAND = r"W(?P<bits>26),(?P<facility>\d+),(?P<number>\d+)"


@pytest.mark.parametrize(
    ("pattern", "line", "card"),
    [
        # One card: 40 bits 01 00 93 4C 9D, on which 0009653405 and 147,19613 are printed.
        (r"(?P<hex>[0-9A-F]+)", "010093 4C9D".replace(" ", ""), "0009653405"),
        (r"(?P<decimal>\d+)", "0009653405", "0009653405"),
        (r"(?P<decimal>\d+)", "9653405", "0009653405"),
        (r"(?P<decimal>\d+)", "4304620701", "0009653405"),  # all 40 bits in decimal
        (WIEGAND, "W26,147,19613", "0009653405"),
        (r"(?P<card>\d+) ok", "0009653405 ok", "0009653405"),
        (r"(?P<hex>[0-9A-F:]+)", "00:93:4C:9D", "0009653405"),
        # A number of seven bytes, as NFC cards have, is not cut: others end in the same four.
        (r"(?P<hex>[0-9A-F]+)", "04A22F1A2B5C80", str(0x04A22F1A2B5C80)),
        (WIEGAND, "W26,147,65536", None),
        (WIEGAND, "W26,147,", None),
        (WIEGAND, "W26,147,19613x", None),  # the whole line fits or nothing does
        (WIEGAND, "xW26,147,19613", None),
        (r"(?P<hex>\S+)", "xyz", None),
        (r"(?P<hex>\S+)", "-12", None),
        (r"(?P<decimal>\S+)", "1_000", None),
        (r"(?P<decimal>\d+)", "١٢٣", None),  # digits, but of another script
        (r"(?P<decimal>\d+)", "1" * 41, None),
        (r"(?P<card>.+)", "y" * 65, None),
        (r"(?P<card>.+)", "y" * 10_000, None),
    ],
)
def test_what_a_line_says(pattern: str, line: str, card: str | None) -> None:
    assert Pattern(pattern).card_of(line) == card


def test_a_pattern_that_tries_everything_tries_it_on_little() -> None:
    """The settings cannot know that a pattern is slow: what it may be tried on is bounded."""
    assert Pattern(r"(?P<card>(a|b|ab)*c)").card_of("ab" * 2000) is None


def test_the_pattern_that_is_given_takes_the_whole_line() -> None:
    options = LineReader(name="x", port="/dev/x")
    assert Pattern(options.pattern).card_of("CARD-7") == "CARD-7"


@given(st.integers(0, 2**24 - 1))
def test_26_bits_are_the_text_of_the_card_whose_upper_bits_are_zero(number: int) -> None:
    assert card_of_halves(number >> 16, number & 0xFFFF) == card_of(number)


@given(st.integers(0, 2**200))
def test_a_text_is_ten_digits_or_more(number: int) -> None:
    card = card_of(number)
    assert card.isdecimal()
    assert len(card) >= 10
