"""What a simulated terminal does wrong, and how its answers are cut up on the way out.

Every fault is something the field has shown. The switches are data; `Faults()` is a terminal in
good health. Bytes in, bytes out: what to send is decided here, sending is the caller's.
"""

from collections.abc import Mapping, Sequence
from enum import Enum, StrEnum
from random import Random
from typing import Final

import msgspec
from msgspec import Struct

from drivers.sim.zkwire import C3_GREETING, HTTP_GREETING, NEWER_GREETING, Code, Table

LONGEST_PIECE_BYTES: Final = 400
"""Longest piece of `Segmentation.CUT`; real captures show frames in pieces of 128 to 256 bytes."""


class Segmentation(StrEnum):
    """How the frames of one answer are laid into TCP segments."""

    FRAMES = "frames"  # one frame per segment
    JOINED = "joined"  # a whole answer in one segment
    CUT = "cut"  # cut at arbitrary points, frames running into each other
    BYTES = "bytes"  # one byte per segment


class Breakage(StrEnum):
    """What happens in the middle of a bulk answer."""

    NONE = "none"
    FIN = "fin"  # the terminal closes the connection; on UDP it falls silent
    SILENCE = "silence"  # the connection stays, nothing comes any more


class Foreign(Enum):
    """What else may listen on the port, by what it says to any bytes."""

    C3_PANEL = C3_GREETING
    WEB_SERVER = HTTP_GREETING
    NEWER_FRAMING = NEWER_GREETING


class Datagrams(StrEnum):
    """What the network does to an answer's UDP datagrams."""

    KEPT = "kept"
    LOST = "lost"  # the one in the middle of a table's bytes never arrives
    DOUBLED = "doubled"  # every one arrives twice
    REORDERED = "reordered"  # the two in the middle of a table's bytes change places


class Faults(Struct, frozen=True, kw_only=True):
    """The fault switches of a simulated terminal.

    Attributes:
        segmentation: how answers are laid into TCP segments; UDP keeps one packet per datagram.
        seed: of the cuts of `Segmentation.CUT`.
        encrypted: CONNECT is answered 6001, as by firmware with an encrypted handshake.
        foreign: another service is on the port.
        refuses: requests that are refused, and with which code: 2032 for CONNECT is a session
            that another client has locked. Code.ATTLOG_RANGE is the one inside PREPARE_BUFFER.
        mute: connections are accepted and nothing is ever answered.
        wrong_checksum: every packet goes out with a wrong checksum.
        bulk: what happens in the middle of a table's bytes.
        bulk_table: the table that `bulk` spoils; None spoils every one.
        bulk_share: how much of the spoilt answer's bytes still goes out, 0 to 1.
        silent_after_register: half-open: REG_EVENT is acknowledged, then nothing comes any more.
        datagrams: what the network does to UDP datagrams.
        longer_bytes: so many bytes more than asked come with each slice of a buffered table.
        announces_bytes: the size that is announced for any table instead of its own.
        disabled: another program has disabled keypad and sensor, and went away.
        clock_rate: how fast the clock runs from now on; 1 is right.
        impossible_date: the log holds one more row, in its middle, dated 31 February.
        late_punches: so many reads of the log find a punch that landed after GET_FREE_SIZES.
        mid_transfer_punches: so many transfers are interrupted by the event of a new punch.
        no_records_counted: GET_FREE_SIZES claims 0 attendance records.
        keeps_no_writes: users, fingers, clock and options are acknowledged and not kept.
    """

    segmentation: Segmentation = Segmentation.FRAMES
    seed: int = 1
    encrypted: bool = False
    foreign: Foreign | None = None
    refuses: Mapping[Code, Code] = msgspec.field(default_factory=dict)
    mute: bool = False
    wrong_checksum: bool = False
    bulk: Breakage = Breakage.NONE
    bulk_table: Table | None = None
    bulk_share: float = 0.5
    silent_after_register: bool = False
    datagrams: Datagrams = Datagrams.KEPT
    longer_bytes: int = 0
    announces_bytes: int | None = None
    disabled: bool = False
    clock_rate: float = 1.0
    impossible_date: bool = False
    late_punches: int = 0
    mid_transfer_punches: int = 0
    no_records_counted: bool = False
    keeps_no_writes: bool = False

    def spoils(self, table: Table | None) -> bool:
        """Say whether an answer that carries `table` (None: no table) is broken off."""
        if table is None or self.bulk is Breakage.NONE:
            return False
        return self.bulk_table in (None, table)


class After(Enum):
    """What the connection does once an answer's bytes are out."""

    GO_ON = "go on"
    CLOSE = "close"
    BE_SILENT = "be silent"


class Delivery(Struct, frozen=True):
    """An answer on its way: the segments (or datagrams) to send, and what to do then."""

    segments: Sequence[bytes]
    after: After = After.GO_ON


def corrupt(datagram: bytes) -> bytes:
    """Return an encoded packet with its checksum's bits turned round."""
    return datagram[:2] + bytes(byte ^ 0xFF for byte in datagram[2:4]) + datagram[4:]


def as_segments(
    frames: Sequence[bytes], faults: Faults, table: Table | None, random: Random
) -> Delivery:
    """Lay TCP frames into segments, broken off in the middle where `faults` say so."""
    stream = b"".join(frames)
    if not faults.spoils(table):
        return Delivery(_segments(frames, stream, faults.segmentation, random))
    kept = stream[: int(len(stream) * faults.bulk_share)]
    after = After.CLOSE if faults.bulk is Breakage.FIN else After.BE_SILENT
    return Delivery(
        _segments(_beginning(frames, len(kept)), kept, faults.segmentation, random), after
    )


def as_datagrams(datagrams: Sequence[bytes], faults: Faults, table: Table | None) -> Delivery:
    """Let UDP datagrams go as the network lets them; a spoilt answer loses its last ones."""
    if not faults.spoils(table):
        return Delivery(_through_the_network(datagrams, faults.datagrams, table))
    return Delivery(datagrams[: int(len(datagrams) * faults.bulk_share)], After.BE_SILENT)


def _through_the_network(
    datagrams: Sequence[bytes], what: Datagrams, table: Table | None
) -> Sequence[bytes]:
    middle = len(datagrams) // 2
    if what is Datagrams.DOUBLED:
        return [twice for one in datagrams for twice in (one, one)]
    if table is None or len(datagrams) < 4:  # PREPARE_DATA, ACK_OK, and two between
        return datagrams
    match what:
        case Datagrams.LOST:
            return [*datagrams[:middle], *datagrams[middle + 1 :]]
        case Datagrams.REORDERED:
            before, after = datagrams[: middle - 1], datagrams[middle + 1 :]
            return [*before, datagrams[middle], datagrams[middle - 1], *after]
    return datagrams


def _segments(
    frames: Sequence[bytes], stream: bytes, segmentation: Segmentation, random: Random
) -> Sequence[bytes]:
    match segmentation:
        case Segmentation.FRAMES:
            return frames
        case Segmentation.JOINED:
            return [stream] if stream else []
        case Segmentation.BYTES:
            return [stream[at : at + 1] for at in range(len(stream))]
        case Segmentation.CUT:
            return _pieces(stream, random)


def _pieces(stream: bytes, random: Random) -> list[bytes]:
    pieces = []
    at = 0
    while at < len(stream):
        size = random.randint(1, LONGEST_PIECE_BYTES)
        pieces.append(stream[at : at + size])
        at += size
    return pieces


def _beginning(frames: Sequence[bytes], size: int) -> list[bytes]:
    """Return the first `size` bytes of `frames`, still in one piece per frame."""
    begun = []
    for frame in frames:
        if size <= 0:
            break
        begun.append(frame[:size])
        size -= len(frame)
    return begun
