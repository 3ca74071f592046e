"""Weights for figures and tests, in .peers/models of the checkout, got as a kiosk gets them."""

import fcntl
import os
from pathlib import Path
from typing import Final

from drivers.camera.weights import State, named, state, wanted
from kiosk import weights

ROOT: Final = Path(__file__).resolve().parents[2]
MODELS: Final = ROOT / ".peers" / "models"
SHARED: Final = Path(os.environ.get("PRESENSI_SHARED", ROOT.parent / "shared"))
"""Pictures and weights that cannot travel with the project; may be missing."""
PASSIVE: Final = "antispoof"


def models(*names: str) -> Path:
    """Return the directory with the weights of `names`, and the passive one where it can be had."""
    MODELS.mkdir(parents=True, exist_ok=True)
    # Tests run beside each other, and one download is enough.
    with (MODELS.parent / "models.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in names:
            weights.install(wanted(name), MODELS, "", _unseen)
        brought = SHARED / "data" / "models"
        if (brought / named(PASSIVE).file).is_file():
            weights.install(wanted(PASSIVE), MODELS, str(brought), _unseen)
    return MODELS


def has_passive(directory: Path) -> bool:
    """Whether the passive model is there; no package carries it."""
    return state(named(PASSIVE), directory) is State.OK


def _unseen(what: str, done: int, whole: int) -> None:
    """Progress that nobody looks at."""
