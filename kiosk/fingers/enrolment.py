"""Making somebody known by finger: the daemon's end of `kiosk enrol finger` and `kiosk fingers`.

    the roster knows them, and notice and legal basis are said   else nothing is begun
    a free slot is theirs, on disk                               what is stored counts for nobody
    the module reads, looks for duplicates, matches, stores      borrowed from its worker
    and finds the finger again                                   else the slot is emptied
    the slot is theirs and the journal says so, in one commit    from now on it counts

Each method that a client may name takes what it said, returns what is done, and raises CannotDo.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Final

import msgspec

from drivers.errors import Refused
from drivers.fingers import Duplicate, KnowsFingers, Module, Stored
from drivers.prompt import Prompt
from kiosk.devices import LOOK_S, actor_of
from kiosk.fingers.listing import listing
from kiosk.fingers.modules import Modules, free
from kiosk.fingers.slots import SlotMap, Step
from kiosk.ground import ground_of
from kiosk.local import CannotDo, HasGone
from kiosk.prompts import Prompted
from sync.edge.roster import Rosters
from sync.journal.errors import JournalError

ENROL_S: Final = 75.0
"""So long somebody may take at the module; below the two minutes from which nobody has watched."""

MINIMUM: Final = 60
"""What two reads of one finger must score at least, where nobody says otherwise. Modules of this
family say 50 to 300 for one finger, and at security 3 call it a match from about 50."""

MINIMUM_LEAST: Final = 30
REPLACED: Final = "REPLACED"
"""The place of modules that were replaced and are not here; no source can be called so."""

FINGERS_MOST: Final = 10
"""Fingers of one person in one module."""


class Fingers:
    """Who is known by finger at one kiosk's modules. Any thread may ask."""

    def __init__(
        self,
        slots: SlotMap,
        modules: Modules,
        rosters: Rosters,
        tell: Callable[[Prompted], None],
    ) -> None:
        """`tell` shows a prompt."""
        self._slots = slots
        self._modules = modules
        self._rosters = rosters
        self._tell = tell

    @property
    def carries_out(self) -> dict[str, Callable[[Mapping[str, str]], str]]:
        """Return what a client may ask for, by name."""
        return {"fingers": self.listed, "remove fingers": self.remove}

    @property
    def attended(self) -> dict[str, Callable[[Mapping[str, str], HasGone], str]]:
        """Return what ends when the client goes: who stands there next is somebody else."""
        return {"enrol finger": self.enrol}

    @property
    def places(self) -> Collection[str]:
        """Return where somebody may be known by finger."""
        has_had = bool(self._modules.sources) or any(True for _ in self._slots.held())
        return [*self._modules.sources, *([REPLACED] if has_had else [])]

    # Enrolment.

    def enrol(self, said: Mapping[str, str], has_gone: HasGone = lambda: False) -> str:
        """Make a finger of `person` known. Said: `by`, the ground, perhaps `source`, `minimum`."""
        by, ground = actor_of(said), ground_of(said)
        person, name = self._person(said)
        minimum = _number(said, "minimum", MINIMUM)
        if minimum < MINIMUM_LEAST:
            raise CannotDo(
                f"minimum: below {MINIMUM_LEAST} two different fingers may pass for one; clean the "
                "glass and try another finger instead"
            )
        source = self._modules.named(said)

        def ask(what: Prompt, step: int, of: int) -> None:
            if has_gone():
                raise Refused(f"{source}: given up by {by}, who asked for it")
            self._tell(Prompted(source, what, step, of, name))

        def lent(module: KnowsFingers) -> str:
            return self._enrolled(module, ask, person, by, ground, minimum, source)

        try:
            done = self._modules.borrow(source, lent, ENROL_S + LOOK_S)
        except CannotDo:
            self._tell(Prompted(source, Prompt.FAILED, name=name))
            raise
        self._tell(Prompted(source, Prompt.DONE, name=name))
        return f"{person} {name} is known by finger: {done}"

    def _enrolled(
        self,
        module: KnowsFingers,
        ask: Callable[[Prompt, int, int], None],
        person: str,
        by: str,
        ground: Mapping[str, str],
        minimum: int,
        source: str,
    ) -> str:
        """Enrol a finger in the module that is lent; say where it is. Raises CannotDo."""
        what = module.module()
        taken = self._slots.of(what.serial)
        mine = [
            slot for slot, one in taken.items() if one.person == person and one.step is Step.HELD
        ]
        if len(mine) >= FINGERS_MOST:
            raise CannotDo(f"{person} has {len(mine)} fingers there already; remove one first")
        slot = free(what, module.occupied() | taken.keys())
        # Cut short by anything, what was begun is emptied when the module is opened next.
        self._slots.begin(what.serial, slot, person, by)
        try:
            found = module.enrol(ask, ENROL_S, slot, minimum, mine)
        except Refused:  # of the finger: the module answers
            self._given_up(module, what.serial, slot, by)
            raise
        if isinstance(found, Duplicate):
            self._given_up(module, what.serial, slot, by)
            raise CannotDo(self._already(what.serial, found, person))
        return self._counts(module, what, found, ground, source)

    def _given_up(self, module: KnowsFingers, serial: str, slot: int, by: str) -> None:
        """Have a slot be free again that was begun, as soon as nothing is in it."""
        self._slots.leave(serial, slot, by)
        if slot not in module.occupied():
            self._slots.removed(serial, slot)

    def _counts(
        self,
        module: KnowsFingers,
        what: Module,
        found: Stored,
        ground: Mapping[str, str],
        source: str,
    ) -> str:
        """Have what is stored count; where that cannot be recorded, it is not there either."""
        detail = {"source": source, "model": what.model, "score": f"{found.score}"}
        try:
            self._slots.finish(what.serial, found.slot, found.score, ground, detail)
        except JournalError as why:
            module.remove(found.slot)
            self._slots.removed(what.serial, found.slot)
            raise CannotDo(f"nobody is enrolled: it could not be recorded ({why})") from why
        return f"slot {found.slot} of {what.serial}, its reads matched by {found.score}"

    def _already(self, serial: str, found: Duplicate, person: str) -> str:
        held = self._slots.of(serial).get(found.slot)
        if held is None or held.step is not Step.HELD:
            return (
                f"nobody is enrolled: the module has that finger in slot {found.slot} already, and "
                "nobody knows whose it is. "
                f"kiosk fingers remove --slot {found.slot} --by YOU, then again"
            )
        if held.person == person:
            return (
                f"nobody is enrolled: {person} is known by that finger already (slot {found.slot}, "
                f"score {found.score}); use another one"
            )
        name = self._rosters.current.name(held.person)
        return (
            f"nobody is enrolled: that finger is {held.person} {name}'s (slot {found.slot}, score "
            f"{found.score}). Is it one person under two numbers, or the wrong person at the "
            "module? If somebody enrolled it under the wrong name: kiosk fingers remove "
            f"{held.person} --slot {found.slot} --by YOU"
        )

    # Who is known, and who is no more.

    def listed(self, _: Mapping[str, str]) -> str:
        """List whose fingers are known; JSON of a `Listing`."""
        found = listing(self._modules, self._slots, self._rosters.current.names())
        return msgspec.json.encode(found).decode()

    def remove(self, said: Mapping[str, str]) -> str:
        """Remove the fingers of `person`, or what is in one `slot` of a `source`."""
        by, person = actor_of(said), said.get("person", "").strip()
        if not said.get("slot"):
            if not person:
                raise CannotDo("whose? Say PERSON, or --slot N of a module")
            done = self.erase(person, by)
            if not done:
                raise CannotDo(f"no finger of {person!r} is known here; see `kiosk fingers`")
            return f"{person}: " + "; ".join(done)
        slot, source = _number(said, "slot", 0), self._modules.named(said)
        serial = self._modules.serial(source)
        held = self._slots.of(serial).get(slot)
        if person and (held is None or held.person != person):
            raise CannotDo(f"slot {slot} of {serial} is not {person}'s; see `kiosk fingers`")
        return self._emptied(source, serial, slot, by)

    def erase(self, person: str, by: str) -> list[str]:
        """Remove every finger of somebody; say what was done with each. Raises JournalError."""
        sources = self._modules.by_serial
        return [
            self._emptied(sources.get(serial, ""), serial, slot, by)
            for serial, slot, one in list(self._slots.held(sources.keys() - {""}))
            if one.person == person
        ]

    def forget(self, source: str, person: str, by: str) -> str:
        """Empty every slot of somebody at one source. Raises CannotDo where the module is away."""
        if source == REPLACED:
            return self._forget_replaced(person, by)
        serial = self._modules.bound_to(source)
        theirs = [slot for slot, one in self._slots.of(serial).items() if one.person == person]
        if not theirs:
            return "not known there"
        done = [self._emptied(source, serial, slot, by) for slot in theirs]
        left = [slot for slot in theirs if slot in self._slots.of(serial)]
        if left:
            raise CannotDo(f"slots {', '.join(map(str, left))} of {serial} are not empty yet")
        return "; ".join(done)

    def _forget_replaced(self, person: str, by: str) -> str:
        """Have nobody be known by modules that are no source's. Raises CannotDo if they are full.

        Who connects such a module again finds its slots emptied; until then the finger is in it.
        """
        here = self._modules.by_serial
        theirs = [
            (serial, slot)
            for serial, slot, one in list(self._slots.held())
            if one.person == person and serial not in here
        ]
        for serial, slot in theirs:
            self._slots.leave(serial, slot, by)
        if theirs:
            said = ", ".join(f"slot {slot} of {serial}" for serial, slot in theirs)
            raise CannotDo(
                f"{said} has their finger, and that module was replaced: it is emptied if it is "
                f"connected again. Where it is destroyed: kiosk forget {person} --by-hand "
                f"{REPLACED} --by YOU"
            )
        return "not known there"

    def _emptied(self, source: str, serial: str, slot: int, by: str) -> str:
        """Have a slot be nobody's and empty it, now or when the module answers next."""
        self._slots.leave(serial, slot, by, {"source": source})

        def lent(module: KnowsFingers) -> None:
            if module.module().serial == serial:
                module.remove(slot)
                self._slots.removed(serial, slot)

        try:
            if not source:
                raise CannotDo("no source is bound to it")
            self._modules.borrow(source, lent, LOOK_S)
        except CannotDo as why:
            return f"slot {slot} of {serial} is nobody's; it is emptied when it answers ({why})"
        return f"slot {slot} of {serial} is empty"

    def _person(self, said: Mapping[str, str]) -> tuple[str, str]:
        person = said.get("person", "").strip()
        name = self._rosters.current.names().get(person)
        if name is None:
            raise CannotDo(
                f"the roster knows no person {person!r}, so nobody could say whose punch it is, or "
                "when to remove the finger: enter them at central first"
            )
        return person, name


def _number(said: Mapping[str, str], name: str, default: int) -> int:
    text = said.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or len(text) > 6:
        raise CannotDo(f"{name}: {text[:40]!r} is no number")
    return int(text)
