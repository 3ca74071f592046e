"""Making a face known: three pictures that differ in pose, of one person, each of them good.

From a camera (`Enrolling`, which asks for what it needs) or from files (`from_pictures`, which says
which one is of no use and why). Who stands there is the officer's word; nothing is stored here.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct, structs

from drivers.camera.engine import Engine, Face, Frame, Metric, Passive, Vector
from drivers.camera.gates import RETOLD_S, Limits, background, wanting
from drivers.camera.likeness import likeness
from drivers.camera.measure import Measurement, cut, measure
from drivers.camera.opencv import cv2
from drivers.camera.rules import Rules
from drivers.camera.visits import Ask
from drivers.errors import Refused
from drivers.faces import Enrolled, Shot
from drivers.options import Liveness
from drivers.prompt import Prompt
from drivers.store import Secret

SHOTS: Final = 3
STRICTER: Final = 0.25
"""Limits of recognition are tightened by so much: what is kept is looked at for years."""

TURNED_YAW: Final = 0.35
"""A face turned by more is no picture to be recognised by."""

ALIKE: Final = {Metric.COSINE: 0.95, Metric.EUCLIDEAN: 0.85}
"""Two pictures that are nearer say the same thing twice. SFace: one in a hundred pairs of pictures
of one person, taken on different days, is beyond 0.87; a picture saved anew is at 0.98."""

ONE_PERSON_BETWEEN: Final = 0.5
"""Pictures of one person are at least so far on the way from `same` to `threshold`."""

BEST_OF_S: Final = 0.6
"""From the first frame that fits, the best of so long is taken."""

SEVERAL_S: Final = 5.0
"""More than one face for so long, and nobody is enrolled."""

AROUND: Final = 0.4
"""A picture that is kept shows the face and so much of its size on each side."""

JPEG_QUALITY: Final = 90

TURNS: Final = "straight, a little left, a little right"


class Pose(Struct, frozen=True):
    """A pose that is asked for: what is said, and between which yaws it is reached."""

    prompt: Prompt
    least: float
    most: float


POSES: Final = (
    Pose(Prompt.LOOK_STRAIGHT, -0.10, 0.10),
    Pose(Prompt.TURN_LEFT, -0.30, -0.15),
    Pose(Prompt.TURN_RIGHT, 0.15, 0.30),
)


class Unusable(Refused):
    """Nobody can be made known by these pictures; says which, and what to do."""


class _Taken(Struct):
    """A picture that fits."""

    vector: Vector
    shot: Shot


class Enrolling:
    """One person before a camera. Used by one thread; `at_s` never goes back.

    Attributes:
        enrolled: once all pictures are taken.
        refusal: why there will be none; nothing is asked any more.
    """

    def __init__(
        self, engine: Engine, passive: Passive | None, rules: Rules, *, keep: bool = False
    ) -> None:
        """`keep`: shots hold the picture as well."""
        self.enrolled: Enrolled | None = None
        self.refusal: str | None = None
        self._engine = engine
        self._passive = passive
        self._rules = rules
        self._limits = structs.replace(rules.limits.tightened(STRICTER), yaw=TURNED_YAW)
        self._keep = keep
        self._taken: list[_Taken] = []
        self._alive: list[float] = []
        self._best: tuple[float, Frame, Face, Measurement] | None = None
        self._best_since_s = 0.0
        self._several_since_s: float | None = None
        self._told: tuple[Prompt, float] | None = None

    def see(self, frame: Frame, at_s: float) -> Ask | None:
        """Take a frame; return what is to be done next, where that is to be told."""
        if self.enrolled is not None or self.refusal is not None:
            return None
        pose = POSES[len(self._taken)]
        seen = _near_faces(self._engine, frame, self._rules.limits)
        if len(seen) != 1:
            self._several(len(seen), at_s)
            return self._finished() or self._ask(pose.prompt, at_s)
        self._several_since_s = None
        face, measured = seen[0]
        fault = wanting(measured, self._limits)
        if fault is None and pose.least <= measured.yaw <= pose.most:
            fitness = quality(measured, self._limits)
            if self._best is None:
                self._best_since_s = at_s
            if self._best is None or fitness > self._best[0]:
                # The camera may write its next frame where this one is.
                self._best = fitness, frame.copy(), face, measured
        if self._best is not None and at_s - self._best_since_s >= BEST_OF_S:
            _, kept, its_face, its_measured = self._best
            self._best = None
            self._take(kept, its_face, its_measured)
            if (finished := self._finished()) is not None:
                return finished
            fault, pose = None, POSES[len(self._taken)]
        # Whoever is to turn is told so, not that they do not look straight.
        what = pose.prompt if fault is None or fault is Prompt.LOOK_STRAIGHT else fault
        return self._ask(what, at_s)

    @property
    def vectors(self) -> Sequence[Vector]:
        """Return the templates that were taken."""
        return [one.vector for one in self._taken]

    def _several(self, faces: int, at_s: float) -> None:
        self._best = None
        if faces < 2:
            self._several_since_s = None
        elif self._several_since_s is None:
            self._several_since_s = at_s
        elif at_s - self._several_since_s >= SEVERAL_S:
            self.refusal = (
                f"{faces} people stand before the camera, expected one: ask the others to step "
                "aside and begin again"
            )

    def _take(self, frame: Frame, face: Face, measured: Measurement) -> None:
        score = self._passive.score(frame, face) if self._passive is not None else None
        if score is not None:
            self._alive.append(score)
        taken = _taken(self._engine, frame, face, measured, self._limits, self._keep)
        self._taken.append(taken)
        try:
            _compare([one.vector for one in self._taken], self._rules)
        except Unusable as error:
            self.refusal = str(error)
            return
        if len(self._taken) < len(POSES):
            return
        if (
            self._rules.liveness is Liveness.REFUSE
            and self._alive
            and float(np.median(self._alive)) < self._rules.passive_threshold
        ):
            self.refusal = "what stands before the camera looks like a picture: enrol the person"
            return
        shots = tuple(one.shot for one in self._taken)
        self.enrolled = Enrolled(model=self._engine.model, shots=shots)

    def _finished(self) -> Ask | None:
        if self.refusal is not None:
            return Ask(what=Prompt.FAILED)
        if self.enrolled is not None:
            return Ask(what=Prompt.DONE, step=len(POSES), of=len(POSES))
        return None

    def _ask(self, what: Prompt, at_s: float) -> Ask | None:
        if self._told is not None and self._told[0] is what and at_s - self._told[1] < RETOLD_S:
            return None
        self._told = what, at_s
        return Ask(what=what, step=len(self._taken) + 1, of=len(POSES))


def from_pictures(
    engine: Engine, pictures: Sequence[Frame], keep: bool = False, rules: Rules | None = None
) -> Enrolled:
    """Return somebody as known by pictures from files. Raises Unusable."""
    if rules is None:
        rules = Rules(metric=engine.metric, threshold=engine.threshold)
    if len(pictures) < SHOTS:
        raise Unusable(
            f"{len(pictures)} pictures, expected at least {SHOTS} that differ",
            hint=f"take more: {TURNS}",
        )
    # A file cannot come closer; all else that makes a template worth keeping is asked of it.
    limits = structs.replace(
        rules.limits.tightened(STRICTER),
        eye_distance_px=rules.limits.eye_distance_px,
        yaw=TURNED_YAW,
    )
    taken = []
    for number, picture in enumerate(pictures, 1):
        seen = _near_faces(engine, picture, rules.limits)
        if len(seen) != 1:
            raise Unusable(
                f"picture {number} shows {len(seen) or 'no'} faces that are large enough, "
                f"expected one with {limits.eye_distance_px:.0f} pixels between the eyes",
                hint="cut it to one person, or take another",
            )
        face, measured = seen[0]
        fault = wanting(measured, limits)
        if fault is not None:
            raise Unusable(
                f"picture {number} is of no use: {_said(fault, measured, limits)}",
                hint="take another",
            )
        taken.append(_taken(engine, picture, face, measured, limits, keep))
    _compare([one.vector for one in taken], rules)
    return Enrolled(model=engine.model, shots=tuple(one.shot for one in taken))


def quality(seen: Measurement, limits: Limits) -> float:
    """Return how well a face fits, 0 to 1: the least of its size, pose, sharpness and light."""
    return max(
        0.0,
        min(
            1.0,
            seen.eye_distance_px / (2 * limits.eye_distance_px),
            1 - abs(seen.yaw) / (2 * limits.yaw),
            1 - abs(seen.pitch) / (2 * limits.pitch),
            1 - abs(seen.roll_deg) / (2 * limits.roll_deg),
            seen.sharpness / (3 * limits.sharpness),
            seen.light / (2 * limits.light),
        ),
    )


def _near_faces(engine: Engine, frame: Frame, limits: Limits) -> Sequence[tuple[Face, Measurement]]:
    """Return the faces that are no background."""
    seen = [(face, measure(frame, face)) for face in engine.detect(frame)]
    return [(face, measured) for face, measured in seen if not background(measured, limits)]


def _taken(
    engine: Engine, frame: Frame, face: Face, seen: Measurement, limits: Limits, keep: bool
) -> _Taken:
    vector = engine.embed(frame, face)
    shot = Shot(
        template=Secret(vector.astype("<f4").tobytes()),
        quality=round(quality(seen, limits), 3),
        yaw=round(seen.yaw, 3),
        picture=Secret(_jpeg(cut(frame, face, AROUND))) if keep else Secret(),
    )
    return _Taken(vector, shot)


def _compare(vectors: Sequence[Vector], rules: Rules) -> None:
    """Hold the last of several pictures to the others. Raises Unusable for the first fault."""
    least = rules.same + ONE_PERSON_BETWEEN * (rules.threshold - rules.same)
    for number, one in enumerate(vectors, 1):
        for earlier, other in enumerate(vectors[: number - 1], 1):
            nearness = likeness(one, other, rules.metric)
            if nearness < least:
                raise Unusable(
                    f"pictures {earlier} and {number} show two people: likeness {nearness:.2f}, "
                    f"expected at least {least:.2f}",
                    hint="take all of them of one person, with the face free",
                )
            if nearness > ALIKE[rules.metric]:
                raise Unusable(
                    f"pictures {earlier} and {number} are too alike: likeness {nearness:.2f}, "
                    f"expected at most {ALIKE[rules.metric]:.2f}",
                    hint=f"take one that differs: {TURNS}",
                )


def _said(fault: Prompt, seen: Measurement, limits: Limits) -> str:
    if fault is Prompt.COME_CLOSER:
        return (
            f"{seen.eye_distance_px:.0f} pixels between the eyes, expected "
            f"{limits.eye_distance_px:.0f}"
        )
    if fault is Prompt.MORE_LIGHT:
        return f"the face is dark: {seen.light:.2f}, expected {limits.light:.2f}"
    if fault is Prompt.HOLD_STILL:
        return f"it is not sharp: {seen.sharpness:.0f}, expected {limits.sharpness:.0f}"
    return (
        f"the head is turned, bent or cut off: yaw {seen.yaw:.2f} (at most {limits.yaw:.2f}), "
        f"pitch {seen.pitch:.2f} ({limits.pitch:.2f}), roll {seen.roll_deg:.0f} degrees "
        f"({limits.roll_deg:.0f})"
    )


def _jpeg(picture: Frame) -> bytes:
    _, octets = cv2.imencode(".jpg", picture, [int(cv2.IMWRITE_JPEG_QUALITY), JPEG_QUALITY])
    return octets.tobytes()
