"""Whom does somebody resemble? The duplicate search of enrolment: exact, over everybody.

Pure Python, so that the daemon needs no numpy: 2,404 people with three templates each take about a
second. A model's name says how its templates are compared and from which score on two are taken for
one person; `bench/face.py` and docs/FACE.md have the error rates behind it.
"""

import math
from array import array
from collections.abc import Iterable, Sequence
from enum import StrEnum
from operator import mul, sub
from typing import Final

from msgspec import Struct


class _Way(StrEnum):
    COSINE = "cosine"  # score = a.b of L2-normalised vectors
    EUCLIDEAN = "euclidean"  # score = 1 - |a-b|


_EUCLIDEAN: Final = ("dlib",)
"""Engines whose templates are compared by distance; all others by cosine."""

THRESHOLDS: Final = {_Way.COSINE: 0.50, _Way.EUCLIDEAN: 0.60}
"""Score from which on two templates are taken for one person's (tolerance 0.40 for dlib)."""


class Alike(Struct, frozen=True):
    """Somebody whom the templates resemble, and how much."""

    person: str
    score: float


def alike(
    model: str, shots: Sequence[bytes], rows: Iterable[tuple[str, bytes]], but: str
) -> list[Alike]:
    """Return everybody but `but` who is taken for the person of `shots`, the nearest first.

    All templates are float32, little-endian, of `model`; of another length than the shots' they
    are nobody's.
    """
    way = _Way.EUCLIDEAN if model.partition(":")[0] in _EUCLIDEAN else _Way.COSINE
    wanted = [_vector(one) for one in shots]
    best: dict[str, float] = {}
    for person, template in rows:
        if person == but:
            continue
        vector = _vector(template)
        score = max((_score(way, one, vector) for one in wanted), default=-math.inf)
        if score >= THRESHOLDS[way]:
            best[person] = max(score, best.get(person, -math.inf))
    found = [Alike(person, round(score, 3)) for person, score in best.items()]
    return sorted(found, key=lambda one: (-one.score, one.person))


def _score(way: _Way, one: array[float], other: array[float]) -> float:
    if len(one) != len(other):
        return -math.inf
    if way is _Way.COSINE:
        return sum(map(mul, one, other))
    return 1 - math.hypot(*map(sub, one, other))


def _vector(template: bytes) -> array[float]:
    vector = array("f")
    vector.frombytes(template[: len(template) // 4 * 4])
    if _IS_BIG_ENDIAN:
        vector.byteswap()
    return vector


_IS_BIG_ENDIAN: Final = array("H", [1]).tobytes() == b"\0\1"
