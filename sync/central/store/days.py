"""What pages of days and months ask beside what is judged: news, single punches, how far read."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple

from msgspec import Struct
from sqlalchemy import Connection, and_, func, or_, select

from sync.central.store import tables
from sync.central.store.pages import Shown, shown_columns
from sync.central.store.punches import SEEN, Lives, Seen, seen

_FEW: Final = 400
"""So many places are asked for in one statement."""


class Entered(NamedTuple):
    """Where an entry stands; of a fork's two the page shows both."""

    kiosk: str
    epoch: str
    seq: int


class LastRead(Struct, frozen=True):
    """A source's record is known up to `through`, its terminal's own time, in `zone`."""

    kiosk: str
    source: str
    through: str
    zone: str


class Used(NamedTuple):
    """A credential as it was shown at a kiosk; `is_timeless`: at a time that is none."""

    kiosk: str
    credential: str
    user: str
    mark: str
    is_timeless: bool


class Days:
    """Reads only, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def heard(self, kiosks: Collection[str]) -> Mapping[str, int]:
        """Return how many entries each of these kiosks has told without a gap, of all its lives."""
        c = tables.epoch.c
        asked = select(c.kiosk, func.sum(c.through)).where(c.kiosk.in_(kiosks)).group_by(c.kiosk)
        return {kiosk: int(told) for kiosk, told in self._connection.execute(asked)}

    def last_reads(self, kiosks: Collection[str]) -> list[LastRead]:
        """Return how far the sources of these kiosks are read, in order."""
        c = tables.coverage.c
        asked = (
            select(c.kiosk, c.source, c.through, c.zone)
            .where(c.kiosk.in_(kiosks))
            .order_by(c.kiosk, c.source)
        )
        return [LastRead(*row) for row in self._connection.execute(asked)]

    def closed(self, month: str) -> list[str]:
        """Return the units whose `month`, `2026-11`, is closed."""
        c = tables.closing.c
        return list(self._connection.scalars(select(c.unit).where(c.month == month).distinct()))

    def at(self, places: Iterable[Entered]) -> list[Shown]:
        """Return the presences that stand at these places, in order of arrival."""
        of: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for one in sorted(set(places)):
            of[one.kiosk, one.epoch].append(one.seq)
        c, found = tables.presence.c, []
        for (kiosk, epoch), seqs in of.items():
            for start in range(0, len(seqs), _FEW):
                part = seqs[start : start + _FEW]
                is_there = and_(c.kiosk == kiosk, c.epoch == epoch, c.seq.in_(part))
                rows = self._connection.execute(shown_columns().where(is_there))
                found += [Shown(**row._mapping) for row in rows]
        return sorted(found, key=lambda one: one.id)

    def credentials_at(self, kiosks: Collection[str], begin: int, until: int) -> list[Used]:
        """Return what `at_kiosks` has of each credential, without what is said of each presence."""
        c = tables.presence.c
        asked = select(c.kiosk, c.credential, c.user, c.mark, c.utc.is_(None)).distinct()
        rows = self._connection.execute(asked.where(*_at_kiosks(kiosks, begin, until)))
        return [Used(*row) for row in rows]

    def at_kiosks(
        self,
        kiosks: Collection[str],
        users: Collection[str],
        begin: int,
        until: int,
        lives: Lives,
    ) -> list[Seen]:
        """Return what counts of these users there from `begin` until `until`, ms UTC by terminals.

        And what is of no time, and came then.
        """
        c, listed = tables.presence.c, sorted(users)
        found: list[Any] = []
        for start in range(0, len(listed), _FEW):
            among = c.user.in_(listed[start : start + _FEW])
            found += self._connection.execute(
                select(*SEEN).where(among, *_at_kiosks(kiosks, begin, until))
            ).all()
        return [seen(row, lives) for row in found]

    def after(self, after: int, limit: int, lives: Lives) -> list[tuple[int, Seen]]:
        """Return what counts of what arrived after `after`, each with its id, oldest first."""
        c = tables.presence.c
        rows = self._connection.execute(
            select(*SEEN).where(c.id > after, c.again.is_(False)).order_by(c.id).limit(limit)
        )
        return [(row.id, seen(row, lives)) for row in rows]


def _at_kiosks(kiosks: Collection[str], begin: int, until: int) -> list[Any]:
    c = tables.presence.c
    says = and_(c.utc >= begin, c.utc < until)
    timeless = and_(c.utc.is_(None), c.received_at >= begin, c.received_at < until)
    return [c.kiosk.in_(kiosks), c.again.is_(False), or_(says, timeless)]
