"""One face against everybody: `Gallery.match` against reading the gallery's octets once.

    python bench/match.py [--quick]

One person has one template of 128 numbers; probes are people of the gallery with noise added, so
the best is near and the second is not. The bound is a dot product of the whole matrix with itself,
which reads each octet once and does next to nothing with it. Both have one thread and take turns in
every round; medians, and the median of the rounds' ratios. Prints one JSON line: a list of {"n",
"ms", "bandwidth_bound_ms", "ratio"} for 2,404, 10,000 and 100,000 people.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read while numpy is loaded

import numpy as np

from drivers.camera.engine import Metric
from drivers.camera.gallery import Gallery

PEOPLE = (2_404, 10_000, 100_000)
DIMENSIONS = 128


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    rounds = 20 if parser.parse_args().quick else 200
    print(json.dumps([measure(number, rounds) for number in PEOPLE]))


def measure(number: int, rounds: int) -> dict[str, float]:
    """Return the figures of a gallery of so many people."""
    dice = np.random.default_rng(number)
    vectors = dice.standard_normal((number, DIMENSIONS)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = [(f"{row:06}", vectors[row].tobytes()) for row in range(number)]
    gallery = Gallery(rows, DIMENSIONS, Metric.COSINE)
    flat = gallery.means.reshape(-1)
    found, bounds = [], []
    for _ in range(rounds):
        who = int(dice.integers(number))
        probe = vectors[who] + 0.05 * dice.standard_normal(DIMENSIONS).astype(np.float32)
        bounds.append(_timed(lambda: flat @ flat))
        found.append(_timed(lambda probe=probe: gallery.match(probe)))
        assert gallery.match(probe).person == f"{who:06}"
    return {
        "n": number,
        "ms": round(statistics.median(found), 3),
        "bandwidth_bound_ms": round(statistics.median(bounds), 3),
        "ratio": round(statistics.median(a / b for a, b in zip(found, bounds, strict=True)), 2),
    }


def _timed(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
