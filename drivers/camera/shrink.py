"""The one size at which every engine looks for faces, and the way back to the frame."""

from typing import Final

import numpy as np

from drivers.camera.engine import Frame
from drivers.camera.opencv import cv2

WIDTH: Final = 320
"""Pixels across; YuNet takes 4 ms for it, whatever the camera's resolution."""


def shrunk(frame: Frame) -> tuple[Frame, float]:
    """Return the frame at `WIDTH`, and by what its coordinates are multiplied to be the frame's."""
    height, width = frame.shape[:2]
    if width == WIDTH:
        return frame, 1.0
    scale = width / WIDTH
    # Averaged on the way down: a sharp step between pixels is no edge of a face.
    how = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    small = cv2.resize(frame, (WIDTH, max(1, round(height / scale))), interpolation=how)
    return small.astype(np.uint8, copy=False), scale
