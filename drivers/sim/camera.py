"""A simulated network camera: a photograph comes, looks, turns its head when told to, and leaves.

It serves MJPEG over HTTP as cheap network cameras do. The head of the photograph is given a depth
and turned about its own axis: good enough to be enrolled by. It stays a photograph, and the
kiosk's challenge takes most of its turns for one: whoever is to be named by it asks for none
(`liveness = "record"`).
"""

import math
import threading
import time
from collections.abc import Iterator, Sequence
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from msgspec import Struct

Picture = npt.NDArray[np.uint8]

WIDTH, HEIGHT = 640, 480
"""Size of a frame, pixels."""

FRAMES_PER_S: Final = 10.0

TURN_MOST_DEG: Final = 48.0
"""How far the head turns."""

TURN_DEG_PER_S: Final = 45.0

AWAY_S: Final = 3.0
"""How long nobody is there between two people."""

STAYS_S: Final = 7.0
"""How long somebody stands there."""

COMES_S: Final = 1.2
"""How long they take to step into the picture, and out of it."""

TURNED_S: Final = 1.5
"""How long a head stays turned when nobody says it any more."""

EYES_PX: Final = 90.0
"""Distance between the eyes of who stands there."""

BOUNDARY: Final = "frame"


class Head(Struct, frozen=True):
    """Where a head is in a photograph: the middle between its eyes, their distance; pixels."""

    x: float
    y: float
    eyes: float


ASTRONAUT: Final = Head(224.0, 101.0, 41.6)
"""The head in scikit-image's `astronaut.png`, a NASA photograph in the public domain."""


class Side(Enum):
    """Where a head is told to turn, by its owner's own left and right; the value is the sign."""

    LEFT = 1
    RIGHT = -1
    STRAIGHT = 0


def turned(picture: Picture, head: Head, degrees: float) -> Picture:
    """Return the photograph with its head turned; positive to its owner's left.

    The head is half an ellipsoid with a nose on it; what lies around it stays where it is.
    """
    height, width = picture.shape[:2]
    if degrees < 0:  # what hides what is thought through for one side only
        mirrored = Head(width - 1 - head.x, head.y, head.eyes)
        return turned(picture[:, ::-1], mirrored, -degrees)[:, ::-1]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    # In distances between the eyes, from the middle between them.
    x, y = (columns - head.x) / head.eyes, (rows - head.y) / head.eyes
    angle = math.radians(degrees)
    sine, cosine = math.sin(angle), math.cos(angle)
    near = _nearness(x, y)
    goes = near * (x * cosine + _depth(x, y) * sine) + (1 - near) * x
    # Left to right; what would come to lie behind something else is not seen.
    goes = np.maximum.accumulate(goes, axis=1)
    found = np.stack([np.interp(x[row], goes[row], columns[row]) for row in range(height)])
    seen: Picture = cv2.remap(
        picture, found.astype(np.float32), rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.uint8)
    return seen


def _depth(x: npt.NDArray[np.float32], y: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return how far the surface stands before the head's axis, in distances between the eyes."""
    skull = 1.2 * np.sqrt(np.clip(1 - (x / 1.35) ** 2 - ((y - 0.3) / 2.0) ** 2, 0, None))
    bridge = np.clip(y / 0.57, 0, 1) * np.exp(-((np.clip(y - 0.57, 0, None) / 0.12) ** 2))
    depth: npt.NDArray[np.float32] = (skull + 0.5 * bridge * np.exp(-((x / 0.2) ** 2))).astype(
        np.float32
    )
    return depth


def _nearness(x: npt.NDArray[np.float32], y: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return 1 on the head, falling to 0 around it."""
    inside = 4 * (1 - (x / 1.35) ** 2 - ((y - 0.3) / 2.0) ** 2)
    near: npt.NDArray[np.float32] = np.clip(inside, 0, 1).astype(np.float32)
    return near


class Visitor:
    """Somebody who comes, stands before the camera, does what they are told, and leaves."""

    def __init__(self, picture: Picture, head: Head, began_s: float) -> None:
        scale = EYES_PX / head.eyes
        self._picture: Picture = cv2.resize(picture, None, fx=scale, fy=scale).astype(np.uint8)
        self._head = Head(head.x * scale, head.y * scale, EYES_PX)
        self._began_s = self._turned_s = began_s
        self._degrees = 0.0
        self._side, self._told_s = Side.STRAIGHT, -math.inf

    def tell(self, side: Side, now_s: float) -> None:
        """Say where to turn; after a while they look ahead again by themselves."""
        self._side, self._told_s = side, now_s

    def is_over(self, now_s: float) -> bool:
        """Return whether they have left."""
        return now_s - self._began_s > STAYS_S + 2 * COMES_S

    def onto(self, frame: Picture, now_s: float) -> None:
        """Paint them as they stand at `now_s`."""
        side = self._side if now_s - self._told_s < TURNED_S else Side.STRAIGHT
        wanted = side.value * TURN_MOST_DEG
        most = TURN_DEG_PER_S * (now_s - self._turned_s)
        self._turned_s = now_s
        self._degrees += max(-most, min(most, wanted - self._degrees))
        seen = turned(self._picture, self._head, self._degrees)
        since_s = now_s - self._began_s
        out = max(0.0, 1 - since_s / COMES_S, (since_s - STAYS_S - COMES_S) / COMES_S)
        sway = 2.5 * math.sin(now_s * 2.1)
        _paste(
            frame,
            seen,
            round(WIDTH / 2 - self._head.x + sway + out**2 * WIDTH),  # slower as they arrive
            round(HEIGHT * 0.4 - self._head.y + sway / 2),
        )


def _paste(frame: Picture, picture: Picture, left: int, top: int) -> None:
    height, width = picture.shape[:2]
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(frame.shape[1], left + width), min(frame.shape[0], top + height)
    if x0 < x1 and y0 < y1:
        frame[y0:y1, x0:x1] = picture[y0 - top : y1 - top, x0 - left : x1 - left]


class Scene:
    """What the camera sees: an empty room, and one visitor after the other. Any thread may tell."""

    def __init__(self, people: Sequence[tuple[Picture, Head]], seed: int = 1) -> None:
        self._people = people
        self._random = np.random.default_rng(seed)
        wall = np.linspace(150, 190, WIDTH, dtype=np.float32)
        self._room = np.repeat(np.repeat(wall[None, :, None], HEIGHT, 0), 3, 2)
        self._visitor: Visitor | None = None
        self._next_s = -math.inf
        self._number = 0

    def tell(self, side: Side, now_s: float) -> None:
        """Say to whoever stands there where to turn, at `now_s`, monotonic."""
        if self._visitor is not None:
            self._visitor.tell(side, now_s)

    def frame(self, now_s: float) -> Picture:
        """Return what is seen at `now_s`, monotonic: height x width x 3, blue-green-red."""
        noise = self._random.normal(0, 2.0, (HEIGHT, WIDTH, 1)).astype(np.float32)
        if self._visitor is not None and self._visitor.is_over(now_s):
            self._visitor, self._next_s = None, now_s + AWAY_S
        if self._visitor is None and self._people and now_s >= self._next_s:
            picture, head = self._people[self._number % len(self._people)]
            self._visitor, self._number = Visitor(picture, head, now_s), self._number + 1
        frame: Picture = self._room.astype(np.uint8)
        if self._visitor is not None:
            self._visitor.onto(frame, now_s)
        noisy: Picture = np.clip(frame + noise, 0, 255).astype(np.uint8)
        return noisy


class SimulatedCamera:
    """Serves a scene as MJPEG on 127.0.0.1; `with` starts and ends it."""

    def __init__(self, scene: Scene, port: int = 0) -> None:
        """Raises OSError where the port is occupied."""
        self.scene = scene
        camera = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
                self.end_headers()
                try:
                    for piece in camera._pieces():
                        self.wfile.write(piece)
                except OSError:
                    return  # it looks no more

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Answer)
        self._server.daemon_threads = True
        self._stopping = threading.Event()
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> "SimulatedCamera":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def _pieces(self) -> Iterator[bytes]:
        while not self._stopping.wait(1 / FRAMES_PER_S):
            _, jpeg = cv2.imencode(".jpg", self.scene.frame(time.monotonic()))
            head = (
                f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            )
            yield head.encode() + jpeg.tobytes() + b"\r\n"


def load(file: str) -> Picture:
    """Return a photograph. Raises OSError where the file is none."""
    picture = cv2.imread(file)
    if picture is None:
        raise OSError(f"{file}: no picture that can be read")
    return picture.astype(np.uint8)
