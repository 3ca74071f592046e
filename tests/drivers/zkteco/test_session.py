"""The session: real exchanges, any cut, any state with any step."""

import itertools
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import Garbled, Refused, SourceError
from drivers.zkteco.packets import Code, EventCode, Packet, TcpFramer, UdpFramer
from drivers.zkteco.session import (
    TRANSITIONS,
    Delivered,
    Event,
    Granted,
    KeyWanted,
    OutOfTurn,
    Progress,
    Pushed,
    Refusal,
    Session,
    State,
    Step,
)
from drivers.zkteco.transfer import MAX_TABLE_BYTES, buffered_size

FIELD = json.loads((Path(__file__).parent / "frames" / "field_records.json").read_text())
EVENT = bytes.fromhex(
    "5050827d28000000f401ac12010000003939393131313333330000000000000000000000000000000100120619112905"
)
SESSION = 0x45CF


def wire(code: Code, reply_id: int, data: bytes = b"", session: int = SESSION) -> bytes:
    return TcpFramer().wrap(Packet(code, session, reply_id, data))


def ready() -> Session:
    """A session that is READY; its next request has reply id 1."""
    session = Session(TcpFramer(), "source gate")
    session.connect()
    assert list(session.feed(wire(Code.ACK_OK, 0))) == [Granted(b"")]
    return session


def asking(wanted: int | None = None) -> Session:
    session = ready()
    session.ask(Code.ATTLOG_RRQ, wanted=wanted)
    return session


def transfer(pieces: list[bytes], size: int | None = None, number: int = 0) -> list[bytes]:
    total = sum(map(len, pieces)) if size is None else size
    prepare = wire(Code.PREPARE_DATA, 1, total.to_bytes(4, "little") + b"\xf0\x03\0\0")
    data = [wire(Code.DATA, 1, piece, number + n) for n, piece in enumerate(pieces)]
    return [prepare, *data, wire(Code.ACK_OK, 1)]


def fed(session: Session, chunks: Iterable[bytes]) -> tuple[list[Event], type[SourceError] | None]:
    """Return the events of all chunks, and the error that ended them."""
    events: list[Event] = []
    try:
        for chunk in chunks:
            for event in session.feed(chunk):
                events.append(event)
    except SourceError as fault:
        return events, type(fault)
    return events, None


def test_what_we_send_is_what_a_real_client_sent() -> None:
    frames = [bytes.fromhex(frame) for frame in FIELD[4]["frames"]]
    session = Session(TcpFramer(), "source k40")
    assert session.connect() != frames[0]  # that client began with reply id 1
    session = Session(TcpFramer(), "source k40")
    session._next_id = 1
    assert session.connect() == frames[0]
    assert list(session.feed(frames[1])) == [Granted(b"")]
    assert session.ask(Code.ATTLOG_RRQ) == frames[2]
    events = list(session.feed(frames[3] + frames[4] + frames[6]))
    assert events[-1] == Delivered(frames[4][16:])
    assert session.leave() == frames[5]
    assert list(session.feed(frames[7])) == [Granted(b"")]
    assert session.state is State.CLOSED


def test_the_comm_key_of_a_recorded_session() -> None:
    session = Session(TcpFramer(), "source gate")
    session.connect()
    assert list(session.feed(wire(Code.ACK_UNAUTH, 0))) == [KeyWanted()]
    assert session.authenticate(45)[16:].hex() == "61c9323c"
    assert list(session.feed(wire(Code.ACK_OK, 1))) == [Granted(b"")]
    assert session.state is State.READY


def test_a_wrong_comm_key() -> None:
    session = Session(TcpFramer(), "source gate")
    session.connect()
    list(session.feed(wire(Code.ACK_UNAUTH, 0)))
    session.authenticate(12)
    assert list(session.feed(wire(Code.ACK_UNAUTH, 1))) == [Refusal(Code.ACK_UNAUTH)]
    assert session.state is State.LOCKED


def test_encrypted_firmware() -> None:
    session = Session(TcpFramer(), "source gate")
    session.connect()
    with pytest.raises(Refused, match="use PUSH"):
        list(session.feed(wire(Code.ENCRYPTED, 0)))


def test_unknown_commands_are_refusals_on_a_real_device() -> None:
    session = Session(TcpFramer(), "source d2")
    session._next_id = 9
    session.connect()
    list(session.feed(wire(Code.ACK_OK, 9, session=0x7D3D)))
    for frame in FIELD[6]["frames"]:
        session.ask(Code.OPTIONS_RRQ, b"FaceFunOn\0")
        assert list(session.feed(bytes.fromhex(frame))) == [Refusal(Code.ACK_UNKNOWN)]


def test_an_event_inside_a_transfer_is_an_event() -> None:
    frames = transfer([b"a" * 1008, b"b" * 4])
    session = asking()
    events, fault = fed(session, [frames[0], EVENT, frames[1], EVENT, *frames[2:], EVENT])
    assert fault is None
    pushed = [event for event in events if isinstance(event, Pushed)]
    assert [event.code for event in pushed] == [EventCode.ATTENDANCE] * 3
    assert Delivered(b"a" * 1008 + b"b" * 4) in events
    assert Progress(1012, 1012) in events


@given(
    st.lists(st.binary(min_size=1, max_size=50), max_size=5),
    st.lists(st.integers(0, 6), max_size=4),
    st.lists(st.integers(0, 900), max_size=20),
)
def test_any_cut_of_a_transfer_gives_the_same_events(
    pieces: list[bytes], event_at: list[int], cuts: list[int]
) -> None:
    frames = transfer(pieces)
    for at in event_at:
        frames.insert(min(at, len(frames)), EVENT)
    stream = b"".join(frames)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    whole = fed(asking(), [stream])
    cut = fed(asking(), [stream[start:end] for start, end in itertools.pairwise(edges)])
    single = fed(asking(), [bytes((octet,)) for octet in stream])
    assert whole == cut == single
    assert whole[1] is None
    assert whole[0].count(Delivered(b"".join(pieces))) == 1


packets_of_any_kind = st.builds(
    lambda code, session, reply_id, data: wire(code, reply_id, data, session),
    st.sampled_from([*Code, Code(31337)]),
    st.integers(0, 3),
    st.integers(0, 2),
    st.one_of(st.binary(max_size=12), st.just((20).to_bytes(4, "little"))),
)


@given(
    st.lists(st.one_of(packets_of_any_kind, st.binary(min_size=1, max_size=9)), max_size=8),
    st.lists(st.integers(0, 200), max_size=10),
)
def test_any_cut_of_any_stream_gives_the_same_events_and_error(
    frames: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(frames)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[start:end] for start, end in itertools.pairwise(edges)]
    assert fed(asking(), [stream]) == fed(asking(), chunks)


def in_state(state: State) -> Session:
    """Return a session in `state`; its outstanding reply id, if any, is the last it used."""
    session = Session(TcpFramer(), "source gate")
    if state is State.CLOSED:
        return session
    session.connect()
    if state in (State.LOCKED, State.AUTHENTICATING):
        list(session.feed(wire(Code.ACK_UNAUTH, 0)))
        if state is State.AUTHENTICATING:
            session.authenticate(1)
    elif state is State.BROKEN:
        assert fed(session, [b"rubbish!"]) == ([], Garbled)
    elif state is not State.CONNECTING:
        list(session.feed(wire(Code.ACK_OK, 0)))
        if state in (State.ASKING, State.RECEIVING):
            session.ask(Code.GET_TIME)
        if state is State.RECEIVING:
            list(session.feed(transfer([b"four"])[0]))
        if state is State.LEAVING:
            session.leave()
    assert session.state is state
    return session


ARRIVING = {
    Step.OK: Code.ACK_OK,
    Step.UNAUTH: Code.ACK_UNAUTH,
    Step.REFUSAL: Code.ACK_ERROR,
    Step.PREPARE: Code.PREPARE_DATA,
    Step.DATA: Code.DATA,
    Step.PUSHED: Code.REG_EVENT,
    Step.STRAY: Code.ACK_OK,
}


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("step", list(ARRIVING))
def test_whatever_arrives_in_any_state_is_legal_or_named(state: State, step: Step) -> None:
    session = in_state(state)
    reply_id = session._outstanding
    if step is Step.STRAY or reply_id is None:
        reply_id = 4242
        step = Step.PUSHED if step is Step.PUSHED else Step.STRAY
    data = (4).to_bytes(4, "little") if step is Step.PREPARE else b"four"
    _, fault = fed(session, [wire(ARRIVING[step], reply_id, data if step is not Step.OK else b"")])
    legal = TRANSITIONS[state].get(step)
    if legal is None:
        assert fault is Garbled
        assert session.state is State.BROKEN
    elif fault is None:
        assert session.state is legal
    else:  # the one packet was in its place and the transfer it ended was not whole
        assert state is State.RECEIVING
        assert step in (Step.OK, Step.UNAUTH, Step.REFUSAL)
        assert session.state is State.BROKEN


@pytest.mark.parametrize("state", list(State))
def test_rubbish_breaks_a_session_in_any_state(state: State) -> None:
    session = in_state(state)
    assert fed(session, [b"rubbish!"]) == ([], Garbled)
    assert session.state is State.BROKEN
    with pytest.raises(Garbled, match="expected the prefix"):
        session.feed(b"")


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize(
    "step", [Step.CONNECT, Step.AUTHENTICATE, Step.ASK, Step.ACKNOWLEDGE, Step.LEAVE]
)
def test_whatever_we_ask_in_any_state_is_legal_or_named(state: State, step: Step) -> None:
    session = in_state(state)
    take = {
        Step.CONNECT: session.connect,
        Step.AUTHENTICATE: lambda: session.authenticate(1),
        Step.ASK: lambda: session.ask(Code.GET_TIME),
        Step.ACKNOWLEDGE: session.acknowledge,
        Step.LEAVE: session.leave,
    }[step]
    if session.may(step):
        assert take()
        assert session.state is TRANSITIONS[state][step]
    else:
        with pytest.raises(OutOfTurn, match=f"{step.name} in {state.name}"):
            take()
        assert session.state is state


def test_an_acknowledgement_carries_our_session_and_reply_id_0() -> None:
    framer = TcpFramer()
    framer.push(ready().acknowledge())
    assert framer.pop() == Packet(Code.ACK_OK, SESSION, 0)


def test_stray_replies_are_counted_and_harmless() -> None:
    session = asking()
    late = wire(Code.ACK_OK, 77, session=0x7C)
    events = list(session.feed(late + wire(Code.ACK_OK, 1, b"clock") + late))
    assert events == [Granted(b"clock")]
    assert session.strays == 2


@pytest.mark.parametrize(
    ("frames", "says"),
    [
        (transfer([b"a" * 10], size=11), "shorter than announced"),
        (transfer([b"a" * 10, b"b"], size=10), "longer than announced"),
        (transfer([b"a"], size=MAX_TABLE_BYTES + 1), "at most"),
        ([wire(Code.PREPARE_DATA, 1, b"\x01")], "u32 size"),
        ([*transfer([b"a"])[:1], wire(Code.DATA, 1, b"a", 0), wire(Code.DATA, 1, b"b", 2)], "DATA"),
    ],
)
def test_a_transfer_that_is_not_what_was_announced(frames: list[bytes], says: str) -> None:
    session = asking()
    with pytest.raises(Garbled, match=says):
        list(session.feed(b"".join(frames)))


def test_a_lost_datagram_is_noticed_by_its_number() -> None:
    pieces = [b"a" * 8, b"b" * 8, b"c" * 8, b"d" * 8]
    frames = transfer(pieces)
    with pytest.raises(Garbled, match="expected DATA packet 2 of the transfer, got 3"):
        list(asking().feed(b"".join(frames[:3] + frames[4:])))


def test_packets_that_all_carry_the_session_are_taken_too() -> None:
    frames = transfer([b"a"], size=3)[:1]
    frames += [wire(Code.DATA, 1, b"a") for _ in range(3)] + [wire(Code.ACK_OK, 1)]
    assert list(asking().feed(b"".join(frames)))[-1] == Delivered(b"aaa")


@pytest.mark.parametrize("size", [9, 11])
def test_a_slice_of_another_size_than_asked(size: int) -> None:
    for frames in (transfer([b"a" * size]), [wire(Code.DATA, 1, b"a" * size)]):
        with pytest.raises(Garbled, match="another size than asked"):
            list(asking(wanted=10).feed(b"".join(frames)))


def test_a_transfer_broken_off() -> None:
    frames = transfer([b"a" * 10])
    frames[2:] = [wire(Code.ACK_ERROR, 1)]
    with pytest.raises(Refused, match="ACK_ERROR after 10 of 10"):
        list(asking().feed(b"".join(frames)))


def test_reply_ids_wrap() -> None:
    session = ready()
    for _ in range(65_534):
        session.state = State.READY
        session.ask(Code.GET_TIME)
    assert session._outstanding == 65_534
    session.state = State.READY
    session.ask(Code.GET_TIME)
    assert session._outstanding == 0


def test_datagrams_make_the_same_session() -> None:
    session = Session(UdpFramer(), "source old")
    sent = session.connect()
    assert sent.hex() == "e80317fc00000000"
    assert list(session.feed(UdpFramer().wrap(Packet(Code.ACK_OK, SESSION, 0)))) == [Granted(b"")]


def test_the_size_of_a_buffer_stands_at_offset_1() -> None:
    said = bytes.fromhex("00 b4130000 b4130000 12345678")
    assert buffered_size(said, "source gate") == 5044
    assert buffered_size(b"", "source gate") == 0
    for wrong in (said[:-1], said + b"\0", b"\0" + b"\xff" * 12):
        with pytest.raises(Garbled, match="13 bytes"):
            buffered_size(wrong, "source gate")
