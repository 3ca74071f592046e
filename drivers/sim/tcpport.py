"""A serial port behind TCP, as a serial server has it: one client at a time, bytes as they are."""

import socket
from contextlib import suppress
from typing import Final

MOST_BYTES: Final = 4096


class TcpPort:
    """One port; has the surface of `drivers.sim.pty.Pty`. Not thread-safe."""

    speed: Final = None
    """No speed comes through TCP."""

    def __init__(self, port: int = 0, host: str = "127.0.0.1") -> None:
        """`port` 0 takes any that is free, and keeps it over `unplug` and `plug`."""
        self.host = host
        self.port = port
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None

    @property
    def plugged(self) -> bool:
        """Return whether it is there."""
        return self._listener is not None

    def plug(self) -> None:
        """Listen. Raises OSError."""
        self.unplug()
        self._listener = socket.create_server((self.host, self.port))
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]

    def unplug(self) -> None:
        """Cut the client and stop listening."""
        self._drop()
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()

    def fileno(self) -> int:
        """Return the descriptor to wait on. Raises OSError where it is unplugged."""
        there = self._client or self._listener
        if there is None:
            raise OSError(f"{self.host}:{self.port} is not plugged in")
        return there.fileno()

    @property
    def listened(self) -> bool:
        """Return whether something may come: a client, or a client's bytes."""
        return self._listener is not None

    def read(self) -> bytes:
        """Return what has come; b"" where nothing has. Lets a waiting client in."""
        with suppress(OSError):
            if self._client is None and self._listener is not None:
                self._client, _ = self._listener.accept()
                self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._client.setblocking(False)
        try:
            octets = self._client.recv(MOST_BYTES) if self._client is not None else b""
        except BlockingIOError:
            return b""
        except OSError:
            octets = b""
        if not octets:
            self._drop()
        return octets

    def write(self, octets: bytes, patience_s: float = 2.0) -> None:
        """Send it; lost where nobody is connected, or nobody reads in time."""
        if self._client is None:
            return
        try:
            self._client.settimeout(patience_s)
            self._client.sendall(octets)
            self._client.setblocking(False)
        except OSError:
            self._drop()

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()
