"""One person of unit `u` before the judge: what tests say in a line each.

Times are written as on the screen, "2026-11-02 07.28" or "07.28.41", in the desk's zone.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct, structs

from sync.worktime.book import Book
from sync.worktime.decide import Decision, decide
from sync.worktime.evidence import Case, Punch, Reach, Stretch, Watch
from sync.worktime.judge import judge
from sync.worktime.rules import Absence, PinGrant, Post, Reason, RuleBook
from sync.worktime.verdicts import Judged

GATE = ("k1", "gate")


def ms(when: str, zone: str = "Asia/Jakarta") -> int:
    """Return "2026-11-02 07.28.41" as milliseconds UTC; seconds may be left out."""
    day, time = when.split()
    parts = [int(part) for part in time.split(".")]
    at = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    at += timedelta(**dict(zip(("hours", "minutes", "seconds"), parts, strict=False)))
    return round(at.timestamp()) * 1000


class Desk(Struct, frozen=True, kw_only=True):
    """All of a case. `read` and `out` are stretches of true time at the places of `reach`; by
    default all was read. Of `unread`, places in reach as well, nothing was.
    """

    rules: RuleBook
    zone: str = "Asia/Jakarta"
    punches: Sequence[Punch] = ()
    read: Sequence[tuple[str, str]] = (("2020-01-01 00.00", "2031-01-01 00.00"),)
    out: Sequence[tuple[str, str]] = ()
    absences: Sequence[Absence] = ()
    pin_grants: Sequence[PinGrant] = ()
    now: str = "2030-01-01 00.00"
    reach: Sequence[Reach] = (Reach(kiosk="k1", source="gate"),)
    unread: Sequence[Reach] = ()
    person: str = "a"

    @property
    def posts(self) -> list[Post]:
        return [Post(unit="u", zone=self.zone)]

    def punched(self, *whens: str, error_s: float = 0, method: str = "fingerprint") -> "Desk":
        """Return it with punches at the gate more."""
        return self.at(GATE, *whens, error_s=error_s, method=method)

    def at(
        self, place: tuple[str, str], *whens: str, error_s: float = 0, method: str = "fingerprint"
    ) -> "Desk":
        """Return it with punches more."""
        more = [
            Punch(
                at=ms(when, self.zone),
                error_ms=round(error_s * 1000),
                kiosk=place[0],
                source=place[1],
                method=method,
                ref=when,
            )
            for when in whens
        ]
        return structs.replace(self, punches=[*self.punches, *more])

    def perhaps(self, *whens: str, error_s: float = 0, method: str = "fingerprint") -> "Desk":
        """Return it with punches at the gate more that may be another's."""
        other = self.but(punches=[]).punched(*whens, error_s=error_s, method=method)
        doubted = [structs.replace(one, doubted=True) for one in other.punches]
        return structs.replace(self, punches=[*self.punches, *doubted])

    def away(self, reason: Reason, since: date, until: date | None = None) -> "Desk":
        """Return it with an absence more."""
        row = Absence(person="a", reason=reason, since=since, until=until or since)
        return structs.replace(self, absences=[*self.absences, row])

    def but(self, **fields: object) -> "Desk":
        """Return it with other fields."""
        return structs.replace(self, **fields)

    def judged(self, first: date, last: date | None = None) -> list[Judged]:
        """Return what the judge says of these days."""
        case = Case(
            person=self.person,
            posts=self.posts,
            punches=self.punches,
            reach=[*self.reach, *self.unread],
            absences=self.absences,
            pin_grants=self.pin_grants,
        )
        watch = Watch(self._stretches(self.read), self._stretches(self.out))
        now = ms(self.now, self.zone)
        return judge(Book(self.rules), case, watch, first, last or first, now)

    def day(self, day: date) -> Judged:
        """Return the only duty of `day`."""
        [only] = self.judged(day)
        return only

    def shown(self, when: str, method: str = "face") -> Decision:
        """Return what the kiosk's screen says of a punch, after those there are."""
        at = ms(when, self.zone)
        punch = Punch(at=at, error_ms=0, kiosk=GATE[0], source=GATE[1], method=method, ref="shown")
        earlier = [one for one in self.punches if one.at < at]
        return decide(Book(self.rules), self.person, self.posts, punch, earlier, self.pin_grants)

    def _stretches(self, spans: Sequence[tuple[str, str]]) -> list[Stretch]:
        return [
            Stretch(
                kiosk=one.kiosk,
                source=one.source,
                begin=ms(begin, self.zone),
                until=ms(until, self.zone),
            )
            for one in self.reach
            for begin, until in spans
        ]
