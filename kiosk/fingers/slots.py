"""The slot map: whose finger is in which slot of which module.

A module knows numbers. Each enrolment gets a user of its own, "R503-0042/12-9f3a61c2": serial, slot
and a key that is never used again. So a slot that is given to somebody else makes no old punch
theirs. The map is committed with the audit entries that tell of it; central makes roster rows of
those, and by these rows a new card knows the map again.

The roster may name somebody by a slot of whom the map knows nothing, or someone else: the module
was at another kiosk meanwhile, or the card is an old one. What the map lacks is taken from the
roster; where both name a slot, and differently, it is nobody's until a person has looked.

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
from sync.protocol.entry import FINGER_ENROLLED, FINGER_REMOVED
from sync.protocol.roster import EVERYWHERE, Known

CARRIED: Final = "fingers exported"
"""`action` of the audit entry that says that templates have left (docs/PROTOCOL.md)."""

PLACE: Final = ".fingers"
"""Name of the position under which the map stands; no source may have it."""

_KEY_BYTES: Final = 4
_SHOWN_MOST: Final = 8

OVER_MOST: Final = 500
"""So many users are remembered that are over, while the roster may name them still."""


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
        kept = _decode(here.recall(PLACE))
        self._map: Map = kept.modules
        self._over = tuple(kept.over)
        self._tell_rosters()

    # What a source asks.

    def user(self, serial: str, slot: int) -> str:
        """Return the user of a punch by that slot."""
        held = self._map.get(serial, {}).get(slot)
        named = set(self._from_roster(serial).get(slot, ()))
        if held is not None:
            # Being enrolled, or to be emptied: whoever is found there is not who it was.
            named.add(user_of(serial, slot, held.key if held.step is Step.HELD else ""))
        return named.pop() if len(named) == 1 else user_of(serial, slot)

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
            orphans = set(there) - set(self.of(serial))
            disputed = [
                slot
                for slot, one in known.items()
                if one.step is Step.HELD and self.user(serial, slot) == user_of(serial, slot)
            ]
        warnings = []
        if disputed:
            said = ", ".join(map(str, sorted(disputed)[:_SHOWN_MOST]))
            warnings.append(
                f"{len(disputed)} fingers in the module are another's by central's roster than by "
                f"this kiosk's map (slots {said}): their punches are recorded as strangers'. Was "
                "the module at another kiosk? kiosk fingers remove --slot N, and enrol anew"
            )
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
            # The slot is empty: whoever the roster names by it is in it no more.
            self._keep(serial, slot, held, over=self._from_roster(serial).get(slot, ()))
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
            self._keep(
                serial, slot, held, [Did(held.by, FINGER_ENROLLED, told | detail | dict(ground))]
            )
            return user

    def leave(self, serial: str, slot: int, by: str, detail: Mapping[str, str] = {}) -> None:
        """Have a slot be nobody's: it is emptied next. Raises JournalError."""
        with self._changing:
            held = self.of(serial).get(slot)
            if held is not None and held.step is Step.LEAVING:
                return  # its entry is written: whoever tries again tells nothing new
            if held is None:  # the module has what nobody knows
                held = Held(person="", key="", step=Step.HELD, by=by)
            user = user_of(serial, slot, held.key)
            told = {
                "person": held.person,
                "terminal": serial,
                "slot": f"{slot}",
                "user": user,
                **detail,
            }
            did = [Did(by, FINGER_REMOVED, {key: text for key, text in told.items() if text})]
            was_held = held.step is Step.HELD
            leaving = structs.replace(held, step=Step.LEAVING)
            over = {user, *self._from_roster(serial).get(slot, ())}
            self._keep(serial, slot, leaving, did if was_held else (), over)

    # Who is in it.

    def held(self, serials: Collection[str] = ()) -> Iterator[tuple[str, int, Held]]:
        """Yield every slot that is spoken for: serial, slot and whose it is.

        Of modules that the map has nothing of, those with `serials` by the roster.
        """
        for serial in sorted({*self._map, *serials}):
            for slot, one in sorted(self.of(serial).items()):
                yield serial, slot, one

    def of(self, serial: str) -> Mapping[int, Held]:
        """Return the slots of a module that are spoken for: by the map, else by the roster."""
        by_roster = {
            slot: Held(person=person, key=users[0].rpartition("-")[2], step=Step.HELD)
            for slot, users in self._from_roster(serial).items()
            if len(users) == 1 and (person := self._person(users[0]))
        }
        return {**by_roster, **self._map.get(serial, {})}

    def _from_roster(self, serial: str) -> Mapping[int, Sequence[str]]:
        """Return by slot the users that central says are in it, but for those that are over.

        For a card that is new: what stood in the map of the one before, central knows from entries.
        """
        found: dict[int, list[str]] = {}
        dated = self._rosters.current.dated(Credential.FINGER_SLOT)
        begin = f"{serial}/"
        for user, known in dated.items():
            slot, _, key = user.removeprefix(begin).partition("-")
            if not (user.startswith(begin) and slot.isdecimal() and key) or user in self._over:
                continue
            if any(one.covers(self._today()) for one in known):
                found.setdefault(int(slot), []).append(user)
        return found

    def _person(self, user: str) -> str:
        return self._rosters.current.person(Credential.FINGER_SLOT, user, self._today()) or ""

    def _keep(
        self,
        serial: str,
        slot: int,
        held: Held | None,
        did: Sequence[Did] = (),
        over: Collection[str] = (),
    ) -> None:
        """Commit that a slot is so, with what was done, and whose users are over with it.

        Raises JournalError.
        """
        changed = {name: dict(slots) for name, slots in self._map.items()}
        slots = changed.setdefault(serial, {})
        if held is None:
            slots.pop(slot, None)
        else:
            slots[slot] = held
        gone = (*(one for one in self._over if one not in over), *over)[-OVER_MOST:]
        self._here.keep(Position(PLACE, _encode(changed, gone)), did)
        self._map, self._over = changed, gone
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
    """What is committed; `over` are users that are in no slot any more, the latest last."""

    modules: dict[str, dict[int, Held]] = {}
    over: Sequence[str] = ()


def _encode(slots: Map, over: Sequence[str]) -> bytes:
    kept = {serial: dict(of) for serial, of in slots.items() if of}
    return msgspec.json.encode(_Kept(kept, over))


def _decode(value: bytes | None) -> _Kept:
    """Return what was remembered; where that is nothing, or nothing readable, nothing.

    Unreadable it costs no punch: central's roster says whose the slots are.
    """
    if value is None:
        return _Kept()
    try:
        return msgspec.json.decode(value, type=_Kept)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Kept()
