"""What a frame shows of a face: signs, units, and what a flat picture cannot change."""

import numpy as np
import pytest
from heads import BLURRED, DARK, FRAME, Head, face_of
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from drivers.camera.engine import Face, Point
from drivers.camera.measure import appearance, cut, measure, nose_within

POINTS = ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth")


def test_a_head_turned_to_its_own_left_has_negative_yaw() -> None:
    assert measure(FRAME, face_of(Head(yaw_deg=30))).yaw < -0.2
    assert measure(FRAME, face_of(Head(yaw_deg=-30))).yaw > 0.2
    assert measure(FRAME, face_of(Head())).yaw == pytest.approx(0, abs=0.01)


def test_forty_degrees_are_about_a_yaw_of_0_35() -> None:
    assert measure(FRAME, face_of(Head(yaw_deg=-40))).yaw == pytest.approx(0.37, abs=0.03)


def test_a_head_that_looks_down_has_positive_pitch() -> None:
    up, down = (measure(FRAME, face_of(Head(pitch_deg=angle))).pitch for angle in (-20, 20))
    assert up < -0.05 < 0.05 < down


def test_eye_distance_and_lean() -> None:
    seen = measure(FRAME, face_of(Head(eyes_px=72, roll_deg=10)))
    assert seen.eye_distance_px == pytest.approx(72, abs=0.5)
    assert seen.roll_deg == pytest.approx(10, abs=0.5)


@given(
    st.lists(st.floats(-2, 2), min_size=4, max_size=4).filter(
        lambda m: abs(m[0] * m[3] - m[1] * m[2]) > 0.2
    ),
    st.floats(-300, 300),
    st.floats(-30, 30),
)
def test_no_affine_map_of_a_picture_changes_where_the_nose_is(
    matrix: list[float], shift: float, yaw_deg: float
) -> None:
    face = face_of(Head(yaw_deg=yaw_deg))
    mapped = {
        name: Point(
            matrix[0] * point.x + matrix[1] * point.y + shift,
            matrix[2] * point.x + matrix[3] * point.y - shift,
        )
        for name in POINTS
        for point in [getattr(face, name)]
    }
    assert nose_within(structs.replace(face, **mapped)) == pytest.approx(
        nose_within(face), abs=1e-6
    )


def test_points_in_one_line_are_no_pose() -> None:
    at = Point(5, 5)
    face = structs.replace(face_of(Head()), **dict.fromkeys(POINTS, at))
    assert nose_within(face) == (0.0, 0.0)


def test_light_and_sharpness_are_of_the_face() -> None:
    face = face_of(Head())
    fine, dark, blurred = (measure(frame, face) for frame in (FRAME, DARK, BLURRED))
    assert fine.light == pytest.approx(0.51, abs=0.03)
    assert dark.light < 0.1
    assert fine.sharpness > 1000
    assert blurred.sharpness == 0


def test_a_near_face_is_not_sharper_for_being_near() -> None:
    """The same picture at twice the size has the same sharpness, nearly."""
    ramp = np.tile((np.arange(64) * 4 % 256).astype(np.uint8)[None, :, None], (480, 10, 3))
    small = ramp[:240, :320]
    large = np.repeat(np.repeat(small, 2, axis=0), 2, axis=1)
    box = {"x": 60.0, "y": 40.0, "width": 120.0, "height": 150.0}
    doubled = {name: 2 * value for name, value in box.items()}
    one = measure(small, structs.replace(face_of(Head()), **box)).sharpness
    two = measure(large, structs.replace(face_of(Head()), **doubled)).sharpness
    assert 0.5 < two / one < 2


def test_a_face_beyond_the_edge_says_so() -> None:
    assert measure(FRAME, face_of(Head(x=30))).edge < -0.1
    assert measure(FRAME, face_of(Head())).edge > 0


def test_a_face_outside_of_the_frame_is_measured_as_nothing() -> None:
    outside: Face = structs.replace(face_of(Head()), x=900.0, y=900.0)
    seen = measure(FRAME, outside)
    assert (seen.light, seen.sharpness) == (0.0, 0.0)
    assert cut(FRAME, outside).size == 0
    assert not appearance(FRAME, outside).any()


def test_an_appearance_is_the_same_in_other_light() -> None:
    face = face_of(Head())
    frame = np.random.default_rng(1).integers(60, 200, (480, 640, 3)).astype(np.uint8)
    one, dimmed = appearance(frame, face), appearance((frame * 0.6).astype(np.uint8), face)
    assert (one * one).sum() == pytest.approx(1, abs=1e-4)
    assert (one * dimmed).sum() > 0.99
    assert (one * appearance(frame, face_of(Head(x=180)))).sum() < 0.5
