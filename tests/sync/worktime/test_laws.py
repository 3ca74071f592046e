"""What holds of the judge in every world: the laws of docs/WORKTIME.md."""

import random
from collections import Counter
from datetime import timedelta

from duty_worlds import DAY_MS, DAYS, FIRST, LAST, MIDNIGHT, PLACES, World, worlds
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec import json, structs

from sync.worktime.book import Book
from sync.worktime.decide import decide
from sync.worktime.duties import duties
from sync.worktime.evidence import Reach, Stretch, Watch
from sync.worktime.judge import judge
from sync.worktime.rules import Counts, Demand, RuleBook, merge
from sync.worktime.slots import Side, slots
from sync.worktime.verdicts import Half, Judged, Verdict

EXAMPLES = 25  # a making of a world costs most of the time; thousands were tried

bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)
ADVERSE = {Verdict.LATE, Verdict.EARLY, Verdict.MISSING, Verdict.ABSENT}
EVERYTHING = [
    Stretch(kiosk=k, source=s, begin=MIDNIGHT - 30 * DAY_MS, until=MIDNIGHT + 30 * DAY_MS)
    for k, s in PLACES
]


def judged(world: World, first=FIRST, last=LAST) -> list[Judged]:
    watch = Watch(world.coverage, world.outages)
    return judge(Book(world.rules), world.case, watch, first, last, world.now)


def refs_of(one: Judged) -> list[str]:
    return [*one.arrival.refs, *one.departure.refs, *one.between, *one.uncounted]


def halves(days: list[Judged]) -> list[Half]:
    return [half for one in days for half in (one.arrival, one.departure)]


def adverse(days: list[Judged]) -> set[Verdict]:
    return ADVERSE & ({one.verdict for one in days} | {half.verdict for half in halves(days)})


@bounded
@given(worlds())
def test_no_punch_belongs_to_two_duties(world: World) -> None:
    around = timedelta(days=2)
    found = Counter(
        ref for one in judged(world, FIRST - around, LAST + around) for ref in refs_of(one)
    )
    assert all(times == 1 for times in found.values())


@bounded
@given(worlds())
def test_every_minute_of_a_duty_is_judged_once(world: World) -> None:
    for one in judged(world):
        shares = structs.astuple(one.shares)
        assert sum(shares) == one.duty.length_min
        assert min(shares) >= 0


@bounded
@given(worlds(), st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(world: World, dice: random.Random) -> None:
    def shuffled(rows):
        mixed = [*rows, *dice.sample(list(rows), min(2, len(rows)))]
        dice.shuffle(mixed)
        return mixed

    rules = merge(
        [
            structs.replace(world.rules, **{name: [] for name in ("swaps", "weeks", "tables")}),
            RuleBook(tables=world.rules.tables, weeks=world.rules.weeks[::-1]),
            RuleBook(swaps=world.rules.swaps[::-1]),
        ]
    )
    case = world.case
    other = World(
        rules=rules,
        case=structs.replace(
            case,
            posts=shuffled(case.posts),
            reach=shuffled(case.reach),
            absences=shuffled(case.absences),
            pin_grants=shuffled(case.pin_grants),
            punches=dice.sample(case.punches, len(case.punches)),
        ),
        coverage=shuffled(world.coverage),
        outages=shuffled(world.outages),
        now=world.now,
    )
    assert judged(other) == judged(world)


@bounded
@given(worlds())
def test_a_punch_told_twice_changes_no_verdict(world: World) -> None:
    twice = [
        *world.case.punches,
        *(structs.replace(one, ref=one.ref + "'") for one in world.case.punches),
    ]
    other = structs.replace(world, case=structs.replace(world.case, punches=twice))
    for one, again in zip(judged(world), judged(other), strict=True):
        assert (one.verdict, one.shares) == (again.verdict, again.shares)
        for half, repeated in zip(halves([one]), halves([again]), strict=True):
            assert structs.replace(repeated, refs=()) == structs.replace(half, refs=())


@bounded
@given(worlds())
def test_rules_that_travelled_judge_the_same(world: World) -> None:
    travelled = json.decode(json.encode(world.rules), type=RuleBook)
    assert judged(structs.replace(world, rules=travelled)) == judged(world)


@bounded
@given(worlds())
def test_nothing_adverse_without_reading(world: World) -> None:
    """A repeat that counts as the last arrival is known late without more; nothing else is."""
    rules = structs.replace(
        world.rules,
        regulations=[
            structs.replace(one, arrival=Counts.FIRST, departure=Counts.LAST)
            for one in world.rules.regulations
        ],
    )
    unread = structs.replace(world, coverage=[], rules=rules)
    # Whoever came at the window's first moment cannot have come before it.
    days = [one for one in judged(unread) if one.arrival.at is None and one.departure.at is None]
    assert not adverse(days)
    assert not adverse(judged(structs.replace(unread, case=structs.replace(world.case, reach=[]))))


@bounded
@given(worlds())
def test_nobody_is_absent_during_an_outage(world: World) -> None:
    out = structs.replace(world, outages=EVERYTHING)
    if all(row.since is None and row.until is None for row in world.case.reach):
        verdicts = {one.verdict for one in judged(out)} | {
            half.verdict for half in halves(judged(out))
        }
        assert not verdicts & {Verdict.ABSENT, Verdict.MISSING}


@bounded
@given(worlds())
def test_what_is_proved_stays_proved(world: World) -> None:
    """Reading more, and waiting longer, never takes an adverse word back."""
    more = structs.replace(world, coverage=EVERYTHING, now=world.now + 60 * DAY_MS)
    for one, later in zip(judged(world), judged(more), strict=True):
        for half, then in zip(halves([one]), halves([later]), strict=True):
            if half.verdict in ADVERSE and later.verdict is not Verdict.ABSENT:
                assert then == half
        if one.verdict is Verdict.ABSENT:
            assert later == one


@bounded
@given(worlds())
def test_a_month_may_be_judged_day_by_day(world: World) -> None:
    """But for blocks, which may be longer than what is looked at around a day."""
    regulations = [structs.replace(one, join_gap_min=None) for one in world.rules.regulations]
    assume(any(one.unit == "" and one.since is None and one.until is None for one in regulations))
    world = structs.replace(world, rules=structs.replace(world.rules, regulations=regulations))
    days = [FIRST + timedelta(days=n) for n in range(DAYS)]
    assert [one for day in days for one in judged(world, day, day)] == judged(world)


@bounded
@given(worlds())
def test_slots_are_in_order_and_apart(world: World) -> None:
    book, case = Book(world.rules), world.case
    laid = duties(book, case.person, case.posts, FIRST, LAST)
    free = [one.day.day % 2 == 0 for one in laid]
    edges = [edge for own in slots(laid, free) for one in own for edge in (one.begin, one.until)]
    assert edges == sorted(edges)


@bounded
@given(worlds())
def test_the_screen_says_what_the_judge_will_say(world: World) -> None:
    """As far as it knows: all was read, each time is known, and nobody is excused."""
    case = structs.replace(
        world.case,
        punches=[
            structs.replace(one, error_ms=0, method="face", doubted=False)
            for one in world.case.punches
        ],
        absences=[],
        reach=[Reach(kiosk="k1", source="gate")],
    )
    regulations = [structs.replace(one, in_favour_ms=0) for one in world.rules.regulations]
    rules = structs.replace(world.rules, regulations=regulations)
    book = Book(rules)
    whole = structs.replace(world, case=case, rules=rules, coverage=EVERYTHING, outages=[])
    by_ref = {one.ref: one for one in case.punches}
    for one in judged(whole):
        for side, half in ((Side.ARRIVAL, one.arrival), (Side.DEPARTURE, one.departure)):
            if not half.refs:
                continue
            punch = max((by_ref[ref] for ref in half.refs), key=lambda one: one.at)
            earlier = [other for other in case.punches if other.at < punch.at]
            shown = decide(book, case.person, case.posts, punch, earlier)
            assert (shown.side, shown.duty) == (side, one.duty)
            if half.verdict in (Verdict.LATE, Verdict.EARLY, Verdict.NOT_ASKED):
                assert (shown.minutes, shown.code) == (half.minutes, half.code)
            elif half.verdict is Verdict.PRESENT:
                assert shown.minutes == 0


@bounded
@given(worlds())
def test_the_screen_asks_for_a_second_factor_where_the_judge_counts_none(world: World) -> None:
    """Punch by punch, each time as if nothing had come after it."""
    regulations = [structs.replace(one, in_favour_ms=0) for one in world.rules.regulations]
    rules = structs.replace(world.rules, regulations=regulations)
    book, case = Book(rules), structs.replace(world.case, absences=[])
    punches = [structs.replace(one, error_ms=0, doubted=False) for one in case.punches]
    punches.sort(key=lambda one: (one.at, one.ref))
    uncounted: set[str] = set()
    for index, punch in enumerate(punches):
        known = structs.replace(case, punches=punches[: index + 1])
        days = judged(structs.replace(world, case=known, rules=rules))
        before, uncounted = uncounted, {ref for one in days for ref in one.uncounted}
        shown = decide(book, case.person, case.posts, punch, punches[:index], case.pin_grants)
        if shown.duty is None or not FIRST <= shown.duty.day <= LAST:
            continue
        assert (shown.lacks is not Demand.NOTHING) == (punch.ref in uncounted)
        own = {ref for one in days if one.duty == shown.duty for ref in refs_of(one)}
        assert shown.completes == bool((before - uncounted) & own)
