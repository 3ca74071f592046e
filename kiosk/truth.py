"""How far this boot's clock can be trusted: the one table of its states. Pure: readings come in.

A Raspberry Pi wakes with any date. What can be relied on is CLOCK_BOOTTIME, which nobody can step;
the truth about one moment of it is the truth about all of them, to `DRIFT_PPM`. So the kiosk's
belief is one **fix**, a moment of this boot whose time is known, and what has passed since.

Theory. Three witnesses give a fix. The kernel (NTP) says at every look whether its clock is
synchronised; its word always counts and nobody overrides it. A receipt of central's counts where
there is no NTP, a technician's word where there is neither. A told time that fits makes a new fix
only where it is better by `BETTER`; one that does not fit

    is refused      if it is before the last known time, or beyond `SHELF_MS` after it
    is not taken    if the fix is the kernel's or a technician's: it is noted as a contradiction
    throws doubt    if the fix is a receipt's too: the error then covers both, until one of
                    the others speaks

    state       what happens    next        the belief
    UNKNOWN     KERNEL          SYNCED      before: the wall, never below the last known time
    UNKNOWN     TOLD            WITNESSED
    UNKNOWN     RESUMED         HOLDOVER    the daemon was restarted within the boot
    WITNESSED   KERNEL          SYNCED      the fix and what has passed; the error grows
    WITNESSED   TOLD            WITNESSED
    WITNESSED   CONTRADICTED    DOUBTED
    DOUBTED     KERNEL          SYNCED      as before, and the error covers both claims
    DOUBTED     TOLD            WITNESSED   by a technician
    SYNCED      KERNEL          SYNCED      the wall, as the kernel has it
    SYNCED      LAPSED          HOLDOVER
    HOLDOVER    KERNEL          SYNCED      the last wall that was synchronised and what has passed
    HOLDOVER    TOLD            WITNESSED

So within a boot the belief never goes back unless the truth says so, whatever is done to the wall.
"""

from collections import deque
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from msgspec import Struct, structs

from sync.machine import Reading
from sync.protocol.entry import Anchor, Stamp
from sync.protocol.moments import NEVER_BEFORE_MS, SYNCED_LEAST_MS, Witness, drifted

BETTER: Final = 4
"""A told time replaces a fix that fits only if its error is so many times smaller."""

SHELF_MS: Final = 5 * 365 * 86_400_000
"""Longest that a kiosk lies unused: a clock further ahead of the last known time is broken."""

CENTRAL_LEAST_MS: Final = 1000
"""What a receipt does not say: how far central's own clock may be off."""

LATENESS_MOST_MS: Final = 120_000
"""With a greater error nobody is shown minutes of lateness."""

RECORD_LEAST_MS: Final = 600_000
"""Least time between two recorded fixes of the kernel's: the journal lives on an SD card."""

RECORD_MOST_MS: Final = 86_400_000
"""A synchronised clock is recorded again after this time."""

NOTE_LEAST_MS: Final = 3_600_000
"""Least time between two notes of one witness's contradictions."""


class Trust(Enum):
    """How far the clock can be trusted; see the head of this file."""

    UNKNOWN = "unknown"
    WITNESSED = "witnessed"
    DOUBTED = "doubted"
    HOLDOVER = "holdover"
    SYNCED = "synced"


class Event(Enum):
    """What may happen to it."""

    KERNEL = "kernel"  # the kernel calls its clock synchronised
    LAPSED = "lapsed"  # it does not any more
    RESUMED = "resumed"  # a fix of this boot is remembered
    TOLD = "told"  # somebody told the time, and it is believed
    CONTRADICTED = "contradicted"  # two receipts cannot both be right


_NEXT: Final = {
    (Trust.UNKNOWN, Event.KERNEL): Trust.SYNCED,
    (Trust.UNKNOWN, Event.TOLD): Trust.WITNESSED,
    (Trust.UNKNOWN, Event.RESUMED): Trust.HOLDOVER,
    (Trust.WITNESSED, Event.KERNEL): Trust.SYNCED,
    (Trust.WITNESSED, Event.TOLD): Trust.WITNESSED,
    (Trust.WITNESSED, Event.CONTRADICTED): Trust.DOUBTED,
    (Trust.DOUBTED, Event.KERNEL): Trust.SYNCED,
    (Trust.DOUBTED, Event.TOLD): Trust.WITNESSED,
    (Trust.SYNCED, Event.KERNEL): Trust.SYNCED,
    (Trust.SYNCED, Event.LAPSED): Trust.HOLDOVER,
    (Trust.HOLDOVER, Event.KERNEL): Trust.SYNCED,
    (Trust.HOLDOVER, Event.TOLD): Trust.WITNESSED,
}


class Memory(Struct, frozen=True):
    """What is known from before this process.

    Attributes:
        known: it is certainly later than this, milliseconds UTC; 0 if nothing is known.
        believed: what the clock showed last, trusted or not; it does not start below.
        boot, fix: the last fix gone by, and of which boot.
        doubted: receipts of that boot contradict each other.
    """

    known: int = 0
    believed: int = 0
    boot: str = ""
    fix: Witness | None = None
    doubted: bool = False


class Claim(Struct, frozen=True):
    """What is to be recorded: a fix, what an auditor will ask about, or both."""

    fix: Witness | None = None
    actor: str = "kiosk"
    action: str = "clock"
    detail: dict[str, str] = {}


class Verdict(Enum):
    """What became of a time that was told."""

    TAKEN = "taken"
    FITS = "fits"  # nothing to gain from it
    DISPUTED = "disputed"
    REFUSED = "refused"


class Answer(Struct, frozen=True):
    """The verdict and, where the time was not believed, why."""

    verdict: Verdict
    why: str = ""


class Truth:
    """The states of one boot. Not safe for threads: `kiosk/clock.py` holds the lock."""

    def __init__(self, memory: Memory) -> None:
        self.trust = Trust.UNKNOWN
        self.fix: Witness | None = None
        self.recorded: list[Witness] = []  # of this boot, the latest last
        self.trouble = ""
        self.claims: deque[Claim] = deque()
        self._memory = memory
        self._begin: Reading | None = None
        self._lifted = max(memory.believed, NEVER_BEFORE_MS)
        self._lifted_up = 0
        self._noted_up: dict[Anchor, int] = {}

    def observe(self, reading: Reading) -> None:
        """Take in what the machine says now."""
        if self._begin is None:
            self._resume(reading)
        if reading.synced and reading.wall >= NEVER_BEFORE_MS:
            error = max(reading.error, SYNCED_LEAST_MS)
            seen = Witness(reading.up, reading.wall, error, Anchor.NTP)
            if self.fix is not None and not _fit(self.fix, seen):
                self._note(seen, "the kernel's clock was set", self.fix)
            elif reading.wall < self.known(reading.up):
                self._note(seen, "the kernel's clock is before the last known time", None)
            self.fix = seen
            self._enter(Event.KERNEL)
        elif self.trust is Trust.SYNCED:
            self._enter(Event.LAPSED)
        if self.fix is None:
            self._lift(reading)

    def utc(self, up: int) -> int:
        """Return what time this kiosk believes it to be at `up`, milliseconds UTC."""
        if self.fix is None:
            return self._lifted + up - self._lifted_up
        return self.fix.utc + up - self.fix.up

    def error(self, up: int) -> int | None:
        """Return how far that may be off, milliseconds; None where nobody knows."""
        return None if self.fix is None else self.fix.error + drifted(up - self.fix.up)

    def known(self, up: int) -> int:
        """Return the last known time: it is certainly later than that; 0 if nothing is known."""
        if not self._memory.known or self._begin is None:
            return self._memory.known
        return self._memory.known + max(0, up - self._begin.up)

    def may_show_lateness(self, up: int) -> bool:
        """Return whether the clock is good enough to tell somebody that they are late."""
        error = self.error(up)
        trusted = self.trust not in (Trust.UNKNOWN, Trust.DOUBTED)
        return trusted and error is not None and error <= LATENESS_MOST_MS

    def stamp(self, reading: Reading) -> Stamp:
        """Return the stamp of an entry written now; `reading` was the last one observed."""
        synced = self.trust is Trust.SYNCED
        return Stamp(
            wall=self.utc(reading.up),
            up=reading.up,
            boot=reading.boot,
            synced=synced,
            error=reading.error if synced else None,
        )

    # What the kiosk is told.

    def told(self, up: int, utc: int, error: int, anchor: Anchor, sure: bool = False) -> Answer:
        """Judge a time that a receipt or a technician tells; `sure` is a technician who insists."""
        least = CENTRAL_LEAST_MS if anchor is Anchor.RECEIPT else 0
        said = Witness(up, utc, error + least, anchor)
        why = self._impossible(said, sure)
        if why:
            return self._disputed(said, Verdict.REFUSED, why)
        if self.fix is None:
            return self._take(said)
        if anchor is Anchor.RECEIPT and self.trust is Trust.DOUBTED:
            return Answer(Verdict.DISPUTED, self.trouble)
        if _fit(self.fix, said):
            if anchor is Anchor.RECEIPT:
                self.trouble = ""
            # In doubt any better word of a technician is an end to it.
            better = 1 if self.trust is Trust.DOUBTED else BETTER
            if self.trust is not Trust.SYNCED and said.error * better <= _error(self.fix, up):
                return self._take(said)
            return Answer(Verdict.FITS)
        why = f"it is {_apart(said, self.fix)} from our own clock, which {_BY[self.fix.anchor]}"
        if anchor is Anchor.RECEIPT and self.fix.anchor is Anchor.RECEIPT:
            return self._doubt(said)
        if self.trust is Trust.SYNCED:
            why += " now: nobody overrules it. Is its server wrong? Then stop the NTP client first"
        elif sure:
            return self._take(said)
        return self._disputed(said, Verdict.DISPUTED, why)

    def _impossible(self, said: Witness, sure: bool) -> str:
        """Return why `said` cannot be the time; "" if it can."""
        if said.utc + said.error < NEVER_BEFORE_MS:
            return f"this software did not exist before {_text(NEVER_BEFORE_MS)}"
        if sure or (self.fix is not None and self.fix.anchor is not Anchor.RECEIPT):
            return ""  # a fix of this boot by a better witness says more than what was known before
        known = max(self.known(said.up), NEVER_BEFORE_MS)
        if said.utc + said.error < known:
            return f"it is before the last known time, {_text(known)}"
        if said.utc - said.error > known + SHELF_MS:
            return f"it is more than five years after the last known time, {_text(known)}"
        return ""

    def _take(self, said: Witness) -> Answer:
        self.fix = said
        self.trouble = ""
        self._enter(Event.TOLD)
        if said.anchor is Anchor.RECEIPT:  # a technician's word is recorded with their name
            self.claims.append(Claim(fix=said))
        return Answer(Verdict.TAKEN)

    def _doubt(self, said: Witness) -> Answer:
        """Two receipts cannot both be right: have the error cover both, and record the second."""
        fix = self.fix
        assert fix is not None  # noqa: S101 - the caller has looked
        why = f"two receipts contradict each other by {_apart(said, fix)}"
        ours, theirs = fix.span(said.up), said.span(said.up)
        low, high = min(ours.low, theirs.low), max(ours.high, theirs.high)
        self.fix = structs.replace(
            fix, error=max(self.utc(said.up) - low, high - self.utc(said.up))
        )
        self._enter(Event.CONTRADICTED)
        self.trouble = f"{why}: {_REPAIR}"
        self.claims.append(Claim(fix=said, detail=_detail(why, said, fix)))
        return Answer(Verdict.DISPUTED, why)

    def _disputed(self, said: Witness, verdict: Verdict, why: str) -> Answer:
        if said.anchor is Anchor.RECEIPT:
            self._note(said, f"central's clock is not believed: {why}", self.fix)
            self.trouble = f"central's clock shows {_text(said.utc)}: {why}; one of them is wrong"
        return Answer(verdict, why)

    # What is to be recorded.

    def due(self) -> Witness | None:
        """Return the kernel's fix, if it is to be recorded now."""
        fix = self.fix
        if self.trust is not Trust.SYNCED or fix is None:
            return None
        last = next((one for one in reversed(self.recorded) if one.anchor is Anchor.NTP), None)
        if last is None:
            return fix
        since = fix.up - last.up
        news = not _fit(last, fix) or fix.error * BETTER <= last.error
        return fix if since >= (RECORD_LEAST_MS if news else RECORD_MOST_MS) else None

    def remember(self, fix: Witness) -> None:
        """Note that `fix` is recorded."""
        self.recorded = [*self.recorded[-7:], fix]

    def _note(self, said: Witness, what: str, fix: Witness | None) -> None:
        noted_up = self._noted_up.get(said.anchor)
        if noted_up is None or said.up - noted_up >= NOTE_LEAST_MS:
            self._noted_up[said.anchor] = said.up
            self.claims.append(Claim(detail=_detail(what, said, fix)))

    # The belief.

    def _resume(self, reading: Reading) -> None:
        memory = self._memory
        self._begin, self._lifted_up = reading, reading.up
        if memory.fix is not None and memory.boot == reading.boot:
            self.fix = memory.fix
            self.recorded = [memory.fix]
            by_kernel = memory.fix.anchor is Anchor.NTP
            self._enter(Event.RESUMED if by_kernel else Event.TOLD)
            if memory.doubted:
                self._enter(Event.CONTRADICTED)
                self.trouble = "two receipts contradict each other: " + _REPAIR

    def _lift(self, reading: Reading) -> None:
        """Follow the wall while nothing better is known: never back, never beyond belief."""
        self._lifted = self.utc(reading.up)
        self._lifted_up = reading.up
        if reading.wall <= max(self.known(reading.up), NEVER_BEFORE_MS) + SHELF_MS:
            self._lifted = max(self._lifted, reading.wall)

    def _enter(self, event: Event) -> None:
        self.trust = _NEXT[self.trust, event]


_REPAIR: Final = "repair central's clock, then `kiosk clock witness`"

_BY: Final = {
    Anchor.NTP: "NTP keeps",
    Anchor.RECEIPT: "a receipt told",
    Anchor.TECHNICIAN: "a technician witnessed",
}


def _fit(one: Witness, other: Witness) -> bool:
    """Return whether both can be right."""
    apart = abs(other.utc - (one.utc + other.up - one.up))
    return apart <= other.error + _error(one, other.up)


def _error(fix: Witness, up: int) -> int:
    return fix.error + drifted(up - fix.up)


def _apart(said: Witness, fix: Witness) -> str:
    return f"{(said.utc - (fix.utc + said.up - fix.up)) / 1000:+.1f} s"


def _detail(what: str, said: Witness, fix: Witness | None) -> dict[str, str]:
    detail = {"what": what, "by": said.anchor.value, "says": _text(said.utc)}
    if fix is not None:
        detail |= {"ours": _text(fix.utc + said.up - fix.up), "apart": _apart(said, fix)}
    return detail


def _text(utc: int) -> str:
    try:
        return datetime.fromtimestamp(utc / 1000, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return f"{utc} ms"
