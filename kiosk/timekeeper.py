"""Keeps the journal told of the time: fixes of the clock, what contradicts them, who witnessed.

It looks once a second whether something is to be recorded, which is rarely: at the first truth of a
boot, at a step, at a much better fix, once a day. With every fix the journal keeps what the next
start must know, in the same commit.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import msgspec
from msgspec import Struct, structs

from kiosk.clock import TrustedClock
from kiosk.local import CannotDo
from kiosk.truth import SHELF_MS, Answer, Claim, Memory, Verdict
from sync.journal.journal import Draft, Journal, Position
from sync.protocol import entry
from sync.protocol.entry import Anchor
from sync.protocol.errors import Malformed
from sync.protocol.moments import NEVER_BEFORE_MS, Witness, drifted, vouched

log = logging.getLogger(__name__)

_POSITION: Final = ".clock"
"""Under this name, which no source may have, stands the last fix that was recorded."""

_LAST_MS: Final = 253_402_300_800_000
"""The year 10000, milliseconds UTC: no calendar here goes so far."""

_TURN_S: Final = 1.0


class _Kept(Struct, frozen=True):
    """The last fix gone by, of which boot, and whether receipts contradict each other."""

    boot: str
    fix: Witness
    doubted: bool = False


class Timekeeper:
    """Records what `clock` learns into `journal`."""

    def __init__(self, clock: TrustedClock, journal: Journal) -> None:
        self._clock = clock
        self._journal = journal
        self._lock = threading.Lock()

    def run(self, stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
        """Look until `stopping()`. Raises JournalError."""
        pause = threading.Event()
        while not stopping():
            beat()
            self.record()
            pause.wait(_TURN_S)

    def on_time(self, utc: int, error: int) -> None:
        """A receipt that answers our latest hello says what time it is now (milliseconds)."""
        self._clock.told(utc, error, Anchor.RECEIPT)

    def witness(self, actor: str, utc: int, error: int, sure: bool) -> Answer:
        """Take a technician's word for what time it is now, and record it if it is believed.

        Raises JournalError: it is recorded later.
        """
        answer = self._clock.told(utc, error, Anchor.TECHNICIAN, sure)
        if answer.verdict in (Verdict.TAKEN, Verdict.FITS):
            detail = {"error": f"{error} ms", "verdict": answer.verdict.value}
            if sure:
                detail["sure"] = "yes"
            fix = Witness(self._clock.stamp().up, utc, error, Anchor.TECHNICIAN)
            self._clock.claim(Claim(fix=fix, actor=actor, action="witness", detail=detail))
            self.record()
        return answer

    def record(self) -> None:
        """Record everything that is to be recorded now. Raises JournalError."""
        with self._lock:  # two of us would record it twice
            while (claim := self._clock.due()) is not None:
                self._append(claim)

    def _append(self, claim: Claim) -> None:
        at, drafts, position = self._clock.stamp(), [], None
        fix = claim.fix
        if fix is not None:
            utc = fix.utc + at.up - fix.up
            error = fix.error + drifted(at.up - fix.up)
            told = entry.Clock(at=at, utc=utc, error=error, anchor=fix.anchor)
            drafts.append(Draft(entry.encode(told)))
            # What was recorded may be no better than what the clock goes by, or contradict it.
            own, doubted = self._clock.goes_by()
            kept = _Kept(at.boot, own or fix, doubted)
            position = Position(_POSITION, msgspec.json.encode(kept))
        if claim.detail:
            said = ", ".join(f"{name} {text}" for name, text in claim.detail.items())
            log.warning("%s by %s: %s", claim.action, claim.actor, said)
            audit = entry.Audit(at=at, actor=claim.actor, action=claim.action, detail=claim.detail)
            drafts.append(Draft(entry.encode(audit)))
        self._journal.append(drafts, position)
        self._clock.recorded(claim)


def witnessed(timekeeper: Timekeeper, said: Mapping[str, str]) -> str:
    """Carry out what `kiosk clock witness` asks for; return what is done. Raises CannotDo."""
    try:
        actor, utc, error = said["by"], int(said["utc"]), int(said["error"])
    except (KeyError, ValueError) as wrong:
        raise CannotDo(f"witness: by, utc and error (ms) are needed: {wrong}") from wrong
    if error < 0 or not 0 <= utc < _LAST_MS:
        raise CannotDo(f"witness: no time is {utc} ms, give or take {error} ms")
    answer = timekeeper.witness(actor, utc, error, said.get("sure") == "yes")
    match answer.verdict:
        case Verdict.TAKEN:
            return "recorded; the clock goes by it until something better comes"
        case Verdict.FITS:
            return "recorded as a witness; it agrees with the clock, which is at least as good"
        case _:
            raise CannotDo(answer.why)


def remembered(journals: Sequence[Journal]) -> Memory:
    """Return what `journals`, oldest first, say of the time. Raises JournalError.

    Known is what a fix or the kernel vouched for; an unproved wall only says where the clock was,
    and a later truth puts an end to what it said. So one that was years ahead is forgotten with it.
    """
    memory = Memory()
    for journal in journals:
        kept = _kept(journal)
        if kept is not None:
            known = max(kept.fix.utc - kept.fix.error, NEVER_BEFORE_MS)
            memory = Memory(known, known, kept.boot, kept.fix, kept.doubted)
        memory = _shown(journal, memory)
    return memory


def _kept(journal: Journal) -> _Kept | None:
    found = journal.reader.position(_POSITION)
    with suppress(msgspec.DecodeError):  # of another version: then the newest entry's stamp counts
        return None if found is None else msgspec.json.decode(found, type=_Kept)
    return None


def _shown(journal: Journal, memory: Memory) -> Memory:
    """Return `memory` with what the newest entry's stamp adds to it."""
    for row in journal.reader.rows(journal.span().last):
        with suppress(Malformed):  # an entry of a newer version must not keep us from starting
            at = entry.written_at(row.body) if row.body is not None else None
            own = None if at is None else vouched(at)
            if own is not None and own.is_plausible:
                known = max(memory.known, own.utc - own.error)
                return structs.replace(memory, known=known, believed=max(known, own.utc))
            if at is not None and at.wall <= max(memory.known, NEVER_BEFORE_MS) + SHELF_MS:
                return structs.replace(memory, believed=max(memory.believed, at.wall))
    return memory
