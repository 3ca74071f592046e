"""The gallery against the plainest search there is: every row, one after the other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.camera.engine import Metric, Vector
from drivers.camera.gallery import Gallery, Match
from drivers.errors import Misconfigured

DIMENSIONS = 8

Rows = list[tuple[str, bytes]]


def vector(seed: int) -> Vector:
    made = np.random.default_rng(seed).standard_normal(DIMENSIONS).astype(np.float32)
    return made / np.linalg.norm(made)


def row(person: str, seed: int) -> tuple[str, bytes]:
    return person, vector(seed).astype("<f4").tobytes()


def plainly(rows: Rows, probe: Vector, metric: Metric) -> dict[str, float]:
    several: dict[str, list[Vector]] = {}
    for person, template in rows:
        several.setdefault(person, []).append(np.frombuffer(template, "<f4").astype(np.float64))
    scores = {}
    for person, vectors in several.items():
        mean = sum(vectors) / len(vectors)
        if metric is Metric.COSINE:
            scores[person] = float(mean @ probe / np.linalg.norm(mean))
        else:
            scores[person] = 1.0 - float(np.linalg.norm(mean - probe))
    return scores


@given(
    people=st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 10_000)), max_size=12),
    probe=st.integers(0, 10_000),
    metric=st.sampled_from(Metric),
)
def test_it_names_whom_the_plain_search_names(
    people: list[tuple[str, int]], probe: int, metric: Metric
) -> None:
    rows = [row(person, seed) for person, seed in people]
    found = Gallery(rows, DIMENSIONS, metric).match(vector(probe))
    wanted = plainly(rows, vector(probe), metric)
    if not wanted:
        assert found == Match()
        return
    best = max(wanted.values())
    assert found.score == pytest.approx(best, abs=1e-4)
    assert wanted[found.person] == pytest.approx(best, abs=1e-4)
    others = {person: score for person, score in wanted.items() if person != found.person}
    assert bool(found.second) == bool(others)
    assert found.second_score == pytest.approx(max(others.values(), default=0.0), abs=1e-4)


def test_the_second_is_another_person_and_not_another_row_of_the_first() -> None:
    near = vector(1) * np.float32(0.99)
    rows = [row("siti", 1), ("siti", near.tobytes()), row("budi", 2)]
    found = Gallery(rows, DIMENSIONS, Metric.COSINE).match(vector(1))
    assert (found.person, found.second) == ("siti", "budi")


def test_a_person_is_the_mean_of_their_pictures() -> None:
    rows = [row("siti", 1), row("siti", 2), row("budi", 3)]
    gallery = Gallery(rows, DIMENSIONS, Metric.COSINE)
    assert gallery.people == ["budi", "siti"]
    middle = vector(1) + vector(2)
    assert gallery.match(middle / np.linalg.norm(middle)).score == pytest.approx(1, abs=1e-6)
    assert Gallery(rows[:2], DIMENSIONS, Metric.EUCLIDEAN).match(middle / 2).score == 1.0


def test_two_opposite_templates_of_one_person_are_near_to_nobody() -> None:
    rows = [row("siti", 1), ("siti", (-vector(1)).tobytes())]
    assert Gallery(rows, DIMENSIONS, Metric.COSINE).match(vector(1)).score == 0.0


def test_rows_of_one_person_are_neighbours_and_keep_their_templates() -> None:
    gallery = Gallery([row("b", 1), row("a", 2), row("b", 3)], DIMENSIONS, Metric.COSINE)
    assert gallery.persons == ["a", "b", "b"]
    assert gallery.vectors.dtype == np.float32
    assert gallery.vectors.flags.c_contiguous
    assert np.array_equal(gallery.vectors[0], vector(2))


def test_an_empty_gallery_names_nobody() -> None:
    gallery = Gallery([], DIMENSIONS, Metric.EUCLIDEAN)
    assert gallery.match(vector(1)) == Match()
    assert gallery.vectors.shape == (0, DIMENSIONS)


def test_a_probe_that_is_no_number_names_nobody() -> None:
    gallery = Gallery([row("siti", 1)], DIMENSIONS, Metric.COSINE)
    assert gallery.match(np.full(DIMENSIONS, np.nan, np.float32)) == Match()


def test_a_template_of_another_model_is_refused_by_name() -> None:
    with pytest.raises(Misconfigured, match=r"siti has 12 octets, expected 32.*enrol face siti"):
        Gallery([("siti", bytes(12))], DIMENSIONS, Metric.COSINE)


def test_a_template_that_is_no_number_is_refused_for_it_would_be_nearest_to_everybody() -> None:
    broken = np.full(DIMENSIONS, np.nan, "<f4").tobytes()
    with pytest.raises(Misconfigured, match="budi holds what is no number"):
        Gallery([row("siti", 1), ("budi", broken)], DIMENSIONS, Metric.COSINE)
