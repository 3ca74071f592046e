"""One session with a 4370 terminal: what may be asked when, and what each packet then means.

Bytes in, events out; no socket and no clock. The theory:

- The client asks one thing at a time. Every reply echoes the request's reply id, so a packet with
  another id is a *stray* (a K40 answers a log read after the EXIT that followed it; a datagram may
  come twice): it is counted and passed over, in any state.
- A pushed event is known by its command, 500, never by its order. It may stand between a request
  and its reply or inside a transfer, and changes nothing there.
- A request is answered by one packet (OK, DATA or a refusal), or by a transfer: PREPARE_DATA with
  the size, DATA packets, ACK_OK. Packets of a transfer lie about their session: DATA carries its
  number there, the closing ACK_OK of a K40 the size. So a reply's session id proves nothing and is
  not checked; the terminal's own is taken from the answer to CONNECT.
- A transfer brings exactly what was announced and, where we asked for a size, exactly that.
  Anything else is an error: half a log must never look like a log.
- A question, not a transfer, may be given up: its answer, should it still come, is then a stray.
- CONNECT answered 2005 wants the comm key; 6001 wants a handshake nobody outside ZKTeco speaks.

What is not in `TRANSITIONS` cannot happen: the terminal's slip is `Garbled`, ours is `OutOfTurn`.
"""

from collections.abc import Iterator
from enum import Enum, auto
from typing import Final

from msgspec import Struct

from drivers.errors import Garbled, Refused, SourceError
from drivers.zkteco.packets import (
    Code,
    EventCode,
    Framer,
    Packet,
    TerminalState,
    comm_key_proof,
)
from drivers.zkteco.transfer import Transfer

REPLY_IDS = 65_535
"""Reply ids run from 0 to 65,534 and begin again."""


class State(Enum):
    """Where the session stands."""

    CLOSED = auto()
    CONNECTING = auto()
    LOCKED = auto()
    AUTHENTICATING = auto()
    READY = auto()
    ASKING = auto()
    RECEIVING = auto()
    LEAVING = auto()
    BROKEN = auto()


class Step(Enum):
    """What can happen: the first six are ours to take, the others arrive."""

    CONNECT = auto()
    AUTHENTICATE = auto()
    ASK = auto()
    ACKNOWLEDGE = auto()
    LEAVE = auto()
    GIVE_UP = auto()
    OK = auto()
    UNAUTH = auto()
    REFUSAL = auto()
    PREPARE = auto()
    DATA = auto()
    PUSHED = auto()
    STRAY = auto()
    FAULT = auto()


def _passing(state: State) -> dict[Step, State]:
    """Return what may come in every state that still listens; only a fault moves it."""
    return {Step.PUSHED: state, Step.STRAY: state, Step.FAULT: State.BROKEN}


TRANSITIONS: Final[dict[State, dict[Step, State]]] = {
    State.CLOSED: {
        **_passing(State.CLOSED),
        Step.CONNECT: State.CONNECTING,
    },
    State.CONNECTING: {
        **_passing(State.CONNECTING),
        Step.OK: State.READY,
        Step.UNAUTH: State.LOCKED,
        Step.REFUSAL: State.CLOSED,
    },
    State.LOCKED: {
        **_passing(State.LOCKED),
        Step.AUTHENTICATE: State.AUTHENTICATING,
        Step.LEAVE: State.LEAVING,
    },
    State.AUTHENTICATING: {
        **_passing(State.AUTHENTICATING),
        Step.OK: State.READY,
        Step.UNAUTH: State.LOCKED,
        Step.REFUSAL: State.LOCKED,
        Step.LEAVE: State.LEAVING,
    },
    State.READY: {
        **_passing(State.READY),
        Step.ASK: State.ASKING,
        Step.ACKNOWLEDGE: State.READY,
        Step.LEAVE: State.LEAVING,
    },
    State.ASKING: {
        **_passing(State.ASKING),
        Step.OK: State.READY,
        Step.DATA: State.READY,
        Step.UNAUTH: State.READY,
        Step.REFUSAL: State.READY,
        Step.PREPARE: State.RECEIVING,
        Step.GIVE_UP: State.READY,
        Step.LEAVE: State.LEAVING,
    },
    State.RECEIVING: {
        **_passing(State.RECEIVING),
        Step.DATA: State.RECEIVING,
        Step.OK: State.READY,
        Step.UNAUTH: State.READY,
        Step.REFUSAL: State.READY,
        Step.LEAVE: State.LEAVING,
    },
    State.LEAVING: {
        **_passing(State.LEAVING),
        Step.OK: State.CLOSED,
        Step.UNAUTH: State.CLOSED,
        Step.REFUSAL: State.CLOSED,
    },
    # A broken session is not mended; it may still say goodbye, to free the terminal's only place.
    State.BROKEN: {
        Step.FAULT: State.BROKEN,
        Step.LEAVE: State.LEAVING,
    },
}


class OutOfTurn(RuntimeError):
    """Our own code asked for what the session cannot do now: a fault to mend in this program."""


class Granted(Struct, frozen=True):
    """The terminal said ACK_OK, with `data` or none."""

    data: bytes


class Doing(Struct, frozen=True):
    """The terminal's answer to STATE_RRQ, which stands in the session field."""

    state: TerminalState


class Delivered(Struct, frozen=True):
    """The complete data of a transfer or of a single DATA answer."""

    data: bytes


class Refusal(Struct, frozen=True):
    """The terminal answered the request with another code than OK."""

    code: Code


class KeyWanted(Struct, frozen=True):
    """CONNECT was answered 2005: `authenticate` comes next."""


class Progress(Struct, frozen=True):
    """A transfer has brought `received` of `announced` bytes."""

    received: int
    announced: int


class Pushed(Struct, frozen=True):
    """The terminal reported something by itself and waits for an acknowledgement."""

    code: EventCode
    data: bytes


Answer = Granted | Doing | Delivered | Refusal | KeyWanted
Event = Answer | Progress | Pushed


class Session:
    """The client's end of one session.

    Attributes:
        state: where it stands.
        strays: packets passed over because their reply id was not the outstanding one.
    """

    def __init__(self, framer: Framer, where: str) -> None:
        """`where` names the source in messages, like `source gate (10.0.0.5:4370)`."""
        self.state = State.CLOSED
        self.strays = 0
        self._framer = framer
        self._where = where
        self._session = 0
        self._next_id = 0
        self._asked = Code.CONNECT
        self._outstanding: int | None = None
        self._wanted: int | None = None
        self._transfer: Transfer | None = None
        self._failure: SourceError | None = None

    # What we send. Each returns the bytes for the wire.

    def connect(self) -> bytes:
        """Ask for a session: `Granted`, `KeyWanted` or `Refusal` follows."""
        return self._request(Step.CONNECT, Code.CONNECT)

    def authenticate(self, comm_key: int) -> bytes:
        """Prove the comm key: `Granted` or `Refusal` follows."""
        return self._request(Step.AUTHENTICATE, Code.AUTH, comm_key_proof(comm_key, self._session))

    def ask(self, code: Code, data: bytes = b"", *, wanted: int | None = None) -> bytes:
        """Ask one thing; delivered data must then be of exactly `wanted` bytes, if given."""
        self._wanted = wanted
        return self._request(Step.ASK, code, data)

    def acknowledge(self) -> bytes:
        """Confirm one pushed event to the terminal: reply id 0, our session id."""
        self._move(Step.ACKNOWLEDGE)
        return self._framer.wrap(Packet(Code.ACK_OK, self._session, 0))

    def give_up(self) -> None:
        """Wait no longer for the answer to what was asked."""
        self._move(Step.GIVE_UP)
        self._outstanding = None

    def leave(self) -> bytes:
        """Give the session back: `Granted` or `Refusal` follows."""
        return self._request(Step.LEAVE, Code.EXIT)

    def may(self, step: Step) -> bool:
        """Tell whether `step` can happen now."""
        return step in TRANSITIONS[self.state]

    # What arrives.

    def feed(self, octets: bytes) -> Iterator[Event]:
        """Take bytes from the wire (UDP: one datagram) and return what they say, to be used up.

        Raises, while being used up and at the byte that shows it:
            Garbled: not the protocol; a transfer longer or shorter than announced.
            Refused: the terminal broke a transfer off, or wants the encrypted handshake.
        """
        if self._failure is not None:
            raise self._failure
        try:
            self._framer.push(octets)
        except Garbled as fault:
            raise self._broken(self._placed(fault)) from None
        return self._events()

    def _events(self) -> Iterator[Event]:
        while (packet := self._pop()) is not None:
            try:
                event = self._take(packet)
            except SourceError as fault:
                raise self._broken(fault) from None
            if event is not None:
                yield event

    def _pop(self) -> Packet | None:
        try:
            return self._framer.pop()
        except Garbled as fault:
            raise self._broken(self._placed(fault)) from None

    def _placed(self, fault: Garbled) -> Garbled:
        """Return the framer's error with the place it does not know."""
        return Garbled(f"{self._where}: {fault.args[0]}", hint=fault.hint)

    def _take(self, packet: Packet) -> Event | None:
        """Move, and say what the packet means; None for a stray."""
        before, step = self.state, self._classify(packet)
        self._move(step, packet)
        match step:
            case Step.PUSHED:
                return Pushed(EventCode(packet.session), packet.data)
            case Step.STRAY:
                self.strays += 1
                return None
            case Step.PREPARE:
                return self._begin(packet)
        if before is State.RECEIVING and self._transfer is not None:
            if step is not Step.DATA:
                return self._close(self._transfer, packet)
            self._transfer.add(packet)
            return Progress(self._transfer.received, self._transfer.announced)
        self._outstanding = None
        return self._answer(before, step, packet)

    def _answer(self, before: State, step: Step, packet: Packet) -> Answer:
        """Say what the one packet that answers a request means."""
        if before is State.CONNECTING:
            self._session = packet.session
        if packet.code is Code.ENCRYPTED:
            raise Refused(
                f"{self._where}: answered 6001, its firmware wants an encrypted handshake",
                hint="Encrypted firmware cannot be read on 4370: use PUSH (ADMS) instead",
            )
        if step is Step.DATA:
            self._check_wanted(len(packet.data))
            return Delivered(packet.data)
        if step is Step.OK and self._asked is Code.STATE_RRQ:
            return Doing(TerminalState(packet.session))
        if step is Step.OK:
            return Granted(packet.data)
        if before is State.CONNECTING and step is Step.UNAUTH:
            return KeyWanted()
        return Refusal(packet.code)

    def _classify(self, packet: Packet) -> Step:
        if packet.code is Code.REG_EVENT:
            return Step.PUSHED
        if self._outstanding is None or packet.reply_id != self._outstanding:
            return Step.STRAY
        match packet.code:
            case Code.ACK_OK | Code.ACK_DATA:
                return Step.OK
            case Code.PREPARE_DATA:
                again = self._transfer is not None and self._transfer.began_with(packet)
                return Step.STRAY if again else Step.PREPARE
            case Code.DATA:
                return Step.DATA
            case Code.ACK_UNAUTH:
                return Step.UNAUTH
        return Step.REFUSAL

    def _begin(self, packet: Packet) -> Progress:
        self._transfer = Transfer(packet, self._where)
        self._check_wanted(self._transfer.announced)
        return Progress(0, self._transfer.announced)

    def _close(self, transfer: Transfer, packet: Packet) -> Delivered:
        self._outstanding = self._transfer = None
        if packet.code not in (Code.ACK_OK, Code.ACK_DATA):
            raise Refused(
                f"{self._where}: broke the transfer off with {packet.code.name} "
                f"after {transfer.received} of {transfer.announced} bytes",
                hint="Try again; if it stays, restart the terminal",
            )
        return Delivered(transfer.close())

    def _check_wanted(self, size: int) -> None:
        if self._wanted is not None and size != self._wanted:
            raise Garbled(
                f"{self._where}: the terminal delivers another size than asked: "
                f"expected {self._wanted} bytes, got {size}",
                hint="Try again; if it stays, restart the terminal and send this with its model",
            )

    # The one way to another state.

    def _request(self, step: Step, code: Code, data: bytes = b"") -> bytes:
        self._move(step)
        if step is not Step.ASK:
            self._wanted = None
        if step is Step.CONNECT:
            self._session = 0
        self._asked = code
        self._outstanding = self._next_id
        self._next_id = (self._next_id + 1) % REPLY_IDS
        return self._framer.wrap(Packet(code, self._session, self._outstanding, data))

    def _move(self, step: Step, packet: Packet | None = None) -> None:
        to = TRANSITIONS[self.state].get(step)
        if to is not None:
            self.state = to
        elif packet is None:
            raise OutOfTurn(f"{self._where}: {step.name} in {self.state.name}")
        else:
            raise Garbled(
                f"{self._where}: {packet.code.name} with {len(packet.data)} bytes "
                f"cannot come while {self.state.name}",
                hint="Another firmware or another device: send this message with its model",
            )

    def _broken(self, fault: SourceError) -> SourceError:
        self._move(Step.FAULT)
        self._failure = fault
        return fault
