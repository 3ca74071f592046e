"""What is shown: presences as they arrive, how kiosks stand, alarms, figures. Reads only."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, FromClause, Select, func, or_, select

from sync.central.store import tables
from sync.protocol.entry import Mark
from sync.protocol.health import Health

RECENT: Final = 5000
"""Lists of terminals and people are drawn from this many latest presences, not from all."""


class Filter(Struct, frozen=True, kw_only=True):
    """Which presences are asked for; "" for any."""

    terminal: str = ""
    person: str = ""
    mark: str = ""


class Shown(Struct, frozen=True, kw_only=True):
    """A presence with the person's name, as a page shows it. `id` rises with arrival."""

    id: int
    kiosk: str
    epoch: str
    seq: int
    source: str
    terminal: str
    user: str
    time: str
    zone: str
    utc: int | None
    person: str | None
    name: str | None
    unit: str | None
    mark: str
    method: str
    state: str
    drift: int | None
    wall: int
    up: int
    boot: str
    synced: bool
    error: int | None
    again: bool
    first_kiosk: str
    received_at: int


class Group(Struct, frozen=True):
    """A terminal or a person among the latest presences, and how many are theirs."""

    key: str
    label: str
    count: int


class KioskLine(Struct, frozen=True, kw_only=True):
    """How one kiosk stands. `through`, `last` are of its newest epoch; counts are of all.

    Attributes:
        roster, meant: the version that it works on, and the one that it was told last.
        health: what it says of itself, and when central heard of it; None for nothing.
    """

    kiosk: str
    epoch: str
    through: int
    last: int
    online: bool
    since_at: int
    receipt_at: int
    software: str
    alarms: int
    roster: int
    meant: int
    health: Health | None = None
    health_at: int = 0


class AlarmLine(Struct, frozen=True, kw_only=True):
    """One alarm; see `standing.Alarm`."""

    kind: str
    kiosk: str
    subject: str
    detail: str
    count: int
    first_at: int
    last_at: int


class EpochLine(Struct, frozen=True):
    """One epoch's prefix. `head` is hexadecimal."""

    kiosk: str
    epoch: str
    through: int
    head: str


class Stats(Struct, frozen=True, kw_only=True):
    """Everything counted. `counted` + `again` = `presences`; `lost` counts entries."""

    entries: int
    presences: int
    counted: int
    again: int
    strangers: int
    lost: int
    alarms: int
    quarantined: int
    waiting: int
    kiosks: Sequence[EpochLine]


class Pages:
    """Questions of pages and of `stats`, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def newest(self, which: Filter, limit: int) -> list[Shown]:
        """Return the latest presences, newest first."""
        chosen = _chosen(which).order_by(tables.presence.c.id.desc()).limit(limit)
        return self._shown(chosen)

    def after(self, after: int, which: Filter, limit: int) -> list[Shown]:
        """Return the presences that arrived after `after`, oldest first."""
        id_ = tables.presence.c.id
        return self._shown(_chosen(which).where(id_ > after).order_by(id_).limit(limit))

    def _shown(self, chosen: Select[Any]) -> list[Shown]:
        return [Shown(**row._mapping) for row in self._connection.execute(chosen)]

    def latest_id(self) -> int:
        """Return the id of the presence that arrived last, 0 for none."""
        return self._connection.scalar(select(func.max(tables.presence.c.id))) or 0

    def terminals(self) -> Sequence[Group]:
        """Return the terminals among the latest presences, the busiest first."""
        recent = _recent("terminal", "source")
        return self._groups(recent.c.terminal, func.max(recent.c.source), recent)

    def persons(self, limit: int) -> Sequence[Group]:
        """Return the people among the latest presences, the busiest first."""
        recent, people = _recent("person"), tables.person
        name = func.max(func.coalesce(people.c.name, recent.c.person))
        joined = recent.outerjoin(people, people.c.id == recent.c.person)
        return self._groups(recent.c.person, name, joined, limit)

    def _groups(
        self, key: Any, label: Any, of: FromClause, limit: int | None = None
    ) -> Sequence[Group]:
        count = func.count().label("count")
        rows = self._connection.execute(
            select(key, label, count)
            .select_from(of)
            .where(key.is_not(None))
            .group_by(key)
            .order_by(count.desc(), key)
            .limit(limit)
        )
        return [Group(*row) for row in rows]

    def kiosks(self) -> Sequence[KioskLine]:
        """Return every admitted kiosk, with its newest epoch."""
        key, epoch, state, alarm = (
            tables.kiosk_key,
            tables.epoch,
            tables.kiosk_state,
            tables.alarm,
        )
        alarmed = self._connection.execute(
            select(alarm.c.kiosk, func.count().label("alarms")).group_by(alarm.c.kiosk)
        )
        alarms = {row.kiosk: row.alarms for row in alarmed}
        newest = {
            row.kiosk: row
            for row in self._connection.execute(
                select(epoch.c.kiosk, epoch.c.epoch, epoch.c.through, epoch.c.last).order_by(
                    epoch.c.kiosk, epoch.c.began_at, epoch.c.number
                )
            )
        }
        issue = tables.roster_issue.c
        told = select(issue.kiosk, func.max(issue.version).label("version")).group_by(issue.kiosk)
        meant = {row.kiosk: row.version for row in self._connection.execute(told)}
        states = {row.kiosk: row for row in self._connection.execute(select(state))}
        names = self._connection.scalars(select(key.c.kiosk).distinct().order_by(key.c.kiosk))
        return [
            KioskLine(
                kiosk=name,
                epoch=getattr(newest.get(name), "epoch", ""),
                through=getattr(newest.get(name), "through", 0),
                last=getattr(newest.get(name), "last", 0),
                online=getattr(states.get(name), "online", False),
                since_at=getattr(states.get(name), "since_at", 0),
                receipt_at=getattr(states.get(name), "receipt_at", 0),
                software=getattr(states.get(name), "software", ""),
                alarms=alarms.get(name, 0),
                roster=getattr(states.get(name), "roster", 0),
                meant=meant.get(name, 0),
                health=_health(getattr(states.get(name), "health", "")),
                health_at=getattr(states.get(name), "health_at", 0),
            )
            for name in names
        ]

    def alarms(self, limit: int, kiosks: Collection[str] | None = None) -> Sequence[AlarmLine]:
        """Return the alarms, the latest first; with `kiosks`, those of no other."""
        columns = [tables.alarm.c[name] for name in AlarmLine.__struct_fields__]
        asked = select(*columns).order_by(tables.alarm.c.last_at.desc()).limit(limit)
        if kiosks is not None:
            asked = asked.where(tables.alarm.c.kiosk.in_(kiosks))
        return [AlarmLine(**row._mapping) for row in self._connection.execute(asked)]

    def stats(self) -> Stats:
        """Count everything: a full scan, for a person at a terminal and for tests."""
        presence, lost, epoch = tables.presence, tables.lost, tables.epoch
        presences, again = self._count(presence), self._count(presence, presence.c.again)
        return Stats(
            entries=self._count(tables.entry),
            presences=presences,
            counted=presences - again,
            again=again,
            strangers=self._count(presence, presence.c.mark == Mark.STRANGER.value),
            lost=self._connection.scalar(select(func.sum(lost.c.last - lost.c.first + 1))) or 0,
            alarms=self._count(tables.alarm),
            quarantined=self._count(tables.quarantine),
            waiting=self._count(tables.waiting),
            kiosks=[
                EpochLine(row.kiosk, row.epoch, row.through, row.head.hex())
                for row in self._connection.execute(
                    select(epoch).order_by(epoch.c.kiosk, epoch.c.number, epoch.c.epoch)
                )
            ],
        )

    def _count(self, table: Any, *conditions: Any) -> int:
        statement = select(func.count()).select_from(table).where(*conditions)
        return self._connection.scalar(statement) or 0


def _health(said: str) -> Health | None:
    """Return what a kiosk said of itself; None for nothing, or another version's words."""
    try:
        return msgspec.json.decode(said, type=Health) if said else None
    except msgspec.DecodeError:
        return None


def shown_columns() -> Select[Any]:
    """Return the question for `Shown` of every presence."""
    return _chosen(Filter())


def _recent(*names: str) -> FromClause:
    """Return columns of the latest presences. By a limit: else SQLite reads an index to its end."""
    c = tables.presence.c
    latest = select(*(c[name] for name in names)).order_by(c.id.desc()).limit(RECENT)
    return latest.subquery()


def _chosen(which: Filter) -> Select[Any]:
    presence, person = tables.presence, tables.person
    elsewhere = {"name": person.c.name, "unit": _UNIT}
    columns = [
        elsewhere[name] if name in elsewhere else presence.c[name]
        for name in Shown.__struct_fields__
    ]
    chosen = select(*columns).select_from(
        presence.outerjoin(person, person.c.id == presence.c.person)
    )
    for name in Filter.__struct_fields__:
        wanted = getattr(which, name)
        if wanted:
            chosen = chosen.where(presence.c[name] == wanted)
    return chosen


def _unit() -> Any:
    """Return the name of the person's unit on the day of the presence; of several, the latest."""
    member, unit = tables.member, tables.unit
    day = func.substr(tables.presence.c.time, 1, len("2026-11-24"))
    return (
        select(unit.c.name)
        .join_from(member, unit, unit.c.id == member.c.unit)
        .where(
            member.c.person == tables.presence.c.person,
            member.c.since <= day,
            or_(member.c.until == "", member.c.until >= day),
        )
        .order_by(member.c.since.desc(), member.c.unit)
        .limit(1)
        .correlate(tables.presence)
        .scalar_subquery()
        .label("unit")
    )


_UNIT: Final = _unit()
