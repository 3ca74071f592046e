"""One presence for as long as a thing is held before a reader, which says it again and again. Pure.

A thing has gone when it was not said for a while; each word of it begins that time anew. Two things
said by turns are two presences, not one for each turn.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

NEAR_MOST: Final = 64
"""So many things are remembered at a time; of more the one that was said longest ago is not."""


class Latch:
    """What is before one reader."""

    def __init__(self, gone_s: float) -> None:
        self._gone_s = gone_s
        self._said_s: OrderedDict[Hashable, float] = OrderedDict()

    def comes(self, thing: Hashable, at_s: float) -> bool:
        """Take in that a thing was said at `at_s` of a rising clock; return whether it has come.

        False where it was there already.
        """
        before = self._said_s.pop(thing, None)
        self._said_s[thing] = at_s
        if len(self._said_s) > NEAR_MOST:
            self._said_s.popitem(last=False)
        return before is None or at_s - before >= self._gone_s
