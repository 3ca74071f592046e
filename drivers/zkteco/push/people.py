"""Users in the push protocol: the commands about them, and the lines in which they are told. Pure.

Only what a roster needs: user id, name, and whether somebody has menu rights. Keypad passwords are
withheld before a line is looked at; templates and pictures are never asked for. A command about a
user names one: without a PIN some firmware takes it for everybody.

    attendance 2.x                              access 3.x
    DATA QUERY USERINFO                         DATA QUERY tablename=user,fielddesc=*,filter=*
    DATA UPDATE USERINFO PIN=..\\tName=..        DATA UPDATE user Pin=..\\tName=..
    DATA DELETE USERINFO PIN=..                 DATA DELETE biodata Pin=.., DATA DELETE user Pin=..

Source: the protocol page zk-push, sections 5, 7 and 8.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from drivers.errors import Refused
from drivers.store import Privilege, TerminalUser
from drivers.zkteco.push.answers import Dialect
from drivers.zkteco.push.commands import Command
from drivers.zkteco.push.lines import lines, number

USER: Final = b"USER "
"""What a line of OPERLOG begins with that tells of a user."""

TABLE: Final = "user"
"""The access dialect's table of them."""

NAME_MOST: Final = 24
"""Longest name, characters."""

PEOPLE_MOST: Final = 100_000
"""Nobody has so many; a terminal that tells of more is not believed."""

_PIN: Final = re.compile(r"[A-Za-z0-9]{1,24}")
_HEX_CARD: Final = re.compile(r"\[[0-9A-Fa-f]{1,16}\]")
_PRIVILEGES: Final = {
    0: Privilege.USER,
    2: Privilege.ENROLLER,
    6: Privilege.MANAGER,
    14: Privilege.ADMIN,
}


def kept(name: str) -> str:
    """Return as much of a name as a command carries: ASCII, for nobody says which code is meant."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "".join(one if one.isprintable() else " " for one in plain)[:NAME_MOST].rstrip()


def query(dialect: Dialect) -> Command:
    """Have everybody told."""
    if dialect is Dialect.ACCESS:
        return Command(f"DATA QUERY tablename={TABLE},fielddesc=*,filter=*")
    return Command("DATA QUERY USERINFO")


def write(dialect: Dialect, user: str, name: str) -> Command:
    """Make somebody known, or give them another name; whatever else they have stays.

    Raises Refused where the user id cannot be said.
    """
    fields = f"{_pin(dialect, user)}\tName={kept(name)}"
    return Command(f"DATA UPDATE {_table(dialect)} {fields}")


def delete(dialect: Dialect, user: str) -> Command:
    """Forget somebody; in the attendance dialect with their fingers. Raises Refused."""
    return Command(f"DATA DELETE {_table(dialect)} {_pin(dialect, user)}")


def delete_fingers(dialect: Dialect, user: str) -> Command | None:
    """Forget somebody's fingers where they are a table of their own. Raises Refused.

    To be done before `delete`: fingers that stay behind would be the next one's.
    """
    if dialect is not Dialect.ACCESS:
        return None
    return Command(f"DATA DELETE biodata {_pin(dialect, user)}")


def _table(dialect: Dialect) -> str:
    return TABLE if dialect is Dialect.ACCESS else "USERINFO"


def _pin(dialect: Dialect, user: str) -> str:
    if not _PIN.fullmatch(user):
        raise Refused(
            f"user id {user!r} cannot be said in a command: letters and digits only, at most 24",
            hint="Give them another user id",
        )
    return f"{'Pin' if dialect is Dialect.ACCESS else 'PIN'}={user}"


def users(body: bytes) -> list[TerminalUser]:
    """Return the users in the lines of a body. Raises Declined where there are too many lines."""
    found = []
    for line in lines(body):
        word, _, rest = line.partition(b" ")
        if word.lower() == b"user" and (user := _user(rest)) is not None:
            found.append(user)
    return found


def _user(rest: bytes) -> TerminalUser | None:
    """`PIN=..\\tName=..\\tPri=..` or `uid=..\\tpin=..\\tname=..\\tprivilege=..`, in any order."""
    said: dict[str, str] = {}
    for field in rest.decode("utf-8", "replace").split("\t"):
        name, _, value = field.partition("=")
        said[name.strip().lower()] = value.strip("\0 ")
    if not said.get("pin"):
        return None
    # What is not told, or named by no page, may be more than a user's rights.
    rights = said.get("pri", said.get("privilege", "none"))
    return TerminalUser(
        user=said["pin"],
        name=said.get("name", ""),
        privilege=_PRIVILEGES.get(number(rights or "0"), Privilege.ADMIN),
        card=_card(said.get("card", said.get("cardno", ""))),
    )


def _card(text: str) -> int:
    """Return a card's number; in brackets it is hexadecimal."""
    if _HEX_CARD.fullmatch(text):
        return int(text[1:-1], 16)
    return number(text, 0)


class Census:
    """Everybody whom a terminal tells of after being asked, and whether that is all of them.

    It tells of users, and of having done so, in requests that may be lost or come twice, and
    nothing marks the last. So it is whole only when as many came as the terminal itself counts;
    where it has counted differently, the most. A part taken for the whole would have the others
    written anew, and hide whose fingers they have.
    """

    def __init__(self) -> None:
        self._people: dict[str, TerminalUser] = {}
        self.count: int | None = None  # how many the terminal says they are

    @property
    def people(self) -> list[TerminalUser]:
        """Who was told of so far."""
        return list(self._people.values())

    @property
    def is_whole(self) -> bool:
        """Whether that is everybody."""
        return len(self._people) == self.count

    def take(self, told: Sequence[TerminalUser]) -> None:
        """Take in what was told."""
        for one in told:
            if len(self._people) < PEOPLE_MOST:
                self._people[one.user] = one

    def counted(self, count: int) -> None:
        """Take in how many the terminal says it has."""
        if count >= 0:
            self.count = max(count, self.count or 0)
