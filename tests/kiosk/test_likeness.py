"""Whom somebody resembles: exact scores, both ways of comparing, nobody twice, never oneself."""

import math
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.faces.likeness import THRESHOLDS, alike, check
from tests.kiosk.face_parts import MODEL, template, vector


def octets(numbers: list[float]) -> bytes:
    return array("f", numbers).tobytes()


def turned(who: str, cosine: float) -> bytes:
    """Return a template of that cosine to `vector(who)`."""
    own, other = vector(who), vector(who, "other")
    along = sum(a * b for a, b in zip(own, other, strict=True))
    across = [b - along * a for a, b in zip(own, other, strict=True)]
    length = math.hypot(*across)
    sine = math.sqrt(1 - cosine * cosine)
    return octets([cosine * a + sine * b / length for a, b in zip(own, across, strict=True)])


@given(st.floats(-1, 1))
def test_the_scores_are_exact(cosine: float) -> None:
    rows = [("budi", turned("budi", cosine))]
    found = alike(MODEL, [octets(vector("budi"))], rows, "siti")
    if abs(cosine - 0.50) > 1e-5:
        assert bool(found) == (cosine > 0.50)
    for one in found:
        assert one.score == pytest.approx(cosine, abs=1e-3)
    distance = math.sqrt(max(0.0, 2 - 2 * cosine))
    near = alike("dlib:abc", [octets(vector("budi"))], rows, "siti")
    if abs(distance - 0.40) > 1e-4:
        assert bool(near) == (distance < 0.40)
    for one in near:
        assert one.score == pytest.approx(1 - distance, abs=1e-3)


def test_everybody_is_named_once_by_their_best_and_the_nearest_first() -> None:
    rows = [
        ("tono", turned("budi", 0.6)),
        ("budi", turned("budi", 0.7)),
        ("budi", turned("budi", 0.9)),
        ("siti", turned("budi", 1.0)),
        ("ani", turned("budi", 0.4)),
    ]
    found = alike(MODEL, [octets(vector("budi"))], rows, "siti")
    assert [(one.person, one.score) for one in found] == [("budi", 0.9), ("tono", 0.6)]


def test_templates_of_another_length_are_nobodys() -> None:
    rows = [("budi", template("budi") * 4), ("tono", b"")]
    assert alike(MODEL, [template("budi")], rows, "siti") == []
    assert alike(MODEL, [], [("budi", template("budi"))], "siti") == []


def test_what_a_model_makes_passes() -> None:
    check(MODEL, template("siti"))
    check("dlib:abc", octets([0.1] * 128))  # dlib's have no length of their own
    for wrong in (octets([0.1] * 128), octets([math.inf] * 128), octets([0.0] * 128), b"abc", b""):
        with pytest.raises(ValueError, match=r"template|float32"):
            check(MODEL, wrong)


def test_the_thresholds_are_those_of_the_figures() -> None:
    assert {way.value: least for way, least in THRESHOLDS.items()} == {
        "cosine": 0.50, "euclidean": 0.60,
    }  # fmt: skip
