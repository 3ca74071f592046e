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
    """A source at which people punch. On days of a kiosk's rows its other sources do not count."""

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
        rows = self._in_use.get(kiosk, [])
        own = [(row.since, row.until) for row in rows if row.source == source]
        found = []
        for first, last in own or _days_without(rows):
            begin = max(filter(None, (first, since)), default=None)
            end = min(filter(None, (last, until)), default=None)
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


def _days_without(rows: Iterable[Dated]) -> list[tuple[date | None, date | None]]:
    """Return the first and the last of the days on which none of `rows` holds, None for no end."""
    found: list[tuple[date | None, date | None]] = []
    begin: date | None = None
    for row in sorted(rows, key=lambda row: row.since or date.min):
        if row.since and row.since > (begin or date.min):
            found.append((begin, row.since - timedelta(days=1)))
        if row.until is None or row.until == date.max:
            return found
        begin = max(begin or date.min, row.until + timedelta(days=1))
    return [*found, (begin, None)]


def _moment(zone: ZoneInfo, day: date, minute: int) -> int:
    naive = datetime.combine(day, time()) + timedelta(minutes=minute)
    return int(naive.replace(tzinfo=zone).timestamp()) * 1000
