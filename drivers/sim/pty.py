"""A serial port that is no device: a pseudo-terminal under a name that stays.

The name is a link, as udev's are: unplugging takes it away, and after the next plug it leads to
another tty. What is written while nobody has the port open is lost, as on a wire.
"""

import fcntl
import os
import select
import tty
from contextlib import suppress
from errno import EEXIST
from pathlib import Path
from struct import Struct as Layout
from typing import Final

TCGETS2: Final = 0x802C542A
"""Asks a tty for its settings with its speed as a number, whatever that is."""

TERMIOS2: Final = Layout("=4IB19s2I")

MOST_BYTES: Final = 4096


class Pty:
    """One port. Not thread-safe but for `fileno`."""

    def __init__(self, link: Path) -> None:
        """`link` is where clients open it; nothing is there before `plug`."""
        self.link = link
        self._master: int | None = None
        self._name = ""

    @property
    def plugged(self) -> bool:
        """Return whether it is there."""
        return self._master is not None

    def plug(self) -> None:
        """Make it, under a name other than its last one's.

        Raises OSError; FileExistsError where something of somebody else's has the link's name.
        """
        self.unplug()
        if self.link.is_symlink():
            leads_to = self.link.readlink()
            is_ours = leads_to.parent == Path("/dev/pts") or not leads_to.exists()
        else:
            is_ours = not self.link.exists()
        if not is_ours:
            raise FileExistsError(EEXIST, "there is something of that name", str(self.link))
        spare: list[int] = []
        try:
            while True:
                master, slave = os.openpty()
                name = os.ttyname(slave)
                if name != self._name:
                    break
                spare += (master, slave)
        finally:
            for descriptor in spare:
                os.close(descriptor)
        tty.setraw(slave)
        os.close(slave)
        os.set_blocking(master, False)
        self._master, self._name = master, name
        new = self.link.with_name(f".{self.link.name}.new")
        new.unlink(missing_ok=True)
        new.symlink_to(name)
        new.replace(self.link)

    def unplug(self) -> None:
        """Take it away, whoever has it open; nothing happens where it is not there."""
        master, self._master = self._master, None
        if master is None:
            return
        if self.link.is_symlink() and self.link.readlink() == Path(self._name):
            self.link.unlink()
        os.close(master)

    def fileno(self) -> int:
        """Return the descriptor to wait on. Raises OSError where it is unplugged."""
        if self._master is None:
            raise OSError(f"{self.link} is not plugged in")
        return self._master

    @property
    def listened(self) -> bool:
        """Return whether somebody has it open."""
        if self._master is None:
            return False
        poll = select.poll()
        poll.register(self._master, 0)  # a hang-up is told unasked
        return not any(events & select.POLLHUP for _, events in poll.poll(0))

    @property
    def speed(self) -> int:
        """Return at how many bits a second its client has it. Raises OSError."""
        told = fcntl.ioctl(self.fileno(), TCGETS2, bytes(TERMIOS2.size))
        return int(TERMIOS2.unpack(told)[-1])

    def read(self) -> bytes:
        """Return what has come; b"" where nothing has, or nobody has it open."""
        with suppress(OSError):
            return os.read(self.fileno(), MOST_BYTES)
        return b""

    def write(self, octets: bytes, patience_s: float = 2.0) -> None:
        """Send it, as far as somebody reads; the rest is lost where nobody does in time."""
        with suppress(OSError):
            while octets and self.listened:
                if not select.select([], [self], [], patience_s)[1]:
                    return
                octets = octets[os.write(self.fileno(), octets) :]
