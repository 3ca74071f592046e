"""Random worlds for the judge: rules, punches, and what was read of the sources, a few days long.

Moments lie on quarters of an hour, often with a millisecond or a minute beside them, so that
windows, coverage, outages and punches meet at their very edges.
"""

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st
from msgspec import Struct

from sync.worktime.evidence import Case, Punch, Reach, Stretch
from sync.worktime.rules import (
    PATTERN,
    Absence,
    Assignment,
    Counts,
    Demand,
    Grouped,
    Holiday,
    Hours,
    Pair,
    PinGrant,
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
    Window,
)

FIRST = date(2026, 11, 2)  # a Monday
DAYS = 3
LAST = FIRST + timedelta(days=DAYS - 1)
MIDNIGHT = int(datetime(2026, 11, 2, tzinfo=UTC).timestamp()) * 1000
MIN = 60_000
DAY_MS = 1440 * MIN
CODES = ("P", "S", "M", "PK")
WORKS = "works"
PLACES = (("k1", "gate"), ("k1", "face"), ("k2", "hall"))
METHODS = ("fingerprint", "face", "card", "password")


class World(Struct, frozen=True, kw_only=True):
    """A rule book, a person's case, what was read, and when it is judged."""

    rules: RuleBook
    case: Case
    coverage: list[Stretch]
    outages: list[Stretch]
    now: int


def often(value, other):
    """Return `value` in most worlds, else one of `other`."""
    return st.one_of(st.just(value), st.just(value), other)


days = st.integers(-2, DAYS + 1).map(lambda n: FIRST + timedelta(days=n))
spans = often(
    (None, None), st.tuples(st.none() | days, st.none() | days)
)  # a row may hold on no day at all
quarters = st.integers(-4 * 24, 4 * 24 * (DAYS + 2)).map(lambda n: MIDNIGHT + n * 15 * MIN)
doubts = st.sampled_from((False, False, False, False, True))
jitters = st.sampled_from((0, 0, 0, 1, -1, MIN - 1, MIN, -MIN, 30_000, 7 * MIN + 123))
moments = st.builds(int.__add__, quarters, jitters)

windows = often(
    Window(),
    st.builds(
        Window,
        before_min=st.sampled_from((0, 60, 300)),
        after_min=st.sampled_from((0, 60, 420)),
        arrive_until_min=st.none() | st.sampled_from((-30, 0, 60, 240, 900)),
        leave_from_min=st.none() | st.sampled_from((-30, 0, 60, 240, 900)),
    ),
)


@st.composite
def times(draw, kind, **more):
    start = draw(st.integers(0, 95)) * 15
    length = draw(st.sampled_from((1, 15, 240, 480, 485, 1440)))
    flex = draw(often(0, st.sampled_from((15, 60))))
    since, until = draw(spans)
    fields = {"since": since, "until": until} if kind is Shift else {}
    return kind(
        start=start, end=start + length, flex_min=flex, window=draw(windows), **fields, **more
    )


@st.composite
def books(draw):
    shifts = [draw(times(Shift, code=code)) for code in CODES]
    if draw(st.booleans()):
        shifts.append(draw(times(Shift, code="P", unit=draw(st.sampled_from(("u", "v"))))))
    weeks = []
    for rank in range(draw(st.integers(1, 2))):
        hours = [draw(times(Hours, days=(1, 2, 3, 4))), draw(times(Hours, days=(5, 6, 7)))]
        since, until = draw(spans) if rank else (None, None)
        weeks.append(Week(plan=WORKS, rank=rank, hours=hours, since=since, until=until))
    cycle = draw(st.lists(st.lists(st.sampled_from(CODES), max_size=2), min_size=1, max_size=4))
    rotations = [Rotation(plan="turns", cycle=cycle, anchor=draw(days))]
    assignments = [
        Assignment(
            plan=draw(st.sampled_from((WORKS, "turns"))),
            calendar=draw(st.sampled_from(("", "id"))),
            offset=draw(st.integers(0, 3)),
            zone=draw(often("", st.sampled_from(("Asia/Makassar", "Asia/Jayapura")))),
            since=since,
            until=until,
            **whose,
        )
        for whose in ({"unit": "u"}, {"unit": "v"}, {"group": "g"}, {"person": "a"})
        if "unit" in whose or draw(st.booleans())
        for since, until in [draw(spans)]
    ]
    day_codes = st.none() | st.lists(st.sampled_from((*CODES, PATTERN)), max_size=3)
    tables = [
        Table(first=draw(days), days=draw(st.lists(day_codes, max_size=4)), edition=n, **whose)
        for n, whose in enumerate(({"person": "a"}, {"person": "b"}, {"group": "g"}))
        if draw(st.booleans())
    ]
    swaps = [
        Swap(person=one, day=draw(days), other=other, other_day=draw(days))
        for one, other in draw(
            st.lists(st.sampled_from((("a", "b"), ("b", "a"), ("a", "c"))), max_size=2)
        )
    ]
    regulations = [draw(regulation(unit)) for unit in ("", "u") if draw(st.booleans())]
    holidays = [Holiday(calendar="id", name="x", since=day, until=day) for day in [draw(days)]]
    groups = [Grouped(person="a", group="g"), Grouped(person="b", group="g", since=FIRST)]
    pairs = [Pair(kiosk="k1", source="gate", other_kiosk="k1", other_source="face")]
    return RuleBook(
        regulations=regulations,
        weeks=weeks,
        holidays=holidays,
        shifts=shifts,
        rotations=rotations,
        groups=groups if draw(st.booleans()) else groups[1:],
        assignments=assignments,
        tables=tables,
        swaps=swaps,
        pairs=pairs,
    )


@st.composite
def regulation(draw, unit):
    since, until = draw(spans)
    demands = draw(
        st.dictionaries(st.sampled_from(("card", "password")), st.sampled_from(Demand), max_size=2)
    )
    return Regulation(
        unit=unit,
        since=since,
        until=until,
        grace_min=draw(st.sampled_from((0, 0, 5, 15))),
        leave_grace_min=draw(st.sampled_from((0, 5))),
        arrival=draw(st.sampled_from(Counts)),
        departure=draw(st.sampled_from(Counts)),
        late=steps("TL"),
        early=steps("PSW"),
        no_arrival="TL4",
        no_departure="PSW4",
        join_gap_min=draw(st.sampled_from((0, 0, 60, None))),
        demands=demands,
        outage_within_min=draw(st.sampled_from((None, None, 0, 15, 60))),
        outage_least_min=draw(st.sampled_from((0, 0, 5, 15))),
        in_favour_ms=draw(st.sampled_from((0, 15_000))),
    )


def steps(name):
    return [Step(from_min=n, code=f"{name}{i}") for i, n in enumerate((1, 31, 61, 91), 1)]


def edges(book):
    """Return moments at which a duty of the book may begin or end, or a window of it, or so."""
    rows = [*book.shifts, *(hours for week in book.weeks for hours in week.hours)]
    minutes = sorted(
        {
            edge
            for row in rows
            for edge in (
                row.start,
                row.end,
                (row.start + row.end) // 2,
                row.start - row.window.before_min,
                row.end + row.window.after_min + 1,
            )
        }
    )
    return st.builds(
        lambda day, minute, by, jitter: MIDNIGHT + (day * 1440 - 420 + minute + by) * MIN + jitter,
        st.integers(-1, DAYS),
        st.sampled_from(minutes),
        st.sampled_from((0, 0, 0, -1, 1, 5, 6, 30, 31, 61, 95, -31)),
        st.sampled_from((0, 0, 0, 1, -1, 10_000, -15_001)),
    )


@st.composite
def punches(draw, book):
    kiosk, source = draw(st.sampled_from(PLACES))
    return Punch(
        at=draw(moments | edges(book)),
        error_ms=draw(st.sampled_from((0, 0, 1, 10_000, 15_000, 20_000, 30 * MIN, DAY_MS))),
        kiosk=kiosk,
        source=source,
        method=draw(st.sampled_from(METHODS)),
        ref="",
        doubted=draw(doubts),
    )


@st.composite
def stretches(draw, book, place):
    begin = draw(moments | edges(book))
    until = draw(
        st.sampled_from((1, 5 * MIN - 1, 5 * MIN, 15 * MIN, 4 * 60 * MIN, DAY_MS)).map(
            lambda length: begin + length
        )
        | edges(book)
    )
    return Stretch(
        kiosk=place[0], source=place[1], begin=min(begin, until), until=max(begin, until)
    )


@st.composite
def read(draw, book, place):
    """Return what was read of a source: all in pieces that touch, all but a hole, or some."""
    kind = draw(st.sampled_from(("pieces", "pieces", "hole", "some")))
    begin, until = MIDNIGHT - 9 * DAY_MS, MIDNIGHT + 12 * DAY_MS
    if kind == "some":
        return draw(st.lists(stretches(book, place), max_size=3))
    one = draw(stretches(book, place))
    ends = [(begin, one.begin), (one.until, until)]
    if kind == "pieces":
        ends.append((one.begin, one.until))
    return [Stretch(kiosk=place[0], source=place[1], begin=a, until=b) for a, b in ends]


@st.composite
def worlds(draw):
    book = draw(books())
    reach = [
        Reach(kiosk=place[0], source=place[1], since=since, until=until)
        for place in draw(st.lists(st.sampled_from(PLACES), max_size=3, unique=True))
        for since, until in [draw(spans)]
    ]
    seen = [
        Punch(
            at=one.at,
            error_ms=one.error_ms,
            kiosk=one.kiosk,
            source=one.source,
            method=one.method,
            ref=f"{n:02}",
            doubted=one.doubted,
        )
        for n, one in enumerate(draw(st.lists(punches(book), max_size=10)))
    ]
    seconds = [
        Punch(
            at=one.at + draw(st.sampled_from((-20_000, 5_000, 20_000, 20_001))),
            error_ms=0,
            kiosk=one.kiosk,
            source=draw(st.sampled_from((one.source, "face"))),
            method="face",
            ref=f"s{one.ref}",
            doubted=draw(doubts),
        )
        for one in seen
        if one.method == "card" and draw(st.booleans())
    ]
    posts = [Post(unit="u", zone="Asia/Jakarta")]
    if draw(st.booleans()):
        posts.append(Post(unit="v", zone="Asia/Makassar", since=draw(days)))
    absences = [
        Absence(person="a", reason=reason, since=since, until=since + timedelta(days=length))
        for reason, since, length in draw(
            st.lists(
                st.tuples(
                    st.sampled_from((Reason.SICK, Reason.ANNUAL_LEAVE, Reason.UNEXPLAINED)),
                    days,
                    st.integers(0, 1),
                ),
                max_size=2,
            )
        )
    ]
    grants = [PinGrant(person="a", since=draw(days))] if draw(st.booleans()) else []
    return World(
        rules=book,
        case=Case(
            person="a",
            posts=posts,
            punches=seen + seconds,
            reach=reach,
            absences=absences,
            pin_grants=grants,
        ),
        coverage=[one for place in PLACES for one in draw(read(book, place))],
        outages=[
            one
            for place in PLACES
            for one in draw(often([], st.lists(stretches(book, place), max_size=2)))
        ],
        now=draw(often(MIDNIGHT + 20 * DAY_MS, moments)),
    )
