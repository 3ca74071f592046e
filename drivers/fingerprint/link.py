"""Questions to an R30x module and their answers, each within its deadline.

It knows what may be asked again and which answer belongs to which question; what the questions mean
is `module.py`'s.

Nothing in an answer says what it answers. So a command that was not answered leaves a doubt: what
comes next may be its answer, late. A module answers in turn; before anything else is asked, it is
therefore asked something whose answer looks like no other (`Fence`), and what comes before that is
let pass.
"""

from typing import Final, NoReturn

from drivers.errors import Garbled, Misconfigured, Refused, TimedOut, Unreachable
from drivers.fingerprint.answers import (
    FENCE_CODES,
    KNOCK_CODES,
    SLOW_S,
    TRIVIAL_S,
    Answer,
    Fence,
    Unanswered,
    read,
)
from drivers.fingerprint.codes import Code, Kind, Op
from drivers.fingerprint.line import SPOILT_BYTES, Line
from drivers.fingerprint.packets import GAP_S, Frame, Pid

BAUDS: Final = (57_600, 115_200, 38_400, 19_200, 9_600)
"""What modules are set to; where one does not answer as configured, it is looked for at these."""

PROBE_S: Final = 0.3
"""How long it is waited for an answer to what a module may not know: some then say nothing. One
that is later goes astray, by which it is seen that there is one.
"""

LEARN_MOST: Final = 9
"""So often that is asked at most, where the line spoils what is said."""

SILENT_MOST: Final = 3
"""So many commands in a row may go unanswered before the module counts as silent."""

KNOCK_S: Final = 0.4
"""How long an answer to the first command is waited for, at each speed."""

KNOCKS: Final = 5
"""How often that is sent at the configured speed: a module needs half a second to start."""

KNOCKS_ELSEWHERE: Final = 2
"""And at the others: the first may find it in the middle of what it took for a frame."""

QUIET_S: Final = 0.06
"""After so much silence nothing more is on its way: pauses between two frames are shorter."""

TRANSFER_MOST_BYTES: Final = 65_536
"""No template and no image is longer."""

_SILENT: Final = (
    "If it stays, look at power and cable; some modules want to be without power for two seconds"
)


class Link:
    """The conversation with one module.

    Attributes:
        line: by which the frames go.
        fence: what is asked where an answer is in doubt; None before it is known what it offers.
        unheard: commands that were not answered.
        echoes: whether it sends a command back that it does not know, and nothing else.
    """

    def __init__(self, line: Line, where: str, password: int) -> None:
        self.line = line
        self.fence: Fence | None = None
        self.unheard = 0
        self.echoes = False
        self._hears_itself = False  # a command came back, whatever else did
        self._where = where
        self._password = password.to_bytes(4, "big")
        self._silent = 0  # commands in a row that were not answered
        self._in_doubt = False
        self._dropped = 0  # bytes, until the last command was sent
        self._late_sizes: set[int | None] = set()  # of answers that may still be on their way

    @property
    def lost(self) -> int:
        """Return how many answers did not come, or not whole."""
        return self.unheard + self.line.spoilt

    # Coming and going.

    def open(self) -> str:
        """Open the port, find the module and show it the password; return a warning or "".

        Raises:
            Unreachable, Garbled: nothing answers, or something that is no such module.
            Refused, Misconfigured: it wants another password, or has another address.
        """
        self.line.port.open()
        wanted = self.line.port.baud
        for baud in (wanted, *(other for other in BAUDS if other != wanted)):
            if baud != wanted:
                self.line.port.baud = baud
            for _ in range(KNOCKS if baud == wanted else KNOCKS_ELSEWHERE):
                if self._knocked(KNOCK_S):
                    if baud == wanted:
                        return ""
                    return f"the module answers at {baud} baud, not at {wanted}: set baud = {baud}"
        self._nobody()

    def close(self) -> None:
        """Close the port; never raises."""
        self.line.port.close()

    def _knocked(self, within_s: float) -> bool:
        """Show the password; return whether a module answered that. Raises as `open` does."""
        answer = self._exchange(Op.VFY_PWD, self._password, within_s, only=KNOCK_CODES)
        if answer is None:
            return False
        match answer.code:
            case Code.WRONG_PASSWORD:
                raise Refused(
                    f"{self._where}: the module wants another password",
                    hint="Set `password` to the one that it was given; none can be read out of it",
                )
            case Code.WRONG_ADDRESS:
                raise Misconfigured(
                    f"{self._where}: the module has another address than ours",
                    hint="Set `address` to the one that it was given",
                )
        return True

    def _nobody(self) -> NoReturn:
        """Say why nothing can have answered, as far as what was heard tells."""
        if self._hears_itself:
            raise Garbled(
                f"{self._where}: only our own commands came back",
                hint="TX and RX touch each other, or the adapter echoes: look at the wiring",
            )
        if self.line.dropped >= SPOILT_BYTES:
            raise Garbled(
                f"{self._where}: {self.line.dropped} bytes came, at all speeds together, "
                f"and no frame of its address",
                hint="Another device is at this port, or a console: remove console=serial0 from "
                "cmdline.txt. Else look at `address` and at the cable",
            )
        heard = ", though a byte was heard when it started" if self.line.dropped else ""
        raise Unreachable(
            f"{self._where}: nothing answers, at none of {len(BAUDS)} speeds{heard}",
            hint="Look at power (R50x: 3.3 V only), at TX and RX (crossed: ours to its RX) and at "
            "`address`. On the header of a Pi: enable_uart=1 in config.txt and no console on it",
        )

    # One question.

    def ask(
        self,
        op: Op,
        args: bytes = b"",
        *,
        size: int = 0,
        within_s: float = TRIVIAL_S,
        may_repeat: bool = True,
    ) -> Answer:
        """Ask, and return the answer; on OK it has `size` bytes after the code.

        One that has more or fewer is of another question, and late: it is passed over.

        `may_repeat`: it does no harm to ask it twice, so what was not heard well is asked again.

        Raises:
            TimedOut: no answer, or none that could be read; Unreachable: the port is gone.
            Refused: the module has been without power and wants another password now.
        """
        is_repeated = is_shown = False
        unheard = 0  # the fence between two tries may be answered, and this never
        while True:
            limit_s = max(within_s, SLOW_S) if unheard == SILENT_MOST - 1 else within_s
            answer = self._exchange(op, args, limit_s, size=size)
            if answer is None:
                unheard += 1
                if max(unheard, self._silent) >= SILENT_MOST:
                    raise self._unanswered(TimedOut, op)
                if not may_repeat:
                    raise self._unanswered(Unanswered, op)
            elif answer.code is Code.PASSWORD_WANTED and not is_shown:
                # It was without power. It has refused the command, so nothing is done twice.
                is_shown = True
                self._show_password()
            elif answer.meaning.kind is Kind.COMM and may_repeat and not is_repeated:
                is_repeated = True
            else:
                return answer

    def probe(self, op: Op, args: bytes = b"") -> Answer | None:
        """Ask once what nothing depends on; return its OK, None for anything else.

        Raises as `ask` does.
        """
        silent = self._silent
        answer = self._exchange(op, args, PROBE_S, may_lack=True)
        if answer is None:
            self._silent = silent  # that it does not know it is no sign of death
        elif answer.code is Code.PASSWORD_WANTED:
            self._show_password()
        return answer if answer is not None and answer.is_ok else None

    def learn(
        self, op: Op, args: bytes = b"", *, size: int | None = 0, tries: int = 2
    ) -> Answer | None:
        """Ask what the module may not know; return its OK, None where it does not offer it.

        `size` as in `ask`; None where modules differ, for any but nothing.

        An unknown command is answered by 01, by FC, by itself, or not at all. All but FC may be a
        bad moment: it is believed where the same comes `tries` times in a row, and nothing else
        that was said meanwhile went astray.

        Raises:
            Garbled: the line is too bad to tell; else as `ask`.
        """
        seen: Code | None = None
        times = 0
        for _ in range(LEARN_MOST):
            dropped, lost = self.line.dropped, self.line.strays + self.unheard
            answer = self._exchange(op, args, PROBE_S, size=size, may_lack=True)
            told = None if answer is None else answer.code
            if answer is None:
                lost += 1
                self._show_life()
            elif answer.code is Code.PASSWORD_WANTED:
                self._show_password()
                continue
            elif answer.is_ok:
                return answer
            elif answer.meaning.kind is Kind.UNSUPPORTED:
                return None
            is_spoilt = self.line.dropped - dropped >= SPOILT_BYTES
            if is_spoilt or self.line.strays + self.unheard != lost:
                times = 0
                continue
            times = times + 1 if told == seen else 1
            seen = told
            if times == tries:
                return None
        raise Garbled(
            f"{self._where}: {op.name} was answered neither well nor the same way {tries} times "
            f"in a row, out of {LEARN_MOST}",
            hint="The line spoils what is said: look at cable and ground",
        )

    def _show_life(self) -> None:
        """See that a module that has not answered answers what each one knows. Raises TimedOut."""
        if self.fence is None:
            self._show_password()
        else:
            self._settle()

    # What is longer than a frame.

    def receive(self) -> bytes:
        """Return the data that follows an answer, up to its last packet, whatever its length.

        Raises Garbled.
        """
        self._in_doubt = True
        whole = bytearray()
        while len(whole) <= TRANSFER_MOST_BYTES:
            frame = self.line.hear(self.line.now_s() + TRIVIAL_S + 2 * self.line.wire_s(256))
            if frame is None:
                break
            if frame.pid not in (Pid.DATA, Pid.END):
                self.line.strays += 1
                continue
            whole += frame.content
            if frame.pid is Pid.END:
                if self.line.dropped != self._dropped:
                    break  # packets have no numbers: one that is lost is not missed
                self._in_doubt = False
                return bytes(whole)
        raise Garbled(
            f"{self._where}: a transfer broke off or was spoilt after {len(whole)} bytes",
            hint="Look at the cable; long ones want a lower speed",
        )

    def send(self, octets: bytes, packet_bytes: int) -> None:
        """Send data in packets of so many bytes; nothing acknowledges it."""
        for at in range(0, len(octets), packet_bytes):
            part = octets[at : at + packet_bytes]
            pid = Pid.END if at + packet_bytes >= len(octets) else Pid.DATA
            self.line.say(Frame(pid, part))

    # How.

    def _exchange(
        self,
        op: Op,
        args: bytes,
        within_s: float,
        *,
        size: int | None = 0,
        only: frozenset[Code] | None = None,
        may_lack: bool = False,
    ) -> Answer | None:
        """Send one command and return its answer; None where none came that could be read."""
        if self._in_doubt:
            self._settle()
        if self.fence is not None and size == self.fence.size and size in self._late_sizes:
            # The one other question with such an answer: what is late has to come first.
            self.line.rest(TRIVIAL_S)
            self._late_sizes.clear()
        return self._once(op, args, within_s, size, only, may_lack)

    def _once(
        self,
        op: Op,
        args: bytes,
        within_s: float,
        size: int | None,
        only: frozenset[Code] | None,
        may_lack: bool,
    ) -> Answer | None:
        command = bytes((op,)) + args
        self.line.discard()
        self._dropped = self.line.dropped
        self._in_doubt = True
        self.line.say(Frame(Pid.COMMAND, command))
        until_s = self.line.now_s() + within_s + self.line.wire_s(len(command) + (size or 0))
        echoed = False
        while (frame := self.line.hear(until_s)) is not None:
            if frame.pid is Pid.COMMAND and frame.content == command:
                # An adapter that echoes delivers the answer as well; a module that does, none.
                echoed = self._hears_itself = True
                if may_lack:
                    until_s = min(until_s, self.line.now_s() + GAP_S)
                continue
            answer = read(frame)
            if answer is None or not self._fits(answer, size, only):
                self.line.strays += 1
                continue
            self._in_doubt, self._silent = False, 0
            return answer
        if echoed and may_lack:
            self.echoes = True
            self._in_doubt, self._silent = False, 0
            return Answer(Code.RECEIVE_ERROR)
        self.unheard += 1
        self._silent += 1
        self._late_sizes.add(size)
        return None

    def _fits(self, answer: Answer, size: int | None, only: frozenset[Code] | None) -> bool:
        """Return whether that can be the answer to what was asked.

        A line may stay one answer behind. Were a longer one taken for a search's, its first bytes
        would be a slot, and somebody would be named who is not there.
        """
        if only is not None and answer.code not in only:
            return False
        if not answer.is_ok:
            return True
        return bool(answer.body) if size is None else len(answer.body) == size

    def _settle(self) -> None:
        """Come back into step with a module that has not answered. Raises TimedOut."""
        fence = self.fence
        if fence is None:
            self.line.rest(QUIET_S)
            self._in_doubt = False
            return
        while self._once(fence.op, fence.args, TRIVIAL_S, fence.size, FENCE_CODES, False) is None:
            if self._silent >= SILENT_MOST:
                raise self._unanswered(TimedOut, fence.op)

    def _show_password(self) -> None:
        """Show the password to a module that has been without power. Raises Refused, TimedOut."""
        while not self._knocked(TRIVIAL_S):
            if self._silent >= SILENT_MOST:
                raise self._unanswered(TimedOut, Op.VFY_PWD)

    def _unanswered(self, kind: type[TimedOut], op: Op) -> TimedOut:
        counts = ", ".join(f"{count} {what}" for what, count in self.line.counts.items())
        said = f"{self._where}: {op.name} was not answered ({self.unheard} unheard, {counts})"
        return kind(said, hint=_SILENT)
