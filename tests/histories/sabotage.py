"""Mistakes that the histories must find: each spoils the product in one place, in this process.

A simulation that finds nothing proves nothing until it has been seen to find something.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sync.central import prefix
from sync.central.errors import StoreUnavailable
from sync.central.inbox import Inbox
from sync.central.intake import Intake
from sync.edge.delivery import Delivery
from sync.protocol.errors import Malformed
from sync.protocol.receipt import Receipt


def any_nonce() -> None:
    """A kiosk believes whatever was said before its latest hello."""
    received = Delivery.received

    def spoilt(self: Delivery, receipt: Receipt, now: float) -> Any:
        self._nonce = receipt.nonce or self._nonce
        return received(self, receipt, now)

    Delivery.received = spoilt  # type: ignore[method-assign]


def any_head() -> None:
    """A kiosk does not compare central's history with its own."""
    Delivery._agrees = lambda *_: True  # type: ignore[method-assign]


def answers_before_commit() -> None:
    """Central says receipt while it can still be rolled back."""

    def settle(self: Intake, line: Any, heard: Sequence[Any]) -> None:
        with self.desk._store.writing() as tx:
            for _, letter in heard:
                self._answer(line, self.desk._inbox.take_in(tx, letter))
        for message, _ in heard:
            line.confirm(message)

    Intake.commit = lambda _, heard: list(heard)  # type: ignore[method-assign, assignment]
    Intake.settle = settle  # type: ignore[method-assign, assignment]


def islands_stay() -> None:
    """Central does not run on through what arrived before its time."""
    prefix.run_on = lambda _, line: (line, [])


def poison_stalls() -> None:
    """Central takes a message that it cannot read for a failure of its own."""
    give = Inbox._give

    def spoilt(self: Inbox, *words: Any) -> Any:
        try:
            return give(self, *words)
        except Malformed as error:
            raise StoreUnavailable(str(error)) from error

    Inbox._give = spoilt  # type: ignore[method-assign, assignment]


SABOTAGE: Final[dict[str, Callable[[], None]]] = {
    one.__name__: one
    for one in (any_nonce, any_head, answers_before_commit, islands_stay, poison_stalls)
}
