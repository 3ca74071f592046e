"""Turns: one thread, the most urgent first, shared by all who ask for the same."""

import threading
from concurrent.futures import Future, wait

import pytest

from sync.central.turns import Turns

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
