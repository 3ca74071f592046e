"""What is fuzzed: one line each in `TARGETS`. A new parser is one more line.

A target takes any bytes and does with them what the product would do. It may raise the errors that
it names and no other; it asserts what must hold besides. Whoever runs it bounds time and memory.
"""

import struct
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from fuzz_push import PUSH
from fuzz_readers import READERS
from fuzz_shape import Script, Target, stretch

from drivers.errors import Garbled
from drivers.zkteco import times
from drivers.zkteco.dialogue import Dialogue, Sizes, Table
from drivers.zkteco.link import Link
from drivers.zkteco.live import decode_event
from drivers.zkteco.log import Log, LogPunches, decode_log
from drivers.zkteco.packets import (
    HEADER,
    MAX_PACKET_BYTES,
    MAX_UNREAD_BYTES,
    Code,
    EventCode,
    Framer,
    Packet,
    TcpFramer,
    UdpFramer,
    encode,
)
from drivers.zkteco.people import decode_people, decode_templates, encode_person
from drivers.zkteco.records import Layout, decode_users
from drivers.zkteco.session import Delivered, Progress, Session, Step
from drivers.zkteco.tail import Tail
from drivers.zkteco.transfer import MAX_TABLE_BYTES, Transfer, buffered_size
from drivers.zkteco.warnings import warnings

LATEST: Final = times.ticks(2026, 11, 25)
MORNING: Final = times.ticks(2026, 3, 2, 7, 28)
EVENT: Final = struct.pack("<24sBB6s", b"1001", 1, 0, bytes((26, 3, 2, 8, 0, 9)))
ANSWERS: Final = tuple(Code)
QUESTIONS: Final = (Code.GET_TIME, Code.STATE_RRQ, Code.READ_BUFFER, Code.PREPARE_BUFFER)


def sized(rows: bytes) -> bytes:
    """Return `rows` as a table."""
    return len(rows).to_bytes(4, "little") + rows


def rows40(count: int) -> bytes:
    """Return rows of a log of 40 bytes each."""
    return b"".join(
        struct.pack("<H24sBIB8x", n, b"%d" % (1000 + n), 1, MORNING + 60 * n, 255)
        for n in range(1, count + 1)
    )


def scripted(script: Script, reply_id: int) -> bytes:
    """Return a sound packet, that answers `reply_id` or is an event, or unsound bytes."""
    kind = script.number()
    if kind >= 224:
        return script.stretch()
    if kind >= 192:
        return encode(Packet(Code.REG_EVENT, script.number(), 0, script.stretch()))
    code = ANSWERS[kind % len(ANSWERS)]
    return encode(Packet(code, script.number(), reply_id, script.stretch()))


def framer(octets: bytes) -> None:
    """A stream, or datagrams, cut anywhere."""
    script = Script(octets)
    made: Framer = TcpFramer() if script.number() % 2 else UdpFramer()
    while script:
        made.push(script.stretch())
        while (packet := made.pop()) is not None:
            assert len(packet.data) <= min(len(octets), MAX_PACKET_BYTES)


def session(octets: bytes) -> None:
    """Any order of our steps and the terminal's packets."""
    script = Script(octets)
    made: Framer = TcpFramer() if script.number() % 2 else UdpFramer()
    tested = Session(made, "source fuzz")
    reply_id = 0
    announced = 0
    while script:
        step, sent = script.number(), b""
        if step < 40 and tested.may(Step.CONNECT):
            sent = tested.connect()
        elif step < 60 and tested.may(Step.AUTHENTICATE):
            sent = tested.authenticate(script.number(4))
        elif step < 100 and tested.may(Step.ASK):
            wanted = script.number() or None
            sent = tested.ask(QUESTIONS[step % len(QUESTIONS)], b"", wanted=wanted)
        elif step < 110 and tested.may(Step.ACKNOWLEDGE):
            tested.acknowledge()
        elif step < 115 and tested.may(Step.GIVE_UP):
            tested.give_up()
        elif step < 120 and tested.may(Step.LEAVE):
            sent = tested.leave()
        if sent:
            reply_id = HEADER.unpack(sent[-HEADER.size :] if len(sent) < 20 else sent[8:16])[3]
        packet = scripted(script, reply_id)
        framed = packet if isinstance(made, UdpFramer) else _prefixed(packet)
        for event in tested.feed(framed):
            match event:
                case Progress(received, size):
                    assert received <= size <= MAX_TABLE_BYTES
                    announced = size
                case Delivered(data):
                    assert len(data) <= max(announced, MAX_UNREAD_BYTES)


def transfer(octets: bytes) -> None:
    """DATA packets of any number and length: exactly what was announced, or an error."""
    script = Script(octets)
    announced = script.number(2)
    prepare = Packet(Code.PREPARE_DATA, 0, 0, announced.to_bytes(4, "little") + script.take(4))
    tested = Transfer(prepare, "source fuzz")
    while script:
        tested.add(Packet(Code.DATA, script.number(), 0, script.stretch()))
        assert tested.received <= announced
    assert len(tested.close()) == announced


def records(octets: bytes) -> None:
    """A table of the log: its rows are its bytes, none lost, none invented."""
    script = Script(octets)
    counts = script.number(), script.number()
    table = octets[2:]
    log = decode_log(table, counts, LATEST, lambda: {1: "1001"})
    rows = list(log)
    assert b"".join(row.raw for row in rows) in (table[4:], table[13:])
    for punch, row in zip(LogPunches(log, "CEXA1"), rows, strict=True):
        assert punch.raw == row.raw
        assert punch.ordinal >= 1


def end(octets: bytes) -> None:
    """A range of the log: never taken unless it explains the count to the row."""
    script = Script(octets)
    known, counted = script.number() % 8, script.number() % 16
    log = Log(rows40(known), Layout.TFT_40, {})
    tail = Tail(log, MORNING + 60 * known, known)
    grown = tail.continued(octets[2:], counted)
    if grown is not None:
        assert len(grown) == counted
        assert {row.raw for row in log} <= {row.raw for row in grown}


def live(octets: bytes) -> None:
    """An event: one row at least, whose bytes are the event's."""
    rows = decode_event(octets)
    assert b"".join(row.raw for row in rows) == octets
    assert rows


def users(octets: bytes) -> None:
    """A table of users."""
    found = decode_users(octets[1:], octets[0] if octets else None)
    assert all(slot and user for slot, user in found.items())


def people(octets: bytes) -> None:
    """Tables of users and of templates, as whoever writes to a terminal reads them."""
    rows, width = decode_people(octets[1:], octets[0] if octets else None)
    for row in rows:
        assert len(encode_person(row, width)) == width


def templates(octets: bytes) -> None:
    """A table of templates: each is of somebody known, and its bytes are the table's."""
    for one in decode_templates(octets, {1: "1001"}):
        assert one.user == "1001"
        assert one.octets.octets in octets


def small(octets: bytes) -> None:
    """The small answers: sizes, a buffer's size, what they make a technician read."""
    sizes = Sizes.of(octets)
    assert all(isinstance(said, str) for said in warnings(sizes, None))
    assert buffered_size(octets, "source fuzz") <= MAX_TABLE_BYTES


class ScriptedLink(Link):
    """A terminal that answers what the script has; silent behind its end."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._waiting: deque[bytes] = deque()

    def send(self, octets: bytes, deadline: float) -> None:
        reply_id = HEADER.unpack(octets[8:16])[3]
        for _ in range(1 + self._script.number() % 4):
            self._waiting.append(_prefixed(scripted(self._script, reply_id)))

    def receive(self, deadline: float) -> bytes | None:
        return self._waiting.popleft() if self._waiting else None

    def close(self) -> None:
        self._waiting.clear()


def dialogue(octets: bytes) -> None:
    """A whole visit's questions to a terminal that answers anything."""
    tested = Dialogue(
        ScriptedLink(Script(octets)),
        Session(TcpFramer(), "source fuzz"),
        where="source fuzz",
        timeout_s=5.0,
        slice_bytes=64,
        beat=lambda: None,
    )
    try:
        tested.connect(4711)
        for ask in _QUESTIONS:
            ask(tested)
        for event in tested.events:
            decode_event(event)
    finally:
        tested.leave()


_QUESTIONS: Final[Sequence[Callable[[Dialogue], object]]] = (
    lambda it: it.option("~SerialNumber"),
    Dialogue.clock,
    Dialogue.register,
    Dialogue.sizes,
    lambda it: it.table(Table.LOG),
    Dialogue.state,
    lambda it: it.log_between(MORNING, LATEST),
    lambda it: it.table(Table.USERS),
)


def _prefixed(packet: bytes) -> bytes:
    return b"\x50\x50\x82\x7d" + len(packet).to_bytes(4, "little") + packet


def _seeds() -> Iterator[bytes]:
    """Yield packets as a terminal sends them."""
    yield encode(Packet(Code.ACK_OK, 7, 0))
    yield encode(Packet(Code.PREPARE_DATA, 7, 1, struct.pack("<II", 44, 1008)))
    yield encode(Packet(Code.DATA, 0, 1, sized(rows40(1))))
    yield encode(Packet(Code.REG_EVENT, EventCode.ATTENDANCE, 0, EVENT))


PACKETS: Final = tuple(_seeds())


def answer(code: Code, data: bytes = b"") -> bytes:
    """Return how a script has a packet of session 7."""
    return bytes([ANSWERS.index(code), 7]) + stretch(data)


OK: Final = answer(Code.ACK_OK)
CONVERSATION: Final = (
    OK,
    answer(Code.ACK_OK, b"~SerialNumber=CEXA1"),
    answer(Code.ACK_OK, MORNING.to_bytes(4, "little")),
    OK,
    answer(Code.ACK_OK, struct.pack("<20I", *range(20))),
    answer(Code.DATA, sized(rows40(1))),
    OK,
    answer(Code.DATA, sized(rows40(1))),
    answer(Code.DATA, sized(b"")),
    OK,
)
"""What a terminal answers in `dialogue`, from CONNECT to EXIT."""


USERS_72: Final = struct.pack("<H46x24s", 1, b"1001") + struct.pack("<H46x24s", 2, b"1002")
USERS_28: Final = struct.pack("<H22xI", 1, 1001) + struct.pack("<H22xI", 2, 1002)

FINGER: Final = struct.pack("<HHBB", 9, 1, 4, 1) + b"abc"

TARGETS: Final[Mapping[str, Target]] = {
    "zk4370-framer": Target(
        framer,
        (Garbled,),
        [
            b"\1" + b"".join(stretch(_prefixed(packet)) for packet in PACKETS),
            b"\1" + b"".join(stretch(bytes([octet])) for octet in _prefixed(PACKETS[0])),
            b"\0" + b"".join(map(stretch, PACKETS)),
        ],
    ),
    "zk4370-session": Target(session, seeds=[b"\0\0" + OK + b"\x50\0" + OK, b"\1\0" + OK]),
    "zk4370-transfer": Target(
        transfer, (Garbled,), [b"\x10\0" + bytes(4) + b"\0\x08\0" + bytes(8) + b"\1\x08\0abcdefgh"]
    ),
    "zk4370-records": Target(
        records,
        (Garbled,),
        [
            b"\3\3" + sized(rows40(3)),
            b"\2\2" + sized(struct.pack("<HBBIHBBI", 1, 40, 0, MORNING, 2, 40, 0, MORNING + 9)),
            b"\2\2" + sized(struct.pack("<IIBB6xIIBB6x", 1001, MORNING, 1, 0, 1002, MORNING, 1, 0)),
            b"\1\1" + sized(bytes.fromhex("ff3235350000000000") + rows40(1)),
        ],
    ),
    "zk4370-end": Target(end, seeds=[b"\3\4" + sized(rows40(4)), b"\0\2" + sized(rows40(2))]),
    "zk4370-live": Target(live, (), [EVENT, EVENT * 2, struct.pack("<HBB6s", 7, 1, 0, EVENT[26:])]),
    "zk4370-users": Target(users, (Garbled,), [b"\2" + sized(USERS_72), b"\2" + sized(USERS_28)]),
    "zk4370-small": Target(small, (Garbled,), [bytes(13), b""]),
    "zk4370-people": Target(people, (Garbled,), [b"\2" + sized(USERS_72), b"\2" + sized(USERS_28)]),
    "zk4370-templates": Target(templates, (Garbled,), [sized(FINGER * 2)]),
    "zk4370-dialogue": Target(dialogue, seeds=[b"\0".join((b"", *CONVERSATION))]),
    **PUSH,
    **READERS,
}
"""Every parser that is fuzzed, by name."""
