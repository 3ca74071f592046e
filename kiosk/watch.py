"""Whether somebody watched: for how long a source's terminal may have been dead, unseen by us.

A terminal's record can be read completely and yet prove nobody's absence: while it had no power,
nobody could punch. Alive is what answers; so what is remembered is when it last did.
"""

from typing import Final

from sync.protocol import entry
from sync.protocol.entry import Stamp

LEAST_MS: Final = 120_000
"""Shorter is not recorded: who stands before a terminal that restarts waits for it."""


class Watch:
    """When the terminal of one source last answered.

    `notice_s`: so late, at most, its driver notices that it answers no more.
    """

    def __init__(self, source: str, notice_s: float) -> None:
        self._source = source
        self._notice_ms = round(notice_s * 1000)
        self._watching = self._is_new = False
        self.heard: Stamp | None = None

    def remember(self, heard: Stamp | None, *, in_new_epoch: bool) -> None:
        """Take up what an earlier process knew, where this one has heard nothing yet.

        In a new epoch it is recorded however short it was: who begins one without knowing when
        the terminal last answered, as on a new card, says nothing, and is known by that.
        """
        if self.heard is None:
            self.heard = heard
        self._is_new = in_new_epoch

    def answered(self, at: Stamp) -> None:
        """The terminal answers, or its driver would have noticed."""
        self._watching, self.heard = True, at

    def ended(self) -> None:
        """The connection is over."""
        self._watching = False

    def regained(self, at: Stamp, serial: str) -> entry.Unwatched | None:
        """Return what is to be recorded now that a terminal answers again; None for nothing."""
        if self._watching or self.heard is None:
            return None
        short = self.heard.boot == at.boot and at.up - self.heard.up < LEAST_MS
        if short and not self._is_new:
            return None
        self._is_new = False
        return entry.Unwatched(
            at=at, source=self._source, terminal=serial, since=self.heard, before=self._notice_ms
        )
