"""The one size at which every engine looks for faces, and the way back to the frame."""

from typing import Final

import numpy as np

from drivers.camera.engine import Frame
from drivers.camera.opencv import cv2

WIDTH: Final = 320
"""Pixels across; YuNet takes 4 ms for it, whatever the camera's resolution."""
TALLEST: Final = 2 * WIDTH
"""A frame that is taller than this at that width is no camera's; it is made narrower instead."""


def shrunk(frame: Frame) -> tuple[Frame, float]:
    """Return it at `WIDTH` across, and by what its coordinates are multiplied to be the frame's."""
    height, width = frame.shape[:2]
    scale = max(width / WIDTH, height / TALLEST)
    if scale == 1:
        return frame, 1.0
    # Averaged on the way down: a sharp step between pixels is no edge of a face.
    how = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    size = max(1, round(width / scale)), max(1, round(height / scale))
    small = cv2.resize(frame, size, interpolation=how)
    return small.astype(np.uint8, copy=False), scale
