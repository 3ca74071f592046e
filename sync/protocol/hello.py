"""Hello: the one point at which both ends agree where they stand."""

from msgspec import Struct

from sync.protocol.entry import Stamp
from sync.protocol.identity import Domain, PrivateKey
from sync.protocol.signed import Signed, sign, take_apart


class Hello(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a kiosk holds of one epoch, said before it sends any of it.

    Attributes:
        kiosk: the kiosk's id: its certificate's CN and its part of the topics.
        epoch: which journal it speaks of.
        number: the how-many-th epoch of this kiosk's data directory, from 1.
        first: the lowest seq it still holds; `last + 1` when it holds none.
        anchor: hash of entry `first - 1` (the genesis for first = 1), hexadecimal.
        last: the highest seq, 0 for none; head: its hash (or the anchor), hexadecimal.
        nonce: fresh for every hello; the answer and the batches sent under it repeat it.
        key: fingerprint of the signing key.
        born: fingerprint of the key in the epoch's genesis, where that is another one.
        roster: version of the adopted roster, 0 for none.
        command: number of the last command carried out, 0 for none.
        software: name and version, for people.
        clock: the kiosk's clock now.
    """

    kiosk: str
    epoch: str
    number: int
    first: int
    anchor: str
    last: int
    head: str
    nonce: str
    key: str
    software: str
    clock: Stamp
    born: str = ""
    roster: int = 0
    command: int = 0


def encode(hello: Hello, key: PrivateKey) -> bytes:
    """Return the signed message."""
    return sign(Domain.HELLO, hello, key)


def decode(message: bytes) -> tuple[Hello, Signed]:
    """Return what is said and the means to verify it. Raises Malformed."""
    signed = take_apart(Domain.HELLO, message)
    return signed.read(Hello), signed
