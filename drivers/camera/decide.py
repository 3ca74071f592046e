"""Who is it, over several frames? One pure function, and the theory of it.

A frame is a vote, the mean template of all frames is the measure. Somebody is named if
    - at least `frames` frames, spaced in time, have them as their own nearest,
    - those are at least two thirds of all,
    - the mean template's score is at least `threshold`,
    - and nobody else comes within `margin` of it.
Until then more frames are waited for; nobody is asked to guess. Once enough was looked at, for
long enough, whoever is below the threshold is a stranger, and whoever is above it without the
margin or the votes is ambiguous: two people look alike, and a second factor must tell them apart.

Nothing here knows the time of day: only distances between `at_s` of frames count.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct

from drivers.camera.engine import Vector
from drivers.camera.gallery import Match
from drivers.camera.likeness import mean
from drivers.camera.rules import Rules
from drivers.camera.visits import Verdict

WINDOW = 10
"""The latest frames that are weighed: whoever was seen badly at first is not held to it."""


class Glimpse(Struct, frozen=True):
    """One frame that was fit to be looked at.

    Attributes:
        match: whom its own template is nearest to.
    """

    at_s: float
    vector: Vector
    match: Match


class Decision(Struct, frozen=True, kw_only=True):
    """What the frames say; the fields are those of `Evidence`.

    Attributes:
        vector: the mean template: what the rest of the visit is held to.
    """

    verdict: Verdict
    person: str
    score: float
    margin: float
    frames: int
    candidates: tuple[str, ...]
    vector: Vector


def decide(
    glimpses: Sequence[Glimpse], matching: Callable[[Vector], Match], rules: Rules
) -> Decision | None:
    """Return who it is, that nobody can say, or None: look on."""
    weighed = glimpses[-WINDOW:]
    if len(weighed) < rules.frames:
        return None
    vector = mean([one.vector for one in weighed], rules.metric)
    match = matching(vector)
    agreeing = sum(one.match.person == match.person for one in weighed)
    margin = match.score - match.second_score if match.second else match.score
    near = bool(match.person) and match.score >= rules.threshold
    voted = agreeing >= rules.frames and 3 * agreeing >= 2 * len(weighed)
    if near and voted and (not match.second or margin >= rules.margin):
        verdict = Verdict.KNOWN
    elif not _enough(glimpses, rules):
        return None
    else:
        verdict = Verdict.AMBIGUOUS if near else Verdict.STRANGER
    named = verdict is Verdict.KNOWN
    return Decision(
        verdict=verdict,
        person=match.person if named else "",
        score=match.score,
        margin=margin,
        frames=agreeing,
        candidates=() if named else tuple(one for one in (match.person, match.second) if one),
        vector=vector,
    )


def _enough(glimpses: Sequence[Glimpse], rules: Rules) -> bool:
    return (
        len(glimpses) >= rules.patience_frames
        and glimpses[-1].at_s - glimpses[0].at_s >= rules.patience_s
    )
