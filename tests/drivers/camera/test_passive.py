"""The passive liveness model, on what it must tell apart. Its weights come from ../shared."""

from pathlib import Path

import numpy as np
import pytest
from msgspec import structs
from stand.models import PASSIVE, SHARED, has_passive

from drivers.camera.engine import Face, Frame
from drivers.camera.opencv import cv2
from drivers.camera.passive import CONTEXT, SIZE, AntiSpoof
from drivers.camera.sface import SFace


@pytest.fixture(scope="module")
def passive(weights: Path) -> AntiSpoof:
    if not has_passive(weights):
        pytest.skip(f"no package carries its weights, and {SHARED}/data/models has none")
    return AntiSpoof(PASSIVE, weights)


@pytest.fixture(scope="module")
def finder(weights: Path) -> SFace:
    return SFace(weights)


def test_people_pass(passive: AntiSpoof, finder: SFace, people: dict[str, Frame]) -> None:
    for frame in people.values():
        score = passive.score(frame, finder.detect(frame)[0])
        assert score is not None
        assert passive.threshold <= score <= 1


def test_a_face_that_fills_the_frame_says_nothing(
    passive: AntiSpoof, finder: SFace, people: dict[str, Frame]
) -> None:
    frame = people["official"]
    face = finder.detect(frame)[0]
    left, top = int(face.x), int(face.y)
    tight = frame[top : top + int(face.height), left : left + int(face.width)]
    assert passive.score(tight, structs.replace(face, x=0, y=0)) is None


@pytest.mark.parametrize(("x", "y"), [(-90, 100), (600, 100), (300, -90), (300, 440)])
def test_a_face_at_any_edge_does_no_harm(passive: AntiSpoof, face: Face, x: int, y: int) -> None:
    frame = np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)
    score = passive.score(frame, structs.replace(face, x=x, y=y))
    assert score is None or 0 <= score <= 1


@pytest.fixture
def face(finder: SFace, people: dict[str, Frame]) -> Face:
    return structs.replace(finder.detect(people["official"])[0], width=80, height=SIZE / CONTEXT)


@pytest.mark.slow
def test_nine_of_ten_pictures_of_people_do_not(
    passive: AntiSpoof, finder: SFace, shared: Path
) -> None:
    """A guard on how the picture is cut and scaled; bench/liveness.py has the figures, of all."""
    passed = {}
    for kind in ("live", "spoof"):
        frames = [
            np.asarray(cv2.imread(str(path)), np.uint8)
            for path in sorted((shared / "data" / "faces" / "pad" / kind).iterdir())[::3]
        ]
        scores = [
            passive.score(frame, faces[0]) for frame in frames if (faces := finder.detect(frame))
        ]
        known = [score for score in scores if score is not None]
        passed[kind] = sum(score >= passive.threshold for score in known) / len(known)
    assert passed["live"] >= 0.9
    assert passed["spoof"] <= 0.1
