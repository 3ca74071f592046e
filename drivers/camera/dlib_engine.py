"""Engine `dlib`: a HOG detector, five landmarks and a ResNet; the door to dlib.

These are the models of the face_recognition project without its predictor of 68 points, whose
licence forbids commercial use. dlib's five points are the four corners of the eyes and the base of
the nose; the tip of the nose and the mouth are estimated from them, as `_TIP` and `_MOUTH` say.
"""

from collections.abc import Sequence
from math import exp
from pathlib import Path
from typing import Final

import dlib
import numpy as np
import numpy.typing as npt

from drivers.camera.engine import Face, Frame, Metric, Point, Vector
from drivers.camera.shrink import shrunk
from drivers.camera.weights import checked, named

UPSAMPLE: Final = 1
"""Times the shrunk frame is doubled: without it faces narrower than a quarter of it are missed."""
LEAST_MARGIN: Final = 0.0
"""Least distance from the detector's plane; 0 is dlib's own."""
STEEPNESS: Final = 4.0
"""Makes 0.8 of the distance that 99 of 100 frontal faces have, and 0.5 of none."""

# dlib's box is a square from the brows to the chin; the gates and the liveness model know YuNet's,
# which has the forehead too. In sides of the square, the median of 411 people:
_INSET: Final = 0.04  # that is narrower on either side
_RISE: Final = 0.19  # and begins higher
_WIDTH: Final = 1.0 - 2 * _INSET
_HEIGHT: Final = 1.23

# In units of the distance of the eyes, from the point between them, x along the eyes to the
# person's left: how YuNet's points follow from the base of the nose (u, v), by least squares on
# 1,420 people. Half of all estimates are nearer than 0.06 (nose) and 0.07 (mouth).
_TIP: Final = (1.51, 0.16, 0.57)  # (1.51 u, 0.16 + 0.57 v): the tip stands out from the face
_MOUTH: Final = (0.24, 0.45, 0.57, 0.67)  # (0.24 u -+ 0.45, 0.57 + 0.67 v)


class Dlib:
    """HOG and ResNet; two pictures are of one person at a distance of 0.40 (a score of 0.60)."""

    name = "dlib"
    dimensions = 128
    metric = Metric.EUCLIDEAN
    threshold = 0.60
    margin = 0.05

    def __init__(self, directory: Path) -> None:
        """Load the weights. Raises Misconfigured where they are missing or wrong."""
        landmarks, resnet = named("dlib-landmarks"), named("dlib-resnet")
        self.model = resnet.model
        self._detector = dlib.get_frontal_face_detector()
        self._landmarks = dlib.shape_predictor(str(checked(landmarks, directory)))
        self._resnet = dlib.face_recognition_model_v1(str(checked(resnet, directory)))

    def detect(self, frame: Frame) -> Sequence[Face]:
        """Return the faces, the largest first. Landmarks are found at full resolution."""
        small, scale = shrunk(frame)
        squares, margins, _ = self._detector.run(_rgb(small), UPSAMPLE, LEAST_MARGIN)
        if not squares:
            return ()
        rgb = _rgb(frame)
        faces = [
            self._face(rgb, _scaled(square, scale), margin)
            for square, margin in zip(squares, margins, strict=True)
        ]
        return sorted(faces, key=lambda face: face.width * face.height, reverse=True)

    def embed(self, frame: Frame, face: Face) -> Vector:
        """Return the template of one face, aligned at full resolution by its landmarks."""
        rgb = _rgb(frame)
        shape = self._landmarks(rgb, _square(face))
        return np.array(self._resnet.compute_face_descriptor(rgb, shape), dtype=np.float32)

    def _face(self, rgb: Frame, square: dlib.rectangle, margin: float) -> Face:
        shape = self._landmarks(rgb, square)
        corners = np.array([(shape.part(i).x, shape.part(i).y) for i in range(5)], dtype=float)
        left, right = corners[0:2].mean(axis=0), corners[2:4].mean(axis=0)
        tip, right_mouth, left_mouth = _estimated(right, left, base=corners[4])
        side = float(square.width())
        return Face(
            x=square.left() + _INSET * side,
            y=square.top() - _RISE * side,
            width=_WIDTH * side,
            height=_HEIGHT * side,
            score=1 / (1 + exp(-STEEPNESS * margin)),
            right_eye=Point(*right.tolist()),
            left_eye=Point(*left.tolist()),
            nose=tip,
            right_mouth=right_mouth,
            left_mouth=left_mouth,
        )


Place = npt.NDArray[np.float64]


def _estimated(right: Place, left: Place, base: Place) -> tuple[Point, Point, Point]:
    """Return the tip of the nose and the right and left corner of the mouth."""
    along = left - right
    down = np.array([-along[1], along[0]])
    middle = (left + right) / 2
    square = float(along @ along) or 1.0  # eyes in one place: no face, but no fault either
    u, v = (base - middle) @ along / square, (base - middle) @ down / square
    sideways, half, drop, droop = _MOUTH
    places = (
        (_TIP[0] * u, _TIP[1] + _TIP[2] * v),
        (sideways * u - half, drop + droop * v),
        (sideways * u + half, drop + droop * v),
    )
    tip, right_mouth, left_mouth = (
        Point(*(middle + x * along + y * down).tolist()) for x, y in places
    )
    return tip, right_mouth, left_mouth


def _square(face: Face) -> dlib.rectangle:
    """Return dlib's own box of a face that `_face` made."""
    side = face.width / _WIDTH
    left, top = face.x - _INSET * side, face.y + _RISE * side
    return dlib.rectangle(*map(round, (left, top, left + side - 1, top + side - 1)))


def _scaled(box: dlib.rectangle, scale: float) -> dlib.rectangle:
    edges = (box.left(), box.top(), box.right(), box.bottom())
    return dlib.rectangle(*(round(edge * scale) for edge in edges))


def _rgb(frame: Frame) -> Frame:
    return np.ascontiguousarray(frame[:, :, ::-1])
