"""A serial port: opened for us alone, read with a deadline, closed whatever has become of it.

The one door to pyserial. A port that is gone shows it in many ways: as SerialException, as OSError,
as `termios.error`, which is neither, as TypeError where a thread closed it. All of them leave here
as `SourceError`, and the port is opened anew by whoever opened it. Nothing is written but what is
asked for: no port is probed.
"""

import fcntl
import os
import select
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EACCES, EAGAIN, EBUSY, ENOENT
from pathlib import Path
from typing import Final

import serial

from drivers.errors import Misconfigured, Refused, Unreachable

_TAKEN: Final = (EAGAIN, EBUSY)


class SerialPort:
    """One port, "/dev/serial/by-id/..." or, for a simulator, "socket://host:port". Not thread-safe.

    A link is followed anew at each `open`: after a replug it leads to another name.
    """

    def __init__(self, port: str, baud: int, where: str) -> None:
        """`where` begins every error: "source pintu (/dev/...)"."""
        self._port = port
        self._where = where
        self._baud = baud
        self._serial: serial.Serial | None = None

    def open(self) -> None:
        """Open it for us alone, RTS and DTR low, and drop what came before.

        Raises Unreachable, Refused (another program has it, or we may not), Misconfigured.
        """
        self.close()
        with self._troubles("cannot be opened"):
            try:
                made = serial.serial_for_url(self._port, do_not_open=True)
            except ValueError as error:
                raise Misconfigured(
                    f"{self._where}: {error}", hint="`kiosk devices ports` shows what there is"
                ) from error
            made.baudrate, made.timeout, made.write_timeout = self._baud, 0, 2.0
            # Raised lines reset boards that hang their reset on DTR.
            made.dtr = made.rts = False
            is_device = "://" not in self._port
            if is_device:
                made.exclusive = True
            made.open()
            self._serial = made
            if is_device:
                _keep(made.fileno())
            made.reset_input_buffer()

    @property
    def baud(self) -> int:
        """Return the speed in force, bits a second."""
        return self._baud

    @baud.setter
    def baud(self, baud: int) -> None:
        """Change the speed; open or not. Raises Unreachable."""
        self._baud = baud
        if self._serial is not None:
            with self._troubles("is gone"):
                self._serial.baudrate = baud

    def read(self, most: int, wait_s: float) -> bytes:
        """Return what has come, at most so many bytes; b"" where nothing did within `wait_s`.

        Returns as soon as there is anything. Raises Unreachable.
        """
        with self._troubles("is gone"):
            port = self._opened
            # Not pyserial's own deadline: with each new one it sets the whole port up again.
            ready, _, _ = select.select([port.fileno()], [], [], max(0.0, wait_s))
            return bytes(port.read(most)) if ready else b""

    def write(self, octets: bytes) -> None:
        """Send all of it. Raises Unreachable."""
        with self._troubles("takes nothing"):
            self._opened.write(octets)

    def discard(self) -> None:
        """Drop what has come and was not read. Raises Unreachable."""
        with self._troubles("is gone"):
            self._opened.reset_input_buffer()

    def close(self) -> None:
        """Close it; never raises, may be called twice."""
        port, self._serial = self._serial, None
        if port is None:
            return
        with suppress(serial.SerialException, OSError, termios.error, TypeError):
            # A pseudo-terminal outlives its last close, and would be closed to us as well.
            fcntl.ioctl(port.fileno(), termios.TIOCNXCL)
        with suppress(serial.SerialException, OSError, termios.error, TypeError):
            port.close()

    @property
    def _opened(self) -> serial.Serial:
        if self._serial is None:
            raise Unreachable(f"{self._where}: not open")
        return self._serial

    @contextmanager
    def _troubles(self, what: str) -> Iterator[None]:
        try:
            yield
        except (serial.SerialException, OSError, termios.error, TypeError, ValueError) as error:
            self.close()
            raise self._as_ours(error, what) from error

    def _as_ours(self, error: Exception, what: str) -> Exception:
        number = getattr(error, "errno", None)
        if number is None and error.args and isinstance(error.args[0], int):
            number = error.args[0]  # termios.error
        if number in _TAKEN and _has_open(Path("/proc/self"), self._port):
            return Refused(
                f"{self._where}: another source of this kiosk has the port, by another name",
                hint="One port has one reader: take one of the two out of kiosk.toml",
            )
        if number in _TAKEN:
            by = holder_of(self._port)
            return Refused(
                f"{self._where}: another program has the port{f' ({by})' if by else ''}",
                hint="End it: one port has one reader. ModemManager is kept off by our udev rules",
            )
        if number == EACCES:
            return Refused(
                f"{self._where}: we may not open the port",
                hint="The kiosk's user needs the group that owns it, dialout (docs/SERIAL.md)",
            )
        if number == ENOENT:
            return Unreachable(
                f"{self._where}: there is no such port",
                hint="Is it plugged in? `kiosk devices ports` shows what there is",
            )
        return Unreachable(f"{self._where}: the port {what} ({error})", hint="Look at its cable")


def _keep(descriptor: int) -> None:
    """Let nobody else open the port, and leave DTR alone when it is closed."""
    with suppress(OSError, termios.error):  # a pseudo-terminal may not know the one or the other
        fcntl.ioctl(descriptor, termios.TIOCEXCL)
        attributes = termios.tcgetattr(descriptor)
        attributes[2] &= ~termios.HUPCL
        termios.tcsetattr(descriptor, termios.TCSANOW, attributes)


def holder_of(port: str) -> str:
    """Return which process has the port open, "minicom, process 812"; "" where none is seen."""
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        with suppress(OSError):
            if _has_open(process, port):
                return f"{(process / 'comm').read_text().strip()}, process {process.name}"
    return ""


def _has_open(process: Path, port: str) -> bool:
    """Return whether a process of /proc has the port open, under whatever name."""
    with suppress(OSError):
        device = Path(port).resolve(strict=True)
        for one in (process / "fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                if one.readlink() == device:
                    return True
    return False
