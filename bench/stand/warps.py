"""What a hand does to a photograph, a screen to a face, and a neck to a head: pictures from one.

Everything starts from `staged`: one face, upright, in the middle of a frame of 640 x 480, with
`EYES_PX` between its eyes. A head's depth is an average one: an ellipsoid with a nose on it, in
units of the eyes' distance; nobody's own.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from drivers.camera.engine import Face, Frame
from drivers.camera.opencv import cv2

WIDTH, HEIGHT = 640, 480
EYES_PX = 90.0
MIDDLE = (320.0, 200.0)  # between the eyes
FOCAL_PX = 600.0

Matrix = npt.NDArray[np.float64]


def staged(picture: Frame, face: Face) -> Frame:
    """Return the face of any picture as a frame of our stage; what is beyond is mirrored."""
    right = np.array([face.right_eye.x, face.right_eye.y])
    left = np.array([face.left_eye.x, face.left_eye.y])
    across = left - right
    scale = EYES_PX / float(np.hypot(*across))
    angle = float(np.arctan2(across[1], across[0]))
    cos, sin = scale * np.cos(-angle), scale * np.sin(-angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    shift = np.array(MIDDLE) - turn @ ((right + left) / 2)
    matrix = np.column_stack([turn, shift])
    return cv2.warpAffine(
        picture, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    ).astype(np.uint8)


def planar(
    picture: Frame,
    *,
    yaw_deg: float = 0.0,
    pitch_deg: float = 0.0,
    roll_deg: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
    nearer: float = 1.0,
    skew: float = 0.0,
) -> Frame:
    """Return the frame as a flat print of it looks that is turned, moved and brought nearer.

    The print is turned about the face's middle, seen by a camera with `FOCAL_PX`; `skew` shears
    it, which no hand can do to paper but an edited video does.
    """
    yaw, pitch, roll = np.deg2rad([yaw_deg, pitch_deg, roll_deg])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array(
        [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    )
    about_z = np.array(
        [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    )
    turn = about_z @ about_x @ about_y
    middle = np.array([MIDDLE[0], MIDDLE[1] + EYES_PX / 2])
    to_print = np.array([[1, skew, -middle[0] - skew * middle[1]], [0, 1, -middle[1]], [0, 0, 1]])
    # A point (x, y, 0) of the print, turned, stands at depth FOCAL_PX / nearer + z.
    to_space = np.column_stack([turn[:, 0], turn[:, 1], [0, 0, FOCAL_PX / nearer]])
    to_frame = np.array(
        [[FOCAL_PX, 0, middle[0] + shift[0]], [0, FOCAL_PX, middle[1] + shift[1]], [0, 0, 1]]
    )
    matrix: Matrix = to_frame @ to_space @ to_print
    return cv2.warpPerspective(
        picture, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderValue=(70, 75, 80)
    ).astype(np.uint8)


def turned(frame: Frame, degrees: float, *, depth: float = 1.0) -> Frame:
    """Return the staged frame with the head turned; to the person's own left is positive.

    `depth` scales how deep the head is: 0 is a flat picture.
    """
    x, y, z = _head(depth)
    inside = np.clip(4 * (1 - (x / 1.35) ** 2 - ((y - 0.3) / 2.0) ** 2), 0, 1)
    angle = np.deg2rad(degrees)
    moved = x + inside * (x * np.cos(angle) + z * np.sin(angle) - x)
    return _resampled(frame, moved)


def bent(frame: Frame, arc_deg: float, degrees: float) -> Frame:
    """Return a print that is bent round an upright axis and turned: `arc_deg` from eye to eye."""
    x, _, _ = _head(0)
    half = np.deg2rad(arc_deg) / 2
    radius = 0.5 / half
    around = np.clip(x / radius, -np.pi / 2, np.pi / 2)
    flat_x, z = radius * np.sin(around), radius * np.cos(around) - radius
    angle = np.deg2rad(degrees)
    return _resampled(frame, flat_x * np.cos(angle) + z * np.sin(angle))


def shown(frame: Frame, at_s: float, random: np.random.Generator) -> Frame:
    """Return the frame as a phone's screen shows it: a grid, bands that wander, a blue cast."""
    rows = np.arange(HEIGHT)[:, None]
    columns = np.arange(WIDTH)[None, :]
    bands = 1 + 0.08 * np.sin(2 * np.pi * (rows / 90 + 1.7 * at_s))
    moire = 1 + 0.05 * np.sin(rows * 0.9 + columns * 0.15) * np.sin(columns * 0.95)
    lit = frame.astype(np.float32) * (bands * moire)[..., None] * np.array([1.12, 1.0, 0.92])
    return noisy(np.clip(lit, 0, 255).astype(np.uint8), random)


def noisy(frame: Frame, random: np.random.Generator) -> Frame:
    """Return the frame with a sensor's noise, other noise each time."""
    noise = np.roll(_grain(), int(random.integers(0, HEIGHT)), axis=0)
    return np.clip(frame + noise, 0, 255).astype(np.uint8)


@cache
def _grain() -> npt.NDArray[np.int16]:
    noise = np.random.default_rng(3).normal(0, 2.0, (HEIGHT, WIDTH, 3))
    return noise.round().astype(np.int16)


@cache
def _head(depth: float) -> tuple[Matrix, Matrix, Matrix]:
    """Return x, y and depth of each pixel, from between the eyes, in units of their distance."""
    columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    x = (columns - MIDDLE[0]) / EYES_PX
    y = (rows - MIDDLE[1]) / EYES_PX
    skull = 1.2 * np.sqrt(np.clip(1 - (x / 1.35) ** 2 - ((y - 0.3) / 2.0) ** 2, 0, None))
    bridge = np.clip(y / 0.57, 0, 1)
    below = np.exp(-((np.clip(y - 0.57, 0, None) / 0.12) ** 2))
    nose = 0.5 * bridge * below * np.exp(-((x / 0.2) ** 2))
    return x, y, depth * (skull + nose)


def _resampled(frame: Frame, moved: Matrix) -> Frame:
    """Return the frame whose pixel of column x went to `moved`; what is covered stays covered."""
    shown_at = np.maximum.accumulate(moved * EYES_PX + MIDDLE[0], axis=1)
    columns = np.arange(WIDTH, dtype=np.float64)
    sources = np.stack(
        [np.interp(columns, row + np.arange(WIDTH) * 1e-6, columns) for row in shown_at]
    )
    rows = np.repeat(np.arange(HEIGHT, dtype=np.float32)[:, None], WIDTH, axis=1)
    return cv2.remap(
        frame,
        sources.astype(np.float32),
        rows,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.uint8)
