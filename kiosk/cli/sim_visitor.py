"""Somebody at a simulated finger module: does what the kiosk asks for, and comes again."""

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import msgspec

from drivers.prompt import Prompt
from kiosk.local import Alive, Happening, NoDaemon, ask
from kiosk.prompts import Prompted

AGAIN_S: Final = 1.0
"""How long after the daemon went away it is asked again."""

LIES_S: Final = 1.5
"""How long a finger lies there in a visit: a module of the slow kind takes one second."""

ENROLS_S: Final = 10.0
"""So long after a prompt nobody comes by themselves: somebody is being enrolled."""

_LIFTING: Final = (Prompt.LIFT_FINGER, Prompt.AGAIN, Prompt.DONE, Prompt.FAILED)


class Glass(Protocol):
    """What a finger is laid on (`drivers.sim.fingerprint`)."""

    def place(self, identity: str) -> None:
        """Lay a finger there."""

    def lift(self) -> None:
        """Take it away."""


class Visitor:
    """One person with one finger. `run` in threads of its own."""

    def __init__(self, glass: Glass, finger: str) -> None:
        self._glass = glass
        self._finger = finger
        self._asked_s = -ENROLS_S

    def hear(self, what: Prompt) -> None:
        """Do what is asked for."""
        self._asked_s = time.monotonic()
        if what is Prompt.PLACE_FINGER:
            self._glass.place(self._finger)
        elif what in _LIFTING:
            self._glass.lift()

    def visit(self, wait: threading.Event) -> None:
        """Come once, unless somebody is being enrolled; `wait` ends the visit early."""
        if time.monotonic() - self._asked_s < ENROLS_S:
            return
        self._glass.place(self._finger)
        wait.wait(LIES_S)
        self._glass.lift()


def obey(socket: Path, visitor: Visitor) -> None:
    """Pass on what the kiosk asks of whoever stands there, for ever."""
    while True:
        with suppress(NoDaemon, msgspec.DecodeError):
            for line in ask(socket, "watch"):
                event = msgspec.json.decode(line, type=Happening | Alive)
                if isinstance(event, Prompted):
                    visitor.hear(event.what)
        time.sleep(AGAIN_S)


def come_again(visitor: Visitor, every_s: float, over: threading.Event) -> None:
    """Come every so many seconds until it is over."""
    while not over.wait(every_s):
        visitor.visit(over)
