"""Nobody stands before the camera for ever and is told nothing: prompts and ends of waiting."""

from random import Random

import pytest
from heads import DARK, FRAME, Head, Stage, gallery
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from plays import Actor, Told, asked, play, verdicts, visits

from drivers.camera.liveness import Failure
from drivers.camera.pipeline import Pipeline
from drivers.camera.rules import Rules
from drivers.camera.visits import Ask, Verdict
from drivers.options import Liveness
from drivers.prompt import Prompt

PEOPLE = ("ani", "budi", "cici")
NOBODY_ASKED = Rules(liveness=Liveness.OFF)


def stood(rules: Rules | None = None, seed: int = 5) -> tuple[Pipeline, Stage]:
    stage = Stage(seed)
    return Pipeline(stage, stage, gallery(PEOPLE), rules or Rules(), Random(seed)), stage


@pytest.mark.parametrize("rate", [1.0, 1.5])
def test_a_camera_too_slow_to_follow_a_turn_says_so_in_the_journal(rate: float) -> None:
    """dlib on a Pi takes 0.9 s a face: no turn can be followed, yet whoever came has come."""
    pipeline, stage = stood()
    [visit] = visits(play(pipeline, stage, [Actor(Head())], 40, rate=rate))
    assert (visit.person, visit.evidence.verdict) == ("", Verdict.NOT_LIVE)
    assert visit.evidence.candidates == ("ani",)
    assert visit.evidence.why == Failure.UNASKED


def test_whoever_is_known_and_looks_aside_before_being_asked_is_told_to_look() -> None:
    pipeline, stage = stood()
    actor = Actor(Head(), deaf=True)
    told = play(pipeline, stage, [actor], 0.3)
    actor.head = Head(yaw_deg=35)
    told += play(pipeline, stage, [actor], 5, from_s=0.3)
    assert asked(told) == {Prompt.LOOK_STRAIGHT}


def test_whoever_never_stands_still_is_told_to_and_makes_a_visit_in_the_end() -> None:
    pipeline, stage = stood()
    actor = Actor(Head(), deaf=True)
    told: Told = []
    for step in range(200):
        actor.head = Head(x=300 + 40 * (step % 2))
        told += play(pipeline, stage, [actor], (step + 1) / 10, from_s=step / 10)
    assert Prompt.HOLD_STILL in asked(told)
    [visit] = visits(told)
    assert (visit.evidence.verdict, visit.evidence.why) == (Verdict.NOT_LIVE, Failure.UNASKED)


@pytest.mark.parametrize("rate", [5.0, 10.0])
def test_whoever_is_arriving_is_told_nothing_before_they_are_asked(rate: float) -> None:
    """A word for a tenth of a second, before another, is no help."""
    pipeline, stage = stood()
    actor = Actor(Head())
    told: Told = []
    for step in range(round(5 * rate)):
        at_s = step / rate
        actor.head = Head(x=320 + 120 * max(0.0, 1.5 - at_s))
        told += play(pipeline, stage, [actor], at_s + 1 / rate, from_s=at_s, rate=rate)
    assert Prompt.HOLD_STILL not in asked(told)
    assert verdicts(told) == [(Verdict.KNOWN, "ani")]


def test_a_poster_that_is_near_does_not_have_all_the_hints() -> None:
    """A face on the wall that is never fit, larger than whoever stands before it too far away."""
    pipeline, stage = stood(NOBODY_ASKED)
    poster = Actor(Head(person="poster", x=480, eyes_px=80, yaw_deg=35), deaf=True)
    actor = Actor(Head(x=150, eyes_px=30), 14, deaf=True)
    told = play(pipeline, stage, [poster, actor], 20)
    assert {one.what for at_s, one in told if at_s >= 14 and isinstance(one, Ask)} == {
        Prompt.COME_CLOSER
    }


def test_who_was_named_and_stays_does_not_keep_the_next_from_being_told() -> None:
    pipeline, stage = stood(NOBODY_ASKED)
    named = Actor(Head(x=480))
    told = play(pipeline, stage, [named, Actor(Head(x=150, eyes_px=30), deaf=True)], 5)
    assert verdicts(told) == [(Verdict.KNOWN, "ani")]
    assert Prompt.COME_CLOSER in asked(told)


def test_two_who_are_both_to_do_something_are_not_told_by_turns() -> None:
    """One at a time, so that the screen does not flicker."""
    pipeline, stage = stood(NOBODY_ASKED)
    near = Actor(Head(x=480, eyes_px=60, yaw_deg=35), deaf=True)
    far = Actor(Head(x=150, eyes_px=30), deaf=True)
    told = play(pipeline, stage, [near, far], 25)
    said = [one.what for _, one in told if isinstance(one, Ask)]
    assert said.index(Prompt.COME_CLOSER) == said.count(Prompt.LOOK_STRAIGHT)
    assert said == sorted(said, key=[Prompt.LOOK_STRAIGHT, Prompt.COME_CLOSER].index)


def test_a_picture_in_the_background_that_never_leaves_blocks_nobody() -> None:
    """It is known and does not turn: asked twice, then no more; who comes later is named."""
    pipeline, stage = stood()
    poster = Actor(Head(person="cici", x=520, eyes_px=50, flat=True), deaf=True)
    told = play(pipeline, stage, [poster, Actor(Head(x=150), 12)], 40)
    assert sorted(verdicts(told)) == [(Verdict.KNOWN, "ani"), (Verdict.NOT_LIVE, "")]
    assert max(at_s for at_s, one in told if isinstance(one, Ask)) < 20


@settings(max_examples=20, deadline=None, phases=[Phase.generate])
@given(
    st.lists(
        st.tuples(st.floats(0, 1.2), st.floats(-40, 40), st.floats(-15, 15), st.booleans()),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from((4.0, 10.0)),
    st.integers(0, 99),
)
def test_however_often_somebody_is_jostled_they_are_asked_twice_and_end_in_one_visit(
    jolts: list[tuple[float, float, float, bool]], rate: float, seed: int
) -> None:
    """Places, small turns and gaps of less than a departure, again and again, for half a minute.

    Not larger turns: who comes back out of sight with the head turned away is in doubt.
    """
    pipeline, stage = stood(seed=seed)
    actor = Actor(Head(), deaf=True)
    dice, told, at_s, jolt = Random(seed), [], 0.0, (1.0, 0.0, 0.0, False)
    shown = 0
    while at_s < 30:
        if shown >= 3 and dice.random() < 0.1:  # two gaps in a row would be one
            jolt = dice.choice(jolts)
        gap_s, across, yaw, hidden = jolt
        yaw = (
            0.0 if hidden else yaw
        )  # whoever comes back turned away is in doubt, and may be another
        actor.head = Head(x=320 + across, yaw_deg=yaw)
        until_s = at_s + 1 / rate
        if hidden and gap_s < 1.2:
            told += play(pipeline, stage, [], at_s + gap_s, from_s=at_s, rate=rate)
            until_s, jolt = at_s + max(gap_s, 1 / rate), (gap_s, across, yaw, False)
            at_s, shown = until_s, 0
            continue
        shown += 1
        told += play(pipeline, stage, [actor], until_s, from_s=at_s, rate=rate)
        at_s = until_s
    assert len(visits(told)) <= 1
    assert not any(person for _, person in verdicts(told))
    sides = [
        (at, one.what)
        for at, one in told
        if isinstance(one, Ask) and one.what in (Prompt.TURN_LEFT, Prompt.TURN_RIGHT)
    ]
    assert len(sides) <= 2 * 5  # two rounds of four seconds, told each second
    assert len({what for _, what in sides}) <= 1


def test_light_that_comes_back_ends_the_hint() -> None:
    pipeline, stage = stood(NOBODY_ASKED)

    told = play(pipeline, stage, [Actor(Head())], 6, frame=lambda at_s: DARK if at_s < 3 else FRAME)
    assert {round(at_s) for at_s, one in told if isinstance(one, Ask)} <= {1, 2, 3}
    assert verdicts(told) == [(Verdict.KNOWN, "ani")]


def test_a_neighbour_who_answers_slowly_does_not_make_the_next_one_unasked() -> None:
    """Whoever waits for others is not called unasked: three who need all their time."""
    pipeline, stage = stood()
    slow = [
        Actor(Head(person=name, x=110 + 210 * place, eyes_px=60 - place), deaf=place < 2)
        for place, name in enumerate(PEOPLE)
    ]
    told = play(pipeline, stage, slow, 40)
    assert (Verdict.KNOWN, "cici") in verdicts(told)
    assert [one.evidence.why for one in visits(told)].count(Failure.UNASKED) == 0
