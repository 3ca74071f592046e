"""How a finger becomes known: read, looked for, read again, compared, stored, found.

Modules are lenient: some lots merge two different fingers into one template, by which two people
would punch as one. So each reading is compared with the first before it counts, another one with
the template before that is stored, and what was stored must be what a search finds.

Whatever ends it before the last step, the slot is empty afterwards. Where the module dies in
between, nobody can empty it now: the kiosk knows that this slot was not finished, and has it
emptied when the module answers again (`drivers.fingers.Slots.compare`).
"""

from collections.abc import Collection, Iterator
from typing import Final

from drivers.errors import Refused
from drivers.fingerprint.codes import Kind
from drivers.fingerprint.module import R30x
from drivers.fingerprint.visits import LIFTED_AFTER
from drivers.fingers import Asking, Duplicate, Stored
from drivers.prompt import Prompt

MODEL: Final = 1
"""The buffer that has the first reading, later the template."""

OTHER: Final = 2
"""The buffer that is compared with it."""

RESTARTS: Final = 2
"""So often it begins anew where its readings do not belong together."""

TRIES: Final = 3
"""So many readings may fail to match, at each step."""

POLL_S: Final = 0.05
"""Pause between two pictures, so that a person's finger is waited for and not hunted."""

REPEAT_PROMPT_S: Final = 1.0
"""The same prompt is not said more often."""

KEEP_PROMPT_S: Final = 5.0
"""So often a prompt is said anew while the person is still to follow it: a screen takes it down by
itself, and whoever asked for the enrolment may have left."""


class Enrolment:
    """One enrolment; `run` does it."""

    def __init__(
        self,
        module: R30x,
        where: str,
        ask: Asking,
        within_s: float,
        slot: int,
        minimum: int,
        mine: Collection[int],
    ) -> None:
        """As in `drivers.fingers.KnowsFingers.enrol`."""
        self._module = module
        self._where = where
        self._ask = ask
        self._within_s = within_s
        self._slot = slot
        self._minimum = minimum
        self._mine = mine
        self._now_s = module.link.line.now_s
        self._until_s = self._now_s() + within_s
        self._captures = module.profile.captures
        self._steps = self._captures + 1  # the last one compares and proves
        self._there: frozenset[int] = frozenset()  # slots in use when it began
        self._said: tuple[Prompt, int] | None = None
        self._said_s = 0.0  # when it was said last

    def run(self) -> Stored | Duplicate:
        """Read a finger until the slot has it. Raises SourceError, and whatever `ask` raises."""
        self._check()
        for _ in range(RESTARTS + 1):
            known = self._first()
            if known is not None:
                return known
            is_one = all(self._next(step, buffer) for step, buffer in self._plan())
            if is_one and self._module.merge():
                return self._store(self._compare())
            self._lifted(Prompt.AGAIN, 1)
        raise Refused(
            f"{self._where}: its readings did not belong to one finger, {RESTARTS + 1} times over",
            hint="Use the same finger for each step, flat and in the middle; or try another one",
        )

    def _check(self) -> None:
        """Raise Refused where the slot cannot be used."""
        capacity = self._module.parameters.capacity
        if not 0 <= self._slot < capacity:
            raise Refused(f"{self._where}: there are slots 0 to {capacity - 1}, not {self._slot}")
        self._there = self._module.occupied()
        if self._slot in self._there:
            raise Refused(
                f"{self._where}: slot {self._slot} is in use already",
                hint="`kiosk status` shows whose it is, or that nobody knows",
            )

    # Its steps.

    def _first(self) -> Duplicate | None:
        """Read the finger for the first time; return where it is known already."""
        while True:
            self._capture(1, MODEL)
            hit = self._module.search(MODEL)
            if hit is None or hit.slot not in self._there:
                return None  # in an empty slot nobody is
            if hit.slot not in self._mine:
                return Duplicate(hit.slot, hit.score)
            self._lifted(Prompt.OTHER_FINGER, 1)

    def _plan(self) -> Iterator[tuple[int, int]]:
        """Yield step and buffer of each reading after the first.

        Only the first two buffers can be compared, so each reading goes through the second; what
        belongs there comes last.
        """
        return zip(range(2, self._captures + 1), range(self._captures, 1, -1), strict=True)

    def _next(self, step: int, buffer: int) -> bool:
        """Read the finger again; return whether it is the one that was read first."""
        for _ in range(TRIES):
            self._lifted(Prompt.LIFT_FINGER, step)
            self._capture(step, OTHER)
            if self._module.match() is not None:
                return buffer == OTHER or self._module.extract(buffer).kind is Kind.OK
            self._say(Prompt.AGAIN, step)
        return False

    def _compare(self) -> int:
        """Read it once more and return how alike that and the template are. Raises Refused."""
        best = 0
        for _ in range(TRIES):
            self._lifted(Prompt.LIFT_FINGER, self._steps)
            self._capture(self._steps, OTHER)
            score = self._module.match() or 0
            if score >= self._minimum:
                return score
            best = max(best, score)
            self._say(Prompt.AGAIN, self._steps)
        raise Refused(
            f"{self._where}: the finger matches its template by {best} at most, "
            f"{self._minimum} are wanted",
            hint="Clean finger and glass, or take another finger: this one would be refused often",
        )

    def _store(self, score: int) -> Stored:
        """Store the template and have it found; else the slot is empty again."""
        with self._module.emptied_if_left(self._slot):
            self._module.store(self._slot)
            self._prove()
            self._say(Prompt.DONE, self._steps)
        return Stored(self._slot, score)

    def _prove(self) -> None:
        """See that the finger, read anew, is found in its slot and in no other. Raises Refused."""
        for _ in range(TRIES):
            self._capture(self._steps, MODEL)
            hit = self._module.search(MODEL)
            if hit is not None:
                break
        if hit is None or hit.slot != self._slot:
            found = "nowhere" if hit is None else f"in slot {hit.slot}"
            raise Refused(
                f"{self._where}: stored in slot {self._slot}, the finger was found {found}",
                hint="Try again; if it stays, another finger is too much like it",
            )

    # The person.

    def _capture(self, step: int, buffer: int) -> None:
        """Have a finger laid down and read into a buffer. Raises Refused where none is in time."""
        self._say(Prompt.PLACE_FINGER, step)
        while True:
            self._go_on()
            seen = self._module.look()
            if seen.kind is Kind.OK:
                seen = self._module.extract(buffer)
                if seen.kind is Kind.OK:
                    return
            if seen.kind is Kind.RETRY:
                self._say(seen.prompt, step)
            self._module.link.line.rest(POLL_S)

    def _lifted(self, prompt: Prompt, step: int) -> None:
        """Say something and wait until no finger lies there. Raises Refused where one stays."""
        self._say(prompt, step)
        absent = 0
        while absent < LIFTED_AFTER:
            self._go_on()
            absent = absent + 1 if self._module.look().kind is Kind.IDLE else 0
            self._module.link.line.rest(POLL_S)

    def _say(self, prompt: Prompt, step: int) -> None:
        now_s = self._now_s()
        if (prompt, step) == self._said and now_s - self._said_s < REPEAT_PROMPT_S:
            return
        self._said, self._said_s = (prompt, step), now_s
        self._ask(prompt, step, self._steps)

    def _go_on(self) -> None:
        """Keep the prompt up. Raises Refused when it is too late, and whatever `ask` raises."""
        now_s = self._now_s()
        if self._said is not None and now_s - self._said_s >= KEEP_PROMPT_S:
            self._said_s = now_s
            self._ask(*self._said, self._steps)
        if now_s >= self._until_s:
            raise Refused(
                f"{self._where}: the finger was not read within {self._within_s:g} s",
                hint="Begin again, and have the person follow what the screen says",
            )
