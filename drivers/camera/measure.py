"""What a frame shows of one face: numbers, and no opinion. `gates` and `liveness` have those.

Right and left are the person's own, in a picture that is not mirrored. Five points give the pose
without a model of a head. The nose is written as

    nose = eyes' middle + a * (right eye -> left eye) + b * (eyes' middle -> mouth's middle)

and a and b do not change under any affine map: a photograph that is turned, tilted or held askew
keeps those it was taken with, up to perspective. A head that is turned does not.
"""

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from drivers.camera.engine import Face, Frame, Point
from drivers.camera.opencv import cv2

LOOKED_AT_PX = 112
"""Sharpness is measured at this width at most, so that a near face is held to no other measure."""

LOOK_PX = 24
RIM = 0.15
"""An appearance is of so many pixels, of the box and so much of its size on each side."""

Appearance = npt.NDArray[np.float32]

LEVEL_NOSE = 0.566
"""b of a face that looks level: the median over 2,603 pictures of the press."""


class Measurement(Struct, frozen=True, kw_only=True):
    """One face in one frame.

    Attributes:
        eye_distance_px: from eye to eye.
        yaw: -a: the nose's offset in distances between the eyes; negative is a head that is turned
            to the person's own left. A head at 40 degrees has about 0.35.
        pitch: b beyond that of a level face; negative is a head that looks up.
        roll_deg: how far the eyes are from level; positive leans to the own left shoulder.
        sharpness: the variance of the Laplacian, of grey 0 to 255, at `LOOKED_AT_PX`.
        light: mean grey of the face, 0 to 1.
        edge: the box's least distance to the frame's edge in box widths; negative reaches beyond.
    """

    eye_distance_px: float
    yaw: float
    pitch: float
    roll_deg: float
    sharpness: float
    light: float
    edge: float


def measure(frame: Frame, face: Face) -> Measurement:
    """Return what the frame shows of the face."""
    across = _minus(face.left_eye, face.right_eye)
    a, b = nose_within(face)
    sharpness, light = _seen(frame, face)
    height, width = frame.shape[:2]
    nearest = min(face.x, face.y, width - (face.x + face.width), height - (face.y + face.height))
    return Measurement(
        eye_distance_px=float(np.hypot(across.x, across.y)),
        yaw=-a,
        pitch=b - LEVEL_NOSE,
        roll_deg=float(np.degrees(np.arctan2(across.y, across.x))),
        sharpness=sharpness,
        light=light,
        edge=nearest / max(face.width, 1.0),
    )


def nose_within(face: Face) -> tuple[float, float]:
    """Return a and b as the head of this module has them; 0 and 0 where the points are in line."""
    eyes = middle(face.right_eye, face.left_eye)
    across = _minus(face.left_eye, face.right_eye)
    down = _minus(middle(face.right_mouth, face.left_mouth), eyes)
    nose = _minus(face.nose, eyes)
    area = across.x * down.y - across.y * down.x
    if abs(area) < 1e-6:
        return 0.0, 0.0
    return (
        (nose.x * down.y - nose.y * down.x) / area,
        (across.x * nose.y - across.y * nose.x) / area,
    )


def middle(one: Point, other: Point) -> Point:
    """Return the point half way."""
    return Point((one.x + other.x) / 2, (one.y + other.y) / 2)


def cut(frame: Frame, face: Face, around: float = 0.0) -> Frame:
    """Return what the frame has of the face's box, and `around` of its size on each side."""
    height, width = frame.shape[:2]
    x, y = face.width * around, face.height * around
    left, right = max(0, int(face.x - x)), min(width, int(face.x + face.width + x))
    top, bottom = max(0, int(face.y - y)), min(height, int(face.y + face.height + y))
    return frame[top : max(top, bottom), left : max(left, right)]


def appearance(frame: Frame, face: Face) -> Appearance:
    """Return what the face and its rim look like, small and grey: the product of two is how alike.

    1 is the same picture, whatever its light.
    """
    shown = cut(frame, face, RIM)
    if not shown.size:
        return np.zeros((LOOK_PX, LOOK_PX), dtype=np.float32)
    grey = cv2.cvtColor(shown, cv2.COLOR_BGR2GRAY).astype(np.float32)
    small = cv2.resize(grey, (LOOK_PX, LOOK_PX), interpolation=cv2.INTER_AREA)
    look = cv2.GaussianBlur(small, (5, 5), 0).astype(np.float32)
    look -= look.mean()
    alike: Appearance = look / np.float32(max(float(np.linalg.norm(look)), 1e-6))
    return alike


def _seen(frame: Frame, face: Face) -> tuple[float, float]:
    shown = cut(frame, face)
    if not shown.size:
        return 0.0, 0.0
    grey = cv2.cvtColor(shown, cv2.COLOR_BGR2GRAY)
    if grey.shape[1] > LOOKED_AT_PX:
        high = max(1, round(grey.shape[0] * LOOKED_AT_PX / grey.shape[1]))
        grey = cv2.resize(grey, (LOOKED_AT_PX, high), interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var()), float(grey.mean()) / 255


def _minus(one: Point, other: Point) -> Point:
    return Point(one.x - other.x, one.y - other.y)
