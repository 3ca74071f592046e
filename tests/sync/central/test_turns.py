"""Turns: one thread, the most urgent first, shared by all who ask for the same."""

import threading
from concurrent.futures import Future, wait

import pytest

from sync.central.turns import URGENT_IN_A_ROW, Turns

PATIENCE_S = 10


class Gate:
    """Something to compute that begins and ends when the test says so."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        assert self.go.wait(PATIENCE_S)


def test_the_most_urgent_goes_first_and_each_once() -> None:
    turns, gate, order = Turns(), Gate(), list[str]()
    first = turns.ask("gate", gate, urgent=False)
    assert gate.begun.wait(PATIENCE_S)
    asked: list[Future[None]] = []
    for name, urgent in (("a", False), ("b", False), ("c", True), ("b", True), ("a", False)):
        asked.append(turns.ask(name, lambda name=name: order.append(name), urgent=urgent))
    assert asked[0] is asked[4]
    assert asked[1] is asked[3]
    gate.go.set()
    wait([first, *asked], PATIENCE_S)
    assert order == ["c", "b", "a"]


def test_what_has_begun_is_begun_again_for_who_asks_later() -> None:
    turns, gate = Turns(), Gate()
    one = turns.ask("x", gate, urgent=True)
    assert gate.begun.wait(PATIENCE_S)
    other = turns.ask("x", lambda: "anew", urgent=True)
    assert other is not one
    gate.go.set()
    assert other.result(PATIENCE_S) == "anew"


def test_never_two_at_once_and_no_thread_is_left() -> None:
    turns, running, most = Turns(), set[int](), list[int]()

    def compute(number: int) -> int:
        running.add(number)
        most.append(len(running))
        running.discard(number)
        return number

    def ask(begin: int) -> None:
        for number in range(begin, begin + 50):
            turn = turns.ask(number, lambda number=number: compute(number), urgent=number % 2 == 0)
            assert turn.result(PATIENCE_S) == number

    askers = [threading.Thread(target=ask, args=(n * 50,)) for n in range(8)]
    for one in askers:
        one.start()
    for one in askers:
        one.join()
    assert len(most) == 400
    assert set(most) == {1}
    for one in threading.enumerate():
        if one.name == "turns":
            one.join(PATIENCE_S)
            assert not one.is_alive()


def test_what_goes_wrong_is_told_to_who_asked_and_the_next_goes_on() -> None:
    turns = Turns()

    def fail() -> None:
        raise ValueError("so")

    with pytest.raises(ValueError, match="so"):
        turns.ask("x", fail, urgent=True).result(PATIENCE_S)
    assert turns.ask("x", lambda: 1, urgent=True).result(PATIENCE_S) == 1


def asked_behind(gate: Gate, turns: Turns) -> Future[None]:
    """Begin a turn that lasts until the test says so."""
    first = turns.ask("gate", gate, urgent=True)
    assert gate.begun.wait(PATIENCE_S)
    return first


def test_what_is_not_urgent_has_its_turn_however_much_is() -> None:
    turns, gate, order = Turns(), Gate(), list[str]()
    first = asked_behind(gate, turns)

    def urgent() -> None:
        order.append("unit")
        if len(order) < 50:  # a burst: whenever one is done, the next is asked for
            turns.ask("unit", urgent, urgent=True)

    turns.ask("unit", urgent, urgent=True)
    city = turns.ask("city", lambda: order.append("city"), urgent=False)
    gate.go.set()
    city.result(PATIENCE_S)
    first.result(PATIENCE_S)
    assert 0 < order.index("city") <= URGENT_IN_A_ROW


def test_who_asks_again_and_again_keeps_the_place() -> None:
    turns, gate, order = Turns(), Gate(), list[str]()
    first = asked_behind(gate, turns)
    keys = [f"unit-{number}" for number in range(5)]

    def compute(key: str) -> None:
        order.append(key)
        if len(order) < 50:  # a city that is out of date sooner than it is judged: all ask again
            ask_all()

    def ask_all() -> None:
        for key in keys:
            turns.ask(key, lambda key=key: compute(key), urgent=False)

    last = turns.ask(keys[-1], lambda: compute(keys[-1]), urgent=False)
    ask_all()
    for key in keys[::-1]:
        turns.ask(key, lambda key=key: compute(key), urgent=False)
    gate.go.set()
    wait([first, last], PATIENCE_S)
    turns.ask("end", lambda: None, urgent=False).result(PATIENCE_S)
    assert set(order[:10]) == set(keys)


def test_what_fails_and_nobody_waits_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    turns = Turns()

    def fail() -> None:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        turns.ask("x", fail, urgent=False).result(PATIENCE_S)
    assert "a bug" in caplog.text
