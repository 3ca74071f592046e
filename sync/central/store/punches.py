"""Presences of a stretch of time, with all that says whose and when they were."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, and_, not_, or_, select

from sync.central.store import tables
from sync.central.store.city import Place, Sighted
from sync.central.times import Punched
from sync.protocol.entry import Mark, Stamp

_SIGHTED: Final = ("source", "terminal", "credential", "user", "time", "mark")
_PUNCHED: Final = ("utc", "drift", "wall", "up", "boot", "synced", "error", "received_at")
_PLACE: Final = ("kiosk", "epoch", "seq", "hash")
_COLUMNS: Final = (*_PLACE, *_SIGHTED, *_PUNCHED, "person", "method", "zone", "witness")
SEEN: Final = [tables.presence.c[name] for name in ("id", *_COLUMNS)]
"""Of a presence, what `seen` needs."""

_LIVE: Final = "live"
_NEAR: Final = 500  # entries among which a neighbour is looked for, either way
_FEW: Final = 500  # places that one statement names

Lives = Mapping[tuple[str, str], int]
"""How many of its kiosk's epochs began before each one, as of `CityTables.lives`."""


class Seen(Struct, frozen=True, gc=False):
    """A presence that counts.

    Attributes:
        is_live: whether the terminal said it when it happened; else it was read from its record.
    """

    sighted: Sighted
    punched: Punched
    method: str
    zone: str
    is_live: bool


class Concern(Struct, frozen=True):
    """What to look for, where only presences are wanted that may concern some people.

    Attributes:
        persons: whom a kiosk may have named.
        kiosks: those that serve, on any day, a unit where one of them has a credential or belongs.
        users: their credentials, on any day, as texts.
        cards: those of them that are good everywhere.
        places: where somebody said that it was one of them.
    """

    persons: Collection[str]
    kiosks: Collection[str]
    users: Collection[str]
    cards: Collection[str]
    places: Collection[Place]


class Punches:
    """Presences, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def between(
        self, begin: int, until: int, lives: Lives, concern: Concern | None = None
    ) -> list[Seen]:
        """Return the presences that may have been from `begin` to `until` (ms UTC), and others.

        In the order of arrival; with `concern`, only those that may concern these people, and
        others. By its terminal's clock, or by any: what that clock says is not to be relied on
        where it was not measured, or is far off. Nothing comes here before it was.
        """
        when = _when(begin, until)
        if concern is None:
            return self._seen([or_(*when)], lives)
        whose = list(_whose(concern))
        whose += _at({*concern.places, *self._firsts(concern, when)})
        if self._connection.dialect.name != "sqlite":  # one pass over the ranges of that time
            return self._seen([and_(or_(*whose), then) for then in when], lives)
        # One by one: SQLite would not use an index for each part of a long condition.
        return self._seen([and_(one, then) for one in whose for then in when], lives)

    def of_terminal(
        self, kiosk: str, terminal: str, begin: int, until: int, lives: Lives
    ) -> list[Seen]:
        """Return the same of one kiosk's terminal."""
        c = tables.presence.c
        of = and_(c.kiosk == kiosk, c.terminal == terminal)
        return self._seen([and_(of, one) for one in _when(begin, until)], lives)

    def _seen(self, which: Collection[ColumnElement[bool]], lives: Lives) -> list[Seen]:
        c, found = tables.presence.c, {}
        for one in which:
            rows = self._connection.execute(select(*SEEN).where(c.again.is_(False), one))
            found.update({row[0]: row for row in rows.all()})
        return [seen(found[id_], lives) for id_ in sorted(found)]

    def _firsts(self, concern: Concern, when: tuple[ColumnElement[bool], ...]) -> set[Place]:
        """Return the places of what was reported before one of theirs was, or one called theirs.

        Whose the first is may be what the later one says (`sightings.py`): of another kiosk's, and
        of what a kiosk reported of a terminal that it did not know as its own yet.
        """
        c, first = tables.presence.c, tables.presence.alias().c
        of_first = and_(
            first.kiosk == c.first_kiosk,
            first.epoch == c.first_epoch,
            first.seq == c.first_seq,
            or_(c.kiosk != c.first_kiosk, first.mark == Mark.UNBOUND.value),
        )
        found = set[Place]()
        for whose in _whose(concern):
            for one in when:
                rows = self._connection.execute(
                    select(*(first[name] for name in _PLACE)).where(whose, one, c.again, of_first)
                )
                found.update(Place(*row) for row in rows)
        return found

    def at_kiosks(
        self, kiosks: Collection[str], begin: int, until: int, lives: Lives
    ) -> list[Seen]:
        """Return the presences of kiosks that their terminals date between two moments."""
        c = tables.presence.c
        rows = self._connection.execute(
            select(*SEEN)
            .where(c.kiosk.in_(sorted(kiosks)), c.utc.between(begin, until), c.again.is_(False))
            .order_by(c.id)
        )
        return [seen(row, lives) for row in rows]

    def odd(self, kiosks: Collection[str], begin: int, limit: int, lives: Lives) -> list[Seen]:
        """Return the presences that came since `begin` whose clock's word may not be the truth.

        The newest, at most `limit`.
        """
        c = tables.presence.c
        rows = self._connection.execute(
            select(*SEEN)
            .where(
                tables.ODD,
                c.received_at >= begin,
                c.again.is_(False),
                c.kiosk.in_(sorted(kiosks)),
            )
            .order_by(c.received_at.desc(), c.id.desc())
            .limit(limit)
        )
        return [seen(row, lives) for row in rows]

    def beside(self, one: Seen, lives: Lives) -> tuple[Seen | None, ...]:
        """Return the presences that its kiosk recorded right before and behind one.

        Of those whose clock's word needs no second look; None where there is none.
        """
        c, place = tables.presence.c, one.sighted.place
        same = and_(
            c.kiosk == place.kiosk,
            c.epoch == place.epoch,
            c.again.is_(False),
            not_(tables.ODD),
        )
        found = []
        for which, order in ((c.seq < place.seq, c.seq.desc()), (c.seq > place.seq, c.seq)):
            near = c.seq.between(place.seq - _NEAR, place.seq + _NEAR)
            row = self._connection.execute(
                select(*SEEN).where(same, which, near).order_by(order).limit(1)
            ).one_or_none()
            found.append(None if row is None else seen(row, lives))
        return tuple(found)

    def at(self, places: Iterable[Place], lives: Lives) -> list[Seen]:
        """Return the presences at these places that count; a fork may have more there."""
        return self._seen(list(_at(places)), lives)

    def sources(self) -> list[tuple[str, str]]:
        """Return every (kiosk, source) that a terminal ever answered under, or was read at.

        But for those that were never read of a terminal that its kiosk reads at another source: it
        calls as well, and what it says there its record has.
        """
        covered, terminal = tables.covered.c, tables.terminal.c
        rows = self._connection.execute(select(covered.kiosk, covered.source).distinct())
        read = {(kiosk, source) for kiosk, source in rows}
        told = self._connection.execute(
            select(terminal.kiosk, terminal.source, terminal.serial)
        ).all()
        serials = {
            (kiosk, serial) for kiosk, source, serial in told if serial and (kiosk, source) in read
        }
        alone = {
            (kiosk, source) for kiosk, source, serial in told if (kiosk, serial) not in serials
        }
        return sorted(read | alone)

    def kiosks_with_losses(self) -> set[str]:
        """Return of which kiosks entries are lost: what stood in them nobody knows."""
        return set(self._connection.scalars(select(tables.lost.c.kiosk).distinct()))


def seen(row: Sequence[Any], lives: Lives) -> Seen:
    """Return the presence in a row of `SEEN`."""
    # There are tens of thousands of them: by name each column would be looked for.
    _, *place, source, terminal, credential, user, time, mark = row[:11]
    utc, drift, wall, up, boot, synced, error, received_at = row[11:19]
    person, method, zone, witness = row[19:]
    kiosk, epoch, *_ = place
    sighted = Sighted(
        place=Place(*place),
        life=lives[kiosk, epoch],
        source=source,
        terminal=terminal,
        credential=credential,
        user=user,
        time=time,
        mark=mark,
        claimed=person,
    )
    punched = Punched(
        kiosk=kiosk,
        terminal=terminal,
        utc=utc,
        at=Stamp(wall=wall, up=up, boot=boot, synced=synced, error=error),
        drift=drift,
        received_at=received_at,
    )
    return Seen(sighted, punched, method, zone, witness == _LIVE)


def _when(begin: int, until: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    c = tables.presence.c
    return c.utc.between(begin, until), and_(tables.ODD, c.received_at >= begin)


def _whose(concern: Concern) -> Iterator[ColumnElement[bool]]:
    c = tables.presence.c
    yield and_(c.kiosk.in_(concern.kiosks), c.user.in_(concern.users))
    yield c.person.in_(concern.persons)
    if concern.cards:
        yield and_(tables.OF_NO_TERMINAL, c.user.in_(concern.cards))


def _at(places: Iterable[Place]) -> Iterator[ColumnElement[bool]]:
    """Yield what is at these places; a fork may have more there."""
    c = tables.presence.c
    seqs: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for one in places:
        seqs[one.kiosk, one.epoch].add(one.seq)
    for (kiosk, epoch), of in seqs.items():
        listed = sorted(of)
        for start in range(0, len(listed), _FEW):
            among = c.seq.in_(listed[start : start + _FEW])
            yield and_(c.kiosk == kiosk, c.epoch == epoch, among)
