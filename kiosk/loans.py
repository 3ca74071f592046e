"""Borrowing an open source from its worker for a moment: to test a terminal, to write to it.

A terminal has one session, and the worker holds it. Whoever wants something of it hands it to the
worker, which does it between two readings.
"""

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

from drivers.base import Source
from drivers.errors import Refused, SourceError

T = TypeVar("T")


class NotLent(Exception):
    """The terminal cannot be borrowed now; the text says why and what to do."""


class Loans:
    """What is to be done with one source, in the order in which it was asked for."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: SimpleQueue[Callable[[Source | None], None]] = SimpleQueue()

    def borrow(self, do: Callable[[Source], T], within_s: float) -> T:
        """Have `do` done by the worker and return what it returns. Any thread but the worker's.

        Raises:
            NotLent: the terminal went away, or was busy for `within_s` seconds; or `do` has begun
                and takes longer.
            SourceError: as `do` raises it.
        """
        answer = Future[T]()

        def lent(source: Source | None) -> None:
            if not answer.set_running_or_notify_cancel():
                return  # whoever asked has gone
            try:
                if source is None:
                    raise NotLent(f"{self._name}: the terminal went away; see `kiosk status`")
                answer.set_result(do(source))
            except Exception as error:
                answer.set_exception(error)
                if isinstance(error, SourceError) and not isinstance(error, Refused):
                    raise  # nobody knows in which state the session is: it is opened anew

        self._waiting.put(lent)
        try:
            return answer.result(within_s)
        except TimeoutError:
            if answer.cancel():
                why = f"the terminal was busy for {within_s:g} s and nothing was done; try later"
            else:
                why = f"it is still being done after {within_s:g} s; look before doing it again"
            raise NotLent(f"{self._name}: {why}") from None

    def lend(self, source: Source | None) -> None:
        """Do what is waiting, with the open `source`; None when it has been closed."""
        while not self._waiting.empty():
            self._waiting.get()(source)
