"""Whose fingers are known, as a technician may see it: no template, no picture."""

from collections.abc import Mapping

from msgspec import Struct

from drivers.fingers import KnowsFingers, Module
from kiosk.devices import LOOK_S
from kiosk.fingers.modules import Modules
from kiosk.fingers.slots import SlotMap
from kiosk.local import CannotDo


class Listed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A finger, as a technician may see it: whose, where, on what ground.

    Attributes:
        is_there: whether the module has something in the slot; None where it cannot be asked.
        in_roster: whether the person belongs here; who does not is to be removed.
    """

    source: str
    terminal: str
    slot: int
    person: str
    name: str
    step: str
    by: str = ""
    at: int = 0
    score: int = 0
    ground: Mapping[str, str] = {}
    is_there: bool | None = None
    in_roster: bool = True


class Listing(Struct, frozen=True, kw_only=True):
    """Which modules there are, and whose fingers they have; `nobodys` are slots by source."""

    modules: dict[str, Module | None]
    fingers: list[Listed]
    nobodys: dict[str, list[int]]


def listing(modules: Modules, slots: SlotMap, names: Mapping[str, str]) -> Listing:
    """Return whose fingers are known, and what the modules that answer have; `names` by person."""
    answered: dict[str, Module | None] = {}
    there: dict[str, frozenset[int]] = {}
    for source in modules.sources:
        try:
            answered[source], there[source] = modules.borrow(source, _looked, LOOK_S)
        except CannotDo:  # a list is no place to repair it
            answered[source] = None
    at = {what.serial: source for source, what in answered.items() if what}
    return Listing(
        modules=answered,
        fingers=[
            Listed(
                source=at.get(serial, ""),
                terminal=serial,
                slot=slot,
                person=one.person,
                name=names.get(one.person, ""),
                step=one.step,
                by=one.by,
                at=one.at,
                score=one.score,
                ground=one.ground,
                is_there=slot in there[at[serial]] if serial in at else None,
                in_roster=one.person in names,
            )
            for serial, slot, one in slots.held(at)
        ],
        nobodys={
            source: sorted(there[source] - slots.of(what.serial).keys())
            for source, what in answered.items()
            if what
        },
    )


def _looked(module: KnowsFingers) -> tuple[Module, frozenset[int]]:
    return module.module(), module.occupied()
