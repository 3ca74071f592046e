"""What an audit found: for each epoch, what is held of it and every place that does not hold."""

from bisect import insort
from typing import Final

from msgspec import Struct, field

SHOWN: Final = 20
"""Places that do not hold which are named; the others are counted."""


class Fault(Struct, frozen=True, order=True):
    """A place that does not hold: the entry's seq (0 for the epoch itself), and what is wrong."""

    seq: int
    what: str


class Verdict(Struct, kw_only=True):
    """What was found of one epoch, or of the heads of the night. Counts grow while it is looked at.

    Attributes:
        entries: held, wherever they belong; lost: which nobody has.
        islands, branches: held behind the prefix, and beside it or in a lost range.
        heads, nights: signed heads of the day, and heads of the night, that agree.
        faults: the first ones by seq; wrong: how many there are.
        notes: what could not be proved, and is no fault.
    """

    kiosk: str
    epoch: str
    entries: int = 0
    through: int = 0
    lost: int = 0
    islands: int = 0
    branches: int = 0
    signed_through: int = 0
    heads: int = 0
    nights: int = 0
    wrong: int = 0
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def fault(self, seq: int, what: str) -> None:
        """Note a place that does not hold."""
        self.wrong += 1
        insort(self.faults, Fault(seq, what))
        del self.faults[SHOWN:]

    def note(self, what: str) -> None:
        """Note what could not be proved, once."""
        if what not in self.notes and len(self.notes) < SHOWN:
            self.notes.append(what)

    @property
    def holds(self) -> bool:
        """Return whether nothing is wrong."""
        return not self.wrong

    @property
    def words(self) -> str:
        """Return the verdict for people, a line or a few."""
        counted = [
            f"{self.entries} entries" if self.entries else "",
            f"linked to {self.through}" if self.through else "",
            f"signed by the device to {self.signed_through}" if self.signed_through else "",
            f"{self.heads} heads of the day" if self.heads else "",
            f"{self.nights} nights" if self.nights else "",
            f"{self.lost} lost" if self.lost else "",
            f"{self.islands} in islands" if self.islands else "",
            f"{self.branches} in branches" if self.branches else "",
        ]
        first = f"HOLDS: {', '.join(filter(None, counted)) or 'nothing yet'}"
        if self.faults:
            at = self.faults[0]
            place = f"entry {at.seq}: " if at.seq else ""
            more = f" (and {self.wrong - 1} more)" if self.wrong > 1 else ""
            first = f"DOES NOT HOLD: {place}{at.what}{more}"
        lines = [f"{self.kiosk} {self.epoch}: {first}", *(f"  note: {one}" for one in self.notes)]
        return "\n".join(lines)
