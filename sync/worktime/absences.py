"""Absences: which one speaks of a day, and whether it excuses."""

from collections.abc import Iterable
from datetime import date

from sync.worktime.rules import Absence, Reason


def absence_on(absences: Iterable[Absence], day: date) -> Absence | None:
    """Return the one that holds: of those that excuse, if any does, the one that began last."""
    return max((row for row in absences if row.covers(day)), key=_weight, default=None)


def excuses(absence: Absence | None) -> bool:
    """Return whether it is a reason; what a person calls unexplained is none."""
    return absence is not None and absence.reason is not Reason.UNEXPLAINED


def _weight(row: Absence) -> tuple[bool, date, str, str]:
    return excuses(row), row.since or date.min, row.reason.value, row.reference
