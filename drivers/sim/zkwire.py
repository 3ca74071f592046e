"""The simulator's own codec of the ZK binary protocol on port 4370: packets, times, the comm key.

It is deliberately not the driver's codec, so that a mistake in one does not hide in the other.
Bytes in, packets out: no socket, no clock, no thread.

A packet is `code, checksum, session, reply` (four u16, little-endian) and data. UDP sends it as one
datagram; TCP puts `50 50 82 7D` and a u32 length in front of it. Facts from the dumps of a real F19
(adrobinoga/zk-protocol), the vendor's manual CMD of 2006-12-01 and records quoted in pyzk's and
js_zklib's issues; tests/drivers/sim/frames/ holds the bytes.
"""

import struct
from datetime import datetime
from enum import IntEnum
from typing import Final

from msgspec import Struct


class Code(IntEnum):
    """Command and reply codes: one number space, used in both directions."""

    DB_RRQ = 7  # a table, read through PREPARE_BUFFER
    USER_WRQ = 8
    USERTEMP_RRQ = 9  # users
    OPTIONS_RRQ = 11
    OPTIONS_WRQ = 12
    ATTLOG_RRQ = 13
    CLEAR_DATA = 14
    CLEAR_ATTLOG = 15
    DELETE_USER = 18
    DELETE_USERTEMP = 19
    UNLOCK = 31
    OPLOG_RRQ = 34
    GET_FREE_SIZES = 50
    ENABLE_CLOCK = 57
    STARTVERIFY = 60
    CANCELCAPTURE = 62
    STATE_RRQ = 64
    WRITE_LCD = 66
    CLEAR_LCD = 67
    GET_PINWIDTH = 69
    GET_USERTEMP = 88
    SAVE_USERTEMPS = 110
    GET_TIME = 201
    SET_TIME = 202
    REG_EVENT = 500  # a request, and the code of every pushed event
    CONNECT = 1000
    EXIT = 1001
    ENABLEDEVICE = 1002
    DISABLEDEVICE = 1003
    RESTART = 1004
    REFRESHDATA = 1013
    REFRESHOPTION = 1014
    TESTVOICE = 1017
    GET_VERSION = 1100
    AUTH = 1102
    PREPARE_DATA = 1500
    DATA = 1501
    FREE_DATA = 1502
    PREPARE_BUFFER = 1503
    READ_BUFFER = 1504
    ACK_OK = 2000
    ACK_ERROR = 2001
    ACK_UNAUTH = 2005
    SESSION_LOCKED = 2032  # another client holds the only session [one source]
    NOT_FOR_THIS_FIRMWARE = 4989  # a log read on access-control firmware (pyzk issue 170)
    SECURE_HANDSHAKE = 6001  # new firmware's answer to CONNECT: only encrypted clients
    ATTLOG_RANGE = 10004  # only inside PREPARE_BUFFER: attendance between two times
    ACK_UNKNOWN = 65535


class Table(IntEnum):
    """Table numbers (the vendor's `fct`) as PREPARE_BUFFER and CLEAR_DATA name them."""

    ATTENDANCE = 1
    TEMPLATES = 2
    OPERATIONS = 4
    USERS = 5


EVENT_ATTLOG: Final = 1
"""EF_ATTLOG: bit of REG_EVENT's mask, and session field of a pushed attendance event."""

TCP_PREFIX: Final = bytes.fromhex("5050827d")
"""Start of every frame on TCP; the u32 length of the packet follows."""

HEADER: Final = struct.Struct("<4H")
"""code, checksum, session id, reply id."""

MAX_PACKET_BYTES: Final = 1 << 20
"""A client's packet longer than this is no packet; the longest real one carries 65,536 bytes."""

C3_GREETING: Final = bytes.fromhex("aa01c90100f313d955")
"""What a C3 access panel said on port 4370 (bytes from pyzk issue 38): another protocol."""

HTTP_GREETING: Final = b"HTTP/1.0 400 Bad Request\r\nServer: ZK Web Server\r\n\r\n"
"""What a web server says to a packet: some units have one, and people give its port."""

NEWER_GREETING: Final = bytes.fromhex("5050837c08000000d0070000000000ff")
"""A packet behind the other prefix that one source names for newer units."""


class BadPacket(ValueError):
    """Bytes that are no ZK packet: too short, an unknown prefix, or a wrong checksum."""


class Packet(Struct, frozen=True):
    """One packet without checksum and transport.

    Attributes:
        code: a `Code`, or a number this simulator does not know.
        session: the session id; in pushed events the event, in numbered DATA the packet's number.
        reply: the request's sequence number, echoed by every packet of the answer.
    """

    code: int
    session: int
    reply: int
    data: bytes = b""


def ones_complement(data: bytes) -> int:
    """Return the folded one's-complement sum of `data`'s little-endian 16-bit words (u16)."""
    # 2**16 leaves 1 when divided by 0xFFFF, so the whole number leaves what its words add up to.
    total = int.from_bytes(data, "little") % 0xFFFF
    return total or (0xFFFF if any(data) else 0)


def encode(packet: Packet) -> bytes:
    """Return a packet with its checksum, as a UDP datagram carries it."""
    blank = HEADER.pack(packet.code, 0, packet.session, packet.reply) + packet.data
    checksum = ~ones_complement(blank) & 0xFFFF
    return blank[:2] + checksum.to_bytes(2, "little") + blank[4:]


def decode(datagram: bytes) -> Packet:
    """Return the packet in one datagram. Raises BadPacket."""
    if len(datagram) < HEADER.size:
        raise BadPacket(f"a packet has at least {HEADER.size} bytes, this one {len(datagram)}")
    # With the checksum in its place, all words add up to minus zero.
    if ones_complement(datagram) != 0xFFFF:
        raise BadPacket(f"wrong checksum in {datagram[:16].hex(' ')}")
    code, _checksum, session, reply = HEADER.unpack_from(datagram)
    return Packet(code, session, reply, datagram[HEADER.size :])


def frame(datagram: bytes) -> bytes:
    """Return an encoded packet as TCP carries it."""
    return TCP_PREFIX + len(datagram).to_bytes(4, "little") + datagram


class TcpStream:
    """A TCP byte stream's packets; any split of the bytes gives the same ones."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, received: bytes) -> list[Packet]:
        """Return the packets completed by `received`. Raises BadPacket."""
        self._pending += received
        packets = []
        while (datagram := self._next()) is not None:
            packets.append(decode(datagram))
        return packets

    def _next(self) -> bytes | None:
        known = min(len(self._pending), len(TCP_PREFIX))
        if self._pending[:known] != TCP_PREFIX[:known]:
            raise BadPacket(f"not the prefix 50 50 82 7d: {bytes(self._pending[:8]).hex(' ')}")
        if len(self._pending) < 8:
            return None
        size = int.from_bytes(self._pending[4:8], "little")
        if size > MAX_PACKET_BYTES:
            raise BadPacket(f"a packet of {size} bytes is announced")
        if len(self._pending) < 8 + size:
            return None
        datagram = bytes(self._pending[8 : 8 + size])
        del self._pending[: 8 + size]
        return datagram


def clock_number(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0
) -> int:
    """Return the terminal's u32 for a wall-clock time: twelve months of 31 days, from 2000.

    Takes days that no calendar has (31 February), because terminals do send them.
    """
    days = ((year % 100) * 12 + month - 1) * 31 + day - 1
    return ((days * 24 + hour) * 60 + minute) * 60 + second


def number_of(moment: datetime) -> int:
    """Return the terminal's u32 for a naive local time."""
    return clock_number(*moment.timetuple()[:6])


def moment_of(number: int) -> datetime:
    """Return the naive local time of a terminal's u32. Raises ValueError for 31 February."""
    rest, second = divmod(number, 60)
    rest, minute = divmod(rest, 60)
    rest, hour = divmod(rest, 24)
    rest, day = divmod(rest, 31)
    year, month = divmod(rest, 12)
    return datetime(2000 + year, month + 1, day + 1, hour, minute, second)  # noqa: DTZ001 - naive


def six_bytes(moment: datetime) -> bytes:
    """Return a time as pushed events carry it: year - 2000, month, day, hour, minute, second."""
    year, *rest = moment.timetuple()[:6]
    return bytes([year - 2000, *rest])


def scramble(key: int, session: int, tick: int) -> bytes:
    """Return AUTH's four bytes for a comm key (u32), the session id and the client's tick byte.

    Vectors: key 45, session 0x45cf, tick 50 gives 61 c9 32 3c (a recorded session, accepted).
    """
    mirrored = int(f"{key & 0xFFFFFFFF:032b}"[::-1], 2)
    plain = ((mirrored + session) & 0xFFFFFFFF).to_bytes(4, "little")
    _a, b, c, d = (byte ^ letter for byte, letter in zip(plain, b"ZKSO", strict=True))
    # The halves change places, the tick goes over all but the third byte, which it replaces.
    return bytes([c ^ tick, d ^ tick, tick, b ^ tick])
