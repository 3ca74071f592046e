"""Proving: whether a punch proves enough of who it was, for the duty that it would count for.

The one answer to that: the judge (`placing.py`) and a kiosk's screen (`decide.py`) both ask here.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from sync.worktime.book import Book
from sync.worktime.duties import Duty
from sync.worktime.evidence import Punch
from sync.worktime.rules import Demand, PinGrant

PROVES_WHO: Final = frozenset({"fingerprint", "face", "palm"})
"""Methods that serve as a second factor, in drivers' words."""


class Proving:
    """What the punches of one person prove, by a rule book and that person's PIN grants."""

    def __init__(self, book: Book, grants: Iterable[PinGrant]) -> None:
        self._book = book
        self._grants = tuple(grants)

    def lacks(self, punch: Punch, duty: Duty, among: Sequence[Punch]) -> Demand:
        """Return what it needs for the duty's regulation and has not, with the second factor one
        of `among`; NOTHING where it proves enough.
        """
        rule = duty.rule
        demand = rule.demands.get(punch.method, Demand.NOTHING)
        match demand:
            case Demand.GRANT:
                has_it = any(grant.covers(duty.day) for grant in self._grants)
            case Demand.SECOND:
                has_it = self._is_seconded(punch, rule.second_within_s * 1000, duty.day, among)
            case _:
                has_it = True
        return Demand.NOTHING if has_it else demand

    def _is_seconded(self, punch: Punch, within_ms: int, day: date, among: Sequence[Punch]) -> bool:
        """Return whether a finger or a face among these can have been near enough to it."""
        place = (punch.kiosk, punch.source)
        return any(
            other.method in PROVES_WHO
            and abs(other.at - punch.at) - other.error_ms - punch.error_ms <= within_ms
            and self._book.are_paired(place, (other.kiosk, other.source), day)
            for other in among
        )
