"""A card's number as the roster knows it: one text, whichever reader reads it. Pure.

It is the ten digits that are printed on an EM4100 card: its lower 32 bits in decimal, with leading
zeros. What is read as facility and number, 26 bits of Wiegand, is 24 of these, and so the same text
on a card whose upper eight are zero. A longer number than a card of 40 bits has is its own decimal.
"""

from typing import Final

DIGITS: Final = 10
"""How many digits the text of a card has, at least."""

EM4100_BITS: Final = 40
"""Eight bits of version or customer, then the 32 that are printed."""

PRINTED_MASK: Final = 0xFFFF_FFFF
"""What of such a number is printed."""

NUMBER_MOST: Final = 0xFFFF
"""Largest half of facility and number: 16 bits each in the longer formats."""


def card_of(number: int) -> str:
    """Return the text of the card of a number, which is not negative."""
    shown = number & PRINTED_MASK if number >> EM4100_BITS == 0 else number
    return f"{shown:0{DIGITS}}"


def card_of_halves(facility: int, number: int) -> str | None:
    """Return the text of the card of a facility and a number; None where one is out of range."""
    if not (0 <= facility <= NUMBER_MOST and 0 <= number <= NUMBER_MOST):
        return None
    return card_of(facility << 16 | number)
