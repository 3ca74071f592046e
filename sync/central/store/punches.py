"""Presences of a stretch of time, with all that says whose and when they were."""

from collections.abc import Collection
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, and_, not_, or_, select

from sync.central.store import tables
from sync.central.store.city import Place, Sighted
from sync.central.times import Punched
from sync.protocol.entry import Stamp

_SIGHTED: Final = ("source", "terminal", "credential", "user", "time", "mark")
_PUNCHED: Final = ("utc", "drift", "wall", "up", "boot", "synced", "error", "received_at")
_PLACE: Final = ("kiosk", "epoch", "seq", "hash")
_COLUMNS: Final = (*_PLACE, *_SIGHTED, *_PUNCHED, "person", "method", "zone", "witness")
_LIVE: Final = "live"
_NEAR: Final = 500  # entries among which a neighbour is looked for, either way


class Seen(Struct, frozen=True):
    """A presence that counts.

    Attributes:
        is_live: whether the terminal said it when it happened; else it was read from its record.
    """

    sighted: Sighted
    punched: Punched
    method: str
    zone: str
    is_live: bool


class Punches:
    """Presences, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def between(self, begin: int, until: int, lives: dict[tuple[str, str], int]) -> list[Seen]:
        """Return the presences that may have been from `begin` to `until` (ms UTC), and others.

        By its terminal's clock, or by any: what that clock says is not to be relied on where it was
        not measured, or is far off. Nothing comes here before it was.
        """
        c = tables.presence.c
        says = c.utc.between(begin, until)
        rows = self._connection.execute(
            select(*(c[name] for name in _COLUMNS))
            .where(c.again.is_(False), or_(says, and_(tables.ODD, c.received_at >= begin)))
            .order_by(c.id)
        )
        return [_seen(row, lives[row.kiosk, row.epoch]) for row in rows]

    def at_kiosks(
        self, kiosks: Collection[str], begin: int, until: int, lives: dict[tuple[str, str], int]
    ) -> list[Seen]:
        """Return the presences of kiosks that their terminals date between two moments."""
        c = tables.presence.c
        rows = self._connection.execute(
            select(*(c[name] for name in _COLUMNS))
            .where(c.kiosk.in_(sorted(kiosks)), c.utc.between(begin, until), c.again.is_(False))
            .order_by(c.id)
        )
        return [_seen(row, lives[row.kiosk, row.epoch]) for row in rows]

    def odd(
        self, kiosks: Collection[str], begin: int, limit: int, lives: dict[tuple[str, str], int]
    ) -> list[Seen]:
        """Return the presences that came since `begin` whose clock's word may not be the truth.

        The newest, at most `limit`.
        """
        c = tables.presence.c
        rows = self._connection.execute(
            select(*(c[name] for name in _COLUMNS))
            .where(
                tables.ODD,
                c.received_at >= begin,
                c.again.is_(False),
                c.kiosk.in_(sorted(kiosks)),
            )
            .order_by(c.received_at.desc(), c.id.desc())
            .limit(limit)
        )
        return [_seen(row, lives[row.kiosk, row.epoch]) for row in rows]

    def beside(self, one: Seen, lives: dict[tuple[str, str], int]) -> tuple[Seen | None, ...]:
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
                select(*(c[name] for name in _COLUMNS))
                .where(same, which, near)
                .order_by(order)
                .limit(1)
            ).one_or_none()
            found.append(None if row is None else _seen(row, lives[row.kiosk, row.epoch]))
        return tuple(found)

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


def _seen(row: Any, life: int) -> Seen:
    sighted = Sighted(
        place=Place(row.kiosk, row.epoch, row.seq, row.hash),
        life=life,
        source=row.source,
        terminal=row.terminal,
        credential=row.credential,
        user=row.user,
        time=row.time,
        mark=row.mark,
        claimed=row.person,
    )
    at = Stamp(wall=row.wall, up=row.up, boot=row.boot, synced=row.synced, error=row.error)
    punched = Punched(
        kiosk=row.kiosk,
        terminal=row.terminal,
        utc=row.utc,
        at=at,
        drift=row.drift,
        received_at=row.received_at,
    )
    return Seen(sighted, punched, row.method, row.zone, row.witness == _LIVE)
