"""One person in view, from the first good frame until they have left: at most one visit.

    LOOKING --decided: known, and alive is to be shown--> WAITING --their turn--> ASKED --> TOLD
       `------decided: stranger, ambiguous, or nothing is to be shown-------------------------^

A stay belongs to a face, not to a place: `pipeline` moves it from track to track as templates say.
It calls no engine; it is given what was seen.
"""

import math
from collections.abc import Sequence
from enum import StrEnum

from drivers.camera.decide import Decision, Glimpse, decide
from drivers.camera.engine import Face, Point, Vector
from drivers.camera.gallery import Gallery
from drivers.camera.gates import RETOLD_S, Hints
from drivers.camera.likeness import likeness, mean
from drivers.camera.liveness import (
    OUT_OF_SIGHT_S,
    Failure,
    HeadTurn,
    Side,
    Sight,
    State,
    passive_score,
)
from drivers.camera.measure import middle
from drivers.camera.rules import Rules
from drivers.camera.visits import Challenge, Verdict
from drivers.options import Liveness
from drivers.prompt import Prompt

ROUNDS = 2
"""Whoever did not move at all may not have seen the screen, and whoever was lost sight of may have
been pushed: they are asked once more. Whoever answered wrongly is not."""

ONCE_MORE = frozenset({Failure.BROKEN, Failure.JUMP})

STEADY_S = 0.4
STEADY_PLACE = 0.15
"""Whoever is still arriving is not asked to turn: so long a face must not have moved by more, from
one frame to the next, in distances between its eyes."""

ASKED_WITHIN_S = 10.0
"""Whoever cannot be asked for so long, though nobody else is, is not waited for any more: they look
aside or do not stand still for all they are told, or the camera is too slow to follow a turn."""

RESTLESS_S = 2.0
"""Whoever cannot be asked for so long, only because they move, is told to stand still."""

PASSIVE = "passive"
"""Why somebody was not named whom the passive model took for a picture."""

STRIKES = 2
"""So many templates in a row that are not near are somebody else; one may be a blurred frame."""


class Phase(StrEnum):
    """How far a stay has come."""

    LOOKING = "looking"
    WAITING = "waiting"
    ASKED = "asked"
    TOLD = "told"


class Stay:
    """What is known of one person who stands there.

    Attributes:
        since_s, seen_s: when they came, and were last seen for certain.
        checked_s: when a template last said that it is still they.
        doubtful: their track may show somebody else: a template must tell.
        person: who was named, or would be once alive; "" for nobody.
    """

    def __init__(self, rules: Rules, at_s: float) -> None:
        self.phase = Phase.LOOKING
        self.since_s = at_s
        self.seen_s = at_s
        self.checked_s = at_s
        self.doubtful = False
        self.person = ""
        self.decision: Decision | None = None
        self.turn: HeadTurn | None = None
        self.hints = Hints(rules.limits)
        self.passive: list[float] = []
        self._rules = rules
        self._told: tuple[Prompt, float] | None = None
        self._place: tuple[Point, float] | None = None
        self._steady_s = at_s
        self._glimpses: list[Glimpse] = []
        self._matched_with: Gallery | None = None
        self._decided_s = 0.0
        self._rounds = 0
        self._put_off_s: float | None = None
        self._strikes = 0

    @classmethod
    def told(cls, rules: Rules, vectors: Sequence[Vector], gallery: Gallery, at_s: float) -> "Stay":
        """Return the stay of somebody with these templates who is to make no visit."""
        stay = cls(rules, at_s)
        stay._glimpses = [Glimpse(at_s, one, gallery.match(one)) for one in vectors]
        stay.phase = Phase.TOLD
        return stay

    @property
    def template(self) -> Vector | None:
        """Return what stands for this person; None before the first good frame."""
        if self.decision is not None:
            return self.decision.vector
        if not self._glimpses:
            return None
        return mean([one.vector for one in self._glimpses], self._rules.metric)

    def near(self, vector: Vector) -> float | None:
        """Return the likeness of a template to this person's; None where they have none yet."""
        template = self.template
        return None if template is None else likeness(vector, template, self._rules.metric)

    def resembles(self, vector: Vector, gallery: Gallery) -> bool:
        """Tell whether a template may be this person's.

        Not where it is nearer to somebody else of the gallery: people of one queue resemble each
        other at `same` now and then.
        """
        nearness = self.near(vector)
        if nearness is None or self.decision is None:
            return nearness is None or nearness >= self._rules.same
        match = gallery.match(vector)
        another = (
            match.person != self.decision.person
            and match.score >= self._rules.threshold
            and match.score - nearness >= self._rules.margin
        )
        return nearness >= self._rules.same and not another

    def check(self, vector: Vector, at_s: float, gallery: Gallery) -> bool:
        """Take a template of the track; return False once it is somebody else for certain."""
        if self.resembles(vector, gallery):
            self._strikes = 0
            self.checked_s = self.seen_s = at_s
            self.doubtful = False
            return True
        self._strikes += 1
        return self._strikes < STRIKES

    @property
    def in_doubt(self) -> bool:
        """Tell whether the last template was not near."""
        return self._strikes > 0

    def wants(self, at_s: float, fit: bool) -> bool:
        """Tell whether the frame is worth a template. `fit`: it passed the gates."""
        since_s = at_s - self.checked_s
        if self.phase is Phase.ASKED:
            return since_s >= self._rules.spacing_s
        if not fit:
            return False
        if self.template is None or self.in_doubt or self.doubtful:
            return True
        if self.phase is Phase.LOOKING:
            return since_s >= self._rules.spacing_s
        return since_s >= self._rules.recheck_s

    def glimpse(self, at_s: float, vector: Vector, gallery: Gallery) -> Decision | None:
        """Take a good frame while LOOKING; return the decision once there is one."""
        self._vote_anew(gallery)
        if self._glimpses and at_s - self._glimpses[-1].at_s < self._rules.spacing_s:
            return None  # it was looked at to settle a doubt: it is no second witness
        self._glimpses.append(Glimpse(at_s, vector, gallery.match(vector)))
        decision = decide(self._glimpses, gallery.match, self._rules)
        if decision is None:
            return None
        self.decision, self.person, self._decided_s = decision, decision.person, at_s
        self.phase = Phase.WAITING
        return decision

    def renew(self, gallery: Gallery) -> None:
        """Go back to LOOKING where somebody who was to be named is not who they were any more."""
        if self.phase not in (Phase.WAITING, Phase.ASKED) or not self._vote_anew(gallery):
            return
        decision = decide(self._glimpses, gallery.match, self._rules)
        if decision is None or decision.person != self.person:
            self.phase, self.decision, self.turn, self.person = Phase.LOOKING, None, None, ""

    def _vote_anew(self, gallery: Gallery) -> bool:
        """Return whether the gallery was replaced: votes for the last one say nothing of this."""
        if gallery is self._matched_with:
            return False
        self._matched_with = gallery
        self._glimpses = [
            Glimpse(one.at_s, one.vector, gallery.match(one.vector)) for one in self._glimpses
        ]
        return True

    def follow(self, face: Face, at_s: float) -> None:
        """Take where the face is."""
        place = middle(face.right_eye, face.left_eye)
        if (
            self._place is None
            or at_s - self._place[1] > OUT_OF_SIGHT_S
            or math.dist((place.x, place.y), (self._place[0].x, self._place[0].y))
            > (STEADY_PLACE * abs(face.left_eye.x - face.right_eye.x))
        ):
            self._steady_s = at_s
        self._place = place, at_s

    def is_steady(self, at_s: float) -> bool:
        """Tell whether they have arrived."""
        return at_s - self._steady_s >= STEADY_S

    def is_restless(self, at_s: float) -> bool:
        """Tell whether they still move though they should have arrived."""
        waits_s = 0.0 if self._put_off_s is None else at_s - self._put_off_s
        return waits_s >= RESTLESS_S and not self.is_steady(at_s)

    @property
    def must_turn(self) -> bool:
        """Tell whether a turn of the head is to be asked for."""
        return self.turn is None and self._rules.liveness in (
            Liveness.CHALLENGE,
            Liveness.REFUSE,
        )

    @property
    def is_next(self) -> bool:
        """Tell whether nothing is missing but that they are asked to turn."""
        return self.phase is Phase.WAITING and self.must_turn

    def put_off(self, at_s: float, *, by_others: bool) -> None:
        """Take that they could not be asked now, because others are, or because of themselves."""
        if by_others:
            self._put_off_s = None
        elif self._put_off_s is None:
            self._put_off_s = at_s

    def ask(self, sight: Sight, side: Side) -> HeadTurn:
        """Begin a challenge."""
        self.turn = HeadTurn(side, sight, self._rules)
        self.phase = Phase.ASKED
        self._told = self._put_off_s = None
        self._rounds += 1
        return self.turn

    def answer(self, sight: Sight) -> None:
        """Take a frame of the challenge; back to WAITING once it has ended."""
        if self.turn is None:
            return
        self.turn.see(sight)
        once_more = self.turn.unheard or self.turn.failure in ONCE_MORE
        if once_more and self._rounds < ROUNDS:
            self.turn, self.phase = None, Phase.WAITING  # once they stand still again
        elif self.turn.state in (State.PASSED, State.FAILED):
            self.phase = Phase.WAITING
            self._decided_s = sight.at_s

    def retell(self, at_s: float) -> Prompt | None:
        """Return what the person is to do, where it changed or a screen has forgotten it."""
        if self.turn is None:
            return None
        what = self.turn.prompt
        if self._told is not None and what is self._told[0] and at_s - self._told[1] < RETOLD_S:
            return None
        self._told = what, at_s
        return what

    @property
    def challenge(self) -> Challenge:
        """Return what came of asking."""
        if self.turn is None:
            return Challenge.NONE
        return Challenge.PASSED if self.turn.state is State.PASSED else Challenge.FAILED

    @property
    def why(self) -> str:
        """Return what speaks against their being there, where that is what ends it."""
        if self.must_turn:
            return Failure.UNASKED.value
        if self.turn is not None and self.turn.failure is not None:
            return self.turn.failure.value
        return PASSIVE

    @property
    def liveness(self) -> float | None:
        """Return the passive model's median, once there are enough frames."""
        return passive_score(self.passive, self._rules.passive_frames)

    def verdict(self, at_s: float, passive: bool) -> Verdict | None:
        """Return how it ended, once that is settled; `passive`: there is a model to wait for."""
        if self.decision is None:
            return None
        if self.decision.verdict is not Verdict.KNOWN:
            return self.decision.verdict
        if self.challenge is Challenge.FAILED:
            return Verdict.NOT_LIVE
        if self.must_turn:
            since_s = at_s if self._put_off_s is None else self._put_off_s
            return Verdict.NOT_LIVE if at_s - since_s >= ASKED_WITHIN_S else None
        scored = self.liveness is not None or self._rules.liveness is Liveness.OFF or not passive
        if not scored and at_s - self._decided_s < self._rules.passive_wait_s:
            return None
        if self._rules.liveness is Liveness.REFUSE and (
            self.liveness is None or self.liveness < self._rules.passive_threshold
        ):
            return Verdict.NOT_LIVE
        return Verdict.KNOWN
