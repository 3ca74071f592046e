"""What the technician's page asks of the daemon: one question, one answer."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from kiosk.health import Status
from kiosk.local import CannotDo, Done, NoDaemon, Refusal, ask
from kiosk.troubles import Trouble

LOOK_S: Final = 5.0
"""How long the daemon may take to say how it is."""

LOGIN_S: Final = 15.0
"""How long the daemon may take to compare a password: on a Pi it is busy with it for a second."""

DO_S: Final = 30.0
"""How long a terminal may take to do something."""

AT_ONCE: Final = 6
"""So many questions at once: the daemon's socket has room for more, which are the screen's."""

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class Daemon:
    """The daemon at one of `sockets`, the first that answers. Blocks."""

    def __init__(self, sockets: Sequence[Path]) -> None:
        self._sockets = sockets
        self._asking = threading.BoundedSemaphore(AT_ONCE)

    def status(self) -> Status:
        """Return how it is. Raises NoDaemon."""
        try:
            return msgspec.json.decode(self._line("status", _NOTHING, LOOK_S), type=Status)
        except msgspec.DecodeError as error:
            raise NoDaemon(f"what the daemon says is not understood: {error}") from error

    def troubles(self) -> list[Trouble]:
        """Return what went wrong lately, the latest first. Raises NoDaemon, CannotDo."""
        return msgspec.json.decode(self.do("troubles"), type=list[Trouble])

    def admit(self, name: str, password: str, address: str) -> str:
        """Return the badge of whoever has this password.

        Raises NoDaemon and CannotDo; its text is how many seconds to wait, or nothing.
        """
        said = {"name": name, "password": password, "address": address}
        return self.do("admit technician", said, LOGIN_S)

    def still(self, name: str, badge: str) -> str:
        """Return the name of whoever may still be here. Raises NoDaemon, CannotDo."""
        return self.do("technician", {"name": name, "badge": badge})

    def do(self, wanted: str, said: Mapping[str, str] = _NOTHING, within_s: float = LOOK_S) -> str:
        """Have something carried out; return what is said of it. Raises NoDaemon, CannotDo."""
        line = self._line(wanted, said, within_s)
        try:
            told = msgspec.json.decode(line, type=Done | Refusal)
        except msgspec.DecodeError as error:
            raise NoDaemon(f"what the daemon says is not understood: {error}") from error
        if isinstance(told, Refusal):
            raise CannotDo(told.reason)
        return told.text

    def _line(self, wanted: str, said: Mapping[str, str], within_s: float) -> bytes:
        if not self._asking.acquire(timeout=LOOK_S):
            raise NoDaemon("too much is asked of this page at once; try again in a moment")
        try:
            return self._answer(wanted, said, within_s)
        finally:
            self._asking.release()

    def _answer(self, wanted: str, said: Mapping[str, str], within_s: float) -> bytes:
        first: NoDaemon | None = None
        for socket in self._sockets:
            try:
                line = next(ask(socket, wanted, within_s, said), b"")
            except NoDaemon as error:
                first = first or error
                continue
            if line:
                return line
        raise first or NoDaemon("the daemon hung up without an answer")
