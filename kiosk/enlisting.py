"""The roster's people brought to the terminals: when it is time to look, and what is done then.

    a roster was adopted, or it is night      every source is due
    it is due, connected, and nobody punches  its users are read and compared (`enlist.py`)
    there is something to do, by its policy   a page of it is done, then all is looked at anew
    nothing is left to do                     what still differs is recorded, if that is news

Each page is planned from what the terminal has, read in the same loan, so it may be interrupted at
any write. Nothing is done while our own clock is not trusted (a wrong year would end everybody's
time), nor to a terminal that the source is not bound to. By itself the kiosk removes a few at once
and no more: a roster that has lost half of an office must not take its fingers along.
"""

import logging
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import msgspec
from msgspec import structs

from drivers.base import Source
from drivers.errors import Refused, SourceError
from drivers.options import KeepsUsers, Users
from drivers.store import HasStore, Store
from kiosk.collect import Collector
from kiosk.devices import LOOK_S, QUIET_S, WRITE_S, Proposed, actor_of
from kiosk.doctor.scrub import without_users
from kiosk.enlist import Kind, Plan
from kiosk.health import UsersStatus
from kiosk.loans import NotLent
from kiosk.local import CannotDo
from kiosk.roll import Here, Roll
from sync.edge.roster import Rosters

log = logging.getLogger(__name__)
T = TypeVar("T")

PAGE: Final = 50
"""So many users are written in one loan; then punches get between."""

REMOVE_MOST: Final = 10
"""So many who ended the kiosk removes from a terminal by itself, or a tenth if that is more; and as
many whose number is another's now."""

TURN_S: Final = 1.0
RETRY_S: Final = 300.0
"""How long after a failure a source is left alone; doubled with every further one."""

RETRY_MOST_S: Final = 6 * 3600.0


class Enlisting:
    """The terminals' users, source by source.

    Both mappings may grow: a terminal may be approved while the daemon runs.
    """

    def __init__(
        self,
        collectors: Mapping[str, Collector],
        options: Mapping[str, KeepsUsers],
        rosters: Rosters,
        here: Here,
    ) -> None:
        self._collectors = collectors
        self._options = options
        self._rosters = rosters
        self._here = here
        self._key = secrets.token_bytes(32)  # as in `Devices`
        self._rolls: dict[str, Roll] = {}
        self._due: set[str] = set()
        self._failures: Counter[str] = Counter()
        self._not_before_s: dict[str, float] = {}
        self._trouble: dict[str, str] = {}
        self._bound: dict[str, str] = {}  # the terminal that was bound when it was last its turn
        self._marking = threading.Lock()  # held while it is said what is due
        self._making = threading.Lock()  # of a source's roll there is one

    # When.

    def adopted(self) -> None:
        """Have every terminal compared with the roster that has been adopted. Any thread."""
        self.look_again()

    def look_again(self) -> None:
        """Have every terminal compared with the roster, as soon as nobody punches there."""
        with self._marking:
            self._due |= set(self._options)
            self._not_before_s.clear()
            self._failures.clear()
        for name in list(self._options):
            self._roll(name).try_again()

    def run(self, stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
        """Compare what is due until `stopping()`. Raises JournalError."""
        pause = threading.Event()
        self.take_up()
        while not stopping():
            beat()  # there may be no terminal that keeps users
            for name in list(self._options):
                beat()  # for each: one that does not call is waited for
                self.turn(name, stopping, beat)
            pause.wait(TURN_S)

    def take_up(self) -> None:
        """Have compared what was not, with this roster, before the daemon ended."""
        version = self._rosters.current.version
        for name in list(self._options):
            if self._roll(name).remembered.roster != version:
                self._mark(name, due=True)

    def turn(self, name: str, stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
        """Bring one source's terminal to the roster, if it is due. Raises JournalError."""
        self._note_successor(name)
        if name not in self._due:
            return
        if self._options[name].users is Users.OFF or not self._rosters.current.version:
            self._mark(name, due=False)
            return
        if time.monotonic() < self._not_before_s.get(name, 0.0) or self._why_not(name):
            return
        self._mark(name, due=False)  # before: a roster that comes meanwhile makes it due again
        is_settled = False
        try:
            is_settled = self._turn(name, stopping, beat)
        finally:
            if not is_settled:
                self._mark(name, due=True)

    def _note_successor(self, name: str) -> None:
        """Have a terminal compared that has been bound to the source since the last look."""
        bound_to = self._collectors[name].seen.bound_to
        before = self._bound.get(name) or self._roll(name).remembered.serial
        if bound_to and bound_to != before:
            self._mark(name, due=True)
            self._bound[name] = bound_to

    def _turn(self, name: str, stopping: Callable[[], bool], beat: Callable[[], None]) -> bool:
        """Return whether it is as it will be, until there is another roster or another night."""
        try:
            while not stopping() and not self._why_not(name):
                beat()
                if self._go_on(name, beat):
                    self._trouble.pop(name, None)
                    self._failures.pop(name, None)
                    return True
        except (CannotDo, Refused) as refusal:
            self._say(name, refusal)
            return True
        except (NotLent, SourceError) as failure:
            wait_s = min(RETRY_S * 2.0 ** self._failures[name], RETRY_MOST_S)
            self._failures[name] += 1
            self._not_before_s[name] = time.monotonic() + wait_s
            self._say(name, failure)
        return False

    def _go_on(self, name: str, beat: Callable[[], None]) -> bool:
        """Look, and do a page of what is to be done; return whether nothing is left."""
        roll, policy = self._roll(name), self._options[name].users

        def do(store: Store) -> bool:
            if self._collectors[name].quiet_s < QUIET_S:
                return False  # the worker was waited for, and somebody has come meanwhile
            made = roll.look(store, policy)
            made, left = _unasked(made)
            if made.is_empty:
                roll.tell(policy, made)
                if left:
                    raise CannotDo(
                        f"{name}: {left} people would be removed, too many to do it unasked. "
                        f"Is the roster whole? Then: kiosk devices roster {name} --by NAME"
                    )
                return True
            roll.do(store, made.first(PAGE), "kiosk", beat)
            return False

        if not roll.doing.acquire(timeout=TURN_S):
            return False  # a technician has just come; others are not kept waiting
        try:
            return self._lent(name, WRITE_S, do)
        finally:
            roll.doing.release()

    def _why_not(self, name: str) -> str:
        """Return why nothing is done by itself now; "" where it may be."""
        collector = self._collectors[name]
        if not collector.seen.connected:
            return "not connected"
        if not collector.is_bound:
            return "another terminal answers"
        if other := self._goes_by(name):
            return f"goes by {other}"
        if self._here.local_time(collector.zone) is None:
            return "our own clock is not trusted"
        if collector.quiet_s < QUIET_S:
            return "somebody punches"
        if self._roll(name).doing.locked():
            return "a technician is at it"
        return ""

    def _goes_by(self, name: str) -> str:
        """Return the source that reads the same terminal over 4370: users go by that one only."""
        collector = self._collectors[name]
        if not collector.is_called:
            return ""
        return next(
            (
                other
                for other, one in list(self._collectors.items())
                if not one.is_called
                and one.seen.bound_to == collector.seen.bound_to
                and self._options[other].users is not Users.OFF
            ),
            "",
        )

    def _mark(self, name: str, *, due: bool) -> None:
        with self._marking:
            (self._due.add if due else self._due.discard)(name)

    def _say(self, name: str, why: Exception) -> None:
        said = without_users(str(why))  # `kiosk devices roster` says whose it is
        if self._trouble.get(name) != said:
            log.warning("users of %s: %s", name, said)
        self._trouble[name] = said

    # What a technician asks for.

    @property
    def carries_out(self) -> dict[str, Callable[[Mapping[str, str]], str]]:
        """Return what a client may ask for, by name."""
        return {"roster": self.asked}

    def asked(self, said: Mapping[str, str]) -> str:
        """Show what the roster would change at a terminal, or do it; JSON of a `Proposed`.

        Without the `plan` that was shown nothing is written. `policy` stands in for the source's;
        `settle` names numbers of which somebody has looked whose they are.

        Raises CannotDo.
        """
        name, policy = self._named(said)
        settle = [one for one in said.get("settle", "").split(",") if one]
        shown = said.get("plan", "")
        actor = actor_of(said) if settle or shown else ""
        roll = self._roll(name)

        def look(store: Store) -> Plan:
            if settle:
                roll.settle(store, settle, actor)
            return roll.look(store, policy)

        def page(store: Store, agreed: Plan | None) -> tuple[Plan, Plan]:
            """Do a page of what was shown; return all of that, and what is left at all."""
            made = roll.look(store, policy)
            if agreed is None:
                if made.is_empty or shown != self._token(name, made):
                    raise CannotDo(
                        "terminal or roster have changed since the plan was shown; again"
                    )
                agreed = made
            part = made.among(agreed).first(PAGE)
            if part.is_empty:
                roll.tell(policy, made)
            else:
                roll.do(store, part, actor)
            return agreed, structs.replace(made, remove=part.remove, write=part.write)

        def do() -> Plan:
            agreed, left = self._lent(name, WRITE_S, lambda store: page(store, None))
            while not left.is_empty:  # punches get between
                now = agreed
                agreed, left = self._lent(name, WRITE_S, lambda store: page(store, now))  # noqa: B023
            return left

        with roll.doing:
            roll.try_again()
            try:
                if not shown:
                    return self._proposed(name, policy, self._lent(name, LOOK_S, look))
                left = do()
                self._trouble.pop(name, None)
            except (NotLent, SourceError) as why:
                raise CannotDo(str(why)) from why
        lines = tuple(one.line for one in left.found)
        return msgspec.json.encode(Proposed(lines, "", "done and read back")).decode()

    def _named(self, said: Mapping[str, str]) -> tuple[str, Users]:
        name = said.get("source", "")
        if name not in self._options:
            there = ", ".join(self._options) or "none"
            raise CannotDo(f"no terminal {name!r} keeps users of its own; those that do: {there}")
        if other := self._goes_by(name):
            raise CannotDo(f"{name}: users of this terminal go by source {other}; say that one")
        wanted = said.get("policy", "") or self._options[name].users.value
        try:
            return name, Users(wanted)
        except ValueError:
            raise CannotDo(f"{wanted!r} is no policy; say report, add or mirror") from None

    def _proposed(self, name: str, policy: Users, made: Plan) -> str:
        lines = tuple(one.line for one in made.found)
        if not made.is_empty:
            return msgspec.json.encode(Proposed(lines, self._token(name, made))).decode()
        none = f"by policy {policy.value!r} nothing is to be written" if lines else ""
        return msgspec.json.encode(Proposed(lines, "", none)).decode()

    def _token(self, name: str, made: Plan) -> str:
        return made.token(self._key + name.encode())

    # How.

    def _roll(self, name: str) -> Roll:
        with self._making:
            if name not in self._rolls:
                self._rolls[name] = Roll(
                    self._options[name], self._collectors[name], self._rosters, self._here
                )
            return self._rolls[name]

    def _lent(self, name: str, within_s: float, do: Callable[[Store], T]) -> T:
        """Have `do` done with the store of a terminal that is ours.

        Raises NotLent, SourceError, CannotDo.
        """
        collector = self._collectors[name]

        def lent(source: Source) -> T:
            if not isinstance(source, HasStore):
                raise CannotDo(f"{name}: this kind of terminal can only be read")
            if not collector.is_bound:
                raise CannotDo(
                    f"{name}: another terminal answers than the one it is bound to; a stranger's "
                    "users are nobody here (kiosk devices replace)"
                )
            return do(source.store())

        return collector.borrow(lent, within_s)

    def holder(self, name: str, user: str) -> str:
        """Return whose a user of a source's terminal is known to be; "" for not known."""
        if name not in self._options:  # approved a moment ago: nobody has looked there yet
            return ""
        return self._roll(self._goes_by(name) or name).holder(user)

    def status(self) -> dict[str, UsersStatus]:
        """Return how each source's users differ from the roster. Raises JournalError."""
        return {name: self._status(name) for name in list(self._options)}

    def _status(self, name: str) -> UsersStatus:
        memory = self._roll(name).remembered
        trouble = self._trouble.get(name, "")
        if other := self._goes_by(name):
            trouble = f"this terminal's users go by source {other}"
        return UsersStatus(
            policy=self._options[name].users.value,
            measured=memory.measured,
            counts=memory.counts,
            trouble=trouble,
        )


def _unasked(made: Plan) -> tuple[Plan, int]:
    """Return what may be done unasked, and how many people that leaves who would be removed.

    Each kind by itself: many who ended must not keep one's fingers under another's number.
    """
    most = max(REMOVE_MOST, len(made.holders) // 10)
    left = 0
    for kind in (Kind.ENDED, Kind.TAKEN):
        removed = sum(one.does and one.kind is kind for one in made.found)
        if removed > most:
            made, left = made.without(kind), left + removed
    return made, left
