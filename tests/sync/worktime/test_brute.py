"""The judge against the brute-force judge, which shares nothing with it but the types of rules."""

import brute
from duty_worlds import FIRST, LAST, World, worlds
from hypothesis import HealthCheck, given, settings

from sync.worktime.book import Book
from sync.worktime.evidence import Watch
from sync.worktime.judge import judge
from sync.worktime.verdicts import Half, Judged


@settings(
    max_examples=130, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(worlds())
def test_both_judges_say_the_same(world: World) -> None:
    case = world.case
    ours = judge(
        Book(world.rules), case, Watch(world.coverage, world.outages), FIRST, LAST, world.now
    )
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
    assert [as_brute(one) for one in ours] == theirs


def as_brute(one: Judged) -> brute.Day:
    """Return our verdict in the other's words."""
    shares = {name: getattr(one.shares, name) for name in one.shares.__struct_fields__}
    return brute.Day(
        one.duty.day,
        one.duty.code,
        one.duty.start,
        one.duty.end,
        one.word,
        half(one.arrival),
        half(one.departure),
        {name: minutes for name, minutes in shares.items() if minutes},
        tuple(one.between),
        tuple(one.uncounted),
    )


def half(one: Half) -> brute.Half:
    return brute.Half(one.verdict.value, one.at, one.ref, one.minutes, one.code, tuple(one.refs))
