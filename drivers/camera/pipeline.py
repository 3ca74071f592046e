"""The way of a frame: faces, tracks, gates, templates, sign of life, visits. No thread, no clock.

A track follows a place, a stay follows a person (`stay.py`). Between the two stand templates:
whenever a track may show somebody else, the next good frame tells, and the stay moves to where its
person is, ends, or a new one begins. So nobody inherits what another was decided to be.

What is dear is done where it is needed: templates while somebody is looked at and now and then
afterwards, the passive model for a few frames of a stay. All who stand there are decided on at
once; a turn of the head is asked of one at a time, the nearest first.
"""

import math
from collections.abc import Mapping, Sequence
from random import Random

from msgspec import Struct

from drivers.camera.decide import Decision
from drivers.camera.engine import Engine, Face, Frame, Passive, Vector
from drivers.camera.gallery import Gallery
from drivers.camera.gates import background, wanting
from drivers.camera.liveness import OUT_OF_SIGHT_S, Side, Sight
from drivers.camera.measure import Measurement, appearance, measure
from drivers.camera.rules import Rules
from drivers.camera.stay import Phase, Stay
from drivers.camera.track import Tracker
from drivers.camera.visits import Ask, Evidence, Verdict, Visit
from drivers.options import Liveness
from drivers.prompt import Prompt

PASSIVE_SCORES = 9
"""A stay's passive model looks at so many frames at most."""

TURNS_BACK_S = 2.0
"""Whoever was enrolled turned their head at last: so long they may take to look straight again."""

REMEMBERED_S = 60.0
"""Who was named is remembered for so long after they were last seen, and the side to which somebody
was to turn after they were asked."""


class Look(Struct):
    """One face of one frame on its way.

    Attributes:
        vector: its template, once somebody asked for it.
    """

    track: int
    face: Face
    measured: Measurement
    fit: bool
    vector: Vector | None = None


class Pipeline:
    """Turns frames into prompts and visits. Used by one thread.

    Attributes:
        gallery: whom it may name; may be replaced between two frames.
    """

    def __init__(
        self,
        engine: Engine,
        passive: Passive | None,
        gallery: Gallery,
        rules: Rules,
        random: Random,
    ) -> None:
        """`random` chooses sides and names visits: SystemRandom wherever it matters."""
        self.gallery = gallery
        self._engine = engine
        self._passive = None if rules.liveness is Liveness.OFF else passive
        self._rules = rules
        self._random = random
        self._tracker = Tracker(rules.leaves_s)
        self._stays: dict[int, Stay] = {}
        self._hidden: list[Stay] = []
        self._named: dict[str, float] = {}
        self._sides: dict[str, tuple[Side, float]] = {}

    def see(self, frame: Frame, at_s: float) -> Sequence[Ask | Visit]:
        """Take a frame; return what is to be told. `at_s` never goes back."""
        looks = self._looks(frame, at_s)
        shown = {look.track for look in looks}
        self._leave(shown, at_s)
        for look in looks:
            self._identify(frame, look, shown, at_s)
        told: list[Ask | Visit] = []
        for look in looks:
            told += self._settle(frame, look, self._stays[look.track], at_s)
        told += self._prompt(frame, looks, at_s)
        return told

    def pass_over(self, vectors: Sequence[Vector], at_s: float) -> None:
        """Take whoever has these templates for told already, if they stand there in a moment."""
        stay = Stay.told(self._rules, vectors, self.gallery, at_s)
        stay.seen_s = stay.checked_s = at_s + TURNS_BACK_S
        self._hidden.append(stay)

    def _looks(self, frame: Frame, at_s: float) -> list[Look]:
        """Return the faces that are meant, the largest first, each with the stay of its track."""
        looks = []
        for sighting in self._tracker.see(self._engine.detect(frame), at_s):
            measured = measure(frame, sighting.face)
            if background(measured, self._rules.limits):
                continue
            fit = wanting(measured, self._rules.limits) is None
            looks.append(Look(sighting.track, sighting.face, measured, fit))
            stay = self._stays.setdefault(sighting.track, Stay(self._rules, at_s))
            stay.doubtful = stay.doubtful or sighting.doubtful
            stay.follow(sighting.face, at_s)
        return sorted(looks, key=lambda look: -look.measured.eye_distance_px)

    def _leave(self, shown: set[int], at_s: float) -> None:
        """Let go of whoever has been out of sight for too long."""
        for track, stay in list(self._stays.items()):
            if track not in shown and at_s - stay.seen_s > self._rules.leaves_s:
                del self._stays[track]
        self._hidden = [one for one in self._hidden if at_s - one.seen_s <= self._rules.leaves_s]
        self._named = {
            person: seen_s
            for person, seen_s in self._named.items()
            if at_s - seen_s <= REMEMBERED_S
        }
        self._sides = {
            person: (side, asked_s)
            for person, (side, asked_s) in self._sides.items()
            if at_s - asked_s <= REMEMBERED_S
        }

    def _identify(self, frame: Frame, look: Look, shown: set[int], at_s: float) -> None:
        """Hold the track to its stay by a template, where one is due."""
        stay = self._stays[look.track]
        if not stay.wants(at_s, look.fit):
            return
        vector = look.vector = self._engine.embed(frame, look.face)
        if stay.template is None:
            stay = self._lost(vector, shown) or stay
            self._stays[look.track] = stay
            stay.check(vector, at_s, self.gallery)
        elif not stay.check(vector, at_s, self.gallery) and stay.phase is not Phase.ASKED:
            # Who is asked to turn is held to it by the challenge, which fails instead.
            self._exchange(look.track, vector, shown, at_s)

    def _exchange(self, track: int, vector: Vector, shown: set[int], at_s: float) -> None:
        """Give the track to whom it shows now: one who was lost, one it crossed, or a new one."""
        left = self._stays.pop(track)
        crossed = {
            other: stay
            for other, stay in self._stays.items()
            if other in shown and (stay.doubtful or stay.in_doubt)
        }
        lost = self._lost(vector, shown)
        swapped = None if lost else self._nearest(vector, crossed)
        if swapped is not None:
            stay = self._stays[swapped]
            left.doubtful = True
            self._stays[swapped] = left
        else:
            stay = lost or Stay(self._rules, at_s)
            left.seen_s = left.checked_s
            self._hidden.append(left)
        self._stays[track] = stay
        stay.check(vector, at_s, self.gallery)

    def _lost(self, vector: Vector, shown: set[int]) -> Stay | None:
        """Return the stay of whoever this is if they were out of sight, and free it."""
        tracks = {track: stay for track, stay in self._stays.items() if track not in shown}
        hidden = {-1 - place: stay for place, stay in enumerate(self._hidden)}
        found = self._nearest(vector, tracks | hidden)
        if found is None:
            return None
        return self._stays.pop(found) if found in tracks else self._hidden.pop(-1 - found)

    def _nearest(self, vector: Vector, stays: Mapping[int, Stay]) -> int | None:
        """Return the key of the stay that the template is of; None if of none."""
        near = {
            key: nearness
            for key, stay in stays.items()
            if (nearness := stay.near(vector)) is not None and stay.resembles(vector, self.gallery)
        }
        return max(near, key=near.__getitem__, default=None)

    def _settle(self, frame: Frame, look: Look, stay: Stay, at_s: float) -> Sequence[Ask | Visit]:
        """Bring a stay as far as this frame brings it; return its visit, once."""
        stay.renew(self.gallery)
        if stay.phase is Phase.ASKED:
            stay.seen_s = at_s
            stay.answer(self._sight(frame, look, stay, at_s))
        elif stay.in_doubt or stay.doubtful:
            return ()
        stay.seen_s = at_s
        if stay.phase is Phase.TOLD:
            if stay.person:
                self._named[stay.person] = at_s
            return ()
        self._score(frame, look, stay)
        if stay.phase is Phase.LOOKING and look.vector is not None:
            stay.glimpse(at_s, look.vector, self.gallery)
        decision = stay.decision
        if stay.phase is not Phase.WAITING or decision is None:
            return ()
        if stay.since_s - self._named.get(stay.person, -math.inf) <= self._rules.leaves_s:
            # Named already and still here, or just gone: a picture of them, or a track that broke.
            stay.phase = Phase.TOLD
            return ()
        verdict = stay.verdict(at_s, self._passive is not None)
        return () if verdict is None else self._tell(stay, decision, verdict, at_s)

    def _score(self, frame: Frame, look: Look, stay: Stay) -> None:
        due = look.fit and (stay.phase is not Phase.LOOKING or look.vector is not None)
        if self._passive is None or not due or len(stay.passive) >= PASSIVE_SCORES:
            return
        score = self._passive.score(frame, look.face)
        if score is not None:
            stay.passive.append(score)

    def _tell(
        self, stay: Stay, decision: Decision, verdict: Verdict, at_s: float
    ) -> Sequence[Ask | Visit]:
        candidates = decision.candidates
        self._sides.pop(decision.person, None)
        if verdict is Verdict.NOT_LIVE:
            candidates, stay.person = (decision.person,), ""
        elif verdict is Verdict.KNOWN:
            self._named[stay.person] = at_s
        stay.phase = Phase.TOLD
        visit = Visit(
            visit=f"{self._random.getrandbits(32):08x}",
            at_s=at_s,
            person=stay.person,
            evidence=Evidence(
                verdict=verdict,
                model=self._engine.model,
                score=decision.score,
                margin=decision.margin,
                frames=decision.frames,
                candidates=candidates,
                liveness=stay.liveness,
                liveness_model=self._passive.model if self._passive is not None else "",
                challenge=stay.challenge,
                why=stay.why if verdict is Verdict.NOT_LIVE else "",
            ),
        )
        return [visit, Ask(what=Prompt.CARD)] if verdict is Verdict.AMBIGUOUS else [visit]

    def _prompt(self, frame: Frame, looks: Sequence[Look], at_s: float) -> Sequence[Ask]:
        """Return what one person is told: who is asked to turn, or else the nearest who is to."""
        by_stay = [(look, self._stays[look.track]) for look in looks]
        busy = any(_busy(stay, at_s) for stay in (*self._stays.values(), *self._hidden))
        for look, stay in by_stay:
            if not stay.is_next:
                continue
            certain = not stay.in_doubt and not stay.doubtful
            if not busy and look.fit and certain and stay.is_steady(at_s):
                side = self._side(stay.person, at_s)
                stay.ask(self._sight(frame, look, stay, at_s), side)
                busy = True
            else:
                stay.put_off(at_s, by_others=busy)
        for _, stay in by_stay:
            if stay.phase is Phase.ASKED:
                what = stay.retell(at_s)
                return [] if what is None else [Ask(what=what, person=stay.person)]
        for look, stay in by_stay:
            if stay.phase is Phase.LOOKING or stay.is_next:
                hint = stay.hints.see(look.measured, at_s, still=not stay.is_restless(at_s))
                if stay.hints.occupied:
                    return [] if hint is None else [Ask(what=hint)]
        return []

    def _side(self, person: str, at_s: float) -> Side:
        """Return to which side somebody is to turn: at random, and no other until it is settled.

        Whoever hides a film, or leaves, until it is asked for what it shows waits for nothing.
        """
        side, _ = self._sides.get(person) or (self._random.choice((Side.LEFT, Side.RIGHT)), at_s)
        self._sides[person] = side, at_s
        return side

    def _sight(self, frame: Frame, look: Look, stay: Stay, at_s: float) -> Sight:
        return Sight(
            at_s=at_s,
            face=look.face,
            light=look.measured.light,
            likeness=None if look.vector is None else stay.near(look.vector),
            look=appearance(frame, look.face),
        )


def _busy(stay: Stay, at_s: float) -> bool:
    """Tell whether somebody is being asked who may still answer."""
    return stay.phase is Phase.ASKED and at_s - stay.seen_s <= OUT_OF_SIGHT_S
