"""What people ruled that no kiosk is told: who was away and why, when a source was out of order,
and which sources count. Pure; rows of the city's sheets, by what one looks for.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sync.protocol.roster import Dated
from sync.worktime.evidence import Reach, Stretch
from sync.worktime.rules import DAY_MIN, Absence


class Outage(Dated, frozen=True, kw_only=True, omit_defaults=True):
    """Nobody could punch: from minute `start` of the first day until minute `end` of the last.

    Attributes:
        since, until: both must be said.
        source: "" for every source of the kiosk.
        reference: the letter that says so.
    """

    kiosk: str
    source: str = ""
    start: int = 0
    end: int = DAY_MIN
    reference: str = ""


class InUse(Dated, frozen=True, kw_only=True, omit_defaults=True):
    """A source at which people punch. Where a kiosk has any such row, its others do not count."""

    kiosk: str
    source: str


class Rulings:
    """The rows, made ready to be asked. `zones` are those of kiosks, "" for the city's own.

    Attributes:
        absences: by person.
        named: every (kiosk, source) that somebody named as in use.
    """

    def __init__(
        self,
        absences: Iterable[Absence],
        outages: Iterable[Outage],
        in_use: Iterable[InUse],
        zones: Mapping[str, str],
    ) -> None:
        self.absences: Mapping[str, list[Absence]] = defaultdict(list)
        for one in absences:
            self.absences[one.person].append(one)
        self._outages = list(outages)
        self._in_use: defaultdict[str, list[InUse]] = defaultdict(list)
        for row in in_use:
            self._in_use[row.kiosk].append(row)
        self._zones = zones
        self.named = {(row.kiosk, row.source) for rows in self._in_use.values() for row in rows}

    def used(self, kiosk: str, source: str, since: date | None, until: date | None) -> list[Reach]:
        """Return on which of these days people punch at a source."""
        if kiosk not in self._in_use:
            return [Reach(kiosk=kiosk, source=source, since=since, until=until)]
        own = [row for row in self._in_use[kiosk] if row.source == source]
        found = []
        for row in own:
            begin = max(filter(None, (row.since, since)), default=None)
            end = min(filter(None, (row.until, until)), default=None)
            if not (begin and end and end < begin):
                found.append(Reach(kiosk=kiosk, source=source, since=begin, until=end))
        return found

    def outages(self, sources: Mapping[str, Collection[str]]) -> list[Stretch]:
        """Return the outages as moments; `sources` of each kiosk, for those that speak of all."""
        return [
            Stretch(
                kiosk=row.kiosk,
                source=source,
                begin=_moment(zone, row.since, row.start),
                until=_moment(zone, row.until, row.end),
            )
            for row in self._outages
            if row.since is not None and row.until is not None
            for zone in [ZoneInfo(self._zones.get(row.kiosk, "Asia/Jakarta"))]
            for source in ([row.source] if row.source else sources.get(row.kiosk, ()))
        ]


def _moment(zone: ZoneInfo, day: date, minute: int) -> int:
    naive = datetime.combine(day, time()) + timedelta(minutes=minute)
    return int(naive.replace(tzinfo=zone).timestamp()) * 1000
