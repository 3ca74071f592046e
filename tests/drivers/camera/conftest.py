"""Weights and pictures that tests share; neither is in the repository."""

import fcntl
import os
from pathlib import Path

import numpy as np
import pytest
from stand.portraits import portraits

from drivers.camera.engine import Frame
from drivers.camera.opencv import cv2
from kiosk.cli import main
from kiosk.cli.exits import Exit

ROOT = Path(__file__).resolve().parents[3]
MODELS = ROOT / ".peers" / "models"
SHARED = Path(os.environ.get("PRESENSI_SHARED", ROOT.parent / "shared"))


@pytest.fixture(scope="session")
def weights() -> Path:
    """Return the directory with the weights of both engines, installed as a kiosk does it."""
    MODELS.mkdir(parents=True, exist_ok=True)
    # Tests run beside each other, and one download is enough.
    with (MODELS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code = main(["models", "install", "sface", "dlib", "--directory", str(MODELS)])
    assert code == Exit.OK, "kiosk models install failed; it says why on stderr"
    return MODELS


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
