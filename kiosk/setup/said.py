"""A sentence in the two languages of those who set up a kiosk."""

from msgspec import Struct


class Said(Struct, frozen=True):
    """One sentence: `indonesian`, and the same in `english`."""

    indonesian: str
    english: str

    def __str__(self) -> str:
        return f"{self.indonesian}\n{self.english}"


class Mistake(Struct, frozen=True):
    """What is wrong at one place of a file or with one answer, and what to do."""

    where: str
    said: Said
