"""A picture out of a file, as a frame."""

from pathlib import Path

import numpy as np

from drivers.camera.engine import Frame
from drivers.camera.opencv import cv2


def load(file: Path) -> Frame | None:
    """Return the picture; None where the file is none that OpenCV reads."""
    picture = cv2.imread(str(file))
    return None if picture is None else picture.astype(np.uint8)
