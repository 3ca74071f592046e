"""Three good pictures of one person, or none."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from heads import BLURRED, DARK, FRAME, Head, Stage

from drivers.camera.engine import Face, Frame, Vector
from drivers.camera.enrolling import Enrolling, Unusable, from_pictures
from drivers.camera.opencv import cv2
from drivers.camera.rules import Rules
from drivers.camera.visits import Ask
from drivers.options import Liveness
from drivers.prompt import Prompt

Cast = Callable[[float, Prompt], Sequence[Head]]
YAW_DEG = {Prompt.TURN_LEFT: 25.0, Prompt.TURN_RIGHT: -25.0}


def ani(at_s: float, asked: Prompt) -> Sequence[Head]:
    return [Head(yaw_deg=YAW_DEG.get(asked, 0.0))]


def enrolled(
    cast: Cast, rules: Rules | None = None, *, frame: Frame = FRAME, keep: bool = False,
    alive: float | None = None, until_s: float = 20.0,
) -> tuple[Enrolling, list[Ask]]:  # fmt: skip
    stage = Stage()
    stage.alive = alive
    passive = None if alive is None else stage
    enrolling = Enrolling(stage, passive, rules or Rules(), keep=keep)
    asks: list[Ask] = []
    for step in range(round(until_s * 10)):
        at_s = step / 10
        stage.heads = cast(at_s, asks[-1].what if asks else Prompt.LOOK_STRAIGHT)
        ask = enrolling.see(frame, at_s)
        if ask is not None:
            asks.append(ask)
    return enrolling, asks


def test_three_poses_make_somebody_known() -> None:
    enrolling, asks = enrolled(ani)
    assert enrolling.refusal is None
    assert enrolling.enrolled is not None
    shots = enrolling.enrolled.shots
    assert enrolling.enrolled.model == Stage.model
    assert [len(shot.template.octets) for shot in shots] == [4 * Stage.dimensions] * 3
    straight, left, right = (shot.yaw for shot in shots)
    assert abs(straight) <= 0.1
    assert -0.3 <= left <= -0.15
    assert 0.15 <= right <= 0.3
    assert all(0 < shot.quality <= 1 and not shot.picture for shot in shots)
    steps = list(dict.fromkeys((ask.what, ask.step) for ask in asks))
    assert steps == [
        (Prompt.LOOK_STRAIGHT, 1),
        (Prompt.TURN_LEFT, 2),
        (Prompt.TURN_RIGHT, 3),
        (Prompt.DONE, 3),
    ]
    assert all(ask.of == 3 for ask in asks)


def test_a_picture_is_kept_only_if_asked_for() -> None:
    enrolling, _ = enrolled(ani, keep=True)
    assert enrolling.enrolled is not None
    for shot in enrolling.enrolled.shots:
        picture = cv2.imdecode(np.frombuffer(shot.picture.octets, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape[1] > 200


def test_nothing_is_asked_after_the_end() -> None:
    _, asks = enrolled(ani)
    assert [ask.what for ask in asks].count(Prompt.DONE) == 1
    assert asks[-1].what is Prompt.DONE


@pytest.mark.parametrize(
    ("frame", "head", "prompt"),
    [
        (DARK, Head(), Prompt.MORE_LIGHT),
        (BLURRED, Head(), Prompt.HOLD_STILL),
        (FRAME, Head(eyes_px=45), Prompt.COME_CLOSER),
    ],
)
def test_limits_are_stricter_than_in_recognition(frame: Frame, head: Head, prompt: Prompt) -> None:
    enrolling, asks = enrolled(lambda at_s, asked: [head], frame=frame, until_s=5)
    assert enrolling.enrolled is None
    assert {ask.what for ask in asks} == {prompt}


def test_who_only_looks_straight_is_not_enrolled() -> None:
    enrolling, asks = enrolled(lambda at_s, asked: [Head()])
    assert (enrolling.enrolled, enrolling.refusal) == (None, None)
    assert asks[-1].what is Prompt.TURN_LEFT


def test_two_people_are_not_enrolled() -> None:
    enrolling, asks = enrolled(lambda at_s, asked: [Head(x=150), Head(person="budi", x=480)])
    assert enrolling.refusal is not None
    assert "2 people" in enrolling.refusal
    assert asks[-1].what is Prompt.FAILED


def test_somebody_who_passes_behind_spoils_nothing() -> None:
    def cast(at_s: float, asked: Prompt) -> Sequence[Head]:
        other = [Head(person="budi", x=540, eyes_px=50)] if 1 < at_s < 3 else []
        return [*ani(at_s, asked), *other, Head(person="cici", x=600, eyes_px=12)]

    assert enrolled(cast)[0].enrolled is not None


def test_three_pictures_of_two_people_are_refused() -> None:
    def cast(at_s: float, asked: Prompt) -> Sequence[Head]:
        person = "budi" if asked is Prompt.TURN_RIGHT else "ani"
        return [Head(person=person, yaw_deg=YAW_DEG.get(asked, 0.0))]

    enrolling, asks = enrolled(cast)
    assert enrolling.enrolled is None
    assert "pictures 1 and 3 show two people" in (enrolling.refusal or "")
    assert asks[-1].what is Prompt.FAILED


def test_a_picture_held_up_is_refused_where_pictures_are() -> None:
    rules = Rules(liveness=Liveness.REFUSE)
    assert enrolled(ani, rules, alive=0.9)[0].enrolled is not None
    assert "looks like a picture" in (enrolled(ani, rules, alive=0.1)[0].refusal or "")


class Album(Stage):
    """A stage for files: each picture is told apart by one pixel."""

    def __init__(self, *pages: Sequence[Head]) -> None:
        super().__init__()
        self.pages = pages
        self.pictures = []
        for number in range(len(pages)):
            picture = FRAME.copy()
            picture[0, 0, 0] = number
            self.pictures.append(picture)

    def detect(self, frame: Frame) -> Sequence[Face]:
        self.heads = self.pages[int(frame[0, 0, 0])]
        return super().detect(frame)

    def embed(self, frame: Frame, face: Face) -> Vector:
        return super().embed(frame, face)


GOOD = ([Head()], [Head(yaw_deg=20)], [Head(yaw_deg=-20)])


def test_files_make_somebody_known() -> None:
    album = Album(*GOOD, [Head(pitch_deg=5)])
    assert len(from_pictures(album, album.pictures).shots) == 4


@pytest.mark.parametrize(
    ("pages", "said"),
    [
        (GOOD[:2], "2 pictures, expected at least 3"),
        ((*GOOD[:2], []), "picture 3 shows no faces"),
        ((GOOD[0], [Head(x=150), Head(x=480)], GOOD[2]), "picture 2 shows 2 faces"),
        ((GOOD[0], GOOD[1], [Head(yaw_deg=55)]), "picture 3 is of no use: the head is turned"),
        ((GOOD[0], [Head(eyes_px=30)], GOOD[2]), "picture 2 is of no use: 30 pixels"),
        ((GOOD[0], GOOD[1], [Head(person="budi")]), "pictures 1 and 3 show two people"),
        (([Head(noise=0.0)], [Head(noise=0.0)], GOOD[2]), "pictures 1 and 2 are too alike"),
    ],
)
def test_files_that_are_of_no_use_are_named(pages: Sequence[Sequence[Head]], said: str) -> None:
    album = Album(*pages)
    with pytest.raises(Unusable, match=said) as refused:
        from_pictures(album, album.pictures)
    assert refused.value.hint
