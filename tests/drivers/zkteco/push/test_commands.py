"""Commands: told until something becomes of them, and nothing can be smuggled into one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.zkteco.push.commands import (
    CHECK,
    INFO,
    LIFE_S,
    REBOOT,
    REPEAT_MOST_S,
    REPEAT_S,
    TOLD_MOST,
    WAITING_MOST,
    Command,
    Outcome,
    Queue,
    Result,
    query_attlog,
    results,
    told_facts,
)


def test_a_command_is_told_again_until_its_result_comes() -> None:
    queue, now_s = Queue(), 0.0
    order = queue.put(CHECK, now_s)
    assert queue.tell(now_s) == ["C:1:CHECK"]
    for wait_s in (REPEAT_S, 2 * REPEAT_S, 4 * REPEAT_S):
        assert queue.tell(now_s + wait_s - 1) == []
        now_s += wait_s
        assert queue.tell(now_s) == ["C:1:CHECK"]
    queue.heard(Result(order.id, 0), now_s)
    assert (order.outcome, order.code) == (Outcome.DONE, 0)
    assert queue.tell(now_s + REPEAT_MOST_S) == []


def test_a_reboot_is_told_last() -> None:
    queue = Queue()
    for command in (INFO, REBOOT, CHECK):
        queue.put(command, 0.0)
    assert queue.tell(0.0) == ["C:1:INFO", "C:3:CHECK", "C:2:REBOOT"]


def test_the_waits_have_an_end() -> None:
    queue, now_s, told = Queue(), 0.0, 0
    order = queue.put(CHECK, now_s)
    while order.outcome is Outcome.WAITING:
        told += len(queue.tell(now_s))
        now_s += 10.0
    assert order.outcome is Outcome.EXPIRED
    assert LIFE_S <= now_s <= LIFE_S + 20
    assert 25 < told < 35


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (0, Outcome.DONE),
        (37, Outcome.DONE),
        (-1002, Outcome.FAILED),
        (-1, Outcome.FAILED),
        (-1005, Outcome.WAITING),
        (-1003, Outcome.WAITING),
    ],
)
def test_what_becomes_of_a_command(code: int, outcome: Outcome) -> None:
    queue = Queue()
    order = queue.put(INFO, 0.0)
    queue.tell(0.0)
    queue.heard(Result(order.id, code), 1.0)
    assert order.outcome is outcome
    assert queue.tell(1.0 + REPEAT_S) == (["C:1:INFO"] if outcome is Outcome.WAITING else [])


def test_results_out_of_order_and_of_nobody() -> None:
    queue = Queue(first_id=70)
    first, second = queue.put(INFO, 0.0), queue.put(CHECK, 0.0)
    for result in results(
        b"ID=71&Return=0&CMD=CHECK\nID=3&Return=-1&CMD=DATA\nID=70&Return=0&CMD=INFO"
    ):
        queue.heard(result, 1.0)
    queue.heard(Result(70, -1), 2.0)  # told twice
    assert (first.outcome, second.outcome) == (Outcome.DONE, Outcome.DONE)


def test_a_waiting_command_is_not_queued_twice() -> None:
    queue = Queue()
    assert queue.put(INFO, 0.0) is queue.put(INFO, 1.0)
    for n in range(WAITING_MOST - 1):
        queue.put(Command(f"LOG {n}"), 0.0)
    with pytest.raises(ValueError, match="wait for this terminal"):
        queue.put(CHECK, 0.0)
    assert len(queue.tell(0.0)) == TOLD_MOST
    assert queue.waiting == WAITING_MOST


@pytest.mark.parametrize("text", ["", "INFO\nC:2:SHELL rm", "INFO\r", "\0", "x" * 1025, "é"])
def test_nothing_is_smuggled_in(text: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        Command(text)


def test_a_query_has_a_tab_between_its_times() -> None:
    command = query_attlog("2026-11-18 00:00:00", "2026-11-27 00:00:00")
    assert command.text == (
        "DATA QUERY ATTLOG StartTime=2026-11-18 00:00:00\tEndTime=2026-11-27 00:00:00"
    )


@pytest.mark.parametrize(
    "body",
    [
        b"ID=5&Return=-2&CMD=GetFile",
        b"ID=5\r\nReturn=-2\r\nCMD=GetFile\r\nContent=739146",
        b"SN=S1&id=5&return=-2",
    ],
)
def test_results_in_any_layout(body: bytes) -> None:
    assert results(body) == [Result(5, -2)]
    assert "739146" not in repr(told_facts(body))


def test_what_info_tells() -> None:
    body = b"ID=5&Return=0&CMD=INFO\n~DeviceName=K40\r\nFWVersion=Ver 8\nUserCount=5\n"
    assert told_facts(body) == {"devicename": "K40", "fwversion": "Ver 8", "usercount": "5"}


@given(st.binary(max_size=300), st.lists(st.tuples(st.integers(1, 4), st.integers(-1100, 9))))
def test_any_results(body: bytes, heard: list[tuple[int, int]]) -> None:
    queue = Queue()
    orders = [queue.put(Command(f"LOG {n}"), 0.0) for n in range(3)]
    for result in [*results(body), *(Result(*one) for one in heard)]:
        queue.heard(result, 1.0)
    waiting = [one for one in orders if one.outcome is Outcome.WAITING]
    assert queue.waiting == len(waiting)
    assert len(queue.tell(2.0 + REPEAT_S)) == len(waiting)
