"""A month of the units that work in shifts and piket: hospital, clinics, fire brigade, others.

With swaps, double shifts, a line that is down for three days, a terminal and a kiosk without power
for three days each, a terminal whose clock forgets and a kiosk that does not know what time it is.
Each day record is compared with that of the brute-force judge, which is given the truth.
"""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Any, NamedTuple

import pytest
from brute import Day as Truth
from brute import judge as judge_truly
from town_parts import DAY, MINUTE, City, Happening, Office, days, moment

from sync.central import hung, recap
from sync.central.board import Key
from sync.central.city import load
from sync.central.judging import judged
from sync.central.web import shapes
from sync.central.web.day import Group, day_page
from sync.central.web.recaps import summary_rows
from sync.worktime.book import Book
from sync.worktime.duties import duties
from sync.worktime.evidence import Punch, Reach, Stretch
from sync.worktime.rules import Absence, Post, Reason
from sync.worktime.verdicts import OPEN, Judged

pytestmark = pytest.mark.slow

FIRST, LAST = date(2026, 10, 1), date(2026, 10, 31)
ZONES = {"puskesmas-6": "Asia/Makassar", "puskesmas-7": "Asia/Jayapura"}
SHIFTS = ("rsud", "dinkes", "farmasi", "labkesda", *(f"puskesmas-{n}" for n in range(1, 8)))
PIKET = ("bpbd", "dpkp", "satpol-pp")
OFFICE = ("dlh", "upt-tpa", "perkim", "skb")
UNITS = (*SHIFTS, *PIKET, *OFFICE)
BEGIN, END = FIRST - timedelta(days=4), LAST + timedelta(days=4)

LINE_DOWN = "puskesmas-1"
NO_TERMINAL = "puskesmas-2"
NO_KIOSK = "dpkp"
FORGETFUL = "puskesmas-3"  # its terminal's clock
LOST = "upt-tpa"  # its kiosk's
TROUBLED = (date(2026, 10, 13), date(2026, 10, 16))
IN_THE_WAY = {one.value for one in OPEN}


class Person(NamedTuple):
    id: str
    unit: str
    user: str
    group: str


def staff(rng: Random) -> list[Person]:
    people = []
    for number, unit in enumerate(UNITS):
        for n in range(24 if unit == "rsud" else 8):
            group = f"{unit}-regu-{n % 4}" if unit not in OFFICE else ""
            people.append(Person(f"1980{number:02}{n:04}", unit, str(n + 1), group))
    return people


def sheets(people: list[Person], swaps: list[Any], tables: list[Any], absences: list[Any]) -> Any:
    of = {"groups": [(one.id, one.group) for one in people if one.group]}
    groups = sorted({(one.group, one.unit) for one in people if one.group})
    return {
        "units": ("unit,name,zone", [(u, u.upper(), ZONES.get(u, "Asia/Jakarta")) for u in UNITS]),
        "posts": ("kiosk,unit", [(f"k-{unit}", unit) for unit in UNITS]),
        "people": ("person,name", [(one.id, f"Orang {one.id}") for one in people]),
        "members": ("person,unit", [(one.id, one.unit) for one in people]),
        "credentials": (
            "person,unit,credential,user",
            [(one.id, one.unit, "terminal_user", one.user) for one in people],
        ),
        "weeks": (
            "plan,hours",
            [("kantor", "1-4 07:30-16:00 break 60; 5 07:30-16:30 break 90")],
        ),
        "holidays": (
            "calendar,name,since,until",
            [("kota", "Hari jadi", "2026-10-06", "2026-10-06")],
        ),
        "shifts": (
            "code,start,end,window",
            [
                ("P", "07:00", "14:00", "before 60 after 120"),
                ("S", "14:00", "21:00", "before 60 after 120"),
                ("M", "21:00", "31:00", "before 60 after 120"),
                ("K", "08:00", "32:00", "before 60 after 180"),
            ],
        ),
        "rotations": (
            "plan,cycle,anchor",
            [
                ("tiga", "P, P, S, S, M, M, -, -", "2026-09-01"),
                ("piket", "K, -, -", "2026-09-01"),
            ],
        ),
        "groups": ("person,group", of["groups"]),
        "assignments": (
            "plan,group,unit,calendar,offset",
            [("kantor", "", unit, "kota", 0) for unit in OFFICE]
            + [
                ("piket" if unit in PIKET else "tiga", group, "", "", 2 * int(group[-1]))
                for group, unit in groups
            ],
        ),
        "regulations": (
            "late,early,no_arrival,no_departure,join_gap_min",
            [("1 TL1, 31 TL2, 61 TL3, 91 TL4", "1 PSW1, 31 PSW2, 61 PSW3", "TL4", "PSW4", 0)],
        ),
        "tables": ("first,days,person", tables),
        "swaps": ("person,day,other,other_day,reference", swaps),
        "absences": ("person,reason,since,until", absences),
    }


def punches_of(rng: Random, duty: Any) -> Iterator[int]:
    """Yield when somebody punches for a duty: half past a minute, for it is known to seconds."""
    fate = rng.random()
    arrives, leaves = (
        duty.start - rng.randint(1, 25) * MINUTE,
        duty.end + rng.randint(1, 40) * MINUTE,
    )
    if fate < 0.06:
        return  # was not there
    if fate < 0.20:
        arrives = duty.start + rng.randint(1, 130) * MINUTE
    elif fate < 0.28:
        leaves = duty.end - rng.randint(1, 100) * MINUTE
    if not 0.28 <= fate < 0.33:
        yield arrives + rng.randint(25, 35) * 1000
    if rng.random() < 0.1:
        yield arrives + 3 * MINUTE + rng.randint(25, 35) * 1000  # once more
    if rng.random() < 0.05:
        yield duty.start + (duty.end - duty.start) // 2 + rng.randint(25, 35) * 1000
    if not 0.33 <= fate < 0.38:
        yield leaves + rng.randint(25, 35) * 1000


def trouble(unit: str, zone: str) -> list[Happening]:
    """Return what goes wrong there."""
    begin, until = (moment(zone, day, 600) for day in TROUBLED)
    match unit:
        case "puskesmas-2":
            return [Happening(begin, "terminal off"), Happening(until, "terminal on")]
        case "dpkp":
            return [Happening(begin, "power off"), Happening(until, "power on")]
        case "puskesmas-3":
            return [Happening(begin, "terminal forgets"), Happening(until, "terminal is set")]
        case "upt-tpa":
            return [
                Happening(begin, "power off"),
                Happening(begin + 5 * MINUTE, "power on"),
                Happening(until, "truth"),
            ]
        case _:
            return []


def calm(unit: str, zone: str) -> list[Happening]:
    """Return the nights, and when the line is up."""
    found = [Happening(moment(zone, BEGIN, 1), "line"), Happening(moment(zone, BEGIN, 2), "night")]
    for day in days(BEGIN, END):
        found.append(Happening(moment(zone, day, 150), "night"))
        is_down = unit == LINE_DOWN and TROUBLED[0] <= day < TROUBLED[1]
        found += [] if is_down else [Happening(moment(zone, day, 1320), "line")]
    return [*found, Happening(moment(zone, END, 1439), "end")]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return the city after its month, its rules, the truth, and what each office went through."""
    rng, home = Random(2026), tmp_path_factory.mktemp("town")
    city, people = City(home / "city"), staff(Random(1))
    by_unit = {unit: [one for one in people if one.unit == unit] for unit in UNITS}
    rsud = by_unit["rsud"]
    tables = [("2026-10-05", "P+S, -, M, ., K, P+S+M, -", rsud[n].id) for n in (0, 5, 9)]
    swaps = [
        (rsud[1].id, "2026-10-08", rsud[2].id, "2026-10-10", "nota 1"),
        (
            by_unit["puskesmas-4"][0].id,
            "2026-10-12",
            by_unit["puskesmas-4"][1].id,
            "2026-10-12",
            "",
        ),
        (by_unit["dpkp"][0].id, "2026-10-20", by_unit["dpkp"][1].id, "2026-10-21", "nota 2"),
    ]
    reasons = [one.value for one in Reason]
    absences = []
    for number, one in enumerate(rng.sample(people, 40)):
        since = FIRST + timedelta(days=rng.randrange(28))
        until = since + timedelta(days=rng.randrange(4))
        absences.append((one.id, reasons[number % len(reasons)], since, until))
    assert city.take_in(sheets(people, swaps, tables, absences)) == 0
    with city.house.store.reading() as tx:
        rules = load(tx).rules
    book = Book(rules)
    true: dict[str, list[int]] = {}
    offices: dict[str, Office] = {}
    seen: list[Judged] = []  # what central said while a line was down
    for unit in UNITS:
        zone = ZONES.get(unit, "Asia/Jakarta")
        office = offices[unit] = Office(home / unit, f"k-{unit}", zone, moment(zone, BEGIN, 0))
        office.deliver = city.deliver
        city.admit(office)
        wrong = trouble(unit, zone)
        happenings = [*calm(unit, zone), *wrong]
        off = [one.at for one in wrong if one.what == "terminal off"]
        on = [one.at for one in wrong if one.what == "terminal on"]
        for one in by_unit[unit]:
            laid = duties(
                book, one.id, [Post(unit=unit, zone=zone)], BEGIN, LAST + timedelta(days=2)
            )
            tried = [at for duty in laid for at in punches_of(rng, duty)]
            if off:
                tried = [at for at in tried if not off[0] <= at < on[0]]
            true[one.id] = sorted(set(tried))
            happenings += [Happening(at, "punch", one.user) for at in true[one.id]]
        if unit == LOST:
            office_boots_wrong(office, wrong)
        if unit == LINE_DOWN:
            office.look = lambda: seen.extend(look(city, office.true))  # noqa: B023
            happenings.append(Happening(moment(zone, TROUBLED[0], 1440 + 1380), "look"))
        office.live(happenings)
        office.epochs.close()
    yield city, rules, people, true, offices, absences, seen
    city.close()


def look(city: City, now: int) -> list[Judged]:
    """Return what central says of the days since the line went down."""
    with city.house.store.reading() as tx:
        records = judged(tx, load(tx), *TROUBLED, now, LINE_DOWN)
    return [one for record in records for one in record.duties]


def office_boots_wrong(office: Office, wrong: list[Happening]) -> None:
    """Let the kiosk begin its next boot in a year long gone, with nobody to tell it the time."""
    boot = office.power_on

    def lost() -> None:
        office.wrong_ms, office.synced = -200 * DAY, False
        boot()

    office.power_on = lost  # type: ignore[method-assign]


def truly(town: Any, person: Person) -> list[Truth]:
    """Return a person's records as the brute-force judge makes them of what is true."""
    _, rules, _, true, offices, absences, _ = town
    office, zone = offices[person.unit], ZONES.get(person.unit, "Asia/Jakarta")
    place = {"kiosk": office.kiosk, "source": office.name}
    whole = Stretch(**place, begin=moment(zone, BEGIN, 3), until=moment(zone, END, 150))
    return judge_truly(
        rules,
        person.id,
        [Post(unit=person.unit, zone=zone)],
        FIRST,
        LAST,
        punches=[
            Punch(at=at, error_ms=0, method="fingerprint", ref=str(at), **place)
            for at in true[person.id]
        ],
        coverage=[whole],
        outages=[Stretch(**place, begin=begin, until=until) for begin, until in office.blind],
        reach=[Reach(**place)],
        absences=[
            Absence(person=who, reason=Reason(reason), since=since, until=until)
            for who, reason, since, until in absences
            if who == person.id
        ],
        pin_grants=[],
        now=moment(zone, date(2026, 12, 1), 0),
    )


def said(one: Judged) -> tuple[Any, ...]:
    halves = [
        (half.verdict.value, half.minutes, half.code) for half in (one.arrival, one.departure)
    ]
    return one.duty.day, one.duty.code, one.word, *halves


def meant(one: Truth) -> tuple[Any, ...]:
    halves = [(half.verdict, half.minutes, half.code) for half in (one.arrival, one.departure)]
    return one.day, one.code, one.word, *halves


ADVERSE = {"terlambat", "pulang sebelum waktunya", "tidak ada presensi", "tanpa keterangan"}


def _is_kinder(one: Judged, truth: Truth) -> bool:
    """Whether the same is said, with fewer minutes: where a time is known to some minutes only."""
    ours, theirs = said(one), meant(truth)
    return ours[:3] == theirs[:3] and all(
        (mine[0], mine[2]) == (true[0], true[2]) and mine[1] <= true[1]
        for mine, true in zip(ours[3:], theirs[3:], strict=True)
    )


def test_each_day_record_is_right_and_nobody_is_wrongly_absent(town: Any) -> None:
    city, _, people, *_ = town
    with city.house.store.reading() as tx:
        now = moment("Asia/Jakarta", date(2026, 12, 1), 0)
        held = load(tx)
        records = judged(tx, held, FIRST, LAST, now)
        found = {one.person: one.duties for one in records}
        # Of few people fewer presences are read, and the same is said.
        for unit in held.units:
            of = judged(tx, held, FIRST, LAST, now, unit)
            assert all(found[one.person] == one.duties for one in of)
            [alone] = judged(tx, held, FIRST, LAST, now, person=of[0].person)
            assert alone.duties == found[alone.person]
    compared, kinder, unsure, wrong = 0, 0, Counter[str](), []
    for person in people:
        truths, duties_ = truly(town, person), found[person.id]
        assert len(truths) == len(duties_)
        for truth, one in zip(truths, duties_, strict=True):
            compared += 1
            if said(one) == meant(truth):
                continue
            ours = {one.word, one.arrival.verdict.value, one.departure.verdict.value}
            if person.unit in (FORGETFUL, LOST) and _is_kinder(one, truth):
                kinder += 1
                continue
            if person.unit in (FORGETFUL, LOST) and ours & IN_THE_WAY:
                unsure[person.unit] += 1  # its time is known too badly: a person decides
                adverse = ours & ADVERSE
                assert adverse <= {truth.word, truth.arrival.verdict, truth.departure.verdict}
                continue
            wrong.append((person.unit, said(one), meant(truth)))
    assert not wrong, "\n".join(map(str, wrong))
    assert compared > 2500
    print(json.dumps({"compared": compared, "kinder": kinder, "unsure": unsure}))


def test_whichever_way_it_is_asked_the_same_is_counted(town: Any) -> None:
    """The command's recap, a unit's day as page and as API, its month as page, file and API."""
    city, *_ = town
    with city.house.store.reading() as tx:
        now = moment("Asia/Jakarta", date(2026, 12, 1), 0)
        held = load(tx)
        records = judged(tx, held, FIRST, LAST, now)
        counted = {(one.unit, one.day): one for one in recap.of_days(records, held, FIRST, LAST)}
        listed = list(recap.rows(records, held))
        for unit in held.units:
            of_days = [counted[unit, day] for day in days(FIRST, LAST)]
            for there in of_days:
                on_day = hung.unit_day(tx, held, Key(unit, there.day, there.day), now)
                assert on_day.counts == there
                compare_day(on_day, now, held)
            of_unit = hung.unit_month(tx, held, Key(unit, FIRST, LAST), now)
            compare_month(of_unit, of_days, [row for row in listed if row["unit"] == unit], held)
            told = shapes.month_of_unit(of_unit, now, unit, "2026-10", held, closed=False)
            assert (told.total.days, told.total.here) == (of_unit.total.days, of_unit.total.here)


def compare_day(on_day: hung.UnitDay, now: int, held: Any) -> None:
    there, page = on_day.counts, day_page(on_day, now, held)
    of = {one.group: len(one.people) for one in page.groups}
    assert sum(of.values()) == there.staff
    assert len(page.free) == there.free
    assert of.get(Group.HERE, 0) + of.get(Group.LATE, 0) == there.here
    assert of.get(Group.MISSING, 0) == there.words.get("tanpa keterangan", 0)
    assert (on_day.coming, on_day.percent) == (0, there.percent)  # of days that are over
    told = shapes.day_of_unit(on_day, now, held)
    assert Counter(one.word for one in told.people if one.word) == Counter(
        {"hadir": there.here, **there.words}
    )
    assert told.counts.percent == there.percent


def compare_month(of_unit: Any, of_days: list[Any], rows: list[Any], held: Any) -> None:
    total = of_unit.total
    assert total.days == sum(one.staff for one in of_days)
    assert total.here == sum(one.here for one in of_days)
    words: Counter[str] = Counter()
    for one in of_days:
        words.update(one.words)
    assert Counter(total.words) == words
    there = [row for row in rows if row["word"] != "tanpa keterangan"]
    assert total.late_min == sum(row["late"] for row in there)
    assert total.early_min == sum(row["early"] for row in there)
    header, *people, total_row = summary_rows(of_unit, held)
    assert len({len(row) for row in (header, *people, total_row)}) == 1
    for name in ("hari dinas", "hadir", "terlambat", "menit terlambat", "tanpa keterangan"):
        at = header.index(name)
        assert sum(int(row[at]) for row in people) == int(total_row[at]), name


def test_during_an_outage_nobody_is_absent(town: Any) -> None:
    city, *_ = town
    with city.house.store.reading() as tx:
        now = moment("Asia/Jakarta", date(2026, 12, 1), 0)
        records = judged(tx, load(tx), *TROUBLED, now, NO_TERMINAL)
    inside = [
        one
        for record in records
        for one in record.duties
        if TROUBLED[0] < one.duty.day < TROUBLED[1] and one.reason is None
    ]
    assert inside
    assert {one.word for one in inside} == {"alat mati"}


def test_while_the_line_is_down_nothing_is_said_against_anybody(town: Any) -> None:
    *_, seen = town
    words = Counter(one.word for one in seen)
    assert words["belum lengkap"] > 5
    halves = {half.verdict.value for one in seen for half in (one.arrival, one.departure)}
    assert not ({*words, *halves} & ADVERSE)


def test_rules_announced_late_count_for_days_that_are_past(town: Any) -> None:
    """A Ramadan that was announced when it had begun, and a month's table that is corrected."""
    city, _, people, *rest = town
    concerned = [one for one in people if one.unit in OFFICE or one.unit == "rsud"]
    someone = next(one.id for one in concerned if one.unit == "rsud")
    changed = {
        "weeks": (
            "plan,hours,rank,since,until",
            [("kantor", "1-4 08:00-15:00 break 30; 5 08:00-15:30", 1, "2026-10-19", "2026-10-30")],
        ),
        "tables": ("first,days,person,edition", [("2026-10-05", "S, S, -, P", someone, 1)]),
    }
    before = {one.id: [meant(day) for day in truly(town, one)] for one in concerned}
    assert city.take_in(changed) == 0
    with city.house.store.reading() as tx:
        held = load(tx)
        now = moment("Asia/Jakarta", date(2026, 12, 1), 0)
        found = {
            record.person: record.duties
            for unit in (*OFFICE, "rsud")
            for record in judged(tx, held, FIRST, LAST, now, unit)
        }
    changes = 0
    for one in concerned:
        truth = [meant(day) for day in truly((city, held.rules, people, *rest), one)]
        changes += truth != before[one.id]
        if one.unit != LOST:
            assert [said(duty) for duty in found[one.id]] == truth
    assert changes > 20
