"""What the recognizer says of who stood before the camera: words, no picture, no template.

`Evidence` becomes the `raw` of a punch, as JSON (docs/PROTOCOL.md), and so travels to central.
"""

from enum import StrEnum

from msgspec import Struct

from drivers.prompt import Prompt


class Verdict(StrEnum):
    """How a visit ended."""

    KNOWN = "known"
    STRANGER = "stranger"  # nobody in the gallery is near enough
    AMBIGUOUS = "ambiguous"  # two people are: nobody guesses
    NOT_LIVE = "not_live"  # the challenge was not answered, or what stood there is a picture


class Challenge(StrEnum):
    """What came of asking for a turn of the head."""

    NONE = "none"  # nobody was asked
    PASSED = "passed"
    FAILED = "failed"


class Evidence(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a visit ended as it did. Scores are of the engine's own scale, higher is nearer.

    Attributes:
        verdict: how it ended.
        model: the engine and the digest of its weights, "sface:0ba9fbfa01b5".
        score: of the best person, over the frames that decided; 0 where the gallery is empty.
        margin: `score` minus that of the next person.
        frames: how many frames agreed.
        candidates: where nobody was named, who came nearest, best first: for a person to look at.
        liveness: the passive model's score, the median over the frames, 0 to 1; None without one.
        liveness_model: that model and its digest; "" without one.
        challenge: what came of the head's turn.
        why: of NOT_LIVE, what was wrong: a word of `liveness.Failure`, or "passive".
    """

    verdict: Verdict
    model: str
    score: float = 0.0
    margin: float = 0.0
    frames: int = 0
    candidates: tuple[str, ...] = ()
    liveness: float | None = None
    liveness_model: str = ""
    challenge: Challenge = Challenge.NONE
    why: str = ""


class Visit(Struct, frozen=True, kw_only=True, tag="visit"):
    """Somebody came, was decided on once, and must leave before they may be again.

    Attributes:
        visit: eight random hexadecimal digits, its name.
        at_s: when it was decided, by the machine's monotonic clock, which all processes share.
        person: whom the gallery has; "" unless the verdict is KNOWN.
    """

    visit: str
    at_s: float
    person: str
    evidence: Evidence


class Ask(Struct, frozen=True, kw_only=True, tag="ask"):
    """Whoever stands there is to do something; the words are the screen's.

    Attributes:
        step, of: in enrolment, which of how many pictures; 0 where they are not counted.
        person: who is asked, where that is known; "" for whoever stands there.
    """

    what: Prompt
    step: int = 0
    of: int = 0
    person: str = ""
