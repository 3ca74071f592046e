"""Which row holds: the more specific, then the one that began last; and what a book refuses."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from msgspec import json, structs

from sync.worktime.book import Book
from sync.worktime.duties import duties
from sync.worktime.faults import BadRules, dangling, impossible
from sync.worktime.rules import (
    Assignment,
    Dated,
    Grouped,
    Holiday,
    Hours,
    Post,
    Regulation,
    Rotation,
    RuleBook,
    Shift,
    Step,
    Swap,
    Table,
    Week,
    Window,
    merge,
)

DAY = date(2026, 11, 2)
NEXT = DAY + timedelta(days=1)
ALL_DAYS = (1, 2, 3, 4, 5, 6, 7)


def week(plan: str, start: int = 480, **fields: object) -> Week:
    return Week(plan=plan, hours=[Hours(days=ALL_DAYS, start=start, end=start + 60)], **fields)


def codes(rules: RuleBook, day: date = DAY, person: str = "a", unit: str = "u") -> list[str]:
    return [one.code for one in Book(rules).planned(person, unit, day)]


PLANS = [week(plan) for plan in ("for-unit", "for-group", "for-person", "newer")]
BY_UNIT = Assignment(plan="for-unit", unit="u")
BY_GROUP = Assignment(plan="for-group", group="g")
BY_PERSON = Assignment(plan="for-person", person="a")


@pytest.mark.parametrize(
    ("assignments", "plans"),
    [
        ([BY_UNIT], ["for-unit"]),
        ([BY_UNIT, BY_GROUP], ["for-group"]),
        ([BY_PERSON, BY_UNIT, BY_GROUP], ["for-person"]),
        ([BY_UNIT, structs.replace(BY_PERSON, since=NEXT)], ["for-unit"]),
        ([BY_UNIT, structs.replace(BY_PERSON, until=DAY - timedelta(days=1))], ["for-unit"]),
        ([BY_UNIT, Assignment(plan="newer", unit="u", since=DAY)], ["newer"]),
        ([BY_UNIT, Assignment(plan="", person="a")], []),  # no duty but by table
        ([Assignment(plan="for-unit", unit="v")], []),
    ],
)
def test_the_most_specific_assignment(assignments: Sequence[Assignment], plans: list[str]) -> None:
    groups = [Grouped(person="a", group="g")]
    for rows in (assignments, assignments[::-1]):
        rules = RuleBook(weeks=PLANS, groups=groups, assignments=rows)
        assert codes(rules) == plans


def test_a_group_is_left_and_another_joined() -> None:
    rules = RuleBook(
        weeks=PLANS,
        groups=[
            Grouped(person="a", group="g", until=DAY),
            Grouped(person="a", group="h", since=NEXT),
        ],
        assignments=[BY_UNIT, BY_GROUP, Assignment(plan="newer", group="h")],
    )
    assert [codes(rules, day) for day in (DAY, NEXT)] == [["for-group"], ["newer"]]


def test_a_week_of_higher_rank_wins_while_it_lasts() -> None:
    rules = RuleBook(
        weeks=[
            week("w", 480),
            week("w", 540, rank=1, since=DAY, until=DAY),
            week("w", 450, since=NEXT),
        ],
        assignments=[Assignment(plan="w", unit="u")],
    )
    days = [DAY - timedelta(days=1), DAY, NEXT]
    assert [Book(rules).planned("a", "u", day)[0].start for day in days] == [480, 540, 450]


def test_a_unit_has_its_own_shift_of_a_code() -> None:
    shifts = [Shift(code="P", start=480, end=960), Shift(code="P", start=420, end=840, unit="rsud")]
    tables = [Table(person="a", first=DAY, days=[["P"]])]
    book = Book(RuleBook(shifts=shifts, tables=tables))
    assert [book.planned("a", unit, DAY)[0].start for unit in ("rsud", "u")] == [420, 480]


@pytest.mark.parametrize(
    ("offset", "expected"), [(0, ["P", "S", "M", "-", "P"]), (1, ["S", "M", "-", "P", "S"])]
)
def test_a_rotation_turns_from_its_anchor_both_ways(offset: int, expected: list[str]) -> None:
    shifts = [Shift(code=code, start=480, end=960) for code in "PSM"]
    rules = RuleBook(
        shifts=shifts,
        rotations=[Rotation(plan="r", cycle=[["P"], ["S"], ["M"], []], anchor=DAY)],
        assignments=[Assignment(plan="r", unit="u", offset=offset)],
    )
    for shift_days in (0, -4, -400, 400):
        days = [DAY + timedelta(days=n + shift_days) for n in range(5)]
        assert ["".join(codes(rules, day)) or "-" for day in days] == expected


SHIFTS = [Shift(code=code, start=480, end=960) for code in ("P", "S", "M")]


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ([Table(person="a", first=DAY, days=[["P"]])], ["P"]),
        ([Table(group="g", first=DAY, days=[["S"]])], ["S"]),
        (
            [Table(group="g", first=DAY, days=[["S"]]), Table(person="a", first=DAY, days=[["P"]])],
            ["P"],
        ),
        (
            [Table(group="g", first=DAY, days=[["S"]]), Table(person="a", first=DAY, days=[None])],
            ["S"],
        ),
        (
            [
                Table(person="a", first=DAY, days=[["P"]]),
                Table(person="a", first=DAY, days=[[]], edition=1),
            ],
            [],
        ),
        (
            [
                Table(person="a", first=DAY, days=[["P"]]),
                Table(person="a", first=DAY, days=[None], edition=1),
            ],
            ["P"],
        ),
        ([Table(person="a", first=NEXT, days=[["P"]])], ["for-unit"]),
        ([Table(person="a", first=DAY, days=[["P", "*"]])], ["P", "for-unit"]),
        ([Table(person="a", first=DAY, days=[["P", "gone"]])], ["P"]),
    ],
)
def test_tables_override(tables: Sequence[Table], expected: list[str]) -> None:
    rules = RuleBook(
        weeks=PLANS,
        shifts=SHIFTS,
        groups=[Grouped(person="a", group="g")],
        assignments=[BY_UNIT],
        tables=tables,
    )
    assert codes(rules) == expected


def swapping(*swaps: Swap) -> RuleBook:
    return RuleBook(
        shifts=SHIFTS,
        tables=[
            Table(person="a", first=DAY, days=[["P"], ["P"]]),
            Table(person="b", first=DAY, days=[["S"], ["M"]]),
            Table(person="c", first=DAY, days=[[], ["S"]]),
        ],
        swaps=swaps,
    )


@pytest.mark.parametrize(
    ("swaps", "expected"),
    [
        ([], {"a": ["P", "P"], "b": ["S", "M"], "c": ["", "S"]}),
        ([Swap(person="a", day=DAY, other="b", other_day=DAY)], {"a": ["S", "P"], "b": ["P", "M"]}),
        # On another day it becomes a double shift.
        (
            [Swap(person="a", day=DAY, other="b", other_day=NEXT)],
            {"a": ["", "PM"], "b": ["SP", ""]},
        ),
        ([Swap(person="a", day=DAY, other="c", other_day=DAY)], {"a": ["", "P"], "c": ["P", "S"]}),
        # What was given away once cannot be given again: the first by what it says holds.
        (
            [
                Swap(person="a", day=DAY, other="b", other_day=DAY),
                Swap(person="a", day=DAY, other="c", other_day=NEXT),
            ],
            {"a": ["S", "P"], "b": ["P", "M"], "c": ["", "S"]},
        ),
    ],
)
def test_swaps(swaps: Sequence[Swap], expected: dict[str, list[str]]) -> None:
    for rows in (swaps, swaps[::-1]):
        for person, days in expected.items():
            found = ["".join(codes(swapping(*rows), day, person)) for day in (DAY, NEXT)]
            assert found == days


def test_the_regulation_of_the_unit_goes_first() -> None:
    book = Book(
        RuleBook(
            regulations=[
                Regulation(name="all"),
                Regulation(name="all, later", since=NEXT),
                Regulation(name="u", unit="u", until=DAY),
            ]
        )
    )
    asked = [("u", DAY), ("u", NEXT), ("v", DAY), ("v", NEXT)]
    names = [book.regulation(unit, day).name for unit, day in asked]
    assert names == ["u", "all, later", "all", "all, later"]
    assert Book(RuleBook()).regulation("u", DAY) == Regulation()


def test_parts_are_put_together() -> None:
    whole = swapping(Swap(person="a", day=DAY, other="b", other_day=NEXT))
    parts = [RuleBook(shifts=whole.shifts), RuleBook(tables=whole.tables[:1])]
    parts += [RuleBook(tables=whole.tables[1:], swaps=whole.swaps)]
    travelled = [json.decode(json.encode(part), type=RuleBook) for part in parts]
    assert json.encode(merge(travelled)) == json.encode(whole)
    assert merge([]) == RuleBook()
    assert json.encode(RuleBook()) == b"{}"


@pytest.mark.parametrize(
    ("since", "until", "holds"),
    [(None, None, True), (DAY, DAY, True), (NEXT, None, False), (None, DAY - timedelta(1), False)],
)
def test_both_days_are_included(since: date | None, until: date | None, holds: bool) -> None:
    assert Dated(since=since, until=until).covers(DAY) is holds


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (RuleBook(shifts=[Shift(code="P", start=960, end=480)]), "shifts[0] (P): end is"),
        (RuleBook(shifts=[Shift(code="P", start=1440, end=1500)]), "start is a minute of its own"),
        (RuleBook(shifts=[Shift(code="P", start=0, end=2881)]), "end is 1 to 2880"),
        (RuleBook(shifts=[Shift(code="*", start=0, end=60)]), "is no code"),
        (
            RuleBook(shifts=[Shift(code="P", start=0, end=60, window=Window(after_min=721))]),
            "after_min is 0 to 720, got 721",
        ),
        (RuleBook(shifts=[Shift(code="P", start=0, end=60, break_min=61)]), "break_min"),
        (RuleBook(shifts=[Shift(code="P", start=0, end=60, flex_min=-1)]), "flex_min"),
        (
            RuleBook(weeks=[Week(plan="w", hours=[Hours(days=(0,), start=0, end=60)])]),
            "weeks[0].hours[0] (w): days are 1 (Monday) to 7 (Sunday), got [0]",
        ),
        (RuleBook(rotations=[Rotation(plan="r", cycle=[], anchor=DAY)]), "rotations[0] (r)"),
        (RuleBook(assignments=[Assignment(plan="w")]), "give one of person, group and unit"),
        (
            RuleBook(assignments=[Assignment(plan="w", unit="u", zone="Asia/Jakrta")]),
            "no such time zone: 'Asia/Jakrta'",
        ),
        (RuleBook(tables=[Table(first=DAY, days=[])]), "give either person or group"),
        (
            RuleBook(
                regulations=[
                    Regulation(late=[Step(from_min=31, code="TL2"), Step(from_min=1, code="TL1")])
                ]
            ),
            "regulations[0] ().late: from_min must rise",
        ),
    ],
)
def test_what_cannot_be_is_refused_and_named(rules: RuleBook, words: str) -> None:
    assert words in impossible(rules)[0]
    with pytest.raises(BadRules) as raised:
        Book(rules)
    assert words in str(raised.value)


def test_what_names_nothing_is_said_and_is_no_duty() -> None:
    rules = RuleBook(
        assignments=[Assignment(plan="gone", unit="u", calendar="nowhere")],
        rotations=[Rotation(plan="r", cycle=[["X"]], anchor=DAY)],
        tables=[Table(person="b", first=DAY, days=[["Y", "*"]])],
        swaps=[
            Swap(person="a", day=DAY, other="b", other_day=DAY),
            Swap(person="c", day=DAY, other="a", other_day=DAY),
        ],
    )
    assert len(dangling(rules)) == 5
    assert dangling(rules)[4] == f"swaps[1]: a {DAY} is in swaps[0] already"
    assert codes(rules) == []
    assert dangling(swapping()) == []


def test_holiday_is_told() -> None:
    book = Book(RuleBook(holidays=[Holiday(calendar="id", name="Natal", since=DAY, until=DAY)]))
    assert book.holiday("id", DAY).name == "Natal"
    assert book.holiday("id", NEXT) is None
    assert book.holiday("", DAY) is None


@pytest.mark.parametrize(
    ("zone", "hours_ahead"), [("Asia/Jakarta", 7), ("Asia/Makassar", 8), ("Asia/Jayapura", 9)]
)
def test_a_duty_begins_by_the_clock_of_its_zone(zone: str, hours_ahead: int) -> None:
    rules = RuleBook(weeks=[week("w", 450)], assignments=[Assignment(plan="w", unit="u")])
    [duty] = duties(Book(rules), "a", [Post(unit="u", zone=zone)], DAY, DAY)
    assert duty.start // 60_000 % 1440 == (450 - hours_ahead * 60) % 1440
    [moved] = duties(
        Book(
            structs.replace(
                rules, assignments=[Assignment(plan="w", unit="u", zone="Asia/Jayapura")]
            )
        ),
        "a",
        [Post(unit="u", zone=zone)],
        DAY,
        DAY,
    )
    assert duty.start - moved.start == (9 - hours_ahead) * 3_600_000


def test_a_post_is_left_for_another() -> None:
    rules = RuleBook(weeks=[week("w")], assignments=[Assignment(plan="w", unit="v")])
    posts = [
        Post(unit="u", zone="Asia/Jakarta"),
        Post(unit="v", zone="Asia/Makassar", since=NEXT, until=NEXT),
    ]
    found = duties(Book(rules), "a", posts, DAY, NEXT + timedelta(days=1))
    assert [(one.day, one.zone) for one in found] == [(NEXT, "Asia/Makassar")]
    assert duties(Book(rules), "a", [], DAY, NEXT) == []


def test_where_duties_overlap_the_later_begins_when_the_other_ends() -> None:
    shifts = [
        Shift(code="P", start=480, end=960),
        Shift(code="S", start=900, end=1380),
        Shift(code="IN", start=500, end=700),
    ]
    tables = [Table(person="a", first=DAY, days=[["S", "P", "IN", "P"]])]
    book = Book(RuleBook(shifts=shifts, tables=tables))
    found = duties(book, "a", [Post(unit="u", zone="Asia/Jakarta")], DAY, DAY)
    assert [(one.code, one.length_min) for one in found] == [("P", 480), ("S", 420)]


def test_a_piket_of_yesterday_cuts_todays_duty() -> None:
    shifts = [Shift(code="PK", start=480, end=1920), Shift(code="P", start=420, end=840)]
    tables = [Table(person="a", first=DAY, days=[["PK"], ["P"]])]
    book = Book(RuleBook(shifts=shifts, tables=tables))
    [morning] = duties(book, "a", [Post(unit="u", zone="Asia/Jakarta")], NEXT, NEXT)
    assert morning.length_min == 360
