"""Opening a module: it is found, it says who it is, and its slots are put in order."""

from collections.abc import Sequence
from typing import Final

from drivers.fingerprint.identity import serial_of
from drivers.fingerprint.lamp import Lamp
from drivers.fingerprint.link import Link
from drivers.fingerprint.module import R30x
from drivers.fingerprint.visits import Visit
from drivers.fingers import Slots
from drivers.options import FingerModule

STUCK_S: Final = 60.0
"""Something that has lain there for so long is no finger."""


POOR_SHARE: Final = 0.02
"""A line that loses more of its answers wants a technician, and its silence proves nothing."""

POOR_LEAST: Final = 20
"""Fewer in all say nothing."""


class Opened:
    """A module that is open.

    Attributes:
        there: the slots that were in use when that was asked last.
        watches: it has seen an empty glass: it works.
        compared: what its slots and the kiosk's map have to say against each other.
        told: the warnings that were told last; None for none yet.
    """

    def __init__(
        self,
        link: Link,
        module: R30x,
        serial: str,
        there: frozenset[int],
        warnings: list[str],
        compared: Sequence[str],
    ) -> None:
        self.link = link
        self.module = module
        self.serial = serial
        self.there = there
        self.lamp = Lamp(module)
        self.watches = False
        self.told: tuple[str, ...] | None = None
        self.compared = compared
        self._warnings = warnings
        self.watched()

    def warn(self, warning: str) -> None:
        """Take in what a technician should know."""
        if warning not in self._warnings:
            self._warnings.append(warning)

    @property
    def is_poor(self) -> bool:
        """Whether the line has lost more than it should since `watched`."""
        lost, heard = self.link.lost - self._lost, self.link.line.heard - self._heard
        return lost > POOR_LEAST and lost > POOR_SHARE * (lost + heard)

    def watched(self) -> None:
        """Begin to count anew what the line loses."""
        self._lost, self._heard = self.link.lost, self.link.line.heard

    def warnings(self, visit: Visit | None, now_s: float) -> tuple[str, ...]:
        """Return what a technician should know now."""
        passing = []
        if self.is_poor:
            passing.append(
                "many of the module's answers are lost or spoilt on their way, and who is quick "
                "may be missed: look at cable and ground"
            )
        if visit is not None and now_s - visit.began_s > STUCK_S:
            passing.append(
                f"something has lain on the glass for more than {STUCK_S:g} s, and nobody can be "
                "read: clean it"
            )
        return (*self._warnings, *self.compared, *passing)


def enter(link: Link, options: FingerModule, slots: Slots, where: str) -> Opened:
    """Open a link and the module at its other end. Raises SourceError."""
    warning = link.open()
    module = R30x(link, where)
    module.introduce()
    serial = serial_of(module, where)
    warnings = [warning] if warning else []
    warnings += _secured(module, options.security)
    there = module.occupied()
    compared = slots.compare(serial, there)
    for slot in compared.remove:
        module.remove(slot)
        slots.removed(serial, slot)
    left = there - set(compared.remove)
    return Opened(link, module, serial, left, warnings, compared.warnings)


def _secured(module: R30x, wanted: int | None) -> list[str]:
    """Set the security level where it is another; return what is to be said about it."""
    has = module.parameters.security
    if wanted is None or wanted == has:
        return []
    if has is None:
        return [f"security = {wanted} was not set: the module cannot be asked for its own"]
    module.set_security(wanted)
    if module.parameters.security == wanted:
        return []
    return [f"security = {wanted} was set and the module still tells {has}: power it off once"]
