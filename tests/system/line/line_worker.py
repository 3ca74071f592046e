"""Central's intake as a process of its own that can be killed at a point of its work.

    python line_worker.py CENTRAL.toml [POINT NUMBER]

POINT is `commit` (its transaction is not committed yet), `receipt` (it is, nobody was told) or
`confirm` (the kiosk was told, the broker was not); NUMBER the how-many-th batch there is the end.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from sync.central.clock import now_ms
from sync.central.house import open_house
from sync.central.inbox import Inbox
from sync.central.ingest import Ingest
from sync.central.intake import Intake, dial
from sync.central.settings import load


class Fate:
    """Kills this very process at the point and the number it was told."""

    def __init__(self, point: str, number: int) -> None:
        self._point = point
        self._left = number

    def reached(self, point: str) -> None:
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class Doomed:
    """The line and the inbox, each as it is, up to the fated point."""

    def __init__(self, real: Any, fate: Fate) -> None:
        self._real = real
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def take_in_all(self, tx: Any, letters: Any) -> Any:
        answers = self._real.take_in_all(tx, letters)
        for letter in letters:
            if letter.topic.endswith("/batch"):  # the inbox's, within the transaction
                self._fate.reached("commit")
        return answers

    def send(self, topic: str, payload: bytes, **more: Any) -> Any:
        if topic.endswith("/receipt"):
            self._fate.reached("receipt")
        return self._real.send(topic, payload, **more)

    def confirm(self, message: Any) -> None:
        if message.topic.endswith("/batch"):
            self._fate.reached("confirm")
        self._real.confirm(message)


def main(config: str, point: str = "", number: str = "0") -> None:
    """Hear kiosks until the end."""
    house = open_house(load(Path(config)))
    fate = Fate(point, int(number))
    made = dial(house.place.broker, house.authority.group)
    intake = Intake(
        lambda: Doomed(made(), fate),
        house.store,
        house.authority,
        Doomed(Inbox(Ingest(house.authority.fingerprint, now_ms), now_ms), fate),
        lambda: None,
    )
    intake.run(threading.Event())


if __name__ == "__main__":
    main(*sys.argv[1:])
