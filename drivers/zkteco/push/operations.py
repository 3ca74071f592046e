"""OPERLOG bodies: what was done to the terminal, as far as an auditor will ask about it.

The same bodies carry users, templates and pictures. Those lines are dropped as they are met (but
for users, where they were asked for: `people.py`): nothing of them is kept, counted or logged.

Source: the protocol page zk-push, section 5.
"""

from enum import IntEnum
from typing import Final

from drivers.base import Event
from drivers.zkteco.push.lines import lines, naive_time, number

OPLOG: Final = b"OPLOG "
"""What a line of the operation log begins with; all others are about people."""

SHOWN_MOST: Final = 200
"""Most bytes of a line that could not be read in an event's detail."""

_TEXT_MOST: Final = 64


class Operation(IntEnum):
    """The operation codes that an auditor asks about."""

    MENU = 4
    USER_DELETED = 9
    DATA_CLEARED = 13
    CLOCK_SET = 21
    FACTORY_RESET = 22
    LOG_CLEARED = 23
    ADMINS_CLEARED = 24


ACTIONS: Final[dict[int, str]] = {
    Operation.MENU: "terminal menu opened",
    Operation.USER_DELETED: "terminal user deleted",
    Operation.DATA_CLEARED: "terminal data cleared",
    Operation.CLOCK_SET: "terminal clock set",
    Operation.FACTORY_RESET: "terminal reset",
    Operation.LOG_CLEARED: "terminal log cleared",
    Operation.ADMINS_CLEARED: "terminal admins cleared",
}
"""The verb phrases of docs/PROTOCOL.md."""

UNREADABLE: Final = "terminal operation unreadable"


def operations(body: bytes) -> list[Event]:
    """Return what an auditor will ask about. Raises Declined where there are too many lines."""
    return [
        event
        for line in lines(body)
        if line.startswith(OPLOG) and (event := _event(line)) is not None
    ]


def _event(line: bytes) -> Event | None:
    """`OPLOG op, admin, time, obj1, obj2, obj3, obj4`, tabs between."""
    text = line.removeprefix(OPLOG).decode("utf-8", "replace")
    code, admin, when, *objects = [*text.split("\t"), "", ""]
    time = naive_time(when.strip())
    if not time or number(code.strip()) < 0:
        return Event(action=UNREADABLE, time="", detail={"raw": line[:SHOWN_MOST].hex()})
    action = ACTIONS.get(number(code.strip()))
    if action is None:
        return None
    said = [_shown(one) for one in objects[:4]]
    return Event(
        action=action,
        time=time,
        by="" if admin.strip() in ("", "0") else _shown(admin),
        detail={f"object {n}": one for n, one in enumerate(said, 1) if one not in ("", "0")},
    )


def _shown(text: str) -> str:
    """Return a field as it may stand in an entry."""
    return "".join(one if one.isprintable() else "?" for one in text.strip()[:_TEXT_MOST])
