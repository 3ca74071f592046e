"""What a simulated finger module keeps without power: its library, its settings, its notepad."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from drivers.sim.r30xprofile import Profile
from drivers.sim.r30xwire import BROADCAST, Code

NOTEPAD_PAGES: Final = 16
NOTEPAD_PAGE_BYTES: Final = 32
INDEX_PAGES: Final = 4
INDEX_PAGE_BYTES: Final = 32
PAGES_PER_INDEX: Final = 8 * INDEX_PAGE_BYTES


class Register(IntEnum):
    """What SET_SYS_PARA sets."""

    SPEED = 4
    SECURITY = 5
    PACKET = 6


class Parameters(Struct, frozen=True):
    """What SET_SYS_PARA has set.

    Attributes:
        speed: in 9600 bits a second.
        security: 1 (loose) to 5.
        packet: 0 to 3, for 32, 64, 128, 256 bytes of content.
    """

    speed: int = 6
    security: int = 3
    packet: int = 2

    @property
    def packet_bytes(self) -> int:
        """Return the most content of a frame of data."""
        return 32 << self.packet

    @property
    def least_score(self) -> int:
        """Return the score from which on two prints are one finger."""
        return 30 + 10 * self.security


class Flash:
    """What survives a power cycle.

    Attributes:
        library: template by page.
        parameters: as set last, in force or not.
    """

    def __init__(self, profile: Profile, serial: str) -> None:
        self._profile = profile
        self.serial = serial
        self.library: dict[int, bytes] = {}
        self.parameters = Parameters()
        self.address = BROADCAST
        self.password = 0
        self._notepad = bytearray(NOTEPAD_PAGES * NOTEPAD_PAGE_BYTES)

    def set(self, register: int, value: int) -> Code:
        """Set a parameter; says why it may not be."""
        match register:
            case Register.SPEED:
                allowed, name = value in self._profile.speeds, "speed"
            case Register.SECURITY:
                allowed, name = 1 <= value <= 5, "security"
            case Register.PACKET:
                allowed, name = 0 <= value <= 3, "packet"
            case _:
                return Code.NO_SUCH_REGISTER
        if not allowed:
            return Code.BAD_REGISTER
        changed: Mapping[str, int] = {name: value}
        self.parameters = replace(self.parameters, **changed)
        return Code.OK

    def note(self, page: int, octets: bytes) -> bool:
        """Write a page of the notepad; says whether there is such a page."""
        if page >= NOTEPAD_PAGES:
            return False
        at = page * NOTEPAD_PAGE_BYTES
        self._notepad[at : at + NOTEPAD_PAGE_BYTES] = octets
        return True

    def noted(self, page: int) -> bytes | None:
        """Return a page of the notepad, None where there is no such page."""
        if page >= NOTEPAD_PAGES:
            return None
        at = page * NOTEPAD_PAGE_BYTES
        return bytes(self._notepad[at : at + NOTEPAD_PAGE_BYTES])

    def index(self, page: int) -> bytes:
        """Return a page of the index table: the lowest bit of its first byte is its first slot."""
        first = page * PAGES_PER_INDEX
        bits = sum(
            1 << place - first
            for one in self.library
            if first <= (place := one + self._profile.index_base) < first + PAGES_PER_INDEX
        )
        return bits.to_bytes(INDEX_PAGE_BYTES, "little")

    def product(self) -> bytes:
        """Return READ_PROD_INFO's 46 bytes."""
        profile = self._profile
        numbers = (profile.width, profile.height, profile.template_bytes, profile.capacity)
        return b"".join(
            (
                profile.model.encode().ljust(16, b"\0"),
                b"SIM1",
                self.serial.encode()[-8:].rjust(8, b"0"),
                bytes((1, 2)),
                b"SIMGLASS",
                *(number.to_bytes(2, "big") for number in numbers),
            )
        )
