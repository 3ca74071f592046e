"""Heads in space and an engine that sees them: faces without a picture, people without a name.

A head is five points in units of the distance between its eyes, turned about its neck and seen
from far away. A person is a vector; how a head's template comes from it is said with the head.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct

from drivers.camera.engine import Face, Frame, Metric, Point, Vector
from drivers.camera.gallery import Gallery

DIMENSIONS = 64
NECK = np.array([0.0, 0.5, -1.0])
POINTS = np.array(
    [
        [-0.5, 0.0, 0.0],  # right eye, which a camera sees on its left
        [0.5, 0.0, 0.0],
        [0.0, 0.57, 0.45],  # nose
        [-0.38, 1.0, 0.02],
        [0.38, 1.0, 0.02],
    ]
)

REMEMBERED = 200
"""Faces of earlier frames may be asked for a template as well: so many."""

_noise = np.linspace(90, 170, 640)[None, :, None] + np.random.default_rng(7).integers(
    -45, 45, (480, 640, 3)
)
FRAME: Frame = _noise.astype(np.uint8)
"""Light and sharp wherever one looks, and alike from place to place: faces move before it."""
DARK: Frame = (_noise // 12).astype(np.uint8)
BLURRED: Frame = np.full((480, 640, 3), 130, dtype=np.uint8)


class Head(Struct, kw_only=True):
    """Somebody before the camera.

    Attributes:
        person: whose template it has.
        x, y: between the eyes, pixels.
        yaw_deg: to the person's own left is positive.
        flat: it is a picture: turned as a whole, without depth.
        noise: how far its template is from the person's, as the length of what is added.
    """

    person: str = "ani"
    x: float = 320.0
    y: float = 200.0
    eyes_px: float = 90.0
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    flat: bool = False
    noise: float = 0.3


def person(name: str) -> Vector:
    """Return somebody's vector. `ani~` is a twin of `ani`: at 0.97."""
    own = _unit(np.random.default_rng(list(name.rstrip("~").encode())).normal(size=DIMENSIONS))
    if not name.endswith("~"):
        return own
    other = _unit(np.random.default_rng(list(name.encode())).normal(size=DIMENSIONS))
    return _unit(0.97 * own + 0.243 * _unit(other - (other @ own) * own))


def face_of(head: Head) -> Face:
    """Return what a camera sees of the head."""
    yaw, pitch, roll = np.deg2rad([head.yaw_deg, head.pitch_deg, head.roll_deg])
    points = POINTS * [1, 1, 0 if head.flat else 1] - NECK
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array(
        [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
    )
    about_z = np.array(
        [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    )
    turned = points @ (about_z @ about_x @ about_y).T + NECK
    placed = turned[:, :2] * head.eyes_px + [head.x, head.y]
    right_eye, left_eye, nose, right_mouth, left_mouth = (Point(x, y) for x, y in placed.tolist())
    across, down = placed.mean(axis=0).tolist()
    width, height = 2.2 * head.eyes_px, 2.9 * head.eyes_px
    return Face(
        x=across - width / 2,
        y=down - height / 2,
        width=width,
        height=height,
        score=0.95,
        right_eye=right_eye,
        left_eye=left_eye,
        nose=nose,
        right_mouth=right_mouth,
        left_mouth=left_mouth,
    )


class Stage:
    """An engine whose frames are what it is told stands there, and a passive model with it.

    Attributes:
        heads: whom the next frame shows.
        embedded: how many templates were made.
        alive: what the passive model says of every face.
    """

    name = "stage"
    model = "stage:000000000000"
    dimensions = DIMENSIONS
    metric = Metric.COSINE
    threshold = 0.5
    margin = 0.05

    def __init__(self, seed: int = 0) -> None:
        self.heads: Sequence[Head] = ()
        self.embedded = 0
        self.alive: float | None = 0.9
        self._shown: list[tuple[Face, Head]] = []
        self._random = np.random.default_rng(seed)

    def detect(self, frame: Frame) -> Sequence[Face]:
        """Return the faces, the largest first."""
        shown = [(face_of(head), head) for head in self.heads]
        self._shown = [*self._shown, *shown][-REMEMBERED:]
        return sorted((face for face, _ in shown), key=lambda face: -face.width)

    def embed(self, frame: Frame, face: Face) -> Vector:
        """Return the template of whoever has this face, with noise."""
        self.embedded += 1
        [head] = [head for shown, head in self._shown if shown is face]
        noise = _unit(self._random.normal(size=DIMENSIONS)) * head.noise
        return _unit(person(head.person) + noise)

    def score(self, frame: Frame, face: Face) -> float | None:
        """Return `alive`: this stage is its own passive model."""
        return self.alive


def gallery(people: Iterable[str]) -> Gallery:
    """Return a gallery with three templates of each."""
    random = np.random.default_rng(11)
    rows = []
    for name in people:
        for _ in range(3):
            vector = _unit(person(name) + 0.2 * _unit(random.normal(size=DIMENSIONS)))
            rows.append((name, vector.astype("<f4").tobytes()))
    return Gallery(rows, DIMENSIONS, Metric.COSINE)


def _unit(vector: np.ndarray) -> Vector:
    unit: Vector = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit
