"""The challenge: what passes, and each way to fail."""

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from heads import Head, face_of
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from drivers.camera.liveness import (
    WITHIN_S,
    Failure,
    HeadTurn,
    Side,
    Sight,
    State,
    narrowing,
    parallax,
    passive_score,
)
from drivers.camera.rules import Rules
from drivers.prompt import Prompt

RULES = Rules()


def sight(at_s: float, head: Head, likeness: float | None = 0.8, light: float = 0.5) -> Sight:
    return Sight(at_s=at_s, face=face_of(head), light=light, likeness=likeness)


def turning(degrees: Iterable[float], head: Head | None = None, step_s: float = 0.1) -> list[Sight]:
    head = head or Head()
    return [
        sight(number * step_s, structs.replace(head, yaw_deg=head.yaw_deg + angle))
        for number, angle in enumerate(degrees)
    ]


def there_and_back(most: float = 50) -> list[float]:
    way = np.arange(0, most, 6).tolist()
    return [0.0, 0.0, *way, most, most, most, *way[::-1], 0.0]


def outcome(sights: list[Sight], side: Side = Side.LEFT) -> HeadTurn:
    turn = HeadTurn(side, sights[0], RULES)
    for one in sights[1:]:
        turn.see(one)
    return turn


@pytest.mark.parametrize("side", Side)
def test_a_head_that_turns_as_asked_and_back_passes(side: Side) -> None:
    sign = 1 if side is Side.LEFT else -1
    turn = outcome(turning([sign * angle for angle in there_and_back()]), side)
    assert (turn.state, turn.failure) == (State.PASSED, None)


def test_the_prompt_follows() -> None:
    sights = turning(there_and_back())
    turn = HeadTurn(Side.LEFT, sights[0], RULES)
    prompts = [turn.prompt]
    for one in sights[1:]:
        turn.see(one)
        prompts.append(turn.prompt)
    assert prompts[0] is Prompt.TURN_LEFT
    assert Prompt.LOOK_STRAIGHT in prompts
    assert Side.RIGHT.prompt is Prompt.TURN_RIGHT


def changed(at: int, change: Callable[[Sight], Sight]) -> list[Sight]:
    """Return a good turn with one frame changed, or all after it."""
    sights = turning(there_and_back())
    return [*sights[:at], *(change(one) for one in sights[at:])]


def later(seconds: float) -> Callable[[Sight], Sight]:
    return lambda one: structs.replace(one, at_s=one.at_s + seconds)


def lit(by: float) -> Callable[[Sight], Sight]:
    return lambda one: structs.replace(one, light=one.light * by)


def likes(to: float) -> Callable[[Sight], Sight]:
    return lambda one: structs.replace(one, likeness=to)


@pytest.mark.parametrize(
    ("sights", "failure"),
    [
        (turning([0.0] * 60), Failure.TIME),
        (turning([-angle for angle in there_and_back()]), Failure.WRONG_SIDE),
        (turning([0, 0, 50, 50, 0]), Failure.JUMP),
        (turning([0, 0, 9, 12, 45, 45]), Failure.JUMP),
        (changed(5, later(0.6)), Failure.BROKEN),
        (changed(5, lit(1.6)), Failure.JUMP),
        (changed(5, likes(0.1)), Failure.ANOTHER),
        (turning(there_and_back(), Head(flat=True)), Failure.TIME),
        ([*turning([0, 0, 0]), sight(0.3, Head(x=420))], Failure.JUMP),
        ([*turning([0, 0, 0]), sight(0.3, Head(eyes_px=140))], Failure.JUMP),
    ],
    ids=[
        "nothing", "wrong side", "cut", "cut on the way", "out of sight", "light", "another",
        "flat", "place", "size",
    ],
)  # fmt: skip
def test_each_way_to_fail(sights: list[Sight], failure: Failure) -> None:
    if failure is Failure.TIME:
        sights = [*sights, structs.replace(sights[-1], at_s=sights[-1].at_s + 0.4)]
        while sights[-1].at_s < WITHIN_S:
            sights.append(structs.replace(sights[-1], at_s=sights[-1].at_s + 0.4))
    turn = outcome(sights)
    assert (turn.state, turn.failure) == (State.FAILED, failure)


def test_a_turn_that_stops_at_its_end_does_not_pass() -> None:
    assert outcome(turning(there_and_back()[:-5])).state is State.TURNED


def test_who_comes_back_as_hardly_the_same_does_not_pass() -> None:
    sights = turning(there_and_back())
    back = [structs.replace(one, likeness=0.4) for one in sights[-4:]]
    assert outcome([*sights[:-4], *back]).state is not State.PASSED


def test_a_face_that_looks_otherwise_from_one_frame_to_the_next_is_a_cut() -> None:
    looks = np.random.default_rng(1).normal(size=(2, 24, 24)).astype(np.float32)
    looks /= np.linalg.norm(looks, axis=(1, 2), keepdims=True)
    same, other = looks
    sights = [structs.replace(one, look=same) for one in turning(there_and_back())]
    assert outcome(sights).state is State.PASSED
    sights[7:] = [structs.replace(one, look=other) for one in sights[7:]]
    assert outcome(sights).failure is Failure.JUMP


def test_one_blurred_frame_on_the_way_is_forgiven() -> None:
    sights = turning(there_and_back())
    sights[6] = structs.replace(sights[6], likeness=0.1)
    assert outcome(sights).state is State.PASSED


def test_who_stands_askew_must_turn_as_well() -> None:
    """A face that shows 20 degrees from the first needs the whole way, not the rest of it."""
    part = turning(there_and_back(24), Head(yaw_deg=20))
    assert outcome(part).state is not State.PASSED


def test_a_turn_of_a_print_that_a_detector_falls_for_is_flat() -> None:
    """The nose moves as a turned head's, but the eyes come nearer than a head's do."""
    sights = []
    for angle, one in zip(there_and_back(), turning(there_and_back()), strict=True):
        face = one.face
        squeezed = {
            name: structs.replace(point, x=320 + (1 - 0.4 * angle / 50) * (point.x - 320))
            for name in ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth")
            for point in [getattr(face, name)]
        }
        sights.append(structs.replace(one, face=structs.replace(face, **squeezed)))
    assert outcome(sights).failure is Failure.FLAT


def test_asked_again_only_if_nothing_was_heard() -> None:
    still = [sight(step * 0.4, Head()) for step in range(12)]
    assert outcome(still).unheard
    half = turning([0, 6, 12, 18, 18, 18])
    half += [structs.replace(half[-1], at_s=0.5 + step * 0.4) for step in range(1, 12)]
    assert outcome(half).failure is Failure.TIME
    assert not outcome(half).unheard


@given(
    st.lists(
        st.tuples(
            st.floats(0.02, 0.7),
            st.floats(-60, 60),
            st.floats(-30, 30),
            st.booleans(),
            st.floats(0, 1),
        ),
        max_size=40,
    )
)
def test_nothing_but_a_turn_in_depth_passes(
    steps: list[tuple[float, float, float, bool, float]],
) -> None:
    first = sight(0.0, Head())
    turn = HeadTurn(Side.LEFT, first, RULES)
    at_s, seen = 0.0, [first]
    for wait, yaw, roll, flat, like in steps:
        at_s += wait
        one = sight(at_s, Head(yaw_deg=yaw, roll_deg=roll, flat=flat), like)
        seen.append(one)
        if turn.see(one) is State.PASSED:
            break
    if turn.state is State.PASSED:
        assert at_s <= WITHIN_S
        assert max(-parallax(first.face, one.face) for one in seen) >= 0.2
        assert seen[-1].likeness is not None
        assert seen[-1].likeness >= RULES.threshold


@given(st.floats(-60, 60), st.floats(-30, 30), st.floats(-25, 25), st.floats(0.7, 1.4))
def test_a_flat_picture_has_no_parallax(
    yaw: float, pitch: float, roll: float, nearer: float
) -> None:
    before = face_of(Head(flat=True))
    after = face_of(
        Head(flat=True, yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll, eyes_px=90 * nearer)
    )
    assert parallax(before, after) == pytest.approx(0, abs=1e-6)


def test_a_head_has_parallax_to_its_side_and_eyes_come_nearer() -> None:
    before, left = face_of(Head()), face_of(Head(yaw_deg=45))
    assert parallax(before, left) < -0.3
    assert narrowing(before, left) == pytest.approx(np.cos(np.deg2rad(45)), abs=0.02)


def test_points_in_one_line_have_no_parallax() -> None:
    face = face_of(Head())
    line = structs.replace(face, left_eye=face.right_eye, right_mouth=face.right_eye)
    assert parallax(line, face) == 0


def test_the_passive_score_is_a_median_of_enough_frames() -> None:
    assert passive_score([0.9, 0.1], 3) is None
    assert passive_score([0.9, 0.1, 0.8], 3) == 0.8
