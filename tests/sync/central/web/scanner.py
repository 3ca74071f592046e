"""A scanner of QR codes: OpenCV's, held like a real one until it reads.

Of clean pictures OpenCV fails to read one in fifty, another at each size and turn: a scanner at a
door looks many times a second, so this one looks again as well. What it reads is never mended.
"""

import cv2
import numpy as np

_TURNS = (None, cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180)
_SIZES = (1.0, 0.75, 1.5)


def scanned(picture: np.ndarray) -> str:
    """Return what is read of a picture; "" where nothing is."""
    for detector in (cv2.QRCodeDetector(), cv2.QRCodeDetectorAruco()):
        for turn in _TURNS:
            turned = picture if turn is None else cv2.rotate(picture, turn)
            for size in _SIZES:
                look = cv2.resize(turned, None, fx=size, fy=size, interpolation=cv2.INTER_AREA)
                text = detector.detectAndDecode(look)[0]
                if text:
                    return str(text)
    return ""
