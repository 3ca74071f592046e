"""A broker of a few lines that answers as it is told: what real ones do too rarely to wait for."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

SUCCESS = 0x00
RULED_OUT = 0x83  # "implementation specific error"
NOT_AUTHORIZED = 0x87
TAKEN_OVER = 0x8E
TOO_LARGE = 0x95
QUOTA_EXCEEDED = 0x97


def puback(packet: bytes, reason: int) -> bytes:
    return bytes([0x40, 3]) + packet + bytes([reason])


def disconnect(reason: int) -> bytes:
    return bytes([0xE0, 1, reason])


class ScriptedBroker:
    """Lets everybody in; `on_publish` returns the bytes that answer a publish.

    Attributes:
        connack: the properties in its greeting.
        connections: how many there were.
        largest: the largest packet it was sent, bytes.
    """

    def __init__(self, on_publish: Callable[[str, bytes], bytes], *, connack: bytes = b"") -> None:
        self.on_publish = on_publish
        self.connack = connack
        self.connections = 0
        self.largest = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._here: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        port: int = self._listening.getsockname()[1]
        return port

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in self._here:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self._here.append(here)
            thread = threading.Thread(target=self._serve, args=(here,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, here: socket.socket) -> None:
        with here, here.makefile("rb") as said, suppress(OSError, IndexError):
            while True:
                kind = said.read(1)[0]
                size, shift = 0, 0
                while True:
                    digit = said.read(1)[0]
                    size |= (digit & 0x7F) << shift
                    shift += 7
                    if digit < 0x80:
                        break
                self.largest = max(self.largest, 1 + shift // 7 + size)
                here.sendall(self._answer(kind, said.read(size)))

    def _answer(self, kind: int, body: bytes) -> bytes:
        match kind >> 4:
            case 1:  # CONNECT
                greeting = bytes([0, SUCCESS, len(self.connack)]) + self.connack
                return bytes([0x20, len(greeting)]) + greeting
            case 3:  # PUBLISH at QoS 1
                size = int.from_bytes(body[:2])
                return self.on_publish(body[2 : 2 + size].decode(), body[2 + size : 4 + size])
            case 8:  # SUBSCRIBE to one filter
                return bytes([0x90, 4]) + body[:2] + bytes([0, 1])
            case 12:  # PINGREQ
                return bytes([0xD0, 0])
            case _:
                return b""
