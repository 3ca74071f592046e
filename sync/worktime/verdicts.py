"""Verdicts: what a duty comes to. The words are those of screens and recaps."""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from sync.worktime.duties import Duty
from sync.worktime.rules import Reason


class Verdict(StrEnum):
    """Of a half (arrival, departure) or of a whole duty; each says which."""

    PRESENT = "hadir"  # both: for a half, in time
    LATE = "terlambat"  # arrival
    EARLY = "pulang sebelum waktunya"  # departure
    MISSING = "tidak ada presensi"  # half: proved that there was none
    NOT_ASKED = "tidak perlu"  # half: within a block, or without a window
    EXCUSED = "izin"  # both: by an absence, whose reason is the word to show
    ABSENT = "tanpa keterangan"  # duty: proved that there was nothing, and nobody said why
    PENDING = "berlangsung"  # both: not over yet
    OUTAGE = "alat mati"  # both: a proved outage, where a better punch could stand
    INCOMPLETE = "belum lengkap"  # both: not read yet, where a better punch could stand
    UNSURE = "jam belum pasti"  # both: a person decides


OPEN = (Verdict.PENDING, Verdict.OUTAGE, Verdict.INCOMPLETE, Verdict.UNSURE)
"""Nothing adverse can be said. What is first here is said first, of a half and of a duty."""


class Half(Struct, frozen=True, kw_only=True, gc=False):
    """What the arrival or the departure of a duty comes to.

    Attributes:
        at: when the punch was that counts; None without one.
        ref: that punch.
        minutes: whole minutes late or early, the fewest that it can have been; only of LATE, EARLY.
        code: the class (TL1.., PSW1..); only of LATE, EARLY and MISSING; "" below the first one.
        refs: every punch of this half, in order of time.
    """

    verdict: Verdict
    at: int | None = None
    ref: str = ""
    minutes: int = 0
    code: str = ""
    refs: Sequence[str] = ()


class Shares(Struct, frozen=True, kw_only=True, gc=False):
    """Every minute of a duty, judged once: their sum is its length."""

    present: int = 0
    late: int = 0
    early: int = 0
    absent: int = 0
    excused: int = 0
    unproved: int = 0
    pending: int = 0


class Judged(Struct, frozen=True, kw_only=True, gc=False):
    """A duty, judged.

    Attributes:
        reason, reference: of the absence that speaks of the day, even if the person was here.
        between: punches after the arrivals' window and before the departures'.
        uncounted: punches in its windows that prove too little: no second factor, no grant.
    """

    duty: Duty
    arrival: Half
    departure: Half
    verdict: Verdict
    shares: Shares
    reason: Reason | None = None
    reference: str = ""
    between: Sequence[str] = ()
    uncounted: Sequence[str] = ()

    @property
    def word(self) -> str:
        """What to show: the verdict, or the reason of an absence."""
        if self.verdict is Verdict.EXCUSED and self.reason:
            return self.reason.value
        return self.verdict.value

    @property
    def was_here(self) -> bool:
        """Whether a punch of this duty counts, whatever else is open."""
        return bool(self.arrival.refs or self.departure.refs or self.between)
