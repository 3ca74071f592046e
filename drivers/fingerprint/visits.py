"""Who is at the glass: one visit from a finger's coming to its going, and who gave up.

A visit makes one punch at most, however long the finger lies there. Somebody whom the module does
not find tries again; only who gives up is told, as a stranger. No I/O, no clock: times are given,
in seconds of `time.monotonic`.
"""

import secrets
from typing import Final

from msgspec import Struct

STRANGER: Final = "?"
"""Before a name that nobody has it makes the user of a finger that nobody is known by."""

LIFTED_AFTER: Final = 2
"""So many pictures in a row without a finger mean that it has gone: one may have failed."""

TRIES: Final = 2
"""So often a finger is searched for in one visit: it may have been caught on its way down."""

UNSEEN_S: Final = 0.7
"""Who was not seen for so long may have made room for the next: it is asked who lies there."""

FORGOTTEN_S: Final = 5.0
"""A finger that was seen last so long ago, while the module was away, is another visit now.

Whether it was lifted meanwhile nobody knows. Were it taken for the same visit, somebody who has
come again would have no punch, and could not see it; taken for another one, who never went has two,
of which central marks the second as a repeat. A punch too many is seen and mended; one that was
lost is not.
"""


class Visit(Struct):
    """A finger that lies there.

    Attributes:
        terminal: serial of the module.
        began_s: when it came; `seen_s`: when it was seen last.
        retries: readings that were not good enough, or found nobody.
        misses: searches that found nobody.
        is_over: all that it can become has been said; what follows is its going.
        user: who it was, once that was told.
        absent: pictures in a row without it.
    """

    terminal: str
    began_s: float
    seen_s: float
    retries: int = 0
    misses: int = 0
    is_over: bool = False
    user: str | None = None
    absent: int = 0

    def goes_on(self, terminal: str, at_s: float) -> bool:
        """Whether a finger on the module that is open now, after it was away, is this visit."""
        return terminal == self.terminal and at_s - self.seen_s <= FORGOTTEN_S

    def goes(self) -> bool:
        """Take in a picture without it; return whether it has gone."""
        self.absent += 1
        return self.absent >= LIFTED_AFTER

    def stays(self, at_s: float) -> None:
        """Take in a picture with it, or what was made of one."""
        if self.user is not None and (self.absent or at_s - self.seen_s > UNSEEN_S):
            self.is_over, self.misses = False, 0
        self.absent, self.seen_s = 0, at_s


class Missed(Struct):
    """Somebody whom the module did not find, and who may be trying again.

    Attributes:
        terminal: serial of the module that did not.
        user: a name that nobody else ever gets.
        since_s: when they came first.
        until_s: when they count as gone; None while the finger lies there.
        visits: how often they tried.
    """

    terminal: str
    since_s: float
    raw: bytes
    user: str
    until_s: float | None = None
    visits: int = 1

    def is_gone(self, at_s: float) -> bool:
        """Whether they have given up."""
        return self.until_s is not None and at_s >= self.until_s


def stranger() -> str:
    """Return a user that is nobody, and no other stranger."""
    return STRANGER + secrets.token_hex(8)
