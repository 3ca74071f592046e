"""Nobody is named on less than the rules ask for, whatever the frames show."""

from collections.abc import Sequence

import numpy as np
import pytest
from heads import gallery, person
from hypothesis import given
from hypothesis import strategies as st

from drivers.camera.decide import WINDOW, Decision, Glimpse, decide
from drivers.camera.engine import Metric, Vector
from drivers.camera.gallery import Match
from drivers.camera.likeness import likeness, mean
from drivers.camera.rules import Rules
from drivers.camera.visits import Verdict

GALLERY = gallery(("ani", "ani~", "budi", "cici"))
RULES = Rules()


def glimpses(vectors: Sequence[Vector], every_s: float = 0.2) -> list[Glimpse]:
    return [
        Glimpse(step * every_s, vector, GALLERY.match(vector))
        for step, vector in enumerate(vectors)
    ]


def decided(vectors: Sequence[Vector], rules: Rules = RULES) -> Decision | None:
    return decide(glimpses(vectors), GALLERY.match, rules)


@st.composite
def frames(draw: st.DrawFn) -> list[Vector]:
    """Frames of anybody, more or less noisy, in any order."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    vectors = []
    for name in draw(
        st.lists(st.sampled_from(("ani", "ani~", "budi", "cici", "xaver", "yanti")), max_size=14)
    ):
        noise = random.normal(size=64) * draw(st.floats(0, 0.3))
        vector = person(name) + noise
        vectors.append((vector / np.linalg.norm(vector)).astype(np.float32))
    return vectors


@given(frames(), st.integers(2, 5), st.floats(0.3, 0.9), st.floats(0, 0.3))
def test_nobody_is_known_below_threshold_margin_or_frames(
    vectors: list[Vector], least: int, threshold: float, margin: float
) -> None:
    rules = Rules(frames=least, threshold=threshold, margin=margin)
    decision = decided(vectors, rules)
    if decision is None or decision.verdict is not Verdict.KNOWN:
        return
    weighed = vectors[-WINDOW:]
    match = GALLERY.match(mean(weighed, Metric.COSINE))
    votes = sum(GALLERY.match(one).person == decision.person for one in weighed)
    assert decision.person == match.person
    assert decision.score == match.score >= threshold
    assert match.score - match.second_score >= margin
    assert decision.frames == votes >= least
    assert 3 * votes >= 2 * len(weighed)


@given(frames())
def test_whoever_is_not_known_is_not_named(vectors: list[Vector]) -> None:
    decision = decided(vectors)
    if decision is not None and decision.verdict is not Verdict.KNOWN:
        assert decision.person == ""
        assert len(vectors) >= RULES.patience_frames
        assert len(decision.candidates) <= 2


@given(frames(), st.floats(-1e6, 1e6))
def test_the_time_of_day_changes_nothing(vectors: list[Vector], shift_s: float) -> None:
    shift_s = round(shift_s)
    shifted = [Glimpse(one.at_s + shift_s, one.vector, one.match) for one in glimpses(vectors)]
    one, other = decided(vectors), decide(shifted, GALLERY.match, RULES)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert (one.verdict, one.person, one.score) == (other.verdict, other.person, other.score)


@given(frames().filter(lambda vectors: len(vectors) >= RULES.patience_frames))
def test_after_enough_there_is_always_an_answer(vectors: list[Vector]) -> None:
    assert decide(glimpses(vectors, every_s=1.0), GALLERY.match, RULES) is not None


def test_one_frame_decides_nothing() -> None:
    assert decided([person("budi")]) is None


def test_two_frames_that_agree_do() -> None:
    decision = decided([person("budi")] * 2)
    assert decision is not None
    assert (decision.verdict, decision.person, decision.frames) == (Verdict.KNOWN, "budi", 2)


def test_twins_are_never_guessed() -> None:
    between = mean([person("ani"), person("ani~")], Metric.COSINE)
    assert decided([between] * 3) is None
    decision = decided([between] * 12)
    assert decision is not None
    assert decision.verdict is Verdict.AMBIGUOUS
    assert set(decision.candidates) == {"ani", "ani~"}


def test_a_few_frames_are_no_stranger() -> None:
    assert decided([person("xaver")] * 5) is None
    decision = decided([person("xaver")] * 12)
    assert decision is not None
    assert decision.verdict is Verdict.STRANGER


def test_many_frames_in_no_time_are_no_stranger() -> None:
    assert decide(glimpses([person("xaver")] * 12, every_s=0.01), GALLERY.match, RULES) is None


def test_a_gallery_of_one_needs_no_margin() -> None:
    alone = gallery(("ani",))
    seen = [Glimpse(at_s, person("ani"), alone.match(person("ani"))) for at_s in (0.0, 0.2)]
    decision = decide(seen, alone.match, RULES)
    assert decision is not None
    assert decision.person == "ani"


def test_an_empty_gallery_never_names() -> None:
    seen = [Glimpse(step * 0.5, person("ani"), Match()) for step in range(12)]
    decision = decide(seen, lambda _: Match(), Rules(threshold=0.0))
    assert decision is not None
    assert decision.verdict is Verdict.STRANGER


@pytest.mark.parametrize("metric", Metric)
def test_likeness_is_highest_with_oneself(metric: Metric) -> None:
    one, other = person("ani"), person("budi")
    assert likeness(one, one, metric) == pytest.approx(1, abs=1e-5)
    assert likeness(one, other, metric) < 0.5
    assert likeness(np.zeros(64, np.float32), one, Metric.COSINE) == 0


def test_the_mean_of_raw_vectors_is_not_stretched() -> None:
    vectors = [np.full(4, 0.1, np.float32), np.full(4, 0.3, np.float32)]
    assert mean(vectors, Metric.EUCLIDEAN) == pytest.approx(np.full(4, 0.2))
    assert np.linalg.norm(mean(vectors, Metric.COSINE)) == pytest.approx(1)
