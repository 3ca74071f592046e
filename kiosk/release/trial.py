"""Is a new release healthy? Pure: looks in, a verdict out.

    phase      what is seen                                         then
    BEGUN      `current` is still the earlier one                   DROP: the power failed before
                                                                    the switch; nothing was changed
    BEGUN      `current` is the new one                             as ON_TRIAL
    ON_TRIAL   healthy for SETTLE_S without a restart               KEEP
    ON_TRIAL   not healthy when the time is over                    RETURN
    ON_TRIAL   the machine was started for the STARTS_MOST-th time  RETURN
    ON_TRIAL   else                                                 WAIT
    RETURNING  anything                                             RETURN: it was cut; once more

Healthy is: the daemon answers under the new version, and nothing is bad that was not before. Time
is counted by the machine's uptime, which nobody can step; each start of it counts anew.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct, structs

SETTLE_S: Final = 120.0
"""So long it must be well without a break: longer than any back-off, watchdog or first read."""

WITHIN_S: Final = 900.0
"""So much time it has, unless the technician says otherwise."""

STARTS_MOST: Final = 4
"""A release with which the machine does not stay up returns at the next start after these."""


class Phase(StrEnum):
    """How far a trial has come; on disk before what it announces is done."""

    BEGUN = "begun"
    ON_TRIAL = "on trial"
    RETURNING = "returning"


class Verdict(StrEnum):
    """What is to be done."""

    WAIT = "wait"
    KEEP = "keep"
    RETURN = "return"
    DROP = "drop"


class Look(Struct, frozen=True, kw_only=True):
    """What is seen of the kiosk at one moment.

    Attributes:
        boot: this start of the machine.
        up_s: seconds since it.
        version: of the daemon that answers; "" for none.
        bad: titles of what is bad, as the doctor says.
        restarts: how often systemd has started the daemon anew since it was told to.
    """

    boot: str
    up_s: float
    version: str
    bad: Sequence[str] = ()
    restarts: int = 0


class Trial(Struct, frozen=True, kw_only=True):
    """A release on trial, as it stands in a file.

    Attributes:
        version, earlier: the new release, and the one to return to.
        bad_before: what was bad already when it began.
        within_s: how much time it has after a start.
        copies: the directory with the databases as they were before a migration; "" for none.
        boot, since_s, starts: the start of the machine in which it runs, the uptime from which time
            is counted, the how-many-th start it is.
        well_since_s, restarts: since when it is healthy, with how many restarts; None for not.
        why: why it returns, once it does.
    """

    version: str
    earlier: str
    phase: Phase
    boot: str
    since_s: float
    bad_before: Sequence[str] = ()
    within_s: float = WITHIN_S
    copies: str = ""
    starts: int = 1
    well_since_s: float | None = None
    restarts: int = 0
    why: str = ""


class Ended(Struct, frozen=True, kw_only=True):
    """How the last trial ended, for people.

    Attributes:
        kept: whether the new release holds.
        why: what was not well, where it does not.
        utc: milliseconds, by the machine's clock.
    """

    version: str
    earlier: str
    kept: bool
    why: str
    utc: int


def judge(trial: Trial, look: Look, current: str) -> tuple[Trial, Verdict]:
    """Return the trial after a look, and what is to be done; `current` is what holds."""
    if trial.phase is Phase.RETURNING:
        return trial, Verdict.RETURN
    if trial.phase is Phase.BEGUN:
        if current != trial.version:
            return trial, Verdict.DROP
        trial = structs.replace(trial, phase=Phase.ON_TRIAL)
    if look.boot != trial.boot:
        trial = structs.replace(
            trial, boot=look.boot, since_s=look.up_s, starts=trial.starts + 1, well_since_s=None
        )
    if trial.starts >= STARTS_MOST:
        return _returns(trial, f"the machine was started {trial.starts} times during the trial")
    ails = ailing(trial, look)
    if not ails and (trial.well_since_s is None or look.restarts != trial.restarts):
        trial = structs.replace(trial, well_since_s=look.up_s, restarts=look.restarts)
    elif ails:
        trial = structs.replace(trial, well_since_s=None)
    if trial.well_since_s is not None and look.up_s - trial.well_since_s >= SETTLE_S:
        return trial, Verdict.KEEP
    over_s = look.up_s - trial.since_s - trial.within_s
    if over_s < 0 or (not ails and over_s < 2 * SETTLE_S):  # well at last: it may settle
        return trial, Verdict.WAIT
    minutes = trial.within_s / 60
    return _returns(trial, f"after {minutes:g} minutes: {ails or 'it was started again and again'}")


def ailing(trial: Trial, look: Look) -> str:
    """Return what is not well; "" for nothing."""
    if not look.version:
        return "the daemon does not answer"
    if look.version != trial.version:
        return f"it is release {look.version} that answers"
    worse = [title for title in look.bad if title not in trial.bad_before]
    return f"bad, and not before: {', '.join(worse)}" if worse else ""


def _returns(trial: Trial, why: str) -> tuple[Trial, Verdict]:
    return structs.replace(trial, phase=Phase.RETURNING, why=why), Verdict.RETURN
