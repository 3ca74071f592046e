"""The form of a fuzz target, and an input read as a script."""

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from drivers.errors import SourceError

MOST_SAID: Final = 40_000
"""Longest message of an error, characters."""


class Target(Struct, frozen=True):
    """One parser under fire.

    Attributes:
        run: takes the input.
        may_raise: the errors that an input may cause.
        seeds: sound inputs, from which others are bred.
    """

    run: Callable[[bytes], None]
    may_raise: tuple[type[Exception], ...] = (SourceError,)
    seeds: Sequence[bytes] = ()

    def __call__(self, octets: bytes) -> None:
        """Run; an error that it may raise is what it should do."""
        try:
            self.run(octets)
        except self.may_raise as error:
            _check(error)


def _check(error: Exception) -> None:
    """A technician gets a next step, and a disk is not filled with all that came."""
    assert 0 < len(str(error)) < MOST_SAID
    assert not isinstance(error, SourceError) or error.hint


class Script:
    """An input read as a script: numbers and stretches, zeros behind its end."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._octets)

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes, fewer at the end."""
        taken = self._octets[self._at : self._at + count]
        self._at += count
        return taken

    def number(self, octets: int = 1) -> int:
        """Return the next number."""
        return int.from_bytes(self.take(octets), "little")

    def stretch(self) -> bytes:
        """Return the next stretch: a length and so many bytes."""
        return self.take(self.number() * (1 + self.number() % 8))


def stretch(octets: bytes) -> bytes:
    """Return how a script has a stretch."""
    return bytes([len(octets), 0]) + octets
