"""What somebody is told, and when they are left in peace."""

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from drivers.camera.gates import RETOLD_S, STAYS_S, TIRES_S, Hints, Limits, background, wanting
from drivers.camera.measure import Measurement
from drivers.prompt import Prompt

FINE = Measurement(
    eye_distance_px=80, yaw=0.02, pitch=0.0, roll_deg=2, sharpness=200, light=0.5, edge=0.5
)
LIMITS = Limits()


@pytest.mark.parametrize(
    ("fault", "prompt"),
    [
        ({}, None),
        ({"eye_distance_px": 30}, Prompt.COME_CLOSER),
        ({"light": 0.1}, Prompt.MORE_LIGHT),
        ({"sharpness": 10}, Prompt.HOLD_STILL),
        ({"yaw": -0.3}, Prompt.LOOK_STRAIGHT),
        ({"pitch": 0.2}, Prompt.LOOK_STRAIGHT),
        ({"roll_deg": -30}, Prompt.LOOK_STRAIGHT),
        ({"edge": -0.2}, Prompt.LOOK_STRAIGHT),
        ({"light": 0.1, "sharpness": 1}, Prompt.MORE_LIGHT),
        ({"eye_distance_px": 30, "light": 0.1, "yaw": 0.9}, Prompt.COME_CLOSER),
    ],
)
def test_one_thing_at_a_time_the_most_useful_first(
    fault: dict[str, float], prompt: Prompt | None
) -> None:
    assert wanting(structs.replace(FINE, **fault), LIMITS) is prompt


def test_who_is_far_away_is_nobodys_business() -> None:
    assert background(structs.replace(FINE, eye_distance_px=19), LIMITS)
    assert not background(structs.replace(FINE, eye_distance_px=21), LIMITS)


def told(seen: Iterable[tuple[float, Measurement]]) -> list[tuple[float, Prompt]]:
    hints = Hints(LIMITS)
    return [
        (at_s, prompt)
        for at_s, measured in seen
        if (prompt := hints.see(measured, at_s)) is not None
    ]


def steps(
    until_s: float, measured: Measurement, since_s: float = 0.0
) -> list[tuple[float, Measurement]]:
    count = round((until_s - since_s) * 10)
    return [(since_s + step / 10, measured) for step in range(count)]


def test_who_only_passes_is_told_nothing() -> None:
    assert told(steps(STAYS_S, structs.replace(FINE, light=0.1))) == []


def test_who_stays_is_told_again_until_it_is_clear_that_they_do_not_mean_us() -> None:
    times = [at_s for at_s, _ in told(steps(60, structs.replace(FINE, light=0.1)))]
    assert times[0] == pytest.approx(STAYS_S, abs=0.11)
    assert all(later - earlier >= RETOLD_S for earlier, later in itertools.pairwise(times))
    assert times[-1] <= TIRES_S + 0.1


def test_a_face_on_the_limit_does_not_flicker() -> None:
    """Light that swings about the limit: one prompt stays, it does not come and go."""
    dark, hardly = (structs.replace(FINE, light=light) for light in (0.17, 0.185))
    seen = steps(1, dark) + [(1 + step / 10, hardly if step % 2 else dark) for step in range(30)]
    times = [at_s for at_s, _ in told(seen)]
    assert len(times) >= 3
    assert max(b - a for a, b in itertools.pairwise(times)) < RETOLD_S + 0.15


def test_another_fault_must_stay_as_well() -> None:
    seen = steps(2, structs.replace(FINE, light=0.1)) + steps(
        2.5, structs.replace(FINE, sharpness=1), 2.0
    )
    assert {prompt for _, prompt in told(seen)} == {Prompt.MORE_LIGHT}


@given(st.lists(st.tuples(st.floats(0.01, 0.5), st.floats(0, 1), st.floats(10, 90)), max_size=60))
def test_nobody_is_told_anything_of_a_face_that_is_fit(
    seen: list[tuple[float, float, float]],
) -> None:
    hints, at_s = Hints(LIMITS), 0.0
    for step, light, eyes_px in seen:
        at_s += step
        measured = structs.replace(FINE, light=light, eye_distance_px=eyes_px)
        if hints.see(measured, at_s) is not None:
            assert wanting(measured, LIMITS.tightened(0.1)) is not None
