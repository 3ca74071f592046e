"""The finger modules of a kiosk: which one is meant, and having it for a moment."""

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from drivers.base import Source
from drivers.errors import SourceError
from drivers.fingers import KnowsFingers, Module
from kiosk.collect import Collector
from kiosk.loans import NotLent
from kiosk.local import CannotDo
from sync.journal.errors import JournalError

T = TypeVar("T")


class Modules:
    """Those among the sources; any thread may ask.

    Attributes:
        sources: their names.
    """

    def __init__(self, collectors: Mapping[str, Collector], sources: Collection[str]) -> None:
        self._collectors = collectors
        self.sources = sources

    def borrow(self, source: str, do: Callable[[KnowsFingers], T], within_s: float) -> T:
        """Have `do` done with the module of `source`, if it is its own. Raises CannotDo."""
        collector = self._collectors[source]

        def lent(one: Source) -> T:
            if not isinstance(one, KnowsFingers):
                raise CannotDo(f"{source}: this source knows nobody by finger")
            if not collector.is_bound:
                raise CannotDo(
                    f"{source}: another module answers there than {collector.seen.bound_to}. If it "
                    f"is the successor: kiosk devices replace {source} --by YOU"
                )
            return do(one)

        try:
            return collector.borrow(lent, within_s)
        except (NotLent, SourceError, JournalError) as why:
            raise CannotDo(str(why)) from why

    def named(self, said: Mapping[str, str]) -> str:
        """Return the source that is meant, the only one where none is named. Raises CannotDo."""
        wanted, there = said.get("source", ""), sorted(self.sources)
        if wanted in self.sources:
            return wanted
        if not wanted and len(there) == 1:
            return there[0]
        if not there:
            raise CannotDo("no finger module is configured here: add a source, kind 'fingerprint'")
        raise CannotDo(f"at which module? Say --source; there are: {', '.join(there)}")

    def bound_to(self, source: str) -> str:
        """Return the serial of the module that a source is bound to; "" before any has answered."""
        return self._collectors[source].seen.bound_to

    def serial(self, source: str) -> str:
        """Return the same. Raises CannotDo where there is none."""
        serial = self.bound_to(source)
        if not serial:
            raise CannotDo(f"{source}: no module has ever answered there; see `kiosk status`")
        return serial

    @property
    def by_serial(self) -> dict[str, str]:
        """Return the sources by the serial that each is bound to."""
        return {self.bound_to(one): one for one in self.sources}


def free(what: Module, taken: Collection[int]) -> int:
    """Return the first free slot. Raises CannotDo."""
    slot = next((one for one in range(what.capacity) if one not in taken), None)
    if slot is None:
        raise CannotDo(
            f"{what.serial} is full: all {what.capacity} slots are taken; remove who has left "
            "(`kiosk fingers` shows them)"
        )
    return slot
