"""The recognizer's process, as its owner sees it: started, spoken to, ended; never waited for long.

It is told the number of its end of a socket pair and sees nothing of the daemon else: no other
descriptor, nothing of its environment but where programs and libraries are.
"""

import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec

from drivers.camera.wire import SAID_MOST_BYTES, Asked, Channel, Ended, Said
from drivers.errors import Garbled, Misconfigured, SourceError, TimedOut, Unreachable

TAKES_MOST_S: Final = 10.0
"""A process that takes nothing of a message for so long hangs."""

END_WITHIN_S: Final = 2.0
"""What SIGKILL does not end within it is stuck in a device and left to the kernel."""

FEW_THREADS: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Threads of numpy's and dlib's libraries are read from the environment as they are loaded."""

PASSED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV")


class Process:
    """One recognizer, from its start to its end."""

    def __init__(self, command: Sequence[str], where: str) -> None:
        """Start `command`. Raises Misconfigured where it cannot be run."""
        self._where = where
        ours, theirs = socket.socketpair()
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        environment |= FEW_THREADS
        try:
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603 - our own program
                    [*command, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    env=environment,
                )
        except OSError as error:
            ours.close()
            raise Misconfigured(
                f"{where}: {command[0]}: {error.strerror}", hint="Install presensi-kiosk[camera]"
            ) from error
        said: type[Said] = Said  # type: ignore[assignment] # a union
        self._channel: Channel[Said] = Channel(ours, said, SAID_MOST_BYTES)

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid

    def tell(self, asked: Asked) -> None:
        """Send a message. Raises SourceError where it has ended, or takes nothing any more."""
        try:
            self._channel.send(asked, TAKES_MOST_S)
        except Ended as ended:
            raise self._why(ended) from ended

    def hear(self, within_s: float) -> Said | None:
        """Return what it says next; None for nothing in time. Raises SourceError at its end."""
        try:
            return self._channel.receive(within_s)
        except Ended as ended:
            raise self._why(ended) from ended
        except msgspec.DecodeError as error:
            raise Garbled(
                f"{self._where}: the recognizer said what nobody knows ({error})",
                hint="Daemon and recognizer are of two versions: restart the daemon",
            ) from error

    def end(self) -> None:
        """Kill it and take its end; never raises, never waits long."""
        self._channel.close()
        with suppress(OSError):
            self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_WITHIN_S)

    def _why(self, ended: Ended) -> SourceError:
        """Return how it ended, in words for a technician."""
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(END_WITHIN_S)
            if code < 0:
                return Unreachable(
                    f"{self._where}: the recognizer was ended by {_name(-code)}", hint=_hint(-code)
                )
            return Unreachable(
                f"{self._where}: the recognizer ended with code {code}",
                hint="It is started again; what it said last stands in the daemon's log",
            )
        return TimedOut(
            f"{self._where}: the recognizer is not to be spoken to ({ended})",
            hint="It is ended and started again",
        )


def _name(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def _hint(number: int) -> str:
    if number == signal.SIGKILL:
        return (
            "It is started again. Somebody ended it, or the machine's memory did not suffice: see "
            "`dmesg`, use a smaller camera picture"
        )
    return (
        "It is started again. If it comes back, a library does not fit this machine: try another "
        "`engine`, and send the daemon's log to whoever looks after the kiosk"
    )
