"""The city as it is stored: units, people, memberships, credentials, grants, posts, rules, and what
people decided about single presences. What follows from it is `sync/central/city.py`'s and
`sync/central/resolve.py`'s.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple, TypeVar

from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from sync.central.store import tables
from sync.central.store.ledger import Line
from sync.central.store.rows import insert_new, is_one_of, upsert
from sync.protocol.entry import FINGER_ENROLLED, FINGER_REMOVED, Audit, Mark
from sync.protocol.roster import Dated, Grant, Known, Member, Person, Unit

REPLACED: Final = "terminal replaced"
"""The action of the audit entry that binds a source to another terminal."""

_KEY: Final = re.compile("[0-9a-f]{8,64}")
"""What makes the user of a finger one that was never before."""

_USER_MOST: Final = 400
"""Longest user of a finger, characters: a key of PostgreSQL has 2704 bytes at most."""

_CITY: Final = "city"  # the name in `rising`


class Post(Dated, frozen=True, kw_only=True, omit_defaults=True):
    """A kiosk's terminals are a unit's."""

    kiosk: str
    unit: str


class Place(NamedTuple):
    """Where a presence stands; a fork has several at one seq."""

    kiosk: str
    epoch: str
    seq: int
    hash: bytes


class Rule(NamedTuple):
    """A row of the rules of worktime; `body` is in JSON, `key` is its own among its kind."""

    kind: str
    key: str
    body: bytes


class Binding(Struct, frozen=True, kw_only=True):
    """At this place of a kiosk's record, terminal `after` took the place of `before`.

    Attributes:
        life: how many of the kiosk's epochs began before this one.
    """

    kiosk: str
    life: int
    seq: int
    source: str
    before: str
    after: str


class Finger(Struct, frozen=True):
    """A finger that a kiosk enrolled: of a user that no other finger ever has.

    Attributes:
        is_gone: it is in no module any more; its punches are still the person's.
    """

    user: str
    person: str
    is_gone: bool = False


class Sighted(Struct, frozen=True, kw_only=True, gc=False):
    """What of a presence says whose it is.

    Attributes:
        time: the terminal's naive clock; may be no real date.
        claimed: whom the kiosk named.
        life: how many of the kiosk's epochs began before the one it stands in.
        day: the local date on which it really was; None for that of `time`.
    """

    place: Place
    life: int
    source: str
    terminal: str
    credential: str
    user: str
    time: str
    mark: str
    claimed: str | None
    day: date | None = None


class Group(NamedTuple):
    """Presences of one credential and mark at one kiosk that it said were `claimed`'s.

    `first` and `last` are days as the terminal said them.
    """

    kiosk: str
    credential: str
    user: str
    claimed: str
    mark: str
    first: str
    last: str
    times: int


Kept = TypeVar("Kept", Unit, Person, Member, Known, Grant, Post)

_TABLES: Final[Mapping[type[Struct], Table]] = {
    Unit: tables.unit,
    Person: tables.person,
    Member: tables.member,
    Known: tables.known,
    Grant: tables.granted,
    Post: tables.post,
}
KEPT: Final = tuple(_TABLES)
"""What is stored row by row, as it travels."""

_DAYS: Final = ("since", "until")
_FEW: Final = 500  # rows that one statement names
_MOST_GROUPS: Final = 40  # groups of presences that are read one by one


class CityTables:
    """The city, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # Its stamp.

    def stamp(self) -> int:
        """Return the number that rises with every change of what is here, 0 at first.

        Every binding and every finger is one of them: ingest, which notes them, need not wait for
        who imports.
        """
        rising = tables.rising.c
        told = self._connection.scalar(select(rising.value).where(rising.name == _CITY)) or 0
        bound = self._connection.scalar(select(func.count()).select_from(tables.binding)) or 0
        gone = func.coalesce(func.sum(case((tables.finger.c.is_gone, 2), else_=1)), 0)
        fingers = self._connection.scalar(select(gone)) or 0
        return told + bound + int(fingers)

    def lock(self) -> None:
        """Wait until nobody else changes the city; then others wait for this transaction."""
        self._rise(0)

    def rise(self) -> None:
        """Say that the city has changed; the lock is taken."""
        self._rise(1)

    def _rise(self, by: int) -> None:
        table = tables.rising
        changes = {"value": table.c.value + by}
        upsert(self._connection, table, {"name": _CITY, "value": by}, changes)

    # Rows.

    def all(self, kind: type[Kept]) -> list[Kept]:
        """Return every row of a kind, by its key."""
        table, names = _TABLES[kind], kind.__struct_fields__
        columns = [table.c[name] for name in names]
        rows = self._connection.execute(select(*columns).order_by(*table.primary_key))
        days = [n for n, name in enumerate(names) if name in _DAYS]
        made = []
        for row in rows:
            values: list[Any] = list(row)
            for n in days:
                values[n] = date.fromisoformat(values[n]) if values[n] else None
            made.append(kind(**dict(zip(names, values, strict=True))))
        return made

    def put(self, rows: Iterable[Struct]) -> None:
        """Add rows, or change those of the same key."""
        for kind, alike in _by_kind(rows).items():
            table = _TABLES[kind]
            self._remove(table, alike)
            self._connection.execute(insert(table), [_values(one) for one in alike])

    def remove(self, rows: Iterable[Struct]) -> None:
        """Remove the rows that have the keys of these."""
        for kind, alike in _by_kind(rows).items():
            self._remove(_TABLES[kind], alike)

    def _remove(self, table: Table, rows: Sequence[Struct]) -> None:
        keys = [column.key for column in table.primary_key]
        which = and_(*(table.c[name] == bindparam(f"old_{name}") for name in keys))
        asked = [{f"old_{name}": _said(getattr(one, name)) for name in keys} for one in rows]
        self._connection.execute(delete(table).where(which), asked)

    def rules(self) -> list[Rule]:
        """Return every row of the rules, by kind and key."""
        c = tables.rule.c
        rows = self._connection.execute(select(c.kind, c.key, c.body).order_by(c.kind, c.key))
        return [Rule(*row) for row in rows]

    def put_rules(self, rules: Sequence[Rule]) -> None:
        """Add rules, or change those of the same kind and key."""
        self.remove_rules(rules)
        if rules:
            self._connection.execute(insert(tables.rule), [one._asdict() for one in rules])

    def remove_rules(self, rules: Sequence[Rule]) -> None:
        """Remove the rules that have the kinds and keys of these."""
        c = tables.rule.c
        which = and_(c.kind == bindparam("of"), c.key == bindparam("at"))
        if rules:
            asked = [{"of": one.kind, "at": one.key} for one in rules]
            self._connection.execute(delete(tables.rule).where(which), asked)

    # What was imported.

    def keep_document(self, sha256: bytes, name: str, content: bytes, now: int) -> None:
        """Keep an imported file; one that is here already stays as it is."""
        row = {"sha256": sha256, "name": name, "content": content, "kept_at": now}
        insert_new(self._connection, tables.document, row)

    def document(self, sha256: bytes) -> bytes | None:
        """Return the imported file of that digest."""
        c = tables.document.c
        found: bytes | None = self._connection.scalar(select(c.content).where(c.sha256 == sha256))
        return found

    # Single presences.

    def identify(self, place: Place, person: str, actor: str, now: int) -> None:
        """Keep who a presence was, by whose word; "" for nobody of ours."""
        said = {"person": person, "actor": actor, "at": now}
        upsert(self._connection, tables.identified, {**place._asdict(), **said}, said)

    def identified(self) -> dict[Place, str]:
        """Return of whom somebody said who it was."""
        c = tables.identified.c
        rows = self._connection.execute(select(c.kiosk, c.epoch, c.seq, c.hash, c.person))
        return {Place(*place): person for *place, person in rows}

    def named_by_credential(self, credential: str, user: str) -> list[tuple[str, str]]:
        """Return as whom presences of a credential were named: (kiosk, person), each once."""
        c, p = tables.identified.c, tables.presence.c
        same = and_(*(c[name] == p[name] for name in Place._fields))
        rows = self._connection.execute(
            select(c.kiosk, c.person)
            .join_from(tables.identified, tables.presence, same)
            .where(p.credential == credential, p.user == user)
            .distinct()
            .order_by(c.kiosk, c.person)
        )
        return [(kiosk, person) for kiosk, person in rows]

    def settle(self, place: Place, utc: int, actor: str, now: int) -> None:
        """Keep when a presence really was, by whose word; `utc` in ms."""
        said = {"utc": utc, "actor": actor, "at": now}
        upsert(self._connection, tables.settled, {**place._asdict(), **said}, said)

    def settled(self) -> dict[Place, int]:
        """Return of which presences somebody said when they were."""
        c = tables.settled.c
        rows = self._connection.execute(select(c.kiosk, c.epoch, c.seq, c.hash, c.utc))
        return {Place(*place): utc for *place, utc in rows}

    def note(self, line: Line, seq: int, said: Audit) -> None:
        """Take in what an audit entry of the prefix says about terminals and fingers."""
        if said.action == REPLACED:
            names = ("source", "before", "after")
            told = {name: said.detail.get(name, "") for name in names}
            row = {"kiosk": line.kiosk, "epoch": line.epoch, "seq": seq, **told}
            insert_new(self._connection, tables.binding, row)
        elif said.action == FINGER_ENROLLED:
            self._note_finger(line.kiosk, said)
        elif said.action == FINGER_REMOVED:
            user = said.detail.get("user", "")
            named = update(tables.finger).where(tables.finger.c.user == user)
            self._connection.execute(named.values(is_gone=True))

    def _note_finger(self, kiosk: str, said: Audit) -> None:
        """Believe it of a user that was made for this enrolment: "serial/slot-key".

        Of any other there may be punches already, of strangers whom a kiosk could make somebody;
        and what no index takes must not stop what comes behind it.
        """
        names = ("user", "person", "terminal", "slot")
        user, person, terminal, slot = (said.detail.get(name, "") for name in names)
        made_for = f"{terminal}/{slot}-"
        key = user.removeprefix(made_for)
        is_made = user.startswith(made_for) and _KEY.fullmatch(key) and len(user) <= _USER_MOST
        if person and terminal and is_made:
            row = {"user": user, "kiosk": kiosk, "person": person, "is_gone": False}
            insert_new(self._connection, tables.finger, row)

    def fingers(self) -> list[Finger]:
        """Return whose finger each user is that a kiosk has enrolled."""
        c = tables.finger.c
        rows = self._connection.execute(select(c.user, c.person, c.is_gone).order_by(c.user))
        return [Finger(user=user, person=person, is_gone=gone) for user, person, gone in rows]

    def bindings(self) -> list[Binding]:
        """Return which terminals were replaced, in the order of each kiosk's record."""
        c, lives = tables.binding.c, self.lives()
        rows = self._connection.execute(
            select(c.kiosk, c.epoch, c.seq, c.source, c.before, c.after)
        )
        made = [
            Binding(
                kiosk=row.kiosk,
                life=lives[row.kiosk, row.epoch],
                seq=row.seq,
                source=row.source,
                before=row.before,
                after=row.after,
            )
            for row in rows
        ]
        return sorted(made, key=lambda one: (one.kiosk, one.life, one.seq))

    def lives(self) -> dict[tuple[str, str], int]:
        """Return how many of its kiosk's epochs began before each one."""
        c = tables.epoch.c
        rows = self._connection.execute(
            select(c.kiosk, c.epoch).order_by(c.kiosk, c.began_at, c.number, c.epoch)
        )
        lives: dict[tuple[str, str], int] = {}
        kiosk, life = "", 0
        for of, epoch in rows:
            kiosk, life = of, life + 1 if of == kiosk else 0
            lives[of, epoch] = life
        return lives

    def sighted(self, since: date, kiosk: str = "") -> list[Sighted]:
        """Return the presences from `since` on that count, in the order of arrival.

        Those that could not be read are as old as their arrival.
        """
        c = tables.presence.c
        came = c.received_at >= 1000 * int(datetime(*since.timetuple()[:3], tzinfo=UTC).timestamp())
        unread = and_(c.mark == Mark.UNREADABLE.value, came)
        which = and_(or_(c.time >= since.isoformat(), unread), c.again.is_(False))
        return self._sighted(and_(which, c.kiosk == kiosk) if kiosk else which)

    def recent_groups(self, begin: int, kiosks: Collection[str]) -> list[Group]:
        """Return the presences of kiosks since `begin` (ms UTC) by whose word they are, counted.

        Of those of which the kiosk named somebody: of each credential, the first and last day.
        """
        c = tables.presence.c
        day = func.substr(c.time, 1, len("2026-11-24"))
        of = (c.kiosk, c.credential, c.user, c.person, c.mark)
        found = []
        for since in self._since(begin, kiosks):
            rows = self._connection.execute(
                select(*of, func.min(day), func.max(day), func.count())
                .where(since, c.person.is_not(None))
                .group_by(*of)
            )
            found += [Group(*row) for row in rows]
        return found

    def recent_of(
        self, begin: int, kiosks: Collection[str], groups: Collection[Group]
    ) -> list[Sighted]:
        """Return the presences since `begin` that no kiosk knew, or that are of these groups."""
        c = tables.presence.c
        which = [and_(since, c.person.is_(None)) for since in self._since(begin, kiosks)]
        if len(groups) > _MOST_GROUPS:  # a kiosk whose units changed: all of it, at once
            which += self._since(begin, {one.kiosk for one in groups})
            groups = ()
        for one in groups:
            of = (c.credential == one.credential, c.user == one.user, c.person == one.claimed)
            which += [and_(since, *of) for since in self._since(begin, [one.kiosk])]
        found = {seen.place: seen for one in which for seen in self._sighted(one)}
        return list(found.values())

    def _since(self, begin: int, kiosks: Collection[str]) -> list[ColumnElement[bool]]:
        """Return conditions, to be asked one by one: together no index would serve them."""
        c = tables.presence.c
        # What has no time of its own is as old as its arrival.
        undated = and_(tables.ODD, c.utc.is_(None), c.received_at >= begin)
        return [
            and_(c.kiosk.in_(sorted(kiosks)), when, c.again.is_(False))
            for when in (c.utc >= begin, undated)
        ]

    def sighted_at(self, kiosk: str, epoch: str, seq: int) -> list[Sighted]:
        """Return the presence at a place; several where histories contradict each other."""
        c = tables.presence.c
        return self._sighted(and_(c.kiosk == kiosk, c.epoch == epoch, c.seq == seq))

    def taken_up(self) -> dict[Place, Sighted]:
        """Return what a kiosk calls its own that was first reported of a terminal unknown there.

        By the place of the first report; of several, the earliest.
        """
        c, first = tables.presence.c, tables.presence.alias().c
        of_first = and_(
            first.kiosk == c.first_kiosk,
            first.epoch == c.first_epoch,
            first.seq == c.first_seq,
            first.mark == Mark.UNBOUND.value,
        )
        names = [first[name] for name in Place._fields]
        rows = self._connection.execute(
            select(*names, *(c[name].label(f"its_{name}") for name in Place._fields))
            .where(c.again, c.mark != Mark.UNBOUND.value, of_first)
            .order_by(c.id.desc())
        )
        pairs = {Place(*row[:4]): Place(*row[4:]) for row in rows}
        if not pairs:
            return {}
        again = {
            one.place: one for one in self._sighted(and_(c.again, c.mark != Mark.UNBOUND.value))
        }
        return {place: again[other] for place, other in pairs.items()}

    def reported_elsewhere(self, ours: Sequence[Sighted]) -> dict[Place, list[Sighted]]:
        """Return what other kiosks reported later of these same punches, in order of arrival."""
        c, lives = tables.presence.c, self.lives()
        of: defaultdict[tuple[str, str], dict[int, list[Sighted]]]
        of = defaultdict(lambda: defaultdict(list))
        for one in ours:
            of[one.place.kiosk, one.place.epoch][one.place.seq].append(one)
        found: defaultdict[Place, list[Sighted]] = defaultdict(list)
        for (kiosk, epoch), by_seq in of.items():
            first = and_(c.first_kiosk == kiosk, c.first_epoch == epoch)
            among = c.first_seq.between(min(by_seq), max(by_seq))
            rows = self._connection.execute(
                select(*_sighted_columns(), c.first_seq)
                .where(tables.ELSEWHERE, first, among)
                .order_by(c.id)
            )
            for row in rows:
                for one in by_seq.get(row.first_seq, ()):
                    if (one.terminal, one.user, one.time) == (row.terminal, row.user, row.time):
                        found[one.place].append(_sighted(row, lives))
        return found

    def _sighted(self, which: Any) -> list[Sighted]:
        lives = self.lives()
        rows = self._connection.execute(
            select(*_sighted_columns()).where(which).order_by(tables.presence.c.id)
        )
        return [_sighted(row, lives) for row in rows]

    def bodies(self, places: Sequence[Place]) -> dict[Place, bytes]:
        """Return the bodies of the entries at these places."""
        c, found = tables.entry.c, {}
        for start in range(0, len(places), _FEW):
            hashes = [one.hash for one in places[start : start + _FEW]]
            rows = self._connection.execute(
                select(c.kiosk, c.epoch, c.seq, c.hash, c.body).where(
                    c.kiosk.in_({one.kiosk for one in places}),
                    is_one_of(self._connection, c.hash, hashes),
                )
            )
            found.update({Place(*place): body for *place, body in rows})
        return {place: body for place, body in found.items() if place in set(places)}

    def recorded(self, origins: Sequence[bytes]) -> set[bytes]:
        """Return which of these origins any entry has reported."""
        c, found = tables.origin.c, set[bytes]()
        for start in range(0, len(origins), _FEW):
            part = origins[start : start + _FEW]
            asked = select(c.origin).where(is_one_of(self._connection, c.origin, part))
            found.update(self._connection.scalars(asked))
        return found


_SIGHTED: Final = ("source", "terminal", "credential", "user", "time", "mark")


def _sighted_columns() -> list[Any]:
    return [tables.presence.c[name] for name in (*Place._fields, *_SIGHTED, "person")]


def _sighted(row: Any, lives: Mapping[tuple[str, str], int]) -> Sighted:
    place = Place(row.kiosk, row.epoch, row.seq, row.hash)
    words = {name: row._mapping[name] for name in _SIGHTED}
    return Sighted(place=place, life=lives[row.kiosk, row.epoch], claimed=row.person, **words)


def _by_kind(rows: Iterable[Struct]) -> dict[type[Struct], list[Struct]]:
    found: dict[type[Struct], list[Struct]] = {}
    for one in rows:
        found.setdefault(type(one), []).append(one)
    return found


def _values(one: Struct) -> dict[str, str]:
    return {name: _said(getattr(one, name)) for name in one.__struct_fields__}


def _said(value: str | date | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else value.isoformat()
