"""Signed files that a kiosk gives away and another takes in: backups, fingers. How each is read.

Line 1 is a heading with the SHA-256 of the rest, line 2 its signature by the device (signed.py).
The rest is JSON that holds the device's public key: so it can be seen that the file is whole, and
who made it. Whether that device is to be believed is for a person to know.
"""

from hashlib import sha256
from typing import TypeVar

import msgspec
from msgspec import Struct

from sync.protocol.errors import Unverified
from sync.protocol.identity import Domain, PublicKey
from sync.protocol.signed import take_apart


class Heading(Struct, frozen=True, kw_only=True):
    """What every heading says.

    Attributes:
        digest: SHA-256 of the rest, hexadecimal.
        key: fingerprint of the device key that signed.
    """

    digest: str
    key: str


class Rest(Struct, frozen=True, kw_only=True):
    """What every rest holds: the public key that signed, DER."""

    device: bytes


H = TypeVar("H", bound=Heading)
R = TypeVar("R", bound=Rest)


def read(domain: Domain, file: bytes, heading: type[H], rest: type[R]) -> tuple[H, R]:
    """Return what is in a file: whole, and signed by the device that it names.

    Raises ProtocolError, msgspec.DecodeError.
    """
    signed = take_apart(domain, file)
    head = signed.read(heading)
    if sha256(signed.rest).hexdigest() != head.digest:
        raise Unverified("its content is not what was signed")
    content = msgspec.json.decode(signed.rest, type=rest)
    device = PublicKey.from_der(content.device)
    if device.fingerprint != head.key:
        raise Unverified(f"it holds another key than {head.key[:16]}, which it names")
    signed.verify(device)
    return head, content
