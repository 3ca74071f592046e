"""The desk: messages into the database, many in one transaction. For the line and for sticks.

Nothing that is refused costs what came with it: what the database will not take is set aside, and
what another central got in the way of is done again.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol, TypeVar

from sync.central.errors import Contended, StoreRejected
from sync.central.inbox import Answer, Inbox
from sync.central.store import Store

TRIES: Final = 5
"""How often a transaction is begun that another central's gets in the way of."""

log: Final = logging.getLogger(__name__)


class Said(Protocol):
    """A message, however it came."""

    @property
    def topic(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def encoding(self) -> str: ...


S = TypeVar("S", bound=Said)


class Desk:
    """Takes messages in, and commits what they say before it returns the answers."""

    def __init__(self, store: Store, inbox: Inbox) -> None:
        self._store = store
        self._inbox = inbox

    def take_in(self, messages: Sequence[S]) -> list[tuple[S, Answer]]:
        """Return the answers to `messages`, now that what they say is in the database.

        Raises StoreError; then nothing of them is, or what is of them will be taken for known.
        """
        try:
            return self._together(messages)
        except StoreRejected as error:
            if len(messages) > 1:  # find the one that is refused, and keep the others
                return [pair for one in messages for pair in self.take_in([one])]
            log.error("a message on %s is set aside: %s", messages[0].topic, error)
            with self._store.writing() as tx:
                self._inbox.set_aside(tx, messages[0].topic, messages[0].payload, error)
            return [(messages[0], None)]

    def _together(self, messages: Sequence[S]) -> list[tuple[S, Answer]]:
        """Take all of them in, in one transaction; again where another central was in its way."""
        for _ in range(TRIES - 1):
            with suppress(Contended):
                return self._once(messages)
        return self._once(messages)

    def _once(self, messages: Sequence[S]) -> list[tuple[S, Answer]]:
        with self._store.writing() as tx:
            self._inbox.hold(tx, (one.topic for one in messages))
            return [
                (one, self._inbox.receive(tx, one.topic, one.payload, one.encoding))
                for one in messages
            ]
