"""The board: judged once for all who look, when they look, and anew only when out of date."""

import threading
from collections import Counter
from datetime import date, timedelta

import pytest
from small_town import DAY, Town, at, put

from sync.central import board as boards
from sync.central.board import Board, Key
from sync.central.city import Cities
from sync.central.errors import StoreUnavailable
from sync.central.hung import unit_day
from sync.central.turns import Turns
from sync.protocol.roster import Unit
from sync.worktime.faults import BadRules
from sync.worktime.rules import Absence, Reason

DINKES, DLH = Key("dinkes", DAY, DAY), Key("dlh", DAY, DAY)
PATIENCE_S = 10


class Judge:
    """Counts how often it judged what; waits for `go` and fails with `trouble`."""

    def __init__(self) -> None:
        self.count: Counter[Key] = Counter()
        self.go = threading.Event()
        self.go.set()
        self.trouble: Exception | None = None

    def __call__(self, tx, city, key, now) -> int:
        assert self.go.wait(PATIENCE_S)
        self.count[key] += 1
        if self.trouble:
            raise self.trouble
        return self.count[key]


class World:
    def __init__(self, central, make_kiosk) -> None:
        self.central = central
        self.town = Town(central, make_kiosk)
        self.judge = Judge()
        self.seconds = 0.0
        self.board = self.make(self.judge)

    def make(self, compute, **more):
        central = self.central
        cities = Cities()
        return Board(
            central.store, cities, central.clock, lambda: self.seconds, Turns(), compute, **more
        )


@pytest.fixture
def world(central, make_kiosk):
    return World(central, make_kiosk)


@pytest.fixture
def small(lite, make_kiosk):
    return World(lite, make_kiosk)


def test_it_is_judged_once_until_it_is_out_of_date(world):
    board, judge, town = world.board, world.judge, world.town
    assert [board.get(DINKES).value for _ in range(3)] == [1, 1, 1]
    town.punch("dinkes", "1", "07:21:05")
    town.send("dinkes")
    assert board.get(DINKES).value == 2
    town.read("dinkes", at("07:30:00"))  # nobody punched: but that is known now
    assert board.get(DINKES).value == 3
    put(world.central, [("absences", [Absence(person="1", reason=Reason.SICK, since=DAY)])])
    assert board.get(DINKES).value == 4
    world.seconds += boards.AGE_S - 0.1
    assert board.get(DINKES).value == 4
    world.seconds += 0.2
    assert board.get(DINKES).value == 5
    assert judge.count == {DINKES: 5}


def test_the_news_of_one_unit_are_none_of_another(world):
    assert world.board.get(DLH).value == 1
    world.town.punch("dinkes", "1", "07:21:05")
    world.town.send("dinkes")
    assert world.board.get(DLH).value == 1


def test_a_board_that_does_not_heed_kiosks_waits_for_its_age(small):
    board = small.make(small.judge, heeds_kiosks=False, age_s=100)
    assert board.get(DINKES).value == 1
    small.town.punch("dinkes", "1", "07:21:05")
    small.town.send("dinkes")
    small.seconds += 99
    assert board.get(DINKES).value == 1
    small.seconds += 1
    assert board.get(DINKES).value == 2


def test_a_glance_waits_for_nobody_and_shows_what_hangs_there(small):
    board, judge = small.board, small.judge
    judge.go.clear()
    glance = board.glance([DINKES, DLH])
    assert glance.pending
    assert glance.kept == {DINKES: None, DLH: None}
    judge.go.set()
    board.get(DINKES)
    board.get(DLH)
    glance = board.glance([DINKES, DLH])
    assert not glance.pending
    assert [one.value for one in glance.kept.values()] == [1, 1]
    judge.go.clear()
    small.seconds += 31
    glance = board.glance([DINKES])
    assert glance.pending
    assert glance.kept[DINKES].value == 1  # old, and it says of when
    judge.go.set()


def test_who_looks_at_much_is_calm_about_news(small):
    board, town = small.board, small.town
    board.get(DINKES)
    town.punch("dinkes", "1", "07:21:05")
    town.send("dinkes")
    assert not board.glance([DINKES], calm_s=10).pending
    small.seconds += 10
    assert board.glance([DINKES], PATIENCE_S, calm_s=10).kept[DINKES].value == 2
    put(small.central, [("units", [Unit(id="neu", name="Neu")])])
    assert board.glance([DINKES], PATIENCE_S, calm_s=10).kept[DINKES].value == 3


def test_a_glance_with_patience_waits_as_long_as_that(small):
    glance = small.board.glance([DINKES, DLH], PATIENCE_S)
    assert not glance.pending
    assert [one.value for one in glance.kept.values()] == [1, 1]


def test_nothing_is_judged_while_nobody_looks(small):
    small.board.get(DINKES)
    small.seconds += 1000
    small.town.punch("dinkes", "1", "07:21:05")
    small.town.send("dinkes")
    assert small.judge.count == {DINKES: 1}


def test_who_waits_for_a_unit_goes_before_the_city(small):
    board, judge = small.board, small.judge
    judge.go.clear()
    days = [Key("dlh", DAY - timedelta(days=n), DAY - timedelta(days=n)) for n in range(20)]
    board.glance(days)
    turn = board._ask(DINKES, urgent=True)
    judge.go.set()
    turn.result(PATIENCE_S)
    assert list(judge.count).index(DINKES) <= 1  # one may have begun before


def test_many_who_look_at_once_share_one_judge(world):
    board, judge = world.board, world.judge
    values = []

    def look() -> None:
        values.append(board.get(DINKES).value)

    judge.go.clear()
    threads = [threading.Thread(target=look) for _ in range(20)]
    for one in threads:
        one.start()
    judge.go.set()
    for one in threads:
        one.join(PATIENCE_S)
    assert values == [1] * 20
    assert judge.count == {DINKES: 1}


def test_what_cannot_be_judged_says_why_and_is_not_asked_again_and_again(small):
    small.judge.trouble = BadRules("no such plan")
    kept = small.board.get(DINKES)
    assert (kept.value, kept.trouble) == (None, "no such plan")
    assert small.board.get(DINKES) is kept
    small.judge.trouble = None
    put(small.central, [("units", [Unit(id="neu", name="Neu")])])
    assert small.board.get(DINKES).value == 2


def test_a_database_that_is_away_is_nothing_that_hangs_there(small):
    small.judge.trouble = StoreUnavailable("away")
    with pytest.raises(StoreUnavailable):
        small.board.get(DINKES)
    with pytest.raises(StoreUnavailable):
        small.board.glance([DINKES], PATIENCE_S)
    small.judge.trouble = None
    assert small.board.get(DINKES).value == 3


def test_what_nobody_looks_at_any_more_goes(small, monkeypatch):
    monkeypatch.setattr(boards, "MOST", 10)
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(30)]
    for day in days:
        small.board.get(Key("dinkes", day, day))
        small.board.get(DLH)
    assert len(small.board._kept) == 10
    assert small.judge.count[DLH] == 1  # it was looked at all the time


def test_news_that_come_while_it_is_judged_are_not_lost(small):
    """The judge saw the state before: what came meanwhile makes it out of date at once."""
    town, board = small.town, small.board
    came = []

    def slow(tx, city, key, now) -> int:
        found = len(unit_day(tx, city, key, now).records[0].duties[0].arrival.refs)
        if not came:
            came.append(True)
            town.punch("dinkes", "1", "07:21:05")
            town.send("dinkes")
        return found

    board = small.make(slow)
    small.central.now = at("07:45:00")
    assert board.get(DINKES).value == 0
    assert board.get(DINKES).value == 1


def test_the_real_judge_hangs_there_with_counts_and_how_far_was_read(world):
    world.town.evening()
    board = world.make(unit_day)
    kept = board.get(DINKES)
    counts = kept.value.counts
    assert (counts.staff, counts.here, counts.free) == (4, 2, 1)
    assert dict(counts.words) == {"sakit": 1, "tanpa keterangan": 1}
    assert [one.source for one in kept.value.last_reads] == ["pintu"]
    assert kept.at == world.central.now
    empty = board.get(Key("dinkes", date(2027, 1, 2), date(2027, 1, 2))).value
    assert (empty.counts.staff, empty.counts.percent) == (0, 0.0)
