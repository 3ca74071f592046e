"""The log in systemd's journal, by its native datagrams: each line with fields to look for.

    journalctl -u presensi-kiosk PRESENSI_PART=lobi          one terminal
    journalctl -u presensi-kiosk MESSAGE_ID=...              one kind of line, whatever it names

Without systemd, or with stderr led elsewhere, the log goes to stderr as text.
"""

import errno
import fcntl
import logging
import os
import socket
import struct
import sys
from array import array
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

SOCKET: Final = Path("/run/systemd/journal/socket")

_GRAVE: Final = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}
_GRAVEST: Final = 2

_TOO_LONG: Final = (errno.EMSGSIZE, errno.ENOBUFS)
"""What is longer than a datagram may be goes as a file in memory."""

PATIENCE_S: Final = 0.5
"""So long a line waits for a journal that hangs; until it takes one again, the next wait for none.

Whoever logs may hold a punch. systemd starts its journal anew after three minutes, ours sooner.
"""


def priority(level: int) -> int:
    """Return syslog's number for how grave a level of logging is."""
    return _GRAVE.get(level, _GRAVEST)


def is_ours(environment: Mapping[str, str] = os.environ, stream: int = 2) -> bool:
    """Return whether the file descriptor `stream` is the one that systemd led to its journal.

    A child whose stderr goes to a file inherits the variable all the same.
    """
    try:
        now = os.fstat(stream)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{now.st_dev}:{now.st_ino}"


def code(record: logging.LogRecord) -> str:
    """Return what all lines of one kind share: 128 bits from their part and unfilled text."""
    return sha256(f"{record.name}\0{record.msg}".encode()).hexdigest()[:32]


def handler(identifier: str) -> logging.Handler:
    """Return where the log goes: systemd's journal if stderr leads there, else stderr as text."""
    if is_ours():
        return ToJournal(identifier)
    text = logging.StreamHandler(sys.stderr)
    text.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    return text


class ToJournal(logging.Handler):
    """Sends each record as one datagram; where nobody takes it, writes it to stderr."""

    def __init__(self, identifier: str, there: Path = SOCKET) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(message)s"))  # the rest are fields
        self._identifier = identifier
        self._there = str(there)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        patience = struct.pack("ll", 0, int(PATIENCE_S * 1e6))  # poll says nothing of it
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Send one. A slip in a format is said on stderr, as logging does."""
        try:
            text = self.format(record)
        except (TypeError, ValueError):
            self.handleError(record)
            return
        if self._lost:
            text += f" (before it, {self._lost} lines found no place in the journal)"
        datagram = b"".join(_fields(self._identifier, record, text))
        try:
            self._send(datagram, socket.MSG_DONTWAIT if self._lost else 0)
            self._lost = 0
        except BlockingIOError:  # it hangs, and stderr leads to it as well
            self._lost += 1
        except OSError:  # journald is being restarted: stderr leads there by another way
            sys.stderr.write(f"<{priority(record.levelno)}>{text}\n")

    def _send(self, datagram: bytes, flags: int) -> None:
        try:
            self._socket.sendto(datagram, flags, self._there)
        except OSError as error:
            if error.errno not in _TOO_LONG:
                raise
            _send_long(self._socket, datagram, self._there, flags)

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()
        super().close()


def _send_long(own: socket.socket, datagram: bytes, there: str, flags: int) -> None:
    """Hand it over in a file that nobody can change: no other is taken. Raises OSError."""
    held = os.memfd_create("presensi-log", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with os.fdopen(held, "wb", closefd=False) as file:
            file.write(datagram)
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
        fcntl.fcntl(held, fcntl.F_ADD_SEALS, seals)
        held_there = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [held]))
        own.sendmsg([], [held_there], flags, there)  # send_fds takes no heed of where it is to go
    finally:
        os.close(held)


def _fields(identifier: str, record: logging.LogRecord, text: str) -> Iterator[bytes]:
    said = {
        "MESSAGE": text,
        "PRIORITY": str(priority(record.levelno)),
        "SYSLOG_IDENTIFIER": identifier,
        "MESSAGE_ID": code(record),
        "LOGGER": record.name,
        "PRESENSI_PART": record.threadName or "",
        "CODE_FILE": record.pathname,
        "CODE_LINE": str(record.lineno),
        "CODE_FUNC": record.funcName,
    }
    for name, value in said.items():
        content = value.encode(errors="backslashreplace")
        if b"\n" in content:  # a length in front: no line of a message can pass for a field
            yield name.encode() + b"\n" + len(content).to_bytes(8, "little") + content + b"\n"
        else:
            yield name.encode() + b"=" + content + b"\n"
