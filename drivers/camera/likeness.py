"""How near two templates are, and the one that stands for several. No gallery, no rule."""

from collections.abc import Sequence

import numpy as np

from drivers.camera.engine import Metric, Vector


def likeness(one: Vector, other: Vector, metric: Metric) -> float:
    """Return the score of two templates, as `Metric` defines it."""
    if metric is Metric.EUCLIDEAN:
        return 1.0 - float(np.linalg.norm(one - other))
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths else 0.0


def mean(vectors: Sequence[Vector], metric: Metric) -> Vector:
    """Return what stands for several templates of one face; of length 1 where the metric asks."""
    middle: Vector = np.mean(np.stack(vectors), axis=0, dtype=np.float32)
    length = np.float32(np.linalg.norm(middle))
    if metric is Metric.COSINE and length > 0:
        middle /= length
    return middle
