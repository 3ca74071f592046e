"""What a kiosk is to have: who concerns it, for how long, in pages that change little."""

import random
from collections.abc import Iterable
from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.central import assembly
from sync.central.assembly import Assembly, pages, roster_for
from sync.central.city import City, load
from sync.central.resolve import resolve
from sync.central.roster.layout import SHEETS
from sync.central.store.city import Place, Post, Sighted
from sync.edge.roster import Adopted
from sync.protocol.errors import Malformed
from sync.protocol.roster import Grant, Known, Member, Person, Roster, Unit, eve
from sync.protocol.rostering import PAGE_BYTES, decode_page, together
from sync.worktime import rules
from sync.worktime.rules import RuleBook

SHEET_OF = {sheet.row: sheet for sheet in SHEETS.values()}
TODAY = date(2026, 7, 15)
MONTH = timedelta(days=31)
DAY = timedelta(days=1)


def city(rows: Iterable[msgspec.Struct]) -> City:
    state = {name: {} for name in SHEETS}
    for one in rows:
        sheet = SHEET_OF[type(one)]
        state[sheet.name][sheet.key_of(one)] = one
    return City(state)


def user(person, user, unit, **days):
    return Known(person=person, credential="terminal_user", user=user, unit=unit, **days)


BASE = (
    *(Unit(id=name, name=name) for name in "ABC"),
    *(Person(id=one, name=one.title()) for one in ("budi", "siti", "made", "putu")),
    Post(kiosk="a", unit="A"),
    Post(kiosk="b", unit="B"),
    Member(person="budi", unit="A"),
    Member(person="siti", unit="B"),
    Member(person="made", unit="B"),
    user("budi", "1", "A"),
    user("siti", "1", "B"),
    user("made", "2", "B"),
    Known(person="siti", credential="card", user="777"),
)


def ids(rows):
    return {getattr(one, "id", None) or one.person for one in rows}


def test_a_kiosk_has_its_units_people_and_nobody_else():
    found = roster_for(city(BASE), "a", TODAY)
    assert (ids(found.units), ids(found.people), found.version) == ({"A"}, {"budi"}, 0)
    assert found.known == (user("budi", "1", "A"),)
    found = roster_for(city(BASE), "b", TODAY)
    assert ids(found.people) == ids(found.members) == {"siti", "made"}
    assert {one.user for one in found.known} == {"1", "2", "777"}
    assert roster_for(city(BASE), "c", TODAY) == Roster()


def test_a_guest_comes_under_the_hosts_user_id_and_not_under_that_of_home():
    """At home the guest is 2; here 2 may be a colleague, and 1 is one."""
    guest = Grant(person="made", unit="A", allows="guest", user="90",
                  since=TODAY, until=TODAY + 4 * DAY)  # fmt: skip
    world = city([*BASE, guest, Person(id="ayu", name="Ayu"), user("ayu", "2", "A")])
    found = Adopted(roster_for(world, "a", TODAY))
    assert found.person("terminal_user", "90", TODAY) == "made"
    assert found.person("terminal_user", "90", TODAY + 5 * DAY) is None
    assert found.person("terminal_user", "2", TODAY) == "ayu"
    assert found.name("made") == "Made"


def test_a_pin_grant_comes_with_its_person():
    pin = Grant(person="budi", unit="A", allows="pin", reference="SK 1")
    other = Grant(person="siti", unit="B", allows="pin")
    assert roster_for(city([*BASE, pin, other]), "a", TODAY).grants == (pin,)


@pytest.mark.parametrize(
    ("since", "until", "is_there"),
    [
        (None, None, True),
        (TODAY + MONTH, None, True),
        (TODAY + MONTH + DAY, None, False),
        (None, TODAY - MONTH, True),
        (None, TODAY - MONTH - DAY, False),
    ],
)
def test_what_holds_within_a_month_comes(since, until, is_there):
    days = {"since": since, "until": until}
    world = city([
        *BASE,
        Person(id="ayu", name="Ayu"),
        Member(person="ayu", unit="A", **days),
        user("ayu", "9", "A", **days),
    ])  # fmt: skip
    found = roster_for(world, "a", TODAY)
    assert ("ayu" in ids(found.people)) is is_there
    assert ("9" in {one.user for one in found.known}) is is_there


def test_a_unit_comes_a_month_before_the_kiosk_serves_it():
    for days, is_there in ((31, True), (32, False)):
        late = Post(kiosk="c", unit="A", since=TODAY + days * DAY)
        assert (roster_for(city([*BASE, late]), "c", TODAY) != Roster()) is is_there


def test_a_kiosk_that_moves_knows_each_unit_by_its_days():
    """Budi is 1 at A, Siti is 1 at B: before and after the move, 1 is one person and not both."""
    world = city([
        *BASE,
        Post(kiosk="c", unit="A", until=TODAY + DAY),
        Post(kiosk="c", unit="B", since=TODAY + 2 * DAY),
        Grant(person="made", unit="A", allows="guest", user="90"),
    ])  # fmt: skip
    found = Adopted(roster_for(world, "c", TODAY))
    days = [TODAY + n * DAY for n in range(4)]
    assert [found.person("terminal_user", "1", day) for day in days] == [
        "budi", "budi", "siti", "siti",
    ]  # fmt: skip
    assert [found.person("terminal_user", "90", day) for day in days] == [
        "made",
        "made",
        None,
        None,
    ]


def test_nothing_changes_on_a_day_on_which_nothing_begins_or_ends():
    world = city([*BASE, user("budi", "5", "A", since=date(2026, 9, 1), until=date(2026, 9, 30))])
    made = [pages(roster_for(world, "a", TODAY + n * DAY)) for n in range(150)]
    changes = [n for n in range(1, 150) if made[n] != made[n - 1]]
    began = (date(2026, 9, 1) - MONTH - TODAY).days
    ended = (date(2026, 9, 30) + MONTH + DAY - TODAY).days
    assert changes == [began, ended]


# The rules.


RULES = (
    rules.Regulation(unit="", name="semua"),
    rules.Regulation(unit="B", name="B saja"),
    rules.Week(plan="kantor", hours=[rules.Hours(days=[1], start=450, end=960)]),
    rules.Week(plan="lain", hours=[rules.Hours(days=[1], start=450, end=960)]),
    rules.Holiday(calendar="nasional", name="bulan depan", since=TODAY + MONTH),
    rules.Holiday(calendar="nasional", name="Natal", since=date(2026, 12, 25)),
    rules.Holiday(calendar="lain", name="x", since=TODAY),
    rules.Shift(code="P", start=420, end=840, unit="A"),
    rules.Shift(code="P", start=420, end=840, unit="B"),
    rules.Shift(code="M", start=1260, end=1860),
    rules.Shift(code="X", start=1, end=2),
    rules.Rotation(plan="jaga", cycle=[["M"], []], anchor=TODAY),
    rules.Grouped(person="budi", group="regu 1"),
    rules.Grouped(person="siti", group="regu 2"),
    rules.Assignment(plan="kantor", unit="A", calendar="nasional"),
    rules.Assignment(plan="lain", unit="B"),
    rules.Assignment(plan="jaga", group="regu 1"),
    rules.Assignment(plan="lain", group="regu 2"),
    rules.Table(first=TODAY - 40 * DAY, days=[["P"]] * 10, person="budi"),
    rules.Table(first=TODAY - 40 * DAY, days=[["P"]] * 9, person="budi", edition=1),
    rules.Table(first=TODAY + 31 * DAY, days=[["P"]], group="regu 1"),
    rules.Table(first=TODAY, days=[["P"]], person="siti"),
    rules.Swap(person="budi", day=TODAY, other="siti", other_day=TODAY + DAY),
    rules.Swap(person="siti", day=TODAY - 40 * DAY, other="budi", other_day=TODAY - 39 * DAY),
    rules.Pair(kiosk="z", source="1", other_kiosk="a", other_source="2"),
    rules.Pair(kiosk="b", source="1", other_kiosk="b", other_source="2"),
)  # fmt: skip


def book(roster: Roster) -> RuleBook:
    return msgspec.json.decode(roster.worktime, type=RuleBook)


def test_the_rules_that_concern_its_people_come():
    found = book(roster_for(city([*BASE, *RULES]), "a", TODAY))
    assert [one.name for one in found.regulations] == ["semua"]
    assert [one.plan for one in found.weeks] == ["kantor"]
    assert [one.name for one in found.holidays] == ["bulan depan"]
    assert {(one.code, one.unit) for one in found.shifts} == {("P", "A"), ("M", "")}
    assert [one.plan for one in found.rotations] == ["jaga"]
    assert [one.group for one in found.groups] == ["regu 1"]
    assert {one.plan for one in found.assignments} == {"kantor", "jaga"}
    assert {(one.person, one.group, one.edition) for one in found.tables} == {
        ("budi", "", 0), ("", "regu 1", 0),
    }  # fmt: skip
    assert [one.day for one in found.swaps] == [TODAY]
    assert [one.kiosk for one in found.pairs] == ["z"]


def test_a_guests_own_rules_come_along():
    guest = Grant(person="siti", unit="A", allows="guest", user="90", since=TODAY, until=TODAY)
    found = book(roster_for(city([*BASE, *RULES, guest]), "a", TODAY))
    assert {one.plan for one in found.assignments} == {"kantor", "jaga", "lain"}
    assert {one.name for one in found.regulations} == {"semua", "B saja"}


# Pages.


def large(people: int, seed: int = 1) -> list[msgspec.Struct]:
    dice = random.Random(seed)
    rows: list[msgspec.Struct] = [Unit(id="A", name="A"), Post(kiosk="a", unit="A")]
    for number in range(people):
        person = f"{dice.getrandbits(60):018}"
        rows += [
            Person(id=person, name=f"Orang {number}"),
            Member(person=person, unit="A", since=date(2020, 1, 1)),
            user(person, str(number), "A"),
            rules.Table(first=TODAY, days=[["P"]] * 28, person=person),
        ]
    return rows


def merged(of: Iterable[bytes]) -> tuple[Roster, RuleBook]:
    whole, books = together(0, map(decode_page, of))
    return whole, rules.merge(msgspec.json.decode(one, type=RuleBook) for one in books)


def in_order(rows):
    return sorted(map(msgspec.json.encode, rows))


@pytest.mark.parametrize("people", [0, 1, 40, 1500])
def test_the_pages_together_are_the_roster(people):
    roster = roster_for(city([*large(people), *RULES]), "a", TODAY)
    made = pages(roster)
    assert max(map(len, made)) <= PAGE_BYTES
    whole, books = merged(made)
    for field in ("units", "people", "members", "known", "grants"):
        assert in_order(getattr(whole, field)) == in_order(getattr(roster, field))
    for kind in RuleBook.__struct_fields__:
        assert in_order(getattr(books, kind)) == in_order(getattr(book(roster), kind))
    assert (len(made) > 16) is (people == 1500)


def test_the_order_of_rows_in_the_database_is_of_no_meaning():
    rows = large(300)
    made = pages(roster_for(city(rows), "a", TODAY))
    random.Random(2).shuffle(rows)
    assert pages(roster_for(city(rows), "a", TODAY)) == made


def test_what_changes_for_one_person_changes_one_page():
    rows = large(1500)
    made = pages(roster_for(city(rows), "a", TODAY))
    [person] = [one for one in rows if isinstance(one, Person) and one.name == "Orang 700"]
    changed = [
        msgspec.structs.replace(one, user="9999")
        if isinstance(one, Known) and one.person == person.id
        else one
        for one in rows
    ] + [rules.Grouped(person=person.id, group="regu 1")]
    after = pages(roster_for(city(changed), "a", TODAY))
    assert len(set(after) - set(made)) == len(set(made) - set(after)) == 1


def test_what_no_kiosk_takes_is_refused(monkeypatch):
    monkeypatch.setattr(assembly, "MAX_PAGE_BYTES", 1000)
    with pytest.raises(Malformed, match="a kiosk takes 1000"):
        pages(roster_for(city(large(40)), "a", TODAY))


# The kiosk and central say the same.


DAYS = st.none() | st.dates(TODAY - 60 * DAY, TODAY + 60 * DAY)
UNITS = st.sampled_from("ABC")
PEOPLE = st.sampled_from(["budi", "siti", "made", "putu"])
USERS = st.sampled_from("123")


def _known(person, credential, user, unit, since, until):
    return Known(
        person=person,
        credential=credential,
        user=user,
        unit="" if credential == "card" else unit,
        since=since,
        until=until,
    )


KNOWN = st.builds(
    _known, PEOPLE, st.sampled_from(["terminal_user", "card"]), USERS, UNITS, DAYS, DAYS
)
GRANTS = st.builds(
    Grant,
    person=PEOPLE,
    unit=UNITS,
    allows=st.just("guest"),
    user=st.sampled_from(["", "8", "9"]),
    since=DAYS,
    until=DAYS,
)


@given(
    st.lists(KNOWN, max_size=12),
    st.lists(GRANTS, max_size=4),
    st.lists(st.builds(Member, person=PEOPLE, unit=UNITS, since=DAYS, until=DAYS), max_size=6),
    st.integers(-30, 31),  # the day before is asked as well, and a month is what a kiosk has
    st.sampled_from(["terminal_user", "card"]),
    st.sampled_from("12389"),
)
@settings(max_examples=600, deadline=None)
def test_whom_the_kiosk_knows_central_knows_by_the_same_name(
    known, grants, members, apart, credential, who
):
    """On every day of its month; central may know a card's owner of another office as well."""
    world = city([*BASE[:9], *known, *grants, *members])
    day = TODAY + apart * DAY
    adopted = Adopted(roster_for(world, "a", TODAY))
    punch = Sighted(
        place=Place("a", "e", 1, b""), life=0, source="s", terminal="t", credential=credential,
        user=who, time=f"{day}T07:00:00", mark="known", claimed=None,
    )  # fmt: skip
    named = adopted.persons(credential, who, day) or adopted.persons(credential, who, eve(day))
    here = named.pop() if len(named) == 1 else None  # as intake does it
    there = resolve(world, punch).person
    if credential == "card":
        owners = world.directory.persons(credential, who, day)
        assert here == there or len(owners) > 1 or here is None
    else:
        assert here == there


# As a downlink asks.


def test_an_assembly_answers_for_the_database_as_it_is(central):
    made = Assembly(lambda: TODAY)
    with central.store.writing() as tx:
        state = made.state(tx)
        assert made.pages(tx, "a") is None
        tx.city.put(BASE)
        tx.city.rise()
    with central.store.reading() as tx:
        assert made.state(tx) != state
        assert made.pages(tx, "a") == pages(roster_for(load(tx), "a", TODAY)) != [b"{}"]
        assert made.pages(tx, "c") is None
    with central.store.writing() as tx:
        tx.city.remove([Post(kiosk="a", unit="A")])
        tx.city.put([Post(kiosk="a", unit="A", until=TODAY - DAY)])
        tx.city.rise()
    with central.store.reading() as tx:
        assert made.pages(tx, "a") == [b"{}"]  # it serves nobody any more: it is to forget them
