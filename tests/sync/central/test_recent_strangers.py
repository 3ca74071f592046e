"""The quick look for strangers finds the same as the slow one, whatever begins and ends when."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.central.city import load
from sync.central.roster import state
from sync.central.roster.changes import Change
from sync.central.roster.layout import SHEETS
from sync.central.sightings import resolved
from sync.central.store.city import Post
from sync.central.strangers import recent
from sync.protocol.roster import Known, Member, Person, Unit

FIRST = date(2026, 11, 16)
DAYS = st.integers(0, 9)
SPANS = st.tuples(st.none() | DAYS, st.none() | DAYS)


def dated(kind, span, **fields):
    since, until = (None if day is None else FIRST + timedelta(days=day) for day in span)
    return kind(since=since, until=until, **fields)


@st.composite
def rows(draw):
    known = [
        dated(Known, draw(SPANS), person=person, credential="terminal_user", user=user, unit=unit)
        for person, user, unit in draw(
            st.lists(
                st.tuples(
                    st.sampled_from("AB"), st.sampled_from("12"), st.sampled_from(["u", "v", ""])
                ),
                max_size=4,
            )
        )
    ]
    posts = [
        dated(Post, draw(SPANS), kiosk="lobi", unit=unit)
        for unit in draw(st.lists(st.sampled_from("uv"), max_size=2))
    ]
    return [
        ("units", [Unit(id="u", name="U"), Unit(id="v", name="V")]),
        ("people", [Person(id=one, name=one) for one in "AB"]),
        ("members", [Member(person=one, unit="u") for one in "AB"]),
        ("credentials", known),
        ("posts", posts),
    ]


SAYS = st.sampled_from([("A", "known"), ("B", "known"), ("A", "repeat"), ("A", "taken")])
PUNCHES = st.lists(
    st.tuples(st.sampled_from("123"), DAYS, SAYS | st.just((None, "stranger"))), max_size=12
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)
@given(rows(), PUNCHES)
def test_the_quick_look_finds_what_the_slow_one_does(lite, make_kiosk, sheets, punches):
    quick, slow = both_looks(lite, make_kiosk(), sheets, punches)
    assert quick == slow


def test_a_gap_between_two_days_on_which_somebody_is_known_is_found(lite, make_kiosk):
    known = [
        dated(Known, span, person="A", credential="terminal_user", user="1", unit="u")
        for span in ((None, 1), (6, None))
    ]
    sheets = [
        ("units", [Unit(id="u", name="U")]),
        ("people", [Person(id="A", name="A")]),
        ("credentials", known),
        ("posts", [Post(kiosk="lobi", unit="u")]),
    ]
    punches = [("1", day, ("A", "known")) for day in (0, 2, 3, 4, 8)]
    quick, slow = both_looks(lite, make_kiosk(), sheets, punches)
    assert quick == slow
    assert len(quick) == 2  # on the day after the last one a night shift may end


def both_looks(lite, kiosk, sheets, punches):
    """Return the places of strangers, by the quick look and by the slow one."""
    lite.clear()
    lite.admit(kiosk)
    for number, (user, day, (person, mark)) in enumerate(punches):
        when = f"{FIRST + timedelta(days=day)}T07:00:{number:02}"
        kiosk.punch(user=user, time=when, person=person, mark=mark)
    lite.hello(kiosk)
    if punches:
        lite.batch(kiosk, 1)
    changes = {
        (name, SHEETS[name].key_of(row)): Change(name, SHEETS[name].key_of(row), None, row)
        for name, some in sheets
        for row in some
    }
    with lite.store.writing() as tx:
        tx.city.lock()
        state.apply(tx, changes.values())
        tx.city.rise()
    begin = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp()) * 1000
    with lite.store.reading() as tx:
        city = load(tx)
        quick = {
            one.sighted.place
            for each in recent(tx, city, begin, ["lobi"])
            for one in each.strangers
        }
        slow = {
            one.sighted.place for one in resolved(tx, city, date(2026, 11, 1)) if one.is_stranger
        }
    return quick, slow
