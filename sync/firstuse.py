"""What msgspec has to know of our types, made while there is one thread.

msgspec makes it when a type is decoded for the first time. Two threads that do that at one moment
end the process by a segmentation fault: one finds what the other has only half made (0.22, seen).
So whoever starts threads calls `prepare` before, and again once all that is imported late is there.
"""

from contextlib import suppress

import msgspec
from msgspec import Struct


def prepare() -> int:
    """Make what is needed of every type there is; return how many there are."""
    found = list(_below(Struct))
    for one in found:
        with suppress(TypeError, NameError):  # of no message: it holds functions, or the like
            msgspec.json.Decoder(one)
    return len(found)


def _below(base: type[Struct]) -> set[type[Struct]]:
    below = set(base.__subclasses__())
    return below.union(*map(_below, below)) if below else below
