"""Who a simulated push terminal knows: changed by commands, told of when it is asked.

Written from the protocol page zk-push alone, apart from the driver's codec. Both dialects: in that
for access fingers are a table of their own, which stays behind when only the user is deleted.
"""

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from drivers.sim.people import Person
from drivers.sim.zkpushfaults import PushFaults
from drivers.sim.zkpushwire import PushProfile

DONE: Final = 0
BAD: Final = -1
NO_SUCH_PIN: Final = -10
UNKNOWN: Final = -1002


class Kept(Struct):
    """One user as the terminal keeps them."""

    pin: str
    name: str = ""
    rights: int = 0
    password: str = ""
    card: int = 0


class Upload(Struct, frozen=True):
    """Lines to be posted, and where."""

    endpoint: str
    query: dict[str, str]
    lines: list[str]


class PushPeople:
    """The tables of users and fingers.

    Attributes:
        users: by PIN, in the order in which they came.
        fingers: by PIN, whose finger it is.
    """

    def __init__(self, staff: Sequence[Person], profile: PushProfile, faults: PushFaults) -> None:
        self._profile = profile
        self._faults = faults
        self._access = profile.access
        self._name_most = profile.name_most
        self.users: dict[str, Kept] = {}
        self.fingers: dict[str, str] = {}
        for one in staff:
            self.enrol(one)

    def enrol(self, person: Person, finger_of: str = "") -> None:
        """Make somebody known in the terminal's own menu, with a finger where that is said."""
        name = person.name[: self._name_most]
        self.users[person.user_id] = Kept(
            person.user_id, name, person.privilege, person.password, person.card
        )
        if finger_of:
            self.fingers[person.user_id] = finger_of

    def obey(self, command: str) -> int | None:
        """Carry out a command that changes somebody; None for any other command."""
        faults = self._faults
        if faults.refuses_users and command.startswith("DATA ") and "ATTLOG" not in command:
            return UNKNOWN
        said = re.fullmatch(r"DATA (UPDATE|DELETE) (USERINFO|user|biodata)(?: (.*))?", command)
        if said is None or (said[2] == "USERINFO") is self._access:
            return None
        fields = dict(one.split("=", 1) for one in (said[3] or "").split("\t") if "=" in one)
        fields = {name.lower(): value for name, value in fields.items()}
        if faults.refuses_fingers and said[2] == "biodata":
            return UNKNOWN
        if faults.forgets_users:
            return DONE
        if said[1] == "DELETE":
            return self._delete(said[2], fields.get("pin"))
        if said[2] == "biodata" or not fields.get("pin"):
            return BAD
        before = Kept(fields["pin"]) if faults.resets_users else self.users.get(fields["pin"])
        user = before or Kept(fields["pin"])
        user.name = fields.get("name", user.name)[: self._name_most]
        user.rights = int(fields.get("pri", fields.get("privilege", user.rights)))
        self.users[user.pin] = user
        return DONE

    def _delete(self, table: str, pin: str | None) -> int:
        tables: list[dict[str, Kept] | dict[str, str]] = [self.fingers]
        if table != "biodata":
            tables = [self.users] if self._access else [self.users, self.fingers]
        for one in tables:
            if pin is None:  # everybody, as the page warns
                one.clear()
        if pin is None:
            return DONE
        found = [one.pop(pin, None) for one in tables]
        return DONE if found[0] is not None else NO_SUCH_PIN

    def lines(self) -> list[str]:
        """Return a line for every user, keypad password and all."""
        if self._access:
            return [
                f"user uid={n}\tcardno={one.card}\tpin={one.pin}\tpassword={one.password}\tgroup=1"
                f"\tstarttime=0\tendtime=0\tname={one.name}\tprivilege={one.rights}\tdisable=0"
                for n, one in enumerate(self.users.values(), 1)
            ]
        return [
            f"USER PIN={one.pin}\tName={one.name}\tPri={one.rights}\tPasswd={one.password}"
            f"\tCard=[{one.card:010x}]\tGrp=1\tTZ=0000000100000000\tVerify=-1"
            for one in self.users.values()
        ]

    def uploads(self, number: int) -> list[Upload]:
        """Return in what everybody is told of, being asked by command `number`."""
        lines, found, profile = self.lines(), [], self._profile
        if self._faults.tells_half:
            lines = lines[: len(lines) // 2]
        for start in range(0, len(lines), profile.batch):
            part = lines[start : start + profile.batch]
            endpoint, query = "cdata", {"table": profile.users_table}
            if self._access:
                endpoint = "querydata"
                query = {"type": "tabledata", "cmdid": f"{number}", "tablename": "user"}
                query["count"] = f"{len(part)}"
            found.append(Upload(endpoint, query, part))
        return found

    def is_query(self, command: str) -> bool:
        """Whether a command asks for everybody."""
        if self._access:
            return command == "DATA QUERY tablename=user,fielddesc=*,filter=*"
        return command == "DATA QUERY USERINFO"
