"""What a line of a reader says by the pattern of its settings. Pure.

A pattern names the parts of a line by groups; `LineReader.pattern` says which there are.
"""

import re
from typing import Final

from drivers.readers.cards import card_of, card_of_halves

MATCH_MOST: Final = 256
"""A longer line names no card: a pattern that tries everything tries it on no more."""

CARD_MOST: Final = 64
"""Longest text that names a card, characters."""

NUMBER_DIGITS_MOST: Final = 40
"""Longest number: more than 128 bits have."""


class Pattern:
    """One reader's pattern, which the settings have checked."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)

    def card_of(self, text: str) -> str | None:
        """Return the card that a whole line names, as the roster knows it; None for none."""
        found = self._pattern.fullmatch(text) if len(text) <= MATCH_MOST else None
        if found is None:
            return None
        said = {name: part for name, part in found.groupdict().items() if part}
        if "card" in said:
            card = said["card"].strip()
            return card if 0 < len(card) <= CARD_MOST else None
        if any(len(part) > NUMBER_DIGITS_MOST for part in said.values()):
            return None
        try:
            if "hex" in said:
                return card_of(_number(said["hex"], 16))
            if "decimal" in said:
                return card_of(_number(said["decimal"], 10))
            return card_of_halves(_number(said["facility"], 10), _number(said["number"], 10))
        except (ValueError, KeyError):  # digits that are none, or a half that the line had not
            return None


def _number(digits: str, base: int) -> int:
    """Return what digits say; blanks and colons between them count for nothing.

    Raises ValueError. `int` alone takes signs, underlines and digits of other scripts.
    """
    plain = digits.replace(" ", "").replace(":", "")
    if not (plain.isascii() and plain.isalnum()):
        raise ValueError("no digits")
    return int(plain, base)
