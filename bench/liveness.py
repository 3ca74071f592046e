"""The passive liveness model on stills: how many pictures of people pass, how many people do not.

    python bench/liveness.py [--data DIR] [--weights DIR] [--model NAME]

DIR has live/ and spoof/ with pictures; by default ../shared/data/faces/pad, and the figures are
null where that is not there or no weights are. Of each the largest face counts; a picture without
one is nobody's, neither live nor spoof, and is counted apart: in the kiosk it comes to no decision.
The decision is the model's own threshold; nothing is tuned here. Prints one JSON line:

    apcer             share of spoofs with a face that are taken for live (ISO/IEC 30107-3)
    bpcer             share of live faces that are taken for spoofs
    apcer_at_bpcer5   the first where the second is 5 %
    unseen            pictures of either kind without a face, or with too little around it
"""

import argparse
import json
from pathlib import Path

import numpy as np
from stand.models import PASSIVE, SHARED, has_passive, models

from drivers.camera.opencv import cv2
from drivers.camera.passive import AntiSpoof
from drivers.camera.sface import SFace

PICTURES = (".jpg", ".jpeg", ".png")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=SHARED / "data" / "faces" / "pad")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--quick", action="store_true", help="changes nothing: it is quick")
    parser.add_argument("--model", default=PASSIVE, help="its name in config/models.toml")
    given = parser.parse_args()
    weights = given.weights or models("sface")
    if not given.data.is_dir() or not has_passive(weights):
        print("null")
        return
    finder, model = SFace(weights), AntiSpoof(given.model, weights)
    scores: dict[str, list[float]] = {}
    unseen: dict[str, int] = {}
    for kind in ("live", "spoof"):
        paths = [one for one in (given.data / kind).iterdir() if one.suffix.lower() in PICTURES]
        if not paths:
            parser.error(f"{given.data / kind} has no pictures")
        found = [scored(finder, model, path) for path in sorted(paths)]
        scores[kind] = [one for one in found if one is not None]
        unseen[kind] = found.count(None)
    live, spoof = np.array(scores["live"]), np.array(scores["spoof"])
    figures = {
        "model": model.model,
        "threshold": model.threshold,
        "live": len(live),
        "spoof": len(spoof),
        "unseen": unseen,
        "apcer": share(spoof >= model.threshold),
        "bpcer": share(live < model.threshold),
        "apcer_at_bpcer5": share(spoof >= np.quantile(live, 0.05)),
    }
    print(json.dumps(figures))


def scored(finder: SFace, model: AntiSpoof, path: Path) -> float | None:
    """Return the score of the largest face; None where there is none to be scored."""
    frame = np.asarray(cv2.imread(str(path)), np.uint8)
    faces = finder.detect(frame)
    return model.score(frame, faces[0]) if faces else None


def share(of: np.ndarray) -> float:
    """Return the share that is true."""
    return round(float(of.mean()), 4)


if __name__ == "__main__":
    main()
