"""The wire of R30x and R50x finger modules, as the module speaks it: frames, codes, checksum.

Written from the protocol's notes for the simulator alone: a driver that misreads a byte must not
find the same misreading here. Bytes in, frames out; no port, no clock.

A frame is EF 01, the address, a packet id, the length of what follows, the content, a checksum over
packet id, length and content. Every number is big-endian.
"""

from enum import IntEnum
from struct import Struct as Layout
from typing import Final

from msgspec import Struct

START: Final = b"\xef\x01"
"""What a frame begins with; it may occur inside of one as well."""

BROADCAST: Final = 0xFFFFFFFF
"""The address that a module has from the factory."""

HEAD: Final = Layout(">2sIBH")
"""Start, address, packet id, length: nine bytes."""

CHECKSUM_BYTES: Final = 2

LEAST_LENGTH: Final = 3
"""One byte of content, and the checksum."""

MOST_LENGTH: Final = 258
"""256 bytes of content, and the checksum."""

READY: Final = b"\x55"
"""What R50x modules send, bare, when they have started."""


class Pid(IntEnum):
    """What kind of frame it is."""

    COMMAND = 0x01
    MORE = 0x02  # data, and more comes
    ACK = 0x07
    LAST = 0x08  # data, the last of them


PIDS: Final = frozenset(map(int, Pid))


class Op(IntEnum):
    """What the host asks for: the first byte of a command."""

    GEN_IMG = 0x01
    IMG2TZ = 0x02
    MATCH = 0x03
    SEARCH = 0x04
    REG_MODEL = 0x05
    STORE = 0x06
    LOAD_CHAR = 0x07
    UP_CHAR = 0x08
    DOWN_CHAR = 0x09
    UP_IMAGE = 0x0A
    DOWN_IMAGE = 0x0B
    DELETE_CHAR = 0x0C
    EMPTY = 0x0D
    SET_SYS_PARA = 0x0E
    READ_SYS_PARA = 0x0F
    SET_PWD = 0x12
    VFY_PWD = 0x13
    GET_RANDOM_CODE = 0x14
    SET_ADDER = 0x15
    READ_INF_PAGE = 0x16
    PORT_CONTROL = 0x17
    WRITE_NOTEPAD = 0x18
    READ_NOTEPAD = 0x19
    HI_SPEED_SEARCH = 0x1B
    TEMPLETE_NUM = 0x1D
    READ_INDEX_TABLE = 0x1F
    GET_IMAGE_EX = 0x28
    CANCEL = 0x30
    STANDBY = 0x33
    AURA_LED_CONFIG = 0x35
    CHECK_SENSOR = 0x36
    GET_ALG_VER = 0x39
    GET_FW_VER = 0x3A
    READ_PROD_INFO = 0x3C
    SOFT_RST = 0x3D
    HAND_SHAKE = 0x40
    LED_ON = 0x50
    LED_OFF = 0x51
    GET_IMAGE_FREE = 0x52  # without switching its light
    GET_ECHO = 0x53


class Code(IntEnum):
    """What the module says to a command: the first byte of an ack."""

    OK = 0x00
    RECEIVE_ERROR = 0x01
    NO_FINGER = 0x02
    IMAGE_FAILED = 0x03
    TOO_DRY = 0x04
    TOO_WET = 0x05
    TOO_MESSY = 0x06
    TOO_FEW_POINTS = 0x07
    NO_MATCH = 0x08
    NOT_FOUND = 0x09
    MERGE_FAILED = 0x0A
    OUT_OF_LIBRARY = 0x0B
    TEMPLATE_INVALID = 0x0C
    UPLOAD_FAILED = 0x0D
    CANNOT_RECEIVE = 0x0E
    IMAGE_UPLOAD_FAILED = 0x0F
    DELETE_FAILED = 0x10
    WRONG_PASSWORD = 0x13
    NO_IMAGE = 0x15
    FLASH_ERROR = 0x18
    NO_SUCH_REGISTER = 0x1A
    BAD_REGISTER = 0x1B
    BAD_NOTEPAD_PAGE = 0x1C
    UNVERIFIED = 0x21
    SENSOR_BROKEN = 0x29
    ALIVE = 0x55  # GET_ECHO's, and no error
    UNSUPPORTED = 0xFC


class Frame(Struct, frozen=True):
    """One frame whose checksum holds."""

    address: int
    pid: Pid
    content: bytes


class Damaged(Struct, frozen=True):
    """A frame whose checksum does not hold."""

    address: int
    pid: Pid
    content: bytes


def checksum_of(checked: bytes) -> int:
    """Return the checksum of packet id, length and content."""
    return sum(checked) & 0xFFFF


def encode(frame: Frame) -> bytes:
    """Return a frame's bytes."""
    length = len(frame.content) + CHECKSUM_BYTES
    head = HEAD.pack(START, frame.address, frame.pid, length)
    body = head + frame.content
    return body + checksum_of(body[6:]).to_bytes(CHECKSUM_BYTES, "big")


class Frames:
    """The frames in a stream of bytes; any split of the bytes gives the same ones.

    What cannot begin a frame costs one byte, and the search goes on behind it: a start may lie
    inside what looked like a frame.
    """

    def __init__(self) -> None:
        self._pending = bytearray()

    @property
    def unfinished(self) -> bool:
        """Return whether a frame has begun and is not complete."""
        return bool(self._pending)

    def feed(self, received: bytes) -> list[Frame | Damaged]:
        """Return what `received` completes."""
        self._pending += received
        return self._complete()

    def give_up(self) -> list[Frame | Damaged]:
        """The rest of what has begun does not come: return what lies behind its first byte."""
        found = []
        while self._pending:
            del self._pending[0]
            found += self._complete()
        return found

    def forget(self) -> None:
        """Drop what has begun, as a module does that loses its power."""
        self._pending.clear()

    def _complete(self) -> list[Frame | Damaged]:
        found: list[Frame | Damaged] = []
        while self._find_start():
            head = bytes(self._pending[: HEAD.size])
            if len(head) < HEAD.size:
                break
            _start, address, pid, length = HEAD.unpack(head)
            if pid not in PIDS or not LEAST_LENGTH <= length <= MOST_LENGTH:
                del self._pending[0]
                continue
            whole = HEAD.size + length
            if len(self._pending) < whole:
                break
            body, written = (
                bytes(self._pending[: whole - CHECKSUM_BYTES]),
                int.from_bytes(self._pending[whole - CHECKSUM_BYTES : whole], "big"),
            )
            content = body[HEAD.size :]
            if checksum_of(body[6:]) == written:
                found.append(Frame(address, Pid(pid), content))
                del self._pending[:whole]
            else:
                found.append(Damaged(address, Pid(pid), content))
                del self._pending[0]
        return found

    def _find_start(self) -> bool:
        """Drop what cannot be a frame's beginning; return whether there is one, if only half."""
        at = self._pending.find(START)
        if at < 0:
            at = len(self._pending) - self._pending.endswith(START[:1])
        del self._pending[:at]
        return bool(self._pending)
