"""Pictures of people against the challenge, through the real detector and the real templates.

One picture of a person is moved as a hand moves a print or a phone, bent, shown with a screen's
bands, or cut together with other pictures of the same person; each try is one challenge.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from drivers.camera.engine import Engine, Face, Frame
from drivers.camera.likeness import likeness
from drivers.camera.liveness import HeadTurn, Side, Sight, State
from drivers.camera.measure import appearance, measure, nose_within
from drivers.camera.opencv import cv2
from drivers.camera.rules import Rules
from stand import warps

RATE: Final = 10.0
RULES: Final = Rules()
CUT: Final = "pictures cut together"

Way = Callable[[Frame, float, float, np.random.Generator], Frame]
"""Makes one frame: of the staged picture, at so many degrees, at a time."""


class Sitter:
    """A person of the press, with every picture that shows one large face."""

    def __init__(self, engine: Engine, directory: Path) -> None:
        self.pictures: list[tuple[float, Frame, Face]] = []
        for path in sorted(directory.glob("*.jpg")):
            picture = np.asarray(cv2.imread(str(path)), np.uint8)
            faces = engine.detect(picture)
            if faces:
                self.pictures.append((-nose_within(faces[0])[0], picture, faces[0]))

    def straight(self) -> Frame | None:
        """Return the picture that looks straight, on our stage; None where there is none."""
        near = [(abs(yaw), picture, face) for yaw, picture, face in self.pictures]
        yaw, picture, face = min(near, key=lambda one: one[0], default=(1.0, None, None))
        if picture is None or face is None or yaw > 0.1:
            return None
        return warps.staged(picture, face)


def sitters(engine: Engine, people: Path, most: int) -> list[Sitter]:
    """Return up to `most` people with several pictures, every so many of the alphabet."""
    directories = [one for one in sorted(people.iterdir()) if len(list(one.glob("*.jpg"))) >= 4]
    found = (Sitter(engine, one) for one in directories[:: max(1, len(directories) // most)])
    return [one for one in found if one.straight() is not None]


def swing(most: float, step: float = 5.0) -> list[float]:
    """Return angles to `most` and back."""
    there = np.arange(0, most, step).tolist()
    return [0.0, *there, *[most] * 4, *there[::-1], 0.0, 0.0]


def challenge(engine: Engine, frames: Iterable[Frame], side: Side) -> str:
    """Return how a challenge ends: `passed`, or why not; "unseen" where no face was."""
    turn: HeadTurn | None = None
    template = None
    for number, frame in enumerate(frames):
        face = _central(engine.detect(frame))
        if face is None:
            continue
        at_s = number / RATE
        light, look = measure(frame, face).light, appearance(frame, face)
        if turn is None or template is None:
            template = engine.embed(frame, face)
            turn = HeadTurn(side, Sight(at_s=at_s, face=face, light=light, look=look), RULES)
            continue
        near = None
        if number % 2 == 0 or turn.state is State.TURNED:
            near = likeness(engine.embed(frame, face), template, engine.metric)
        state = turn.see(Sight(at_s=at_s, face=face, light=light, likeness=near, look=look))
        if state in (State.PASSED, State.FAILED):
            break
    if turn is None:
        return "unseen"
    return str(turn.failure or turn.state)


def _central(faces: Sequence[Face]) -> Face | None:
    """Return the face on our stage: mirrored margins may show others."""
    return min(
        faces,
        key=lambda face: abs(face.x + face.width / 2 - warps.MIDDLE[0]) + abs(face.y - 130),
        default=None,
    )


def _printed(nearer: float = 1.0, **keywords: float) -> Way:
    def way(staged: Frame, angle: float, at_s: float, random: np.random.Generator) -> Frame:
        moved = {name: factor * angle for name, factor in keywords.items()}
        return warps.noisy(warps.planar(staged, nearer=nearer, **moved), random)

    return way


def _bent(arc_deg: float) -> Way:
    return lambda staged, angle, at_s, random: warps.noisy(
        warps.bent(staged, arc_deg, angle), random
    )


def _on_a_phone(staged: Frame, angle: float, at_s: float, random: np.random.Generator) -> Frame:
    return warps.shown(warps.planar(staged, yaw_deg=angle), at_s, random)


def _carried(staged: Frame, angle: float, at_s: float, random: np.random.Generator) -> Frame:
    return warps.noisy(warps.planar(staged, shift=(2 * angle, angle / 2)), random)


ATTACKS: Final[dict[str, tuple[float, Way]]] = {
    "print carried sideways": (50, _carried),
    "print turned to 45": (45, _printed(yaw_deg=1)),
    "print turned to -45": (45, _printed(yaw_deg=-1)),
    "print turned to 60": (60, _printed(yaw_deg=1)),
    "print turned to -60": (60, _printed(yaw_deg=-1)),
    "near print turned to 55": (55, _printed(nearer=1.5, yaw_deg=1)),
    "near print turned to -55": (55, _printed(nearer=1.5, yaw_deg=-1)),
    "print turned and tilted": (50, _printed(yaw_deg=1, pitch_deg=0.5, roll_deg=0.4)),
    "print rolled": (35, _printed(roll_deg=1)),
    "picture sheared": (55, _printed(skew=0.01)),
    "phone turned to 45": (45, _on_a_phone),
    "print bent by 40 degrees": (45, _bent(40)),
    "print bent by 60 degrees": (45, _bent(60)),
}
"""How far each is moved, and how."""


def tally(engine: Engine, people: Sequence[Sitter], name: str) -> Counter[str]:
    """Return how often the challenge ended how, to either side once for each of `people`."""
    most, way = ATTACKS[name]
    counted: Counter[str] = Counter()
    for number, sitter in enumerate(people):
        staged = sitter.straight()
        assert staged is not None
        random = np.random.default_rng(number)
        for side in Side:
            frames = (
                way(staged, angle, step / RATE, random) for step, angle in enumerate(swing(most))
            )
            counted[challenge(engine, frames, side)] += 1
    return counted


def tally_cuts(engine: Engine, people: Sequence[Sitter]) -> Counter[str]:
    """Return the same of one person's pictures in the order of their yaw, and back."""
    counted: Counter[str] = Counter()
    for number, sitter in enumerate(people):
        random = np.random.default_rng(number)
        for side in Side:
            sign = -1 if side is Side.LEFT else 1
            way = [
                (sign * yaw, warps.staged(picture, face))
                for yaw, picture, face in sorted(sitter.pictures, key=lambda one: sign * one[0])
                if sign * yaw > -0.1
            ]
            if len(way) < 2 or way[-1][0] < 0.3:
                continue
            shown = [one for _, one in way for _ in range(3)]
            frames = (warps.noisy(one, random) for one in [*shown, *shown[::-1]])
            counted[challenge(engine, frames, side)] += 1
    return counted


def tally_heads(engine: Engine, people: Sequence[Sitter], depth: float) -> Counter[str]:
    """Return the same of pictures that are warped as a head of average depth turns."""
    counted: Counter[str] = Counter()
    for number, sitter in enumerate(people):
        staged = sitter.straight()
        assert staged is not None
        random = np.random.default_rng(number)
        for side in Side:
            sign = 1 if side is Side.LEFT else -1
            frames = (
                warps.noisy(warps.turned(staged, sign * angle, depth=depth), random)
                for angle in swing(45, 3.5)
            )
            counted[challenge(engine, frames, side)] += 1
    return counted
