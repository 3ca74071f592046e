"""A table as a file has it: named, with numbered rows of cells; nothing of it is understood yet."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from sync.central.roster.cells import Cell


class Table(Struct, frozen=True):
    """A sheet of a file.

    Attributes:
        name: the sheet's, or the CSV file's without its ending.
        rows: (number as the person sees it, cells), the header first; no empty ones.
    """

    name: str
    rows: Sequence[tuple[int, Sequence[Cell]]]


class Source(Struct, frozen=True):
    """A file as it was; `name` without its directory."""

    name: str
    content: bytes


class Unreadable(Exception):
    """A file is no table at all; says which, why and what to do."""


MOST_BYTES: int = 64 * 1024 * 1024
"""Larger files are refused: 10,000 people with everything take 3 MB."""


def load(path: Path) -> bytes:
    """Return a file's bytes. Raises Unreadable."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise Unreadable(f"{path}: more than {MOST_BYTES} bytes; name a file with a roster in it")
    return content


def is_empty(cells: Sequence[Cell]) -> bool:
    """Return whether nothing stands in a row."""
    return all(cell is None or (isinstance(cell, str) and not cell.strip()) for cell in cells)
