"""The challenge against pictures, through the real detector and the real templates.

One picture of a person is moved as a hand moves a print or a phone, bent, shown with a screen's
bands, or cut together with other pictures of the same person; each try is one challenge. The counts
are what docs/CAMERA.md claims. The pictures may not travel with the project.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import warps

from drivers.camera.engine import Engine, Face, Frame
from drivers.camera.likeness import likeness
from drivers.camera.liveness import (
    NARROWER,
    NOSE,
    PARALLAX,
    HeadTurn,
    Side,
    Sight,
    State,
    narrowing,
    parallax,
)
from drivers.camera.measure import appearance, measure, nose_within
from drivers.camera.opencv import cv2
from drivers.camera.rules import Rules
from drivers.camera.sface import SFace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RATE = 10.0
PEOPLE = 10
RULES = Rules()

Way = Callable[[Frame, float, float, np.random.Generator], Frame]
"""Makes one frame: of the staged picture, at so many degrees, at a time."""


def swing(most: float, step: float = 5.0) -> list[float]:
    """Return angles to `most` and back."""
    there = np.arange(0, most, step).tolist()
    return [0.0, *there, *[most] * 4, *there[::-1], 0.0, 0.0]


def central(faces: Sequence[Face]) -> Face | None:
    """Return the face on our stage: mirrored margins may show others."""
    return min(
        faces,
        key=lambda face: abs(face.x + face.width / 2 - warps.MIDDLE[0]) + abs(face.y - 130),
        default=None,
    )


def challenge(engine: Engine, frames: Iterator[Frame], side: Side) -> str:
    """Return how a challenge ends: `passed`, or why not; "unseen" where no face was."""
    turn: HeadTurn | None = None
    template = None
    for number, frame in enumerate(frames):
        face = central(engine.detect(frame))
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


@pytest.fixture(scope="module")
def engine(weights: Path) -> Engine:
    return SFace(weights)


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
        """Return the picture that looks straight, on our stage."""
        near = [(abs(yaw), picture, face) for yaw, picture, face in self.pictures]
        yaw, picture, face = min(near, key=lambda one: one[0], default=(1.0, None, None))
        if picture is None or face is None or yaw > 0.1:
            return None
        return warps.staged(picture, face)


@pytest.fixture(scope="module")
def sitters(engine: Engine, shared: Path) -> list[Sitter]:
    """Return people with several pictures, every so many of the alphabet."""
    directories = [
        one
        for one in sorted((shared / "data" / "faces" / "lfw").iterdir())
        if len(list(one.glob("*.jpg"))) >= 4
    ]
    found = [Sitter(engine, one) for one in directories[:: len(directories) // 60]]
    return [one for one in found if one.straight() is not None]


def printed(**keywords: float) -> Way:
    def way(staged: Frame, angle: float, at_s: float, random: np.random.Generator) -> Frame:
        moved = {name: factor * angle for name, factor in keywords.items() if name != "nearer"}
        near = keywords.get("nearer", 1.0)
        return warps.noisy(warps.planar(staged, nearer=near, **moved), random)

    return way


def bent(arc_deg: float) -> Way:
    return lambda staged, angle, at_s, random: warps.noisy(
        warps.bent(staged, arc_deg, angle), random
    )


def on_a_phone(staged: Frame, angle: float, at_s: float, random: np.random.Generator) -> Frame:
    return warps.shown(warps.planar(staged, yaw_deg=angle), at_s, random)


def carried(staged: Frame, angle: float, at_s: float, random: np.random.Generator) -> Frame:
    return warps.noisy(warps.planar(staged, shift=(2 * angle, angle / 2)), random)


ATTACKS: dict[str, tuple[float, Way]] = {
    "print carried sideways": (50, carried),
    "print turned to 45": (45, printed(yaw_deg=1)),
    "print turned to -45": (45, printed(yaw_deg=-1)),
    "print turned to 60": (60, printed(yaw_deg=1)),
    "print turned to -60": (60, printed(yaw_deg=-1)),
    "near print turned to 55": (55, printed(yaw_deg=1, nearer=1.5)),
    "near print turned to -55": (55, printed(yaw_deg=-1, nearer=1.5)),
    "print turned and tilted": (50, printed(yaw_deg=1, pitch_deg=0.5, roll_deg=0.4)),
    "print rolled": (35, printed(roll_deg=1)),
    "picture sheared": (55, printed(skew=0.01)),
    "phone turned to 45": (45, on_a_phone),
    "print bent by 40 degrees": (45, bent(40)),
    "print bent by 60 degrees": (45, bent(60)),
}


def tally(engine: Engine, sitters: Sequence[Sitter], name: str) -> Counter[str]:
    most, way = ATTACKS[name]
    counted: Counter[str] = Counter()
    for number, sitter in enumerate(sitters[:PEOPLE]):
        staged = sitter.straight()
        assert staged is not None
        random = np.random.default_rng(number)
        for side in Side:
            frames = (
                way(staged, angle, step / RATE, random) for step, angle in enumerate(swing(most))
            )
            counted[challenge(engine, frames, side)] += 1
    return counted


@pytest.mark.parametrize("name", ATTACKS)
def test_a_picture_does_not_pass(engine: Engine, sitters: list[Sitter], name: str) -> None:
    counted = tally(engine, sitters, name)
    print(name, dict(counted))
    tried = counted.total() - counted["unseen"]
    assert tried >= 20
    assert counted["passed"] == 0, counted


def test_a_cut_from_a_straight_to_a_turned_picture_does_not_pass(
    engine: Engine, sitters: list[Sitter]
) -> None:
    """Frames of the same person from different pictures, in the order of their yaw, and back."""
    counted: Counter[str] = Counter()
    for number, sitter in enumerate(sitters):
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
    print("cut", dict(counted))
    assert counted.total() >= 5
    assert counted["passed"] == 0, counted


DEEP = 1.5
"""A detector reads a warped picture as less turned than a head. With so much more depth it reads
what it reads of real heads of the press: eyes nearer by 0.76 at a yaw of 0.40 (0.72 to 0.79)."""


def test_a_head_that_turns_passes(engine: Engine, sitters: list[Sitter]) -> None:
    """That a turn can pass, not how often employees are refused: no video of them is here.

    7 of 20 passed when this was written; what fails most is depth, which real faces have (below).
    """
    counted: Counter[str] = Counter()
    for number, sitter in enumerate(sitters[:PEOPLE]):
        staged = sitter.straight()
        assert staged is not None
        random = np.random.default_rng(number)
        for side in Side:
            sign = 1 if side is Side.LEFT else -1
            frames = (
                warps.noisy(warps.turned(staged, sign * angle, depth=DEEP), random)
                for angle in swing(45, 3.5)
            )
            counted[challenge(engine, frames, side)] += 1
    print("genuine", dict(counted))
    assert counted["passed"] >= counted.total() / 4, counted


def test_real_heads_that_turned_show_depth(engine: Engine, shared: Path) -> None:
    """Pairs of one person's pictures, straight and turned: all real, taken on different days."""
    deep = []
    directories = sorted((shared / "data" / "faces" / "lfw").iterdir())
    for directory in (one for one in directories[::2] if len(list(one.glob("*.jpg"))) > 1):
        pictures = Sitter(engine, directory).pictures
        for yaw, _, before in pictures:
            for turned_yaw, _, after in pictures:
                by = abs(turned_yaw - yaw)
                if abs(yaw) < 0.1 and 0.35 <= abs(turned_yaw) < 0.6 and by >= 0.3:
                    nose = parallax(before, after) * np.sign(turned_yaw)
                    narrow = narrowing(before, after) / np.cos(np.arctan(by / NOSE))
                    deep.append(nose >= PARALLAX and narrow >= NARROWER)
    print("deep", sum(deep), "of", len(deep))
    assert len(deep) >= 20
    assert sum(deep) >= 0.9 * len(deep)
