"""Where a terminal's uploads wait until they are on disk: between the listener and its source.

Whoever asks something of the terminal (`store.py`) waits here too, beside the source and not in its
way.

The listener's threads lay uploads down and wait; the source's thread takes them up one by one and
says when each is recorded. Only then is the terminal answered 200. Whatever is unanswered when the
source ends, or not recorded in time, is answered 503, and the terminal keeps it.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from drivers.zkteco.push.answers import Answer, Dialect
from drivers.zkteco.push.asked import Asked
from drivers.zkteco.push.commands import Command, Order
from drivers.zkteco.push.declined import Declined
from drivers.zkteco.push.people import Census
from drivers.zkteco.push.place import Place
from drivers.zkteco.push.session import Session, Upload

WAITING_MOST: Final = 4
"""Most uploads of one terminal that wait at once."""

ANSWER_WITHIN_S: Final = 20.0
"""Terminals wait for about 30 s."""


class Laid:
    """An upload that somebody waits for; `place` is to be committed with it once it is taken."""

    def __init__(self, upload: Upload) -> None:
        self.upload = upload
        self.place = Place()
        self.recorded = False
        self.settled = False


class Desk:
    """One terminal's. `session` is touched under the desk's lock only."""

    def __init__(self, serial: str, session: Session, within_s: float = ANSWER_WITHIN_S) -> None:
        self.serial = serial
        self._session = session
        self._within_s = within_s
        self._waiting: deque[Laid] = deque()
        self._taken: Laid | None = None
        self._is_open = False
        self._heard_s: float | None = None
        self._turned_away = ""
        self._changed = threading.Condition()  # re-entrant: conditions look at the desk

    # The listener's side.

    def serve(self, asked: Asked, body: bytes) -> Answer:
        """Return the answer to a request once it may be given. Raises Declined."""
        with self._changed:
            return self._served(asked, body)

    def knows(self, address: str) -> bool:
        """Return whether a caller from `address` need not show anything."""
        with self._changed:
            return self._session.knows(address)

    @contextmanager
    def visited(self, asked: Asked, address: str) -> Iterator[None]:
        """Hold while a request comes in and is answered; leave it by an error where it is not.

        Raises Declined where it does not show what it has to.
        """
        with self._changed:
            self._turned_away = address
            self._session.admit(asked, address)
            self._turned_away = ""
            self._heard_s = time.monotonic()
            self._session.enter(asked)
        answered = False
        try:
            yield
            answered = True
        finally:
            with self._changed:
                self._session.leave(asked, answered=answered)

    def _served(self, asked: Asked, body: bytes) -> Answer:
        session = self._session
        if not self._is_open:
            raise Declined(503, "nobody records at the moment")
        meant = session.hear(asked, body, time.monotonic())
        self._changed.notify_all()  # somebody may wait for just that
        if isinstance(meant, Answer):
            return meant
        if not session.is_news(meant):
            return meant.answer
        if len(self._waiting) >= WAITING_MOST:
            raise Declined(503, f"{WAITING_MOST} uploads wait already")
        laid = Laid(meant)
        self._waiting.append(laid)
        self._changed.notify_all()
        self._changed.wait_for(lambda: laid.settled, self._within_s)
        if laid in self._waiting:
            self._waiting.remove(laid)
        if not laid.recorded:
            raise Declined(503, "not recorded in time")
        return meant.answer

    # The source's side.

    def begin(self, place: Place) -> None:
        """Take uploads from now on, going on from `place`."""
        with self._changed:
            self._is_open = True
            self._session.began(place, time.monotonic())

    def take(self, wait_s: float) -> Laid | None:
        """Return the next upload; None when none came in `wait_s`."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting, wait_s)
            if not self._waiting:
                return None
            self._taken = self._waiting.popleft()
            self._taken.place = self._session.known
            return self._taken

    def recorded(self, laid: Laid) -> None:
        """Have `laid` answered: it is on disk, and its place with it.

        It, and not what is taken now: a thread that hung in a commit and was given up on may wake
        while its heir has taken the next one.
        """
        with self._changed:
            self._session.recorded(laid.place)
            laid.recorded = True
            self._settle(laid)
            if laid is self._taken:
                self._taken = None

    def end(self) -> None:
        """Take nothing any more; what is unanswered fails."""
        with self._changed:
            self._is_open = False
            if self._taken is not None:
                self._settle(self._taken)
                self._taken = None
            while self._waiting:
                self._settle(self._waiting.popleft())

    def _settle(self, laid: Laid) -> None:
        laid.settled = True
        self._changed.notify_all()

    # Whoever asks something of the terminal.

    @contextmanager
    def census(self) -> Iterator[Census]:
        """Take in whom the terminal tells of, meanwhile."""
        census = Census()
        with self._changed:
            self._session.census = census
        try:
            yield census
        finally:
            with self._changed:
                self._session.census = None

    def ask(self, *wanted: Command) -> list[Order]:
        """Have the terminal told at its next calls. Raises ValueError if too many wait."""
        with self._changed:
            return [self._session.queue.put(one, time.monotonic()) for one in wanted]

    def withdraw(self, orders: Sequence[Order]) -> None:
        """Have what is still to be told of `orders` not told any more."""
        with self._changed:
            for one in orders:
                self._session.queue.withdraw(one)

    def wait(self, until: Callable[[], bool], within_s: float) -> bool:
        """Wait until something that the terminal may say has come; return whether it has."""
        with self._changed:
            self._changed.wait_for(lambda: until() or not self._is_open, within_s)
            return until()

    @property
    def dialect(self) -> Dialect | None:
        """How the terminal speaks; None while it has not said since this process began."""
        with self._changed:
            return self._session.dialect

    @property
    def wants_users(self) -> bool:
        """Whether somebody asks for the terminal's users now."""
        with self._changed:
            return self._session.census is not None

    # What may be looked at.

    @property
    def heard_s(self) -> float | None:
        """When the terminal called last, by `time.monotonic`; None if never."""
        with self._changed:
            return self._heard_s

    @property
    def turned_away(self) -> str:
        """The address of the last caller if that did not show the communication key, else ""."""
        with self._changed:
            return self._turned_away

    @property
    def is_open(self) -> bool:
        """Whether uploads are taken."""
        with self._changed:
            return self._is_open
