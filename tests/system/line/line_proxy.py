"""A proxy before a broker that does to a TCP connection what networks do. It reorders nothing."""

import socket
import threading
import time
from contextlib import suppress

PIECE_BYTES = 1400
LOOK_S = 0.02  # how often a pump that holds back looks whether it still should


class Proxy:
    """Listens on `port` and passes on to `target`, as the attributes say, which may be changed.

    Attributes:
        target: the port of 127.0.0.1 that connections are passed on to.
        delay_s: how long every piece takes, in each direction.
        bytes_per_s: most bytes a second and direction; 0 for no limit.
        mute: nothing is passed on; connections are accepted, and none is closed.
        every_cut_up: every connection is cut after so many bytes from the client; 0 for none.
        made: how many connections there were.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.delay_s = 0.0
        self.bytes_per_s = 0
        self.mute = False
        self.every_cut_up = 0
        self.made = 0
        self._cuts: tuple[int | None, int | None] = (None, None)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._ended = False
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        port: int = self._listening.getsockname()[1]
        return port

    def cut(self) -> None:
        """Cut every connection, without a goodbye."""
        with self._lock:
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def cut_next_after(self, up: int | None = None, down: int | None = None) -> None:
        """Cut the next connection after so many bytes from the client, or to it."""
        self._cuts = (up, down)

    def close(self) -> None:
        self._ended = True
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()
        self.cut()

    def _accept(self) -> None:
        while not self._ended:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        (up, down), self._cuts = self._cuts, (None, None)
        up = up or self.every_cut_up or None
        with client:
            self._hold_back()
            try:
                broker = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                self.made += 1
                return
            with broker:
                for one in (client, broker):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._lock:
                    self._open |= {client, broker}
                    self.made += 1  # once `cut` would find it
                back = threading.Thread(target=self._pump, args=(broker, client, down))
                back.start()
                self._pump(client, broker, up)
                back.join()
                with self._lock:
                    self._open -= {client, broker}

    def _pump(self, source: socket.socket, sink: socket.socket, cut_after: int | None) -> None:
        passed = 0
        with suppress(OSError):
            while cut_after is None or passed < cut_after:
                room = PIECE_BYTES if cut_after is None else min(PIECE_BYTES, cut_after - passed)
                piece = source.recv(room)
                if not piece:
                    break
                time.sleep(self.delay_s)
                if self.bytes_per_s:
                    time.sleep(len(piece) / self.bytes_per_s)
                self._hold_back()
                sink.sendall(piece)
                passed += len(piece)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _hold_back(self) -> None:
        while self.mute and not self._ended:
            time.sleep(LOOK_S)
