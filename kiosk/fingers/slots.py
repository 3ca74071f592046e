"""The slot map: whose finger is in which slot of which module.

A module knows numbers. Each enrolment gets a user of its own, "R503-0042/12-9f3a61c2": serial, slot
and a key that is never used again. So a slot that is given to somebody else makes no old punch
theirs. The map is committed with the audit entries that tell of it; central makes roster rows of
those, and by these rows a new card knows the map again.

What is begun is written before the module is touched: a slot whose enrolment was cut short is
emptied when the module answers next, and so is one whose removal was.
"""

import secrets
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Final, Protocol

import msgspec
from msgspec import Struct, structs

from drivers.base import Credential
from drivers.fingers import Compared
from kiosk.devices import Did
from sync.edge.roster import Rosters
from sync.journal.errors import JournalError
from sync.journal.journal import Position
from sync.protocol.roster import EVERYWHERE, Known

ENROLLED: Final = "finger enrolled"
REMOVED: Final = "finger removed"
CARRIED: Final = "fingers exported"
"""`action` of the audit entries about fingers (docs/PROTOCOL.md)."""

PLACE: Final = ".fingers"
"""Name of the position under which the map stands; no source may have it."""

_KEY_BYTES: Final = 4
_SHOWN_MOST: Final = 8


class Step(StrEnum):
    """How far a slot has come."""

    BEGUN = "begun"  # being enrolled: what is in it counts for nobody
    HELD = "held"
    LEAVING = "leaving"  # nobody's any more; to be emptied when the module answers


class Held(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a slot.

    Attributes:
        key: makes its user one that was never before.
        ground: notice, basis, perhaps a reference, as they are recorded.
        by, at: who enrolled it, and when, milliseconds UTC by the kiosk's clock.
    """

    person: str
    key: str
    step: Step = Step.BEGUN
    ground: Mapping[str, str] = {}
    by: str = ""
    at: int = 0
    score: int = 0


Map = Mapping[str, Mapping[int, Held]]
"""By serial, then by slot."""


class Here(Protocol):
    """What is needed of the kiosk around it."""

    @property
    def utc_ms(self) -> int:
        """Return the time, milliseconds UTC."""

    def keep(self, position: Position, did: Sequence[Did] = ()) -> None:
        """Commit what was done together with what is to be remembered. Raises JournalError."""

    def recall(self, name: str) -> bytes | None:
        """Return what was kept under the position's name. Raises JournalError."""


def user_of(serial: str, slot: int, key: str = "") -> str:
    """Return the user of a punch by a slot; without a `key` nobody is known to be in it."""
    return f"{serial}/{slot}-{key}" if key else f"{serial}/{slot}"


class SlotMap:
    """Implements `drivers.fingers.Slots`. Any thread.

    Whatever changes is on disk before it holds.
    """

    def __init__(self, here: Here, rosters: Rosters, today: Callable[[], date]) -> None:
        """Raises JournalError."""
        self._here = here
        self._rosters = rosters
        self._today = today
        self._changing = threading.RLock()
        self._map = _decode(here.recall(PLACE))
        self._tell_rosters()

    # What a source asks.

    def user(self, serial: str, slot: int) -> str:
        """Return the user of a punch by that slot."""
        held = self._map.get(serial, {}).get(slot)
        if held is None:
            return self._from_roster(serial).get(slot) or user_of(serial, slot)
        return user_of(serial, slot, held.key)

    def compare(self, serial: str, there: Collection[int]) -> Compared:
        """Say what is to be emptied, and what a technician should look at."""
        with self._changing:
            known = self._map.get(serial, {})
            unfinished = {slot for slot, one in known.items() if one.step is not Step.HELD}
            for slot in sorted(unfinished - set(there)):
                self.removed(serial, slot)
            remove = tuple(sorted(unfinished & set(there)))
            missing = {
                slot: one
                for slot, one in known.items()
                if one.step is Step.HELD and slot not in there
            }
            orphans = set(there) - set(known) - set(self._from_roster(serial))
        warnings = []
        if missing:
            names = self._rosters.current.names()
            people = ", ".join(
                f"{names.get(one.person) or one.person} (slot {slot})"
                for slot, one in sorted(missing.items())[:_SHOWN_MOST]
            )
            warnings.append(
                f"{len(missing)} fingers are gone from the module: {people}: nobody finds them; "
                "was it emptied? Enrol them again (kiosk enrol finger), after kiosk fingers remove"
            )
        if orphans:
            said = ", ".join(map(str, sorted(orphans)[:_SHOWN_MOST]))
            warnings.append(
                f"{len(orphans)} fingers in the module are nobody's (slots {said}): their punches "
                "are recorded as strangers'; kiosk fingers remove --slot N, or central's roster "
                "says whose they are"
            )
        return Compared(remove=remove, warnings=tuple(warnings))

    def removed(self, serial: str, slot: int) -> None:
        """Note that a slot is empty; not noted, it is found empty again."""
        with self._changing:
            held = self._map.get(serial, {}).get(slot)
            if held is None or held.step is Step.HELD:
                return
            try:
                self._keep(serial, slot, None)
            except JournalError:
                return

    # What enrolment does.

    def begin(self, serial: str, slot: int, person: str, by: str) -> Held:
        """Have a slot for somebody: whatever is stored there counts for nobody yet.

        Raises JournalError; ValueError where the slot is somebody's.
        """
        with self._changing:
            if slot in self._map.get(serial, {}):
                raise ValueError(f"slot {slot} of {serial} is taken")
            held = Held(
                person=person, key=secrets.token_hex(_KEY_BYTES), by=by, at=self._here.utc_ms
            )
            self._keep(serial, slot, held)
            return held

    def finish(
        self, serial: str, slot: int, score: int, ground: Mapping[str, str], detail: dict[str, str]
    ) -> str:
        """Have what is in a slot count for whom it was begun; return its user.

        Raises JournalError.
        """
        with self._changing:
            held = structs.replace(
                self._map[serial][slot], step=Step.HELD, score=score, ground=dict(ground)
            )
            user = user_of(serial, slot, held.key)
            told = {"person": held.person, "terminal": serial, "slot": f"{slot}", "user": user}
            self._keep(serial, slot, held, [Did(held.by, ENROLLED, told | detail | dict(ground))])
            return user

    def leave(self, serial: str, slot: int, by: str, detail: Mapping[str, str] = {}) -> None:
        """Have a slot be nobody's: it is emptied next. Raises JournalError."""
        with self._changing:
            held = self._map.get(serial, {}).get(slot)
            if held is not None and held.step is Step.LEAVING:
                return  # as was told
            if held is None:  # the module has what only the roster knows of, or nobody does
                user = self._from_roster(serial).get(slot, user_of(serial, slot))
                key = user.removeprefix(user_of(serial, slot)).removeprefix("-")
                held = Held(person=self._person(user), key=key, by=by)
            was_held = held.step is not Step.BEGUN or slot not in self._map.get(serial, {})
            told = {
                "person": held.person,
                "terminal": serial,
                "slot": f"{slot}",
                "user": user_of(serial, slot, held.key),
                **detail,
            }
            did = [Did(by, REMOVED, {key: text for key, text in told.items() if text})]
            self._keep(
                serial, slot, structs.replace(held, step=Step.LEAVING), did if was_held else ()
            )

    # Who is in it.

    def held(self) -> Iterator[tuple[str, int, Held]]:
        """Yield every slot that is spoken for: serial, slot and whose it is."""
        for serial, slots in sorted(self._map.items()):
            for slot, one in sorted(slots.items()):
                yield serial, slot, one

    def of(self, serial: str) -> Mapping[int, Held]:
        """Return the slots of a module that are spoken for."""
        return self._map.get(serial, {})

    def _from_roster(self, serial: str) -> Mapping[int, str]:
        """Return by slot the user that central says is in it, where it says one.

        For a card that is new: what stood in the map of the one before, central knows from entries.
        """
        found: dict[int, list[str]] = {}
        dated = self._rosters.current.dated(Credential.FINGER_SLOT)
        begin = f"{serial}/"
        for user, known in dated.items():
            slot, _, key = user.removeprefix(begin).partition("-")
            if not (user.startswith(begin) and slot.isdecimal() and key):
                continue
            if any(one.covers(self._today()) for one in known):
                found.setdefault(int(slot), []).append(user)
        return {slot: users[0] for slot, users in found.items() if len(users) == 1}

    def _person(self, user: str) -> str:
        return self._rosters.current.person(Credential.FINGER_SLOT, user, self._today()) or ""

    def _keep(self, serial: str, slot: int, held: Held | None, did: Sequence[Did] = ()) -> None:
        """Commit that a slot is so, with what was done. Raises JournalError."""
        changed = {name: dict(slots) for name, slots in self._map.items()}
        slots = changed.setdefault(serial, {})
        if held is None:
            slots.pop(slot, None)
        else:
            slots[slot] = held
        self._here.keep(Position(PLACE, _encode(changed)), did)
        self._map = changed
        self._tell_rosters()

    def _tell_rosters(self) -> None:
        """Have the roster in force know what central has not sent back yet."""
        self._rosters.own = tuple(_known(self._map))


def _known(slots: Map) -> Iterable[Known]:
    for serial, of in slots.items():
        for slot, one in of.items():
            if one.step is Step.HELD:
                yield Known(
                    person=one.person,
                    credential=Credential.FINGER_SLOT,
                    user=user_of(serial, slot, one.key),
                    unit=EVERYWHERE,
                )


class _Kept(Struct, frozen=True):
    modules: dict[str, dict[int, Held]]


def _encode(slots: Map) -> bytes:
    kept = {serial: dict(of) for serial, of in slots.items() if of}
    return msgspec.json.encode(_Kept(kept))


def _decode(value: bytes | None) -> Map:
    """Return what was remembered; where that is nothing, or nothing readable, nothing.

    Unreadable it costs no punch: central's roster says whose the slots are.
    """
    if value is None:
        return {}
    try:
        return msgspec.json.decode(value, type=_Kept).modules
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
