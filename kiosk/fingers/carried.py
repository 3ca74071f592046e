"""Templates on their way to another module of the same model: one signed file.

    line 1   {kiosk, made, model, unit, fingers, digest, key}; line 2 its signature (signed.py)
    rest     {device, sealed} as JSON, `digest` its SHA-256

What is sealed only the two officers together read (`kiosk/faces/unitkey.py`). Who signed it is for
a person to know: whoever could sign such a file could make their own finger anybody's.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct

from drivers.store import Secret
from kiosk import parcels
from sync.protocol.errors import Malformed, ProtocolError
from sync.protocol.identity import Domain, PrivateKey, PublicKey
from sync.protocol.signed import sign

_INFO: Final = b"presensi-fingers-v1"


class CarriedError(Exception):
    """The file cannot be used; the text says why and what to do."""


class Carried(Struct, frozen=True, kw_only=True):
    """A finger of somebody's; `ground` as it was recorded when it was enrolled."""

    person: str
    template: Secret
    ground: Mapping[str, str]


class Content(Struct, frozen=True, kw_only=True):
    """What is sealed; of one model and of no other."""

    model: str
    fingers: list[Carried]


class Heading(parcels.Heading, frozen=True, kw_only=True):
    """What is signed.

    Attributes:
        made: milliseconds UTC by the kiosk's clock, for people.
        unit: fingerprint of the unit key that it is sealed to.
        fingers: how many.
    """

    kiosk: str
    made: int
    model: str
    unit: str
    fingers: int


class _Rest(parcels.Rest, frozen=True, kw_only=True):
    sealed: bytes


class Parcel(Struct, frozen=True):
    """A file whose digest and signature hold; by `heading.key`, which is for a person to know."""

    heading: Heading
    sealed: bytes


def pack(content: Content, kiosk: str, device: PrivateKey, unit: PublicKey, now: int) -> bytes:
    """Return the file."""
    sealed = unit.seal(_INFO, msgspec.msgpack.encode(content))
    rest = msgspec.json.encode(_Rest(device=device.public.der, sealed=sealed))
    heading = Heading(
        kiosk=kiosk,
        made=now,
        model=content.model,
        unit=unit.fingerprint,
        fingers=len(content.fingers),
        digest=sha256(rest).hexdigest(),
        key=device.public.fingerprint,
    )
    return sign(Domain.FINGERS, heading, device, rest)


def read(file: bytes) -> Parcel:
    """Return what is in a file: whole, and signed by the device that it names.

    Raises CarriedError.
    """
    try:
        heading, rest = parcels.read(Domain.FINGERS, file, Heading, _Rest)
    except (ProtocolError, msgspec.DecodeError) as error:
        raise CarriedError(f"no fingers in it, or it is damaged: {error}; copy it again") from error
    return Parcel(heading, rest.sealed)


def unpack(parcel: Parcel, unit: PrivateKey) -> Content:
    """Return what is sealed. Raises CarriedError."""
    if unit.public.fingerprint != parcel.heading.unit:
        raise CarriedError(
            f"it is sealed to unit key {parcel.heading.unit[:16]}, and these are shares of "
            f"{unit.public.fingerprint[:16]}: bring the shares of that one"
        )
    try:
        return msgspec.msgpack.decode(unit.open(_INFO, parcel.sealed), type=Content)
    except (Malformed, msgspec.DecodeError):  # whose text might quote what was sealed
        raise CarriedError("what is sealed in it is damaged; copy it again") from None
