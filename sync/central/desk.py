"""The desk: messages into the database, many in one transaction. For the line and for sticks.

Nothing that is refused costs what came with it: what the database will not take is set aside, and
what another central got in the way of is done again.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from sync.central.errors import Contended, StoreRejected
from sync.central.inbox import Answer, Inbox, Letter, read
from sync.central.store import Store

TRIES: Final = 5
"""How often a transaction is begun that another central's gets in the way of."""

log: Final = logging.getLogger(__name__)


class Desk:
    """Takes messages in, and commits what they say before it returns the answers."""

    def __init__(self, store: Store, inbox: Inbox) -> None:
        self._store = store
        self._inbox = inbox

    def read(self, topic: str, payload: bytes, encoding: str) -> Letter:
        """Read one message, and do with it what can be done before its transaction begins."""
        letter = read(topic, payload, encoding)
        if letter.batch is not None:
            self._store.get_ready(letter.batch.arrivals)
        return letter

    def take_in(self, letters: Sequence[Letter]) -> list[Answer]:
        """Return the answers to `letters`, one each, now that what they say is in the database.

        Raises StoreError; then nothing of them is, or what is of them will be taken for known.
        """
        try:
            return self._together(letters)
        except StoreRejected as error:
            if len(letters) > 1:  # find the one that is refused, and keep the others
                return [answer for one in letters for answer in self.take_in([one])]
            [letter] = letters
            log.error("a message on %s is set aside: %s", letter.topic, error)
            with self._store.writing() as tx:
                self._inbox.set_aside(tx, letter.topic, letter.payload, error)
            return [None]

    def _together(self, letters: Sequence[Letter]) -> list[Answer]:
        """Take all of them in, in one transaction; again where another central was in its way."""
        for _ in range(TRIES - 1):
            with suppress(Contended):
                return self._once(letters)
        return self._once(letters)

    def _once(self, letters: Sequence[Letter]) -> list[Answer]:
        with self._store.writing() as tx:
            self._inbox.hold(tx, letters)
            return self._inbox.take_in_all(tx, letters)
