"""One transfer's bytes: announced by PREPARE_DATA, brought by DATA packets, closed by ACK_OK.

It holds exactly what was announced or it is an error; half a log must never look like a log.
"""

from drivers.errors import Garbled
from drivers.zkteco.packets import Packet

MAX_TABLE_BYTES = 32 << 20
"""Largest table taken. A full log of 200,000 rows of 49 bytes has 9.8 million."""

DOUBLE_BYTES = 64
"""From this length on, two equal DATA packets of a transfer are one that came twice: no two
stretches of a log are equal. Shorter ones may be."""

STRANGE = "Another firmware, or a damaged line: send this message with the terminal's model"

_LOSSY = "Over UDP datagrams may be lost; use tcp if the terminal knows it"


class Transfer:
    """What has come of one announced table or slice."""

    def __init__(self, prepare: Packet, where: str) -> None:
        """Raises Garbled when `prepare` announces no size, or more than any log holds."""
        if len(prepare.data) < 4:
            raise Garbled(
                f"{where}: expected PREPARE_DATA with a u32 size, got {prepare.data.hex()!r}",
                hint=STRANGE,
            )
        self.announced = int.from_bytes(prepare.data[:4], "little")
        self._prepare = prepare
        self._where = where
        self._octets = bytearray()
        self._packets = 0
        self._first = 0
        self._counted_up = False
        self._seen: set[int] = set()
        if self.announced > MAX_TABLE_BYTES:
            raise Garbled(
                f"{where}: expected a table of at most {MAX_TABLE_BYTES} bytes, "
                f"the terminal announces {self.announced}",
                hint=STRANGE,
            )

    @property
    def received(self) -> int:
        """How many bytes are here."""
        return len(self._octets)

    def began_with(self, packet: Packet) -> bool:
        """Tell whether `packet` is what this transfer began with, come twice."""
        return packet == self._prepare and not self._octets

    def add(self, packet: Packet) -> None:
        """Take one DATA packet; Garbled when it is out of order or one too many.

        A datagram may come twice. Where packets are not numbered, a double and a loss would make
        the size right and the rows wrong, so a packet that was here already is passed over.
        """
        if len(packet.data) >= DOUBLE_BYTES:
            double = hash((packet.session, packet.data))
            if double in self._seen:
                return
            self._seen.add(double)
        self._check_number(packet.session)
        self._octets += packet.data
        if self.received > self.announced:
            raise Garbled(
                f"{self._where}: the transfer is longer than announced: "
                f"expected {self.announced} bytes, got {self.received} and it goes on",
                hint=_LOSSY,
            )

    def close(self) -> bytes:
        """Return the whole; Garbled when some of it is missing."""
        if self.received != self.announced:
            raise Garbled(
                f"{self._where}: the transfer is shorter than announced: "
                f"expected {self.announced} bytes, got {self.received}",
                hint=_LOSSY,
            )
        return bytes(self._octets)

    def _check_number(self, number: int) -> None:
        """DATA packets carry 0, 1, 2... in their session field, or all of them the same."""
        expected = self._packets
        if expected == 0:
            self._first = number
        elif expected == 1:
            self._counted_up = number == 1 and self._first == 0
        if number != (expected if self._counted_up else self._first):
            raise Garbled(
                f"{self._where}: expected DATA packet {expected} of the transfer, got {number}",
                hint=_LOSSY,
            )
        self._packets += 1


def buffered_size(data: bytes, where: str) -> int:
    """Return how many bytes the terminal's buffer holds, from the answer to PREPARE_BUFFER.

    The answer has 13 bytes and the u32 size at offset 1, not 0; no data at all is an empty table.

    Raises:
        Garbled: another length, or more than any log holds.
    """
    if not data:
        return 0
    size = int.from_bytes(data[1:5], "little")
    if len(data) != 13 or size > MAX_TABLE_BYTES:
        raise Garbled(
            f"{where}: expected 13 bytes that announce a buffer of at most {MAX_TABLE_BYTES}, "
            f"got {data.hex()}",
            hint=STRANGE,
        )
    return size
