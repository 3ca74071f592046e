"""Is this face fit to be looked at, and if not, what is its owner to do? Pure.

`wanting` judges one frame. `Hints` judges whether anybody is to be told: only who stays is, one
thing at a time, and the words do not flicker where a face stands on a limit.
"""

from collections.abc import Callable

from msgspec import Struct, structs

from drivers.camera.measure import Measurement
from drivers.prompt import Prompt

STAYS_S = 0.7
"""A fault is told once it has stood so long: whoever only passes is told nothing."""

RETOLD_S = 1.0
"""A screen forgets a prompt; it is told anew so often."""

TIRES_S = 10.0
"""Nobody is asked for one thing for longer: who has not come nearer by then does not mean us."""

HYSTERESIS = 0.1
"""A fault that was told is over once its limit is kept by so much."""

BACKGROUND = 0.5
"""A face with less than this share of the eye distance that is asked for is nobody's business."""


class Limits(Struct, frozen=True, kw_only=True):
    """What a face must show; the units are those of `Measurement`.

    Attributes:
        yaw, pitch, roll_deg: at most, to either side.
        edge: the box may reach so far beyond the frame.
    """

    eye_distance_px: float = 40.0
    yaw: float = 0.25
    pitch: float = 0.12
    roll_deg: float = 25.0
    sharpness: float = 40.0
    light: float = 0.18
    edge: float = -0.1

    def tightened(self, by: float) -> "Limits":
        """Return limits that are harder to keep by a share."""
        return structs.replace(
            self,
            eye_distance_px=self.eye_distance_px * (1 + by),
            yaw=self.yaw * (1 - by),
            pitch=self.pitch * (1 - by),
            roll_deg=self.roll_deg * (1 - by),
            sharpness=self.sharpness * (1 + by),
            light=self.light * (1 + by),
            edge=self.edge + by,
        )


Gate = tuple[Prompt, Callable[[Measurement, Limits], bool]]

GATES: tuple[Gate, ...] = (
    # The most useful first: a face that is near is lit and sharp more easily; one in the dark is
    # never sharp; and the pose of a face that cannot be seen is a guess.
    (Prompt.COME_CLOSER, lambda seen, limits: seen.eye_distance_px >= limits.eye_distance_px),
    (Prompt.MORE_LIGHT, lambda seen, limits: seen.light >= limits.light),
    (
        Prompt.LOOK_STRAIGHT,
        lambda seen, limits: (
            abs(seen.yaw) <= limits.yaw
            and abs(seen.pitch) <= limits.pitch
            and abs(seen.roll_deg) <= limits.roll_deg
            and seen.edge >= limits.edge
        ),
    ),
    (Prompt.HOLD_STILL, lambda seen, limits: seen.sharpness >= limits.sharpness),
)


def wanting(seen: Measurement, limits: Limits) -> Prompt | None:
    """Return what is to be done about this face; None if it is fit to be looked at."""
    for prompt, kept in GATES:
        if not kept(seen, limits):
            return prompt
    return None


def background(seen: Measurement, limits: Limits) -> bool:
    """Tell whether the face is too far away to be meant."""
    return seen.eye_distance_px < limits.eye_distance_px * BACKGROUND


class Hints:
    """What one face is told, and when. Times are any clock's that does not jump.

    Attributes:
        occupied: they are told something, or are about to be: nobody else is meanwhile.
    """

    def __init__(self, limits: Limits) -> None:
        self.occupied = False
        self._limits = limits
        self._fault: Prompt | None = None
        self._since_s = 0.0
        self._told_s: float | None = None

    def see(self, seen: Measurement, at_s: float, *, still: bool = True) -> Prompt | None:
        """Return what its owner is to be told now, if anything; not `still`: they are to be."""
        fault = wanting(seen, self._limits)
        if fault is None and self._told_s is not None:
            left = wanting(seen, self._limits.tightened(HYSTERESIS))
            fault = left if left is self._fault else None
        if fault is None and not still:
            fault = Prompt.HOLD_STILL
        if fault is not self._fault:
            self._fault, self._since_s, self._told_s = fault, at_s, None
        stood_s = at_s - self._since_s
        self.occupied = fault is not None and stood_s <= TIRES_S
        if not self.occupied or stood_s < STAYS_S:
            return None
        if self._told_s is not None and at_s - self._told_s < RETOLD_S:
            return None
        self._told_s = at_s
        return fault
