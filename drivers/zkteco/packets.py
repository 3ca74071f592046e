"""The 4370 packet: header, checksum, stream prefix, and the comm key's scramble.

Pure codec: no socket, no clock, no state beyond the bytes of an unfinished frame. What the packets
mean to each other is `session.py`'s; what is in their data is `records.py`'s and `live.py`'s.

Source for all of it: the protocol page zk-4370, sections 1 to 3.
"""

import struct
from enum import IntEnum
from typing import Protocol, Self

from msgspec import Struct

from drivers.errors import Garbled

TCP_PREFIX = bytes.fromhex("5050827d")
"""Opens every packet on TCP; a u32 length of header and data follows."""

HEADER = struct.Struct("<HHHH")
"""Command or reply code, checksum, session id, reply id."""

MAX_PACKET_BYTES = 1 << 20
"""Longest packet taken from the wire. The largest DATA packet seen carries 65,536 bytes."""

MAX_UNREAD_BYTES = 2 * MAX_PACKET_BYTES
"""Most bytes a framer holds that nobody has taken out as packets."""

COMM_KEY_TICK = 50
"""The tick byte of the AUTH scramble; every known client sends 50."""

_U16 = 0xFFFF


class OpenCode(IntEnum):
    """A code of the wire: the known ones have names, any other becomes UNKNOWN_n."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int) or not 0 <= value <= _U16:
            return None
        member = int.__new__(cls, value)
        member._name_ = f"UNKNOWN_{value}"
        member._value_ = value
        return member


class Code(OpenCode):
    """Commands we send and replies we know. No clear and no disable is here, by intent."""

    USER_WRQ = 8
    USERTEMP_RRQ = 9
    OPTIONS_RRQ = 11
    OPTIONS_WRQ = 12
    ATTLOG_RRQ = 13
    DELETE_USER = 18
    GET_FREE_SIZES = 50
    STATE_RRQ = 64
    SAVE_USERTEMPS = 110
    GET_TIME = 201
    SET_TIME = 202
    REG_EVENT = 500  # also the code of every pushed event
    CONNECT = 1000
    EXIT = 1001
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
    ACK_DATA = 2002
    ACK_RETRY = 2003
    ACK_REPEAT = 2004
    ACK_UNAUTH = 2005
    SESSION_LOCKED = 2032
    NOT_FOR_THIS_FIRMWARE = 4989  # a log read on access-control firmware
    ENCRYPTED = 6001  # CONNECT on firmware that wants the secure handshake
    ACK_ERROR_DATA = 65531
    ACK_ERROR_INIT = 65532
    ACK_ERROR_CMD = 65533
    ACK_UNKNOWN = 65535


class TerminalState(OpenCode):
    """What a terminal is doing: the session field of its answer to STATE_RRQ."""

    WAITING = 0
    ENROLLING = 1
    IDENTIFYING = 2
    MENU = 3
    BUSY = 4
    WRITING_CARD = 5


class EventCode(OpenCode):
    """What a pushed packet reports: the bits of the REG_EVENT mask, in its session field."""

    ATTENDANCE = 1
    FINGER = 2
    USER_ENROLLED = 4
    FINGER_ENROLLED = 8
    KEY = 16
    UNLOCK = 32
    VERIFY = 128
    FINGER_SCORE = 256
    ALARM = 512


class Packet(Struct, frozen=True):
    """One packet, either way.

    Attributes:
        session: u16 session id; in events the event code, in numbered DATA the packet's number.
        reply_id: u16 sequence number of the request; a reply echoes it, events carry 0.
    """

    code: Code
    session: int
    reply_id: int
    data: bytes = b""

    def __post_init__(self) -> None:
        if not (0 <= self.session <= _U16 and 0 <= self.reply_id <= _U16):
            raise ValueError(f"not u16: session {self.session}, reply id {self.reply_id}")


def checksum(packet: bytes) -> int:
    """Return the u16 checksum of header and data whose checksum field is zero.

    It is the inverted one's-complement sum of the little-endian words, an odd last byte padded
    with zero. That sum is the remainder by 65,535, with 65,535 for a multiple that is not zero.
    """
    total = int.from_bytes(packet, "little")
    folded = total % _U16
    if folded == 0 and total:
        folded = _U16
    return folded ^ _U16


def encode(packet: Packet) -> bytes:
    """Return header and data, as they stand in a datagram or behind the TCP prefix."""
    bare = HEADER.pack(packet.code, 0, packet.session, packet.reply_id) + packet.data
    return bare[:2] + checksum(bare).to_bytes(2, "little") + bare[4:]


def decode(octets: bytes) -> Packet:
    """Return the packet in `octets`: header and data, no prefix.

    Raises:
        Garbled: shorter than a header, or the checksum is wrong.
    """
    if len(octets) < HEADER.size:
        raise Garbled(
            f"expected a packet of at least {HEADER.size} bytes, got {len(octets)}: {octets.hex()}",
            hint=_known(octets)
            or "Check that this is a ZK terminal and that nothing else uses its port",
        )
    code, got, session, reply_id = HEADER.unpack_from(octets)
    expected = checksum(octets[:2] + b"\0\0" + octets[4:])
    if got != expected:
        raise Garbled(
            f"checksum of a packet with code {code} and {len(octets)} bytes: "
            f"expected {expected:#06x}, got {got:#06x}",
            hint=_known(octets)
            or "Check cable and switch; over UDP also that the terminal does not want TCP",
        )
    return Packet(Code(code), session, reply_id, octets[HEADER.size :])


class Framer(Protocol):
    """How packets stand on a transport."""

    def wrap(self, packet: Packet) -> bytes:
        """Return the bytes to send for `packet`."""

    def push(self, octets: bytes) -> None:
        """Take in what arrived."""
        """Take what arrived; Garbled when more is held than any packet may need."""

    def pop(self) -> Packet | None:
        """Return the next whole packet, None when there is none; Garbled when it is not ours."""


class TcpFramer:
    """Packets behind an 8-byte prefix in a stream that may be cut anywhere."""

    def __init__(self) -> None:
        self._unread = bytearray()

    def wrap(self, packet: Packet) -> bytes:
        """Return a packet's bytes as they go onto TCP, its length before it."""
        bare = encode(packet)
        return TCP_PREFIX + len(bare).to_bytes(4, "little") + bare

    def push(self, octets: bytes) -> None:
        """Take in what arrived."""
        self._unread += octets
        if len(self._unread) > MAX_UNREAD_BYTES:
            raise Garbled(
                f"more than {MAX_UNREAD_BYTES} bytes arrived without a packet's end",
                hint="Check host and port: another device answers there",
            )

    def pop(self) -> Packet | None:
        """Return the next whole packet; None until there is one. Raises Garbled."""
        start = bytes(self._unread[:8])
        if not TCP_PREFIX.startswith(start[:4]):
            raise Garbled(
                f"expected the prefix {TCP_PREFIX.hex()} of a ZK packet, got {start.hex()}",
                hint=_known(start) or "Check host and port: another device answers there",
            )
        if len(start) < 8:
            return None
        length = int.from_bytes(start[4:], "little")
        if not HEADER.size <= length <= MAX_PACKET_BYTES:
            raise Garbled(
                f"expected a packet of {HEADER.size} to {MAX_PACKET_BYTES} bytes, "
                f"its prefix says {length}",
                hint="Check cable and switch",
            )
        if len(self._unread) < 8 + length:
            return None
        octets = bytes(self._unread[8 : 8 + length])
        del self._unread[: 8 + length]
        return decode(octets)


class UdpFramer:
    """One datagram is one packet, without a prefix."""

    def __init__(self) -> None:
        self._unread: list[bytes] = []
        self._held = 0

    def wrap(self, packet: Packet) -> bytes:
        """Return a packet's bytes: a datagram is one packet."""
        return encode(packet)

    def push(self, octets: bytes) -> None:
        """Take in what arrived."""
        if not octets:
            return
        self._unread.append(octets)
        self._held += len(octets)
        if self._held > MAX_UNREAD_BYTES:
            raise Garbled(
                f"more than {MAX_UNREAD_BYTES} bytes of datagrams wait unread",
                hint="Check host and port: another device answers there",
            )

    def pop(self) -> Packet | None:
        """Return the next whole packet; None until there is one. Raises Garbled."""
        if not self._unread:
            return None
        octets = self._unread.pop(0)
        self._held -= len(octets)
        return decode(octets)


def comm_key_proof(comm_key: int, session: int, tick: int = COMM_KEY_TICK) -> bytes:
    """Return the 4 data bytes of AUTH for a u32 `comm_key` and the session of the refusal."""
    turned = int(f"{comm_key:032b}"[::-1], 2)
    mixed = ((turned + session) & 0xFFFFFFFF).to_bytes(4, "little")
    # The scramble swaps the halves and then overwrites what was the lowest byte with the tick.
    _, second, third, fourth = (byte ^ letter for byte, letter in zip(mixed, b"ZKSO", strict=True))
    return bytes((third ^ tick, fourth ^ tick, tick, second ^ tick))


def _known(start: bytes) -> str:
    """Return the technician's next step for bytes that are somebody else's; "" for a stranger's."""
    if start.startswith(b"\xaa\x01"):
        return "This looks like a C3/C4 access panel, which speaks another protocol"
    if start.startswith((b"HTTP", b"<!")):
        return "This is a web server; give the terminal's protocol port, usually 4370"
    if start.startswith(b"\x50\x50\x83\x7c"):
        return "A framing named for newer units only; use PUSH (ADMS) for this terminal"
    return ""
