"""A wire whose bytes are counted: a proxy in a thread, between a client and a port of this machine.

What it counts is what the client's socket carries, both ways; not the headers of TCP and IP.
"""

import selectors
import socket
import threading

CHUNK = 256 * 1024


class Wire:
    """Listens on `port`, passes everything on to `to`."""

    def __init__(self, to: int) -> None:
        self.count = 0
        self._to = to
        self._stop = threading.Event()
        self._here = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._here.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Wire":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._here.close()

    def _run(self) -> None:
        other: dict[socket.socket, socket.socket] = {}
        with selectors.DefaultSelector() as ready:
            ready.register(self._here, selectors.EVENT_READ)
            while not self._stop.is_set():
                for key, _ in ready.select(0.2):
                    one = key.fileobj
                    assert isinstance(one, socket.socket)
                    if one is self._here:
                        near, far = self._join()
                        other |= {near: far, far: near}
                        for end in (near, far):
                            ready.register(end, selectors.EVENT_READ)
                    elif one in other and not self._pass_on(one, other[one]):
                        for end in (one, other.pop(one)):
                            other.pop(end, None)
                            ready.unregister(end)
                            end.close()
            for end in other:
                end.close()

    def _join(self) -> tuple[socket.socket, socket.socket]:
        near, _ = self._here.accept()
        far = socket.create_connection(("127.0.0.1", self._to))
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return near, far

    def _pass_on(self, one: socket.socket, to: socket.socket) -> bool:
        """Return whether there is more to come."""
        try:
            part = one.recv(CHUNK)
            to.sendall(part)
        except OSError:
            return False
        self.count += len(part)
        return bool(part)
