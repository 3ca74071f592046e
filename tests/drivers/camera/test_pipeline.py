"""Who is named, when, and how often: people before a pipeline."""

from itertools import pairwise
from random import Random

import pytest
from heads import BLURRED, DARK, FRAME, Head, Stage, gallery
from msgspec import structs
from plays import Actor, asked, play, verdicts, visits

from drivers.camera.pipeline import Pipeline
from drivers.camera.rules import Rules
from drivers.camera.visits import Ask, Challenge, Verdict
from drivers.options import Liveness
from drivers.prompt import Prompt

PEOPLE = ("ani", "budi", "cici")
NOBODY_ASKED = Rules(liveness=Liveness.OFF)


def stood(rules: Rules = NOBODY_ASKED, people: tuple[str, ...] = PEOPLE) -> tuple[Pipeline, Stage]:
    stage = Stage()
    return Pipeline(stage, stage, gallery(people), rules, Random(5)), stage


def test_somebody_is_named_once_for_an_hour_that_they_stay() -> None:
    pipeline, stage = stood()
    told = play(pipeline, stage, [Actor(Head())], 3600, rate=1)
    assert verdicts(told) == [(Verdict.KNOWN, "ani")]


def test_who_was_named_and_left_may_be_named_again() -> None:
    pipeline, stage = stood()
    told = play(pipeline, stage, [Actor(Head(), 0, 3), Actor(Head(), 4.7, 8)], 9)
    assert verdicts(told) == [(Verdict.KNOWN, "ani")] * 2


def test_who_looks_away_for_a_moment_has_not_left() -> None:
    pipeline, stage = stood()
    told = play(pipeline, stage, [Actor(Head(), 0, 3), Actor(Head(x=450), 4.2, 8)], 9)
    assert verdicts(told) == [(Verdict.KNOWN, "ani")]


def test_the_evidence_says_why() -> None:
    pipeline, stage = stood(Rules(liveness=Liveness.RECORD))
    [visit] = visits(play(pipeline, stage, [Actor(Head())], 5))
    evidence = visit.evidence
    assert evidence.model == stage.model == evidence.liveness_model
    assert evidence.score > 0.9
    assert evidence.margin > 0.3
    assert evidence.frames >= 2
    assert evidence.liveness == pytest.approx(0.9)
    assert evidence.challenge is Challenge.NONE
    assert len(visit.visit) == 8


def test_a_stranger_is_one_only_after_a_good_look() -> None:
    pipeline, stage = stood()
    told = play(pipeline, stage, [Actor(Head(person="xaver"), 0, 1.5)], 5)
    assert told == []
    told = play(pipeline, stage, [Actor(Head(person="xaver"), 10, 13)], 15, from_s=10)
    [visit] = visits(told)
    assert (visit.person, visit.evidence.verdict) == ("", Verdict.STRANGER)
    assert len(visit.evidence.candidates) == 2


def test_who_passes_and_never_looks_makes_no_visit() -> None:
    pipeline, stage = stood()
    told = play(pipeline, stage, [Actor(Head(yaw_deg=45), 0, 4)], 6)
    assert visits(told) == []


def test_an_empty_gallery_knows_nobody() -> None:
    pipeline, stage = stood(people=())
    [visit] = visits(play(pipeline, stage, [Actor(Head())], 5))
    assert visit.evidence.verdict is Verdict.STRANGER
    assert visit.evidence.candidates == ()


def test_a_gallery_may_be_replaced_while_somebody_stands_there() -> None:
    pipeline, stage = stood(people=("budi",))
    actor = Actor(Head())
    assert play(pipeline, stage, [actor], 1) == []
    pipeline.gallery = gallery(PEOPLE)
    told = play(pipeline, stage, [actor], 5, from_s=1)
    assert verdicts(told) == [(Verdict.KNOWN, "ani")]


def test_twins_are_not_guessed() -> None:
    pipeline, stage = stood(people=("ani", "ani~", "budi"))
    told = play(pipeline, stage, [Actor(Head())], 6)
    [visit] = visits(told)
    assert (visit.person, visit.evidence.verdict) == ("", Verdict.AMBIGUOUS)
    assert set(visit.evidence.candidates) == {"ani", "ani~"}
    assert Prompt.CARD in asked(told)


def test_two_people_at_once_are_two_visits() -> None:
    pipeline, stage = stood()
    actors = [Actor(Head(x=150)), Actor(Head(person="budi", x=500, eyes_px=70))]
    told = play(pipeline, stage, actors, 5)
    assert sorted(verdicts(told)) == [(Verdict.KNOWN, "ani"), (Verdict.KNOWN, "budi")]


def test_somebody_who_takes_anothers_place_is_named_as_themselves() -> None:
    """The track goes on, the face is another: no gap at all between the two."""
    pipeline, stage = stood()
    actors = [Actor(Head(), 0, 4), Actor(Head(person="budi"), 4, 9)]
    told = play(pipeline, stage, actors, 9)
    assert verdicts(told) == [(Verdict.KNOWN, "ani"), (Verdict.KNOWN, "budi")]


def test_two_who_cross_are_named_once_each() -> None:
    pipeline, stage = stood()
    ani, budi = Actor(Head(x=120)), Actor(Head(person="budi", x=520, y=215))
    told = play(pipeline, stage, [ani, budi], 2)
    for step in range(60):
        at_s = 2 + step / 10
        ani.head = structs.replace(ani.head, x=120 + min(400, 20 * step))
        budi.head = structs.replace(budi.head, x=520 - min(400, 20 * step))
        told += play(pipeline, stage, [ani, budi], at_s + 0.1, from_s=at_s)
    assert sorted(verdicts(told)) == [(Verdict.KNOWN, "ani"), (Verdict.KNOWN, "budi")]


def test_a_picture_of_somebody_who_is_here_names_nobody_twice() -> None:
    pipeline, stage = stood()
    actors = [Actor(Head(x=150)), Actor(Head(x=500, flat=True), 2)]
    assert verdicts(play(pipeline, stage, actors, 8)) == [(Verdict.KNOWN, "ani")]


@pytest.mark.parametrize(
    ("head", "frame", "prompt"),
    [
        (Head(eyes_px=30), FRAME, Prompt.COME_CLOSER),
        (Head(), DARK, Prompt.MORE_LIGHT),
        (Head(), BLURRED, Prompt.HOLD_STILL),
        (Head(yaw_deg=35), FRAME, Prompt.LOOK_STRAIGHT),
    ],
)
def test_whoever_cannot_be_looked_at_is_told_what_to_do(head, frame, prompt) -> None:  # type: ignore[no-untyped-def]
    pipeline, stage = stood()
    told = play(pipeline, stage, [Actor(head, deaf=True)], 5, frame=lambda _: frame)
    assert {one.what for _, one in told if isinstance(one, Ask)} == {prompt}
    assert stage.embedded == 0


def test_a_face_far_behind_is_left_in_peace() -> None:
    pipeline, stage = stood()
    assert play(pipeline, stage, [Actor(Head(eyes_px=15))], 10) == []


def test_templates_are_made_where_they_are_needed() -> None:
    pipeline, stage = stood()
    play(pipeline, stage, [Actor(Head())], 60)
    assert stage.embedded < 70  # 600 frames


# --- a sign of life ---------------------------------------------------------------------------


def test_whoever_turns_as_asked_is_named() -> None:
    for seed in range(10):
        stage = Stage()
        pipeline = Pipeline(stage, None, gallery(PEOPLE), Rules(), Random(seed))
        told = play(pipeline, stage, [Actor(Head())], 8)
        assert verdicts(told) == [(Verdict.KNOWN, "ani")]
        [visit] = visits(told)
        assert visit.evidence.challenge is Challenge.PASSED
        assert len({Prompt.TURN_LEFT, Prompt.TURN_RIGHT} & asked(told)) == 1


def test_the_side_is_not_always_the_same() -> None:
    sides = set()
    for seed in range(20):
        stage = Stage()
        pipeline = Pipeline(stage, None, gallery(PEOPLE), Rules(), Random(seed))
        sides |= asked(play(pipeline, stage, [Actor(Head())], 8))
    assert {Prompt.TURN_LEFT, Prompt.TURN_RIGHT, Prompt.LOOK_STRAIGHT} <= sides


@pytest.mark.parametrize(
    "actor",
    [
        Actor(Head(), deaf=True),
        Actor(Head(), wrong=True),
        Actor(Head(flat=True)),
    ],
    ids=["still", "wrong side", "a photograph, turned"],
)
def test_whoever_does_not_is_not_named(actor: Actor) -> None:
    pipeline, stage = stood(Rules())
    [visit] = visits(play(pipeline, stage, [actor], 12))
    assert (visit.person, visit.evidence.verdict) == ("", Verdict.NOT_LIVE)
    assert visit.evidence.candidates == ("ani",)
    assert visit.evidence.challenge is Challenge.FAILED


def test_who_did_not_see_the_screen_is_asked_once_more() -> None:
    pipeline, stage = stood(Rules())
    actor = Actor(Head(), deaf=True)
    told = play(pipeline, stage, [actor], 5.5)
    assert visits(told) == []
    actor.deaf = False
    told += play(pipeline, stage, [actor], 10, from_s=5.5)
    assert verdicts(told) == [(Verdict.KNOWN, "ani")]


def test_who_is_asked_is_told_so_again_each_second() -> None:
    pipeline, stage = stood(Rules())
    told = play(pipeline, stage, [Actor(Head(), deaf=True)], 4)
    times = [at_s for at_s, one in told if isinstance(one, Ask)]
    assert len(times) >= 3
    assert all(0.99 <= b - a <= 1.15 for a, b in pairwise(times))


def test_who_walks_on_when_asked_makes_no_visit() -> None:
    pipeline, stage = stood(Rules())
    assert visits(play(pipeline, stage, [Actor(Head(), 0, 1.5, deaf=True)], 9)) == []


def test_in_a_crowd_one_is_asked_at_a_time_the_nearest_first() -> None:
    pipeline, stage = stood(Rules())
    actors = [
        Actor(Head(person="budi", x=520, eyes_px=60)),
        Actor(Head(person="ani", x=150, eyes_px=90)),
    ]
    told = play(pipeline, stage, actors, 15)
    assert verdicts(told) == [(Verdict.KNOWN, "ani"), (Verdict.KNOWN, "budi")]
    order = [one.person for _, one in told if isinstance(one, Ask)]
    assert order == sorted(order)


def test_one_person_cannot_answer_for_another() -> None:
    """Ani is known and steps aside as the turn is asked for; Budi, unknown, turns in her place."""
    pipeline, stage = stood(Rules(), people=("ani", "cici"))
    ani = Actor(Head(), 0, 1.0)
    budi = Actor(Head(person="budi"), 1.0)
    told = play(pipeline, stage, [ani, budi], 8)
    assert not any(person for _, person in verdicts(told))


def test_refuse_names_nobody_whom_the_passive_model_takes_for_a_picture() -> None:
    for alive, verdict in ((0.9, Verdict.KNOWN), (0.2, Verdict.NOT_LIVE), (None, Verdict.NOT_LIVE)):
        pipeline, stage = stood(Rules(liveness=Liveness.REFUSE))
        stage.alive = alive
        [visit] = visits(play(pipeline, stage, [Actor(Head())], 10))
        assert visit.evidence.verdict is verdict
        assert visit.evidence.liveness == alive


def test_record_names_them_and_says_so() -> None:
    pipeline, stage = stood(Rules(liveness=Liveness.RECORD))
    stage.alive = 0.1
    [visit] = visits(play(pipeline, stage, [Actor(Head())], 5))
    assert (visit.person, visit.evidence.liveness) == ("ani", 0.1)


def test_off_looks_at_nothing_of_the_kind() -> None:
    pipeline, stage = stood()
    [visit] = visits(play(pipeline, stage, [Actor(Head())], 5))
    assert visit.evidence.liveness is None
    assert visit.evidence.liveness_model == ""
