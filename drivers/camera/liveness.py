"""Is it a head, and one that hears us? The challenge: turn to a side that was not known before.

    FACING --turns--> TURNING --far enough, and in depth--> TURNED --straight again, same face--> .

On any other way it fails, and `Failure` says why. What is asked of each frame against the last:
the face was not out of sight, did not jump in place, size, light, pose or looks. And of the turn:

- Depth. Eyes and mouth's corners are four points near one plane, the nose stands out of it. Their
  homography since the challenge began says where the nose of a flat picture would be now, however
  it is turned, tilted, moved or brought nearer; `parallax` is how far the real one is from there.
  A detector has learned faces, not geometry: it sees a turn in a print that is near and turned by
  55 degrees (35 % of 60). But such a print is narrower by then than a head that shows as much of
  its nose: `narrowing` is held to that.
- The way. A turn passes through what lies between: a cut from a straight to a turned face does not.
- The person. Templates of the way stay near to the one that was decided on, at least one of them is
  of the turned head (not every frame is worth a template, and a turn fits between two), and the
  last, straight again, must reach the threshold itself.

What this cannot tell: a video of the same person who turns to the side that happens to be asked
for (one in two), a deep mask, a face rendered live. docs/CAMERA.md says what is claimed.
"""

import math
from collections.abc import Sequence
from enum import StrEnum
from statistics import median
from typing import Protocol

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from drivers.camera.engine import Face, Point
from drivers.camera.measure import Appearance, middle, nose_within
from drivers.prompt import Prompt

WITHIN_S = 4.0
"""A turn and the way back take so long at most."""

TURN_YAW = 0.35
"""A turned head: about 40 degrees, beyond 96 % of the pictures of the press."""

TURN_BY = 0.30
"""And turned by so much since the challenge began: whoever stands askew must turn as well."""

FACING_YAW = 0.12
"""A head that differs by less from where it began looks straight."""

WRONG_YAW = 0.25
"""Turned by so much to the other side, the answer is wrong."""

PARALLAX = 0.20
"""A nose stands out by so many distances between the eyes, seen from the side."""

NOSE = 0.45
"""So far a nose stands out of the face, in distances between the eyes: yaw = NOSE * tan(angle).
Half of 72 pictures of the press with yaw 0.35 to 0.5 have eyes nearer by that angle's cosine."""

NARROWER = 0.85
"""Eyes are not nearer together than this share of what that says. Of 107 pairs of one person's
pictures, straight and turned, 102 keep that and all have the parallax, taken on different days."""

AGREE = 2
"""So many frames of the turned head must show depth, before as many show none."""

OUT_OF_SIGHT_S = 0.5
"""A face that is unseen for longer may have been exchanged."""

STEP_YAW = 0.25
STEP_PLACE = 0.6
STEP_SIZE = 1.25
STEP_LIGHT = 1.35
"""The most that yaw (added), place (distances between the eyes), size and light (factors) change
from one frame to the next."""

STEP_LOOK = 0.75
"""The least that two frames in a row look alike. Heads turned by 10 degrees: 1 % are below 0.80;
two pictures of one person put in one place: nine of ten are."""

STRIKES = 2
"""So many templates in a row that are not near are another person; one may be a blurred frame."""


class Side(StrEnum):
    """To which the head is to be turned: the person's own."""

    LEFT = "left"
    RIGHT = "right"

    @property
    def prompt(self) -> Prompt:
        """Return what the screen asks for."""
        return Prompt.TURN_LEFT if self is Side.LEFT else Prompt.TURN_RIGHT


class State(StrEnum):
    """How far the answer has come."""

    FACING = "facing"
    TURNING = "turning"
    TURNED = "turned"
    PASSED = "passed"
    FAILED = "failed"


class Failure(StrEnum):
    """Why there is no answer, or a wrong one."""

    TIME = "time"  # it did not come within `WITHIN_S`
    WRONG_SIDE = "wrong_side"
    CUT = "cut"  # turned without a way there
    JUMP = "jump"  # place, size, light, pose or looks changed as nothing that is there does
    BROKEN = "broken"  # out of sight for too long
    ANOTHER = "another"  # the template is somebody else's
    FLAT = "flat"  # turned, yet without depth
    UNASKED = "unasked"  # never stood so that a turn could be asked for, or the camera is too slow


class Sight(Struct, frozen=True, kw_only=True):
    """The face in one frame of a challenge.

    Attributes:
        light: as `Measurement` has it.
        likeness: to the template that was decided on; None where this frame was not embedded.
        look: what the face looks like; None where nobody looked.
    """

    at_s: float
    face: Face
    light: float
    likeness: float | None = None
    look: Appearance | None = None


class Bounds(Protocol):
    """What of `Rules` a challenge needs."""

    @property
    def same(self) -> float: ...
    @property
    def threshold(self) -> float: ...


class HeadTurn:
    """One challenge of one person."""

    def __init__(self, side: Side, first: Sight, bounds: Bounds) -> None:
        """`first` is the frame in which the person was decided on: it looks straight."""
        self.side = side
        self.state = State.FACING
        self.failure: Failure | None = None
        self.began_s = first.at_s
        self._bounds = bounds
        self._first = first
        self._last = first
        self._strikes = 0
        self._between = 0
        self._deep = 0
        self._flat = 0
        self._recognised = False
        self._moved = False

    @property
    def prompt(self) -> Prompt:
        """Return what the person is to do now."""
        return Prompt.LOOK_STRAIGHT if self.state is State.TURNED else self.side.prompt

    @property
    def unheard(self) -> bool:
        """Tell whether time ran out on somebody who never moved: they may be asked once more."""
        return self.failure is Failure.TIME and not self._moved

    def see(self, sight: Sight) -> State:
        """Take the next frame. Once passed or failed, nothing changes any more."""
        if self.state in (State.PASSED, State.FAILED):
            return self.state
        failure = self._broken(sight) or self._turn(sight)
        self._last = sight
        if failure is not None:
            self.state, self.failure = State.FAILED, failure
        return self.state

    def _broken(self, sight: Sight) -> Failure | None:
        """Return how this frame does not follow from the last, if so."""
        last = self._last
        if sight.at_s - self.began_s > WITHIN_S:
            return Failure.TIME
        if sight.at_s - last.at_s > OUT_OF_SIGHT_S:
            return Failure.BROKEN
        eyes = _eyes(self._first.face)
        size = _length(sight.face) / max(_length(last.face), 1e-6)
        light = (sight.light + 0.02) / (last.light + 0.02)
        if (
            abs(_yaw(sight.face) - _yaw(last.face)) > STEP_YAW
            or _apart(_centre(sight.face), _centre(last.face)) > STEP_PLACE * eyes
            or not 1 / STEP_SIZE <= size <= STEP_SIZE
            or not 1 / STEP_LIGHT <= light <= STEP_LIGHT
        ):
            return Failure.JUMP
        if sight.look is not None and last.look is not None:
            alike = float((sight.look * last.look).sum())
            if alike < STEP_LOOK:
                return Failure.JUMP
        if sight.likeness is not None:
            self._strikes = self._strikes + 1 if sight.likeness < self._bounds.same else 0
            if self._strikes >= STRIKES:
                return Failure.ANOTHER
        return None

    def _turn(self, sight: Sight) -> Failure | None:
        """Follow the turn by one frame; return what is wrong with it, if anything."""
        towards = -1.0 if self.side is Side.LEFT else 1.0
        yaw = towards * _yaw(sight.face)
        by = yaw - towards * _yaw(self._first.face)
        self._moved = self._moved or abs(by) >= FACING_YAW
        if by <= -WRONG_YAW:
            return Failure.WRONG_SIDE
        if self.state is State.TURNED:
            straight = abs(by) <= FACING_YAW
            known = sight.likeness is not None and sight.likeness >= self._bounds.threshold
            if straight and known:
                self.state = State.PASSED
            return None
        if yaw >= TURN_YAW and by >= TURN_BY:
            if not self._between:
                return Failure.CUT
            if sight.likeness is not None and sight.likeness >= self._bounds.same:
                self._recognised = True
            if towards * parallax(self._first.face, sight.face) >= PARALLAX and _narrows(
                self._first.face, sight.face, by
            ):
                self._deep += 1
            else:
                self._flat += 1
            if self._flat >= AGREE:
                return Failure.FLAT
            if self._deep >= AGREE and self._recognised:
                self.state = State.TURNED
        elif by >= FACING_YAW:
            self.state = State.TURNING
            self._between += 1
        else:
            self.state = State.FACING
            self._between = 0
        return None


def parallax(before: Face, after: Face) -> float:
    """Return how far the nose is from where a flat picture's would be, in eye distances.

    Signed as yaw is: negative is a nose that stands out to the person's own left.
    """
    matrix = _homography(_corners(before), _corners(after))
    if matrix is None:
        return 0.0
    x, y, w = matrix @ np.array([before.nose.x, before.nose.y, 1.0])
    if abs(w) < 1e-9:
        return 0.0
    across = np.array([after.left_eye.x - after.right_eye.x, after.left_eye.y - after.right_eye.y])
    off = np.array([after.nose.x - x / w, after.nose.y - y / w])
    return -float(off @ across) / max(float(across @ across), 1e-6)


def narrowing(before: Face, after: Face) -> float:
    """Return by what factor the eyes came nearer to each other, whatever the size of the face."""
    return (_eyes(after) / max(_length(after), 1e-6)) / max(
        _eyes(before) / max(_length(before), 1e-6), 1e-6
    )


def _narrows(before: Face, after: Face, turned_by: float) -> bool:
    """Tell whether the eyes are as near as those of a head that is turned by so much."""
    return narrowing(before, after) >= NARROWER * math.cos(math.atan(turned_by / NOSE))


def passive_score(scores: Sequence[float], least: int) -> float | None:
    """Return the median of a passive model's scores; None of fewer than `least` frames."""
    return median(scores) if len(scores) >= least else None


def _corners(face: Face) -> tuple[Point, Point, Point, Point]:
    return face.right_eye, face.left_eye, face.right_mouth, face.left_mouth


def _homography(before: Sequence[Point], after: Sequence[Point]) -> npt.NDArray[np.float64] | None:
    rows = []
    for old, new in zip(before, after, strict=True):
        rows.append([old.x, old.y, 1, 0, 0, 0, -new.x * old.x, -new.x * old.y])
        rows.append([0, 0, 0, old.x, old.y, 1, -new.y * old.x, -new.y * old.y])
    wanted = [coordinate for new in after for coordinate in (new.x, new.y)]
    try:
        solved = np.linalg.solve(np.array(rows), np.array(wanted))
    except np.linalg.LinAlgError:
        return None
    return np.append(solved, 1.0).reshape(3, 3)


def _yaw(face: Face) -> float:
    return -nose_within(face)[0]


def _eyes(face: Face) -> float:
    return _apart(face.right_eye, face.left_eye)


def _length(face: Face) -> float:
    """Return from eyes to mouth: it does not shrink when a head turns."""
    return _apart(middle(face.right_eye, face.left_eye), middle(face.right_mouth, face.left_mouth))


def _centre(face: Face) -> Point:
    return middle(middle(face.right_eye, face.left_eye), middle(face.right_mouth, face.left_mouth))


def _apart(one: Point, other: Point) -> float:
    return float(np.hypot(one.x - other.x, one.y - other.y))
