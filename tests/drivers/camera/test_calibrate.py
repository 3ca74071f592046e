"""A gallery measured: against all pairs counted one by one, and against strangers drawn anew."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.camera.calibrate import calibrate
from drivers.camera.engine import Metric, Vector
from drivers.camera.gallery import Gallery
from drivers.camera.likeness import likeness
from drivers.camera.rules import Rules

DIMENSIONS = 32


def rows(people: int, each: int, spread: float, seed: int = 1) -> list[tuple[str, Vector]]:
    """Return people's templates; scores of two people are spread as 1 / sqrt(DIMENSIONS)."""
    random = np.random.default_rng(seed)
    found = []
    for person in range(people):
        own = random.normal(size=DIMENSIONS)
        own /= np.linalg.norm(own)
        for _ in range(each):
            vector = own + spread * random.normal(size=DIMENSIONS) / np.sqrt(DIMENSIONS)
            found.append((f"p{person:05d}", (vector / np.linalg.norm(vector)).astype("<f4")))
    return found


def gallery(templates: list[tuple[str, Vector]], metric: Metric = Metric.COSINE) -> Gallery:
    return Gallery([(who, vector.tobytes()) for who, vector in templates], DIMENSIONS, metric)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=2, max_size=12), st.sampled_from(Metric))
def test_every_pair_is_counted_once(counts: list[int], metric: Metric) -> None:
    templates = [
        (f"p{person:05d}", vector)
        for person, count in enumerate(counts)
        for _, vector in rows(1, count, 0.3, seed=person)
    ]
    by_pair: dict[tuple[str, str], float] = {}
    genuine = []
    for (one, a), (other, b) in itertools.combinations(templates, 2):
        score = likeness(a, b, metric)
        if one == other:
            genuine.append(score)
        else:
            by_pair[one, other] = max(by_pair.get((one, other), -9), score)
    found = calibrate(gallery(templates, metric), "m", Rules(metric=metric), 50)
    assert (found.people, found.pairs) == (len(counts), len(by_pair))
    best = max(by_pair, key=by_pair.__getitem__)
    assert found.nearest is not None
    assert found.nearest[:2] == best
    assert found.nearest[2] == pytest.approx(by_pair[best], abs=1e-4)
    if genuine:
        assert found.genuine_lowest == pytest.approx(min(genuine), abs=1e-4)
    else:
        assert found.genuine_lowest is None


def test_quantiles_are_those_of_the_pairs() -> None:
    templates = rows(200, 1, 0.0)
    vectors = np.stack([vector for _, vector in templates])
    scores = (vectors @ vectors.T)[np.triu_indices(200, 1)]
    found = calibrate(gallery(templates), "m", Rules(), 50).quantiles
    assert set(found) == {"0.5", "0.9", "0.99", "0.999", "1"}
    for share, score in found.items():
        assert score == pytest.approx(float(np.quantile(scores, float(share))), abs=0.02)


def test_the_tail_holds_for_strangers_drawn_anew() -> None:
    """Expected against counted: 20,000 strangers, at thresholds that few pairs reached."""
    people = rows(150, 1, 0.0)
    known = np.stack([vector for _, vector in people])
    strangers = np.stack([vector for _, vector in rows(20_000, 1, 0.0, seed=2)])
    best = (strangers @ known.T).max(axis=1)
    for threshold in (0.55, 0.6, 0.65):
        rules = Rules(threshold=threshold)
        expected = calibrate(gallery(people), "m", rules, 20_000).expected_daily
        counted = int((best >= threshold).sum())
        assert 0.5 < expected / counted < 6, (threshold, expected, counted)


def test_two_ids_of_one_person_are_told_and_do_not_raise_the_threshold() -> None:
    people = rows(100, 2, 0.2)
    twice = [*people, ("again", people[0][1]), ("again", people[1][1])]
    plain, doubled = (calibrate(gallery(some), "m", Rules(), 50) for some in (people, twice))
    assert doubled.nearest is not None
    assert set(doubled.nearest[:2]) == {"again", "p00000"}
    assert doubled.nearest[2] == pytest.approx(1, abs=1e-4)
    assert doubled.recommended_threshold == pytest.approx(plain.recommended_threshold, abs=0.011)


def test_a_gallery_that_outgrew_its_threshold_says_what_to_do() -> None:
    people = gallery(rows(100, 2, 0.2))
    found = calibrate(people, "m", Rules(threshold=0.5), 50)
    assert found.expected_daily * 365 >= 1
    assert f"Set threshold = {found.recommended_threshold:.2f}" in found.outgrown
    kept = calibrate(people, "m", Rules(threshold=found.recommended_threshold), 50)
    assert kept.expected_daily * 365 < 1
    assert kept.outgrown == ""


def test_where_no_threshold_serves_the_gallery_is_to_be_divided() -> None:
    found = calibrate(gallery(rows(100, 2, 1.5)), "m", Rules(), 50)
    assert "divide the gallery" in found.outgrown


def test_few_people_say_nothing_about_the_threshold() -> None:
    found = calibrate(gallery(rows(10, 3, 0.2)), "m", Rules(threshold=0.6), 50)
    assert found.recommended_threshold == 0.6
    assert found.outgrown == ""
    assert 0 < found.expected_daily < 50


@pytest.mark.parametrize("people", [0, 1])
def test_nobody_to_compare(people: int) -> None:
    found = calibrate(gallery(rows(people, 3, 0.1)), "m", Rules(), 50)
    assert (found.people, found.pairs, found.nearest, found.quantiles) == (people, 0, None, {})


def test_a_margin_keeps_pictures_from_naming_somebody_else() -> None:
    """A picture that is nearer to another than to its own person, and would be named."""
    people = rows(60, 2, 0.1)
    first = people[0][1]
    strayed = 0.6 * people[10][1] + 0.45 * first + 0.2 * people[30][1]
    people.append((people[0][0], (strayed / np.linalg.norm(strayed)).astype("<f4")))
    found = calibrate(gallery(people), "m", Rules(), 50)
    assert 0.05 <= found.recommended_margin <= 0.15
