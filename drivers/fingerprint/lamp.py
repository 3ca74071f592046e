"""The light of a finger module: what it shows to whoever stands there.

A module loses what its ring is told while it still shows something; so that is told afterwards.
Nothing depends on it: a light that does not answer costs nobody a punch.
"""

from enum import Enum
from typing import Final

from drivers.fingerprint.codes import Op
from drivers.fingerprint.module import R30x
from drivers.fingerprint.profiles import Colour

FLASH: Final = 2
UNIT_S: Final = 0.01
"""What the speed of an effect counts in."""

BACKLIGHT_S: Final = 0.5
"""How long a back-light stays on."""


class Effect(Enum):
    """What is shown: how long one flash lasts, in hundredths of a second, and how many come."""

    RECORDED = (100, 1)
    NOT_KNOWN = (25, 2)


class Lamp:
    """The light of an open module. Each call may raise SourceError where the port is gone."""

    def __init__(self, module: R30x) -> None:
        self._module = module
        self._wanted: Effect | None = None
        self._busy_until_s = 0.0
        self._is_lit = False

    def show(self, effect: Effect) -> None:
        """Show something, now or as soon as what it shows is over; the latest counts."""
        self._wanted = effect
        self.tick()

    def tick(self) -> None:
        """Go on, where something is over."""
        if self._module.link.line.now_s() < self._busy_until_s:
            return
        if self._is_lit:
            self._module.link.probe(Op.LED_OFF)
            self._is_lit = False
        effect, self._wanted = self._wanted, None
        if effect is None:
            return
        if self._module.has_ring:
            self._flash(effect)
        elif self._module.has_backlight and effect is Effect.RECORDED:
            self._module.link.probe(Op.LED_ON)
            self._is_lit, self._busy_until_s = True, self._module.link.line.now_s() + BACKLIGHT_S

    def _flash(self, effect: Effect) -> None:
        speed, times = effect.value
        recorded = self._module.profile.recorded
        colour = recorded if effect is Effect.RECORDED else Colour.RED
        self._module.link.probe(Op.AURA_LED_CONFIG, bytes((FLASH, speed, colour.value, times)))
        self._busy_until_s = self._module.link.line.now_s() + UNIT_S * speed * times
