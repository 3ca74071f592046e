"""Passive liveness: a small network that has seen prints and screens, by OpenCV.

It looks at the face with what surrounds it, because a picture gives itself away at its edge. It
says nothing of a face that fills the frame or is cut by it.
"""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from drivers.camera.engine import Face, Frame
from drivers.camera.opencv import cv2, loading
from drivers.camera.weights import PASSIVE, checked, named
from drivers.errors import Misconfigured

SIZE: Final = 128
"""Pixels across what the network is given."""
CONTEXT: Final = 1.5
"""How much wider than the face's longer side that is in the frame."""
LEAST_INSIDE: Final = 0.5
"""Share of that square that must lie in the frame; the rest is mirrored, as in its training."""


class AntiSpoof:
    """One network with two outputs, of which the first is a live face."""

    threshold = 0.5

    def __init__(self, name: str, directory: Path) -> None:
        """Load the weights `name`. Raises Misconfigured where they are missing or wrong."""
        weights = named(name)
        if weights.engine != PASSIVE:
            raise Misconfigured(
                f"{name} is no model of passive liveness but one of engine {weights.engine}",
                hint="`kiosk models list` shows which are",
            )
        self.model = weights.model
        with loading(checked(weights, directory)) as path:
            self._net = cv2.dnn.readNetFromONNX(path)

    def score(self, frame: Frame, face: Face) -> float | None:
        """Return how alive it looks, 0 to 1; None where too little around it is in the frame."""
        around = _around(frame, face)
        if around is None:
            return None
        # Blue-green-red becomes red-green-blue on the way.
        blob = cv2.dnn.blobFromImage(around, 1 / 255, swapRB=True)
        self._net.setInput(blob)
        live, spoof = np.asarray(self._net.forward()).reshape(-1)[:2].astype(float)
        return float(1 / (1 + np.exp(spoof - live)))


def _around(frame: Frame, face: Face) -> npt.NDArray[np.uint8] | None:
    """Cut a square around the face, mirrored where it reaches beyond the frame."""
    height, width = frame.shape[:2]
    side = round(CONTEXT * max(face.width, face.height))
    left = int(face.x + face.width / 2 - side / 2)
    top = int(face.y + face.height / 2 - side / 2)
    inside = frame[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)]
    if side < 1 or inside.shape[0] * inside.shape[1] < LEAST_INSIDE * side * side:
        return None
    square = cv2.copyMakeBorder(
        inside,
        max(0, -top),
        max(0, top + side - height),
        max(0, -left),
        max(0, left + side - width),
        cv2.BORDER_REFLECT_101,
    )
    how = cv2.INTER_LANCZOS4 if side < SIZE else cv2.INTER_AREA
    return cv2.resize(square, (SIZE, SIZE), interpolation=how).astype(np.uint8, copy=False)
