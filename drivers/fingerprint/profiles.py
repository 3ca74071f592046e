"""What differs between finger modules and cannot be asked of them, as data.

What a module is, is seen from what it answers, never from its name: listings lie, and one name
stands on many chips. A new kind is a new `Profile`, not new code. Which slots it counts from which
bit is asked as well (`module.py`).
"""

from enum import Enum
from typing import Final

from msgspec import Struct

from drivers.fingerprint.codes import Op


class Colour(Enum):
    """Colours of a ring of light, as AURA_LED_CONFIG numbers them."""

    RED = 1
    BLUE = 2
    GREEN = 4


class Parameters(Struct, frozen=True, kw_only=True):
    """What READ_SYS_PARA tells.

    Attributes:
        capacity: how many slots there are.
        security: threshold, 1 to 5; None where it cannot be read.
        packet_bytes: how much goes into one packet of a transfer.
    """

    capacity: int
    security: int | None
    packet_bytes: int


class Evidence(Struct, frozen=True, kw_only=True):
    """What was seen of a module.

    Attributes:
        offered: commands that it answered, of those that not each module knows.
        echoes: it sends back what it does not know.
        capacity: None where it does not tell.
    """

    offered: frozenset[Op]
    echoes: bool
    capacity: int | None


class Profile(Struct, frozen=True, kw_only=True):
    """One kind of module.

    Attributes:
        name: for people.
        captures: how many readings of a finger are merged into a template.
        recorded: the colour that its ring shows when a punch is on disk: early ones have no green.
        fixed: its parameters, where it cannot be asked for them.
        offers, lacks: what a module of the kind answers, and what it does not.
        echoes: it sends back what it does not know; None for either.
        least: the smallest capacity of the kind.
    """

    name: str
    captures: int = 2
    recorded: Colour = Colour.GREEN
    fixed: Parameters | None = None
    offers: frozenset[Op] = frozenset()
    lacks: frozenset[Op] = frozenset()
    echoes: bool | None = None
    least: int = 0

    def fits(self, seen: Evidence) -> bool:
        """Return whether a module of which that was seen is of this kind."""
        return (
            self.offers <= seen.offered
            and not self.lacks & seen.offered
            and self.echoes in (None, seen.echoes)
            and (seen.capacity or 0) >= self.least
        )


PROFILES: Final = (
    Profile(name="r551", echoes=True),
    Profile(
        name="r503-1.2.2",
        captures=4,
        offers=frozenset({Op.AURA_LED_CONFIG, Op.GET_FW_VER}),
    ),
    Profile(
        name="r503-1.1",
        captures=4,
        recorded=Colour.BLUE,
        offers=frozenset({Op.AURA_LED_CONFIG}),
        lacks=frozenset({Op.GET_FW_VER}),
    ),
    Profile(
        name="r308",
        lacks=frozenset({Op.READ_SYS_PARA}),
        fixed=Parameters(capacity=500, security=None, packet_bytes=128),
    ),
    Profile(name="r307", least=500),
    Profile(name="zfm20"),
)
"""The kinds; the first that fits is taken, and the last fits any."""


def profile_of(seen: Evidence) -> Profile:
    """Return the kind of a module of which that was seen."""
    return next(one for one in PROFILES if one.fits(seen))
