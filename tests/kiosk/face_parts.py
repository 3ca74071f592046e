"""Faces without pictures: templates that say whose they are, and a camera that sees one of them."""

import random
from array import array
from collections.abc import Callable

from drivers.base import Identity, Reading
from drivers.errors import Refused
from drivers.faces import Asking, Calibration, Enrolled, Shot
from drivers.prompt import Prompt
from drivers.store import Secret
from kiosk.faces.vaultwords import About, Tell

MODEL = "sface:0ba9fbfa01b5"
ABOUT = About(notice="2026-1", basis="public-task", by="rudi", at=1)


def vector(*seed: object) -> list[float]:
    """Return a direction of length 1 that is that seed's and far from all others."""
    dice = random.Random(repr(seed))
    numbers = [dice.gauss(0, 1) for _ in range(128)]
    length = sum(one * one for one in numbers) ** 0.5
    return [one / length for one in numbers]


def template(who: str, shot: int = 0, noise: float = 0.05) -> bytes:
    """Return somebody's template: near to all others of theirs."""
    mixed = [a + noise * b for a, b in zip(vector(who), vector(who, shot), strict=True)]
    length = sum(one * one for one in mixed) ** 0.5
    return array("f", [one / length for one in mixed]).tobytes()


def enrolled(who: str, model: str = MODEL, picture: bytes = b"") -> Enrolled:
    """Return three shots of somebody."""
    shots = [
        Shot(
            template=Secret(template(who, shot)),
            quality=0.9,
            yaw=0.1 * shot,
            picture=Secret(picture and picture + bytes([shot])),
        )
        for shot in range(3)
    ]
    return Enrolled(model=model, shots=tuple(shots))


def tell(action: str = "face enrolled", by: str = "rudi", **detail: str) -> Tell:
    return Tell(by, action, detail)


class FakeCamera:
    """A source that knows faces: whoever stands there is `there`."""

    def __init__(self, name: str = "pintu", model: str = MODEL) -> None:
        self.name = name
        self.there = ""
        self.in_force = model
        self.picture = b""
        self.fails: Callable[[], None] = lambda: None

    def open(self, position: bytes | None, beat: Callable[[], None]) -> Identity:
        return Identity(serial=f"cam-{self.name}", model="fake")

    def read(self, wait_s: float) -> Reading | None:
        return None

    def confirm(self, reading: Reading) -> None:
        pass

    def close(self) -> None:
        pass

    def model(self) -> str:
        return self.in_force

    def enrol(self, ask: Asking, within_s: float, *, keep: bool) -> Enrolled:
        for step, what in enumerate((Prompt.LOOK_STRAIGHT, Prompt.TURN_LEFT, Prompt.TURN_RIGHT), 1):
            ask(what, step, 3)
        self.fails()
        if not self.there:
            raise Refused("nobody stood there long enough; ask them to stay and try again")
        return enrolled(self.there, self.in_force, self.picture if keep else b"")

    def calibrate(self, visits: int) -> Calibration:
        raise Refused("a fake measures nothing")
