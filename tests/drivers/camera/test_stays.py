"""However people come, go and stand about: what is promised of visits. Plays nobody wrote."""

from random import Random

from heads import Head, Stage, gallery
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from plays import Actor, Told, play, visits

from drivers.camera.pipeline import Pipeline
from drivers.camera.rules import Rules
from drivers.camera.visits import Verdict
from drivers.options import Liveness

PEOPLE = ("ani", "budi", "cici")
BOUND_S = 13.0
"""The longest that somebody who stands well and answers waits: a decision, two rounds, a score."""


@st.composite
def actors(draw: st.DrawFn) -> list[Actor]:
    """Up to four people, some of them unknown, pictures, or deaf; some go and come back."""
    cast = []
    names = draw(st.lists(st.sampled_from((*PEOPLE, "xaver")), min_size=1, unique=True))
    for name in names:
        from_s = draw(st.floats(0, 6))
        until_s = from_s + draw(st.floats(0, 6))
        head = Head(
            person=name,
            x=draw(st.floats(60, 580)),
            eyes_px=draw(st.floats(30, 110)),
            yaw_deg=draw(st.sampled_from((0.0, 0.0, 10.0, 40.0))),
            flat=draw(st.booleans()),
            noise=draw(st.floats(0, 1.2)),
        )
        deaf = draw(st.booleans())
        cast.append(Actor(head, from_s, until_s, deaf=deaf))
        if draw(st.booleans()):
            back_s = until_s + draw(st.floats(0.1, 3))
            cast.append(Actor(head, back_s, back_s + 4, deaf=deaf))
    return cast


def played(cast: list[Actor], rules: Rules, seed: int, from_s: float = 0.0) -> Told:
    stage = Stage(seed)
    pipeline = Pipeline(stage, stage, gallery(PEOPLE), rules, Random(seed))
    for actor in cast:
        actor.from_s += from_s
        actor.until_s += from_s
    told = play(pipeline, stage, cast, from_s + 14, from_s=from_s, rate=8)
    return [(at_s - from_s, one) for at_s, one in told]


@settings(max_examples=150, deadline=None, phases=[Phase.generate])
@given(actors(), st.sampled_from(Liveness), st.integers(0, 99))
def test_nobody_is_named_against_the_rules_or_twice_in_one_stay(
    cast: list[Actor], mode: Liveness, seed: int
) -> None:
    rules = Rules(liveness=mode)
    told = played(cast, rules, seed)
    named: dict[str, float] = {}
    for at_s, visit in told:
        if visit not in visits(told):
            continue
        evidence = visit.evidence  # type: ignore[union-attr]
        person = visit.person  # type: ignore[union-attr]
        assert (evidence.verdict is Verdict.KNOWN) == bool(person)
        if not person:
            continue
        assert evidence.score >= rules.threshold
        assert evidence.margin >= rules.margin
        assert evidence.frames >= rules.frames
        here = [one for one in cast if one.head.person == person and one.from_s <= at_s]
        assert here, "somebody is named who never was there"
        if mode in (Liveness.CHALLENGE, Liveness.REFUSE):
            assert any(not one.head.flat and not one.deaf for one in here)
        if person in named:
            times = [step / 8 for step in range(14 * 8) if named[person] <= step / 8 <= at_s]
            seen = [t for t in times if any(one.from_s <= t < one.until_s for one in here)]
            gaps = [b - a for a, b in zip(seen, [*seen[1:], at_s], strict=True)]
            assert max(gaps, default=9.0) > rules.leaves_s, "named twice in one stay"
        named[person] = at_s


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(PEOPLE),
    st.floats(120, 520),
    st.floats(45, 110),
    st.floats(0, 0.6),
    st.sampled_from(Liveness),
    st.integers(0, 999),
)
def test_every_stay_of_a_good_live_face_ends_in_one_visit(
    person: str, x: float, eyes_px: float, noise: float, mode: Liveness, seed: int
) -> None:
    head = Head(person=person, x=x, eyes_px=eyes_px, noise=noise)
    told = played([Actor(head, 0, BOUND_S)], Rules(liveness=mode), seed)
    [visit] = visits(told)
    assert visit.person == person


@settings(max_examples=15, deadline=None)
@given(actors(), st.integers(0, 99), st.integers(1, 10**6))
def test_the_time_of_day_changes_nothing(cast: list[Actor], seed: int, shift_s: int) -> None:
    def copy() -> list[Actor]:
        return [Actor(one.head, one.from_s, one.until_s, deaf=one.deaf) for one in cast]

    def ended(told: Told) -> list[tuple[float, str]]:
        return [(round(at_s, 3), one.person) for at_s, one in told if one in visits(told)]

    start = [Actor(one.head, round(one.from_s * 8) / 8, round(one.until_s * 8) / 8) for one in cast]
    cast[:] = start
    assert ended(played(copy(), Rules(), seed)) == ended(
        played(copy(), Rules(), seed, float(shift_s))
    )
