"""How many rows the terminal should have by now, and what to do when it says otherwise.

Live events are a hint and the log is the truth: a terminal that counts more than was read and heard
has a punch we do not know. Its count can also be useless (access firmware always says 0, a WL20
says nothing, a full log stays at its capacity); while it stays so, such a terminal is simply read
again at times. An empty log that says 0 may be either.
"""

from enum import Enum, auto

from drivers.zkteco.dialogue import Sizes

BLIND_CHECKS = 15
"""A terminal whose count says nothing is read again after this many checks."""


class Verdict(Enum):
    """What one comparison says."""

    AGREES = auto()
    DOUBTFUL = auto()  # an event may still be on its way: compare again in a moment
    READ_AGAIN = auto()


class Tally:
    """The count after one complete read, moved on by what is heard since."""

    def __init__(self, before: Sizes, after: Sizes, rows: int, unlisted: int) -> None:
        """Begin from a read.

        Args:
            before: sizes before the table was read, `after` those after.
            rows: how many rows the table had.
            unlisted: live events heard so far that are not among them.
        """
        first, last = before.records, after.records
        self._useless = _says_nothing(after)
        self._count = last
        self._expected = rows + unlisted
        if first is not None and last is not None and first == last < rows:
            self._expected = last + unlisted  # it counts fewer than it has, and goes on doing so
        self._blind_checks = 0
        self._doubted = False
        self.agreed = None if self._useless else last
        """The terminal's own count when it last agreed with what was read and heard."""
        counts = [count for count in (first, last) if count is not None]
        self.complete = rows >= min(counts, default=0)
        """Whether the read brought all the rows that the terminal says it has."""

    def heard(self, events: int) -> None:
        """Count live events that came since."""
        self._expected += events

    def compare(self, sizes: Sizes) -> Verdict:
        """Judge the terminal's count of this moment."""
        if self._useless and sizes.records == self._count:
            self._blind_checks += 1
            again = self._blind_checks >= BLIND_CHECKS
            return Verdict.READ_AGAIN if again else Verdict.AGREES
        if sizes.records == self._expected:
            self._doubted = False
            self.agreed = sizes.records
            return Verdict.AGREES
        if self._doubted:
            return Verdict.READ_AGAIN
        self._doubted = True
        return Verdict.DOUBTFUL


def _says_nothing(sizes: Sizes) -> bool:
    if not sizes.records:
        return True
    return bool(sizes.capacity) and sizes.records >= (sizes.capacity or 0)
