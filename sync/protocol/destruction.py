"""Certificate of destruction: a kiosk says, signed, that it has forgotten somebody.

Two lines of text, like any signed message. It is given to whoever asked to be forgotten; an audit
entry with its SHA-256 tells central of it.
"""

from msgspec import Struct

from sync.protocol.identity import Domain, PrivateKey
from sync.protocol.signed import Signed, sign, take_apart

PROMISED = (
    "what this kiosk knew of the person's face is destroyed, and no backup of it brings it back "
    "here: a lasting tombstone is replayed first",
)
"""What is certified."""

NOT_PROMISED = (
    "flash memory may keep remnants of overwritten blocks: they are ciphertext",
    "copies of backups elsewhere still hold ciphertext that only both officers' shares open; "
    "restored at any kiosk that knows the tombstone, they bring nobody back",
    "journal entries of punches and of this erasure stay as long as the law asks: they hold no "
    "template and no picture",
    "while central's roster names the person, terminals are told the name again; not the fingers",
)
"""What is not, said on every certificate."""


class Destroyed(Struct, frozen=True):
    """A record that is no more. `sha256` is of its ciphertext."""

    id: str
    kind: str
    model: str
    sha256: str


class Destruction(Struct, frozen=True, kw_only=True):
    """What a kiosk certifies.

    Attributes:
        id, edition: of the erasure; a later edition holds in place of the earlier ones.
        person: whose data it was.
        generation: no enrolment of theirs up to this one will ever count here again.
        reason, by: why it was done, and by whom.
        utc: when the vault forgot them, milliseconds by the kiosk's clock.
        synced: whether that clock was synchronised.
        records: what the vault had.
        washed: whether the vault's file was written anew without it.
        terminals: by source, what was done at its terminal.
        open: sources whose terminals may still know the person, and why; it is tried again.
        key: fingerprint of the signing device key.
    """

    kiosk: str
    id: str
    edition: int
    person: str
    generation: int
    reason: str
    by: str
    utc: int
    synced: bool
    records: tuple[Destroyed, ...]
    washed: bool
    terminals: dict[str, str]
    open: dict[str, str]
    key: str
    promised: tuple[str, ...] = PROMISED
    not_promised: tuple[str, ...] = NOT_PROMISED


def encode(one: Destruction, key: PrivateKey) -> bytes:
    """Return the signed certificate."""
    return sign(Domain.DESTRUCTION, one, key)


def decode(message: bytes) -> tuple[Destruction, Signed]:
    """Return what is certified and the means to verify it. Raises Malformed."""
    signed = take_apart(Domain.DESTRUCTION, message)
    return signed.read(Destruction), signed
