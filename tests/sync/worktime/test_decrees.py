"""The rules that were found in the field, as tables: what each says, and what comes of it."""

from datetime import date, timedelta

import pytest
from decrees import (
    BALI_54_2014,
    BGN_4_2025,
    DKI_WINDOWS,
    PERMENTAN_68_2012,
    PERPRES_21_2023,
    RAMADAN_2026,
    TANJUNGPINANG_2_2024,
    clock,
    office,
)
from duty_desk import Desk, ms
from msgspec import structs

from sync.worktime.book import Book
from sync.worktime.duties import MINUTE_MS, duties
from sync.worktime.rules import Hours, Post, Regulation, RuleBook, Table, Week
from sync.worktime.slots import Side
from sync.worktime.verdicts import Verdict

MONDAY = date(2026, 11, 2)
PLAIN = [Week(plan="kantor", hours=[Hours(days=(1,), start=clock("07.30"), end=clock("16.00"))])]


def week_of(rules: RuleBook, monday: date, zone: str = "Asia/Jakarta") -> list[tuple[str, str]]:
    """Return begin and end of each duty of a week, on the clock of `zone`."""
    laid = duties(Book(rules), "a", [Post(unit="u", zone=zone)], monday, monday + timedelta(days=6))
    return [
        tuple(on_clock(at - ms(f"{one.day} 00.00", zone)) for at in (one.start, one.end))
        for one in laid
    ]


def on_clock(since_midnight_ms: int) -> str:
    minutes = since_midnight_ms // MINUTE_MS
    return f"{minutes // 60:02}.{minutes % 60:02}"


def working_min(rules: RuleBook, monday: date) -> int:
    laid = duties(
        Book(rules), "a", [Post(unit="u", zone="Asia/Jakarta")], monday, monday + timedelta(days=6)
    )
    return sum(one.length_min - one.break_min for one in laid)


@pytest.mark.parametrize(
    ("monday", "hours"),
    [
        (date(2024, 5, 6), [*[("07.30", "16.00")] * 4, ("07.30", "15.30")]),
        (date(2024, 4, 22), [("08.00", "16.00")] * 5),  # the decree before it
        (date(2024, 4, 29), [*[("08.00", "16.00")] * 3, ("07.30", "16.00"), ("07.30", "15.30")]),
    ],
)
def test_tanjungpinang_2_2024_holds_from_its_day(monday: date, hours: list[object]) -> None:
    assert week_of(TANJUNGPINANG_2_2024, monday) == hours


def test_tanjungpinang_works_37_hours_30() -> None:
    assert working_min(TANJUNGPINANG_2_2024, date(2024, 5, 6)) == 37 * 60 + 30


@pytest.mark.parametrize("zone", ["Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"])
@pytest.mark.parametrize(
    ("monday", "hours", "minutes"),
    [
        (MONDAY, [*[("07.30", "16.00")] * 4, ("07.30", "16.30")], 37 * 60 + 30),
        (date(2026, 2, 23), [*[("08.00", "15.00")] * 4, ("08.00", "15.30")], 32 * 60 + 30),
    ],
)
def test_perpres_21_2023_in_each_zone(
    zone: str, monday: date, hours: list[object], minutes: int
) -> None:
    assert week_of(PERPRES_21_2023, monday, zone) == hours
    assert working_min(PERPRES_21_2023, monday) == minutes


def test_ramadan_begins_and_ends_within_a_week() -> None:
    begins, ends = (day - timedelta(days=day.weekday()) for day in RAMADAN_2026)
    assert [one[0] for one in week_of(PERPRES_21_2023, begins)] == ["07.30"] * 2 + ["08.00"] * 3
    assert [one[0] for one in week_of(PERPRES_21_2023, ends)] == ["08.00"] * 4 + ["07.30"]


@pytest.mark.parametrize(
    ("regulation", "came", "minutes", "code"),
    [
        (PERMENTAN_68_2012, "07.30.59", 0, ""),  # the screen shows 07.30
        (PERMENTAN_68_2012, "07.31", 1, "TL1"),
        (PERMENTAN_68_2012, "08.00.59", 30, "TL1"),
        (PERMENTAN_68_2012, "08.01", 31, "TL2"),
        (PERMENTAN_68_2012, "08.31", 61, "TL3"),
        (PERMENTAN_68_2012, "09.01", 91, "TL4"),
        (PERMENTAN_68_2012, None, 0, "TL4"),
        (BGN_4_2025, "07.31", 1, "TL1"),
        (BGN_4_2025, "08.30", 60, "TL1"),
        (BGN_4_2025, "08.31", 61, "TL2"),
        (BGN_4_2025, None, 0, "TL2"),
    ],
)
def test_classes_of_lateness(
    regulation: Regulation, came: str | None, minutes: int, code: str
) -> None:
    desk = Desk(rules=office(PLAIN, regulation)).punched(f"{MONDAY} 16.05")
    if came:
        shown = desk.but(punches=()).shown(f"{MONDAY} {came}")
        assert (shown.side, shown.minutes, shown.code) == (Side.ARRIVAL, minutes, code)
        desk = desk.punched(f"{MONDAY} {came}")
    one = desk.day(MONDAY)
    assert (one.arrival.minutes, one.arrival.code) == (minutes, code)
    assert (one.verdict, one.departure.verdict) == (Verdict.PRESENT, Verdict.PRESENT)


@pytest.mark.parametrize(
    ("regulation", "left", "minutes", "code"),
    [
        (PERMENTAN_68_2012, "15.59.01", 0, ""),
        (PERMENTAN_68_2012, "15.59", 1, "PSW1"),
        (PERMENTAN_68_2012, "15.29.01", 30, "PSW1"),
        (PERMENTAN_68_2012, "15.29", 31, "PSW2"),
        (PERMENTAN_68_2012, "14.59", 61, "PSW3"),
        (PERMENTAN_68_2012, "14.29", 91, "PSW4"),
        (PERMENTAN_68_2012, None, 0, "PSW4"),
        (BGN_4_2025, "15.00", 60, "PSW1"),
        (BGN_4_2025, "14.59", 61, "PSW2"),
        (BGN_4_2025, None, 0, "PSW2"),
    ],
)
def test_classes_of_leaving_early(
    regulation: Regulation, left: str | None, minutes: int, code: str
) -> None:
    desk = Desk(rules=office(PLAIN, regulation)).punched(f"{MONDAY} 07.20")
    if left:
        shown = desk.shown(f"{MONDAY} {left}")
        assert (shown.side, shown.minutes, shown.code) == (Side.DEPARTURE, minutes, code)
        desk = desk.punched(f"{MONDAY} {left}")
    one = desk.day(MONDAY)
    assert (one.departure.minutes, one.departure.code) == (minutes, code)


@pytest.mark.parametrize(
    ("regulation", "counted", "minutes"),
    [(BALI_54_2014, "07.45", 15), (PERMENTAN_68_2012, "07.20", 0)],
)
def test_in_bali_the_last_arrival_counts(
    regulation: Regulation, counted: str, minutes: int
) -> None:
    desk = Desk(rules=office(PLAIN, regulation)).punched(
        f"{MONDAY} 07.20", f"{MONDAY} 07.45", f"{MONDAY} 16.00"
    )
    one = desk.day(MONDAY)
    assert (one.arrival.ref, one.arrival.minutes) == (f"{MONDAY} {counted}", minutes)
    assert len(one.arrival.refs) == 2  # a repeat is recorded, whichever counts
    assert desk.shown(f"{MONDAY} 07.50").minutes == (20 if minutes else 0)
    assert desk.shown(f"{MONDAY} 07.50").before


@pytest.mark.parametrize(
    ("when", "side"),
    [
        ("06.29.59", None),
        ("06.30", Side.ARRIVAL),
        ("11.44.59", Side.ARRIVAL),
        ("11.45", Side.DEPARTURE),  # the middle of the duty, where nothing else is said
        ("23.00.59", Side.DEPARTURE),
        ("23.01", None),
    ],
)
def test_dki_regular_windows(when: str, side: Side | None) -> None:
    assert Desk(rules=DKI_WINDOWS).shown(f"{MONDAY} {when}").side is side


@pytest.mark.parametrize(
    ("when", "side"),
    [
        (f"{MONDAY} 17.59.59", None),
        (f"{MONDAY} 18.00", Side.ARRIVAL),
        ("2026-11-03 10.00.59", Side.DEPARTURE),
        ("2026-11-03 10.01", None),
    ],
)
def test_dki_special_shift_windows(when: str, side: Side | None) -> None:
    table = Table(person="a", first=MONDAY, days=[["KHUSUS"], []])
    assert Desk(rules=structs.replace(DKI_WINDOWS, tables=[table])).shown(when).side is side
