"""A person's month in words: each day, each duty, each punch and where it stands. Pure."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from msgspec import Struct

from sync.central.city import City
from sync.central.present import row
from sync.central.recap import days
from sync.central.rulings import is_paper
from sync.central.store.days import Entered
from sync.central.store.pages import Shown
from sync.central.web.dates import weekday
from sync.central.web.day import DutyLine, duty_line
from sync.central.web.links import form_link
from sync.protocol.moments import Moment
from sync.worktime.verdicts import Judged, Verdict

Punches = Mapping[Entered, Sequence[tuple[Shown, Moment]]]
"""What stands at a place, and when it really was."""


class PunchLine(Struct, frozen=True, kw_only=True):
    """A punch in words; `use` is what it counted as, `place` where its proof is found."""

    clock: str
    use: str
    source: str
    method: str
    sure: str
    is_sure: bool
    place: str


class DayLine(Struct, frozen=True, kw_only=True):
    """A day in words.

    Attributes:
        free: why there is no duty, "" where there is one.
        kind: what it is coloured by; see `_kind`.
        why: the reason of an absence and its reference.
    """

    iso: str
    number: int
    weekday: str
    is_today: bool
    is_weekend: bool
    kind: str
    free: str
    lines: Sequence[DutyLine]
    why: str
    punches: Sequence[PunchLine]
    absence: str
    paper: str


def day_lines(
    person: str,
    city: City,
    duties: Sequence[Judged],
    punches: Punches,
    first: date,
    last: date,
    visible: Sequence[date],
    units: Collection[str],
    now: int,
    here: date,
    own: ZoneInfo,
) -> list[DayLine]:
    """Return the days that are `visible`, in order, as far as they are of these units.

    `here` is the day that it is where the person works; `own` the zone of central's times.
    """
    of: dict[date, list[Judged]] = {}
    for one in duties:
        of.setdefault(one.duty.day, []).append(one)
    shown = set(visible)
    return [
        DayLine(
            iso=day.isoformat(),
            number=day.day,
            weekday=weekday(day),
            is_today=day == here,
            is_weekend=day.isoweekday() >= 6,
            kind=_kind(of.get(day, ()), now),
            free="" if day in of else _free(person, city, day, units),
            lines=[duty_line(one, day) for one in of.get(day, ())],
            why=_why(of.get(day, ())),
            punches=_punches(of.get(day, ()), punches, city, own),
            absence=form_link("absences", person, day.isoformat()),
            paper=form_link("papers", person, day.isoformat()) if day <= here else "",
        )
        for day in days(first, last)
        if day in shown
    ]


def refs(duties: Sequence[Judged]) -> list[Entered]:
    """Return the places of all punches that duties name; those on paper have none."""
    return [entered(ref) for one in duties for ref, _ in _uses(one) if not is_paper(ref)]


def entered(ref: str) -> Entered:
    """Return the place that the judge's `kiosk epoch seq` names."""
    kiosk, epoch, seq = ref.rsplit(" ", 2)
    return Entered(kiosk, epoch, int(seq))


def _uses(one: Judged) -> list[tuple[str, str]]:
    return [
        *((ref, "masuk") for ref in one.arrival.refs),
        *((ref, "di antara") for ref in one.between),
        *((ref, "pulang") for ref in one.departure.refs),
        *((ref, "tidak dihitung: bukti kurang") for ref in one.uncounted),
    ]


def _kind(duties: Sequence[Judged], now: int) -> str:
    if not duties:
        return "free"
    if all(one.duty.start > now for one in duties):
        return "coming"
    if any(one.verdict is Verdict.ABSENT for one in duties):
        return "missing"
    if any(
        half.verdict in (Verdict.LATE, Verdict.EARLY, Verdict.MISSING)
        for one in duties
        for half in (one.arrival, one.departure)
    ):
        return "late"
    for verdict, kind in (
        (Verdict.EXCUSED, "excused"),
        (Verdict.PENDING, "expected"),
        (Verdict.PRESENT, "here"),
    ):
        if all(one.verdict is verdict for one in duties):
            return kind
    return "open"


def _free(person: str, city: City, day: date, units: Collection[str]) -> str:
    for unit in city.units_of(person, day):
        if unit not in units:
            continue
        plan = city.book.plan(person, unit, day)
        holiday = city.book.holiday(plan.calendar, day) if plan.calendar else None
        if holiday is not None:
            return f"{holiday.kind.value}: {holiday.name}"
    return "tidak ada jadwal"


def _why(duties: Sequence[Judged]) -> str:
    reasons = {(one.reason.value, one.reference) for one in duties if one.reason}
    return "; ".join(" · ".join(filter(None, why)) for why in sorted(reasons))


def _punches(
    duties: Sequence[Judged], punches: Punches, city: City, own: ZoneInfo
) -> list[PunchLine]:
    found: dict[str, PunchLine] = {}
    for one in duties:
        for ref, use in _uses(one):
            if is_paper(ref):
                found[ref] = _on_paper(ref, use, city)
                continue
            for shown, really in punches.get(entered(ref), ()):
                found.setdefault(f"{ref} {shown.id}", _punch(ref, use, shown, really, own))
    return sorted(found.values(), key=lambda line: line.clock)


def _on_paper(ref: str, use: str, city: City) -> PunchLine:
    """Return a signature on an attendance list in words."""
    line, minute = city.rulings.signature(ref)
    return PunchLine(
        clock=f"{minute // 60 % 24:02}.{minute % 60:02}",
        use=use,
        source="kertas",
        method=line.reference or "daftar hadir",
        sure="tanda tangan, bukan alat",
        is_sure=True,
        place=ref,
    )


def _punch(ref: str, use: str, shown: Shown, really: Moment, own: ZoneInfo) -> PunchLine:
    line = row(shown, really, own)
    if line.doubted:
        sure, is_sure = "jam diragukan: keterangan bertentangan", False
    elif not line.certain:
        sure, is_sure = "jam kiosk belum pasti", False
    elif really.error is not None:
        sure, is_sure = f"± {max(1, round(really.error / 1000))} detik", True
    else:
        sure, is_sure = "jam kiosk terpercaya", True
    return PunchLine(
        clock=" ".join(filter(None, (line.clock, line.zone))),
        use=use,
        source=f"{line.source} ({line.kiosk})",
        method=line.method,
        sure=" · ".join(filter(None, (line.truth, sure))),
        is_sure=is_sure,
        place=ref,
    )
