"""Enrolment: how a new kiosk becomes one that central knows. Pure.

The device makes its key and signs a request for a certificate with it; the key never leaves. Three
roads lead to the same answer:

    claim code   claim request -> answer, both authenticated by the code (claim.py)
    stick        the same two, as files
    approval     ask -> asked, reveal -> answer; a person compares six digits on both screens

The six digits are drawn from both keys and from two nonces. The kiosk commits itself to its nonce
before it hears central's, so whoever stands between them would have to guess one number of a
million, once for each ask, of which central takes few an hour; without that he would try keys
until the digits fit.

The answer is signed by central's key, which is in it. It is believed because of the claim's code of
authentication, or of the digits; only then because of the signature.
"""

import secrets
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from sync.protocol.certificate import Certificate, Request
from sync.protocol.claim import ClaimKey
from sync.protocol.errors import Inconsistent, Malformed, Unverified
from sync.protocol.identity import Domain, KeyRing, PrivateKey, PublicKey
from sync.protocol.signed import MAX_SIGNED_BYTES, sign, take_apart
from sync.protocol.topics import KIOSK_PATTERN

CLAIM_PATH: Final = "/enrol/v1/claim"
ASK_PATH: Final = "/enrol/v1/ask"
RENEWAL_PATH: Final = "/enrol/v1/renewal"

MAX_REQUEST_BYTES: Final = 16 << 10
"""Longest message of a kiosk's, bytes."""

MAX_ANSWER_BYTES: Final = 256 << 10
"""Longest answer, bytes: lists of the revoked grow with the years."""

_NONCE_BYTES: Final = 16
_MAC_DIGITS: Final = 64
_COMMITTED: Final = b"presensi-pair-v1\0"
_NUMBERED: Final = b"presensi-pair-number-v1\0"

_Hex32 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
_Hex16 = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
_Short = Annotated[str, Meta(max_length=128)]

T = TypeVar("T", bound=Struct)


class ClaimRequest(Struct, frozen=True, kw_only=True):
    """What a device with a claim code asks.

    Attributes:
        claim: the code's id.
        request: its request for a certificate, PEM.
        software: a name and version, for people.
    """

    claim: str
    request: str
    software: _Short = ""


class Ask(Struct, frozen=True, kw_only=True):
    """What a device without one asks. `commitment` is SHA-256 of its nonce, see `commitment`."""

    request: str
    commitment: _Hex32
    software: _Short = ""


class Asked(Struct, frozen=True, kw_only=True):
    """Central's word on it: under which ticket it is kept, central's public key PEM, a nonce."""

    ticket: str
    central: str
    nonce: _Hex16


class Reveal(Struct, frozen=True, kw_only=True):
    """The device's nonce. It is said again until there is an answer."""

    nonce: _Hex16


class Standing(StrEnum):
    """How an ask stands, where there is no answer yet."""

    WAITING = "waiting"  # for a person to type the six digits at central
    REFUSED = "refused"
    GONE = "gone"  # too old, or never there: ask anew


class NotYet(Struct, frozen=True, kw_only=True):
    """What is said in the place of an answer."""

    standing: Standing


class Broker(Struct, frozen=True, kw_only=True):
    """Where the line goes."""

    host: str
    port: Annotated[int, Meta(ge=1, le=65535)]


class Enrolled(Struct, frozen=True, kw_only=True):
    """What a device is told once it is a kiosk's.

    Attributes:
        kiosk: its id.
        unit: the unit that it serves, "" where the roster does not say yet.
        certificate, ca, crl: PEM, as files of those names.
        central: central's public keys, PEM: one, or two while it is replaced.
        utc: central's clock, milliseconds since 1970 UTC: worth a look, not believed.
    """

    kiosk: Annotated[str, Meta(pattern=KIOSK_PATTERN)]
    certificate: str
    ca: str
    crl: str
    central: str
    broker: Broker
    unit: str = ""
    utc: int = 0


class EnrolmentLine(Struct, frozen=True, kw_only=True):
    """Line 1 of an answer: for whose key it is; `digest` is SHA-256 of the rest, an `Enrolled`."""

    kiosk: str
    device: str
    digest: str
    key: str


# The claim's road.


def encode_claim(asked: ClaimRequest, key: ClaimKey) -> bytes:
    """Return the message: a line of JSON, and its code of authentication."""
    line = msgspec.json.encode(asked)
    return line + b"\n" + key.of_request(line).encode()


def decode_claim(message: bytes) -> tuple[ClaimRequest, bytes, str]:
    """Return what is asked, line 1 and its code, for `ClaimKey.verify_request`.

    Raises Malformed.
    """
    line, _, mac = message.rstrip().rpartition(b"\n")
    if len(message) > MAX_REQUEST_BYTES or len(mac) != _MAC_DIGITS:
        raise Malformed("claim: not a line of JSON and a code of authentication")
    return decode(line, ClaimRequest), line, mac.decode("ascii", "replace")


def seal_answer(answer: bytes, key: ClaimKey, asked: str) -> bytes:
    """Return `answer` with its code of authentication, for the request that had `asked`."""
    return answer + b"\n" + key.of_answer(asked, answer).encode()


def open_answer(message: bytes, key: ClaimKey, asked: str) -> bytes:
    """Return the answer in `message`. Raises Malformed, Unverified."""
    answer, newline, mac = message.rstrip().rpartition(b"\n")
    if not newline or len(message) > MAX_ANSWER_BYTES or len(mac) != _MAC_DIGITS:
        raise Malformed("claim: the answer has no code of authentication")
    key.verify_answer(asked, answer, mac.decode("ascii", "replace"))
    return answer


# The road of approval.


def draw_nonce() -> str:
    """Return a new nonce, hexadecimal."""
    return secrets.token_hex(_NONCE_BYTES)


def commitment(nonce: str, request: Request) -> str:
    """Return what a device says of its nonce before it hears central's."""
    return sha256(_COMMITTED + bytes.fromhex(nonce) + request.der).hexdigest()


def six_digits(request: Request, central: PublicKey, device_nonce: str, central_nonce: str) -> str:
    """Return the number on both screens."""
    nonces = bytes.fromhex(device_nonce) + bytes.fromhex(central_nonce)
    # All but the last have one length each: no other four give these bytes.
    drawn = sha256(_NUMBERED + nonces + central.der + request.der).digest()
    return f"{int.from_bytes(drawn[:8], 'big') % 1_000_000:06}"


# The answer, on every road.


def encode_answer(enrolled: Enrolled, device: PublicKey, key: PrivateKey) -> bytes:
    """Return the answer to a device's request, signed by central's `key`."""
    rest = msgspec.json.encode(enrolled)
    line = EnrolmentLine(
        kiosk=enrolled.kiosk,
        device=device.fingerprint,
        digest=sha256(rest).hexdigest(),
        key=key.public.fingerprint,
    )
    return sign(Domain.ENROLMENT, line, key, rest)


def decode_answer(message: bytes, device: PublicKey) -> Enrolled:
    """Return the answer for `device`, which holds together; whose it is, its road says.

    Raises:
        Malformed: it is no answer.
        Inconsistent: it contradicts itself, or is for another device.
        Unverified: the key in it did not sign it.
    """
    if len(message) > MAX_ANSWER_BYTES + MAX_SIGNED_BYTES:
        raise Malformed("enrolment: the answer is too long")
    signed = take_apart(Domain.ENROLMENT, message)
    line = signed.read(EnrolmentLine)
    if sha256(signed.rest).hexdigest() != line.digest:
        raise Inconsistent("enrolment: what follows line 1 is not what it speaks for")
    enrolled = decode(signed.rest, Enrolled)
    if enrolled.kiosk != line.kiosk:
        raise Inconsistent("enrolment: line 1 and what follows name different kiosks")
    signed.verify(KeyRing(PublicKey.all_from_pem(enrolled.central.encode())).named(line.key))
    if line.device != device.fingerprint:
        raise Inconsistent(
            f"enrolment: it is for key {line.device[:16]}, this device's is "
            f"{device.fingerprint[:16]}"
        )
    check_certificate(enrolled.certificate, enrolled.ca, enrolled.kiosk, device)
    return enrolled


def check_certificate(pem: str, authorities: str, kiosk: str, device: PublicKey) -> Certificate:
    """Return the certificate in `pem`: `kiosk`'s, for `device`, by one of `authorities`.

    Raises Malformed, Inconsistent, Unverified. Its dates are not looked at.
    """
    found = Certificate.from_pem(pem.encode())
    if found.key.fingerprint != device.fingerprint:
        raise Inconsistent(f"the certificate is for key {found.key.fingerprint[:16]}, not for ours")
    if found.name != kiosk:
        raise Inconsistent(f"the certificate is for {found.name!r}, not for {kiosk!r}")
    if not any(found.is_from(one) for one in Certificate.all_from_pem(authorities.encode())):
        raise Unverified("the certificate is by none of the authorities that came with it")
    return found


def encode(message: Struct) -> bytes:
    """Return a message that is neither signed nor sealed: `Ask`, `Asked`, `Reveal`, `NotYet`."""
    return msgspec.json.encode(message)


def decode(message: bytes, form: type[T]) -> T:
    """Return `message` as a `form`. Raises Malformed."""
    try:
        return msgspec.json.decode(message, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"{form.__name__}: {error}") from error
