"""Classes: how many minutes late or early a moment is for a duty, and what that is called."""

from collections.abc import Sequence

from sync.worktime.duties import MINUTE_MS, Duty
from sync.worktime.rules import Step


def late_min(duty: Duty, at: int) -> int:
    """Return whole minutes after the latest arrival; none within the grace."""
    minutes = max(0, at - duty.start - duty.flex_ms) // MINUTE_MS
    return minutes if minutes > duty.rule.grace_min else 0


def early_min(duty: Duty, at: int, shift_ms: int = 0) -> int:
    """Return whole minutes before the end, put off by `shift_ms`; none within the grace."""
    minutes = max(0, duty.end + shift_ms - at) // MINUTE_MS
    return minutes if minutes > duty.rule.leave_grace_min else 0


def shift_ms(duty: Duty, at: int) -> int:
    """Return how much later than planned one leaves who came `at`: flexible hours."""
    return min(max(0, at - duty.start), duty.flex_ms)


def code_of(table: Sequence[Step], minutes: int) -> str:
    """Return the class of so many minutes; "" for none."""
    code = ""
    for step in table:
        if step.from_min > minutes:
            break
        code = step.code
    return code
