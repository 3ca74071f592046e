"""Health: what a kiosk says of itself beside its state, for whoever looks after a fleet.

It travels in `up/state`, unsigned and retained: nothing is decided by it. Of people it has nothing.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

MAX_SOURCES: Final = 64
"""So many sources are told of at most."""

MAX_STATE_BYTES: Final = 16 << 10
"""Longest state with health in it, bytes."""

_Count = Annotated[int, Meta(ge=0, le=2**53)]
_Name = Annotated[str, Meta(max_length=64)]


class SourceHealth(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one terminal is.

    Attributes:
        covered: up to which device time its record was read completely, ISO; "" for unknown.
        drift: the terminal's clock against ours, milliseconds; None where nobody knows.
        failures: in a row.
        warnings: how many things a technician should look at.
    """

    name: _Name
    connected: bool
    covered: _Name = ""
    drift: int | None = None
    failures: _Count = 0
    warnings: _Count = 0


class Health(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a kiosk is, by its own word, at `at`, milliseconds by its own clock.

    Attributes:
        waiting: entries without a receipt; `oldest` is when the first of them was recorded, ms UTC
            by the kiosk's clock, 0 for none.
        trusted: whether lateness may be shown; `error` is how far the clock may be off, ms, None
            where nobody knows.
        disk: percent of the journal's medium that are used.
        until: when its certificate runs out, ms UTC, 0 for none.
    """

    at: _Count
    waiting: _Count = 0
    oldest: _Count = 0
    trusted: bool = False
    error: _Count | None = None
    disk: Annotated[float, Meta(ge=0, le=100)] = 0.0
    until: _Count = 0
    sources: Annotated[list[SourceHealth], Meta(max_length=MAX_SOURCES)] = []
