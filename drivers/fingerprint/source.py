"""A finger module, as the daemon sees it: who laid a finger on it.

The module compares by itself and keeps no record: who came is kept here until the journal has it,
also while the module is opened anew. Which slot means whom is the kiosk's to know; which module
answers is said at every open, and a foreign one's slots mean nobody.

Nothing here retries: an error ends the visit to the module, and its worker opens the next.
"""

import time
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

import msgspec
from msgspec import structs

from drivers.base import Credential, Identity, Method, Reading
from drivers.errors import Refused, TimedOut
from drivers.fingerprint.codes import Kind
from drivers.fingerprint.enrolling import Enrolment
from drivers.fingerprint.lamp import Effect
from drivers.fingerprint.line import Line, Port
from drivers.fingerprint.link import Link
from drivers.fingerprint.module import Hit
from drivers.fingerprint.opening import STUCK_S, Opened, enter
from drivers.fingerprint.visits import STRANGER, TRIES, Missed, Visit, stranger
from drivers.fingers import Asking, Duplicate, Module, Slots, Stored
from drivers.options import FingerModule
from drivers.pending import Pending
from drivers.prompt import Prompt
from drivers.serialport import SerialPort
from drivers.store import Secret

GIVEN_UP_S: Final = 15.0
"""So long after a finger that was not found the same person may be found by their next try."""

PAUSE_S: Final = 0.08
"""Between two pictures of an empty glass."""

GLANCE_S: Final = 0.03
"""Between two pictures of a finger: it moves, or goes."""

REPEAT_PROMPT_S: Final = 1.0
"""The same prompt is not said more often."""


POOR: Final = "many answers of the module were lost on the line: who was quick may have been missed"


class FingerSource:
    """Implements `Source`, `LeftAtOnce` and `KnowsFingers` for a `FingerModule`."""

    def __init__(
        self,
        options: FingerModule,
        now: Callable[[], datetime],
        slots: Slots,
        tell: Callable[[str, Prompt], None],
        connect: Callable[[str, int, str], Port] = SerialPort,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now` is the kiosk's clock, aware UTC: it dates the punches; `tell` never blocks.

        `connect` makes the port: (port, baud, where); `now_s` is the clock of all deadlines.
        """
        self.name = options.name
        self._options = options
        self._slots = slots
        self._tell = tell
        self._connect = connect
        self._now_s = now_s
        self._where = f"source {options.name} ({options.port})"
        self._pending = Pending(now, options.timezone, now_s)
        self._open: Opened | None = None
        self._visit: Visit | None = None
        self._missed: Missed | None = None
        self._said: Prompt | None = None
        self._said_s = 0.0

    def open(self, position: bytes | None, beat: Callable[[], None]) -> Identity:
        """Find the module, learn which one it is, and put its slots in order. Raises SourceError.

        `position` is what `Pending` had committed.
        """
        self.close()
        self._pending.begin(position)
        options = self._options
        port = self._connect(options.port, options.baud, self._where)
        line = Line(port, options.address, beat, self._now_s)
        link = Link(line, self._where, options.password)
        try:
            self._open = enter(link, options, self._slots, self._where)
        except BaseException:
            link.close()
            raise
        if self._visit is not None and not self._visit.goes_on(self._open.serial, self._now_s()):
            self._visit = None
        module = self._open.module
        return Identity(
            serial=self._open.serial,
            model=module.model,
            firmware=module.firmware,
            has_clock=False,
        )

    def read(self, wait_s: float) -> Reading | None:
        """Return who came, or that nobody did. Raises SourceError; TimedOut where it is silent.

        A punch is returned until it is confirmed.
        """
        opened, until_s = self._opened, self._now_s() + wait_s
        while True:
            self._let_go()
            reading = self._reading(opened)
            if reading is not None:
                return reading
            if self._now_s() >= until_s:
                return None
            self._look(opened)

    def confirm(self, reading: Reading) -> None:
        """Let go of what is on disk; only now the module's light says that it counted."""
        if not self._pending.confirm(reading) or self._open is None:
            return
        if any(not punch.user.startswith(STRANGER) for punch in reading.punches):
            self._open.lamp.show(Effect.RECORDED)

    def close(self) -> None:
        """Leave the module; never raises."""
        opened, self._open = self._open, None
        if opened is None:
            return
        opened.link.close()
        if self._missed is not None and self._missed.until_s is None:
            self._missed.until_s = self._now_s() + GIVEN_UP_S

    @property
    def left_at_once(self) -> bool:
        """Whether it may be left in the middle of anything: what is half done is undone then."""
        return True

    # Making fingers known.

    def module(self) -> Module:
        """Return what the open module is."""
        opened = self._opened
        module = opened.module
        return Module(
            serial=opened.serial,
            model=module.model,
            capacity=module.parameters.capacity,
            security=module.parameters.security or 0,
            captures=module.profile.captures,
        )

    def enrol(
        self, ask: Asking, within_s: float, slot: int, minimum: int, mine: Collection[int] = ()
    ) -> Stored | Duplicate:
        """Read a finger until `slot` has it. Raises Refused, SourceError, and as `ask` does."""
        opened = self._opened
        try:
            done = Enrolment(opened.module, self._where, ask, within_s, slot, minimum, mine).run()
        finally:
            # What lies there now is the end of this, and nobody's punch.
            now_s = self._now_s()
            self._visit = Visit(opened.serial, now_s, now_s, is_over=True)
        if isinstance(done, Stored):
            opened.there |= {slot}
        return done

    def occupied(self) -> frozenset[int]:
        """Return the slots that are in use."""
        opened = self._opened
        opened.there = opened.module.occupied()
        return opened.there

    def remove(self, slot: int) -> None:
        """Empty a slot and see that it is empty."""
        opened = self._opened
        opened.module.remove(slot)
        opened.there -= {slot}
        opened.compared = self._slots.compare(opened.serial, opened.there).warnings

    def template(self, slot: int) -> Secret:
        """Return what is in a slot. Raises Refused where it is empty."""
        module = self._opened.module
        if not module.load(slot):
            raise Refused(f"{self._where}: slot {slot} is empty")
        return Secret(module.upload())

    def keep(self, slot: int, template: Secret) -> None:
        """Write a template into an empty slot, and read it back. Raises Refused, SourceError."""
        opened = self._opened
        module = opened.module
        if slot in module.occupied():
            raise Refused(f"{self._where}: slot {slot} is in use already")
        module.download(template.octets)
        with module.emptied_if_left(slot):
            module.store(slot)
            if not module.load(slot) or module.upload() != template.octets:
                raise Refused(
                    f"{self._where}: slot {slot} does not have what was written into it",
                    hint="Templates go to a module of the same model only; else look at the cable",
                )
        opened.there |= {slot}

    # Looking.

    def _look(self, opened: Opened) -> None:
        """Take one picture and go on with whoever is there."""
        opened.lamp.tick()
        module, visit = opened.module, self._visit
        seen, now_s = module.look(), self._now_s()
        if seen.kind is Kind.IDLE:
            opened.watches = True
            if visit is not None and visit.goes():
                self._gone(opened, visit, now_s)
            module.link.line.rest(GLANCE_S if self._visit else PAUSE_S)
            return
        if visit is None:
            visit = self._visit = Visit(opened.serial, now_s, now_s)
            if self._missed is not None:
                self._missed.until_s = None  # they are at it again
        visit.stays(now_s)
        if now_s - visit.began_s > STUCK_S:
            visit.is_over = True  # nobody has to be told so every second
        if not visit.is_over:
            if seen.kind is Kind.OK:
                seen = module.extract(1)
            match seen.kind:
                case Kind.OK:
                    # Nothing else is asked in between: a picture taken now would spoil it.
                    self._decide(opened, visit, module.search(1))
                case Kind.RETRY:
                    visit.retries += 1
                    if visit.user is None:  # who was named is not asked for more
                        self._prompt(seen.prompt)
                case _:
                    pass  # it lost the picture: the next one is as good
            if self._visit is not None:
                self._visit.seen_s = self._now_s()
        module.link.line.rest(GLANCE_S)

    def _gone(self, opened: Opened, visit: Visit, now_s: float) -> None:
        """The finger was lifted; one that was searched for and lifted at once was somebody too."""
        self._visit = None
        if visit.misses and not visit.is_over:
            self._not_found(opened, visit)
        if self._missed is not None:
            self._missed.until_s = now_s + GIVEN_UP_S

    def _decide(self, opened: Opened, visit: Visit, hit: Hit | None) -> None:
        """Say who it is: somebody, or nobody yet."""
        seen_s = visit.seen_s  # not now: a search that was lost has taken seconds
        if hit is None:
            self._miss(opened, visit)
        elif self._is_there(opened, hit.slot):
            visit.is_over = True
            user = self._slots.user(opened.serial, hit.slot)
            if user == visit.user:
                return  # it has not gone
            if visit.user is not None:  # the next one was quick
                visit = self._visit = Visit(opened.serial, seen_s, seen_s, is_over=True)
            visit.user, self._missed = user, None
            self._add(opened.serial, user, self._raw(visit, hit), seen_s)
        else:
            opened.warn(
                f"it found a finger in slot {hit.slot}, which is empty: nobody was named. Power "
                "the module off for two seconds; if it comes back, replace it"
            )
            visit.is_over = True
            self._add(opened.serial, stranger(), self._raw(visit, hit), seen_s)
            self._prompt(Prompt.AGAIN)
            opened.lamp.show(Effect.NOT_KNOWN)

    def _is_there(self, opened: Opened, slot: int) -> bool:
        """Whether a slot is in use, asked again where it was not."""
        return slot in opened.there or slot in self.occupied()

    def _miss(self, opened: Opened, visit: Visit) -> None:
        """Take in that nobody was found."""
        visit.retries += 1
        visit.misses += 1
        if visit.misses >= TRIES:
            visit.is_over = True
            self._not_found(opened, visit)

    def _not_found(self, opened: Opened, visit: Visit) -> None:
        """Have whoever came be asked for another try, and remembered meanwhile."""
        if visit.user is not None:
            return  # read badly, or the next one: who is not known tries again
        if self._missed is None:
            raw = self._raw(visit, None)
            self._missed = Missed(opened.serial, visit.began_s, raw, stranger())
        else:
            self._missed.visits += 1
        self._prompt(Prompt.AGAIN if self._missed.visits == 1 else Prompt.FAILED)
        opened.lamp.show(Effect.NOT_KNOWN)

    def _let_go(self) -> None:
        """Tell of whoever has given up."""
        missed = self._missed
        if missed is not None and missed.is_gone(self._now_s()):
            self._missed = None
            self._add(missed.terminal, missed.user, missed.raw, missed.since_s)

    def _add(self, terminal: str, user: str, raw: bytes, at_s: float) -> None:
        self._pending.add(
            terminal,
            Credential.FINGER_SLOT,
            user,
            Method.FINGERPRINT,
            raw,
            self._now_s() - at_s,
        )

    def _raw(self, visit: Visit, hit: Hit | None) -> bytes:
        """Return what a punch keeps of how it was read."""
        told = {"slot": hit.slot, "score": hit.score} if hit is not None else {}
        ms = round((self._now_s() - visit.began_s) * 1000)
        return msgspec.json.encode({**told, "retries": visit.retries, "ms": ms})

    def _prompt(self, prompt: Prompt) -> None:
        now_s = self._now_s()
        if prompt is not self._said or now_s - self._said_s >= REPEAT_PROMPT_S:
            self._said, self._said_s = prompt, now_s
            self._tell(self.name, prompt)

    # Telling.

    def _reading(self, opened: Opened) -> Reading | None:
        """Return what is to be told now; with the warnings where they are news."""
        warnings = opened.warnings(self._visit, self._now_s())
        reading = self._pending.reading()
        # While somebody may yet become a stranger, it cannot be said that nobody came.
        is_watching = opened.watches and self._missed is None and self._visit is None
        if reading is None and is_watching and self._pending.is_due:
            reading = self._pending.watched(proves=True, lost=POOR if opened.is_poor else "")
            opened.watched()
        if warnings == opened.told:
            return reading
        opened.told = warnings
        return structs.replace(reading or Reading(punches=()), warnings=warnings)

    @property
    def _opened(self) -> Opened:
        if self._open is None:
            raise TimedOut(f"{self._where}: not open")
        return self._open
