"""Between the daemon's source and the recognizer's process: what each says, and how it travels.

A message is four bytes of length, big-endian, and MessagePack of one of the types below. The
recognizer says `Looked` once a second, whatever it does: who has heard nothing for longer ends it.
"""

import select
import socket
import struct
import time
from collections.abc import Sequence
from typing import Final, Generic, TypeVar

import msgspec
from msgspec import Struct

from drivers import errors
from drivers.camera.visits import Ask, Visit
from drivers.errors import SourceError
from drivers.faces import Calibration, Enrolled
from drivers.options import Camera

MESSAGE_MOST_BYTES: Final = 256 << 20
"""Longest message: a gallery of 100,000 people with three templates each has 160 MB."""

SAID_MOST_BYTES: Final = 16 << 20
"""Longest of the recognizer's: three pictures as JPEG. Whatever becomes of it, the daemon's memory
is not what it costs."""

_LENGTH: Final = struct.Struct(">I")
_PIECE_BYTES: Final = 1 << 20

# What the source says.


class Begin(Struct, frozen=True, tag="begin"):
    """Open the camera. `weights` is the directory of the models, `base` that of the settings."""

    options: Camera
    weights: str
    base: str


class Learn(Struct, frozen=True, tag="learn"):
    """The gallery from now on: person and template, float32 little-endian."""

    rows: Sequence[tuple[str, bytes]]


class Enrol(Struct, frozen=True, tag="enrol"):
    """Take the pictures of whoever stands there; answered by `Made` or `Failed`.

    Attributes:
        keep: the shots hold the pictures as well.
    """

    within_s: float
    keep: bool


class Calibrate(Struct, frozen=True, tag="calibrate"):
    """Measure the gallery for so many strangers a day; answered by `Measured` or `Failed`."""

    visits: int


Asked = Begin | Learn | Enrol | Calibrate

# What the recognizer says.


class Ready(Struct, frozen=True, tag="ready"):
    """The camera is open and the models are loaded; people may be told with `Learn`."""

    serial: str
    device: str
    model: str


class Looked(Struct, frozen=True, tag="looked"):
    """A sign of life: how many frames came since the last one."""

    frames: int


class Made(Struct, frozen=True, tag="made"):
    """Whoever stood there is known now to the model, and to nobody else."""

    enrolled: Enrolled


class Measured(Struct, frozen=True, tag="measured"):
    """What the gallery is like."""

    calibration: Calibration


class Failed(Struct, frozen=True, tag="failed"):
    """Something cannot go on. `error` names a class of drivers/errors.py."""

    error: str
    text: str
    hint: str

    @classmethod
    def of(cls, error: SourceError) -> "Failed":
        """Return `error` as it travels."""
        return cls(type(error).__name__, Exception.__str__(error), error.hint)

    def raised(self, where: str) -> SourceError:
        """Return the error again, met at `where`."""
        kind = getattr(errors, self.error, None)
        if not (isinstance(kind, type) and issubclass(kind, SourceError)):
            kind = errors.Garbled
        return kind(f"{where}: {self.text}", hint=self.hint)


Said = Ready | Looked | Visit | Ask | Made | Measured | Failed

T = TypeVar("T")


class Ended(Exception):
    """The other end has hung up."""


class Channel(Generic[T]):
    """One end of a connected stream socket, at which messages of type `T` arrive."""

    def __init__(
        self, end: socket.socket, arriving: type[T], most_bytes: int = MESSAGE_MOST_BYTES
    ) -> None:
        """A message that says that it has more than `most_bytes` is the end of it."""
        self._end = end
        self._most_bytes = most_bytes
        self._decoder: msgspec.msgpack.Decoder[T] = msgspec.msgpack.Decoder(arriving)
        self._received = bytearray()
        end.setblocking(False)

    def send(self, message: Struct, within_s: float) -> None:
        """Send all of it. Raises Ended, also where the other end takes nothing for `within_s`."""
        body = msgspec.msgpack.encode(message)
        rest = memoryview(_LENGTH.pack(len(body)) + body)
        until_s = time.monotonic() + within_s
        while rest:
            left_s = until_s - time.monotonic()
            if left_s <= 0 or not select.select([], [self._end], [], left_s)[1]:
                raise Ended("it takes no message any more")
            try:
                sent = self._end.send(rest[:_PIECE_BYTES])
            except BlockingIOError:
                continue
            except OSError as error:
                raise Ended(str(error)) from error
            rest, until_s = rest[sent:], time.monotonic() + within_s

    def receive(self, within_s: float) -> T | None:
        """Return the next message; None where none is whole in time.

        Raises:
            Ended: nothing will come any more.
            msgspec.DecodeError: it is none of the messages of this end.
        """
        until_s = time.monotonic() + within_s
        while (message := self._next()) is None:
            left_s = max(0.0, until_s - time.monotonic())
            if not select.select([self._end], [], [], left_s)[0]:
                return None
            try:
                piece = self._end.recv(_PIECE_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                raise Ended(str(error)) from error
            if not piece:
                raise Ended("it has hung up")
            self._received += piece
        return message

    def close(self) -> None:
        """Hang up."""
        self._end.close()

    def _next(self) -> T | None:
        if len(self._received) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._received)
        if length > self._most_bytes:
            raise Ended(f"a message of {length} bytes")
        end = _LENGTH.size + length
        if len(self._received) < end:
            return None
        try:
            message = self._decoder.decode(bytes(self._received[_LENGTH.size : end]))
        except (UnicodeDecodeError, RecursionError) as error:  # which it lets through
            raise msgspec.DecodeError(str(error)) from error
        del self._received[:end]
        return message
