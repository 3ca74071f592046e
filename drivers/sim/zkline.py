"""The lines between a simulated ZK terminal and its clients: TCP connections and UDP addresses.

A line decodes what comes in, hands packets to the shell, and sends answers from a thread of its
own, so that neither a punch nor another client ever waits for a slow one.
"""

import socket
import threading
from collections.abc import Callable
from queue import SimpleQueue
from random import Random
from typing import Protocol

from drivers.sim.faults import After, Delivery, as_datagrams, as_segments, corrupt
from drivers.sim.zksession import Answer, Session
from drivers.sim.zkterminal import Terminal
from drivers.sim.zkwire import BadPacket, Packet, TcpStream, decode, encode, frame

Address = tuple[str, int] | tuple[str, int, int, int]
"""As the socket module gives it: of IPv4, or of IPv6."""

RECEIVE_BYTES = 65536
"""Most bytes taken from a socket at once."""


class Line(Protocol):
    """What the shell knows of a client."""

    session: Session

    def put(self, answer: Answer) -> None:
        """Send an answer after those put before; never blocks."""

    def close(self) -> None:
        """Hang up. May be called by any thread, and twice."""


class Shell(Protocol):
    """What a line knows of the shell."""

    terminal: Terminal
    stopping: threading.Event

    def packet(self, line: Line, packet: Packet) -> None:
        """Take a client's packet."""

    def bad_packet(self) -> None:
        """Count bytes that were no packet."""

    def gone(self, line: Line) -> None:
        """Forget a client."""


def _datagrams(terminal: Terminal, answer: Answer) -> list[bytes]:
    encoded = [encode(packet) for packet in answer.packets]
    return [corrupt(one) for one in encoded] if terminal.faults.wrong_checksum else encoded


class TcpLine:
    """One TCP connection. `start` begins its two threads, `close` ends them."""

    def __init__(self, shell: Shell, connection: socket.socket, session: Session) -> None:
        self.session = session
        self._shell = shell
        self._connection = connection
        self._outbox: SimpleQueue[Answer | None] = SimpleQueue()
        # Not for secrets: the cuts must be the same in every run.
        self._random = Random(shell.terminal.faults.seed)  # noqa: S311
        self._threads = [
            threading.Thread(target=self._read, name="zksim-tcp-read", daemon=True),
            threading.Thread(target=self._write, name="zksim-tcp-write", daemon=True),
        ]

    def start(self) -> None:
        """Serve the connection."""
        # Without this the kernel joins small frames that the profile wants apart.
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for thread in self._threads:
            thread.start()

    def put(self, answer: Answer) -> None:
        """Send an answer after those put before; never blocks."""
        self._outbox.put(answer)

    def close(self) -> None:
        """Cut the connection; both threads wake up and end."""
        self._outbox.put(None)
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:  # already cut, by the client or by us
            return

    def join(self) -> None:
        """Wait until both threads have ended."""
        for thread in self._threads:
            thread.join()

    def _read(self) -> None:
        stream = TcpStream()
        try:
            while received := self._connection.recv(RECEIVE_BYTES):
                if (foreign := self._shell.terminal.faults.foreign) is not None:
                    self._connection.sendall(foreign.value)
                    continue
                for packet in stream.feed(received):
                    self._shell.packet(self, packet)
        except BadPacket:
            self._shell.bad_packet()
        except OSError:  # cut while we waited: the same as its end
            pass
        finally:
            self.close()
            self._shell.gone(self)

    def _write(self) -> None:
        try:
            while (answer := self._outbox.get()) is not None:
                after = self._deliver(answer)
                if after is After.CLOSE:
                    break
                if after is After.BE_SILENT:
                    self._wait_for_close()
                    break
        except OSError:  # the client is gone; the reader sees it too
            pass
        finally:
            self.close()
            self._connection.close()

    def _deliver(self, answer: Answer) -> After:
        terminal = self._shell.terminal
        frames = [frame(one) for one in _datagrams(terminal, answer)]
        delivery = as_segments(frames, terminal.faults, answer.table, self._random)
        for segment in delivery.segments:
            self._connection.sendall(segment)
            if terminal.profile.frame_gap_s:
                self._shell.stopping.wait(terminal.profile.frame_gap_s)
        return After.CLOSE if answer.close else delivery.after

    def _wait_for_close(self) -> None:
        while self._outbox.get() is not None:
            pass  # what a silent terminal would have said


class UdpLine:
    """One UDP correspondent; all of them share the port's socket."""

    def __init__(self, port: "UdpPort", address: Address, session: Session) -> None:
        self.session = session
        self.address = address
        self.silent = False
        self._port = port

    def put(self, answer: Answer) -> None:
        """Send an answer after those put before; never blocks."""
        self._port.put(self, answer)

    def close(self) -> None:
        """Forget the correspondent; UDP has nothing to cut."""
        self._port.forget(self)


class UdpPort:
    """The terminal's UDP port: a thread that listens and one that answers."""

    def __init__(
        self, shell: Shell, bound: socket.socket, new_session: Callable[[], Session]
    ) -> None:
        self._shell = shell
        self._socket = bound
        self._new_session = new_session
        self._lines: dict[Address, UdpLine] = {}
        self._outbox: SimpleQueue[tuple[UdpLine, Answer] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._read, name="zksim-udp-read", daemon=True),
            threading.Thread(target=self._write, name="zksim-udp-write", daemon=True),
        ]

    @property
    def lines(self) -> list[UdpLine]:
        """The correspondents that have not said EXIT."""
        with self._shell.terminal.lock:
            return list(self._lines.values())

    def start(self) -> None:
        """Listen and answer."""
        for thread in self._threads:
            thread.start()

    def put(self, line: UdpLine, answer: Answer) -> None:
        """Queue an answer."""
        self._outbox.put((line, answer))

    def forget(self, line: UdpLine) -> None:
        """Drop a correspondent; their next packet is a stranger's."""
        with self._shell.terminal.lock:
            if self._lines.get(line.address) is line:
                del self._lines[line.address]

    def close(self) -> None:
        """End both threads and close the socket. The shell's `stopping` must be set."""
        host, port = self._socket.getsockname()[:2]
        ourselves = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
        # Closing does not wake a thread in recvfrom; a datagram to ourselves does.
        self._socket.sendto(b"", (ourselves, port))
        self._outbox.put(None)
        for thread in self._threads:
            thread.join()
        self._socket.close()

    def _read(self) -> None:
        while True:
            datagram, address = self._socket.recvfrom(RECEIVE_BYTES)
            if self._shell.stopping.is_set():
                return
            if (foreign := self._shell.terminal.faults.foreign) is not None:
                self._socket.sendto(foreign.value, address)
                continue
            try:
                packet = decode(datagram)
            except BadPacket:
                self._shell.bad_packet()
                continue
            line = self._line_of(address)
            self._shell.packet(line, packet)

    def _line_of(self, address: Address) -> UdpLine:
        with self._shell.terminal.lock:
            line = self._lines.get(address)
            if line is None:
                line = self._lines[address] = UdpLine(self, address, self._new_session())
            return line

    def _write(self) -> None:
        while (queued := self._outbox.get()) is not None:
            line, answer = queued
            if not line.silent:
                self._send(line, answer)

    def _send(self, line: UdpLine, answer: Answer) -> None:
        terminal = self._shell.terminal
        delivery: Delivery = as_datagrams(
            _datagrams(terminal, answer), terminal.faults, answer.table
        )
        line.silent = delivery.after is After.BE_SILENT
        for datagram in delivery.segments:
            self._socket.sendto(datagram, line.address)
            if terminal.profile.frame_gap_s:
                self._shell.stopping.wait(terminal.profile.frame_gap_s)
