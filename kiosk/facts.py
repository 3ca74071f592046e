"""What is found out about one part of a kiosk, for a person: how it is, and what to do."""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct


class State(StrEnum):
    """How something is; each has a symbol and a word beside its colour."""

    GOOD = "good"
    LOOK = "look"  # it works, and somebody should look
    BAD = "bad"


STATES = {State.GOOD: "baik", State.LOOK: "perhatikan", State.BAD: "gangguan"}
"""The states in words."""


class Fact(Struct, frozen=True, kw_only=True):
    """One part of the kiosk: what it is, how it is, and what to do.

    Attributes:
        rows: (what, value), for people.
        advice: sentences that say what is wrong and what to do.
        source: the source's name, where something can be asked of it.
    """

    title: str
    state: State
    said: str
    rows: Sequence[tuple[str, str]] = ()
    advice: Sequence[str] = ()
    source: str = ""


def worst(found: Sequence[Fact]) -> State:
    """Return the state of the whole."""
    states = {one.state for one in found}
    return next((one for one in (State.BAD, State.LOOK) if one in states), State.GOOD)
