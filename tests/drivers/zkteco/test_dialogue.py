"""Questions over a real socket to a scripted terminal: deadlines, silence, hanging up, refusals."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.errors import Garbled, Refused, TimedOut, Unreachable
from drivers.options import Transport
from drivers.zkteco.dialogue import Dialogue, Sizes, Table
from drivers.zkteco.link import Link
from drivers.zkteco.packets import Code, Packet, TcpFramer
from drivers.zkteco.session import Session

FIELD = json.loads((Path(__file__).parent / "frames" / "field_records.json").read_text())
EVENT = bytes.fromhex(
    "5050827d28000000f401ac12010000003939393131313333330000000000000000000000000000000100120619112905"
)
SHORT_S = 0.05
SESSION = 0x45CF


def wire(code: Code, packet: Packet, data: bytes = b"", session: int = SESSION) -> bytes:
    return TcpFramer().wrap(Packet(code, session, packet.reply_id, data))


class FakeTerminal:
    """Answers in a thread: by code what `answers` has, otherwise ACK_OK; None hangs up."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.heard: list[Packet] = []
        self.answers: dict[Code, bytes | Code | None] = {}
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def dialogue(self, timeout_s: float = 5.0) -> Dialogue:
        dialogue = Dialogue(
            Link(self.ours, "source fake"),
            Session(TcpFramer(), "source fake"),
            where="source fake",
            timeout_s=timeout_s,
            slice_bytes=1000,
            beat=lambda: None,
        )
        dialogue.connect(0)
        return dialogue

    def end(self) -> None:
        self.ours.close()
        self._thread.join(timeout=5)
        self.theirs.close()
        assert not self._thread.is_alive()

    def _run(self) -> None:
        framer = TcpFramer()
        try:
            while octets := self.theirs.recv(65_535):
                framer.push(octets)
                while packet := framer.pop():
                    self.heard.append(packet)
                    self._answer(packet)
        except OSError:
            return

    def _answer(self, packet: Packet) -> None:
        answer = self.answers.get(packet.code, Code.ACK_OK)
        if answer is None:
            self.theirs.shutdown(socket.SHUT_RDWR)
        elif isinstance(answer, Code):
            self.theirs.sendall(wire(answer, packet))
        else:
            self.theirs.sendall(answer)


@pytest.fixture
def terminal() -> Iterator[FakeTerminal]:
    fake = FakeTerminal()
    yield fake
    fake.end()


def packet(reply_id: int) -> Packet:
    return Packet(Code.CONNECT, 0, reply_id)


def test_a_single_answer(terminal: FakeTerminal) -> None:
    terminal.answers[Code.GET_TIME] = EVENT + wire(Code.ACK_OK, packet(1), b"\1\2\0\0") + EVENT
    dialogue = terminal.dialogue()
    assert dialogue.clock() == 513
    assert len(dialogue.events) == 2


def test_silence_is_an_error_within_its_deadline(terminal: FakeTerminal) -> None:
    dialogue = terminal.dialogue(SHORT_S)
    terminal.answers[Code.GET_TIME] = b""
    began = time.monotonic()
    with pytest.raises(TimedOut, match="source fake: no answer"):
        dialogue.clock()
    assert SHORT_S <= time.monotonic() - began < 2


def test_other_packets_do_not_stretch_a_deadline(terminal: FakeTerminal) -> None:
    dialogue = terminal.dialogue(SHORT_S)
    terminal.answers[Code.GET_TIME] = EVENT + wire(Code.ACK_OK, packet(99))
    with pytest.raises(TimedOut, match="1 stray replies"):
        dialogue.clock()


def test_hanging_up_in_an_exchange(terminal: FakeTerminal) -> None:
    dialogue = terminal.dialogue()
    terminal.answers[Code.GET_TIME] = None
    with pytest.raises(TimedOut, match=r"closed the connection|connection was lost"):
        dialogue.clock()


def prepare(size: int) -> bytes:
    return wire(Code.PREPARE_DATA, packet(1), size.to_bytes(4, "little") + b"\xf0\3\0\0")


@pytest.mark.parametrize("part", [b"", wire(Code.DATA, packet(1), b"x" * 100, 0)[:50]])
def test_silence_in_a_transfer(terminal: FakeTerminal, part: bytes) -> None:
    dialogue = terminal.dialogue(SHORT_S)
    terminal.answers[Code.PREPARE_BUFFER] = prepare(200) + part
    with pytest.raises(TimedOut, match="a transfer stopped at 0 of 200 bytes"):
        dialogue.table(Table.LOG)


def test_a_trickle_is_given_up_when_its_time_is_over(terminal: FakeTerminal) -> None:
    dialogue = terminal.dialogue(SHORT_S)
    stop = threading.Event()

    def trickle() -> None:
        terminal.theirs.sendall(prepare(40))
        while not stop.wait(SHORT_S / 5):
            terminal.theirs.sendall(EVENT)

    terminal.answers[Code.PREPARE_BUFFER] = b""
    thread = threading.Thread(target=trickle)
    thread.start()
    began = time.monotonic()
    try:
        with pytest.raises(TimedOut, match="stopped at 0 of 40 bytes"):
            dialogue.table(Table.LOG)
    finally:
        stop.set()
        thread.join()
    assert time.monotonic() - began < 2


def test_hanging_up_in_a_transfer(terminal: FakeTerminal) -> None:
    dialogue = terminal.dialogue()
    terminal.theirs.sendall(prepare(200))
    terminal.answers[Code.PREPARE_BUFFER] = None
    with pytest.raises(TimedOut, match=r"closed the connection|connection was lost"):
        dialogue.table(Table.LOG)


def test_a_log_that_is_refused_through_the_buffer_is_read_directly(terminal: FakeTerminal) -> None:
    terminal.answers[Code.PREPARE_BUFFER] = Code.ACK_ERROR
    terminal.answers[Code.ATTLOG_RRQ] = wire(Code.DATA, packet(2), b"\0\0\0\0")
    assert terminal.dialogue().table(Table.LOG) == b"\0\0\0\0"


def test_a_k40_is_read_directly(terminal: FakeTerminal) -> None:
    frames = [bytes.fromhex(frame) for frame in FIELD[4]["frames"]]
    terminal.answers[Code.PREPARE_BUFFER] = Code.ACK_UNKNOWN
    terminal.answers[Code.ATTLOG_RRQ] = frames[3] + frames[4] + frames[6]
    assert terminal.dialogue().table(Table.LOG) == frames[4][16:]


def test_a_log_that_is_withheld(terminal: FakeTerminal) -> None:
    terminal.answers[Code.PREPARE_BUFFER] = Code.NOT_FOR_THIS_FIRMWARE
    terminal.answers[Code.ATTLOG_RRQ] = Code.NOT_FOR_THIS_FIRMWARE
    with pytest.raises(Refused, match="4989") as caught:
        terminal.dialogue().table(Table.LOG)
    assert "use PUSH" in caught.value.hint


def test_an_access_terminals_sizes(terminal: FakeTerminal) -> None:
    words = b"".join(word.to_bytes(4, "little") for word in FIELD[5]["int32"])
    terminal.answers[Code.GET_FREE_SIZES] = wire(Code.ACK_OK, packet(1), words)
    assert terminal.dialogue().sizes() == Sizes(users=567, records=0, capacity=200_000)


@pytest.mark.parametrize("code", [Code.ACK_ERROR, Code.ACK_UNKNOWN])
def test_what_a_firmware_does_not_know_is_empty(terminal: FakeTerminal, code: Code) -> None:
    for question in (Code.OPTIONS_RRQ, Code.GET_VERSION, Code.REG_EVENT):
        terminal.answers[question] = code
    dialogue = terminal.dialogue()
    assert dialogue.option("~Platform") == ""
    assert dialogue.version() == ""
    assert dialogue.register() is False


def test_a_real_platform(terminal: FakeTerminal) -> None:
    answer = wire(Code.ACK_OK, packet(1), b"~Platform=ZEM760_TFT\0")
    terminal.answers[Code.OPTIONS_RRQ] = answer
    assert terminal.dialogue().option("~Platform") == "ZEM760_TFT"


def test_a_clock_that_says_nothing(terminal: FakeTerminal) -> None:
    with pytest.raises(Garbled, match="u32 clock"):
        terminal.dialogue().clock()


def test_a_session_that_is_refused(terminal: FakeTerminal) -> None:
    terminal.answers[Code.CONNECT] = Code.SESSION_LOCKED
    with pytest.raises(Refused, match="SESSION_LOCKED"):
        terminal.dialogue()


def test_leaving_says_exit_and_never_raises(terminal: FakeTerminal) -> None:
    terminal.dialogue().leave()
    assert [heard.code for heard in terminal.heard] == [Code.CONNECT, Code.EXIT]


@pytest.mark.parametrize("answer", [None, b"", b"rubbish!", Code.ACK_ERROR])
def test_leaving_whatever_is_answered(terminal: FakeTerminal, answer: bytes | Code | None) -> None:
    dialogue = terminal.dialogue(SHORT_S)
    terminal.answers[Code.EXIT] = answer
    dialogue.leave()
    dialogue.leave()


def test_leaving_after_an_error_still_says_exit(terminal: FakeTerminal) -> None:
    terminal.answers[Code.GET_TIME] = b"rubbish!"
    dialogue = terminal.dialogue()
    with pytest.raises(Garbled):
        dialogue.clock()
    dialogue.leave()
    terminal.end()
    assert terminal.heard[-1].code is Code.EXIT


def test_events_we_did_not_ask_for_are_confirmed_and_passed_over(terminal: FakeTerminal) -> None:
    dialogue = terminal.dialogue()
    terminal.theirs.sendall(TcpFramer().wrap(Packet(Code.REG_EVENT, 256, 0, b"d")))
    dialogue.listen(time.monotonic() + 5)
    dialogue.leave()
    terminal.end()
    assert not dialogue.events
    assert [heard.code for heard in terminal.heard] == [Code.CONNECT, Code.ACK_OK, Code.EXIT]


# Connecting.


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_closed_port() -> None:
    with pytest.raises(Unreachable, match="port is closed") as caught:
        Link.connect("127.0.0.1", closed_port(), Transport.TCP, 1.0, "source gate")
    assert "Check port" in caught.value.hint


def test_a_name_without_an_address() -> None:
    label_too_long = "a" * 70  # refused before any name server is asked
    with pytest.raises(Unreachable, match="has no address"):
        Link.connect(label_too_long, 4370, Transport.TCP, 1.0, "source gate")


def test_a_closed_udp_port() -> None:
    link = Link.connect("127.0.0.1", closed_port(), Transport.UDP, 1.0, "source gate")
    deadline = time.monotonic() + 1
    link.send(b"hello", deadline)
    with pytest.raises(Unreachable, match="port is closed"):
        link.receive(deadline)
    link.close()
