"""Workers and their keeper: failing, hanging and stopping, without a sleep that hopes."""

import threading
import time
from collections.abc import Callable

import pytest

from kiosk.notify import Notifier
from kiosk.supervisor import Outcome, Supervisor
from kiosk.worker import Backoff, Phase, Worker
from sync.line import TakenOver

QUICK = Backoff(base_s=0.001, cap_s=0.002)
WITHIN_S = 5.0


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        threading.Event().wait(0.002)


def test_a_task_that_fails_is_run_again_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    ran = []

    def task(stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
        ran.append(1)
        raise OSError("no such terminal")

    worker = Worker("lobi", task, patience_s=60, backoff=QUICK)
    worker.start()
    until(lambda: len(ran) >= 5)
    worker.stop()
    assert worker.join(WITHIN_S)
    assert worker.failures == len(ran)
    assert worker.error == "no such terminal"
    assert worker.phase is Phase.ENDED
    # The same failure again and again is one line.
    assert [record.message for record in caplog.records] == ["lobi: no such terminal"]


def test_back_off_grows_decorrelated_to_its_cap_and_begins_anew() -> None:
    backoff = Backoff(base_s=1.0, cap_s=60.0)
    waits, last = [], 0.0
    for _ in range(200):
        last = backoff.after(last)
        waits.append(last)
    assert waits[0] == 1.0
    assert max(waits) <= 60.0
    assert min(waits) >= 1.0
    assert len({round(wait, 6) for wait in waits}) > 50  # a fleet does not march in step


def test_an_error_may_ask_for_a_longer_wait() -> None:
    def task(stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
        raise TakenOver("another client connected as this one")

    worker = Worker("line", task, patience_s=60, backoff=QUICK)
    worker.start()
    until(lambda: worker.phase is Phase.WAITING)
    assert (worker.failures, worker.waits_s) == (1, 60.0)
    worker.stop()
    assert worker.join(WITHIN_S)


def test_waiting_on_purpose_is_not_hanging() -> None:
    def task(stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
        raise OSError

    worker = Worker("x", task, patience_s=0.0, backoff=Backoff(base_s=60, cap_s=60))
    worker.start()
    until(lambda: worker.phase is Phase.WAITING)
    assert not worker.hung
    worker.stop()
    assert worker.join(WITHIN_S)


class Hanging:
    """A task that hangs without a beat until it is let go."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.runs = 0

    def __call__(self, stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
        self.runs += 1
        self.release.wait(WITHIN_S)


def keep(
    workers: list[Worker], pulse: Callable[[], bool] = lambda: True, may_restart: bool = False
) -> tuple[Supervisor, threading.Thread, list[Outcome]]:
    outcomes: list[Outcome] = []
    supervisor = Supervisor(workers, Notifier({}), pulse, lambda: may_restart)
    thread = threading.Thread(target=lambda: outcomes.append(supervisor.run()))
    thread.start()
    return supervisor, thread, outcomes


def idle(stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
    while not stopping():
        beat()
        threading.Event().wait(0.005)


def test_a_hung_source_is_replaced_and_the_others_go_on() -> None:
    hanging = Hanging()
    good = Worker("good", idle, patience_s=5)
    supervisor, thread, outcomes = keep([Worker("bad", hanging, patience_s=0.05), good])
    until(lambda: hanging.runs >= 2)
    assert supervisor.workers[0].failures >= 1
    assert "no sign of life" in supervisor.workers[0].error
    assert good.phase is Phase.WORKING
    hanging.release.set()
    supervisor.interrupt()
    thread.join(WITHIN_S)
    assert outcomes == [Outcome.STOPPED]


def test_three_hung_workers_ask_for_a_restart_where_one_is_due() -> None:
    hanging = Hanging()
    _, thread, outcomes = keep([Worker("bad", hanging, patience_s=0.01)], may_restart=True)
    until(lambda: bool(outcomes))
    assert outcomes == [Outcome.RESTART]
    assert hanging.runs == 3 + 1
    hanging.release.set()
    thread.join(WITHIN_S)


def test_stopping_ends_every_worker() -> None:
    workers = [Worker(str(n), idle, patience_s=5) for n in range(5)]
    supervisor, thread, outcomes = keep(workers)
    until(lambda: all(worker.phase is Phase.WORKING for worker in workers))
    supervisor.interrupt()
    thread.join(WITHIN_S)
    assert outcomes == [Outcome.STOPPED]
    assert all(worker.phase is Phase.ENDED for worker in workers)
