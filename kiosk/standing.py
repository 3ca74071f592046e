"""What is remembered of a source from one start to the next: committed with its entries.

A source is bound to the serial of one terminal, the first that answered. Another one under the same
address (replaced, moved, an address given twice) is heard and recorded, but nobody is known by its
users until a technician says that it is the successor.
"""

from typing import Final, Self

import msgspec
from msgspec import Struct, structs

from sync.protocol.entry import Stamp

FORMER_MOST: Final = 8
"""So many earlier terminals of a source are remembered."""


class Former(Struct, frozen=True):
    """A terminal that stood in this one's place.

    Attributes:
        until: no row of its own has a later time, naive in the source's zone; those of before, in
            its successor's log, may be its own.
    """

    serial: str
    until: str


class Standing(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a source stands.

    Attributes:
        serial: the terminal that it is bound to; "" before any has answered.
        former: those before it, the latest first.
        heard: when that terminal last answered, as far as it was worth a write.
        covered, records: of the last complete read of that terminal, as in `drivers.base.Coverage`.
        position, lasting: the driver's own memory, as in `drivers.base.Reading`.
    """

    serial: str = ""
    former: tuple[Former, ...] = ()
    covered: str = ""
    records: int = 0
    heard: Stamp | None = None
    position: bytes | None = None
    lasting: bool = False

    def before(self, serial: str) -> tuple[Former, ...]:
        """Return the terminals whose rows may stand in the log of terminal `serial` too.

        None for one that nobody has called the successor: two units may know two people by one id,
        and these may punch in one second.
        """
        return self.former if serial == self.serial else ()

    def replaced(self, serial: str, until: str) -> Self:
        """Return where it stands when terminal `serial` is its successor; `until` as in `Former`.

        What the driver remembers stays: it speaks of terminals by their serial.
        """
        former = (Former(self.serial, until), *self.former)[:FORMER_MOST]
        return structs.replace(self, serial=serial, former=former, covered="", records=0)

    def inherited(self) -> Self:
        """Return what holds in a new epoch, which begins by reading everything again."""
        return self if self.lasting else structs.replace(self, position=None)


def encode(standing: Standing) -> bytes:
    """Return the bytes that `decode` takes."""
    return msgspec.json.encode(standing)


def decode(value: bytes | None) -> Standing:
    """Return what was remembered; where that is nothing, or nothing readable, a new source's."""
    if value is None:
        return Standing()
    try:
        return msgspec.json.decode(value, type=Standing)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Standing()
