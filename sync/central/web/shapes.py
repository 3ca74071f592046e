"""What programs are answered: the shapes of the API, and how they are made. Pure.

The contract that is served (`openapi.py`) is made of these very structs. Moments are UTC; words are
those of screens. A field is only ever added.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime

from msgspec import Struct, structs

from sync.central.city import City
from sync.central.hung import UnitDay, UnitMonth
from sync.central.month import Sums
from sync.central.recap import word_of
from sync.central.resolve import Resolved, Why
from sync.central.store.pages import KioskLine
from sync.central.store.punches import Seen
from sync.protocol.moments import Moment
from sync.worktime.rules import Reason
from sync.worktime.verdicts import Half, Judged, Shares, Verdict


class UnitShape(Struct, frozen=True):
    """A unit; `zone` is the IANA zone of its days."""

    id: str
    name: str
    zone: str


class Units(Struct, frozen=True):
    """The units that the account sees."""

    generated_at: datetime
    units: Sequence[UnitShape]


class HalfShape(Struct, frozen=True, kw_only=True):
    """What an arrival or a departure comes to.

    Attributes:
        at: when the punch was that counts.
        minutes: late or early, whole ones, the fewest that it can have been.
        code: the class, as TL1 or PSW1; "" for none.
        refs: every punch of this half, each `KIOSK EPOCH SEQ`, its place in a kiosk's record.
    """

    verdict: Verdict
    at: datetime | None
    minutes: int
    code: str
    refs: Sequence[str]


class DutyShape(Struct, frozen=True, kw_only=True):
    """A duty, judged.

    Attributes:
        day: the local day on which it begins; code: of the shift, for office hours the plan's name.
        word: what a screen shows: the verdict, or the reason of an absence.
        reason, reference: of the absence that speaks of the day, even if the person was here.
        shares: every minute of the duty, judged once.
    """

    day: date
    unit: str
    code: str
    start: datetime
    end: datetime
    verdict: Verdict
    word: str
    arrival: HalfShape
    departure: HalfShape
    reason: Reason | None
    reference: str
    shares: Shares


class PersonDay(Struct, frozen=True, kw_only=True):
    """A person's day at a unit; without a duty `word` is ""."""

    person: str
    name: str
    word: str
    duties: Sequence[DutyShape]


class Counts(Struct, frozen=True, kw_only=True):
    """A unit's day in numbers of people.

    Attributes:
        staff: with a duty; free: without one; here: attended; percent: of staff.
        coming: of staff, who are not here and whose duty had not begun at `generated_at`.
        words: how many of those who are not here have each word.
    """

    staff: int
    free: int
    coming: int
    here: int
    late: int
    early: int
    percent: float
    words: Mapping[str, int]


class DayOfUnit(Struct, frozen=True, kw_only=True):
    """A unit's day as it was judged at `generated_at`."""

    generated_at: datetime
    unit: str
    day: date
    counts: Counts
    people: Sequence[PersonDay]


class SumsShape(Struct, frozen=True, kw_only=True):
    """A month's sums.

    Attributes:
        days: with a duty; here: of these, attended; words: how many others have each word.
        percent: of days that are attended or over.
        late, early, no_arrival, no_departure: duties; late_min, early_min: minutes.
        classes: how many arrivals and departures have each class.
    """

    days: int
    here: int
    percent: float
    words: Mapping[str, int]
    late: int
    late_min: int
    early: int
    early_min: int
    no_arrival: int
    no_departure: int
    classes: Mapping[str, int]


class PersonSums(Struct, frozen=True):
    """A person's month at a unit."""

    person: str
    name: str
    sums: SumsShape


class MonthOfUnit(Struct, frozen=True, kw_only=True):
    """A unit's month as it was judged at `generated_at`.

    Attributes:
        closed: whether it was closed: what was signed then is official, not this.
        strangers: presences at the unit's kiosks that are nobody's yet.
    """

    generated_at: datetime
    unit: str
    month: str
    closed: bool
    total: SumsShape
    people: Sequence[PersonSums]
    strangers: int


class PersonDuties(Struct, frozen=True):
    """A person and their duties, in order."""

    person: str
    name: str
    duties: Sequence[DutyShape]


class DutiesOfUnit(Struct, frozen=True, kw_only=True):
    """Every duty of a unit's month."""

    generated_at: datetime
    unit: str
    month: str
    people: Sequence[PersonDuties]


class MonthOfPerson(Struct, frozen=True, kw_only=True):
    """A person's month, at whatever units the account sees."""

    generated_at: datetime
    person: str
    name: str
    month: str
    sums: SumsShape
    duties: Sequence[DutyShape]


class PresenceShape(Struct, frozen=True, kw_only=True):
    """A punch that counts, once however many kiosks reported it.

    Attributes:
        id: rises with arrival; kiosk, epoch, seq, hash: its place in a kiosk's record, its name.
        time, zone: what its terminal's clock said.
        person: whose it is as the city is known now; None for nobody's, and `why`.
        at, error_ms: when it really was, where that is known; None where it lies between
            `earliest` and `latest`, as far as these are known.
        doubted: its witnesses contradict each other.
    """

    id: int
    kiosk: str
    epoch: str
    seq: int
    hash: str
    source: str
    terminal: str
    user: str
    method: str
    time: str
    zone: str
    person: str | None
    why: Why
    at: datetime | None
    error_ms: int | None
    earliest: datetime | None
    latest: datetime | None
    doubted: bool


class Presences(Struct, frozen=True, kw_only=True):
    """Presences in the order of arrival; `next` is the `after` of the following page."""

    generated_at: datetime
    presences: Sequence[PresenceShape]
    next: int
    more: bool


class KioskShape(Struct, frozen=True, kw_only=True):
    """How a kiosk stands; `behind` entries are known to wait there."""

    kiosk: str
    online: bool
    receipt_at: datetime | None
    behind: int
    alarms: int
    software: str


class Health(Struct, frozen=True, kw_only=True):
    """How central stands; `line` to the broker."""

    generated_at: datetime
    line: str
    kiosks: Sequence[KioskShape]


class Problem(Struct, frozen=True):
    """What is wrong, as of RFC 9457."""

    type: str
    title: str
    status: int
    detail: str


def moment(at: int) -> datetime:
    """Return a moment of ms UTC."""
    return datetime.fromtimestamp(at / 1000, UTC)


def day_of_unit(judged: UnitDay, at: int, city: City) -> DayOfUnit:
    """Return a unit's day."""
    counts = judged.counts
    people = []
    for record in judged.records:
        duties = [one for one in record.duties if one.duty.unit == counts.unit]
        people.append(
            PersonDay(
                person=record.person,
                name=city.name(record.person),
                word=word_of(duties) if duties else "",
                duties=duties_of(duties),
            )
        )
    return DayOfUnit(
        generated_at=moment(at),
        unit=counts.unit,
        day=counts.day,
        counts=Counts(
            staff=counts.staff,
            free=counts.free,
            coming=judged.coming,
            here=counts.here,
            late=counts.late,
            early=counts.early,
            percent=counts.percent,
            words=counts.words,
        ),
        people=people,
    )


def month_of_unit(
    judged: UnitMonth, at: int, unit: str, month: str, city: City, *, closed: bool
) -> MonthOfUnit:
    """Return a unit's month."""
    return MonthOfUnit(
        generated_at=moment(at),
        unit=unit,
        month=month,
        closed=closed,
        total=sums_of(judged.total),
        people=[
            PersonSums(one.person, city.name(one.person), sums_of(one.sums))
            for one in judged.people
        ],
        strangers=judged.strangers,
    )


def sums_of(sums: Sums) -> SumsShape:
    """Return sums."""
    return SumsShape(percent=sums.percent, **structs.asdict(sums))


def duties_of(duties: Iterable[Judged]) -> list[DutyShape]:
    """Return duties."""
    return [
        DutyShape(
            day=one.duty.day,
            unit=one.duty.unit,
            code=one.duty.code,
            start=moment(one.duty.start),
            end=moment(one.duty.end),
            verdict=one.verdict,
            word=one.word,
            arrival=_half(one.arrival),
            departure=_half(one.departure),
            reason=one.reason,
            reference=one.reference,
            shares=one.shares,
        )
        for one in duties
    ]


def _half(half: Half) -> HalfShape:
    return HalfShape(
        verdict=half.verdict,
        at=None if half.at is None else moment(half.at),
        minutes=half.minutes,
        code=half.code,
        refs=half.refs,
    )


def presence(id_: int, seen: Seen, whose: Resolved, really: Moment) -> PresenceShape:
    """Return a presence."""
    sighted = seen.sighted
    return PresenceShape(
        id=id_,
        kiosk=sighted.place.kiosk,
        epoch=sighted.place.epoch,
        seq=sighted.place.seq,
        hash=sighted.place.hash.hex(),
        source=sighted.source,
        terminal=sighted.terminal,
        user=sighted.user,
        method=seen.method,
        time=sighted.time,
        zone=seen.zone,
        person=whose.person or None,
        why=whose.why,
        at=_calendar(really.utc),
        error_ms=really.error,
        earliest=_calendar(really.earliest),
        latest=_calendar(really.latest),
        doubted=really.doubted,
    )


def _calendar(at: int | None) -> datetime | None:
    """Return a moment, None where no calendar goes so far."""
    try:
        return None if at is None else moment(at)
    except (ValueError, OverflowError, OSError):
        return None


def kiosk(line: KioskLine) -> KioskShape:
    """Return how a kiosk stands."""
    return KioskShape(
        kiosk=line.kiosk,
        online=line.online,
        receipt_at=moment(line.receipt_at) if line.receipt_at else None,
        behind=max(0, line.last - line.through),
        alarms=line.alarms,
        software=line.software,
    )
