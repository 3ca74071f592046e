"""An engine: what finds faces in a frame and turns one into a template. Contracts; no library.

A frame is height x width x 3, uint8, blue-green-red, as OpenCV gives it. Every coordinate is in
pixels of the frame that was handed in, whatever size the engine works at.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt
from msgspec import Struct

Frame = npt.NDArray[np.uint8]
Vector = npt.NDArray[np.float32]


class Point(Struct, frozen=True):
    """A place in a frame, pixels from its upper left corner."""

    x: float
    y: float


class Face(Struct, frozen=True, kw_only=True):
    """A face in a frame. Right and left are the person's own.

    Attributes:
        x, y, width, height: its box; may reach beyond the frame.
        score: how sure the detector is, 0 to 1.
    """

    x: float
    y: float
    width: float
    height: float
    score: float
    right_eye: Point
    left_eye: Point
    nose: Point
    right_mouth: Point
    left_mouth: Point


class Metric(StrEnum):
    """How two templates are compared; a score is higher the nearer they are."""

    COSINE = "cosine"  # score = a.b of L2-normalised vectors, -1 to 1
    EUCLIDEAN = "euclidean"  # score = 1 - |a-b|


class Engine(Protocol):
    """One recogniser with its detector. Used by one thread."""

    name: str
    """As in the settings: "sface", "dlib"."""
    model: str
    """Name and the first 12 digits of the SHA-256 of the weights that make templates."""
    dimensions: int
    metric: Metric
    threshold: float
    """Least score at which a person is named, unless the settings say otherwise."""
    margin: float
    """Least distance in score to the next person."""

    def detect(self, frame: Frame) -> Sequence[Face]:
        """Return the faces, the largest first. Works at a width of 320 whatever the frame has."""

    def embed(self, frame: Frame, face: Face) -> Vector:
        """Return the template of one face, from the frame's full resolution; `dimensions` long."""


class Passive(Protocol):
    """A model that says from one frame whether a face is there or a picture of one."""

    model: str
    threshold: float
    """Below it, the model takes the face for a picture."""

    def score(self, frame: Frame, face: Face) -> float | None:
        """Return how alive it looks, 0 to 1; None where the frame shows too little around it."""
