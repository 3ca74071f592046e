"""What rests encrypted: one record at a time, under a secret key of 32 bytes.

AES-256-GCM with a fresh 96-bit nonce before each ciphertext. What a record is about is bound to it
as associated data: put in another's place it does not open. Who encrypts far fewer than 2^32
records under one key need not count nonces. One of the doors to `cryptography`; it does not import
the others, so that whoever only keeps records needs no curves.
"""

import os
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sync.protocol.errors import Malformed, Unverified

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_LEAST_BYTES: Final = _NONCE_BYTES + 16  # nonce and tag around nothing


class RecordKey:
    """A key under which records rest. Its octets are a secret; its fingerprint is none.

    Attributes:
        fingerprint: SHA-256 over a label and the key, hexadecimal: it tells a wrong key from a
            damaged record, and of 256 random bits it gives nothing away.
    """

    def __init__(self, octets: bytes) -> None:
        """Raises Malformed if `octets` are not 32 bytes."""
        if len(octets) != KEY_BYTES:
            raise Malformed(f"a key of {KEY_BYTES} bytes is needed, not one of {len(octets)}")
        self.octets = octets
        self.fingerprint = sha256(b"presensi/record-key/v1\0" + octets).hexdigest()
        self._cipher = AESGCM(octets)

    @classmethod
    def generate(cls) -> "RecordKey":
        """Return a new key, from the kernel's randomness."""
        return cls(os.urandom(KEY_BYTES))

    def __repr__(self) -> str:
        return f"RecordKey({self.fingerprint[:16]})"

    def seal(self, about: bytes, plain: bytes) -> bytes:
        """Return `plain` encrypted, bound to what it is `about`."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, about)

    def open(self, about: bytes, sealed: bytes) -> bytes:
        """Return what was sealed. Raises Unverified if it was changed, or is about another thing.

        The text of the error has nothing of the record in it.
        """
        if len(sealed) < _LEAST_BYTES:
            raise Unverified("it is cut short")
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about)
        except InvalidTag:
            raise Unverified("it was changed, or is not what it says that it is") from None


def bound(*words: str) -> bytes:
    """Return words as associated data: no two different lists of words give the same bytes."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in _encoded(words))


def _encoded(words: Sequence[str]) -> list[bytes]:
    return [word.encode() for word in words]
