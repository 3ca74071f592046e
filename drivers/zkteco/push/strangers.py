"""Terminals that call and that nobody has approved: who, from where, and what they said.

They are refused and keep their data; a technician looks here and approves, or does not.
"""

import threading
from collections import OrderedDict
from typing import Final

from drivers.base import Stranger
from drivers.zkteco.push.asked import Asked

STRANGERS_MOST: Final = 32
"""So many are remembered; whoever was not heard of longest is forgotten first."""

_SAID: Final = ("pushver", "devicetype", "info")


class Strangers:
    """Those of late. Safe for threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Stranger] = OrderedDict()
        self._lock = threading.Lock()

    def saw(self, asked: Asked, address: str, utc: int) -> None:
        """Remember a call."""
        with self._lock:
            before = self._known.pop(asked.serial, None)
            self._known[asked.serial] = Stranger(
                serial=asked.serial,
                address=address,
                first=utc if before is None else before.first,
                last=utc,
                calls=1 if before is None else before.calls + 1,
                said=_said(asked) or ("" if before is None else before.said),
            )
            if len(self._known) > STRANGERS_MOST:
                self._known.popitem(last=False)

    def forget(self, serial: str) -> None:
        """Drop one that is none any more."""
        with self._lock:
            self._known.pop(serial, None)

    def all(self) -> list[Stranger]:
        """Return them, the latest last."""
        with self._lock:
            return list(self._known.values())


def _said(asked: Asked) -> str:
    words = [f"{name} {asked.query[name]}" for name in _SAID if asked.query.get(name)]
    return "".join(one if one.isprintable() else "?" for one in ", ".join(words)[:120])
