"""What is said of a camera that does not see any more, and when."""

from collections.abc import Callable

import numpy as np
import pytest

from drivers.camera.engine import Frame
from drivers.camera.trouble import COVERED_S, FROZEN_S, SILENT_S, Trouble
from drivers.errors import Garbled, SourceError, TimedOut

Show = Callable[[np.random.Generator], Frame | None]


def room(dice: np.random.Generator) -> Frame:
    """A room in the light: walls, a window, and the sensor's noise."""
    frame = np.full((480, 640, 3), 90, np.float32)
    frame[100:300, 200:400] = 200
    return noisy(frame, dice)


def dusk(dice: np.random.Generator) -> Frame:
    """A dark room, in which a lamp of an exit can be seen."""
    frame = np.full((480, 640, 3), 12, np.float32)
    frame[40:120, 60:180] = 120
    return noisy(frame, dice)


def hand(dice: np.random.Generator) -> Frame:
    """A hand over the lens: dark, and the gain is up."""
    return noisy(np.full((480, 640, 3), 15, np.float32), dice, noise=14)


def hung(dice: np.random.Generator) -> Frame:
    return room(np.random.default_rng(7))


def taped(dice: np.random.Generator) -> Frame:
    return np.zeros((480, 640, 3), np.uint8)


def nothing(dice: np.random.Generator) -> None:
    return None


def noisy(frame: np.ndarray, dice: np.random.Generator, noise: float = 3) -> Frame:
    return np.clip(frame + dice.normal(0, noise, frame.shape), 0, 255).astype(np.uint8)


def first(show: Show, for_s: float, step_s: float = 0.5) -> tuple[float, SourceError] | None:
    """Return when something is said, and what."""
    dice = np.random.default_rng(1)
    trouble = Trouble("camera x", 100.0)
    for step in range(int(for_s / step_s) + 1):
        said = trouble.see(show(dice), 100.0 + step * step_s)
        if said is not None:
            return step * step_s, said
    return None


@pytest.mark.parametrize("show", [room, dusk])
def test_of_a_camera_that_sees_nothing_is_said(show: Show) -> None:
    assert first(show, 20) is None


@pytest.mark.parametrize(
    ("show", "at_s", "kind", "said"),
    [
        (nothing, SILENT_S, TimedOut, "no picture for 5 s. Look at its cable"),
        (hung, FROZEN_S, TimedOut, "the same picture for 15 s"),
        (hand, COVERED_S, Garbled, "nothing but dark for 10 s. Look whether something is over"),
        (taped, COVERED_S, Garbled, "nothing but dark"),
    ],
)
def test_what_is_wrong_is_said_within_seconds(
    show: Show, at_s: float, kind: type[SourceError], said: str
) -> None:
    found = first(show, 30)
    assert found is not None
    when, error = found
    assert at_s <= when <= at_s + 0.5
    assert isinstance(error, kind)
    assert f"camera x: {said}" in str(error)


def test_a_moment_of_it_is_no_trouble() -> None:
    dice = np.random.default_rng(1)
    trouble = Trouble("camera x", 0.0)
    for second in range(60):
        show: Show = (room, hand, hung, nothing)[second // 4 % 4]
        assert trouble.see(show(dice), float(second)) is None
