"""Whom does somebody resemble? The duplicate search of enrolment: exact, over everybody.

Pure Python, so that the daemon needs no numpy: 2,404 people with three templates each take a sixth
of a second. A model's name says how its templates are compared and from which score on two are
taken for one person; `bench/face.py` prints the error rates behind it.
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


_LENGTH_OFF_MOST: Final = 1e-3

NUMBERS: Final = {"sface": 128, "dlib": 128}
"""How many numbers an engine's template has. One of another length, in the gallery, and the
recognizer knows nobody at all."""


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
    way = _way(model)
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


def check(model: str, template: bytes) -> None:
    """Raise ValueError where no such template could have come out of `model`.

    A vector that is too long would resemble everybody.
    """
    if not template or len(template) % 4:
        raise ValueError(f"{len(template)} bytes are no row of float32")
    numbers = NUMBERS.get(model.partition(":")[0])
    if numbers is not None and len(template) != 4 * numbers:
        raise ValueError(f"a template of {model} has {numbers} numbers, not {len(template) // 4}")
    length = math.hypot(*_vector(template))
    if not math.isfinite(length) or not length:
        raise ValueError("a template has a number that is none, or nothing but zeros")
    if _way(model) is _Way.COSINE and abs(length - 1) > _LENGTH_OFF_MOST:
        raise ValueError(f"a template of {model} has length 1, not {length:.3f}")


def _way(model: str) -> _Way:
    return _Way.EUCLIDEAN if model.partition(":")[0] in _EUCLIDEAN else _Way.COSINE


def _score(way: _Way, one: Sequence[float], other: Sequence[float]) -> float:
    if len(one) != len(other):
        return -math.inf
    if way is _Way.COSINE:
        return float(sum(map(mul, one, other)))
    return 1 - math.hypot(*map(sub, one, other))


def _vector(template: bytes) -> Sequence[float]:
    vector = array("f")
    vector.frombytes(template[: len(template) // 4 * 4])
    if _IS_BIG_ENDIAN:
        vector.byteswap()
    return vector


_IS_BIG_ENDIAN: Final = array("H", [1]).tobytes() == b"\0\1"
