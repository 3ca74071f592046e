"""Engine `sface`: YuNet finds faces, SFace makes templates, both by OpenCV."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from drivers.camera.engine import Face, Frame, Metric, Point, Vector
from drivers.camera.opencv import cv2, loading
from drivers.camera.shrink import shrunk
from drivers.camera.weights import checked, named

LEAST_SCORE: Final = 0.6
"""Below it YuNet's finds are rarely faces; the gates ask more of a face that decides."""
OVERLAP: Final = 0.3
"""Two boxes that share more than this of their area are one face."""
MOST: Final = 200
"""Candidates that are kept before overlaps are sorted out."""


class SFace:
    """YuNet and SFace. At the threshold about 1 % of strangers are named (docs/CAMERA.md)."""

    name = "sface"
    dimensions = 128
    metric = Metric.COSINE
    threshold = 0.52
    margin = 0.05

    def __init__(self, directory: Path) -> None:
        """Load the weights. Raises Misconfigured where they are missing or wrong."""
        yunet, sface = named("yunet-2023mar"), named("sface-2021dec")
        self.model = sface.model
        with loading(checked(yunet, directory)) as path:
            self._detector = cv2.FaceDetectorYN.create(path, "", (0, 0), LEAST_SCORE, OVERLAP, MOST)
        with loading(checked(sface, directory)) as path:
            self._recognizer = cv2.FaceRecognizerSF.create(path, "")

    def detect(self, frame: Frame) -> Sequence[Face]:
        """Return the faces, the largest first."""
        small, scale = shrunk(frame)
        height, width = small.shape[:2]
        self._detector.setInputSize((width, height))
        found: Any = self._detector.detect(small)[1]  # None where there is no face
        if found is None:
            return ()
        faces = [_face(row, scale) for row in found.astype(float).tolist()]
        return sorted(faces, key=lambda face: face.width * face.height, reverse=True)

    def embed(self, frame: Frame, face: Face) -> Vector:
        """Return the L2-normalised template of one face, aligned at full resolution."""
        aligned = self._recognizer.alignCrop(frame, _row(face))
        vector = self._recognizer.feature(aligned)[0].astype(np.float32)
        unit: Vector = vector / np.linalg.norm(vector)
        return unit


def _face(row: list[float], scale: float) -> Face:
    """Read YuNet's row: box, right eye, left eye, nose, right and left mouth corner, score."""
    x, y, width, height, *points, score = (value * scale for value in row)
    right_eye, left_eye, nose, right_mouth, left_mouth = map(Point, points[::2], points[1::2])
    return Face(
        x=x,
        y=y,
        width=width,
        height=height,
        score=min(1.0, score / scale),
        right_eye=right_eye,
        left_eye=left_eye,
        nose=nose,
        right_mouth=right_mouth,
        left_mouth=left_mouth,
    )


def _row(face: Face) -> Vector:
    """Write what `_face` reads, for the alignment."""
    points = (face.right_eye, face.left_eye, face.nose, face.right_mouth, face.left_mouth)
    places = [value for point in points for value in (point.x, point.y)]
    return np.array(
        [[face.x, face.y, face.width, face.height, *places, face.score]], dtype=np.float32
    )
