"""A unit's day in words: who is missing and why, who is late, who is here. Pure.

What a row says is the judge's own: `recap.word_of` for the person's day, `Judged.word` for a duty,
the verdict of each half. Here it is only put in order, of what a unit's admin looks for first.
"""

from collections.abc import Sequence
from datetime import date
from enum import Enum
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from sync.central.city import City
from sync.central.derive import utc, zone_named
from sync.central.hung import UnitDay, is_coming
from sync.central.judging import Record
from sync.central.recap import HERE, word_of
from sync.central.rulings import is_paper
from sync.central.store.days import LastRead
from sync.central.web.dates import ago_words, clock_words, local
from sync.central.web.links import person_link
from sync.worktime.verdicts import Half, Judged, Verdict


class Group(Enum):
    """Who stands together, in the order of the page: a name, a heading, a symbol of the sprite."""

    MISSING = ("missing", "Tanpa keterangan", "unreadable")
    LATE = ("late", "Terlambat atau tidak lengkap", "clock")
    EXPECTED = ("expected", "Belum ada presensi", "dots")
    OPEN = ("open", "Belum dapat dinilai", "stranger")
    EXCUSED = ("excused", "Berhalangan dengan keterangan", "letter")
    HERE = ("here", "Hadir", "known")
    COMING = ("coming", "Belum mulai dinas", "dots")

    @property
    def key(self) -> str:
        """What it is called in the page."""
        return self.value[0]

    @property
    def title(self) -> str:
        """Its heading."""
        return self.value[1]

    @property
    def symbol(self) -> str:
        """Its symbol."""
        return self.value[2]


class Said(Struct, frozen=True):
    """A half in words: `clock` is "" without a punch; `is_bad`: something to be looked at."""

    clock: str
    words: str
    is_bad: bool


class DutyLine(Struct, frozen=True, kw_only=True):
    """One duty in words."""

    code: str
    hours: str
    came: Said
    left: Said
    word: str


class PersonLine(Struct, frozen=True, kw_only=True):
    """A person's day in words.

    Attributes:
        why: the reason of an absence and its reference, also where the person was here.
        is_proved: whether it is known of one that there was no arrival, though it is not over.
        minutes: late, of all duties.
    """

    person: str
    name: str
    href: str
    word: str
    why: str
    is_proved: bool
    minutes: int
    lines: Sequence[DutyLine]


class GroupLines(Struct, frozen=True):
    """A group and who is in it."""

    group: Group
    people: Sequence[PersonLine]


class Source(Struct, frozen=True, kw_only=True):
    """How far a source was read, in words; `is_behind`: it may have more of this day."""

    kiosk: str
    source: str
    words: str
    is_behind: bool


class DayPage(Struct, frozen=True, kw_only=True):
    """All of it."""

    judged: UnitDay
    groups: Sequence[GroupLines]
    free: Sequence[PersonLine]
    sources: Sequence[Source]

    @property
    def by_name(self) -> list[tuple[Group, PersonLine]]:
        """Return everybody with a duty, each with their group, in the order of names."""
        everybody = [(one.group, line) for one in self.groups for line in one.people]
        return sorted(everybody, key=lambda one: _by_name(one[1]))

    @property
    def awaited(self) -> str:
        """Return the sources that are to be read before more can be said."""
        return ", ".join(f"{one.source} ({one.kiosk})" for one in self.sources if one.is_behind)


BEHIND_MS: Final = 15 * 60_000
"""A source that was last read longer ago than this is behind, while anything may come yet."""

_ADVERSE: Final = frozenset({Verdict.LATE, Verdict.EARLY, Verdict.MISSING})
"""What a half may be that is held against somebody."""

_OPEN: Final = frozenset({Verdict.OUTAGE.value, Verdict.INCOMPLETE.value, Verdict.UNSURE.value})


def day_page(judged: UnitDay, at: int, city: City) -> DayPage:
    """Return a unit's day in words, as it was judged `at` this moment, ms UTC."""
    unit, day = judged.counts.unit, judged.counts.day
    groups: dict[Group, list[PersonLine]] = {group: [] for group in Group}
    free = []
    for record in judged.records:
        duties = [one for one in record.duties if one.duty.unit == unit and one.duty.day == day]
        line = _person(record, duties, city, day)
        if not duties:
            if unit in city.units_of(record.person, day):
                free.append(line)
            continue
        groups[_group(line.word, duties, at)].append(line)
    for people in groups.values():
        people.sort(key=_by_name)
    groups[Group.LATE].sort(key=lambda one: -one.minutes)
    groups[Group.EXPECTED].sort(key=lambda one: not one.is_proved)
    return DayPage(
        judged=judged,
        groups=[GroupLines(group, people) for group, people in groups.items() if people],
        free=sorted(free, key=_by_name),
        sources=[_source(one, at, _needed(judged, at)) for one in judged.last_reads],
    )


def _by_name(line: PersonLine) -> tuple[str, str]:
    return line.name.casefold(), line.person


def _group(word: str, duties: Sequence[Judged], now: int) -> Group:
    if word == HERE:
        is_whole = not any(
            one.verdict is Verdict.ABSENT or _ADVERSE & {one.arrival.verdict, one.departure.verdict}
            for one in duties
        )
        return Group.HERE if is_whole else Group.LATE
    if word == Verdict.ABSENT:
        return Group.MISSING
    if word == Verdict.PENDING:
        return Group.COMING if is_coming(duties, now) else Group.EXPECTED
    return Group.OPEN if word in _OPEN else Group.EXCUSED


def _person(record: Record, duties: Sequence[Judged], city: City, day: date) -> PersonLine:
    reasons = {(one.reason.value, one.reference) for one in duties if one.reason}
    return PersonLine(
        person=record.person,
        name=city.name(record.person) or record.person,
        href=person_link(record.person, f"{day:%Y-%m}"),
        word=word_of(duties) if duties else "",
        why="; ".join(" · ".join(filter(None, why)) for why in sorted(reasons)),
        is_proved=any(one.arrival.verdict is Verdict.MISSING for one in duties),
        minutes=sum(one.arrival.minutes + one.departure.minutes for one in duties),
        lines=[duty_line(one, day) for one in duties],
    )


def duty_line(one: Judged, day: date) -> DutyLine:
    """Return a duty in words; moments of another day than `day` say which."""
    zone = ZoneInfo(one.duty.zone)
    start, end = local(one.duty.start, zone), local(one.duty.end, zone)
    return DutyLine(
        code=one.duty.code,
        hours=f"{start:%H.%M}–{end:%H.%M}",
        came=said(one.arrival, zone, day),
        left=said(one.departure, zone, day),
        word=one.word,
    )


def said(half: Half, zone: ZoneInfo, day: date) -> Said:
    """Return a half in words: `07.41`, `terlambat 11 menit · TL1`."""
    clock = "" if half.at is None else clock_words(half.at, zone, day)
    clock += " · kertas" if is_paper(half.ref) else ""
    is_plain = half.verdict is Verdict.PRESENT or (half.verdict is Verdict.NOT_ASKED and clock)
    words = "" if is_plain and clock else half.verdict.value
    minutes = f" {half.minutes} menit" if half.minutes else ""
    code = f" · {half.code}" if half.code else ""
    is_bad = half.verdict in _ADVERSE or half.verdict.value in _OPEN
    return Said(clock, words + minutes + code, is_bad)


def _needed(judged: UnitDay, now: int) -> int:
    """Return up to when sources should be read, so that nothing of the day is missing."""
    ends = [one.duty.leave_until for record in judged.records for one in record.duties]
    return min([now - BEHIND_MS, *([max(ends)] if ends else [])])


def _source(one: LastRead, now: int, needed: int) -> Source:
    zone, at = zone_named(one.zone), utc(one.through, one.zone)
    if zone is None or at is None:
        return Source(kiosk=one.kiosk, source=one.source, words=one.through, is_behind=True)
    shown = clock_words(at, zone, local(now, zone).date())
    return Source(
        kiosk=one.kiosk,
        source=one.source,
        words=f"terbaca sampai {shown} ({ago_words(now - at)})",
        is_behind=at < needed,
    )
