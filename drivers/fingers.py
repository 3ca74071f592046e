"""What a source that knows people by their fingers offers beside its punches, and what it needs.

A finger module compares by itself and keeps templates in numbered slots. Whose finger is in a slot
the kiosk knows (`Slots`), and the module does not: slots mean nothing without its serial.
"""

from collections.abc import Callable, Collection
from typing import Protocol, runtime_checkable

from msgspec import Struct

from drivers.prompt import Prompt
from drivers.store import Secret

Asking = Callable[[Prompt, int, int], None]
"""Tells whoever stands there what to do: the prompt, which step, of how many (0, 0: uncounted)."""


class Module(Struct, frozen=True, kw_only=True):
    """What a finger module is, as it says itself.

    Attributes:
        serial: as in punches; of a module that has none, the token that was left in its notepad.
        model: templates go to a module of the same model only.
        capacity: how many slots; they are numbered from 0.
        security: its own threshold, 1 (loose) to 5.
        captures: how many times a finger is read to be enrolled.
    """

    serial: str
    model: str
    capacity: int
    security: int
    captures: int


class Stored(Struct, frozen=True):
    """A finger has been enrolled and found again; `score` is what its two reads gave at least."""

    slot: int
    score: int


class Duplicate(Struct, frozen=True):
    """Nothing was stored: the finger is in a slot already."""

    slot: int
    score: int


class Compared(Struct, frozen=True):
    """What is to be done where the module's slots are not those that the kiosk knows of.

    Attributes:
        remove: slots to be emptied: their enrolment was not finished, or their removal.
        warnings: what a technician should know, with the next step.
    """

    remove: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()


class Slots(Protocol):
    """The kiosk's slot map. Called by the source's worker; never blocks for long, never raises."""

    def user(self, serial: str, slot: int) -> str:
        """Return the user of a punch by that slot, whether anybody is known to be in it or not."""

    def compare(self, serial: str, there: Collection[int]) -> Compared:
        """Say what is to be done about a module that has these slots in use."""

    def removed(self, serial: str, slot: int) -> None:
        """Note that a slot which was to be emptied is empty."""


@runtime_checkable
class KnowsFingers(Protocol):
    """A source that can make fingers known. Called between two readings, by its worker's thread.

    Every call may raise SourceError. Where it does, or is left by an exception of `ask`, nothing is
    in the slot that was not there before.
    """

    def module(self) -> Module:
        """Return what the open module is."""

    def enrol(
        self, ask: Asking, within_s: float, slot: int, minimum: int, mine: Collection[int] = ()
    ) -> Stored | Duplicate:
        """Read a finger until `slot` has it, asking for what is needed.

        It is looked for first: a finger that is in a slot already is not stored again. Two of its
        reads must match by `minimum` before it is, and it must be found after it.
        `mine` are slots of the same person, of which the prompt says that another finger is wanted.

        Raises:
            Refused: no finger came in time, or it was not read well enough.
        """

    def occupied(self) -> frozenset[int]:
        """Return the slots that are in use."""

    def remove(self, slot: int) -> None:
        """Empty a slot and see that it is empty; an empty one is no error."""

    def template(self, slot: int) -> Secret:
        """Return what the module has in a slot. Raises Refused where it is empty."""

    def keep(self, slot: int, template: Secret) -> None:
        """Write a template of this model into an empty slot, and read it back."""
