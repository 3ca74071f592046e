"""What a technician asks of the terminals: the daemon's end of `kiosk devices`.

The daemon holds each terminal's only session, so nobody else speaks to it; whatever is to be done
there is asked for through the local socket and done by the source's worker between two readings.
Each method that a client may name takes what it said, returns what is done, and raises CannotDo.

Nothing is written to a terminal that the source is not bound to. What was written is an audit entry
with the technician's name, whether it ended well or not.
"""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

import msgspec
from msgspec import Struct

from drivers.base import Source
from drivers.errors import SourceError
from drivers.fingers import KnowsFingers
from drivers.store import Facts, HasStore, Privilege, Store
from kiosk.collect import Collector, NotReplaced
from kiosk.copying import Held, Plan, plan
from kiosk.loans import NotLent
from kiosk.local import CannotDo

T = TypeVar("T")

LOOK_S: Final = 60.0
"""How long a question to a terminal may take, waiting for its worker included."""

WRITE_S: Final = 600.0
"""The same for what is written: all people of a terminal are some megabytes."""

QUIET_S: Final = 60.0
"""So long nobody may have punched before a terminal's clock is set."""


class Here(Protocol):
    """What `Devices` needs of the kiosk around it."""

    def record(self, actor: str, action: str, detail: dict[str, str]) -> None:
        """Write an audit entry. Raises JournalError."""

    def knows(self, user: str) -> bool:
        """Return whether the roster knows a terminal's user id today."""

    def local_time(self, zone: str) -> datetime | None:
        """Return the naive time in `zone`; None while our clock is not trusted."""


class Did(Struct, frozen=True):
    """What becomes an audit entry."""

    actor: str
    action: str
    detail: Mapping[str, str]


class Listed(Struct, frozen=True):
    """A terminal's user, as a technician may see them: what they have, never the thing itself."""

    user: str
    name: str
    privilege: str
    fingers: int
    card: bool
    password: bool
    in_roster: bool


class Proposed(Struct, frozen=True):
    """What copying would write, or has written.

    Attributes:
        plan: token of exactly these changes, to ask for them; "" where there is nothing to do.
    """

    lines: tuple[str, ...]
    plan: str
    done: str = ""


class Devices:
    """The terminals of one kiosk, by the names of their sources."""

    def __init__(self, collectors: Mapping[str, Collector], here: Here) -> None:
        self._collectors = collectors
        self._here = here
        # A plan's token is shown and recorded. Without a key, who has it could try keypad passwords
        # until one fits: they are a few digits.
        self._key = secrets.token_bytes(32)

    @property
    def carries_out(self) -> dict[str, Callable[[Mapping[str, str]], str]]:
        """Return what a client may ask for, by name."""
        return {
            "replace": self.replace,
            "read": self.read,
            "identify": self.identify,
            "test": self.test,
            "users": self.users,
            "copy": self.copy,
            "remove": self.remove,
            "set clock": self.set_clock,
            "restart": self.restart,
            "comm key": self.comm_key,
        }

    # Which device is where.

    def replace(self, said: Mapping[str, str]) -> str:
        """Bind a source to the terminal that answers now."""
        collector, actor = self._named(said), actor_of(said)
        try:
            return collector.replace(actor)
        except NotReplaced as why:
            raise CannotDo(str(why)) from why

    def read(self, said: Mapping[str, str]) -> str:
        """Have a terminal's whole record read again, soon."""
        collector = self._named(said)
        if collector.is_called:
            raise CannotDo(
                f"{said['source']}: a terminal that calls the kiosk sends its record by itself; "
                "those of PUSH 2.x are asked for the last 8 days once a day, and when the kiosk "
                "starts"
            )
        if not collector.seen.has_clock:
            raise CannotDo(
                f"{said['source']}: it keeps no record that could be read again; what it has said "
                "is in the journal"
            )
        collector.read_again()
        return f"{said['source']}: its whole record is read again; see `kiosk status`"

    # Only looking.

    def test(self, said: Mapping[str, str]) -> str:
        """Ask a terminal what it says of itself; JSON."""
        one = self._named(said).seen.identity
        if one is not None and not one.has_clock:
            facts = self._lent(said, _facts_of_module, LOOK_S)
        else:
            facts = self._look(said, lambda store: store.facts())
        return msgspec.json.encode(facts).decode()

    def identify(self, said: Mapping[str, str]) -> str:
        """Have a terminal be heard, and say which one the kiosk takes it for."""
        one = self._named(said).seen.identity
        if one is not None and not one.has_clock:
            raise CannotDo(
                f"{said['source']}: it has no sound of its own; have somebody come to it and look "
                "which source's punch it is (kiosk journal tail)"
            )
        self._look(said, lambda store: store.sound())
        which = f"{one.model} {one.serial}" if one else "a terminal"
        return f"{said['source']}: {which} has played a sound"

    def users(self, said: Mapping[str, str]) -> str:
        """List whom a terminal knows; JSON."""
        held = self._look(said, _held)
        fingers = [one.user for one in held.fingers]
        listed = [
            Listed(
                user=user.user,
                name=user.name,
                privilege=user.privilege.value,
                fingers=fingers.count(user.user),
                card=bool(user.card),
                password=bool(user.password),
                in_roster=self._here.knows(user.user),
            )
            for user in held.users
        ]
        return msgspec.json.encode(listed).decode()

    # Writing.

    def copy(self, said: Mapping[str, str]) -> str:
        """Copy people from terminal `from` to terminal `source`; JSON of a `Proposed`.

        Without the `plan` that was shown nothing is written.
        """
        origin = self._people_of(said.get("from", ""))
        wanted = [one for one in said.get("users", "").split(",") if one]
        asked = said.get("plan", "")
        if not asked:
            made = self._look(said, lambda store: plan(origin, _held(store), wanted))
            return self._proposed(made)
        detail = {"from": said.get("from", ""), "plan": asked}

        def do(store: Store) -> Plan:
            made = plan(origin, _held(store), wanted)
            if asked != made.token(self._key) or not made.write:
                raise CannotDo("the terminals have changed since the plan was shown; look again")
            detail["users"] = made.sample
            store.write(made.write)
            return made

        made = self._write(said, "terminal users written", detail, do)
        return self._proposed(made, f"{len(made.write)} written and read back: {made.sample}")

    def remove(self, said: Mapping[str, str]) -> str:
        """Remove one user, with their fingers, from a terminal."""
        user = said.get("user", "")
        if not user:
            raise CannotDo("whom? Say the user id")

        def do(store: Store) -> str:
            known = next((one for one in store.users() if one.user == user), None)
            if known is None:
                raise CannotDo(f"{said['source']}: the terminal knows no user {user}")
            if known.privilege is not Privilege.USER and said.get("sure") != "yes":
                raise CannotDo(f"{user} {known.name} is {known.privilege.value} there: say --sure")
            store.remove(user)
            return f"{user} {known.name} is removed from {said['source']}"

        return self._write(said, "terminal user removed", {"user": user}, do)

    def set_clock(self, said: Mapping[str, str]) -> str:
        """Set a terminal's clock to ours."""
        collector = self._named(said)
        check_quiet(said["source"], collector.quiet_s)

        def do(store: Store) -> str:
            check_quiet(said["source"], collector.quiet_s)  # the worker may have been waited for
            now = self._here.local_time(collector.zone)
            if now is None:
                raise CannotDo("our own clock is not trusted: `kiosk clock` says what to do")
            # It shows whole seconds, and the request takes its way.
            store.set_clock((now + timedelta(milliseconds=500)).replace(microsecond=0))
            return f"{said['source']}: its clock is set"

        done = self._write(said, "terminal clock set", {}, do)
        collector.read_again()  # measures it, and looks for what was punched around the set
        return done

    def restart(self, said: Mapping[str, str]) -> str:
        """Restart a terminal."""
        self._write(said, "terminal restarted", {}, lambda store: store.restart())
        return f"{said['source']}: the terminal restarts; it is connected again by itself"

    def comm_key(self, said: Mapping[str, str]) -> str:
        """Set a terminal's comm key. The key itself is in no entry and no log."""
        key = said.get("key", "")
        if not (key.isdecimal() and int(key) <= 0xFFFFFFFF):
            raise CannotDo("a comm key is a number from 0 (none) to 4294967295")
        self._write(said, "terminal comm key set", {}, lambda store: store.set_comm_key(int(key)))
        return (
            f"{said['source']}: the comm key is set. Now set comm_key of this source in kiosk.toml "
            "and restart the daemon: until then the terminal refuses it"
        )

    # How.

    def _named(self, said: Mapping[str, str]) -> Collector:
        name = said.get("source", "")
        if name not in self._collectors:
            there = ", ".join(self._collectors)
            raise CannotDo(f"there is no source {name!r}; there are: {there}")
        return self._collectors[name]

    def _people_of(self, source: str) -> Held:
        """Return what a terminal of ours holds: a stranger's people are nobody here."""
        collector = self._named({"source": source})

        def held(store: Store) -> Held:
            if not collector.is_bound:
                raise CannotDo(
                    f"{source}: another terminal answers than the one it is bound to; nobody is "
                    "copied from a stranger (kiosk devices replace)"
                )
            return _held(store)

        return self._borrow({"source": source}, held, LOOK_S)

    def _proposed(self, made: Plan, done: str = "") -> str:
        unknown = tuple(
            f"unknown   {one}: the first terminal knows no such user" for one in made.unknown
        )
        token = made.token(self._key) if made.write else ""
        return msgspec.json.encode(Proposed((*made.lines, *unknown), token, done)).decode()

    def _look(self, said: Mapping[str, str], do: Callable[[Store], T]) -> T:
        return self._borrow(said, do, LOOK_S)

    def _write(
        self,
        said: Mapping[str, str],
        action: str,
        detail: dict[str, str],
        do: Callable[[Store], T],
    ) -> T:
        """Do something to a terminal that is ours, and record how it ended.

        `do` may add to `detail`. What it refuses by CannotDo it has not begun: that is no entry.
        """
        collector, actor = self._named(said), actor_of(said)

        def record(result: str) -> None:
            where = {"source": said["source"], "terminal": collector.seen.bound_to}
            self._here.record(actor, action, where | detail | {"result": result})

        def checked(store: Store) -> T:
            if not collector.is_bound:
                raise CannotDo(
                    f"{said['source']}: another terminal answers than the one it is bound to; "
                    "nothing is written to a stranger (kiosk devices replace)"
                )
            try:
                done = do(store)
            except SourceError as error:
                record(f"failed: {error}"[:500])
                raise
            record("done")
            return done

        return self._borrow(said, checked, WRITE_S)

    def _borrow(self, said: Mapping[str, str], do: Callable[[Store], T], within_s: float) -> T:
        collector = self._named(said)
        if collector.is_called:
            raise CannotDo(
                f"{said['source']}: this terminal calls the kiosk, which takes its punches and "
                "nothing else; do it at the terminal, or read it over 4370 as well"
            )

        return self._lent(said, lambda source: do(_store(source)), within_s)

    def _lent(self, said: Mapping[str, str], do: Callable[[Source], T], within_s: float) -> T:
        """Have something done with an open source. Raises CannotDo."""
        try:
            return self._named(said).borrow(do, within_s)
        except (NotLent, SourceError) as why:
            raise CannotDo(str(why)) from why


def check_quiet(source: str, quiet_s: float) -> None:
    """Raises CannotDo where somebody has just punched: others may be standing there."""
    if quiet_s < QUIET_S:
        raise CannotDo(
            f"{source}: somebody punched {quiet_s:.0f} s ago; wait until nobody has for "
            f"{QUIET_S:.0f} s"
        )


def _store(source: Source) -> Store:
    if not isinstance(source, HasStore):
        raise CannotDo("this kind of terminal can only be read")
    return source.store()


def _facts_of_module(source: Source) -> Facts:
    """Return how full a finger module is."""
    if not isinstance(source, KnowsFingers):
        raise CannotDo("it speaks only when somebody comes: come, and look at kiosk journal tail")
    module = source.module()
    return Facts(
        users=len(source.occupied()),
        capacity=module.capacity,
        state=f"{module.model}, security {module.security}, {module.captures} reads a finger",
    )


def _held(store: Store) -> Held:
    return Held(store.users(), store.templates(), store.facts().finger_format)


def actor_of(said: Mapping[str, str]) -> str:
    """Return who asks for something that is recorded. Raises CannotDo where nobody says so."""
    actor = said.get("by", "").strip()
    if not actor:
        raise CannotDo("who does it? Say --by NAME: it is recorded")
    return actor
