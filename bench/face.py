"""Open-set identification: how often a stranger is named, and how often an employee is not.

    python bench/face.py [--data DIR] [--engine sface|dlib] [--weights DIR] [--gallery N]
                         [--groups FILE] [--cache DIR] [--quick]

DIR holds Person/Person_0001.jpg, ...; by default ../shared/data/faces/lfw, and the figures are null
where that is not there. Of each picture the face nearest its middle counts; a picture without one
is a probe that is missed. N people are enrolled and all others are strangers: those with two to
four pictures first, who can be a stranger twice over but not an employee, each kind in the order of
the SHA-256 of their names, so every run and every engine has the same. One half of the strangers
sets the threshold; the other half, never looked at before, says what it was worth. No employee has
a part in it. Names of the same words (Wang_Nan, Nan_Wang) are one person, of whom one is kept.

    1x1   one picture enrolled, every other one probed
    3x2   three enrolled, the mean of two others probed (people with five); who has fewer pictures
          is enrolled with up to three and not probed. A stranger's probe is a mean of two as well.

FPIR is the share of strangers' probes for which anybody is named, FNIR the share of employees'
probes for which not the right one is. Prints one JSON line:

    fnir_at_fpir1_1x1, _3x2     at the threshold by which 1 % of the first half is named
    fpir_held_out_1x1, _3x2     what that threshold does to the other half
    threshold                   for 3x2; threshold_1x1 for the other
    in_force                    FNIR and FPIR (all strangers) of 3x2 at the engine's own threshold
                                and margin
    group_false_matches         with --groups (lines of "Person<TAB>group"): of pairs of two
                                people of one group, how many are taken for one, and the worst
                                group's share over the best's: at the threshold in force, and where
                                one pair of a thousand is. A ratio is null where a group has no such
                                pair: then there are too few to say
"""

import argparse
import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from stand.models import SHARED, models

from drivers.camera import build
from drivers.camera.engine import Engine, Face, Frame, Metric, Vector
from drivers.camera.gallery import Gallery
from drivers.camera.opencv import cv2
from drivers.options import Camera
from drivers.options import Engine as Which

FPIR = 0.01

Pictures = dict[str, list[Vector | None]]
Probe = tuple[str, Vector | None]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=SHARED / "data" / "faces" / "lfw")
    parser.add_argument("--engine", type=Which, default=Which.SFACE)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--gallery", type=int, default=0, help="people enrolled; 0 for five in six")
    parser.add_argument("--groups", type=Path)
    parser.add_argument("--cache", type=Path, help="keeps templates for the next run")
    parser.add_argument("--quick", action="store_true", help="the first 300 people only")
    given = parser.parse_args()
    if not given.data.is_dir():
        print("null")
        return
    camera = Camera(name="bench", capture="folder:-", engine=given.engine)
    engine = build.engine(camera, given.weights or models(given.engine))
    names = sorted(one.name for one in given.data.iterdir() if one.is_dir())
    people = pictures(engine, given.data, names[:300] if given.quick else names, given.cache)
    people = {name: people[name] for name in {_words(name): name for name in people}.values()}
    dealt = sorted(people, key=lambda name: _turn(name, len(people[name])), reverse=True)
    number = given.gallery or len(dealt) * 5 // 6
    enrolled, strangers = dealt[:number], dealt[number:]
    if len(strangers) < 2:
        parser.error(f"--data has {len(dealt)} people: a gallery of {number} leaves no strangers")
    once = Trial(engine, people, enrolled, strangers, shots=1, frames=1)
    thrice = Trial(engine, people, enrolled, strangers, shots=3, frames=2)
    figures = {
        "engine": engine.name,
        "gallery": number,
        "strangers": len(strangers),
        "probes_1x1": len(once.mated),
        "probes_3x2": len(thrice.mated),
        "fnir_at_fpir1_1x1": once.fnir(once.threshold),
        "fnir_at_fpir1_3x2": thrice.fnir(thrice.threshold),
        "fpir_held_out_1x1": once.fpir(once.others, once.threshold),
        "fpir_held_out_3x2": thrice.fpir(thrice.others, thrice.threshold),
        "threshold": round(thrice.threshold, 4),
        "threshold_1x1": round(once.threshold, 4),
        "in_force": {
            "fnir": thrice.fnir(engine.threshold, engine.margin),
            "fpir": thrice.fpir(thrice.tuning + thrice.others, engine.threshold, engine.margin),
        },
    }
    if given.groups:
        figures["group_false_matches"] = groups(
            engine, people, given.groups, max(thrice.threshold, engine.threshold)
        )
    print(json.dumps(figures))


class Trial:
    """One way to enrol and to probe.

    Attributes:
        mated: probes of the enrolled, under their names.
        tuning, others: probes of the two halves of the strangers.
        threshold: by which FPIR of `tuning` is 1 %.
    """

    def __init__(
        self,
        engine: Engine,
        people: Pictures,
        enrolled: Sequence[str],
        strangers: Sequence[str],
        *,
        shots: int,
        frames: int,
    ) -> None:
        mean = mean_of(engine)
        rows: list[tuple[str, bytes]] = []
        self.mated: list[Probe] = []
        for name in enrolled:
            several = people[name]
            rows += [(name, one.tobytes()) for one in several[:shots] if one is not None]
            self.mated += [(name, mean(one)) for one in in_turn(several[shots:], frames)]
        self._gallery = Gallery(rows, engine.dimensions, engine.metric)
        half = len(strangers) // 2
        self.tuning, self.others = (
            [("", mean(one)) for name in names for one in in_turn(people[name], frames)]
            for names in (strangers[:half], strangers[half:])
        )
        scores = sorted(self._score(probe) for _, probe in self.tuning)
        named = int(FPIR * len(scores))  # so many may be at or above the threshold
        self.threshold = float(np.nextafter(scores[len(scores) - named - 1], np.inf))

    def fnir(self, threshold: float, margin: float = 0.0) -> float:
        """Return the share of the enrolled who are not named, or misnamed."""
        missed = sum(self._named(probe, threshold, margin) != name for name, probe in self.mated)
        return round(missed / len(self.mated), 4) if self.mated else float("nan")

    def fpir(self, probes: Sequence[Probe], threshold: float, margin: float = 0.0) -> float:
        """Return the share of strangers' probes for which anybody is named."""
        named = sum(self._named(probe, threshold, margin) != "" for _, probe in probes)
        return round(named / len(probes), 4)

    def _score(self, probe: Vector | None) -> float:
        return -1.0 if probe is None else self._gallery.match(probe).score

    def _named(self, probe: Vector | None, threshold: float, margin: float) -> str:
        if probe is None:
            return ""
        match = self._gallery.match(probe)
        near = match.score >= threshold and match.score - match.second_score >= margin
        return match.person if near else ""


def in_turn(several: Sequence[Vector | None], frames: int) -> list[Sequence[Vector | None]]:
    """Return whole probes of so many frames; a remainder is none."""
    return [several[i : i + frames] for i in range(0, len(several) - frames + 1, frames)]


def _words(name: str) -> tuple[str, ...]:
    return tuple(sorted(name.lower().replace("-", "_").split("_")))


def _turn(name: str, pictures: int) -> tuple[bool, bytes]:
    return not 2 <= pictures < 5, hashlib.sha256(name.encode()).digest()


def mean_of(engine: Engine) -> Callable[[Sequence[Vector | None]], Vector | None]:
    """Return what averages frames as the recognizer does; a frame without a face is left out."""

    def mean(vectors: Sequence[Vector | None]) -> Vector | None:
        seen = [one for one in vectors if one is not None]
        if not seen:
            return None
        middle = np.mean(seen, axis=0).astype(np.float32)
        return middle / np.linalg.norm(middle) if engine.metric is Metric.COSINE else middle

    return mean


def pictures(
    engine: Engine, directory: Path, people: Sequence[str], cache: Path | None
) -> Pictures:
    """Return everybody's templates in the order of their pictures; None where no face was found."""
    known = cache / f"{engine.model.replace(':', '-')}.npz" if cache else None
    paths = [path for name in people for path in sorted((directory / name).glob("*.jpg"))]
    names = [str(path.relative_to(directory)) for path in paths]
    if known and known.exists():
        kept = np.load(known)
        if kept["names"].tolist() == names:
            return _by_person(names, kept["vectors"])
    vectors = np.full((len(paths), engine.dimensions), np.nan, np.float32)
    for row, path in enumerate(paths):
        frame = np.asarray(cv2.imread(str(path)), np.uint8)
        faces = engine.detect(frame)
        if faces:
            vectors[row] = engine.embed(frame, min(faces, key=lambda one: _aside(frame, one)))
        if sys.stderr.isatty() and row % 100 == 0:
            sys.stderr.write(f"\r{row} of {len(paths)} pictures")
    if known:
        known.parent.mkdir(parents=True, exist_ok=True)
        np.savez(known, names=names, vectors=vectors)
    return _by_person(names, vectors)


def _by_person(names: Sequence[str], vectors: Vector) -> Pictures:
    people: Pictures = defaultdict(list)
    for name, vector in zip(names, vectors, strict=True):
        people[name.split("/", 1)[0]].append(None if np.isnan(vector).any() else vector)
    return people


def _aside(frame: Frame, face: Face) -> float:
    height, width = frame.shape[:2]
    across, down = face.x + face.width / 2 - width / 2, face.y + face.height / 2 - height / 2
    return across**2 + down**2


def groups(
    engine: Engine, people: Pictures, file: Path, in_force: float
) -> list[dict[str, object]]:
    """Return how often two people of one group are taken for one, picture against picture."""
    members: dict[str, list[Vector]] = defaultdict(list)
    for line in file.read_text().splitlines():
        name, group = line.split("\t")
        if people.get(name) and (first := people[name][0]) is not None:
            members[group].append(first)
    pairs = {group: pairwise(engine, several) for group, several in sorted(members.items())}
    one_in_a_thousand = float(np.quantile(np.concatenate(list(pairs.values())), 0.999))
    return [false_matches(pairs, threshold) for threshold in (in_force, one_in_a_thousand)]


def false_matches(pairs: dict[str, Vector], threshold: float) -> dict[str, object]:
    """Return each group's pairs, those at or above the threshold, and the ratio of the shares."""
    false = {group: int((scores >= threshold).sum()) for group, scores in pairs.items()}
    shares = [false[group] / len(scores) for group, scores in pairs.items()]
    return {
        "threshold": round(threshold, 4),
        "pairs": {group: len(scores) for group, scores in pairs.items()},
        "false": false,
        "ratio": round(max(shares) / min(shares), 2) if min(shares) else None,
    }


def pairwise(engine: Engine, several: Sequence[Vector]) -> Vector:
    """Return the scores of all pairs of two."""
    stacked = np.stack(several)
    products = stacked @ stacked.T
    if engine.metric is Metric.EUCLIDEAN:
        squares = np.einsum("ij,ij->i", stacked, stacked)
        products = 1 - np.sqrt(np.maximum(0, squares[:, None] + squares[None] - 2 * products))
    scores: Vector = products[np.triu_indices(len(several), 1)]
    return scores


if __name__ == "__main__":
    main()
