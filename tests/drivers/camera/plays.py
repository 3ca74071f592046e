"""People who come, do as they are told or do not, and go: played before a pipeline, in no time."""

from collections.abc import Callable, Sequence

from heads import FRAME, Head, Stage
from msgspec import structs

from drivers.camera.engine import Frame
from drivers.camera.pipeline import Pipeline
from drivers.camera.visits import Ask, Verdict, Visit
from drivers.prompt import Prompt

Told = list[tuple[float, Ask | Visit]]

TURN_DEG = 50.0
DEG_PER_S = 70.0


class Actor:
    """Somebody who stands there and turns as they are asked.

    Attributes:
        head: how they stand, apart from turning.
        from_s, until_s: when they are in view.
        deaf: they answer nothing.
        wrong: they turn to the other side.
    """

    def __init__(
        self,
        head: Head,
        from_s: float = 0.0,
        until_s: float = float("inf"),
        *,
        deaf: bool = False,
        wrong: bool = False,
    ) -> None:
        self.head = head
        self.from_s, self.until_s = from_s, until_s
        self.deaf, self.wrong = deaf, wrong
        self._goal_deg = 0.0
        self._yaw_deg = 0.0
        self._at_s = from_s

    def hear(self, ask: Ask) -> None:
        """Take a prompt, unless it is somebody else's."""
        if self.deaf or ask.person not in ("", self.head.person):
            return
        side = -1 if self.wrong else 1
        goals = {Prompt.TURN_LEFT: side * TURN_DEG, Prompt.TURN_RIGHT: -side * TURN_DEG}
        self._goal_deg = goals.get(ask.what, 0.0)

    def at(self, at_s: float) -> Head | None:
        """Return how they stand now; None out of view."""
        reach = DEG_PER_S * (at_s - self._at_s)
        self._at_s = at_s
        if not self.from_s <= at_s < self.until_s:
            self._goal_deg = self._yaw_deg = 0.0
            return None
        self._yaw_deg += max(-reach, min(reach, self._goal_deg - self._yaw_deg))
        return structs.replace(self.head, yaw_deg=self.head.yaw_deg + self._yaw_deg)


def play(
    pipeline: Pipeline,
    stage: Stage,
    actors: Sequence[Actor],
    until_s: float,
    *,
    rate: float = 10.0,
    from_s: float = 0.0,
    frame: Callable[[float], Frame] = lambda _: FRAME,
) -> Told:
    """Return what was told, and when."""
    told: Told = []
    for step in range(round((until_s - from_s) * rate)):
        at_s = from_s + step / rate
        stage.heads = [head for actor in actors if (head := actor.at(at_s)) is not None]
        for one in pipeline.see(frame(at_s), at_s):
            told.append((at_s, one))
            if isinstance(one, Ask):
                for actor in actors:
                    actor.hear(one)
    return told


def visits(told: Told) -> list[Visit]:
    """Return the visits among what was told."""
    return [one for _, one in told if isinstance(one, Visit)]


def verdicts(told: Told) -> list[tuple[Verdict, str]]:
    """Return how they ended, and who was named."""
    return [(one.evidence.verdict, one.person) for one in visits(told)]


def asked(told: Told) -> set[Prompt]:
    """Return what anybody was asked."""
    return {one.what for _, one in told if isinstance(one, Ask)}
