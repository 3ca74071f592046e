"""Commands to a terminal: what may be said, and that each is heard of in the end.

A command is repeated until the terminal says what became of it, it cannot be done, or its time is
up; so only such as may be done twice exist here. None of them runs anything on a terminal; those
that write or delete are about one user (`people.py`).

    queued -> told -> done | failed         a result with its id came
              told -> queued                none came in `REPEAT_S`, twice that, ...; or busy
    queued, told -> expired                 its time is up, or whoever asked has gone

Source: the protocol page zk-push, sections 6 and 7.
"""

import re
from collections.abc import Iterator
from enum import Enum
from typing import Final

from msgspec import Struct

from drivers.zkteco.push.lines import fields, lines

LIFE_S: Final = 86_400.0
"""How long a command is worth repeating."""

REPEAT_S: Final = 60.0
"""How long a terminal has for a result before it is told again; doubled with every repetition."""

REPEAT_MOST_S: Final = 3600.0
WAITING_MOST: Final = 50
"""Most commands that wait for one terminal."""

TOLD_MOST: Final = 20
"""Most commands in one answer; the vendor advises against more than 200."""

_REMEMBERED: Final = 20
_RESULT: Final = re.compile(rb"(?i)(?:^|[&\r\n])ID=(\d{1,9})[&\r\n]+Return=(-?\d{1,9})")


class Outcome(Enum):
    """What has become of a command."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"


class Return(Enum):
    """The return codes that change what we do; all other negative ones are failures."""

    BUSY = -1005
    TIMED_OUT = -1003


_AGAIN: Final = frozenset(code.value for code in Return)


class Command(Struct, frozen=True):
    """A command's text, as it stands behind its id."""

    text: str

    def __post_init__(self) -> None:
        # A line break would begin a second command.
        if not re.fullmatch(r"[\x20-\x7e\t]{1,1024}", self.text):
            raise ValueError("a command is one line of 1 to 1024 printable characters and tabs")


CHECK: Final = Command("CHECK")
"""Look at the options again, stamps among them."""

INFO: Final = Command("INFO")
"""Say what there is: firmware, users, records."""


REBOOT: Final = Command("REBOOT")
"""Start anew; for a technician, nothing here asks for it by itself."""


def query_attlog(since: str, until: str) -> Command:
    """Have punches sent again, from and to `YYYY-MM-DD hh:mm:ss` of the terminal's clock."""
    return Command(f"DATA QUERY ATTLOG StartTime={since}\tEndTime={until}")


class Result(Struct, frozen=True):
    """What a terminal says of the command `id`; negative codes are failures."""

    id: int
    code: int


def results(body: bytes) -> list[Result]:
    """Return the results in a devicecmd body, on one line or one to a line each."""
    return [Result(int(match[1]), int(match[2])) for match in _RESULT.finditer(body)]


def told_facts(body: bytes) -> dict[str, str]:
    """Return the `Key=value` lines behind a result of INFO, names in small letters.

    Raises Declined where there are too many lines.
    """
    found: dict[str, str] = {}
    for line in lines(body):
        if b"&" not in line:
            found |= fields(line)
    return found


class Order(Struct):
    """A command on its way.

    Attributes:
        due_s: from when on it may be told, and `until_s` until when, on the monotonic clock.
        told: how often it was.
        code: the terminal's return code; None before there is one.
    """

    id: int
    command: Command
    due_s: float
    until_s: float
    told: int = 0
    outcome: Outcome = Outcome.WAITING
    code: int | None = None


class Queue:
    """The commands for one terminal. Pure: it is told the time."""

    def __init__(self, first_id: int = 1) -> None:
        self._next = first_id
        self._waiting: dict[int, Order] = {}
        self._settled: list[Order] = []

    def __iter__(self) -> Iterator[Order]:
        yield from self._settled
        yield from self._waiting.values()

    @property
    def waiting(self) -> int:
        """Return how many have no outcome yet."""
        return len(self._waiting)

    def put(self, command: Command, now_s: float) -> Order:
        """Queue `command`, unless it waits already; return its order. Raises ValueError if full."""
        self._expire(now_s)
        for order in self._waiting.values():
            if order.command == command:
                return order
        if len(self._waiting) >= WAITING_MOST:
            raise ValueError(f"{WAITING_MOST} commands wait for this terminal already")
        order = Order(self._next, command, now_s, now_s + LIFE_S)
        self._next += 1
        self._waiting[order.id] = order
        return order

    def tell(self, now_s: float) -> list[str]:
        """Return the lines of what is due now; each is due again later."""
        self._expire(now_s)
        due = [order for order in self._waiting.values() if order.due_s <= now_s][:TOLD_MOST]
        due.sort(key=lambda order: order.command == REBOOT)  # what comes behind it is lost
        for order in due:
            order.due_s = now_s + min(REPEAT_S * 2**order.told, REPEAT_MOST_S)
            order.told = min(order.told + 1, 16)
        return [f"C:{order.id}:{order.command.text}" for order in due]

    def heard(self, result: Result, now_s: float) -> Order | None:
        """Take in a result and return whose it is; None for an old one.

        Old is what nobody waits for: told twice, or of before a restart.
        """
        order = self._waiting.get(result.id)
        if order is None:
            return None
        order.code = result.code
        if result.code in _AGAIN:
            order.due_s = now_s + REPEAT_S
        else:
            self._settle(order, Outcome.DONE if result.code >= 0 else Outcome.FAILED)
        return order

    def withdraw(self, order: Order) -> None:
        """Do not tell it again: nobody wants it any more."""
        if order.id in self._waiting:
            self._settle(order, Outcome.EXPIRED)

    def _expire(self, now_s: float) -> None:
        for order in [one for one in self._waiting.values() if one.until_s <= now_s]:
            self._settle(order, Outcome.EXPIRED)

    def _settle(self, order: Order, outcome: Outcome) -> None:
        order.outcome = outcome
        del self._waiting[order.id]
        self._settled = [*self._settled[1 - _REMEMBERED :], order]
