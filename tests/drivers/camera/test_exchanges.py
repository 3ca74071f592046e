"""Who takes whose place: pictures held up and taken away, exchanged roles, people who are alike."""

from random import Random

import numpy as np
import pytest
from heads import DIMENSIONS, Head, Stage, person
from msgspec import structs
from plays import Actor, Told, asked, play, verdicts, visits

from drivers.camera.engine import Face, Frame, Metric, Vector
from drivers.camera.gallery import Gallery
from drivers.camera.pipeline import Pipeline
from drivers.camera.rules import Rules
from drivers.camera.visits import Ask, Verdict
from drivers.options import Liveness
from drivers.prompt import Prompt

NOBODY_ASKED = Rules(liveness=Liveness.OFF)
RESEMBLES = "dewi"
"""She looks like ani: at 0.40, as one of a few hundred pairs of people does."""


class Cast(Stage):
    """A stage on which dewi resembles ani."""

    def embed(self, frame: Frame, face: Face) -> Vector:
        [head] = [head for shown, head in self._shown if shown is face]
        if head.person != RESEMBLES:
            return super().embed(frame, face)
        self.embedded += 1
        noise = self._random.normal(size=DIMENSIONS)
        vector = dewi() + 0.2 * noise / np.linalg.norm(noise)
        unit: Vector = (vector / np.linalg.norm(vector)).astype(np.float32)
        return unit


def dewi() -> Vector:
    ani, other = person("ani"), person("dewi")
    other -= (other @ ani) * ani
    vector: Vector = 0.4 * ani + np.sqrt(1 - 0.4**2) * other / np.linalg.norm(other)
    return vector


def known(*people: str) -> Gallery:
    rows = [
        (one, (dewi() if one == RESEMBLES else person(one)).astype("<f4").tobytes())
        for one in people
    ]
    return Gallery(rows, DIMENSIONS, Metric.COSINE)


def stood(rules: Rules, *people: str, seed: int = 5) -> tuple[Pipeline, Stage]:
    stage = Cast(seed)
    return Pipeline(stage, None, known(*people), rules, Random(seed)), stage


@pytest.mark.parametrize("first", ["ani", "dewi"])
def test_in_a_queue_whoever_resembles_the_one_before_is_named_as_well(first: str) -> None:
    """No gap between the two: the place goes on, and their templates are not far apart."""
    second = {"ani": "dewi", "dewi": "ani"}[first]
    pipeline, stage = stood(NOBODY_ASKED, "ani", "dewi", "budi")
    queue = [Actor(Head(person=first), 0, 3), Actor(Head(person=second), 3)]
    told = play(pipeline, stage, queue, 9)
    assert verdicts(told) == [(Verdict.KNOWN, first), (Verdict.KNOWN, second)]


def test_an_employee_who_resembles_the_stranger_before_is_named() -> None:
    pipeline, stage = stood(NOBODY_ASKED, "dewi", "budi")
    queue = [Actor(Head(person="ani"), 0, 5), Actor(Head(person="dewi"), 5)]
    told = play(pipeline, stage, queue, 11)
    assert verdicts(told) == [(Verdict.STRANGER, ""), (Verdict.KNOWN, "dewi")]


def test_two_frames_of_one_moment_are_one_vote_also_where_faces_touch() -> None:
    """Side by side each frame is in doubt and gets its template; it is not one more witness."""
    for _ in range(3):
        pipeline, stage = stood(NOBODY_ASKED, "ani", "budi")
        pair = [Actor(Head(x=230)), Actor(Head(person="budi", x=400))]
        told = play(pipeline, stage, pair, 2, rate=30)
        assert sorted(verdicts(told)) == [(Verdict.KNOWN, "ani"), (Verdict.KNOWN, "budi")]
        assert min(at_s for at_s, _ in told) >= NOBODY_ASKED.spacing_s


def turn(pipeline: Pipeline, stage: Stage, until: Prompt) -> tuple[Told, float, float]:
    """Play ani's picture at 30 frames a second until a turn is asked for."""
    told: Told = []
    at_s = 0.0
    while not asked(told):
        told += play(
            pipeline, stage, [Actor(Head(), deaf=True)], at_s + 1 / 30, rate=30, from_s=at_s
        )
        at_s += 1 / 30
    [ask] = [one for _, one in told if isinstance(one, Ask)]
    return told, at_s, 1.0 if ask.what is Prompt.TURN_LEFT else -1.0


@pytest.mark.parametrize("held", range(8))
@pytest.mark.parametrize("who", ["budi", "xaver"])
def test_anothers_head_between_two_templates_does_not_turn_for_a_picture(
    who: str, held: int
) -> None:
    """A film at 30 frames a second: ani's picture, a turn of another within 0.15 s, her picture."""
    pipeline, stage = stood(Rules(), "ani", "budi")
    told, at_s, sign = turn(pipeline, stage, Prompt.TURN_LEFT)
    yaws = [0.0] * held + [22.0, 40.0, 45.0, 42.0, 22.0] + [0.0] * 60
    for number, yaw in enumerate(yaws):
        here = Head(yaw_deg=sign * yaw)
        if yaw:
            here = structs.replace(here, person=who)
        told += play(pipeline, stage, [Actor(here, deaf=True)], at_s + 1 / 30, rate=30, from_s=at_s)
        at_s += 1 / 30
        assert number < len(yaws)
    assert not any(name for _, name in verdicts(told))


@pytest.mark.parametrize("rate", [5.0, 10.0, 30.0])
def test_a_person_who_turns_beside_a_picture_does_not_turn_for_it(rate: float) -> None:
    """Budi is enrolled, holds ani's picture beside his head, and does all that is asked of her."""
    pipeline, stage = stood(Rules(), "ani", "budi")

    class Helper(Actor):
        def hear(self, ask: Ask) -> None:
            super().hear(structs.replace(ask, person=""))

    pair = [Actor(Head(x=200, eyes_px=95), deaf=True), Helper(Head(person="budi", x=420))]
    told = play(pipeline, stage, pair, 25, rate=rate)
    assert "ani" not in [name for _, name in verdicts(told)]


@pytest.mark.parametrize("rate", [5.0, 10.0, 30.0])
@pytest.mark.parametrize("after_s", [0.1, 0.3, 0.6, 1.0, 1.6])
def test_a_picture_swapped_for_a_head_once_it_is_asked_names_nobody_for_it(
    rate: float, after_s: float
) -> None:
    """And the picture swapped in again after the turn: neither way, whenever it is done."""
    for seed in range(4):
        pipeline, stage = stood(Rules(), "ani", "budi", seed=seed)
        head = Actor(Head(person="xaver"), 0.7 + after_s, 0.7 + after_s + 1.5)
        cast = [
            Actor(Head(), 0, 0.7 + after_s, deaf=True),
            head,
            Actor(Head(), 0.7 + after_s + 1.5, deaf=True),
        ]
        told = play(pipeline, stage, cast, 16, rate=rate)
        assert not any(name for _, name in verdicts(told)), (seed, verdicts(told))


@pytest.mark.parametrize("gap_s", [0.0, 0.2, 0.4])
def test_two_who_exchange_places_keep_who_they_are(gap_s: float) -> None:
    """Ani is asked; she and xaver exchange places in one moment, and xaver turns as asked."""
    pipeline, stage = stood(Rules(), "ani", "budi")
    left, right = Head(x=180), Head(person="xaver", x=460, eyes_px=85)
    told = play(pipeline, stage, [Actor(left, deaf=True), Actor(right, deaf=True)], 0.8)

    class Helper(Actor):
        def hear(self, ask: Ask) -> None:
            super().hear(structs.replace(ask, person=""))

    crossed = [
        Helper(structs.replace(right, x=180, eyes_px=90), 0.8 + gap_s),
        Actor(structs.replace(left, x=460), 0.8 + gap_s, deaf=True),
    ]
    told += play(pipeline, stage, crossed, 16, from_s=0.8)
    assert "ani" not in [name for _, name in verdicts(told)]


def test_a_gallery_replaced_between_asking_and_naming_decides_again() -> None:
    """Ani was made to be forgotten while she turned her head: she is not named any more."""
    pipeline, stage = stood(Rules(), "ani", "budi")
    actor = Actor(Head())
    told = play(pipeline, stage, [actor], 1.0)
    assert Prompt.LOOK_STRAIGHT not in asked(told)
    assert asked(told)
    pipeline.gallery = known("budi", "cici")
    told += play(pipeline, stage, [actor], 12, from_s=1.0)
    assert "ani" not in [name for _, name in verdicts(told)]
    assert len(visits(told)) == 1


def test_a_person_under_two_ids_is_nobody_and_both_are_said() -> None:
    """Each time; kiosk camera calibrate names the pair, and a card tells which is meant."""
    rows = [(name, person("ani").astype("<f4").tobytes()) for name in ("1001", "2002")]
    stage = Cast(3)
    pipeline = Pipeline(stage, None, Gallery(rows, DIMENSIONS, Metric.COSINE), Rules(), Random(1))
    told = play(pipeline, stage, [Actor(Head(), 0, 5), Actor(Head(), 7, 12)], 14)
    assert [one.evidence.verdict for one in visits(told)] == [Verdict.AMBIGUOUS] * 2
    assert all(set(one.evidence.candidates) == {"1001", "2002"} for one in visits(told))
    assert Prompt.CARD in asked(told)
