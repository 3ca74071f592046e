"""What each kind of reader says, as one set of words: an ear takes bytes in and yields what they
mean. No I/O, no clock of its own, no judgement.
"""

from collections.abc import Iterator
from typing import Final, Protocol

from msgspec import Struct

from drivers.options import CodeReader, LineReader, PinPad, Reader, TagReader
from drivers.readers.cards import card_of
from drivers.readers.keys import Keypad, Typed, Unusable
from drivers.readers.latch import Latch
from drivers.readers.lines import LINE_MOST_BYTES, Line, Lines
from drivers.readers.patterns import Pattern
from drivers.readers.tags import Tag, Tags


class Card(Struct, frozen=True):
    """A card has come; `octets` is how the reader said it."""

    card: str
    octets: bytes


class Code(Struct, frozen=True):
    """A code has come that may be a signed one. Whoever has the text has the code."""

    text: str

    def __repr__(self) -> str:
        """Without the code: representations end in logs."""
        return f"Code({len(self.text)} characters)"


class Unfit(Struct, frozen=True):
    """A whole line has come that names nobody; somebody held something there."""

    why: str
    octets: bytes


class Noise(Struct, frozen=True):
    """What was heard means nothing."""

    why: str


Heard = Card | Code | Typed | Unfit | Noise


class Ear(Protocol):
    """Hears one reader, from when it was opened."""

    @property
    def is_begun(self) -> bool:
        """Return whether something is unfinished, and `feed` to be called soon."""

    def feed(self, octets: bytes, at_s: float) -> Iterator[Heard]:
        """Take in what came, or b"" for nothing, at `at_s` of a rising clock, seconds."""


class TagEar:
    """Implements `Ear` for readers of tags."""

    is_begun: Final = False

    def __init__(self, latch: Latch) -> None:
        self._tags = Tags()
        self._latch = latch

    def feed(self, octets: bytes, at_s: float) -> Iterator[Heard]:
        """As `Ear.feed`."""
        for said in self._tags.feed(octets, at_s):
            if not isinstance(said, Tag):
                yield Noise(said.why)
            elif self._latch.comes(said.number, at_s):
                yield Card(card_of(said.number), said.octets)


class _LineEar:
    """What readers of lines have in common."""

    def __init__(self, options: LineReader | CodeReader, latch: Latch) -> None:
        self._lines = Lines(options.terminator, options.idle_ms)
        self._latch = latch

    @property
    def is_begun(self) -> bool:
        return self._lines.is_begun

    def feed(self, octets: bytes, at_s: float) -> Iterator[Heard]:
        for line in self._lines.feed(octets, at_s):
            heard = self._heard(line)
            thing = heard.card if isinstance(heard, Card) else line.octets
            if self._latch.comes(thing, at_s):
                yield heard

    def _heard(self, line: Line) -> Heard:
        raise NotImplementedError


class CardEar(_LineEar):
    """Implements `Ear` for readers whose lines name cards."""

    def __init__(self, options: LineReader, latch: Latch) -> None:
        super().__init__(options, latch)
        self._pattern = Pattern(options.pattern)

    def _heard(self, line: Line) -> Heard:
        if line.text is None:
            return Unfit(_no_text(line), line.octets)
        card = self._pattern.card_of(line.text)
        if card is None:
            return Unfit("a line that does not fit the pattern", line.octets)
        return Card(card, line.octets)


class CodeEar(_LineEar):
    """Implements `Ear` for scanners of signed codes."""

    def _heard(self, line: Line) -> Heard:
        return Noise(_no_text(line)) if line.text is None else Code(line.text)


class PadEar:
    """Implements `Ear` for keypads. No latch: who types the same again has come again."""

    def __init__(self, options: PinPad) -> None:
        self._pad = Keypad(options.within_s)

    @property
    def is_begun(self) -> bool:
        """As `Ear.is_begun`."""
        return False  # what is forgotten at the next key is forgotten early enough

    def feed(self, octets: bytes, at_s: float) -> Iterator[Heard]:
        """As `Ear.feed`."""
        for said in self._pad.feed(octets, at_s):
            yield Noise(said.why) if isinstance(said, Unusable) else said


def ear_of(options: Reader, latch: Latch) -> Ear:
    """Return an ear for a reader that has just been opened."""
    match options:
        case TagReader():
            return TagEar(latch)
        case LineReader():
            return CardEar(options, latch)
        case CodeReader():
            return CodeEar(options, latch)
        case PinPad():
            return PadEar(options)


def _no_text(line: Line) -> str:
    return "a line that is no UTF-8" if line.is_whole else f"a line over {LINE_MOST_BYTES} bytes"
