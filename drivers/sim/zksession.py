"""One client's session with a simulated ZK terminal: a packet in, packets out. No socket.

    new -- CONNECT --> open                       no comm key set
    new -- CONNECT --> locked -- AUTH --> open    a comm key is set
    open -- EXIT --> new
    any -- CONNECT --> as from new                a client may begin again

A packet before CONNECT, before AUTH or with another session's id is answered ACK_UNAUTH.
"""

import struct
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, StrEnum
from typing import Final

from msgspec import Struct

from drivers.sim.zkchanges import Changes
from drivers.sim.zkrecords import Record, event_row, text_of
from drivers.sim.zkterminal import Terminal
from drivers.sim.zkwire import (
    EVENT_ATTLOG,
    Code,
    Packet,
    Table,
    number_of,
    scramble,
)


class Transport(StrEnum):
    """What carries a session's packets."""

    TCP = "tcp"
    UDP = "udp"


class Phase(Enum):
    """Where a session stands."""

    NEW = "new"
    LOCKED = "locked"
    OPEN = "open"


class Answer(Struct, frozen=True):
    """What the terminal sends for one packet.

    Attributes:
        packets: in order, none for a packet that has no answer.
        table: the table whose bytes the packets carry, if any.
        close: the terminal hangs up afterwards.
    """

    packets: Sequence[Packet] = ()
    table: Table | None = None
    close: bool = False


NOTHING: Final = Answer()

_ACKNOWLEDGED: Final = frozenset(
    {
        Code.CANCELCAPTURE, Code.CLEAR_LCD, Code.ENABLE_CLOCK, Code.REFRESHDATA,
        Code.REFRESHOPTION, Code.STARTVERIFY, Code.TESTVOICE, Code.UNLOCK, Code.WRITE_LCD,
    }
)  # fmt: skip
"""Commands that change nothing here."""

_TABLE_OF: Final[Mapping[int, Table]] = {
    Code.ATTLOG_RRQ: Table.ATTENDANCE,
    Code.USERTEMP_RRQ: Table.USERS,
    Code.OPLOG_RRQ: Table.OPERATIONS,
}
"""Which table a read command means; DB_RRQ names it itself."""


class Session:
    """One client's session. The caller holds the terminal's lock around every call."""

    def __init__(self, terminal: Terminal, session_id: int, transport: Transport) -> None:
        self.id = session_id
        self.phase = Phase.NEW
        self.registered = False
        self._terminal = terminal
        self._transport = transport
        self._silent = False
        self._buffer = b""
        self._buffered: Table | None = None
        self._changes = Changes(terminal)
        self._unacked = 0
        self._waiting: deque[Packet] = deque()
        self._inside: list[Packet] | None = None  # events that go into the answer being made

    def receive(self, packet: Packet) -> Answer:
        """Return the answer to one packet of the client."""
        if self._silent or self._terminal.faults.mute:
            return NOTHING
        refusal = self._refusal(packet.code)
        if refusal is not None:
            return self._reply(packet, refusal)
        if packet.code == Code.CONNECT:
            return self._connect(packet)
        if self.phase is Phase.NEW or packet.session != self.id:
            return self._reply(packet, Code.ACK_UNAUTH)
        if packet.code == Code.AUTH:
            return self._auth(packet)
        if self.phase is Phase.LOCKED:
            return self._reply(packet, Code.ACK_UNAUTH)
        if packet.code == Code.ACK_OK:
            return self._event_acknowledged()
        if packet.code in _ACKNOWLEDGED:
            return self._reply(packet)
        changed = self._changes.make(packet.code, packet.data)
        if changed is not None:
            return self._reply(packet, changed)
        answer = _ANSWERS.get(packet.code)
        if answer is None:
            # A D2 echoes what it did not understand (pyzk issue 41).
            return self._reply(packet, Code.ACK_UNKNOWN, packet.data)
        return answer(self, packet)

    def events(self, records: Sequence[Record], *, one_packet: bool = False) -> Answer:
        """Return the pushed events for new records, none unless the client registered for them."""
        if not self.registered or self._silent or self._terminal.faults.mute:
            return NOTHING
        rows = [event_row(self._terminal.profile.events, record) for record in records]
        if one_packet:
            rows = [b"".join(rows)]
        self._waiting.extend(Packet(Code.REG_EVENT, EVENT_ATTLOG, 0, row) for row in rows)
        answer = self._push()
        if self._inside is None:
            return answer
        self._inside += answer.packets
        return NOTHING

    def _refusal(self, code: int) -> Code | None:
        """Return how this terminal refuses a request; None if it does not."""
        for refuses in (self._terminal.faults.refuses, self._terminal.profile.refuses):
            for refused, answer in refuses.items():
                if refused == code:
                    return answer
        return None

    def _push(self) -> Answer:
        if self._terminal.profile.waits_for_ack:
            count = min(1 - self._unacked, len(self._waiting))
        else:
            count = len(self._waiting)
        pushed = [self._waiting.popleft() for _ in range(count)]
        self._unacked += len(pushed)
        return Answer(pushed)

    def _event_acknowledged(self) -> Answer:
        if self._unacked == 0:
            return NOTHING
        self._unacked -= 1
        self._terminal.acked += 1
        return self._push()

    def _reply(self, packet: Packet, code: Code = Code.ACK_OK, data: bytes = b"") -> Answer:
        return Answer([Packet(code, self.id, packet.reply, data)])

    # Coming and going

    def _connect(self, packet: Packet) -> Answer:
        if self._terminal.faults.encrypted:
            return self._reply(packet, Code.SECURE_HANDSHAKE)
        self._end()
        if self._terminal.comm_key is None:
            self.phase = Phase.OPEN
            return self._reply(packet)
        self.phase = Phase.LOCKED
        return self._reply(packet, Code.ACK_UNAUTH)

    def _auth(self, packet: Packet) -> Answer:
        key = self._terminal.comm_key or 0
        if len(packet.data) != 4 or packet.data != scramble(key, self.id, packet.data[2]):
            return self._reply(packet, Code.ACK_UNAUTH)
        self.phase = Phase.OPEN
        return self._reply(packet)

    def _exit(self, packet: Packet) -> Answer:
        self._end()
        if self._terminal.profile.exits_twice:
            again = Packet(Code.ACK_OK, self.id ^ 0x5A5A, packet.reply)
            return Answer([*self._reply(packet).packets, again])
        return self._reply(packet)

    def _end(self) -> None:
        self.phase = Phase.NEW
        self.registered = False
        self._free()
        self._unacked = 0
        self._waiting.clear()

    # Small questions

    def _version(self, packet: Packet) -> Answer:
        return self._reply(packet, data=self._terminal.profile.firmware.encode() + b"\0")

    def _read_option(self, packet: Packet) -> Answer:
        name = text_of(packet.data)  # pyzk ends it with NUL, the npm clients do not
        ended = packet.data.endswith(b"\0") and self._terminal.profile.bare_option_names
        value = None if ended else self._terminal.option(name)
        if value is not None:
            return self._reply(packet, data=f"{name}={value}\0".encode())
        refusal = self._terminal.profile.unknown_option
        echo = packet.data if refusal is Code.ACK_UNKNOWN else b""
        return self._reply(packet, refusal, echo)

    def _read_time(self, packet: Packet) -> Answer:
        return self._reply(packet, data=number_of(self._terminal.now()).to_bytes(4, "little"))

    def _free_sizes(self, packet: Packet) -> Answer:
        return self._reply(packet, data=self._terminal.free_sizes())

    def _state(self, packet: Packet) -> Answer:
        # The answer's session field holds the state, not the session: 0 waiting, 4 busy. Which one
        # a disabled terminal tells is not known; "busy" is what its screen says.
        state = 0 if self._terminal.enabled and not self._terminal.faults.disabled else 4
        return Answer([Packet(Code.ACK_OK, state, packet.reply)])

    def _pin_width(self, packet: Packet) -> Answer:
        return self._reply(packet, data=bytes([9]))

    def _restart(self, packet: Packet) -> Answer:
        self._end()
        return Answer(close=True)  # an F19 does not answer this

    def _register(self, packet: Packet) -> Answer:
        mask = int.from_bytes(packet.data[:4], "little")
        self.registered = bool(mask & EVENT_ATTLOG)
        self._silent = self.registered and self._terminal.faults.silent_after_register
        return self._reply(packet)

    # Tables

    def _prepare_buffer(self, packet: Packet) -> Answer:
        table, since, until = self._table_in(packet)
        if table is None:
            return self._reply(packet, Code.ACK_ERROR)
        refusal = self._refusal(int.from_bytes(packet.data[1:3], "little"))
        if refusal is not None:
            return self._reply(packet, refusal)
        if table is Table.ATTENDANCE:
            self._terminal.late_punch()
        content = self._terminal.table(table, since, until)
        if len(content) <= self._terminal.profile.small_table_bytes:
            return Answer([Packet(Code.DATA, self.id, packet.reply, content)], table)
        self._buffer, self._buffered = content, table
        announced = self._terminal.faults.announces_bytes
        size = (len(content) if announced is None else announced).to_bytes(4, "little")
        # Real terminals end with four bytes nobody has explained; a sum of the buffer will do.
        unexplained = (sum(content) & 0xFFFFFFFF).to_bytes(4, "little")
        return self._reply(packet, data=b"\0" + size + size + unexplained)

    def _table_in(self, packet: Packet) -> tuple[Table | None, int, int]:
        """Return the table that PREPARE_BUFFER names, and from and until when it is wanted.

        The request is u8 1, u16 command, u32 table, u32 0; for a range u8 1, u16 command, two u32.
        """
        always = 0, 0xFFFFFFFF
        if len(packet.data) != 11:
            return None, *always
        _one, command, first, second = struct.unpack("<BHII", packet.data)
        if command == Code.ATTLOG_RANGE:
            known = self._terminal.profile.time_range
            return Table.ATTENDANCE if known else None, first, second
        if command == Code.DB_RRQ:
            return Table.TEMPLATES if first == Table.TEMPLATES else None, *always
        return _TABLE_OF.get(command), *always

    def _read_buffer(self, packet: Packet) -> Answer:
        offset = int.from_bytes(packet.data[:4], "little")
        size = int.from_bytes(packet.data[4:8], "little")
        if self._buffered is None or offset > len(self._buffer):
            return self._reply(packet, Code.ACK_ERROR)
        extra = bytes(self._terminal.faults.longer_bytes)
        return self._sequence(packet, self._buffer[offset : offset + size] + extra, self._buffered)

    def _read_directly(self, packet: Packet) -> Answer:
        if packet.code == Code.USERTEMP_RRQ and packet.data[:1] != bytes([Table.USERS]):
            return self._reply(packet, Code.ACK_ERROR)  # one finger's template: there is none
        table = _TABLE_OF[packet.code]
        if table is Table.ATTENDANCE:
            self._terminal.late_punch()
        return self._sequence(packet, self._terminal.table(table), table)

    def _sequence(self, packet: Packet, content: bytes, table: Table) -> Answer:
        """Return PREPARE_DATA, the numbered DATA packets, and the ACK_OK that ends them."""
        profile, reply = self._terminal.profile, packet.reply
        tcp = self._transport is Transport.TCP
        most = profile.tcp_data_bytes if tcp else profile.udp_data_bytes
        said = self._terminal.faults.announces_bytes
        announced = struct.pack("<II", len(content) if said is None else said, most)
        parts = [content[at : at + most] for at in range(0, len(content), most)]
        last = len(content) & 0xFFFF if profile.closing_ack_counts else self.id
        packets = [
            Packet(Code.PREPARE_DATA, self.id, reply, announced),
            *(
                Packet(Code.DATA, n & 0xFFFF if profile.numbered else self.id, reply, part)
                for n, part in enumerate(parts)
            ),
            Packet(Code.ACK_OK, last, reply),
        ]
        packets[2:2] = self._interruption()
        return Answer(packets, table)

    def _interruption(self) -> list[Packet]:
        """Return the events of what is punched in the middle of a transfer."""
        self._inside = []
        self._terminal.mid_transfer_punch()
        pushed, self._inside = self._inside, None
        return pushed

    def _free_buffer(self, packet: Packet) -> Answer:
        self._free()
        return self._reply(packet)

    def _free(self) -> None:
        self._buffer, self._buffered = b"", None

    def _read_template(self, packet: Packet) -> Answer:
        place = int.from_bytes(packet.data[:2], "little"), packet.data[2]
        finger = self._terminal.fingers.get(place)
        if finger is None:
            return self._reply(packet, Code.ACK_ERROR)
        content = finger.octets + bytes([finger.flag])
        return Answer([Packet(Code.DATA, self.id, packet.reply, content)])


_ANSWERS: Final[Mapping[int, Callable[[Session, Packet], Answer]]] = {
    Code.EXIT: Session._exit,
    Code.GET_VERSION: Session._version,
    Code.OPTIONS_RRQ: Session._read_option,
    Code.GET_TIME: Session._read_time,
    Code.GET_FREE_SIZES: Session._free_sizes,
    Code.STATE_RRQ: Session._state,
    Code.GET_PINWIDTH: Session._pin_width,
    Code.REG_EVENT: Session._register,
    Code.PREPARE_BUFFER: Session._prepare_buffer,
    Code.READ_BUFFER: Session._read_buffer,
    Code.FREE_DATA: Session._free_buffer,
    Code.ATTLOG_RRQ: Session._read_directly,
    Code.USERTEMP_RRQ: Session._read_directly,
    Code.OPLOG_RRQ: Session._read_directly,
    Code.GET_USERTEMP: Session._read_template,
    Code.RESTART: Session._restart,
}
"""Every other command with an answer of its own."""
