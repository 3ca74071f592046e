"""The unit key: two officers hold half of it each, and neither alone can read anything.

A P-256 pair is made, its secret scalar is split by XOR with random bytes, and only the shares and
the public half are ever written. What is sealed to it (the vault's key) is opened again on a new Pi
when both officers bring their shares.
"""

import secrets
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from kiosk.faces.vaultfile import VaultError
from sync.protocol.errors import Malformed
from sync.protocol.identity import SCALAR_BYTES, PrivateKey, PublicKey
from sync.protocol.sealed import RecordKey

T = TypeVar("T", bound=Struct)

SEALED_FILE: Final = "vault.sealed"

_INFO: Final = b"presensi-vault-key-v1\0"


class Share(Struct, frozen=True, kw_only=True):
    """One officer's half, as it stands in their file. `octets` are a secret.

    Attributes:
        unit: fingerprint of the unit's public key.
        share: which of the two: "A" or "B".
        fingerprint: SHA-256 of `octets`, hexadecimal: to see that a copy is whole.
        by: who made the unit key.
    """

    unit: str
    share: str
    octets: bytes
    fingerprint: str
    by: str

    def __repr__(self) -> str:
        return f"Share({self.share} of {self.unit[:16]})"


class Sealed(Struct, frozen=True, kw_only=True):
    """The vault's key, readable by whoever has the unit key only.

    Attributes:
        unit: fingerprint of the unit's public key.
        key: fingerprint of the vault's key.
        octets: the sealed key.
    """

    unit: str
    key: str
    octets: bytes


def make(by: str) -> tuple[PublicKey, tuple[Share, Share]]:
    """Return a new unit key's public half and its two shares. The private key is nowhere."""
    private = PrivateKey.generate()
    first = secrets.token_bytes(SCALAR_BYTES)
    return private.public, (
        _share(private, "A", first, by),
        _share(private, "B", _xor(first, private.scalar), by),
    )


def together(shares: Sequence[Share]) -> PrivateKey:
    """Return the unit key of two shares. Raises VaultError: what is wrong, and with which."""
    for one in shares:
        if sha256(one.octets).hexdigest() != one.fingerprint or len(one.octets) != SCALAR_BYTES:
            raise VaultError(
                f"share {one.share} of unit key {one.unit[:16]} is damaged: its bytes are not of "
                f"fingerprint {one.fingerprint[:16]}. Bring the officer's other copy"
            )
    if len(shares) != 2 or shares[0].unit != shares[1].unit or shares[0].share == shares[1].share:
        said = ", ".join(f"{one.share} of {one.unit[:16]}" for one in shares)
        raise VaultError(f"two different shares of one unit key are needed, not {said or 'none'}")
    try:
        key = PrivateKey.from_scalar(_xor(shares[0].octets, shares[1].octets))
    except Malformed as error:
        raise VaultError(f"the shares do not make a key: {error}") from error
    if key.public.fingerprint != shares[0].unit:
        raise VaultError(
            f"the shares make key {key.public.fingerprint[:16]}, not {shares[0].unit[:16]}: one of "
            "them was changed. Bring the officers' other copies"
        )
    return key


def seal(unit: PublicKey, key: RecordKey) -> Sealed:
    """Return the vault's key as only the two officers together read it."""
    return Sealed(
        unit=unit.fingerprint,
        key=key.fingerprint,
        octets=unit.seal(_INFO + key.fingerprint.encode(), key.octets),
    )


def unseal(sealed: Sealed, unit: PrivateKey) -> RecordKey:
    """Return the vault's key. Raises VaultError."""
    if sealed.unit != unit.public.fingerprint:
        raise VaultError(
            f"the vault's key is sealed to unit key {sealed.unit[:16]}, and these are shares of "
            f"{unit.public.fingerprint[:16]}: bring the shares of that one"
        )
    try:
        key = RecordKey(unit.open(_INFO + sealed.key.encode(), sealed.octets))
    except Malformed as error:
        raise VaultError(f"the sealed key is damaged: {error}; take another backup") from error
    if key.fingerprint != sealed.key:
        raise VaultError("the sealed key is another one than it says; take another backup")
    return key


def read_share(path: Path) -> Share:
    """Return the share in an officer's file. Raises VaultError."""
    return _read(path, Share, "a share of a unit key")


def read_sealed(path: Path) -> Sealed | None:
    """Return the sealed key in a file; None where there is none. Raises VaultError."""
    return _read(path, Sealed, "a sealed key") if path.exists() else None


def _read(path: Path, form: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=form)
    except OSError as error:
        raise VaultError(f"{path}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise VaultError(f"{path}: not {what}: {error}") from error


def _share(private: PrivateKey, name: str, octets: bytes, by: str) -> Share:
    return Share(
        unit=private.public.fingerprint,
        share=name,
        octets=octets,
        fingerprint=sha256(octets).hexdigest(),
        by=by,
    )


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
