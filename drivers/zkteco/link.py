"""The one door to sockets for the 4370 client: every call has a deadline, every error our name.

It knows nothing of packets. Deadlines are moments of `time.monotonic()`.
"""

import socket
import time
from typing import Self

from drivers.errors import SourceError, TimedOut, Unreachable
from drivers.options import Transport

READ_BYTES = 65_535
"""Most bytes taken in one call; no UDP datagram is longer."""


class Link:
    """A connected socket to one terminal."""

    def __init__(self, sock: socket.socket, where: str) -> None:
        """`where` names the source in messages, like `source gate (10.0.0.5:4370)`."""
        self._sock = sock
        self._where = where

    @classmethod
    def connect(
        cls, host: str, port: int, transport: Transport, timeout_s: float, where: str
    ) -> Self:
        """Return a link within `timeout_s`; only looking a name up is the resolver's own time.

        Raises:
            Unreachable: no such name, no route, port closed, no answer (UDP cannot tell).
        """
        kind = socket.SOCK_STREAM if transport is Transport.TCP else socket.SOCK_DGRAM
        try:
            # Terminals speak IPv4, hardly any IPv6; one address keeps the deadline one deadline.
            found = socket.getaddrinfo(host, port, type=kind)
            family, _, _, _, address = min(found, key=lambda one: one[0] is not socket.AF_INET)
        except (OSError, UnicodeError) as error:
            raise Unreachable(
                f"{where}: the name {host!r} has no address: {error}",
                hint="Give the terminal's IP address as host, or repair the name service",
            ) from error
        sock = socket.socket(family, kind)
        try:
            sock.settimeout(timeout_s)
            sock.connect(address)
            if transport is Transport.TCP:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            raise _unreachable(error, where, timeout_s) from error
        return cls(sock, where)

    def send(self, octets: bytes, deadline: float) -> None:
        """Send all of `octets`; TimedOut when the terminal does not take them, or has gone."""
        try:
            self._sock.settimeout(max(deadline - time.monotonic(), 0.001))
            self._sock.sendall(octets)
        except OSError as error:
            raise self._lost(error) from error

    def receive(self, deadline: float) -> bytes | None:
        """Return what arrives until `deadline`, None when nothing does.

        Raises:
            TimedOut: the terminal closed or reset the connection.
            Unreachable: over UDP, nothing listens there.
        """
        try:
            self._sock.settimeout(max(deadline - time.monotonic(), 0))
            octets = self._sock.recv(READ_BYTES)
        except (TimeoutError, BlockingIOError):
            return None
        except OSError as error:
            raise self._lost(error) from error
        if not octets and self._sock.type is socket.SOCK_STREAM:
            raise TimedOut(
                f"{self._where}: the terminal closed the connection",
                hint="It restarted, or another program took its only session",
            )
        return octets

    def close(self) -> None:
        """Let the socket go; never raises."""
        self._sock.close()

    def _lost(self, error: OSError) -> SourceError:
        if isinstance(error, ConnectionRefusedError):
            return _unreachable(error, self._where, 0)
        return TimedOut(
            f"{self._where}: the connection was lost: {error}",
            hint="The terminal restarted, lost power or its cable; it is connected again",
        )


def _unreachable(error: OSError, where: str, timeout_s: float) -> Unreachable:
    """Return the error for a connection that never was, with what to look at first."""
    if isinstance(error, ConnectionRefusedError):
        return Unreachable(
            f"{where}: a device is there and its port is closed",
            hint="Check port and transport, and the terminal's Comm menu; it may be starting",
        )
    if isinstance(error, TimeoutError):
        return Unreachable(
            f"{where}: no answer to connecting within {timeout_s:g} s",
            hint="Check power, cable and address of the terminal",
        )
    return Unreachable(
        f"{where}: cannot connect: {error}",
        hint="Check this kiosk's own network and the terminal's address",
    )
