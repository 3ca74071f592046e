"""One terminal's users against the roster: looked at, changed by a plan, remembered, told of.

Every method but the last works on an open terminal's store, lent by its source, and may raise
SourceError and JournalError. When it is time for which is `enlisting.py`'s.

Before the terminal is touched, what is begun is on disk. So after any interruption an entry tells
of it, who was written is known for who they are, and whether a finger was there is looked at.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from threading import Lock
from typing import Final, Protocol

import msgspec
from msgspec import structs

from drivers.errors import NotOffered, Refused, SourceError
from drivers.options import KeepsUsers, Users
from drivers.store import Known, Store, TerminalUser
from kiosk import enlisted
from kiosk.collect import Collector
from kiosk.devices import Did
from kiosk.enlist import Holder, Kind, Plan, Wish, plan
from kiosk.enlisted import Begun, Enlisted
from kiosk.local import CannotDo
from sync.edge.roster import Rosters
from sync.journal.errors import JournalError
from sync.journal.journal import Position

log = logging.getLogger(__name__)

REFUSED_MOST: Final = 5
"""A terminal that refuses so many, and takes nobody, refuses all: it is full, or not to be
written to."""

WRITTEN: Final = "terminal users written"
REMOVED: Final = "terminal users removed"

DETAIL_MOST: Final = 4000
"""Most characters of user ids in one audit entry."""

SAMPLE: Final = 20
"""So many user ids of each kind stand in the entry that says how a terminal differs."""


class Here(Protocol):
    """What is needed of the kiosk around it."""

    @property
    def utc_ms(self) -> int:
        """Return the time, milliseconds UTC."""

    def local_time(self, zone: str) -> datetime | None:
        """Return the naive time in `zone`; None while our clock is not trusted."""

    def keep(self, position: Position, did: Sequence[Did] = ()) -> None:
        """Commit what was done together with what is to be remembered. Raises JournalError."""

    def recall(self, name: str) -> bytes | None:
        """Return what was kept under the position's name. Raises JournalError."""


class Roll:
    """The users of one source's terminal.

    Attributes:
        doing: held by whoever looks at them and changes them.
    """

    def __init__(
        self, options: KeepsUsers, collector: Collector, rosters: Rosters, here: Here
    ) -> None:
        self._options = options
        self._collector = collector
        self._rosters = rosters
        self._here = here
        self.doing = Lock()
        self._remembering = Lock()  # what is recalled late must not replace what was kept
        self._refused: dict[str, str] = {}
        self._last: set[str] = set()  # whom it has ever refused
        self._recalled: Enlisted | None = None
        self._looked = 0  # the roster's version when it was looked last

    @property
    def remembered(self) -> Enlisted:
        """What is remembered, of whichever terminal. Raises JournalError."""
        with self._remembering:
            if self._recalled is None:
                name = enlisted.place(self._options.name)
                self._recalled = enlisted.decode(self._here.recall(name))
            return self._recalled

    def holder(self, user: str) -> str:
        """Return whose a user of the terminal is known to be; "" for not known. Any thread."""
        try:
            return _person(self._memory, user)
        except JournalError as error:  # a punch is recorded all the same, if anything is
            log.warning("users of %s: not known: %s", self._options.name, error)
            return ""

    def try_again(self) -> None:
        """Forget whom the terminal has refused, but for asking them last."""
        self._last |= self._refused.keys()
        self._refused = {}

    def look(self, store: Store, policy: Users) -> Plan:
        """Return what is to be done, and remember who is who."""
        self._take_up(store)
        made, seen = self._compared(store, policy)
        if seen.holders != self._memory.holders:
            self._keep(seen)
        self._recalled = seen
        return made

    def _compared(
        self, store: Store, policy: Users, settled: Sequence[str] = ()
    ) -> tuple[Plan, Enlisted]:
        """Return what is to be done, and what is to be remembered then."""
        roster, memory = self._rosters.current, self._memory
        wish = Wish(
            policy=policy,
            day=self._today(),
            made=datetime.fromtimestamp(roster.version / 1000, UTC).date(),
            keep_days=self._options.users_keep_days,
            settled=settled,
            refused=self._refused,
            last=self._last,
        )
        made = plan(roster, store.users(), store, memory.holders, wish)
        self._looked = roster.version
        return made, structs.replace(
            memory,
            holders=dict(made.holders),
            measured=self._here.utc_ms,
            counts={kind.value: n for kind, n in sorted(made.counts.items())},
        )

    def do(
        self, store: Store, made: Plan, actor: str, beat: Callable[[], None] = lambda: None
    ) -> None:
        """Carry out a plan, and record it; as far as it came where it fails."""
        if made.remove:
            self._remove(store, made.remove, actor)
            beat()
        if made.write:
            self._write(store, made, actor, beat)

    def settle(self, store: Store, users: Sequence[str], actor: str) -> None:
        """Take somebody's word that what is there is whose the number is today.

        Raises CannotDo.
        """
        made = self.look(store, Users.REPORT)
        doubted = {
            one.user: one.person
            for one in made.found
            if one.kind in (Kind.DOUBTED, Kind.TAKEN) and one.person
        }
        if others := [one for one in users if one not in doubted]:
            raise CannotDo(
                f"{self._options.name}: there is nothing to settle of {', '.join(others)}: it is "
                "not doubted, or nobody's today"
            )
        _, seen = self._compared(store, Users.REPORT, settled=users)
        whose = [f"{user}={doubted[user]}" for user in users]
        self._keep(seen, self._each(actor, "terminal users settled", whose, {}))

    def _remove(self, store: Store, users: Sequence[str], actor: str) -> None:
        held = self._memory.holders
        begun = self._begin(actor, REMOVED, {one: held.get(one, _NOBODY) for one in users})
        left, result = {user: one for user, one in held.items() if user not in users}, "done"
        try:
            store.remove(*users)
        except SourceError as error:  # who has gone is found at the next look
            result, left = f"failed: {error}"[:500], dict(held)
            raise
        finally:
            memory = structs.replace(self._memory, holders=left, begun=None)
            self._keep(memory, self._ended(begun, begun.holders, result))

    def _write(self, store: Store, made: Plan, actor: str, beat: Callable[[], None]) -> None:
        holders = {one.user: _holder(made, one) for one in made.write}
        begun = self._begin(actor, WRITTEN, holders, made.fresh)
        refused: dict[str, str] = {}
        taken: list[str] = []
        result = "done"
        try:
            _written(store, made, made.write, taken, refused, beat)
            _without_fingers(store, made.fresh.intersection(taken) - refused.keys(), refused)
        except SourceError as error:
            result = f"failed: {error}"[:500]
            raise
        finally:
            self._refused |= refused
            others = [one for one in holders if one not in refused]
            did = [
                *self._ended(begun, others, result),
                *self._ended(begun, refused, _refusal(refused)),
            ]
            memory = self._memory
            if result == "done":
                held = {one: holders[one] for one in others}
                memory = structs.replace(memory, holders={**memory.holders, **held}, begun=None)
            else:
                memory = structs.replace(memory, begun=structs.replace(begun, told=True))
            self._keep(memory, did)

    def _begin(
        self,
        actor: str,
        action: str,
        holders: Mapping[str, Holder],
        fresh: frozenset[str] = frozenset(),
    ) -> Begun:
        """Remember what is begun before it is."""
        begun = Begun(actor=actor, action=action, holders=holders, fresh=fresh)
        self._keep(structs.replace(self._memory, begun=begun))
        return begun

    def _take_up(self, store: Store) -> None:
        """See what has become of what was begun, and tell of it where nothing else does.

        Whoever is there as written is whom it was written for. Where they have a finger, it may
        have been there before, or be theirs since: that is doubted.
        """
        memory = self._memory
        if (begun := memory.begun) is None:
            return
        there = {one.user: one.name for one in store.users()}
        held = dict(memory.holders)
        if begun.action == WRITTEN:
            fingers = _fingers(store, begun.fresh)
            kept = {user: one for user, one in begun.holders.items() if there.get(user) == one.name}
            for user, one in kept.items():
                held[user] = structs.replace(one, unproved=user in fingers)
            ended = f"interrupted; there as written: {_sample(kept)}"
        else:
            gone = [one for one in begun.holders if one not in there]
            ended = f"interrupted; gone: {_sample(gone)}"
        did = [] if begun.told else self._ended(begun, begun.holders, ended)
        self._keep(structs.replace(memory, holders=held, begun=None), did)

    def _ended(self, begun: Begun, users: Iterable[str], result: str) -> list[Did]:
        whose = [f"{user}={begun.holders[user].person}" for user in users]
        detail = {"from": "roster", "result": result}
        return self._each(begun.actor, begun.action, whose, detail)

    # What is remembered and told.

    def tell(self, policy: Users, made: Plan) -> None:
        """Record how the terminal differs from the roster, if that is news."""
        memory, digest = self._memory, _digest(made)
        version = self._looked
        did = []
        if digest != memory.told:
            kinds = {
                kind.value: f"{n}: {_sample(one.user for one in made.found if one.kind is kind)}"
                for kind, n in sorted(made.counts.items())
            }
            detail = {"policy": policy.value, "roster": str(version), **kinds}
            did = [self._did("kiosk", "terminal users differ", detail)]
            if taken := made.counts.get(Kind.TAKEN, 0):
                log.error(
                    "users of %s: %d have the fingers of whoever had their number before: "
                    "kiosk devices roster %s",
                    *(self._options.name, taken, self._options.name),
                )
        self._keep(structs.replace(memory, told=digest, roster=version), did)

    @property
    def _memory(self) -> Enlisted:
        """What is remembered of the terminal that the source is bound to."""
        return self.remembered.of(self._collector.seen.bound_to)

    def _keep(self, memory: Enlisted, did: Sequence[Did] = ()) -> None:
        where = enlisted.place(self._options.name)
        self._here.keep(Position(where, enlisted.encode(memory)), did)
        with self._remembering:
            self._recalled = memory

    def _today(self) -> date:
        now = self._here.local_time(self._collector.zone)
        if now is None:
            raise CannotDo("our own clock is not trusted: `kiosk clock` says what to do")
        return now.date()

    def _each(
        self, actor: str, action: str, users: Sequence[str], detail: Mapping[str, str]
    ) -> list[Did]:
        """Return as many entries as it takes to name all of `users`."""
        return [self._did(actor, action, {"users": one, **detail}) for one in _cut(users)]

    def _did(self, actor: str, action: str, detail: Mapping[str, str]) -> Did:
        where = {"source": self._options.name, "terminal": self._collector.seen.bound_to}
        return Did(actor, action, where | dict(detail))


def _written(
    store: Store,
    made: Plan,
    people: Sequence[TerminalUser],
    taken: list[str],
    refused: dict[str, str],
    beat: Callable[[], None],
) -> None:
    """Write people; note whom the terminal refuses, all others are written. Raises SourceError."""
    beat()
    try:
        store.write([Known(user=one) for one in people])
        taken += [one.user for one in people]
    except Refused as why:
        if len(people) == 1:
            user = people[0].user
            refused[user] = str(why)
            if user in made.fresh:
                _not_left(store, user)
            if len(refused) >= REFUSED_MOST and not taken:
                raise
            return
        half = len(people) // 2
        _written(store, made, people[:half], taken, refused, beat)
        _written(store, made, people[half:], taken, refused, beat)


def _not_left(store: Store, user: str) -> None:
    """Remove whoever is new and not kept as written: with a card of another's, or menu rights."""
    if any(one.user == user for one in store.users()):
        with suppress(Refused):
            store.remove(user)


def _without_fingers(store: Store, fresh: frozenset[str], refused: dict[str, str]) -> None:
    """Remove whoever is new and has fingers all the same: those are somebody else's."""
    for user in sorted(_fingers(store, fresh)):
        store.remove(user)
        refused[user] = (
            f"the terminal has kept fingers of somebody removed, which would be user {user}'s: "
            "delete them in its own menu"
        )


def _fingers(store: Store, users: frozenset[str]) -> frozenset[str]:
    """Return those of `users` who have fingers, as far as the terminal tells."""
    if not users:
        return users
    try:
        return users.intersection(one.user for one in store.templates())
    except NotOffered:
        return frozenset()


def _holder(made: Plan, user: TerminalUser) -> Holder:
    return Holder(made.persons[user.user], user.name, wrote=user.name)


def _person(memory: Enlisted, user: str) -> str:
    held = memory.holders.get(user)
    return held.person if held is not None else ""


_NOBODY: Final = Holder("", "")


def _refusal(refused: Mapping[str, str]) -> str:
    return f"refused: {next(iter(refused.values()), '')}"[:500]


def _cut(texts: Sequence[str]) -> Iterator[str]:
    """Yield `texts` joined by commas, as many at once as an entry holds."""
    joined = ""
    for text in texts:
        if joined and len(joined) + len(text) > DETAIL_MOST:
            yield joined
            joined = ""
        joined += f", {text}" if joined else text
    if joined:
        yield joined


def _sample(users: Iterable[str]) -> str:
    ids = list(users)
    more = f" and {len(ids) - SAMPLE} more" if len(ids) > SAMPLE else ""
    return ", ".join(ids[:SAMPLE]) + more


def _digest(made: Plan) -> str:
    told = sorted((one.kind.value, one.user, one.person) for one in made.found)
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()[:16] if told else ""
