"""One terminal's connection: its requests read within their limits, its answers sent.

Every wait has an end: for the next request, for the whole of its head, for the whole of its body.
"""

import contextlib
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, Protocol

from drivers.zkteco.push.answers import Answer
from drivers.zkteco.push.asked import Asked, Endpoint, Verb, understood
from drivers.zkteco.push.bodies import body_for
from drivers.zkteco.push.declined import Declined
from drivers.zkteco.push.http import Conversation, End, Head
from drivers.zkteco.push.limits import Room

IDLE_S: Final = 75.0
"""How long a connection may be silent between requests."""

HEAD_WITHIN_S: Final = 15.0
"""How long a request's head may take from its first byte on."""

BODY_WITHIN_S: Final = 60.0
"""How long its body may take."""

LINGER_S: Final = 1.0
"""How long what was still under way is read after a refusal, so that the refusal arrives."""

RECEIVE_BYTES: Final = 16_384
"""Most bytes read at once."""


class House(Protocol):
    """What a connection is served by."""

    room: Room

    def admitted(self, asked: Asked, address: str) -> AbstractContextManager[None]:
        """Refuse a request by its head alone, or hold until it is answered. Raises Declined."""

    def wants_users(self, asked: Asked) -> bool:
        """Return whether the terminal that asks was itself asked for its users."""

    def serve(self, asked: Asked, body: bytes) -> Answer:
        """Return the answer to a whole request. Raises Declined."""

    def date(self) -> str:
        """Return the date for an answer's head; "" while the clock is not trusted."""


class Caller:
    """Serves one connection until it ends."""

    def __init__(self, line: socket.socket, address: str, house: House) -> None:
        self._line = line
        self._address = address
        self._house = house
        self._talk = Conversation()
        self._held = 0

    def run(self, stopping: Callable[[], bool]) -> None:
        """Serve. A caller that vanishes or is too slow is hung up on."""
        # A connection that breaks is the caller's business: it will call again.
        with self._line, contextlib.suppress(OSError):
            while not stopping():
                try:
                    head = self._head()
                    if head is None:
                        return
                    answer = self._answer(head)
                except Declined as refusal:
                    answer = Answer(refusal.status, refusal.why)
                finally:
                    self._house.room.give(self._held)
                    self._held = 0
                self._line.settimeout(BODY_WITHIN_S)
                self._line.sendall(self._talk.answer(answer, self._house.date()))
                if not self._talk.goes_on():
                    self._linger()
                    return

    def _head(self) -> Head | None:
        """Return the next request's head; None when there is none. Raises Declined, OSError."""
        found = self._talk.next()
        if found is None:
            self._receive(time.monotonic() + IDLE_S)
            found = self._next(time.monotonic() + HEAD_WITHIN_S)
        return found if isinstance(found, Head) else None

    def _answer(self, head: Head) -> Answer:
        asked = understood(head.method, head.target)
        with self._house.admitted(asked, self._address):
            uploads = asked.endpoint in (Endpoint.CDATA, Endpoint.QUERYDATA)
            if uploads and asked.verb is Verb.POST and not head.is_framed:
                # Taken for an empty one it would be answered 200, and what it holds be lost.
                raise Declined(411, "an upload without a length")
            return self._served(asked)

    def _served(self, asked: Asked) -> Answer:
        if leave := self._talk.interim():
            self._line.sendall(leave)
        wants_users = self._house.wants_users(asked)
        body, until_s = body_for(asked, users=wants_users), time.monotonic() + BODY_WITHIN_S
        while (piece := self._next(until_s)) is not End.REQUEST:
            if not isinstance(piece, bytes):
                raise Declined(400, "the body was cut off")
            more = body.feed(piece)
            self._house.room.take(more)
            self._held += more
        return self._house.serve(asked, body.content())

    def _next(self, until_s: float) -> Head | bytes | End:
        """Return what comes next. Raises Declined, and TimeoutError when it takes too long."""
        while (found := self._talk.next()) is None:
            self._receive(until_s)
        return found

    def _receive(self, until_s: float) -> None:
        """Read once. Raises TimeoutError, OSError."""
        left_s = until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._line.settimeout(left_s)
        self._talk.feed(self._line.recv(RECEIVE_BYTES))

    def _linger(self) -> None:
        self._line.shutdown(socket.SHUT_WR)
        until_s = time.monotonic() + LINGER_S
        while (left_s := until_s - time.monotonic()) > 0:
            self._line.settimeout(left_s)
            if not self._line.recv(RECEIVE_BYTES):
                return
