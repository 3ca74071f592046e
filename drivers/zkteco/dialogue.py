"""Questions to a 4370 terminal and their answers, each within its deadline.

It joins the link (bytes, time) to the session (meaning). It knows the wording of single requests;
in which order they make a reading is `source.py`'s.
"""

import struct
import time
from collections import deque
from collections.abc import Callable
from enum import Enum

from msgspec import Struct

from drivers.errors import Garbled, Refused, SourceError, TimedOut
from drivers.zkteco.link import Link
from drivers.zkteco.packets import Code, EventCode, TerminalState
from drivers.zkteco.session import (
    Answer,
    Delivered,
    Doing,
    Granted,
    KeyWanted,
    Progress,
    Pushed,
    Refusal,
    Session,
    Step,
)
from drivers.zkteco.transfer import STRANGE, buffered_size

SLOWEST_BYTES_PER_S = 4096
"""A transfer slower than this is given up: a full log of 4 MB may take 17 minutes."""

LOG_RANGE = struct.Struct("<BHII")
"""The log between two times, through the buffer: 1, command, from and to which ticks."""

ATTLOG_RANGE = 10004
"""The command in it. Older firmware refuses it."""

STATE_S = 1.0
"""How long a terminal may take to say what it is doing. Not each is known to answer that."""

UPLOAD_BYTES = 1024
"""How much of an upload goes into one packet; what terminals are used to."""

GOODBYE_S = 1.0
"""How long closing waits for the answer to EXIT."""

MAX_KEPT_EVENTS = 10_000
"""Pushed packets held while something else is read; nobody punches so many in one transfer."""

BUSY = "Close other programs that hold this terminal, or restart it"
WITHHELD = "This firmware does not give its log on 4370: use PUSH (ADMS) instead"

_UNKNOWN = (
    Code.ACK_ERROR,
    Code.ACK_UNKNOWN,
    Code.ACK_ERROR_CMD,
    Code.ACK_ERROR_INIT,
    Code.ACK_ERROR_DATA,
)
"""How firmwares say that they do not know an option or a request."""


class Table(Enum):
    """A table that can be read: its request through the buffer, and the direct one."""

    LOG = (bytes.fromhex("010d000000000000000000"), Code.ATTLOG_RRQ, b"")
    USERS = (bytes.fromhex("0109000500000000000000"), Code.USERTEMP_RRQ, b"\x05")
    TEMPLATES = (bytes.fromhex("0107000200000000000000"), Code.USERTEMP_RRQ, b"\x02")


class Sizes(Struct, frozen=True):
    """What the terminal says it holds; None where it does not say."""

    users: int | None = None
    records: int | None = None
    capacity: int | None = None

    @classmethod
    def of(cls, data: bytes) -> "Sizes":
        """Read the answer to GET_FREE_SIZES: u32 words in 80, 92 or 112 bytes; 4 say nothing."""
        if len(data) < 80:
            return cls()
        words = struct.unpack_from("<20I", data)
        return cls(users=words[4], records=words[8], capacity=words[16])


class Dialogue:
    """One conversation with one terminal.

    Attributes:
        events: attendance packets the terminal pushed, in order, not yet taken.
    """

    def __init__(
        self,
        link: Link,
        session: Session,
        *,
        where: str,
        timeout_s: float,
        slice_bytes: int,
        beat: Callable[[], None],
    ) -> None:
        """`slice_bytes` is how much of a buffered table is asked for at once."""
        self.events: deque[bytes] = deque()
        self._link = link
        self._session = session
        self._where = where
        self._timeout_s = timeout_s
        self._slice_bytes = slice_bytes
        self._beat = beat
        self._unasked = 0

    # Coming and going.

    def connect(self, comm_key: int) -> None:
        """Get a session, with the comm key if the terminal wants one.

        Raises:
            Refused: the key is wrong, or the terminal wants no client now.
        """
        answer = self._exchange(self._session.connect())
        if isinstance(answer, KeyWanted):
            proof = self._session.authenticate(comm_key)
            if isinstance(self._exchange(proof), Granted):
                return
            raise Refused(
                f"{self._where}: the terminal refused the comm key",
                hint=f"Set comm_key of {self._where} to the key in the terminal's menu, "
                "Comm > PC connection",
            )
        if not isinstance(answer, Granted):
            raise self._refused("a session", answer)

    def leave(self) -> None:
        """Give the session back, waiting a second at most; never raises."""
        try:
            if self._session.may(Step.LEAVE):
                self._exchange(self._session.leave(), min(GOODBYE_S, self._timeout_s))
        except SourceError:
            return  # it is gone already, and nothing is owed to it
        finally:
            self._link.close()

    # Single questions.

    def option(self, name: str) -> str:
        """Return the value of an option like `~SerialNumber`, "" where it is unknown."""
        for ending in (b"\0", b""):  # some firmware knows a name only without its NUL
            answer = self._ask(Code.OPTIONS_RRQ, name.encode() + ending)
            if not (isinstance(answer, Refusal) and answer.code in _UNKNOWN):
                break
        else:
            return ""
        said = _text(self._granted("an option", answer))
        key, _, value = said.partition("=")
        return value.strip() if key == name else ""

    def version(self) -> str:
        """Return the firmware's name and date, "" where it is not told."""
        answer = self._ask(Code.GET_VERSION)
        if isinstance(answer, Refusal) and answer.code in _UNKNOWN:
            return ""
        return _text(self._granted("its version", answer))

    def clock(self) -> int:
        """Return the terminal's clock in ticks."""
        data = self._granted("its clock", self._ask(Code.GET_TIME))
        if len(data) < 4:
            raise Garbled(f"{self._where}: expected a u32 clock, got {data.hex()!r}", hint=STRANGE)
        return int.from_bytes(data[:4], "little")

    def sizes(self) -> Sizes:
        """Return what the terminal says it holds."""
        return Sizes.of(self._granted("its sizes", self._ask(Code.GET_FREE_SIZES)))

    def state(self) -> TerminalState | None:
        """Return what the terminal is doing; None where it does not say."""
        try:
            answer = self._exchange(
                self._session.ask(Code.STATE_RRQ), min(STATE_S, self._timeout_s)
            )
        except TimedOut:
            if not self._session.may(Step.GIVE_UP):
                raise
            self._session.give_up()
            return None
        return answer.state if isinstance(answer, Doing) else None

    def register(self) -> bool:
        """Ask for attendance events as they happen; False where the firmware has none."""
        mask = int(EventCode.ATTENDANCE).to_bytes(4, "little")
        answer = self._ask(Code.REG_EVENT, mask)
        if isinstance(answer, Refusal) and answer.code in _UNKNOWN:
            return False
        self._granted("live events", answer)
        return True

    def acknowledge(self, packets: int) -> None:
        """Confirm that many pushed packets."""
        for _ in range(packets):
            self._link.send(self._session.acknowledge(), time.monotonic() + self._timeout_s)

    def listen(self, until: float) -> None:
        """Wait until `until` for the terminal to push something, then take all of it."""
        octets = self._link.receive(until)
        if octets is not None:
            self._hear(octets)
            unasked, self._unasked = self._unasked, 0
            self.acknowledge(unasked)

    # Tables.

    def table(self, table: Table) -> bytes:
        """Return a whole table: u32 size and rows.

        Raises:
            Refused: the terminal gives it neither through its buffer nor directly.
        """
        request, direct, selector = table.value
        answer = self._buffered(request)
        if isinstance(answer, bytes):
            return answer
        plain = self._ask(direct, selector)
        match plain:
            case Delivered(data) | Granted(data):
                return data
        hint = WITHHELD if table is Table.LOG else BUSY
        raise self._refused(f"the table of {table.name.lower()}", answer, plain, hint=hint)

    def log_between(self, since: int, until: int) -> bytes | None:
        """Return the log's rows between two ticks as a table; None where the firmware has none."""
        answer = self._buffered(LOG_RANGE.pack(1, ATTLOG_RANGE, since, until))
        return answer if isinstance(answer, bytes) else None

    def _buffered(self, request: bytes) -> bytes | Answer:
        """Return what `request` fills the terminal's buffer with, or how it is refused."""
        answer = self._ask(Code.PREPARE_BUFFER, request)
        match answer:
            case Delivered(data):
                return data
            case Granted(data):
                return self._drain(buffered_size(data, self._where))
        return answer

    def _drain(self, size: int) -> bytes:
        """Return `size` bytes of the terminal's buffer, and free it."""
        whole = bytearray()
        while len(whole) < size:
            wanted = min(self._slice_bytes, size - len(whole))
            request = struct.pack("<II", len(whole), wanted)
            answer = self._ask(Code.READ_BUFFER, request, wanted)
            if not isinstance(answer, Delivered):
                raise self._refused(f"bytes {len(whole)} to {size} of its buffer", answer)
            whole += answer.data
            self._beat()
        # A refusal costs the terminal's memory, not us: the table is here and whole.
        self._ask(Code.FREE_DATA)
        return bytes(whole)

    # Changes.

    def do(self, what: str, code: Code, data: bytes = b"") -> None:
        """Ask for something to be done. Raises Refused, with `what` it was."""
        self._granted(what, self._ask(code, data))
        self._beat()  # people are written one by one: many of them take minutes

    def restart(self) -> None:
        """Have the terminal restart. Many do not answer: the next question finds nobody there.

        Raises Refused.
        """
        try:
            self.do("a restart", Code.RESTART)
        except (TimedOut, Garbled):
            if self._session.may(Step.GIVE_UP):
                self._session.give_up()

    def upload(self, body: bytes) -> None:
        """Fill the terminal's buffer with `body`; the next request uses it."""
        self.do("an upload", Code.PREPARE_DATA, len(body).to_bytes(4, "little"))
        for at in range(0, len(body), UPLOAD_BYTES):
            self.do("a part of an upload", Code.DATA, body[at : at + UPLOAD_BYTES])

    # One exchange.

    def _ask(self, code: Code, data: bytes = b"", wanted: int | None = None) -> Answer:
        return self._exchange(self._session.ask(code, data, wanted=wanted))

    def _exchange(self, request: bytes, timeout_s: float | None = None) -> Answer:
        """Send a request and return its answer.

        The answer must begin within the timeout, whatever else arrives. In a transfer no silence
        may be longer, and the whole may take as long as its size allows.
        """
        silence_s = self._timeout_s if timeout_s is None else timeout_s
        began = time.monotonic()
        deadline, last = began + silence_s, began + silence_s
        self._link.send(request, deadline)
        transfer: Progress | None = None
        while True:
            octets = self._link.receive(deadline)
            if octets is None:
                raise self._silent(transfer, time.monotonic() - began)
            answer, progress = self._hear(octets)
            if answer is not None:
                return answer
            now = time.monotonic()
            if progress is not None:
                transfer = progress
                last = began + silence_s + progress.announced / SLOWEST_BYTES_PER_S
            if transfer is not None:
                deadline = min(now + silence_s, last)
            if now >= deadline:
                raise self._silent(transfer, now - began)

    def _hear(self, octets: bytes) -> tuple[Answer | None, Progress | None]:
        """Feed the session and use up what it says; events are kept aside."""
        answer: Answer | None = None
        progress: Progress | None = None
        for event in self._session.feed(octets):
            match event:
                case Pushed():
                    self._keep(event)
                case Progress():
                    progress = event
                    self._beat()
                case _:
                    answer = event
        return answer, progress

    def _keep(self, event: Pushed) -> None:
        if event.code is not EventCode.ATTENDANCE:
            self._unasked += 1  # nobody's punch is in it, so it may be confirmed unrecorded
            return
        if len(self.events) >= MAX_KEPT_EVENTS:
            raise Garbled(
                f"{self._where}: pushed more than {MAX_KEPT_EVENTS} events in one go", hint=STRANGE
            )
        self.events.append(event.data)

    def _granted(self, what: str, answer: Answer) -> bytes:
        if isinstance(answer, Granted | Delivered):
            return answer.data
        raise self._refused(what, answer)

    def _refused(self, what: str, *answers: Answer, hint: str = BUSY) -> Refused:
        codes = " and ".join(
            f"{answer.code.name} ({int(answer.code)})"
            if isinstance(answer, Refusal)
            else type(answer).__name__
            for answer in answers
        )
        return Refused(f"{self._where}: asked for {what}, refused with {codes}", hint=hint)

    def _silent(self, transfer: Progress | None, seconds: float) -> TimedOut:
        where = "no answer"
        if transfer is not None:
            where = f"a transfer stopped at {transfer.received} of {transfer.announced} bytes"
        strays = f", {self._session.strays} stray replies" if self._session.strays else ""
        return TimedOut(
            f"{self._where}: {where} after {seconds:.1f} s{strays}",
            hint="Check power and cable; another program may hold the terminal's only session",
        )


def _text(data: bytes) -> str:
    return data.split(b"\0", 1)[0].decode("utf-8", "backslashreplace").strip()
