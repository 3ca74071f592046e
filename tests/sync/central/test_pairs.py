"""Couples: one hand for two is found, a queue is not."""

import random
from datetime import date, timedelta

from sync.central.pairs import LEAST_TIMES, Stood, couples

DAYS = [date(2026, 11, 2) + timedelta(days=n) for n in range(28)]
WORKDAYS = [day for day in DAYS if day.isoweekday() < 6]
HOUR = 3_600_000


def at(day: date, hour: float) -> int:
    return (day - date(1970, 1, 1)).days * 24 * HOUR + round(hour * HOUR)


def queue(dice: random.Random, people: int = 55, minutes: float = 10) -> list[Stood]:
    """Everybody comes within so many minutes, and leaves so, in any order."""
    return [
        Stood(f"p{number:02}", "T", day, half, at(day, hour + dice.random() * minutes / 60))
        for day in WORKDAYS
        for half, hour in ((0, 7.3), (1, 16.0))
        for number in range(people)
    ]


def beside(stood: list[Stood], person: str, other: str, apart_ms: int = 3000) -> list[Stood]:
    """Let `other` punch right after `person`, whenever that one does."""
    kept = [one for one in stood if one.person != other]
    return kept + [
        one._replace(person=other, at=one.at + apart_ms) for one in stood if one.person == person
    ]


def test_a_queue_is_no_couple():
    for seed in range(5):
        assert couples(queue(random.Random(seed))) == []


def test_a_dense_queue_is_none_either():
    for seed in range(3):
        assert couples(queue(random.Random(seed), people=55, minutes=3)) == []


def test_one_hand_for_two_is_found_in_the_middle_of_a_queue():
    stood = beside(queue(random.Random(1)), "p07", "p31")
    [one] = couples(stood)
    assert (one.person, one.other) == ("p07", "p31")
    assert one.together == one.chances == 2 * len(WORKDAYS)
    assert one.usual * 4 <= one.together
    assert one.expected < 4
    assert set(one.days) == set(WORKDAYS)
    assert set(one.days.values()) == {3000}


def test_three_by_one_hand_do_not_hide_each_other():
    stood = beside(queue(random.Random(2)), "p07", "p31")
    stood = beside(stood, "p07", "p40", 6000)
    assert {(one.person, one.other) for one in couples(stood)} == {
        ("p07", "p31"),
        ("p07", "p40"),
        ("p31", "p40"),
    }


def test_other_terminals_and_single_days_are_no_couple():
    stood = beside(queue(random.Random(3)), "p07", "p31")
    elsewhere = [one._replace(terminal="U") if one.person == "p31" else one for one in stood]
    assert couples(elsewhere) == []
    few = {day for day in WORKDAYS[: LEAST_TIMES // 2 - 1]}
    assert couples([one for one in stood if one.day in few]) == []


def test_the_order_is_of_no_meaning():
    stood = beside(queue(random.Random(4)), "p07", "p31")
    mixed = stood[:]
    random.Random(5).shuffle(mixed)
    assert couples(mixed) == couples(stood)


def test_nobody_at_all():
    assert couples([]) == []


def habits(dice: random.Random, people: int, spread_min: float, own_min: float) -> list[Stood]:
    """Everybody comes at an hour of their own, more or less; one after the other is read."""
    own = {f"p{number:02}": dice.gauss(7.35, spread_min / 60) for number in range(people)}
    stood = []
    for day in WORKDAYS:
        for half in (0, 1):
            wish = [
                (dice.gauss(hour, own_min / 60) if half == 0 else 16 + dice.expovariate(15), person)
                for person, hour in own.items()
                if dice.random() > 0.06
            ]
            free = 0.0
            for hour, person in sorted(wish):
                free = max(hour, free + (2 + 2 * dice.random()) / 3600)
                stood.append(Stood(person, "T", day, half, at(day, free)))
    return stood


def test_habits_and_the_rush_at_four_accuse_nobody_and_one_hand_is_found():
    """Four offices, six months each: nobody is named; whoever punches for another is, always."""
    for people, spread_min, own_min in ((60, 8, 3), (60, 8, 1), (12, 10, 1), (5, 10, 1)):
        for seed in range(6):
            stood = habits(random.Random(seed), people, spread_min, own_min)
            assert couples(stood) == []
            [one] = couples(beside(stood, "p01", "p02", 4000))
            assert (one.person, one.other) == ("p01", "p02")
            assert one.together >= 4 * max(one.expected, one.usual)
