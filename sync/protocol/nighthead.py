"""The head of the night: one signed root over the ends of all journals that central holds.

Kept where central cannot reach it (printed, mailed, timestamped), it proves later that nothing in
any journal before it was changed. Its list has one line for each epoch, sorted:

    KIOSK SP EPOCH SP THROUGH SP HEAD

where HEAD is the hash of entry THROUGH, hexadecimal. Line 1 has the list's Merkle root, so that one
epoch's line can be proved to somebody who is not to see the others.
"""

from collections.abc import Sequence
from hashlib import sha256

from msgspec import Struct

from sync.protocol import merkle
from sync.protocol.errors import Inconsistent, Malformed
from sync.protocol.identity import Domain, PrivateKey
from sync.protocol.signed import Signed, sign, take_apart


class End(Struct, frozen=True, order=True):
    """How far one epoch reached: entry `through` had the hash `head`, hexadecimal."""

    kiosk: str
    epoch: str
    through: int
    head: str

    @property
    def line(self) -> bytes:
        """Return its line of the list."""
        return f"{self.kiosk} {self.epoch} {self.through} {self.head}".encode()

    @classmethod
    def read(cls, line: bytes) -> "End":
        """Raises Malformed."""
        try:
            kiosk, epoch, through, head = line.decode().split(" ")
            return cls(kiosk, epoch, int(through), head)
        except ValueError as error:
            raise Malformed(f"night: not a line of the list: {line[:80]!r}") from error


class NightHead(Struct, frozen=True, kw_only=True):
    """Line 1.

    Attributes:
        day: central's own date when it was made, `YYYY-MM-DD`.
        utc: milliseconds since 1970-01-01 UTC.
        count: lines of the list; root: their Merkle root (`merkle.py`), hexadecimal.
        previous: SHA-256 of the previous head's line 1, hexadecimal; "" for the first.
        key: fingerprint of central's signing key.
    """

    day: str
    utc: int
    count: int
    root: str
    previous: str
    key: str


class Night(Struct, frozen=True):
    """A head of the night as it arrived, its list under its root. Not yet verified."""

    head: NightHead
    signed: Signed
    ends: Sequence[End]

    @property
    def digest(self) -> str:
        """Return what the next one names as `previous`."""
        return digest(self.signed.header)


def digest(line: bytes) -> str:
    """Return SHA-256 of a head's line 1, hexadecimal."""
    return sha256(line).hexdigest()


def encode(ends: Sequence[End], day: str, utc: int, previous: str, key: PrivateKey) -> bytes:
    """Return the signed message over `ends`, in whatever order they come."""
    lines = [one.line for one in sorted(ends)]
    head = NightHead(
        day=day,
        utc=utc,
        count=len(lines),
        root=merkle.root(lines).hex(),
        previous=previous,
        key=key.public.fingerprint,
    )
    return sign(Domain.NIGHT, head, key, b"".join(line + b"\n" for line in lines))


def decode(message: bytes) -> Night:
    """Return what is said. Raises Malformed; Inconsistent: the list is not what line 1 has."""
    signed = take_apart(Domain.NIGHT, message)
    head = signed.read(NightHead)
    lines = signed.rest.splitlines()
    if len(lines) != head.count or merkle.root(lines).hex() != head.root:
        raise Inconsistent(f"night {head.day}: its list is not the one that was signed")
    return Night(head, signed, [End.read(line) for line in lines])
