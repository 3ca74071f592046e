"""What a module answers, and how long it may take: each kind of command has its deadline. Pure."""

from typing import Final

from msgspec import Struct

from drivers.errors import TimedOut
from drivers.fingerprint.codes import Code, Kind, Meaning, Op, meaning
from drivers.fingerprint.packets import Frame, Pid

TRIVIAL_S: Final = 1.0
"""How long a module may take for what it has at hand."""

LOOK_S: Final = 1.0
"""How long for a picture, twice what the slowest takes; while it is waited for a finger may go."""

EXTRACT_S: Final = 1.2
"""How long for the features of a picture, likewise."""

SLOW_S: Final = 3.0
"""How long it may take to search, to write its flash; and for what it did not do in time before,
at the last try: a module that is slower than any we know is slow, and not dead."""

KNOCK_CODES: Final = frozenset({Code.OK, Code.WRONG_PASSWORD, Code.WRONG_ADDRESS})
"""What the first command may be answered with; anything else answers what was asked before it: that
a password is wanted, too, which every other command is answered with until it is shown."""

FENCE_CODES: Final = frozenset({Code.OK, Code.PASSWORD_WANTED})
"""What a fence may be answered with."""


class Unanswered(TimedOut):
    """One command was not answered, and must not be said again: whether it was done is open."""


class Answer(Struct, frozen=True):
    """What a module answered: its code, and what followed it."""

    code: Code
    body: bytes = b""

    @property
    def meaning(self) -> Meaning:
        """Return what the code means."""
        return meaning(self.code)

    @property
    def is_ok(self) -> bool:
        """Whether it was done."""
        return self.meaning.kind is Kind.OK


class Fence(Struct, frozen=True):
    """A question whose answer, `size` bytes after the code, is like that of no other."""

    op: Op
    size: int
    args: bytes = b""


def read(frame: Frame) -> Answer | None:
    """Return a frame as an answer; None where it is none."""
    if frame.pid is not Pid.ACK:
        return None
    return Answer(Code(frame.content[0]), frame.content[1:])
