"""An accepted frame, against face_recognition doing the same in the same run.

    python bench/face_speed.py [--quick] [--threads N] [--weights DIR] [--picture FILE]
        [--install-peers]

Ours: find faces in 640x480 at a width of 320, passive liveness (where its weights are), align,
embed, match one of 2,404. Theirs: HOG with upsample 1, encode, compare_faces with 2,404, in an
environment and a process of its own (.peers/face-recognition). Both have one thread, as on a
kiosk of two cores, and take turns on the same frame; --threads gives ours what the recognizer takes
on a larger one, half of its cores (dlib has no use for a second). Medians after a warm-up, and the
median of the rounds' ratios. The frame is one face on noise, a third as high as the frame, from
--picture or an official portrait (stand/portraits.py). Prints one JSON line: {"accept_ms",
"face_recognition_ms", "speedup", "parts_ms", "passive"}; what is theirs is null where it is not
installed.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read while numpy is loaded, here and in the child

import numpy as np
from stand import peers
from stand.models import PASSIVE, has_passive, models
from stand.portraits import portraits

from drivers.camera.engine import Face, Frame, Metric, Vector
from drivers.camera.gallery import Gallery
from drivers.camera.opencv import cv2
from drivers.camera.passive import AntiSpoof
from drivers.camera.sface import SFace

CHILD = Path(__file__).resolve().parent / "stand" / "face_recognition_child.py"
PEOPLE = 2_404
WARM_UP = 3
FACE_HIGH = 160
"""Pixels: somebody half a metre from the usual camera."""

T = TypeVar("T")
Ask = Callable[[Path, Path], float]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--threads", type=int, default=1, help="ours (%(default)s)")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--install-peers", action="store_true", help="by pip, into .peers/")
    given = parser.parse_args()
    if given.install_peers:
        peers.install(peers.Peer.FACE_RECOGNITION)
    cv2.setNumThreads(given.threads)
    ours = Ours(given.weights or models("sface"))
    picture = given.picture or portraits()["official"]
    frame = framed(np.asarray(cv2.imread(str(picture)), np.uint8), ours.finder)
    rounds = 5 if given.quick else 60
    own: list[dict[str, float]] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory(prefix="bench-face-") as name, their_own(Path(name)) as ask:
        np.save(Path(name) / "frame.npy", np.ascontiguousarray(frame[:, :, ::-1]))
        np.save(Path(name) / "known.npy", ours.gallery.means.astype(np.float64))
        for _ in range(WARM_UP + rounds):
            own.append(ours.accept(frame))
            if ask is not None:
                theirs.append(ask(Path(name) / "frame.npy", Path(name) / "known.npy"))
    del own[:WARM_UP], theirs[:WARM_UP]
    accepted = [sum(one.values()) for one in own]
    ratios = [their / our for our, their in zip(accepted, theirs, strict=False)]
    figures = {
        "accept_ms": round(statistics.median(accepted), 2),
        "face_recognition_ms": round(statistics.median(theirs), 2) if theirs else None,
        "speedup": round(statistics.median(ratios), 2) if ratios else None,
        "parts_ms": {
            part: round(statistics.median(one[part] for one in own), 3) for part in own[0]
        },
        "passive": ours.passive is not None,
    }
    print(json.dumps(figures))


class Ours:
    """The way of an accepted frame."""

    def __init__(self, weights: Path) -> None:
        self.finder = SFace(weights)
        self.passive = AntiSpoof(PASSIVE, weights) if has_passive(weights) else None
        dice = np.random.default_rng(PEOPLE)
        vectors = dice.standard_normal((PEOPLE, self.finder.dimensions)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        rows = [(str(row), vectors[row].tobytes()) for row in range(PEOPLE)]
        self.gallery = Gallery(rows, self.finder.dimensions, Metric.COSINE)

    def accept(self, frame: Frame) -> dict[str, float]:
        """Return the milliseconds of each part."""
        took: dict[str, float] = {}

        def timed(part: str, what: Callable[[], T]) -> T:
            began = time.perf_counter()
            got = what()
            took[part] = (time.perf_counter() - began) * 1000
            return got

        face: Face = timed("detect", lambda: self.finder.detect(frame))[0]
        passive = self.passive
        if passive is not None:
            assert timed("liveness", lambda: passive.score(frame, face)) is not None
        vector: Vector = timed("embed", lambda: self.finder.embed(frame, face))
        timed("match", lambda: self.gallery.match(vector))
        return took


def framed(picture: Frame, finder: SFace) -> Frame:
    """Return 640x480 of noise with the picture's largest face in the middle, FACE_HIGH high."""
    face = finder.detect(picture)[0]
    scale = FACE_HIGH / face.height
    to_the_middle = np.array(
        [
            [scale, 0, 320 - scale * (face.x + face.width / 2)],
            [0, scale, 240 - scale * (face.y + face.height / 2)],
        ]
    )
    noise = np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)
    frame = cv2.warpAffine(
        picture, to_the_middle, (640, 480), dst=noise, borderMode=cv2.BORDER_TRANSPARENT
    )
    return np.asarray(frame, np.uint8)


@contextmanager
def their_own(directory: Path) -> Iterator[Ask | None]:
    """Run face_recognition beside us; None where it is not installed."""
    if not peers.Peer.FACE_RECOGNITION.installed:
        yield None
        return
    command = [str(peers.Peer.FACE_RECOGNITION.python), str(CHILD)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=directory
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        to, back = child.stdin, child.stdout

        def ask(frame: Path, known: Path) -> float:
            asked = {"do": "accept", "frame": str(frame), "known": str(known)}
            to.write(json.dumps(asked) + "\n")
            to.flush()
            told = json.loads(back.readline())
            assert told["faces"] == 1, told
            return float(told["ms"])

        yield ask
        to.close()


if __name__ == "__main__":
    main()
