"""Those who come together share a commit; whatever becomes of one, the others are served."""

import ctypes
import threading
import time
from collections.abc import Callable, Sequence

import pytest

from sync.journal.group import Group, Member

WITHIN_S = 10.0


class Commits:
    """Counts members per commit; `slow_s` is the sync."""

    def __init__(self, slow_s: float = 0.0) -> None:
        self.sizes: list[int] = []
        self.slow_s = slow_s
        self.fault: BaseException | None = None

    def __call__(self, members: Sequence[Member]) -> None:
        try:
            time.sleep(self.slow_s)
            self.sizes.append(len(members))
            if self.fault is not None:
                fault, self.fault = self.fault, None
                raise fault
        finally:
            for one in members:
                one.settled = True


def together(count: int, work: Callable[[], None]) -> list[threading.Thread]:
    threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def ended(threads: Sequence[threading.Thread]) -> bool:
    until = time.monotonic() + WITHIN_S
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)


def test_ten_share_each_commit() -> None:
    commits = Commits(slow_s=0.0025)
    group: Group[Member] = Group(commits)

    def work() -> None:
        for _ in range(40):
            mine = Member()
            group.join(mine)
            assert mine.settled

    assert ended(together(10, work))
    assert sum(commits.sizes) == 400
    assert len(commits.sizes) < 200  # a lock that all wait for makes it more than 300


def test_who_is_alone_leads_at_once() -> None:
    commits = Commits()
    group: Group[Member] = Group(commits)
    for _ in range(3):
        group.join(Member())
    assert commits.sizes == [1, 1, 1]


def test_a_commit_that_raises_reaches_its_leader_and_the_others_go_on() -> None:
    commits = Commits(slow_s=0.02)
    group: Group[Member] = Group(commits)
    commits.fault = MemoryError()
    raised: list[BaseException] = []

    def work() -> None:
        for _ in range(5):
            try:
                group.join(Member())
            except MemoryError as error:
                raised.append(error)

    assert ended(together(4, work))
    assert len(raised) == 1
    assert sum(commits.sizes) == 20


@pytest.mark.parametrize("first_in_queue", [True, False])
def test_a_waiting_thread_that_is_torn_away_takes_nothing_with_it(first_in_queue: bool) -> None:
    commits = Commits(slow_s=0.3)
    group: Group[Member] = Group(commits)
    torn: list[BaseException] = []

    def once() -> None:
        try:
            group.join(Member())
        except KeyboardInterrupt as error:
            torn.append(error)

    [leader] = together(1, once)
    time.sleep(0.05)
    waiting: list[threading.Thread] = []
    for _ in range(3):
        waiting += together(1, once)
        time.sleep(0.02)
    victim = waiting[0 if first_in_queue else 1].ident
    assert victim is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(victim), ctypes.py_object(KeyboardInterrupt)
    )
    assert ended([leader, *waiting])
    assert ended(together(2, once))
    assert len(torn) == 1
