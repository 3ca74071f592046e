"""Who had a slot when, in logs whose rows name the slot and not the user.

When somebody is removed from an old unit, or their slot is given to another, every row of that slot
is nobody's or the other's; read again, each of them would be another punch. So what a slot was
called at a complete read holds for the rows that were there then.
"""

from collections.abc import Mapping

from msgspec import Struct


class Called(Struct, frozen=True):
    """What slots that have changed since were called, up to the newest row of a complete read.

    Attributes:
        ticks, raw: that row's; `raw` is hexadecimal.
        slots: user id by slot.
    """

    ticks: int
    raw: str
    slots: dict[int, str]


def changed(before: Mapping[int, str], now: Mapping[int, str]) -> dict[int, str]:
    """Return, as they were, the slots that are empty now or another's."""
    return {slot: user for slot, user in before.items() if now.get(slot) != user}
