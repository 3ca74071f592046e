"""Who is shown when many come at once."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from screen_stage import recorded, status

from kiosk.screen.compose import Composer
from kiosk.screen.frames import Result
from kiosk.screen.pace import LEAST_S, WAITING_MOST, Pace
from kiosk.settings import Language, Screen
from sync.protocol.entry import Mark

COMPOSER = Composer(Screen(), "k1", "Asia/Jakarta")


def result(name: str = "Siti", mark: Mark = Mark.KNOWN) -> Result:
    made = COMPOSER.result(recorded(name=name, mark=mark), status())
    assert made is not None
    return made


def name(one: Result) -> str:
    return one.cards[Language.INDONESIAN].name


def played(offers: list[tuple[float, Result]]) -> list[tuple[float, Result]]:
    """Return what is shown, and when, of results that come at these moments."""
    pace, shown = Pace(), list[tuple[float, Result]]()
    for at, one in offers:
        while pace.due is not None and pace.due <= at:
            due = pace.due
            taken = pace.take(due)
            assert taken is not None
            shown.append((due, taken))
        now = pace.offer(one, at)
        if now is not None:
            shown.append((at, now))
    while pace.due is not None:
        due = pace.due
        taken = pace.take(due)
        assert taken is not None
        shown.append((due, taken))
    return shown


def test_who_comes_alone_is_shown_at_once() -> None:
    offers = [(0.0, result("a")), (LEAST_S, result("b"))]
    assert [(at, name(one)) for at, one in played(offers)] == [(0.0, "a"), (LEAST_S, "b")]


def test_the_next_one_waits_for_the_rest_of_a_moment() -> None:
    offers = [(0.0, result("a")), (0.3, result("b"))]
    assert [(at, name(one)) for at, one in played(offers)] == [(0.0, "a"), (LEAST_S, "b")]


def test_of_those_who_wait_the_newest_is_shown_and_says_how_many_there_were() -> None:
    shown = played([(0.1 * n, result(str(n))) for n in range(4)])
    assert [(name(one), one.folded) for _, one in shown] == [("0", 0), ("3", 2)]


def test_who_has_something_to_do_is_shown_and_goes_first() -> None:
    stranger = result("x", Mark.STRANGER)
    offers = [(0.0, result("a")), (0.1, result("b")), (0.2, stranger), (0.3, result("c"))]
    shown = [(name(one), one.folded) for _, one in played(offers)]
    assert shown == [("a", 0), ("x", 0), ("c", 1)]


def test_who_is_counted_is_not_passed_for_ever() -> None:
    offers = [(0.0, result("a")), (0.1, result("b"))]
    offers += [(0.2 + 0.65 * n, result(f"x{n}", Mark.STRANGER)) for n in range(30)]
    [at] = [at for at, one in played(offers) if name(one) == "b"]
    assert at - 0.1 <= LEAST_S * (WAITING_MOST + 1)


def test_twenty_people_in_ten_seconds_at_three_terminals() -> None:
    offers = [(n * 0.5, result(str(n))) for n in range(20)]
    shown = played(offers)
    assert sum(1 + one.folded for _, one in shown) == 20
    assert shown[-1][0] - offers[-1][0] <= LEAST_S


crowds = st.lists(
    st.tuples(st.floats(0, 2), st.sampled_from((Mark.KNOWN, Mark.STRANGER))), max_size=60
)


@given(crowds)
def test_in_every_crowd_all_are_counted_none_flashes_and_none_waits_for_ever(
    crowd: list[tuple[float, Mark]],
) -> None:
    at, offers = 0.0, list[tuple[float, Result]]()
    for n, (after, mark) in enumerate(crowd):
        at += after
        offers.append((at, result(str(n), mark)))
    shown = played(offers)
    came = {name(one): when for when, one in offers}
    assert sum(1 + one.folded for _, one in shown) == len(offers)
    moments = [when for when, _ in shown]
    assert all(b - a >= LEAST_S - 1e-9 for a, b in pairwise(moments))
    assert all(when - came[name(one)] <= LEAST_S * (WAITING_MOST + 1) + 1e-9 for when, one in shown)
