"""An open source is borrowed from its worker, and always comes back."""

import threading
import time
from collections.abc import Callable

import pytest

from drivers.errors import Refused, SourceError, TimedOut
from kiosk.loans import Loans, NotLent


class Worker:
    """A worker that lends `source` once, when something waits."""

    def __init__(self, loans: Loans, source: object) -> None:
        self.ended_by: SourceError | None = None
        self._loans, self._source = loans, source
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while self._loans._waiting.empty():
            time.sleep(0.001)
        try:
            self._loans.lend(self._source)  # type: ignore[arg-type]
        except SourceError as error:
            self.ended_by = error

    def __enter__(self) -> "Worker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(5)


def failing(error: Exception) -> Callable[[object], None]:
    def do(_: object) -> None:
        raise error

    return do


def test_what_is_done_with_it_comes_back() -> None:
    loans = Loans("lobi")
    with Worker(loans, "the source"):
        assert loans.borrow(lambda source: (source, threading.current_thread().name), 5)[0] == (
            "the source"
        )


def test_a_broken_session_ends_the_visit_and_a_refusal_does_not() -> None:
    loans = Loans("lobi")
    with Worker(loans, "x") as worker, pytest.raises(TimedOut):
        loans.borrow(failing(TimedOut("silent")), 5)
    assert isinstance(worker.ended_by, TimedOut)
    with Worker(loans, "x") as worker, pytest.raises(Refused):
        loans.borrow(failing(Refused("no")), 5)
    assert worker.ended_by is None


def test_a_terminal_that_goes_away_and_one_that_is_busy_are_said() -> None:
    loans = Loans("lobi")
    with Worker(loans, None), pytest.raises(NotLent, match="lobi: the terminal went away"):
        loans.borrow(lambda source: source, 5)
    done: list[object] = []
    with pytest.raises(NotLent, match=r"busy for 0\.01 s"):
        loans.borrow(done.append, 0.01)
    loans.lend("late")  # type: ignore[arg-type]
    assert done == []  # who had asked has gone: nothing is done behind their back


def test_what_has_begun_is_not_said_to_be_undone() -> None:
    """A technician who reads "try again" would do it twice."""
    loans = Loans("lobi")
    go_on = threading.Event()
    with Worker(loans, "x"):
        with pytest.raises(NotLent, match=r"still being done after 0\.05 s; look before"):
            loans.borrow(lambda _: go_on.wait(5), 0.05)
        go_on.set()
