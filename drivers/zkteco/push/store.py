"""What may be asked of a terminal that calls: its users. It is told when it calls next.

Everything waits for the terminal, which asks for commands every ten seconds or so; its punches are
taken meanwhile. A command whose result does not come is told again, and withdrawn when whoever
asked has given up: nothing is done hours later. What is written is read back.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NoReturn

from drivers.errors import NotOffered, Refused, TimedOut
from drivers.store import Facts, Known, Template, TerminalUser
from drivers.zkteco.push import people
from drivers.zkteco.push.answers import Dialect
from drivers.zkteco.push.commands import CHECK, INFO, TOLD_MOST, Command, Order, Outcome
from drivers.zkteco.push.desk import Desk

WITHIN_S: Final = 50.0
"""How long a terminal may take: to call, to do what it is told, and to say so."""

NOBODY: Final = frozenset({-4, -10})
"""The return codes that say that there was nobody to remove."""


class PushStore:
    """Implements `drivers.store.Store` as far as the protocol goes. For one thread at a time."""

    def __init__(self, desk: Desk, where: str, within_s: float = WITHIN_S) -> None:
        self._desk = desk
        self._where = where
        self._within_s = within_s

    def users(self) -> Sequence[TerminalUser]:
        """Return everybody whom the terminal knows, without cards' and passwords' secrets.

        Raises:
            TimedOut: it did not answer, or told of another number of users than it counts.
            NotOffered: it speaks a dialect that is not known to tell.
        """
        dialect = self._dialect()
        wanted = [people.query(dialect)]
        if dialect is not Dialect.ACCESS:
            wanted.append(INFO)  # it says how many they are
        with self._desk.census() as census:
            orders = self._desk.ask(*wanted)
            try:
                is_told = self._desk.wait(
                    lambda: _is_settled(orders[:1]) and census.is_whole, self._within_s
                )
            finally:
                self._desk.withdraw(orders)
            if orders[0].outcome is Outcome.FAILED and not _found_nobody(orders[0]):
                raise self._refused(orders[0])
            if not is_told:
                counted = "not said" if census.count is None else census.count
                raise TimedOut(
                    f"{self._where}: in {self._within_s:.0f} s it told of {len(census.people)} "
                    f"users and not that these are all; its own count: {counted}",
                    hint="It may be busy or off; its users are compared again later",
                )
            return census.people

    def kept(self, name: str) -> str:
        """Return as much of a name as a command carries."""
        return people.kept(name)

    def write(self, wanted: Sequence[Known]) -> None:
        """Make people known, or known anew under their name; fingers cannot be sent.

        The first one alone: firmware that loses a card or gives rights with a new name is found out
        by one person.

        Raises Refused at the first whom the terminal does not take, or does not keep as written.
        """
        if any(known.fingers for known in wanted):
            self._not_offered("fingers are not written to it")
        dialect = self._dialect()
        for part in (wanted[:1], wanted[1:]):
            if part:
                users = [known.user for known in part]
                self._have_done([people.write(dialect, one.user, one.name) for one in users])
                self._check(users)

    def remove(self, *users: str) -> None:
        """Forget people, with their fingers: these first, or who gets the number would have them.

        Raises Refused: whoever is still there has not been touched but for fingers.
        """
        dialect = self._dialect()
        fingers = [people.delete_fingers(dialect, user) for user in users]
        self._have_done([one for one in fingers if one is not None], NOBODY)
        self._have_done([people.delete(dialect, user) for user in users], NOBODY)
        for one in self.users():
            if one.user in users:
                raise self._not_kept(f"user {one.user} is still there after being removed")

    # What cannot be asked.

    def facts(self) -> Facts:
        """Raises NotOffered."""
        self._not_offered("it says of itself only what it wants to")

    def sound(self) -> None:
        """Raises NotOffered."""
        self._not_offered("nothing in its protocol makes it be heard")

    def templates(self) -> Sequence[Template]:
        """Raises NotOffered: fingers are never asked for."""
        self._not_offered("fingers are never asked for")

    def set_clock(self, shown: datetime) -> None:
        """Raises NotOffered: it takes the time from the answers that it gets."""
        self._not_offered("it takes the time from this kiosk by itself")

    def restart(self) -> None:
        """Raises NotOffered."""
        self._not_offered("it is not restarted from here")

    def set_comm_key(self, key: int) -> None:
        """Raises NotOffered."""
        self._not_offered("its key is set in its own menu")

    # How.

    def _dialect(self) -> Dialect:
        """Return how the terminal speaks; one that has not said since our start is asked.

        Raises NotOffered, TimedOut.
        """
        if self._desk.dialect is None:
            orders = self._desk.ask(CHECK)
            self._desk.wait(lambda: self._desk.dialect is not None, self._within_s)
            self._desk.withdraw(orders)
        match self._desk.dialect:
            case None:
                raise TimedOut(
                    f"{self._where}: it has not said which protocol it speaks since this kiosk "
                    "began",
                    hint="It says so when it starts: restart the terminal",
                )
            case Dialect.OLD:
                self._not_offered("firmware as old as its is not known to take users")
            case dialect:
                return dialect

    def _have_done(self, commands: Sequence[Command], fine: frozenset[int] = frozenset()) -> None:
        """Return once all is done; failing with a code of `fine` is done too.

        Raises TimedOut, Refused.
        """
        for start in range(0, len(commands), TOLD_MOST):
            for one in self._told(commands[start : start + TOLD_MOST]):
                if one.outcome is not Outcome.DONE and one.code not in fine:
                    raise self._refused(one)

    def _told(self, commands: Sequence[Command]) -> Sequence[Order]:
        """Return what became of as many commands as fit into one answer. Raises TimedOut."""
        orders = self._desk.ask(*commands)
        try:
            if not self._desk.wait(lambda: _is_settled(orders), self._within_s):
                raise TimedOut(
                    f"{self._where}: no word of what became of a command in {self._within_s:.0f} s",
                    hint="It may have been done all the same; its users are compared again later",
                )
        finally:
            self._desk.withdraw(orders)
        return orders

    def _check(self, wanted: Sequence[TerminalUser]) -> None:
        """Read back what was written. Raises Refused."""
        there = {one.user: one for one in self.users()}
        for user in wanted:
            kept = there.get(user.user)
            if kept is None:
                raise self._not_kept(f"user {user.user} is not there after being written")
            if not _is_name(kept.name, people.kept(user.name)):
                raise self._not_kept(f"user {user.user} has another name than the one written")
            if (kept.privilege, kept.card) != (user.privilege, user.card):
                raise self._not_kept(f"user {user.user} has got other rights or another card")

    def _refused(self, order: Order) -> Refused:
        # Not the command: it names somebody.
        return Refused(
            f"{self._where}: it refused `{' '.join(order.command.text.split(' ')[:3])[:40]}` with "
            f"code {order.code}",
            hint="Do it in the terminal's own menu, and send this with its model",
        )

    def _not_kept(self, what: str) -> Refused:
        return Refused(
            f"{self._where}: it said yes and did otherwise: {what}",
            hint="Do it in the terminal's own menu, and send this with its model",
        )

    def _not_offered(self, why: str) -> NoReturn:
        raise NotOffered(
            f"{self._where}: this terminal calls the kiosk, and {why}",
            hint="Do it at the terminal, or read it over 4370 as well",
        )


def _is_settled(orders: Sequence[Order]) -> bool:
    return all(one.outcome is not Outcome.WAITING for one in orders)


def _is_name(kept: str, written: str) -> bool:
    """Whether a terminal that may cut it has kept a name."""
    return kept == written or (kept != "" and written.startswith(kept))


def _found_nobody(order: Order) -> bool:
    return order.code in NOBODY
