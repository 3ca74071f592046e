"""Judging a month: 2,404 people in 44 units for 31 days, on one core.

    python bench/judge.py [--quick]

Seven in ten keep office hours, the others turn in shifts across midnight or in pikets of 24 hours.
Each duty has about two punches; some people are late, some are absent or excused, sources were read
each night, and one was out for three days. Prints one JSON line, medians over rounds:

    people, days, duties   what was judged
    seconds                for all of it, the rule book made ready included
    decide_ms              one `decide`, as a screen needs it, with the rules of 10,000 people
                           loaded; the slowest of a hundred is within `decide_p99_ms`
    load_ms                making those rules ready: once with each roster
"""

import argparse
import json
import random
import statistics
import time
from datetime import UTC, date, datetime, timedelta

from sync.worktime.book import Book
from sync.worktime.decide import decide
from sync.worktime.duties import MINUTE_MS, Duty, duties
from sync.worktime.evidence import Case, Punch, Reach, Stretch, Watch
from sync.worktime.judge import judge
from sync.worktime.rules import (
    Absence,
    Assignment,
    Grouped,
    Holiday,
    Hours,
    Post,
    Reason,
    Regulation,
    Rotation,
    RuleBook,
    Shift,
    Step,
    Swap,
    Table,
    Week,
)

PEOPLE, UNITS, KIOSK_PEOPLE = 2_404, 44, 10_000
FIRST, LAST = date(2022, 8, 1), date(2022, 8, 31)
ZONE = "Asia/Jakarta"
DAY_MS = 86_400_000
SHIFT_GROUPS, PIKET_GROUPS = 4, 3
REGULATION = Regulation(
    late=[Step(from_min=n, code=f"TL{i}") for i, n in enumerate((1, 31, 61, 91), 1)],
    early=[Step(from_min=n, code=f"PSW{i}") for i, n in enumerate((1, 31, 61, 91), 1)],
    no_arrival="TL4",
    no_departure="PSW4",
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round")
    rounds = 1 if parser.parse_args().quick else 5
    people, cases, watch = month(random.Random(2022))
    now = moment(LAST) + 10 * DAY_MS
    seconds, judged = [], 0
    for _ in range(rounds):
        began = time.perf_counter()
        book = Book(people)
        judged = sum(len(judge(book, case, watch, FIRST, LAST, now)) for case in cases)
        seconds.append(time.perf_counter() - began)
    load_ms, single = at_kiosk(random.Random(2022))
    single.sort()
    figures = {
        "people": len(cases),
        "days": (LAST - FIRST).days + 1,
        "duties": judged,
        "seconds": round(statistics.median(seconds), 2),
        "decide_ms": round(statistics.median(single), 3),
        "decide_p99_ms": round(single[len(single) * 99 // 100], 3),
        "load_ms": round(load_ms),
    }
    print(json.dumps(figures))


def rules(people: int) -> RuleBook:
    """Return the rules of so many people: by unit, by group, and a table and swaps for some."""
    groups = [Grouped(person=who(n), group=group) for n in range(people) if (group := group_of(n))]
    names = sorted({one.group for one in groups})
    return RuleBook(
        regulations=[REGULATION],
        weeks=[
            Week(
                plan="kantor",
                hours=[
                    Hours(days=(1, 2, 3, 4), start=450, end=960, break_min=45),
                    Hours(days=(5,), start=450, end=990, break_min=90, flex_min=30),
                ],
            )
        ],
        holidays=[Holiday(calendar="nasional", name="HUT RI", since=AUGUST_17, until=AUGUST_17)],
        shifts=[
            Shift(code="P", start=420, end=840),
            Shift(code="S", start=840, end=1260),
            Shift(code="M", start=1260, end=1860),
            Shift(code="PK", start=480, end=1920),
        ],
        rotations=[
            Rotation(plan="rota", cycle=[["P"], ["S"], ["M"], []], anchor=FIRST),
            Rotation(plan="piket", cycle=[["PK"], [], []], anchor=FIRST),
        ],
        groups=groups,
        assignments=[
            *(Assignment(plan="kantor", unit=unit(n), calendar="nasional") for n in range(UNITS)),
            *(
                Assignment(plan=name.split("-")[1], group=name, offset=int(name[-1]))
                for name in names
            ),
        ],
        tables=[
            Table(person=who(n), first=FIRST, days=[["P", "S"], [], None, ["M"]] * 7)
            for n in range(people)
            if group_of(n) and n % 4 == 0
        ],
        swaps=[
            Swap(person=who(n), day=FIRST, other=who(n + UNITS), other_day=FIRST + timedelta(1))
            for n in range(0, people - UNITS, 40)
        ],
    )


AUGUST_17 = date(2022, 8, 17)


def who(number: int) -> str:
    return f"19{number:016}"


def unit(number: int) -> str:
    return f"unit-{number % UNITS:02}"


def group_of(number: int) -> str:
    """Return whose rota or piket it is; "" for office hours, seven people in ten."""
    turn = number // UNITS % 10
    if turn < 7:
        return ""
    kind, size = ("rota", SHIFT_GROUPS) if turn < 9 else ("piket", PIKET_GROUPS)
    return f"{unit(number)}-{kind}-{number // UNITS % size}"


def moment(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def month(dice: random.Random) -> tuple[RuleBook, list[Case], Watch]:
    """Return the rules, everybody's case, and what was read of the sources."""
    said = rules(PEOPLE)
    book = Book(said)
    cases = []
    for number in range(PEOPLE):
        posts = [Post(unit=unit(number), zone=ZONE)]
        around = timedelta(3)
        laid = duties(book, who(number), posts, FIRST - around, LAST + around)
        kiosk = unit(number)
        cases.append(
            Case(
                person=who(number),
                posts=posts,
                punches=[one for duty in laid for one in punches(dice, duty, kiosk)],
                reach=[Reach(kiosk=kiosk, source=source) for source in ("gate", "hall")],
                absences=[Absence(person=who(number), reason=Reason.SICK, since=FIRST, until=FIRST)]
                if number % 7 == 0
                else [],
            )
        )
    begin, until = moment(FIRST) - 5 * DAY_MS, moment(LAST) + 5 * DAY_MS
    nights = range(begin, until, DAY_MS)
    coverage = [
        Stretch(kiosk=unit(n), source=source, begin=night, until=night + DAY_MS)
        for n in range(UNITS)
        for source in ("gate", "hall")
        for night in nights
        if not (n == 3 and night % 11 == 0)
    ]
    out = moment(FIRST) + 9 * DAY_MS
    outages = [Stretch(kiosk=unit(5), source="gate", begin=out, until=out + 3 * DAY_MS)]
    return said, cases, Watch(coverage, outages)


def punches(dice: random.Random, duty: Duty, kiosk: str) -> list[Punch]:
    """Return what one does on a duty: mostly in time, sometimes late, early, twice, or not."""
    if dice.random() < 0.05:
        return []
    moments = [
        duty.start + round(dice.gauss(-12, 10) * MINUTE_MS),
        duty.end + round(dice.gauss(8, 6) * MINUTE_MS),
    ]
    if dice.random() < 0.1:
        moments.append(moments[0] + 20_000)
    return [
        Punch(
            at=at,
            error_ms=1_500,
            kiosk=kiosk,
            source=dice.choice(("gate", "hall")),
            method="fingerprint",
            ref=f"{kiosk}/1/{at}",
        )
        for at in moments
    ]


def at_kiosk(dice: random.Random) -> tuple[float, list[float]]:
    """Return the milliseconds of making the rules ready, and of single decisions."""
    said, took = rules(KIOSK_PEOPLE), []
    began = time.perf_counter()
    book = Book(said)
    load_ms = (time.perf_counter() - began) * 1000
    for _ in range(2_000):
        number, at = dice.randrange(KIOSK_PEOPLE), moment(FIRST) + dice.randrange(30 * DAY_MS)
        posts, earlier = [Post(unit=unit(number), zone=ZONE)], [at - 8 * 3_600_000]
        began = time.perf_counter()
        decide(book, who(number), posts, at, earlier)
        took.append((time.perf_counter() - began) * 1000)
    return load_ms, took


if __name__ == "__main__":
    main()
