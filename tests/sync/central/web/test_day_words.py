"""The words of a day and of a month, of dates and of addresses: pure."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs

from sync.central.hung import UnitDay
from sync.central.judging import Record
from sync.central.month import of_duties, total
from sync.central.recap import Day, word_of
from sync.central.store.days import Entered, LastRead
from sync.central.web import dates, links
from sync.central.web.day import Group, day_page, said
from sync.central.web.person import entered
from sync.central.web.site import Sorry
from sync.worktime.duties import Duty
from sync.worktime.rules import Reason, Regulation
from sync.worktime.verdicts import Half, Judged, Shares, Verdict

DAY = date(2026, 11, 24)
JAKARTA = ZoneInfo("Asia/Jakarta")
HOUR = 3_600_000
START = 1_795_480_200_000  # 07:30 of that day in Jakarta
END = START + 17 * HOUR // 2
DUTY = Duty(
    day=DAY, unit="A", zone="Asia/Jakarta", code="kantor", start=START, end=END,
    arrive_from=START - 2 * HOUR, arrive_until=START + 4 * HOUR, leave_from=START + 4 * HOUR,
    leave_until=END + 4 * HOUR, break_min=0, flex_ms=0, rule=Regulation(),
)  # fmt: skip


def half(verdict: Verdict, at: int | None = None, minutes: int = 0, code: str = "") -> Half:
    refs = () if at is None else ("k e 1",)
    return Half(verdict=verdict, at=at, minutes=minutes, code=code, refs=refs)


def judged(verdict: Verdict, came: Half, left: Half, reason: Reason | None = None) -> Judged:
    return Judged(
        duty=DUTY, arrival=came, departure=left, verdict=verdict, shares=Shares(), reason=reason,
        reference="SK-7" if reason else "",
    )  # fmt: skip


IN_TIME, HOME = half(Verdict.PRESENT, START - HOUR), half(Verdict.PRESENT, END)
LATE = half(Verdict.LATE, START + 11 * 60_000, 11, "TL1")
EARLY = half(Verdict.EARLY, END - HOUR, 60, "PSW2")
NOTHING, NO_LEAVE = half(Verdict.MISSING), half(Verdict.MISSING, code="PSW4")
PENDING, EXCUSED = half(Verdict.PENDING), half(Verdict.EXCUSED)

DAYS = {
    "here": judged(Verdict.PRESENT, IN_TIME, HOME),
    "goes on": judged(Verdict.PENDING, IN_TIME, PENDING),
    "late": judged(Verdict.PENDING, LATE, PENDING),
    "early": judged(Verdict.PRESENT, IN_TIME, EARLY),
    "left without": judged(Verdict.PRESENT, IN_TIME, NO_LEAVE),
    "expected": judged(Verdict.PENDING, PENDING, PENDING),
    "absent": judged(Verdict.ABSENT, NOTHING, NOTHING),
    "sick": judged(Verdict.EXCUSED, EXCUSED, EXCUSED, Reason.SICK),
    "sick but came": judged(Verdict.EXCUSED, IN_TIME, EXCUSED, Reason.SICK),
    "out": judged(Verdict.OUTAGE, half(Verdict.OUTAGE), half(Verdict.OUTAGE)),
    "unread": judged(Verdict.INCOMPLETE, half(Verdict.INCOMPLETE), half(Verdict.INCOMPLETE)),
    "unsure": judged(Verdict.UNSURE, half(Verdict.UNSURE, START), half(Verdict.UNSURE)),
}
STANDS = {
    "here": Group.HERE,
    "goes on": Group.HERE,
    "late": Group.LATE,
    "early": Group.LATE,
    "left without": Group.LATE,
    "expected": Group.EXPECTED,
    "absent": Group.MISSING,
    "sick": Group.EXCUSED,
    "sick but came": Group.HERE,
    "out": Group.OPEN,
    "unread": Group.OPEN,
    "unsure": Group.HERE,  # a punch counts, whatever is open
}


class City:
    """As much of a city as the words need."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def name(self, person: str) -> str:
        return self.names.get(person, "")

    def units_of(self, _: str, __: date) -> list[str]:
        return ["A"]


def page(of: dict[str, list[Judged]], names: dict[str, str] | None = None, reads=()):
    counts = Day(day=DAY, unit="A", staff=0, free=0, here=0, late=0, early=0, words={})
    records = [Record(person, duties) for person, duties in of.items()]
    return day_page(UnitDay(counts, records, reads), START + HOUR, City(names or {}))


def groups(made) -> dict[Group, list[str]]:
    return {one.group: [line.name for line in one.people] for one in made.groups}


@pytest.mark.parametrize("name", DAYS)
def test_who_stands_where_and_the_word_is_the_judges(name):
    made = page({"1": [DAYS[name]]})
    [one] = made.groups
    assert one.group is STANDS[name]
    [line] = one.people
    assert line.word == word_of([DAYS[name]])
    assert [duty.word for duty in line.lines] == [DAYS[name].word]


def test_whose_duty_has_not_begun_is_not_looked_for_yet():
    duty = structs.replace(DUTY, start=START + 2 * HOUR)
    later = structs.replace(DAYS["expected"], duty=duty)
    assert groups(page({"1": [later], "2": [DAYS["expected"], later]})) == {
        Group.EXPECTED: ["2"],
        Group.COMING: ["1"],
    }


def test_groups_are_in_the_order_of_what_matters_and_each_by_name():
    made = page(
        {str(number): [one] for number, one in enumerate(DAYS.values())} | {"x": [], "y": []},
        {"x": "Zaki", "y": "Ayu"},
    )
    assert [one.group for one in made.groups] == [one for one in Group if one is not Group.COMING]
    assert [line.name for line in made.free] == ["Ayu", "Zaki"]
    late = page({"1": [DAYS["late"]], "2": [DAYS["early"]], "3": [DAYS["left without"]]})
    assert groups(late) == {Group.LATE: ["2", "1", "3"]}


def test_a_second_duty_that_was_missed_is_not_hidden_by_the_first():
    assert groups(page({"1": [DAYS["here"], DAYS["absent"]]})) == {Group.LATE: ["1"]}


@pytest.mark.parametrize(
    ("one", "clock", "words", "is_bad"),
    [
        (IN_TIME, "06.30", "", False),
        (LATE, "07.41", "terlambat 11 menit · TL1", True),
        (NO_LEAVE, "", "tidak ada presensi · PSW4", True),
        (PENDING, "", "berlangsung", False),
        (half(Verdict.UNSURE, START), "07.30", "jam belum pasti", True),
        (half(Verdict.NOT_ASKED), "", "tidak perlu", False),
        (half(Verdict.NOT_ASKED, START), "07.30", "", False),
        (half(Verdict.PRESENT, START + 24 * HOUR), "07.30 (25 Nov)", "", False),
    ],
)
def test_a_half_in_words(one, clock, words, is_bad):
    made = said(one, JAKARTA, DAY)
    assert (made.clock, made.words, made.is_bad) == (clock, words, is_bad)


def test_how_far_a_source_was_read():
    reads = [
        LastRead("k", "a", "2026-11-24T08:28:00", "Asia/Jakarta"),
        LastRead("k", "b", "2026-11-21T08:28:00", "Asia/Jakarta"),
        LastRead("k", "c", "2026-11-24T09:28:00", "Asia/Makassar"),
        LastRead("k", "d", "<garbled>", "Nowhere"),
    ]
    assert [(one.words, one.is_behind) for one in page({}, reads=reads).sources] == [
        ("terbaca sampai 08.28 (2 menit lalu)", False),
        ("terbaca sampai 08.28 (21 Nov) (3 hari lalu)", True),
        ("terbaca sampai 09.28 (2 menit lalu)", False),
        ("<garbled>", True),
    ]


# Months.


def test_a_months_sums_count_words_in_days_and_lateness_in_duties():
    sums = of_duties(
        [*(_on(number, one) for number, one in enumerate(DAYS.values())), _on(0, DAYS["late"])]
    )
    assert sums.days == len(DAYS)
    assert sums.here == 7
    assert sums.words == {
        "sakit": 1, "tanpa keterangan": 1, "berlangsung": 1, "alat mati": 1, "belum lengkap": 1,
    }  # fmt: skip
    assert (sums.late, sums.late_min, sums.early, sums.early_min) == (2, 22, 1, 60)
    assert (sums.no_arrival, sums.no_departure) == (0, 1)
    assert sums.classes == {"PSW2": 1, "PSW4": 1, "TL1": 2}
    assert (sums.unexplained, sums.excused, sums.open) == (1, 1, 3)
    assert sums.here + sums.unexplained + sums.excused + sums.open == sums.days
    assert (sums.over, sums.percent) == (11, 63.6)  # what goes on is not held against anybody
    twice = total([sums, sums])
    assert (twice.days, twice.late_min, twice.classes["TL1"]) == (2 * sums.days, 44, 4)
    assert twice.percent == sums.percent
    assert total([]).percent == of_duties([]).percent == 0.0


def _on(number: int, one: Judged) -> Judged:
    duty = structs.replace(one.duty, day=date(2026, 11, 1 + number))
    return structs.replace(one, duty=duty)


# Dates and addresses.


def test_months_follow_each_other():
    december = dates.month_of("2026-12")
    assert (str(december.after), str(december.before)) == ("2027-01", "2026-11")
    assert (december.first, december.last) == (date(2026, 12, 1), date(2026, 12, 31))
    assert dates.month_of("2024-02").last.day == 29
    assert december.words == "Desember 2026"
    assert dates.day_words(DAY) == "Selasa, 24 November 2026"


@pytest.mark.parametrize(
    "text", ["", "2026-00", "2026-13", "26-11", "1999-12", "2200-01", "٢٠٢٦-١١"]
)
def test_what_is_no_month_is_refused(text):
    with pytest.raises(Sorry):
        dates.month_of(text)


@pytest.mark.parametrize(
    ("ms", "words"),
    [(-5, "baru saja"), (59_999, "baru saja"), (60_000, "1 menit lalu"), (HOUR, "1 jam lalu"),
     (49 * HOUR, "2 hari lalu")],
)  # fmt: skip
def test_how_long_ago(ms, words):
    assert dates.ago_words(ms) == words


def test_addresses_hold_any_id():
    assert links.unit_link("a/b ?#&") == "/units/a%2Fb%20%3F%23%26"
    assert links.unit_link("x", "2026-11-24") == "/units/x?day=2026-11-24"
    assert links.form_link("papers", "a&b", "2026-11-24") == (
        "/papers/new?person=a%26b&day=2026-11-24"
    )
    assert entered("lobi timur e1 17") == Entered("lobi timur", "e1", 17)
