"""What goes wrong between a simulated finger module and its host: rules, as data.

Every fault is something that serial lines and these modules do. The same seed and the same commands
give the same faults. Bytes in, bytes out: what to send is decided here, sending is the caller's.
"""

from collections.abc import Sequence
from enum import StrEnum
from random import Random
from typing import Final

from msgspec import Struct

from drivers.sim.r30xmodule import Answer
from drivers.sim.r30xwire import HEAD, READY, Damaged, Frame, Pid, encode

PIECE_GAP_S: Final = 0.001
"""The pause between two pieces of one answer, so that they are read as two."""

OVERSIZE: Final = 0x0203
"""A length that no frame has."""


class Fault(StrEnum):
    """One thing that goes wrong."""

    # With what the host says
    LOST_COMMAND = "lost command"  # never arrives: nothing is done
    DAMAGED_COMMAND = "damaged command"  # arrives with a wrong checksum: nothing is done, code 01
    # With one byte of the answer
    DROP = "drop"
    FLIP = "flip"
    INSERT = "insert"
    DUPLICATE = "duplicate"
    # With its frames
    NO_ACK = "no ack"  # what was asked for is done all the same
    LATE_ACK = "late ack"  # the answer comes before that of the next command
    FOREIGN_ADDRESS = "foreign address"
    OVERSIZE = "oversize"  # the ack announces more than a frame may have
    TRUNCATED = "truncated"  # the data stop in the middle
    NO_END = "no end"  # the last frame of the data is missing
    # Before it
    READY_BYTE = "ready byte"  # 55, as after a start
    GLITCH = "glitch"  # 00, as where power is switched
    ECHO = "echo"  # the command itself, as on a line with two wires
    # With its pieces
    SPLIT = "split"  # in two, at each place in turn
    BYTES = "bytes"  # one at a time
    DELAY = "delay"
    # And after it
    SILENCE = "silence"  # until the next power cycle, this answer included


class Rule(Struct, frozen=True):
    """When a fault happens.

    Attributes:
        op: only to this command's answer; None for any.
        times: so often; None for ever.
        chance: in so many of the cases, 0 to 1.
        delay_s: of `Fault.DELAY`.
    """

    fault: Fault
    op: int | None = None
    times: int | None = None
    chance: float = 1.0
    delay_s: float = 0.1


class Piece(Struct, frozen=True):
    """Bytes to be written at once, after a pause."""

    octets: bytes
    wait_s: float = 0.0


class Faults:
    """Rules at work, between the module and its port. Not thread-safe.

    Attributes:
        silenced: nothing is said any more until `power_up`.
        done: how often each fault has happened.
    """

    def __init__(self, rules: Sequence[Rule] = (), seed: int = 1) -> None:
        self._rules = list(rules)
        self._left = [rule.times for rule in rules]
        self._random = Random(seed)  # noqa: S311 - the same seed, the same faults
        self._held = b""  # an answer that is late
        self._splits = 0
        self.silenced = False
        self.done: dict[Fault, int] = dict.fromkeys(Fault, 0)

    def power_up(self) -> None:
        """End a silence, and forget what was late."""
        self.silenced, self._held = False, b""

    def hears(self, said: Frame | Damaged) -> Frame | Damaged | None:
        """Return what arrives of what the host said; None where nothing does."""
        if self.silenced:
            return None
        op = said.content[0] if said.pid is Pid.COMMAND else None
        if op is None:
            return said
        if self._happens(Fault.LOST_COMMAND, op):
            return None
        if self._happens(Fault.DAMAGED_COMMAND, op):
            return Damaged(said.address, said.pid, said.content)
        return said

    def says(self, answer: Answer, heard: Frame | Damaged) -> list[Piece]:
        """Return what leaves of an answer, piece by piece."""
        op = answer.op
        if self._happens(Fault.SILENCE, op):
            self.silenced = True
            return []
        late, self._held = self._held, b""
        octets = self._bytes(self._frames(answer, op), op)
        if answer.frames and self._happens(Fault.LATE_ACK, op):
            self._held = octets
            octets = b""
        octets = late + octets
        if not octets:
            return []
        if self._happens(Fault.ECHO, op):
            octets = encode(Frame(heard.address, heard.pid, heard.content)) + octets
        for fault, octet in ((Fault.READY_BYTE, READY), (Fault.GLITCH, b"\0")):
            if self._happens(fault, op):
                octets = octet + octets
        return self._pieces(octets, op)

    def _frames(self, answer: Answer, op: int | None) -> bytes:
        """Return an answer's bytes, with what goes wrong with its frames."""
        frames = list(answer.frames)
        has_data = len(frames) > 1
        if has_data and self._happens(Fault.NO_END, op):
            frames.pop()
        if frames and self._happens(Fault.FOREIGN_ADDRESS, op):
            frames = [Frame(one.address ^ 0x0101, one.pid, one.content) for one in frames]
        encoded = [encode(one) for one in frames]
        if has_data and self._happens(Fault.TRUNCATED, op):
            stream = b"".join(encoded[1:])
            encoded[1:] = [stream[: self._random.randrange(len(stream))]]
        if encoded and self._happens(Fault.OVERSIZE, op):
            ack = encoded[0]
            encoded[0] = ack[: HEAD.size - 2] + OVERSIZE.to_bytes(2, "big") + ack[HEAD.size :]
        if encoded and self._happens(Fault.NO_ACK, op):
            del encoded[0]
        return b"".join(encoded)

    def _bytes(self, octets: bytes, op: int | None) -> bytes:
        """Return bytes with what goes wrong with one of them."""
        spoilt = bytearray(octets)
        for fault in (Fault.DROP, Fault.FLIP, Fault.INSERT, Fault.DUPLICATE):
            if not spoilt or not self._happens(fault, op):
                continue
            at = self._random.randrange(len(spoilt))
            match fault:
                case Fault.DROP:
                    del spoilt[at]
                case Fault.FLIP:
                    spoilt[at] ^= 1 << self._random.randrange(8)
                case Fault.INSERT:
                    spoilt.insert(at, self._random.randrange(256))
                case Fault.DUPLICATE:
                    spoilt.insert(at, spoilt[at])
        return bytes(spoilt)

    def _pieces(self, octets: bytes, op: int | None) -> list[Piece]:
        wait_s = self._delay(op)
        if self._happens(Fault.BYTES, op):
            # Without a pause: an image has 20,000 of them.
            return [Piece(octets[at : at + 1], 0 if at else wait_s) for at in range(len(octets))]
        if len(octets) > 1 and self._happens(Fault.SPLIT, op):
            at = self._splits % (len(octets) - 1) + 1
            self._splits += 1
            cut = [octets[:at], octets[at:]]
        else:
            cut = [octets]
        return [Piece(one, PIECE_GAP_S if n else wait_s) for n, one in enumerate(cut)]

    def _delay(self, op: int | None) -> float:
        delays = [rule.delay_s for rule in self._rules if rule.fault is Fault.DELAY]
        return max(delays) if self._happens(Fault.DELAY, op) else 0.0

    def _happens(self, fault: Fault, op: int | None) -> bool:
        for n, rule in enumerate(self._rules):
            left = self._left[n]
            if rule.fault is not fault or rule.op not in (None, op) or left == 0:
                continue
            if self._random.random() < rule.chance:
                self._left[n] = None if left is None else left - 1
                self.done[fault] += 1
                return True
        return False
