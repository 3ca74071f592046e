"""The gallery in memory: everybody's templates as one matrix, and who is nearest. Exact; no index.

A person's rows stand together, so the next person is found by leaving out one slice.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from drivers.camera.engine import Metric, Vector
from drivers.errors import Misconfigured

_LEAST = np.float32(-np.inf)


class Match(Struct, frozen=True):
    """Who is nearest, and who is next.

    Attributes:
        person, score: the nearest; "" and 0 where the gallery is empty or the probe is no number.
        second, second_score: the nearest of all others; "" and 0 where there is nobody else.
    """

    person: str = ""
    score: float = 0.0
    second: str = ""
    second_score: float = 0.0


class Gallery:
    """Whom a recognizer may name.

    Attributes:
        persons: of each row; rows of one person are neighbours.
        vectors: n x dimensions, float32, in the order of `persons`.
    """

    def __init__(self, rows: Sequence[tuple[str, bytes]], dimensions: int, metric: Metric) -> None:
        """Take rows of person and template. Raises Misconfigured for one of another model."""
        ordered = sorted(rows, key=lambda row: row[0])
        for person, template in ordered:
            if len(template) != 4 * dimensions:
                raise Misconfigured(
                    f"a template of {person} has {len(template)} octets, expected "
                    f"{4 * dimensions}: it is of another model",
                    hint=f"enrol them again: kiosk enrol face {person}",
                )
        self.persons: list[str] = [person for person, _ in ordered]
        self.vectors: Vector = (
            np.frombuffer(b"".join(template for _, template in ordered), dtype="<f4")
            .astype(np.float32)
            .reshape(len(ordered), dimensions)
        )
        if not np.isfinite(self.vectors).all():
            bad = int(np.flatnonzero(~np.isfinite(self.vectors).all(axis=1))[0])
            raise Misconfigured(
                f"a template of {self.persons[bad]} holds what is no number",
                hint=f"enrol them again: kiosk enrol face {self.persons[bad]}",
            )
        self._metric = metric
        self._half_squares = np.einsum("ij,ij->i", self.vectors, self.vectors) / 2
        self._slices = _slices(self.persons)

    def match(self, vector: Vector) -> Match:
        """Return the nearest person by their nearest row, and the nearest other."""
        if not self.persons or not np.isfinite(vector).all():
            return Match()
        nearness = self._nearness(vector)
        best = int(nearness.argmax())
        nearness[self._slices[self.persons[best]]] = _LEAST
        second = int(nearness.argmax())
        if nearness[second] == _LEAST:
            return Match(self.persons[best], self._score(best, vector))
        return Match(
            self.persons[best],
            self._score(best, vector),
            self.persons[second],
            self._score(second, vector),
        )

    def _nearness(self, vector: Vector) -> npt.NDArray[np.float32]:
        """Return what orders the rows as their scores do: of |a-b| one product is enough."""
        product = self.vectors @ vector.astype(np.float32, copy=False)
        if self._metric is Metric.EUCLIDEAN:
            product -= self._half_squares
        return product

    def _score(self, row: int, vector: Vector) -> float:
        if self._metric is Metric.COSINE:
            return float(self.vectors[row] @ vector)
        return 1.0 - float(np.linalg.norm(self.vectors[row] - vector))


def _slices(persons: Sequence[str]) -> dict[str, slice]:
    slices: dict[str, slice] = {}
    first = 0
    for row, person in enumerate(persons):
        if person != persons[first]:
            first = row
        slices[person] = slice(first, row + 1)
    return slices
