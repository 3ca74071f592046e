"""Keys: who may sign what. A door to `cryptography`, for all that signs.

One P-256 key per device and one for central, made where they live. A key names itself by its
fingerprint: SHA-256 of its DER SubjectPublicKeyInfo, in hexadecimal. Signatures are ECDSA with
SHA-256, DER encoded, over `domain NUL message`, so that nothing signed for one purpose can be
shown for another. What is sealed to a key only its owner reads. docs/KEYS.md says where each key
lives and how it is replaced.
"""

from collections.abc import Iterable
from enum import Enum
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from sync.protocol.errors import Malformed, Unverified

_ECDSA = ec.ECDSA(hashes.SHA256())
_END_OF_KEY = b"-----END PUBLIC KEY-----"
_HPKE = Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_256_GCM)

SCALAR_BYTES = 32
"""Length of a P-256 key's secret scalar."""


class Domain(Enum):
    """What a signature is for; its value is the first thing that is signed."""

    HELLO = b"presensi-hello-v1"
    BATCH = b"presensi-batch-v1"
    RECEIPT = b"presensi-receipt-v1"
    COMMAND = b"presensi-command-v1"
    HEAD = b"presensi-head-v1"
    STICK = b"presensi-stick-v1"
    ANSWER = b"presensi-answer-v1"
    NIGHT = b"presensi-night-v1"
    ROSTER = b"presensi-roster-v1"
    CLOSING = b"presensi-closing-v1"
    VAULT = b"presensi-vault-v1"
    DESTRUCTION = b"presensi-destruction-v1"
    FINGERS = b"presensi-fingers-v1"
    CODE = b"presensi-code-v1"
    ACCEPTANCE = b"presensi-acceptance-v1"
    ENROLMENT = b"presensi-enrolment-v1"
    RENEWAL = b"presensi-renewal-v1"
    CERTIFICATE = b"presensi-certificate-v1"
    BACKUP = b"presensi-backup-v1"
    RELEASE = b"presensi-release-v1"

    def around(self, message: bytes) -> bytes:
        """Return the bytes that are signed for `message`."""
        return self.value + b"\0" + message


class PublicKey:
    """Somebody's public key: it verifies, and it has a name."""

    def __init__(self, key: ec.EllipticCurvePublicKey) -> None:
        self._key = key
        self.der = key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.fingerprint = sha256(self.der).hexdigest()

    @classmethod
    def from_der(cls, der: bytes) -> "PublicKey":
        """Raises Malformed if `der` is not a P-256 public key."""
        try:
            key = serialization.load_der_public_key(der)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise Malformed(f"not a DER public key: {error}") from error
        return cls(_p256(key))

    @classmethod
    def from_pem(cls, pem: bytes) -> "PublicKey":
        """Raises Malformed if `pem` is not a P-256 public key."""
        try:
            key = serialization.load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise Malformed(f"not a PEM public key: {error}") from error
        return cls(_p256(key))

    @classmethod
    def all_from_pem(cls, pem: bytes) -> "list[PublicKey]":
        """Return the keys in `pem`, at least one. Raises Malformed if one is no P-256 key."""
        blocks = [block for block in pem.split(_END_OF_KEY) if block.strip()]
        return [cls.from_pem(block + _END_OF_KEY + b"\n") for block in blocks or [b""]]

    @property
    def pem(self) -> bytes:
        """Return the key as a PEM file's content."""
        return self._key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def seal(self, info: bytes, plain: bytes) -> bytes:
        """Return `plain` as only the private key's owner reads it (HPKE, RFC 9180, base mode)."""
        return _HPKE.encrypt(plain, self._key, info)

    def verify(self, domain: Domain, message: bytes, signature: bytes) -> None:
        """Raises Unverified if `signature` is not this key's for `message` in `domain`."""
        try:
            self._key.verify(signature, domain.around(message), _ECDSA)
        except InvalidSignature as error:
            raise Unverified(
                f"{domain.name.lower()}: the signature is not by key {self.fingerprint[:16]}"
            ) from error


class KeyRing:
    """Public keys of one who has had several: what was signed by any of them is still theirs."""

    def __init__(self, keys: Iterable[PublicKey]) -> None:
        self._keys = {key.fingerprint: key for key in keys}

    def named(self, fingerprint: str) -> PublicKey:
        """Return the key of that name. Raises Unverified: it is not on the ring."""
        key = self._keys.get(fingerprint)
        if key is None:
            raise Unverified(f"key {fingerprint[:16]!r} is none that may sign this")
        return key

    def has_der(self, der: bytes) -> bool:
        """Return whether one of them has that SubjectPublicKeyInfo."""
        return any(key.der == der for key in self._keys.values())


class PrivateKey:
    """A key that signs; it never leaves the place where it was made."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key())

    @classmethod
    def generate(cls) -> "PrivateKey":
        """Return a new P-256 key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: bytes) -> "PrivateKey":
        """Raises Malformed if `pem` is not an unencrypted P-256 private key."""
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise Malformed(f"not a PEM private key: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise Malformed("the key is not an elliptic-curve key; a P-256 key is needed")
        _p256(key.public_key())
        return cls(key)

    @classmethod
    def from_scalar(cls, scalar: bytes) -> "PrivateKey":
        """Return the key of a secret scalar. Raises Malformed if it is none of P-256's."""
        try:
            return cls(ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1()))
        except ValueError as error:
            raise Malformed("the bytes are no P-256 private key") from error

    @property
    def scalar(self) -> bytes:
        """Return the secret scalar, 32 bytes, big-endian: a secret."""
        return self._key.private_numbers().private_value.to_bytes(SCALAR_BYTES, "big")

    @property
    def pem(self) -> bytes:
        """Return the key as a PEM file's content: a secret."""
        return self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def sign(self, domain: Domain, message: bytes) -> bytes:
        """Return the DER signature of `message` in `domain`."""
        return self._key.sign(domain.around(message), _ECDSA)

    def open(self, info: bytes, sealed: bytes) -> bytes:
        """Return what was sealed to this key under `info`. Raises Malformed if nothing was."""
        try:
            return _HPKE.decrypt(sealed, self._key, info)
        except InvalidTag as error:
            raise Malformed(
                f"it is not sealed to key {self.public.fingerprint[:16]}, or damaged"
            ) from error


def _p256(key: object) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise Malformed("the key is not a P-256 key")
    return key
