"""What the technician's page asks of the daemon: one question, one answer."""

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

DO_S: Final = 30.0
"""How long a terminal may take to do something."""

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class Daemon:
    """The daemon at one of `sockets`, the first that answers. Blocks."""

    def __init__(self, sockets: Sequence[Path]) -> None:
        self._sockets = sockets

    def status(self) -> Status:
        """Return how it is. Raises NoDaemon."""
        try:
            return msgspec.json.decode(self._line("status", _NOTHING, LOOK_S), type=Status)
        except msgspec.DecodeError as error:
            raise NoDaemon(f"what the daemon says is not understood: {error}") from error

    def troubles(self) -> list[Trouble]:
        """Return what went wrong lately, the latest first. Raises NoDaemon, CannotDo."""
        return msgspec.json.decode(self.do("troubles"), type=list[Trouble])

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
