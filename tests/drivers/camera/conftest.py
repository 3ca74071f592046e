"""Weights and pictures that tests share; neither is in the repository."""

from pathlib import Path

import numpy as np
import pytest
from stand.models import SHARED, models
from stand.portraits import portraits

from drivers.camera.engine import Frame
from drivers.camera.opencv import cv2

# As in the recognizer: workers beside each other share the cores, and threads that wait spin.
cv2.setNumThreads(1)


@pytest.fixture(scope="session")
def weights() -> Path:
    """Return the directory with the weights of both engines."""
    return models("sface", "dlib")


@pytest.fixture(scope="session")
def people() -> dict[str, Frame]:
    """Return official portraits: `official`, `speaking` and `standing` of one man, `another`."""
    return {name: np.asarray(cv2.imread(str(path)), np.uint8) for name, path in portraits().items()}


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return ../shared beside the checkout, or skip."""
    if not (SHARED / "data" / "faces").is_dir():
        pytest.skip(f"needs pictures that cannot travel with the project: {SHARED} is not there")
    return SHARED
