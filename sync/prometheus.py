"""Figures as Prometheus reads them: its text format, written by hand. Pure, but for `write`.

A figure is told by a file that node_exporter picks up (its textfile collector): nothing listens for
it, and nobody needs a key. No name and no number of anybody is a label, ever.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from msgspec import Struct

from sync.keyfile import write_durably

_ESCAPED: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class Kind(StrEnum):
    """What a figure does over time."""

    GAUGE = "gauge"
    COUNTER = "counter"


class Sample(Struct, frozen=True):
    """One value, of what its labels say; None is not told."""

    value: float | None
    labels: Mapping[str, str] = {}


class Figure(Struct, frozen=True):
    """A figure by its name, with its unit in it, and all of its values."""

    name: str
    help: str
    samples: Sequence[Sample]
    kind: Kind = Kind.GAUGE


def text(figures: Iterable[Figure]) -> str:
    """Return the figures in version 0.0.4 of the text format."""
    lines: list[str] = []
    for one in figures:
        lines += [f"# HELP {one.name} {one.help}", f"# TYPE {one.name} {one.kind}"]
        lines += [
            f"{one.name}{_labels(each.labels)} {_number(each.value)}"
            for each in one.samples
            if each.value is not None
        ]
    return "\n".join(lines) + "\n"


def write(figures: Iterable[Figure], to: str) -> None:
    """Write the figures to a file, whole at any moment; "-" prints them. Raises OSError."""
    said = text(figures)
    if to == "-":
        sys.stdout.write(said)
    else:
        write_durably(Path(to), said.encode(), 0o644)


def _labels(labels: Mapping[str, str]) -> str:
    said = ",".join(f'{name}="{value.translate(_ESCAPED)}"' for name, value in labels.items())
    return f"{{{said}}}" if said else ""


def _number(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else repr(float(value))
