"""Punches from lists of paper: both judges take them alike, and they speak for the person only."""

from datetime import timedelta

import brute
import pytest
from duty_worlds import FIRST, LAST, World, worlds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from sync.central.rulings import Paper, is_paper, punches
from sync.worktime.book import Book
from sync.worktime.evidence import Watch
from sync.worktime.judge import judge
from sync.worktime.rules import Counts
from sync.worktime.verdicts import Judged, Verdict

bounded = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


thorough = settings(bounded, max_examples=90)


@st.composite
def papers(draw) -> list[Paper]:
    minutes = st.none() | st.integers(0, 2880)
    lines = draw(st.lists(st.tuples(st.integers(-1, 3), minutes, minutes), max_size=4))
    return [
        Paper(
            person="x",
            unit="u",
            day=FIRST + timedelta(days=day),
            number=number,
            arrival=arrival,
            departure=departure,
        )
        for number, (day, arrival, departure) in enumerate(lines, 1)
    ]


def signed(world: World, lines: list[Paper]) -> World:
    """Return the world with these lines beside its punches."""
    zones = {one.unit: one.zone for one in world.case.posts}
    more = punches(lines, {"u": next(iter(zones.values()), "Asia/Jakarta")})
    case = structs.replace(world.case, punches=[*world.case.punches, *more])
    return structs.replace(world, case=case)


def judged(world: World) -> list[Judged]:
    watch = Watch(world.coverage, world.outages)
    return judge(Book(world.rules), world.case, watch, FIRST, LAST, world.now)


@bounded
@given(worlds(), papers())
def test_the_brute_judge_takes_paper_as_ours_does(world: World, lines: list[Paper]) -> None:
    world = signed(world, lines)
    case = world.case
    theirs = brute.judge(
        world.rules,
        case.person,
        case.posts,
        FIRST,
        LAST,
        punches=case.punches,
        coverage=world.coverage,
        outages=world.outages,
        reach=case.reach,
        absences=case.absences,
        pin_grants=case.pin_grants,
        now=world.now,
    )
    assert [
        (one.word, tuple(one.arrival.refs), tuple(one.departure.refs)) for one in judged(world)
    ] == [(one.word, one.arrival.refs, one.departure.refs) for one in theirs]


@bounded
@given(worlds(), papers())
def test_paper_hides_no_punch(world: World, lines: list[Paper]) -> None:
    def refs(found: list[Judged]) -> list[set[str]]:
        return [
            {
                ref
                for ref in (*one.arrival.refs, *one.departure.refs, *one.between)
                if not is_paper(ref)
            }
            for one in found
        ]

    assert refs(judged(signed(world, lines))) == refs(judged(world))


@bounded
@given(worlds(), papers())
def test_where_the_first_arrival_counts_paper_makes_nobody_later(
    world: World, lines: list[Paper]
) -> None:
    before, after = judged(world), judged(signed(world, lines))
    for one, other in zip(before, after, strict=True):
        rule = one.duty.rule
        if one.arrival.refs and rule.arrival is Counts.FIRST:
            assert other.arrival.at is None or other.arrival.at <= one.arrival.at
        if one.departure.refs and rule.departure is Counts.LAST:
            assert other.departure.at is None or other.departure.at >= one.departure.at
        if one.verdict is not Verdict.ABSENT:
            assert other.verdict is not Verdict.ABSENT


_UNPROVED = (Verdict.OUTAGE, Verdict.INCOMPLETE, Verdict.UNSURE)
_ADVERSE = (Verdict.LATE, Verdict.EARLY, Verdict.MISSING)


@thorough
@given(worlds(), papers())
def test_no_half_becomes_worse_by_paper(world: World, lines: list[Paper]) -> None:
    """Where the first arrival and the last departure count: in time stays in time, what is not
    proved stays so or becomes better, and who was late is not later.
    """
    for one, other in zip(judged(world), judged(signed(world, lines)), strict=True):
        for before, after, is_best in (
            (one.arrival, other.arrival, one.duty.rule.arrival is Counts.FIRST),
            (one.departure, other.departure, one.duty.rule.departure is Counts.LAST),
        ):
            if not is_best:
                continue
            if before.verdict is Verdict.PRESENT:
                assert after.verdict is Verdict.PRESENT
            if before.verdict in _UNPROVED:
                assert after.verdict not in _ADVERSE
            if before.verdict in (Verdict.LATE, Verdict.EARLY):
                assert after.verdict is not Verdict.MISSING
                if after.verdict is before.verdict:
                    assert after.minutes <= before.minutes


@bounded
@given(worlds(), papers())
def test_paper_proves_no_completeness(world: World, lines: list[Paper]) -> None:
    """What was open stays open or becomes better: never late, early or missing by paper alone."""
    nothing_read = structs.replace(
        world, coverage=[], outages=[], case=structs.replace(world.case, punches=[])
    )
    for one in judged(signed(nothing_read, lines)):
        for half, counts in (
            (one.arrival, one.duty.rule.arrival is Counts.FIRST),
            (one.departure, one.duty.rule.departure is Counts.LAST),
        ):
            if counts:
                assert half.verdict not in (Verdict.LATE, Verdict.EARLY, Verdict.MISSING)


def test_a_minute_of_the_next_day_and_each_zone() -> None:
    line = Paper(person="x", unit="u", day=FIRST, arrival=0, departure=32 * 60)
    [came, left] = punches([line], {"u": "Asia/Jayapura"})
    assert left.at - came.at == 32 * 3_600_000
    [west, _] = punches([line], {"u": "Asia/Jakarta"})
    assert west.at - came.at == 2 * 3_600_000
    assert (came.ref, left.ref) == (f"paper x {FIRST} 1 in", f"paper x {FIRST} 1 out")
    assert (came.method, came.error_ms, is_paper(came.ref)) == ("paper", 0, True)


@pytest.mark.parametrize("side", ["arrival", "departure"])
def test_a_signature_that_is_missing_is_no_punch(side: str) -> None:
    line = Paper(person="x", unit="u", day=FIRST, **{side: 480})
    assert len(punches([line], {})) == 1
